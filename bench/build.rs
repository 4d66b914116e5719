//! Compiles the C programs: `workloads`, which is measured, and `launch`, which measures.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

fn main() {
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it"));
    println!("cargo:rerun-if-changed=workloads");
    println!("cargo:rerun-if-changed=launch.c");
    println!("cargo:rerun-if-env-changed=CC");
    let workloads = out.join("workloads");
    // The compiler knows what malloc and free mean, and would leave out a pair of them.
    compile(&["-fno-builtin", "-pthread"], &c_files(Path::new("workloads")), &workloads);
    let launch = out.join("launch");
    compile(&["-static"], &[PathBuf::from("launch.c")], &launch);
    println!("cargo:rustc-env=BENCH_WORKLOADS={}", workloads.display());
    println!("cargo:rustc-env=BENCH_LAUNCH={}", launch.display());
}

fn c_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder is beside build.rs");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("readable").path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "c"));
    files.sort();
    files
}

fn compile(flags: &[&str], sources: &[PathBuf], program: &Path) {
    let compiler = env::var("CC").unwrap_or_else(|_| "gcc".into());
    let status = Command::new(&compiler)
        .args(["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Wconversion", "-Werror"])
        .args(flags)
        .args(sources)
        .arg("-o")
        .arg(program)
        .status();
    let is_compiled = status.is_ok_and(|status| status.success());
    assert!(is_compiled, "{compiler} can't compile {}", program.display());
}
