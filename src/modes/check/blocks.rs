//! Allocating and freeing checked blocks: where each comes from, what is around it, and what is
//! looked at when it is freed.

use super::budget::{self, Side};
use super::finding::{Finding, Kind};
use super::marks::{self, Tag, CANARY_BEFORE_MAX, CANARY_BEHIND_MAX};
use super::quarantine::{GUARDED, PLAIN};
use super::stacks::StackNumber;
use super::table::{self, Placement, Record};
use super::{capture, guard, telling, thread_number};
use crate::arithmetic::function::{Function, Request};
use crate::heap::slow;
use crate::heap::thread_heap::Heap;
use crate::memory::block::Block;
use crate::memory::find;
use crate::os::{clock, memory, signals};
use crate::services::options::{self, Choice};
use crate::services::report::Call;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The least room around a block.
const CANARY_LEAST: usize = 16;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static FREES: AtomicU64 = AtomicU64::new(0);
static ALLOCATED_BYTES: AtomicU64 = AtomicU64::new(0);

/// How many blocks were allocated and freed, and how many bytes were allocated.
pub fn counts() -> (u64, u64, u64) {
    (ALLOCATIONS.load(Relaxed), FREES.load(Relaxed), ALLOCATED_BYTES.load(Relaxed))
}

/// Allocates what is asked for; says whether it reads as zero. `None` when there is no memory or
/// the size is beyond `PTRDIFF_MAX`.
pub fn allocate(heap: Option<&mut Heap>, request: Request) -> Option<(Block, bool)> {
    if request.size_bytes > isize::MAX as usize {
        return None;
    }
    let stack = capture();
    let number = ALLOCATIONS.fetch_add(1, Relaxed) + 1;
    let mut record = Record {
        address: 0,
        size_bytes: request.size_bytes,
        number,
        allocated: stack,
        freed: StackNumber::NONE,
        thread: thread_number(),
        freed_thread: 0,
        lead_bytes: 0,
        function: request.function,
        freed_by: None,
        placement: Placement::Plain,
        is_ignored: super::leaks::are_ignored_here(),
    };
    let is_guarded = match budget::side_for(stack, request.size_bytes, number) {
        Some(side) => allocate_guarded(&mut record, request.alignment, side),
        None => false,
    };
    let is_zero = match is_guarded {
        true => true,
        false => allocate_plain(heap, &mut record, request.alignment)?,
    };
    ALLOCATED_BYTES.fetch_add(request.size_bytes as u64, Relaxed);
    // SAFETY: a block starts there from now on.
    let block = unsafe { Block::at(record.address) };
    if request.function == Function::Calloc {
        return Some((block, is_zero));
    }
    // SAFETY: the block was just taken.
    unsafe { marks::fill_poison(record.address, record.size_bytes, Tag::Fresh, number) };
    Some((block, false))
}

fn allocate_guarded(record: &mut Record, alignment: usize, side: Side) -> bool {
    let since = clock::ticks();
    let alignment = alignment.max(natural_alignment(record.size_bytes));
    let address = guard::allocate(record.size_bytes, alignment, side == Side::Left);
    let Some(address) = address else {
        budget::note_failed();
        if guard::is_exhausted() {
            telling::note("the kernel gives no more guards: later blocks have canaries only");
        }
        return false;
    };
    record.address = address;
    record.placement = match side {
        Side::Right => Placement::GuardedRight,
        Side::Left => Placement::GuardedLeft,
    };
    if !table::insert(record) {
        guard::free(address, record.size_bytes);
        guard::leave(address, record.size_bytes);
        budget::note_failed();
        return false;
    }
    budget::note_live(record.size_bytes, true);
    fill_canaries(record);
    signals::stay_in_front();
    budget::spend(since);
    true
}

/// The alignment that an object of `size_bytes` can need: no object of a C type is larger than 16
/// and aligned to more, and the size of a type is a multiple of its alignment.
fn natural_alignment(size_bytes: usize) -> usize {
    match size_bytes {
        0 => 1,
        1..16 => 1 << size_bytes.trailing_zeros(),
        _ => 16,
    }
}

/// Takes a block from the heap with room for canaries; says whether it reads as zero.
fn allocate_plain(
    mut heap: Option<&mut Heap>,
    record: &mut Record,
    alignment: usize,
) -> Option<bool> {
    let lead = alignment.max(CANARY_LEAST);
    let total = record.size_bytes.checked_add(lead + CANARY_LEAST)?;
    let (outer, is_zero) = slow::take(heap.as_deref_mut(), total, alignment)?;
    record.address = outer.address() + lead;
    record.lead_bytes = lead as u32;
    if table::insert(record) {
        fill_canaries(record);
        return Some(is_zero);
    }
    telling::note("no memory for more records: later blocks are not checked");
    if let Some(live) = find::live(outer.address()) {
        slow::give(heap.as_deref_mut(), live);
    }
    let (block, is_zero) = slow::take(heap, record.size_bytes, alignment)?;
    record.address = block.address();
    Some(is_zero)
}

/// All memory that a block has, the room around it included.
fn extent(record: &Record) -> memory::Range {
    if record.is_guarded() {
        return guard::data_of(record.address, record.size_bytes);
    }
    let start = record.address - record.lead_bytes as usize;
    let length = find::live(start).map_or(0, |live| live.usable_bytes());
    memory::Range { start, length }
}

/// The canaries of a block: before it, and behind it.
fn canaries(record: &Record) -> [(usize, usize); 2] {
    let extent = extent(record);
    let before = record.address.saturating_sub(CANARY_BEFORE_MAX).max(extent.start);
    let behind = (record.end() + CANARY_BEHIND_MAX).min(extent.end());
    [(before.min(record.address), record.address), (record.end(), behind.max(record.end()))]
}

fn fill_canaries(record: &Record) {
    for (start, end) in canaries(record) {
        // SAFETY: within the block's extent, outside of what the program has.
        unsafe { marks::fill_canary(start, end) };
    }
}

/// Looks at the canaries of a block, and tells what was written to them. The block's memory must
/// stay while this looks: it is alive and its record locked, or nobody else can free it.
pub fn look_at_canaries(record: &Record, noticed: &'static str, at: StackNumber) {
    let kinds = [Kind::Underrun, Kind::Overrun];
    for ((start, end), kind) in canaries(record).into_iter().zip(kinds) {
        // SAFETY: within the block's extent.
        let Some(change) = (unsafe { marks::find_change_of_canary(start, end) }) else { continue };
        let address = if kind == Kind::Overrun { change.start } else { change.end - 1 };
        super::tell(&Finding {
            record: Some(*record),
            noticed: Some(noticed),
            change: Some(change),
            ..Finding::new(kind, at, address)
        });
        // Told once.
        // SAFETY: as above.
        unsafe { marks::fill_canary(start, end) };
    }
}

/// Looks at the poison of a freed block that waits in the quarantine; as [`look_at_canaries`].
pub fn look_at_poison(record: &Record, noticed: &'static str, at: StackNumber) {
    let (start, size_bytes) = (record.address, record.size_bytes);
    // SAFETY: the block's own bytes.
    let change = unsafe { marks::find_change_of_poison(start, size_bytes, record.number) };
    if let Some(change) = change {
        super::tell(&Finding {
            record: Some(*record),
            noticed: Some(noticed),
            change: Some(change),
            ..Finding::new(Kind::WriteAfterFree, at, change.start)
        });
        // Told once.
        // SAFETY: as above.
        unsafe { marks::fill_poison(start, size_bytes, Tag::Freed, record.number) };
    }
}

/// Frees the block at `call.address`. False if no checked block ever started there.
pub fn free(heap: Option<&mut Heap>, call: Call) -> bool {
    let stack = capture();
    let thread = thread_number();
    let found = table::with(call.address, |record| {
        let was_live = record.is_live();
        if was_live {
            record.freed_by = Some(call.function);
            record.freed = stack;
            record.freed_thread = thread;
        }
        (*record, was_live)
    });
    let Some((record, was_live)) = found else { return false };
    if !was_live {
        let finding = Finding::new(Kind::DoubleFree, stack, call.address);
        super::tell(&Finding { record: Some(record), call: Some(call), ..finding });
        return true;
    }
    FREES.fetch_add(1, Relaxed);
    look_at_call(&record, call, stack);
    look_at_canaries(&Record { freed_by: None, ..record }, "free", stack);
    match record.is_guarded() {
        true => retire_guarded(&record),
        false => retire_plain(heap, &record),
    }
    true
}

/// Whether the block is freed in the way that it was allocated.
fn look_at_call(record: &Record, call: Call, stack: StackNumber) {
    let kind = if record.function.family() != call.function.family() {
        Kind::MismatchedFree
    } else if call.size.is_some_and(|size| size != record.size_bytes) {
        Kind::WrongSize
    } else {
        return;
    };
    let record = Record { freed_by: None, ..*record };
    let finding = Finding::new(kind, stack, call.address);
    super::tell(&Finding { record: Some(record), call: Some(call), ..finding });
}

fn retire_guarded(record: &Record) {
    let since = clock::ticks();
    let (address, size_bytes) = (record.address, record.size_bytes);
    if guard::free(address, size_bytes) {
        budget::note_live(size_bytes, false);
    } else {
        // SAFETY: the block was freed, and its pages are as they were.
        unsafe { marks::fill_poison(address, size_bytes, Tag::Freed, record.number) };
    }
    if !GUARDED.push(address, guard::slot_bytes(size_bytes)) {
        leave_guarded(address);
    }
    // Half of the region is enough to wait in.
    while let Some(oldest) = GUARDED.pop_beyond(guard::region().length / 2) {
        leave_guarded(oldest);
    }
    budget::spend(since);
}

fn leave_guarded(address: usize) {
    if let Some(record) = table::remove(address) {
        guard::leave(address, record.size_bytes);
    }
}

fn retire_plain(mut heap: Option<&mut Heap>, record: &Record) {
    let limit_bytes = options::value(Choice::Quarantine);
    let bytes = extent(record).length;
    // SAFETY: the block was freed.
    unsafe {
        marks::fill_poison(record.address, record.size_bytes, Tag::Freed, record.number);
    }
    // A block that would drive out most others doesn't wait.
    if bytes > limit_bytes / 4 || !PLAIN.push(record.address, bytes) {
        give_back(heap.as_deref_mut(), record.address);
    }
    while let Some(oldest) = PLAIN.pop_beyond(limit_bytes) {
        give_back(heap.as_deref_mut(), oldest);
    }
}

/// Gives the memory of a freed block back to the heap.
fn give_back(heap: Option<&mut Heap>, address: usize) {
    let Some(record) = table::remove(address) else { return };
    look_at_poison(&record, "quarantine", StackNumber::NONE);
    if let Some(live) = find::live(record.address - record.lead_bytes as usize) {
        slow::give(heap, live);
    }
}
