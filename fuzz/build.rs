//! Links the program with target/release/libcairn.so, which stands before the C library.

fn main() {
    let manifest = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let folder = format!("{manifest}/../target/release");
    println!("cargo:rustc-link-search=native={folder}");
    println!("cargo:rustc-link-arg=-Wl,--no-as-needed");
    println!("cargo:rustc-link-lib=dylib=cairn");
    println!("cargo:rustc-link-arg=-Wl,-rpath,{folder}");
}
