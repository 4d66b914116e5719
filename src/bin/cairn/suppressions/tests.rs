//! Suppressions as a whole: a file's text on one side, a stack on the other.

use super::*;
use crate::symbols::{Frame, Place};
use std::path::PathBuf;

fn frame(symbol: &str, file: &str, line: u32) -> Frame {
    Frame {
        symbol: Some(symbol.to_string()),
        file: Some(PathBuf::from(file)),
        line: Some(line),
        module: Some(Place { path: "/usr/lib/libfoo.so.1".to_string(), ..Place::default() }),
        ..Frame::default()
    }
}

/// malloc, called by inner (foo.c:3), called by _ZN3foo5outerEv (foo.c:9), called by main.
fn stack() -> Stack {
    Stack {
        function: Some("malloc".to_string()),
        frames: vec![
            frame("inner", "/src/foo.c", 3),
            frame("_ZN3foo5outerEv", "/src/foo.c", 9),
            frame("main", "/src/main.c", 1),
        ],
    }
}

fn suppresses(text: &str, subject: &Subject) -> bool {
    let mut suppressions = Suppressions::default();
    suppressions.add(text).unwrap();
    suppressions.suppress(subject, &stack())
}

fn entry_with(kind: &str, lines: &str) -> String {
    format!("{{\n  name\n  {kind}\n  {}\n}}\n", lines.replace(' ', "\n  "))
}

const LEAK: Subject = Subject::Leak(LossKind::Definite);

#[test]
fn frames_are_compared_from_the_innermost_on() {
    for lines in [
        "fun:malloc",
        "fun:malloc fun:inner",
        "fun:*alloc fun:inn?r fun:_ZN3foo* fun:main",
        "fun:malloc ... fun:main",
        "... fun:foo::outer*",
        "fun:malloc obj:/usr/lib/libfoo*",
        "fun:malloc src:foo.c:3 src:foo.c",
        "fun:malloc src:/src/foo.c:3",
        "obj:* fun:*",
    ] {
        assert!(suppresses(&entry_with("Memcheck:Leak", lines), &LEAK), "{lines}");
    }
    for lines in [
        "fun:inner",
        "fun:malloc fun:main",
        "fun:malloc src:foo.c:4",
        "fun:malloc obj:/usr/lib/libbar*",
        "fun:malloc fun:inner fun:_ZN3foo* fun:main fun:below",
    ] {
        assert!(!suppresses(&entry_with("Memcheck:Leak", lines), &LEAK), "{lines}");
    }
}

#[test]
fn the_kind_has_to_fit() {
    let parameter = Subject::Parameter("write(buf)".to_string());
    for (kind, subject) in [
        ("Memcheck:Leak", &LEAK),
        ("Helgrind,Memcheck:Leak", &LEAK),
        ("Memcheck:Free", &Subject::Free),
        ("Memcheck:Addr4", &Subject::Address(Some(4))),
        ("Memcheck:Addr4", &Subject::Address(None)),
        ("Memcheck:Value8", &Subject::Value),
        ("Memcheck:Cond", &Subject::Value),
        ("Memcheck:Param\nwrite(*)", &parameter),
        ("Memcheck:Leak\nmatch-leak-kinds: definite,possible", &LEAK),
        ("Memcheck:Leak\nmatch-leak-kinds:all", &LEAK),
    ] {
        assert!(suppresses(&entry_with(kind, "fun:malloc"), subject), "{kind}");
    }
    for (kind, subject) in [
        ("Memcheck:Free", &LEAK),
        ("Helgrind:Leak", &LEAK),
        ("Memcheck:Addr4", &Subject::Address(Some(8))),
        ("Memcheck:Overlap", &Subject::Free),
        ("Memcheck:Param\nread(*)", &parameter),
        ("Memcheck:Leak\nmatch-leak-kinds: reachable", &LEAK),
    ] {
        assert!(!suppresses(&entry_with(kind, "fun:malloc"), subject), "{kind}");
    }
}

#[test]
fn leak_lines_are_found_in_any_frame() {
    for pattern in ["inner", "outer", "libfoo", "foo.c", "^main$", "^mal*c$", "foo::outer"] {
        assert!(suppresses(&format!("# comment\nleak:{pattern}\n"), &LEAK), "{pattern}");
        assert!(!suppresses(&format!("leak:{pattern}\n"), &Subject::Free), "{pattern}");
    }
    assert!(!suppresses("leak:^inn$\nrace:inner\n", &LEAK));
}

#[test]
fn what_is_generated_suppresses_the_same() {
    for subject in [
        LEAK,
        Subject::Free,
        Subject::Address(Some(8)),
        Subject::Value,
        Subject::Parameter("write(buf)".to_string()),
    ] {
        let text = entry(&subject, &stack());
        assert!(suppresses(&text, &subject), "{text}");
    }
}

#[test]
fn operators_have_their_mangled_names() {
    let mut suppressions = Suppressions::default();
    suppressions.add(&entry_with("Memcheck:Free", "fun:_ZdaPv")).unwrap();
    let stack = Stack { function: Some("operator delete[]".to_string()), frames: Vec::new() };
    assert!(suppressions.suppress(&Subject::Free, &stack));
    assert!(entry(&Subject::Free, &stack).contains("fun:_ZdaPv\n"));
    assert_eq!(suppressions.used().collect::<Vec<_>>(), [("name", 1)]);
}

#[test]
fn broken_files_are_told_with_the_line() {
    for (text, words) in [
        ("nonsense\n", "line 1"),
        ("{\n}\n", "line 1: an entry needs"),
        ("\n{\n a\n Memcheck:Nonsense\n fun:a\n}\n", "line 2: \"Nonsense\""),
        ("{\n a\n Memcheck:Leak\n}\n", "no line for a frame"),
        ("{\n a\n Memcheck:Leak\n xyz:a\n}\n", "none of fun:"),
        ("{\n a\n Leak\n fun:a\n}\n", "Tool:Kind"),
        ("{\n a\n Memcheck:Leak\n match-leak-kinds: no\n fun:a\n}\n", "none of definite"),
    ] {
        let why = Suppressions::default().add(text).unwrap_err();
        assert!(why.contains(words), "{text}: {why}");
    }
}
