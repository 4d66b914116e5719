//! Plain text, for a program that is checked without the command `cairn`: valgrind's lines, with
//! modules and offsets in the place of functions and lines.

use super::stream::{self, Stream};
use super::{coverage_line, read_bytes, seen, Figures};
use crate::memory::find;
use crate::modes::check::finding::{Finding, Kind, Where};
use crate::modes::check::function_of;
use crate::modes::check::leak::{Kind as LossKind, LossRecord, NotRun, Totals};
use crate::modes::check::stacks::{self, StackNumber};
use crate::os::{modules, process};
use core::fmt;

/// Begins a line.
fn line(out: &mut Stream, arguments: fmt::Arguments) {
    out.push(format_args!("=={}== {arguments}\n", process::id()));
}

pub fn begin() {
    stream::write(|out| {
        line(out, format_args!("Cairn {} checks the heap", env!("CARGO_PKG_VERSION")));
        line(out, format_args!("\"cairn check\" and \"cairn report\" show functions and lines"));
    });
}

pub fn tell(finding: &Finding) {
    stream::write(|out| {
        if let (Kind::SystemCall, Some(call)) = (finding.kind, finding.noticed) {
            line(out, format_args!("Syscall param {call}(buf) points to unaddressable byte(s)"));
        } else {
            line(out, format_args!("{}", finding.kind.sentence()));
        }
        if let (Some(noticed), None) = (finding.noticed, finding.call) {
            line(out, format_args!("   (found later, at: {noticed})"));
        }
        push_stack(out, finding.call.map(|call| call.function.name()), finding.at);
        push_place(out, finding);
        line(out, format_args!(""));
    });
}

fn push_place(out: &mut Stream, finding: &Finding) {
    let address = finding.address;
    if let Some(call) = finding.call {
        if call.size.is_some() {
            line(out, format_args!(" The call was {call}"));
        }
    }
    let Some(record) = finding.record else {
        match finding.foreign {
            Some(foreign) => push_foreign(out, address, foreign.name()),
            None => line(
                out,
                format_args!(" Address {address:#x} is not stack'd, malloc'd or (recently) free'd"),
            ),
        }
        return;
    };
    let size = record.size_bytes;
    let state = if record.is_live() { "alloc'd" } else { "free'd" };
    let block = format_args!("a block of size {size} {state}");
    match finding.place() {
        Some(Where::Inside(bytes)) => {
            line(out, format_args!(" Address {address:#x} is {bytes} bytes inside {block}"));
        }
        Some(Where::After(bytes)) => {
            line(out, format_args!(" Address {address:#x} is {bytes} bytes after {block}"));
        }
        Some(Where::Before(bytes)) => {
            line(out, format_args!(" Address {address:#x} is {bytes} bytes before {block}"));
        }
        None => line(out, format_args!(" Address {address:#x} was read from {block}")),
    }
    push_change(out, finding);
    if let Some(function) = record.freed_by {
        push_stack(out, Some(function.name()), record.freed);
        line(out, format_args!(" Block was alloc'd at"));
    }
    push_stack(out, Some(record.function.name()), record.allocated);
}

fn push_foreign(out: &mut Stream, address: usize, kind: &str) {
    let (_, module) = find::foreign(address);
    let name = module.as_ref().map_or(&b""[..], |module| module.name());
    let name = core::str::from_utf8(name).unwrap_or("?");
    line(out, format_args!(" Address {address:#x} is in no block ({kind} {name})"));
}

fn push_change(out: &mut Stream, finding: &Finding) {
    let Some(change) = finding.change else { return };
    let mut bytes = [0; 64];
    let length = read_bytes(change.start, change.end, &mut bytes);
    out.push(format_args!("=={}==  written:", process::id()));
    for byte in &bytes[..length] {
        out.push(format_args!(" {byte:02x}"));
    }
    out.push(format_args!("  "));
    for byte in &bytes[..length] {
        let shown = if byte.is_ascii_graphic() || *byte == b' ' { *byte as char } else { '.' };
        out.push(format_args!("{shown}"));
    }
    out.push(format_args!("\n"));
}

/// A stack: the function that was called, if any, and its callers.
fn push_stack(out: &mut Stream, top: Option<&str>, stack: StackNumber) {
    let mut word = "at";
    if let Some(function) = top {
        line(out, format_args!("   at {function}"));
        word = "by";
    }
    for address in stacks::frames(stack) {
        let found = modules::with(*address, |module| {
            let path = if module.path.is_empty() { b"the program" } else { module.path };
            let name = core::str::from_utf8(path).unwrap_or("?");
            line(
                out,
                format_args!(
                    "   {word} {address:#x}: ??? (in {name}+{:#x})",
                    address - module.bias
                ),
            );
        });
        if found.is_none() {
            line(out, format_args!("   {word} {address:#x}: ???"));
        }
        word = "by";
    }
}

pub fn tell_leaks(
    scan: impl FnOnce(&mut dyn FnMut(&LossRecord)) -> Result<Totals, NotRun>,
) -> Option<Totals> {
    let mut totals = None;
    stream::write(|out| {
        match scan(&mut |loss| push_loss(out, loss)) {
            Ok(sums) => {
                push_totals(out, &sums);
                totals = Some(sums);
            }
            Err(NotRun(reason)) => {
                line(out, format_args!("The leak check was not run: {reason}"));
            }
        };
    });
    totals
}

fn push_loss(out: &mut Stream, loss: &LossRecord) {
    let kind = match loss.kind {
        LossKind::Definite => "definitely lost",
        LossKind::Possible => "possibly lost",
        // Indirect ones go with those that lead to them.
        LossKind::Indirect | LossKind::Reachable => return,
    };
    // A long list is written in parts.
    if out.length() > stream::PACKET_BYTES - 4096 {
        out.flush();
    }
    let (bytes, blocks) = (loss.direct.bytes, loss.direct.blocks);
    line(out, format_args!("{bytes} bytes in {blocks} blocks are {kind}"));
    push_stack(out, Some(function_of(loss.function).name()), StackNumber::from_stored(loss.stack));
    line(out, format_args!(""));
}

fn push_totals(out: &mut Stream, totals: &Totals) {
    line(out, format_args!("LEAK SUMMARY:"));
    let rows = [
        ("   definitely lost", totals.definite),
        ("   indirectly lost", totals.indirect),
        ("     possibly lost", totals.possible),
        ("   still reachable", totals.reachable),
    ];
    for (name, sum) in rows {
        line(out, format_args!("{name}: {} bytes in {} blocks", sum.bytes, sum.blocks));
    }
}

pub fn end(figures: &Figures) {
    stream::write(|out| {
        let Figures { allocations, frees, allocated_bytes, live_bytes, live_blocks } = *figures;
        line(out, format_args!("HEAP SUMMARY:"));
        line(out, format_args!("    in use at exit: {live_bytes} bytes in {live_blocks} blocks"));
        line(
            out,
            format_args!(
                "  total heap usage: {allocations} allocs, {frees} frees, {allocated_bytes} bytes \
             allocated"
            ),
        );
        let (found, told) = seen::count();
        line(out, format_args!("ERROR SUMMARY: {found} errors from {told} contexts"));
        let coverage = coverage_line(figures.allocations);
        line(out, format_args!("{}", core::str::from_utf8(coverage.as_bytes()).unwrap_or("")));
    });
}

pub fn note(text: &str) {
    stream::write(|out| line(out, format_args!("note: {text}")));
}
