//! Writes the entry that suppresses a given error, in valgrind's form.

use super::file::LOSS_NAMES;
use super::Subject;
use crate::report::finding::Stack;
use crate::symbols::{names, Frame};
use std::fmt::Write;

/// More frames aren't written: an entry with fewer lines than the stack fits too.
const LINES_MAX: usize = 24;

/// The lines of an entry that suppresses errors like this one.
pub fn entry(subject: &Subject, stack: &Stack) -> String {
    let mut text = String::from("{\n   <insert_a_suppression_name_here>\n");
    let mut line = |words: &str| {
        // Writing to a string doesn't fail.
        let _ = writeln!(text, "   {words}");
    };
    match subject {
        Subject::Leak(kind) => {
            line("Memcheck:Leak");
            let name = LOSS_NAMES.iter().find(|(_, known)| known == kind);
            line(&format!("match-leak-kinds: {}", name.map_or("all", |(name, _)| name)));
        }
        Subject::Free => line("Memcheck:Free"),
        Subject::Address(size) => line(&format!("Memcheck:Addr{}", size.unwrap_or(1))),
        Subject::Value => line("Memcheck:Value8"),
        Subject::Parameter(name) => {
            line("Memcheck:Param");
            line(name);
        }
    }
    let called =
        stack.function.iter().map(|function| format!("fun:{}", names::mangled(function)[0]));
    for words in called.chain(stack.frames.iter().map(frame_line)).take(LINES_MAX) {
        line(&words);
    }
    text.push_str("}\n");
    text
}

fn frame_line(frame: &Frame) -> String {
    match (&frame.symbol, &frame.module) {
        (Some(symbol), _) => format!("fun:{symbol}"),
        (None, Some(module)) => format!("obj:{}", module.path),
        (None, None) => "obj:*".to_string(),
    }
}
