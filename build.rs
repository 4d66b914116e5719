//! Makes `include/cairn.h` from the library's own calls, and compiles a C file that includes it for
//! the test that the two languages agree on it.

use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let root = env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let sources = ["src/c/cairn.rs", "src/c/structures.rs"].map(|file| Path::new(&root).join(file));
    let header = Path::new(&root).join("include/cairn.h");
    sources.iter().for_each(|file| println!("cargo:rerun-if-changed={}", file.display()));
    println!("cargo:rerun-if-changed={}", header.display());
    println!("cargo:rerun-if-changed=build.rs");
    // Nothing that the library has handed out may vanish with it.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libcairn.so");
    write_header(&sources, &header);
    compile_layout(&root);
}

/// Writes the header if it isn't as it has to be. A tree that can't be written to, such as an
/// unpacked package, keeps what it has: CI fails where that is stale.
fn write_header(sources: &[PathBuf], header: &Path) {
    let mut config = cbindgen::Config {
        language: cbindgen::Language::C,
        include_guard: Some("CAIRN_H".into()),
        cpp_compat: true,
        documentation_style: cbindgen::DocumentationStyle::C99,
        usize_is_size_t: true,
        style: cbindgen::Style::Tag,
        no_includes: true,
        sys_includes: vec!["stdbool.h".into(), "stddef.h".into()],
        autogen_warning: Some("// Made by cbindgen from src/c/; do not edit.".into()),
        ..Default::default()
    };
    config.header =
        Some("// Cairn's own calls. The malloc family is declared in <stdlib.h>.".into());
    let builder = cbindgen::Builder::new().with_config(config);
    let bindings = sources
        .iter()
        .fold(builder, |builder, file| builder.with_src(file))
        .generate()
        .expect("the library's own calls can be made into a header");
    let mut text = Vec::new();
    bindings.write(&mut text);
    if fs::read(header).ok().as_deref() != Some(&text) {
        let _ = fs::create_dir_all(header.parent().expect("a file has a folder"));
        let _ = fs::write(header, text);
    }
}

/// Compiles `c_tests/layout.c` into a library that only the unit tests link.
fn compile_layout(root: &str) {
    println!("cargo:rerun-if-changed={root}/c_tests/layout.c");
    cc::Build::new()
        .file(Path::new(root).join("c_tests/layout.c"))
        .include(Path::new(root).join("include"))
        .cargo_metadata(false)
        .compile("cairn_layout");
    println!("cargo:rustc-link-search=native={}", env::var("OUT_DIR").expect("cargo sets it"));
}
