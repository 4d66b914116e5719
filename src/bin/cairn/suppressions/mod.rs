//! Suppressions: errors that their reader doesn't want to see, by kind and stack.
//!
//! Two forms in the same files: valgrind's entries in braces, and LeakSanitizer's `leak:pattern`
//! lines. `file.rs` reads both, `pattern.rs` compares names with wildcards, `generate.rs` writes an
//! entry that suppresses a given error.

mod file;
mod generate;
mod pattern;

pub use file::loss_kinds;
pub use generate::entry;

use crate::record::LossKind;
use crate::report::finding::Stack;
use crate::symbols::names;
use std::collections::BTreeMap;

/// What an entry in braces applies to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Class {
    /// Of these kinds only, if any are given.
    Leak(Option<Vec<LossKind>>),
    Free,
    /// Of any size, if it is nothing.
    Address(Option<u64>),
    Value,
    /// With a pattern for the system call's parameter.
    Parameter(String),
    /// What this checker never reports.
    Other,
}

/// A pattern for one frame, or for any number of them.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Line {
    Function(String),
    Object(String),
    Source(String),
    Any,
}

/// One entry of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Rule {
    Entry {
        name: String,
        class: Class,
        lines: Vec<Line>,
    },
    /// A LeakSanitizer pattern: a leak with this in any of its frames.
    Leak(String),
}

/// What an error is, for the suppressions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    Leak(LossKind),
    Free,
    /// Nothing if the size isn't known.
    Address(Option<u64>),
    Value,
    Parameter(String),
}

/// A frame as the patterns see it.
struct Caller {
    /// The function's names, mangled and readable.
    names: Vec<String>,
    object: String,
    file: String,
    line: u32,
}

/// The rules of all files, with how often each was used.
#[derive(Default)]
pub struct Suppressions {
    rules: Vec<Rule>,
    used: BTreeMap<usize, u64>,
}

impl Suppressions {
    /// Adds the rules of a file's text.
    ///
    /// # Errors
    /// The line and the reason, if the text isn't in either form.
    pub fn add(&mut self, text: &str) -> Result<(), String> {
        self.rules.extend(file::rules(text)?);
        Ok(())
    }

    /// Whether there is a rule that suppresses this, if the stack is the right one.
    pub fn may_suppress(&self, subject: &Subject) -> bool {
        self.rules.iter().any(|rule| rule.is_about(subject))
    }

    /// Whether a rule suppresses this; it is counted then.
    pub fn suppress(&mut self, subject: &Subject, stack: &Stack) -> bool {
        if self.rules.is_empty() {
            return false;
        }
        let callers = callers(stack);
        let found = self.rules.iter().position(|rule| rule.matches(subject, &callers));
        if let Some(index) = found {
            *self.used.entry(index).or_default() += 1;
        }
        found.is_some()
    }

    /// The rules that were used, with how often.
    pub fn used(&self) -> impl Iterator<Item = (&str, u64)> {
        self.used.iter().map(|(index, count)| match &self.rules[*index] {
            Rule::Entry { name, .. } => (name.as_str(), *count),
            Rule::Leak(pattern) => (pattern.as_str(), *count),
        })
    }
}

/// The function that was called, and the frames that led to it.
fn callers(stack: &Stack) -> Vec<Caller> {
    let called = stack.function.iter().map(|function| Caller {
        names: names::mangled(function)
            .into_iter()
            .map(str::to_string)
            .chain([function.clone()])
            .collect(),
        object: "libcairn.so".to_string(),
        file: String::new(),
        line: 0,
    });
    let frames = stack.frames.iter().map(|frame| Caller {
        names: frame
            .symbol
            .iter()
            .flat_map(|symbol| [symbol.clone(), names::readable(symbol)])
            .collect(),
        object: frame.module.as_ref().map_or(String::new(), |place| place.path.clone()),
        file: frame.file.as_ref().map_or(String::new(), |f| f.to_string_lossy().into_owned()),
        line: frame.line.unwrap_or(0),
    });
    called.chain(frames).collect()
}

impl Rule {
    fn is_about(&self, subject: &Subject) -> bool {
        match self {
            Rule::Entry { class, .. } => class.takes(subject),
            Rule::Leak(_) => matches!(subject, Subject::Leak(_)),
        }
    }

    fn matches(&self, subject: &Subject, callers: &[Caller]) -> bool {
        self.is_about(subject)
            && match self {
                Rule::Entry { lines, .. } => pattern::prefix(lines, callers, Line::takes),
                Rule::Leak(wanted) => callers.iter().any(|caller| caller.has(wanted)),
            }
    }
}

impl Class {
    fn takes(&self, subject: &Subject) -> bool {
        match (self, subject) {
            (Class::Leak(kinds), Subject::Leak(kind)) => {
                kinds.as_ref().is_none_or(|kinds| kinds.contains(kind))
            }
            (Class::Free, Subject::Free) | (Class::Value, Subject::Value) => true,
            (Class::Address(wanted), Subject::Address(size)) => {
                wanted.is_none() || size.is_none() || wanted == size
            }
            (Class::Parameter(wanted), Subject::Parameter(name)) => pattern::glob(wanted, name),
            _ => false,
        }
    }
}

impl Line {
    /// Whether it is a pattern for this frame; nothing if it stands for any number of frames.
    fn takes(&self, caller: &Caller) -> Option<bool> {
        Some(match self {
            Line::Any => return None,
            Line::Function(wanted) => {
                wanted == "*" || caller.names.iter().any(|name| pattern::glob(wanted, name))
            }
            Line::Object(wanted) => pattern::glob(wanted, &caller.object),
            Line::Source(wanted) => caller.is_at(wanted),
        })
    }
}

impl Caller {
    /// Whether it stands in this source: `file.c` or `file.c:12`, with or without its folders.
    fn is_at(&self, wanted: &str) -> bool {
        let (file, line) = match wanted.rsplit_once(':').map(|(f, l)| (f, l.parse::<u32>())) {
            Some((file, Ok(line))) => (file, Some(line)),
            _ => (wanted, None),
        };
        let base = self.file.rsplit('/').next().unwrap_or("");
        line.is_none_or(|line| line == self.line)
            && (pattern::glob(file, base) || pattern::glob(file, &self.file))
    }

    fn has(&self, wanted: &str) -> bool {
        [&self.object, &self.file]
            .into_iter()
            .chain(&self.names)
            .any(|text| pattern::contains(wanted, text))
    }
}

#[cfg(test)]
mod tests;
