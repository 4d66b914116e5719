//! How the checker tells what it found: equal errors once, to a record for the command `cairn`, or
//! as plain text when there is no command.

mod plain;
mod record;
mod seen;
pub mod stream;

use super::finding::Finding;
use super::leak::{LossRecord, NotRun, Totals};
use super::{budget, stacks};
use crate::arithmetic::text::Text;
use crate::os::{files, process};
use crate::services::options::{self, Choice};
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

pub use seen::{count as error_count, lock as seen_lock};

/// Figures of a process at its end.
pub struct Figures {
    /// Blocks that were allocated.
    pub allocations: u64,
    /// Blocks that were freed.
    pub frees: u64,
    /// The sizes of all blocks that were allocated.
    pub allocated_bytes: u64,
    /// The sizes of the blocks that are alive.
    pub live_bytes: u64,
    /// Their number.
    pub live_blocks: u64,
}

/// Why leaks are looked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Occasion {
    /// The process ends.
    Exit,
    /// The program asked.
    Demand,
}

fn is_recorded() -> bool {
    options::value(Choice::Record) != 0
}

/// Tells that the process begins, or that it is a fork's child.
pub fn begin(is_forked: bool) {
    if is_recorded() {
        record::begin(is_forked);
    } else if !is_forked {
        plain::begin();
    }
}

/// Tells of an error, unless an equal one was told before. Returns whether it was told.
pub fn tell(finding: &Finding) -> bool {
    if stream::is_busy_here() {
        return false;
    }
    let allocated = finding.record.map_or(stacks::StackNumber::NONE, |record| record.allocated);
    let Some(number) = seen::note(finding.kind, finding.at, allocated) else { return false };
    match is_recorded() {
        true => record::tell(finding, number),
        false => plain::tell(finding),
    }
    true
}

/// Tells of leaks: a record of them at a time, through what `scan` is given, and the sums.
pub fn tell_leaks(
    occasion: Occasion,
    scan: impl FnOnce(&mut dyn FnMut(&LossRecord)) -> Result<Totals, NotRun>,
) -> Option<Totals> {
    match is_recorded() {
        true => record::tell_leaks(occasion, scan),
        false => plain::tell_leaks(scan),
    }
}

/// Tells how the process ended.
pub fn end(status: &str, figures: &Figures) {
    match is_recorded() {
        true => record::end(status, figures),
        false => plain::end(figures),
    }
}

/// Tells something that the user should know, once for each `text`.
pub fn note(text: &'static str) {
    static TOLD: [AtomicU64; 8] = [const { AtomicU64::new(0) }; 8];
    for told in &TOLD {
        match told.compare_exchange(0, text.as_ptr() as u64, Relaxed, Relaxed) {
            Ok(_) => break,
            Err(other) if other == text.as_ptr() as u64 => return,
            Err(_) => {}
        }
    }
    match is_recorded() {
        true => record::note(text),
        false => plain::note(text),
    }
}

/// What was guarded, as the sentence that ends a report.
fn coverage_line(allocations: u64) -> Text<160> {
    let coverage = budget::coverage(allocations);
    let mut line = Text::new();
    // Rounded down, so that 100 means all; small shares to a part that isn't zero.
    line.push(format_args!("coverage: guarded "));
    let thousandths = (coverage.guarded * 100_000).checked_div(coverage.all).unwrap_or(100_000);
    match thousandths {
        0 if coverage.guarded > 0 => line.push(format_args!("less than 0.001")),
        0 => line.push(format_args!("0")),
        1..100 => line.push(format_args!("0.{thousandths:03}")),
        100..10_000 => {
            line.push(format_args!("{}.{}", thousandths / 1000, thousandths / 100 % 10));
        }
        _ => line.push(format_args!("{}", thousandths / 1000)),
    }
    line.push(format_args!(" % of {} allocations", coverage.all));
    line
}

/// The name of this thread as the kernel has it.
fn thread_name(buffer: &mut [u8; 16]) -> &[u8] {
    process::thread_name(buffer)
}

/// The path of the program.
fn program_path(buffer: &mut [u8]) -> &[u8] {
    crate::os::modules::program_path(buffer)
}

/// Reads up to 64 bytes for a report.
fn read_bytes(address: usize, end: usize, into: &mut [u8; 64]) -> usize {
    let length = (end - address).min(into.len());
    files::read_memory(address, &mut into[..length])
}
