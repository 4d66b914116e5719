//! Allocating and freeing checked blocks: where each comes from, what is around it, and what is
//! looked at when it is freed.

use super::budget::{self, Side};
use super::finding::{Finding, Kind};
use super::marks::{self, Change, Tag, CANARY_BEFORE_MAX, CANARY_BEHIND_MAX};
use super::quarantine::{GUARDED, PLAIN};
use super::stacks::StackNumber;
use super::table::{self, Placement, Record};
use super::{capture, guard, telling, thread_number};
use crate::arithmetic::function::{Function, Request};
use crate::heap::slow;
use crate::heap::thread_heap::Heap;
use crate::memory::block::Block;
use crate::memory::find;
use crate::os::{clock, processor, signals};
use crate::services::options::{self, Choice};
use crate::services::report::Call;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// The least room around a block.
const CANARY_LEAST: usize = 16;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static FREES: AtomicU64 = AtomicU64::new(0);
static ALLOCATED_BYTES: AtomicU64 = AtomicU64::new(0);

/// How many blocks were allocated and freed, and how many bytes were allocated.
pub fn counts() -> (u64, u64, u64) {
    (ALLOCATIONS.load(Relaxed), FREES.load(Relaxed), ALLOCATED_BYTES.load(Relaxed))
}

/// Where a new block lies, and what is around it.
struct Place {
    address: usize,
    placement: Placement,
    lead_log2: u8,
    canary_before: u8,
    canary_behind: u8,
    /// Whether the block reads as zero.
    is_zero: bool,
}

/// Allocates what is asked for; says whether it reads as zero. `None` when there is no memory or
/// the size is beyond `PTRDIFF_MAX`.
pub fn allocate(mut heap: Option<&mut Heap>, request: Request) -> Option<(Block, bool)> {
    if request.size_bytes > isize::MAX as usize {
        return None;
    }
    let stack = capture();
    let number = ALLOCATIONS.fetch_add(1, Relaxed) + 1;
    let guarded = budget::side_for(stack, request.size_bytes, number)
        .and_then(|side| place_guarded(request, side));
    let place = match guarded {
        Some(place) => place,
        None => place_plain(heap.as_deref_mut(), request)?,
    };
    // Before there is a record: a fork's child may find it, but not the thread that does this.
    // SAFETY: within the block's extent, outside of what the program gets.
    unsafe {
        let (before, behind) = (place.canary_before as usize, place.canary_behind as usize);
        let end = place.address + request.size_bytes;
        marks::fill_canary(place.address - before, place.address);
        marks::fill_canary(end, end + behind);
    }
    if !note_block(&place, request, stack, number) {
        return allocate_unchecked(heap, &place, request);
    }
    ALLOCATED_BYTES.fetch_add(request.size_bytes as u64, Relaxed);
    // SAFETY: a block starts there from now on.
    let block = unsafe { Block::at(place.address) };
    if request.function == Function::Calloc {
        return Some((block, place.is_zero));
    }
    // SAFETY: the block was just taken.
    unsafe { marks::fill_poison(place.address, request.size_bytes, Tag::Fresh, number) };
    Some((block, false))
}

/// Writes the record of a new block. False when there is no memory for it.
fn note_block(place: &Place, request: Request, stack: StackNumber, number: u64) -> bool {
    let thread = thread_number();
    let is_ignored = super::leaks::are_ignored_here();
    table::insert(place.address, |record| {
        *record = Record {
            address: place.address,
            size_bytes: request.size_bytes,
            number,
            allocated: stack,
            freed: StackNumber::NONE,
            thread,
            freed_thread: 0,
            function: request.function,
            freed_by: None,
            placement: place.placement,
            is_ignored,
            lead_log2: place.lead_log2,
            canary_before: place.canary_before,
            canary_behind: place.canary_behind,
        }
    })
}

/// Allocates a block that there is no record for, in the place of one that was to have one.
#[cold]
fn allocate_unchecked(
    mut heap: Option<&mut Heap>,
    place: &Place,
    request: Request,
) -> Option<(Block, bool)> {
    telling::note("no memory for more records: later blocks are not checked");
    if place.placement == Placement::Plain {
        if let Some(live) = find::live(place.address - (1 << place.lead_log2)) {
            slow::give(heap.as_deref_mut(), live);
        }
    } else {
        guard::free(place.address, request.size_bytes);
        guard::leave(place.address, request.size_bytes);
    }
    slow::take(heap, request.size_bytes, request.alignment)
}

#[cold]
fn place_guarded(request: Request, side: Side) -> Option<Place> {
    let since = clock::ticks();
    let size_bytes = request.size_bytes;
    let alignment = request.alignment.max(natural_alignment(size_bytes));
    let Some(address) = guard::allocate(size_bytes, alignment, side == Side::Left) else {
        budget::note_failed();
        if guard::is_exhausted() {
            telling::note("the kernel gives no more guards: later blocks have canaries only");
        }
        return None;
    };
    budget::note_live(size_bytes, true);
    signals::stay_in_front();
    if size_bytes > 0 {
        // Its first use, and the kernel's part in it, are the guards' doing as well.
        // SAFETY: the block's first byte.
        unsafe { (address as *const u8).read_volatile() };
    }
    budget::spend(since);
    let placement = match side {
        Side::Right => Placement::GuardedRight,
        Side::Left => Placement::GuardedLeft,
    };
    let extent = guard::data_of(address, size_bytes);
    let place = Place {
        address,
        placement,
        lead_log2: 0,
        canary_before: 0,
        canary_behind: 0,
        is_zero: true,
    };
    Some(place.with_canaries(size_bytes, extent.start, extent.end()))
}

impl Place {
    /// Plans the canaries in the room around a block.
    #[inline]
    fn with_canaries(self, size_bytes: usize, room_start: usize, room_end: usize) -> Self {
        let end = self.address + size_bytes;
        let before = (self.address - room_start).min(CANARY_BEFORE_MAX);
        let behind = (room_end - end).min(CANARY_BEHIND_MAX);
        Self { canary_before: before as u8, canary_behind: behind as u8, ..self }
    }
}

/// The alignment that an object of up to `size_bytes` can need (C11, 7.22.3).
fn natural_alignment(size_bytes: usize) -> usize {
    match size_bytes {
        0 => 1,
        1..16 => 1 << size_bytes.ilog2(),
        _ => 16,
    }
}

/// Takes a block from the heap with room for canaries.
fn place_plain(heap: Option<&mut Heap>, request: Request) -> Option<Place> {
    let lead = request.alignment.max(CANARY_LEAST);
    let total = request.size_bytes.checked_add(lead + CANARY_LEAST)?;
    let (outer, is_zero) = slow::take(heap, total, request.alignment)?;
    let place = Place {
        address: outer.address() + lead,
        placement: Placement::Plain,
        lead_log2: lead.trailing_zeros() as u8,
        canary_before: 0,
        canary_behind: 0,
        is_zero,
    };
    let room_end = outer.address() + slow::usable_bytes(total, request.alignment);
    Some(place.with_canaries(request.size_bytes, outer.address(), room_end))
}

/// The canaries of a block: before it, and behind it.
fn canaries(record: &Record) -> [(usize, usize); 2] {
    let (before, behind) = (record.canary_before as usize, record.canary_behind as usize);
    [(record.address - before, record.address), (record.end(), record.end() + behind)]
}

/// Looks at the canaries of a block, and tells what was written to them. The block's memory must
/// stay while this looks: it is alive and its record locked, or nobody else can free it.
pub fn look_at_canaries(record: &Record, noticed: &'static str, at: StackNumber) {
    let kinds = [Kind::Underrun, Kind::Overrun];
    for ((start, end), kind) in canaries(record).into_iter().zip(kinds) {
        // SAFETY: within the block's extent.
        let Some(change) = (unsafe { marks::find_change_of_canary(start, end) }) else { continue };
        tell_change(record, kind, change, noticed, at);
        // Told once.
        // SAFETY: as above.
        unsafe { marks::fill_canary(start, end) };
    }
}

#[cold]
fn tell_change(
    record: &Record,
    kind: Kind,
    change: Change,
    noticed: &'static str,
    at: StackNumber,
) {
    super::tell(&Finding {
        record: Some(*record),
        noticed: Some(noticed),
        change: Some(change),
        ..Finding::new(kind, at, change.start)
    });
}

/// Looks at the poison of a freed block that waits in the quarantine; as [`look_at_canaries`].
pub fn look_at_poison(record: &Record, noticed: &'static str, at: StackNumber) {
    let (start, size_bytes) = (record.address, record.size_bytes);
    // SAFETY: the block's own bytes.
    let change = unsafe { marks::find_change_of_poison(start, size_bytes, record.number) };
    if let Some(change) = change {
        tell_change(record, Kind::WriteAfterFree, change, noticed, at);
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
        // What it was before: a copy of what was just written would wait for the writes.
        let before = *record;
        if before.is_live() {
            record.freed_by = Some(call.function);
            record.freed = stack;
            record.freed_thread = thread;
            if before.placement == Placement::Plain {
                // While the record is locked: a fork's child may find it, but not this thread.
                // SAFETY: the block was just freed.
                unsafe {
                    let (address, bytes) = (before.address, before.size_bytes);
                    marks::fill_poison(address, bytes, Tag::Freed, before.number);
                }
            }
        }
        before
    });
    let Some(record) = found else { return false };
    if !record.is_live() {
        let finding = Finding::new(Kind::DoubleFree, stack, call.address);
        super::tell(&Finding { record: Some(record), call: Some(call), ..finding });
        return true;
    }
    FREES.fetch_add(1, Relaxed);
    look_at_call(&record, call, stack);
    look_at_canaries(&record, "free", stack);
    match record.is_guarded() {
        true => retire_guarded(&record),
        false => retire_plain(heap, &record),
    }
    true
}

/// Whether a part of the process has operators of its own: see [`allow_mismatches`].
static MAY_MISMATCH: AtomicBool = AtomicBool::new(false);

/// From now on it is no error to free a block by another function than one that belongs to what
/// allocated it.
pub fn allow_mismatches() {
    MAY_MISMATCH.store(true, Relaxed);
}

/// Whether the block is freed in the way that it was allocated.
fn look_at_call(record: &Record, call: Call, stack: StackNumber) {
    let is_mismatch = record.function.family() != call.function.family();
    let kind = if is_mismatch && !MAY_MISMATCH.load(Relaxed) {
        Kind::MismatchedFree
    } else if call.size.is_some_and(|size| size != record.size_bytes) {
        Kind::WrongSize
    } else {
        return;
    };
    let finding = Finding::new(kind, stack, call.address);
    super::tell(&Finding { record: Some(*record), call: Some(call), ..finding });
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
    // Half of the region is enough to wait in.
    let most_bytes = guard::region().length / 2;
    let (is_waiting, mut left) = GUARDED.push(address, guard::slot_bytes(size_bytes), most_bytes);
    if !is_waiting {
        leave_guarded(address);
    }
    while let Some(oldest) = left {
        leave_guarded(oldest.address);
        left = GUARDED.pop_beyond(most_bytes);
    }
    budget::spend(since);
}

fn leave_guarded(address: usize) {
    if let Some(record) = table::remove(address) {
        guard::leave(address, record.size_bytes);
    }
}

fn retire_plain(mut heap: Option<&mut Heap>, record: &Record) {
    let most_bytes = options::value(Choice::Quarantine);
    let around = (1 << record.lead_log2) + record.canary_behind as usize;
    let bytes = record.size_bytes + around;
    // A block that would drive out most others doesn't wait.
    let may_wait = bytes <= most_bytes / 4;
    let (is_waiting, mut left) = match may_wait {
        true => PLAIN.push(record.address, bytes, most_bytes),
        false => (false, PLAIN.pop_beyond(most_bytes)),
    };
    if !is_waiting {
        give_back(heap.as_deref_mut(), record.address);
    }
    while let Some(oldest) = left {
        prefetch(oldest.later);
        give_back(heap.as_deref_mut(), oldest.address);
        left = PLAIN.pop_beyond(most_bytes);
    }
}

/// Fetches what is looked at when a block leaves the quarantine: with a long quarantine none of it
/// is in a cache.
fn prefetch(address: usize) {
    table::prefetch(address);
    processor::prefetch(address);
    processor::prefetch(address + 64);
}

/// Gives the memory of a freed block back to the heap.
fn give_back(heap: Option<&mut Heap>, address: usize) {
    let Some(record) = table::remove(address) else { return };
    look_at_poison(&record, "quarantine", StackNumber::NONE);
    if let Some(live) = find::live(record.outer()) {
        slow::give(heap, live);
    }
}
