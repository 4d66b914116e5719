//! Tests of reading the language: by hand-made units, and by what the compiler writes.

use super::*;
use std::ffi::CString;
use std::process::Command;

/// A unit of DWARF 4 whose only entry has a name, a block, and this language.
fn unit(language: u8) -> Vec<u8> {
    let contents = [&[4, 0, 0, 0, 0, 0, 8, 1][..], b"a.c\0", &[2, 7, 7, language]].concat();
    [&(contents.len() as u32).to_le_bytes()[..], &contents].concat()
}

/// Its abbreviation behind another one: an implicit constant, then name as string, location as
/// block, language as one byte.
const ABBREVIATIONS: &[u8] = &[
    2, 0x24, 0, 0x3E, 0x21, 0x85, 1, 0, 0, // another
    1, 0x11, 1, 3, 8, 2, 0x0A, 0x13, 0x0B, 0, 0, 0,
];

#[test]
fn a_program_is_in_c_if_all_its_units_are() {
    let of = |languages: &[u8]| {
        let units: Vec<u8> = languages.iter().flat_map(|language| unit(*language)).collect();
        are_units_in_c(&units, ABBREVIATIONS)
    };
    assert_eq!(of(&[0x0C, 0x1D, 0x31]), Some(true));
    assert_eq!(of(&[0x0C, 0x04]), Some(false));
    assert_eq!(of(&[0x1C]), Some(false));
    assert_eq!(of(&[]), Some(false));
    let cut = unit(0x0C);
    (1..cut.len()).for_each(|end| assert_eq!(are_units_in_c(&cut[..end], ABBREVIATIONS), None));
    (0..ABBREVIATIONS.len() - 3)
        .for_each(|end| assert_eq!(are_units_in_c(&cut, &ABBREVIATIONS[..end]), None));
}

#[test]
fn compilers_tell_it() {
    let own = CString::new(std::env::current_exe().unwrap().to_str().unwrap()).unwrap();
    assert!(!is_in_c(&own) && !is_in_c(c"/nowhere") && !is_in_c(c"/dev/null"));
    let folder = std::env::temp_dir().join(format!("cairn-language-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (source, program) = (folder.join("a.c"), folder.join("a"));
    std::fs::write(&source, "int main(void) { return 0; }").unwrap();
    for (arguments, expected) in [
        (&["-g"][..], true),
        (&["-gdwarf-2"], true),
        (&["-gdwarf-4", "-O2"], true),
        (&["-g", "-gdwarf64"], true),
        (&[], false),
        (&["-g", "-x", "c++"], false),
        (&["-g", "-gz"], false),
    ] {
        let mut compiler = Command::new("gcc");
        let status = compiler.args(arguments).arg(&source).arg("-o").arg(&program).status();
        assert!(status.unwrap().success(), "{arguments:?}");
        let program = CString::new(program.to_str().unwrap()).unwrap();
        assert_eq!(is_in_c(&program), expected, "{arguments:?}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
