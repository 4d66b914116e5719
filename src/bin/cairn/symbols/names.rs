//! Names: mangled ones made readable, and the ones that only lead to `main`.

use cpp_demangle::{DemangleOptions, Symbol};

/// The functions of the C library from which `main` is called.
pub const BELOW_MAIN: [&str; 7] = [
    "__libc_start_call_main",
    "__libc_start_main",
    "__libc_start_main_impl",
    "__libc_start_main_alias_2",
    "__libc_start_main@@GLIBC_2.34",
    "generic_start_main",
    "_start",
];

/// Longer names aren't demangled: such a name helps nobody, and its readable form may be far
/// longer.
const NAME_BYTES_MAX: usize = 4096;

/// A symbol's readable name: of Rust or C++ if it is mangled so, else the symbol itself.
pub fn readable(symbol: &str) -> String {
    if symbol.len() > NAME_BYTES_MAX {
        return symbol.to_string();
    }
    if let Ok(name) = rustc_demangle::try_demangle(symbol) {
        return format!("{name:#}");
    }
    if !symbol.starts_with("_Z") {
        return symbol.to_string();
    }
    Symbol::new(symbol)
        .ok()
        .and_then(|name| name.demangle_with_options(&DemangleOptions::default()).ok())
        .unwrap_or_else(|| symbol.to_string())
}

/// The mangled forms of an operator as the record names it, the usual one first; for a function
/// of C, its own name.
pub fn mangled(function: &str) -> Vec<&str> {
    match function {
        "operator new" => vec![
            "_Znwm",
            "_ZnwmRKSt9nothrow_t",
            "_ZnwmSt11align_val_t",
            "_ZnwmSt11align_val_tRKSt9nothrow_t",
        ],
        "operator new[]" => vec![
            "_Znam",
            "_ZnamRKSt9nothrow_t",
            "_ZnamSt11align_val_t",
            "_ZnamSt11align_val_tRKSt9nothrow_t",
        ],
        "operator delete" => vec!["_ZdlPv", "_ZdlPvm", "_ZdlPvSt11align_val_t"],
        "operator delete[]" => vec!["_ZdaPv", "_ZdaPvm", "_ZdaPvSt11align_val_t"],
        _ => vec![function],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_readable() {
        assert_eq!(readable("main"), "main");
        assert_eq!(readable("_ZdaPv"), "operator delete[](void*)");
        assert_eq!(readable("_ZN3std6vector4pushEi"), "std::vector::push(int)");
        assert_eq!(readable("_ZN4core3fmt5write17h0123456789abcdefE"), "core::fmt::write");
        assert_eq!(readable("_RNvC6_123foo3bar"), "123foo::bar");
        assert_eq!(readable("_Znonsense"), "_Znonsense");
    }

    #[test]
    fn a_huge_name_stays_as_it_is() {
        let name = format!("_ZN{}E", "1a".repeat(NAME_BYTES_MAX));
        assert_eq!(readable(&name), name);
    }
}
