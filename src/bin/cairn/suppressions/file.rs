//! Reads suppression files.

use super::{Class, Line, Rule};
use crate::record::LossKind;

/// The names that valgrind's files give to kinds of leaks.
pub const LOSS_NAMES: [(&str, LossKind); 4] = [
    ("definite", LossKind::Definite),
    ("indirect", LossKind::Indirect),
    ("possible", LossKind::Possible),
    ("reachable", LossKind::Reachable),
];

/// The rules of a file.
pub fn rules(text: &str) -> Result<Vec<Rule>, String> {
    let mut lines = text
        .lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line.trim()))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let mut rules = Vec::new();
    while let Some((number, line)) = lines.next() {
        if line == "{" {
            let body: Vec<&str> =
                lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "}").collect();
            rules.extend(entry(&body).map_err(|why| format!("line {number}: {why}"))?);
        } else if let Some(pattern) = line.strip_prefix("leak:") {
            rules.push(Rule::Leak(pattern.to_string()));
        } else if !line.contains(':') || line == "}" {
            return Err(format!("line {number}: neither \"{{\" nor \"leak:pattern\""));
        }
        // Other sanitizers' lines (race:, thread:, ...) may stand in the same file.
    }
    Ok(rules)
}

/// The entry with these lines between its braces; nothing if it is another tool's.
fn entry(body: &[&str]) -> Result<Option<Rule>, String> {
    let [name, kind, rest @ ..] = body else {
        return Err("an entry needs a name and a kind".to_string());
    };
    let Some((tools, kind)) = kind.split_once(':') else {
        return Err(format!("\"{kind}\" isn't of the form Tool:Kind"));
    };
    if !tools.split(',').any(|tool| tool.trim().eq_ignore_ascii_case("memcheck")) {
        return Ok(None);
    }
    let (class, rest) = class(kind.trim(), rest)?;
    let lines = rest.iter().map(|line| stack_line(line)).collect::<Result<Vec<_>, _>>()?;
    if lines.is_empty() {
        return Err(format!("\"{name}\" has no line for a frame"));
    }
    Ok(Some(Rule::Entry { name: name.to_string(), class, lines }))
}

/// The class of a kind, with the lines that are left for the stack.
fn class<'a>(kind: &str, rest: &'a [&'a str]) -> Result<(Class, &'a [&'a str]), String> {
    let known = match kind {
        "Leak" => return leak(rest),
        "Param" => {
            let (parameter, rest) =
                rest.split_first().ok_or("Param needs a line with the parameter")?;
            return Ok((Class::Parameter(parameter.to_string()), rest));
        }
        "Free" => Class::Free,
        "Cond" | "Value0" => Class::Value,
        "User" | "Jump" | "Overlap" | "ReallocZero" | "FishyValue" => Class::Other,
        _ => sized(kind).ok_or_else(|| format!("\"{kind}\" is no kind of Memcheck's"))?,
    };
    Ok((known, rest))
}

/// `Addr4`, `Value8` and their like.
fn sized(kind: &str) -> Option<Class> {
    if let Some(size) = kind.strip_prefix("Addr") {
        return Some(Class::Address(Some(size.parse().ok()?)));
    }
    kind.strip_prefix("Value")?.parse::<u64>().ok()?;
    Some(Class::Value)
}

fn leak<'a>(rest: &'a [&'a str]) -> Result<(Class, &'a [&'a str]), String> {
    let Some((kinds, rest)) = rest
        .split_first()
        .and_then(|(first, rest)| Some((first.strip_prefix("match-leak-kinds:")?, rest)))
    else {
        return Ok((Class::Leak(None), rest));
    };
    Ok((Class::Leak(Some(loss_kinds(kinds.trim())?)), rest))
}

/// The kinds of a list such as `definite,possible`, `all` or `none`.
pub fn loss_kinds(text: &str) -> Result<Vec<LossKind>, String> {
    match text {
        "all" => return Ok(LOSS_NAMES.iter().map(|(_, kind)| *kind).collect()),
        "none" => return Ok(Vec::new()),
        _ => {}
    }
    text.split(',')
        .map(|name| {
            let row = LOSS_NAMES.iter().find(|(known, _)| *known == name.trim());
            row.map(|(_, kind)| *kind).ok_or_else(|| {
                format!("\"{name}\" is none of definite, indirect, possible, reachable, all, none")
            })
        })
        .collect()
}

fn stack_line(line: &str) -> Result<Line, String> {
    if line == "..." {
        return Ok(Line::Any);
    }
    match line.split_once(':') {
        Some(("fun", pattern)) => Ok(Line::Function(pattern.to_string())),
        Some(("obj", pattern)) => Ok(Line::Object(pattern.to_string())),
        Some(("src", pattern)) => Ok(Line::Source(pattern.to_string())),
        _ => Err(format!("\"{line}\" is none of fun:, obj:, src: and ...")),
    }
}
