//! Makes the lines of one packet into its type.

use super::words::Words;
use super::*;

/// The packet of these lines, of which the first is `@ PID KIND ...`; nothing if its kind is
/// unknown or its first line is broken. Broken lines after the first are left out.
pub fn packet(lines: &[String]) -> Option<Packet> {
    let (first, lines) = lines.split_first()?;
    let mut words = Words::new(first);
    words.word().filter(|at| *at == "@")?;
    let pid = words.small()?;
    let body = match words.word()? {
        "start" => Body::Start(start(&mut words, lines)?),
        "modules" => Body::Modules(each(lines, "module", module)),
        "error" => Body::Error(Box::new(error(&mut words, lines)?)),
        "again" => Body::Again(Again { sequence: words.decimal()?, count: words.decimal()? }),
        "leaks" => Body::Leaks(leaks(&mut words, lines)),
        "end" => Body::End(end(&mut words, lines)?),
        "note" => Body::Notes(each(lines, "note", |words| Some(words.text()))),
        _ => return None,
    };
    Some(Packet { pid, body })
}

/// What `take` makes of each line with this keyword.
fn each<T>(lines: &[String], keyword: &str, take: fn(&mut Words) -> Option<T>) -> Vec<T> {
    lines
        .iter()
        .filter_map(|line| {
            let mut words = Words::new(line);
            words.word().filter(|word| *word == keyword)?;
            take(&mut words)
        })
        .collect()
}

fn one<T>(lines: &[String], keyword: &str, take: fn(&mut Words) -> Option<T>) -> Option<T> {
    each(lines, keyword, take).pop()
}

fn has(lines: &[String], keyword: &str) -> bool {
    one(lines, keyword, |_| Some(())).is_some()
}

fn start(words: &mut Words, lines: &[String]) -> Option<Start> {
    Some(Start {
        version: words.small()?,
        parent: words.small()?,
        program: one(lines, "program", |words| words.name()).unwrap_or_default(),
        arguments: each(lines, "argument", |words| Some(words.text())),
        library: one(lines, "library", |words| Some(words.text())).unwrap_or_default(),
        is_forked: has(lines, "forked"),
    })
}

fn module(words: &mut Words) -> Option<Module> {
    Some(Module {
        start: words.address()?,
        end: words.address()?,
        bias: words.address()?,
        build_id: words.name().filter(|id| !id.is_empty()),
        path: words.name()?,
    })
}

fn error(words: &mut Words, lines: &[String]) -> Option<ErrorRecord> {
    let name = words.word()?;
    let (kind, _) = KINDS.iter().find(|(_, known)| *known == name)?;
    let mut error = ErrorRecord::new(*kind, words.decimal()?);
    for line in lines {
        let mut words = Words::new(line);
        // A line that can't be read leaves its part of the error unknown.
        let _ = error_line(&mut error, &mut words);
    }
    Some(error)
}

fn error_line(error: &mut ErrorRecord, words: &mut Words) -> Option<()> {
    match words.word()? {
        "thread" => {
            error.thread =
                Some(Thread { id: words.small()?, name: words.name().unwrap_or_default() });
        }
        "access" => error.access = Some(access(words)?),
        "signal" => {
            error.signal = Some(Signal {
                number: words.number()?,
                code: words.number()?,
                address: words.address()?,
            });
        }
        "code" => error.code = words.bytes()?,
        "executed" => error.executed = words.bytes()?,
        "watched" => {
            error.watched = Some(Watched { address: words.address()?, bytes: words.bytes()? });
        }
        "registers" => error.registers = registers(words),
        "call" => {
            error.call = Some(Call {
                function: words.name()?,
                address: words.address().unwrap_or(0),
                size: words.decimal(),
            });
        }
        "block" => error.block = Some(block(words)?),
        "where" => error.place = Some(place(words)?),
        "changed" => {
            error.changed = Some(Changed { offset: words.signed()?, bytes: words.bytes()? });
        }
        "freed-by" => error.freed_by = Some(words.name()?),
        "foreign" => {
            error.foreign =
                Some(Foreign { kind: words.name()?, name: words.name().unwrap_or_default() });
        }
        "stack" => stack(error, words)?,
        _ => {}
    }
    Some(())
}

fn access(words: &mut Words) -> Option<Access> {
    let direction = match words.word()? {
        "read" => Direction::Read,
        "write" => Direction::Write,
        _ => Direction::Unknown,
    };
    Some(Access { direction, address: words.address()?, size: words.decimal().unwrap_or(0) })
}

fn registers(words: &mut Words) -> Vec<(String, u64)> {
    std::iter::from_fn(|| words.word())
        .filter_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            Some((name.to_string(), u64::from_str_radix(value, 16).ok()?))
        })
        .collect()
}

fn block(words: &mut Words) -> Option<Block> {
    Some(Block {
        address: words.address()?,
        size: words.decimal()?,
        is_freed: words.word()? == "freed",
        function: words.name()?,
        number: words.decimal().unwrap_or(0),
        thread: words.small().unwrap_or(0),
        is_guarded: words.word() == Some("guarded"),
    })
}

fn place(words: &mut Words) -> Option<Place> {
    let side = match words.word()? {
        "inside" => Side::Inside,
        "after" => Side::After,
        "before" => Side::Before,
        _ => return None,
    };
    Some(Place { side, offset: words.decimal()? })
}

fn stack(error: &mut ErrorRecord, words: &mut Words) -> Option<()> {
    let stack = match words.word()? {
        "at" => &mut error.at,
        "alloc" => &mut error.allocation,
        "free" => &mut error.release,
        _ => return None,
    };
    *stack = words.addresses();
    Some(())
}

fn leaks(words: &mut Words, lines: &[String]) -> Leaks {
    Leaks {
        is_at_exit: words.word() == Some("exit"),
        losses: each(lines, "loss", loss),
        totals: one(lines, "totals", |words| {
            Some([amount(words)?, amount(words)?, amount(words)?, amount(words)?])
        }),
        not_run: one(lines, "not-run", |words| Some(words.text())),
        is_last: has(lines, "end"),
    }
}

fn loss(words: &mut Words) -> Option<Loss> {
    let kind = match words.word()? {
        "definite" => LossKind::Definite,
        "indirect" => LossKind::Indirect,
        "possible" => LossKind::Possible,
        "reachable" => LossKind::Reachable,
        _ => return None,
    };
    Some(Loss {
        kind,
        bytes: words.decimal()?,
        blocks: words.decimal()?,
        indirect_bytes: words.decimal()?,
        indirect_blocks: words.decimal()?,
        function: words.name()?,
        stack: words.addresses(),
    })
}

fn amount(words: &mut Words) -> Option<Amount> {
    Some(Amount { bytes: words.decimal()?, blocks: words.decimal()? })
}

fn end(words: &mut Words, lines: &[String]) -> Option<End> {
    let ending = match words.word()? {
        "exit" | "_exit" => Ending::Exit,
        "abort" => Ending::Abort,
        "signal" => Ending::Signal(words.number()?),
        "exec" => Ending::Exec(words.name().unwrap_or_default()),
        other => Ending::Other(other.to_string()),
    };
    Some(End {
        ending,
        heap: one(lines, "heap", |words| {
            Some(Heap {
                allocations: words.decimal()?,
                frees: words.decimal()?,
                allocated_bytes: words.decimal()?,
                live: amount(words)?,
            })
        }),
        coverage: one(lines, "coverage", |words| {
            Some(Coverage {
                guarded: words.decimal()?,
                allocations: words.decimal()?,
                guarded_stacks: words.decimal()?,
                stacks: words.decimal()?,
            })
        }),
        notes: each(lines, "note", |words| Some(words.text())),
    })
}
