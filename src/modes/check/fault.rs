//! Faults: a wrong access to a guarded block is told, and the program goes on as it would have
//! without guards; a fault that would have happened anyway is told, and happens.

use super::finding::{Finding, Kind};
use super::marks::{self, Tag};
use super::record::Record;
use super::stack_cache::Cache;
use super::stacks::{self, StackNumber};
use super::telling::stream;
use super::{budget, end_process_by_signal, guard, is_inside, leaks, search, tell, thread, watch};
use crate::os::fault::Fault;
use crate::os::files::read_memory;
use crate::os::memory::page_bytes;
use crate::os::operand::OPERAND_BYTES;
use crate::os::signal_mask;
use crate::os::signals::{self, Answer};
use crate::os::{string_functions, unwind};
use crate::sync::lock::Lock;
use core::sync::atomic::Ordering::Relaxed;

/// What is done about a fault.
pub fn answer(fault: &Fault) -> Answer {
    if let Some(watched) = fault.watched() {
        answer_watched(fault, watched);
        return Answer::GoOn;
    }
    if stream::is_busy_here() {
        return Answer::Pass;
    }
    // What somebody sent waits as if it were blocked; a fault can't.
    if fault.code <= 0 && is_hidden(fault.number) {
        return Answer::Wait;
    }
    if guard::contains(fault.address) && fault.is_write.is_some() {
        return answer_guarded(fault);
    }
    if signals::is_request_to_end(fault.number) {
        end_process_by_signal(fault.number, &leaks::interrupted(&fault.registers));
        return Answer::Pass;
    }
    if let Some(answer) = answer_misaligned(fault) {
        return answer;
    }
    if signals::is_handled(fault.number) {
        return Answer::Pass;
    }
    let finding = match poisoned_block(fault) {
        Some(record) => {
            Finding { record: Some(record), ..fault_finding(Kind::PoisonPointer, fault) }
        }
        None => fault_finding(Kind::FatalSignal, fault),
    };
    tell(&finding);
    let caller = leaks::interrupted(&fault.registers);
    end_process_by_signal(fault.number, &caller);
    Answer::Pass
}

/// Whether this thread believes to block a signal.
fn is_hidden(number: i32) -> bool {
    // SAFETY: the thread's own.
    let hidden = thread::current()
        .map_or(0, |checked| unsafe { checked.as_ref() }.hidden_signals.load(Relaxed));
    hidden & signal_mask::bit(number) != 0
}

fn fault_finding(kind: Kind, fault: &Fault) -> Finding<'_> {
    Finding { fault: Some(fault), ..Finding::new(kind, stack_of(fault), fault.address) }
}

fn stack_of(fault: &Fault) -> StackNumber {
    static CACHE: Lock<Cache> = Lock::new(Cache::new());
    match thread::current() {
        // SAFETY: the thread's own; it was interrupted in the program's code.
        Some(mut checked) => unsafe {
            stacks::capture_at(&fault.registers, &mut checked.as_mut().cache)
        },
        None => stacks::capture_at(&fault.registers, &mut CACHE.lock()),
    }
}

fn answer_guarded(fault: &Fault) -> Answer {
    let kind = match fault.is_write {
        Some(true) => Kind::InvalidWrite,
        _ => Kind::InvalidRead,
    };
    let record = search::nearest(fault.address);
    tell(&Finding { record, ..fault_finding(kind, fault) });
    if !guard::open_page(fault.address) {
        return Answer::Pass;
    }
    if let Some(record) = record.filter(|record| !record.is_live()) {
        fill_page(fault.address, &record);
    }
    Answer::GoOn
}

/// Tells of an access to watched bytes.
fn answer_watched(fault: &Fault, watched: usize) {
    // The library looks at them too, and may hold locks then.
    if unwind::is_own(fault.registers.pc) || stream::is_busy_here() || is_inside() {
        return;
    }
    let may_read = string_functions::may_read_beside(fault.registers.pc - 1)
        || fault.is_aligned_load_of(watched);
    let Some(trespass) = watch::trespass(watched, may_read) else { return };
    let kind = if trespass.is_write { Kind::InvalidWrite } else { Kind::InvalidRead };
    let (record, watched) = (Some(trespass.record), Some(trespass.bytes));
    let address = trespass.address;
    tell(&Finding { record, watched, address, ..fault_finding(kind, fault) });
}

/// What is done about an instruction that demands a multiple of 16, where the C library's `malloc`
/// would have given one and this one has not: it gets what it demands.
fn answer_misaligned(fault: &Fault) -> Option<Answer> {
    let operand = fault.operand().filter(|operand| guard::contains(operand.address))?;
    // The thread may have been interrupted with records locked: none is asked for here.
    let block = guard::neighbours(operand.address).into_iter().find(|block| *block != 0)?;
    // A loop that handles single elements first, up to a multiple of 16, counts in elements: of
    // those that are longer than what the block lies at a multiple of it takes too many or too few.
    let alignment = 1 << block.trailing_zeros();
    let offset = operand.address.wrapping_sub(block);
    if alignment >= OPERAND_BYTES || !offset.is_multiple_of(2 * alignment) {
        return None;
    }
    let mut bytes = [0; OPERAND_BYTES];
    let readable_bytes = read_memory(operand.address, &mut bytes);
    if readable_bytes < OPERAND_BYTES {
        // The processor looks at the alignment first.
        let reached = operand.address + readable_bytes;
        return Some(answer_guarded(&fault.as_access(reached, operand.is_write)));
    }
    budget::note_misaligned(block);
    Some(Answer::Align(operand))
}

/// What the page of a freed block that was opened is to hold: its contents went with its pages.
fn fill_page(address: usize, record: &Record) {
    let page = address & !(page_bytes() - 1);
    let start = record.address.max(page);
    let end = record.end().min(page + page_bytes());
    if start < end {
        // SAFETY: the page was just opened, and the block is freed.
        unsafe { marks::fill_poison(start, end - start, Tag::Freed, record.number) };
    }
}

/// The block whose poison the access went through, if the processor says that the address is none.
fn poisoned_block(fault: &Fault) -> Option<Record> {
    if !fault.is_no_address {
        return None;
    }
    let words = fault.registers.general.iter();
    words
        .filter_map(|word| marks::read_poison(*word as u64))
        .find_map(|(_, number)| search::by_number(number))
}
