//! Allocating and freeing checked blocks: where each comes from, what is around it, and what is
//! looked at when it is freed.

use super::budget;
use super::finding::{Finding, Kind};
use super::marks::{self, Change, Tag};
use super::place::{self, Place, CANARY_LEAST};
use super::quarantine::{Bounds, Later, Pushed, GUARDED, PLAIN};
use super::record::{Placement, Record};
use super::stacks::StackNumber;
use super::table::{self, Held};
use super::{guard, pace, telling, watch};
use crate::arithmetic::function::{Function, Request};
use crate::arithmetic::size_class::SizeClass;
use crate::heap::slow;
use crate::heap::thread_heap::Heap;
use crate::memory::block::Block;
use crate::memory::find;
use crate::os::{clock, memory, processor};
use crate::services::report::Call;
use crate::sync::counter::Counter;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

static ALLOCATIONS: Counter = Counter::new();
static FREES: Counter = Counter::new();
static ALLOCATED_BYTES: Counter = Counter::new();

/// How many blocks were allocated and freed, and how many bytes were allocated.
pub fn counts() -> (u64, u64, u64) {
    (ALLOCATIONS.get(), FREES.get(), ALLOCATED_BYTES.get())
}

/// Who calls.
pub struct Site<'a> {
    /// The heap that the calling thread's blocks come from, if it has one.
    pub heap: Option<&'a mut Heap>,
    /// The stack of calls that led here.
    pub stack: StackNumber,
    /// The thread's number at the kernel.
    pub thread: u32,
    /// Whether what it allocates now is no leak.
    pub is_ignored: bool,
}

/// Allocates what is asked for; says whether it reads as zero. `None` when there is no memory or
/// the size is beyond `PTRDIFF_MAX`.
#[inline(always)]
pub fn allocate(mut site: Site, request: Request) -> Option<(Block, bool)> {
    if request.size_bytes > isize::MAX as usize {
        return None;
    }
    let number = ALLOCATIONS.add(1) + 1;
    let guarded = budget::side_for(site.stack, request.size_bytes, number)
        .and_then(|side| place::guarded(request, side, site.stack));
    let place = match guarded {
        Some(place) => place,
        None => place::plain(site.heap.as_deref_mut(), request)?,
    };
    // Before there is a record: a fork's child may find it, but not the thread that does this.
    // SAFETY: within the block's extent, outside of what the program gets.
    unsafe {
        let (before, behind) = (place.canary_before as usize, place.canary_behind as usize);
        let end = place.address + request.size_bytes;
        marks::fill_canary(place.address - before, place.address);
        marks::fill_canary(end, end + behind);
    }
    if !note_block(&place, request, &site, number) {
        return allocate_unchecked(site.heap, &place, request);
    }
    ALLOCATED_BYTES.add(request.size_bytes as u64);
    if place.placement != Placement::Plain {
        watch::begin(place.address, request.size_bytes);
    }
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
#[inline(always)]
fn note_block(place: &Place, request: Request, site: &Site, number: u64) -> bool {
    table::insert(place.address, |record| {
        *record = Record {
            address: place.address,
            size_bytes: request.size_bytes,
            number,
            allocated: site.stack,
            freed: StackNumber::NONE,
            thread: site.thread,
            freed_thread: 0,
            function: request.function,
            freed_by: None,
            placement: place.placement,
            is_ignored: site.is_ignored,
            lead_log2: place.lead_log2,
            canary_before: place.canary_before,
            canary_behind: place.canary_behind,
            class: place.class,
        }
    })
}

/// Allocates a block that there is no record for, in the place of one that was to have one. Where
/// address space is limited, memory is at its end then, and there is no block either: what is
/// handed out stays checked.
#[cold]
fn allocate_unchecked(
    mut heap: Option<&mut Heap>,
    place: &Place,
    request: Request,
) -> Option<(Block, bool)> {
    if place.placement == Placement::Plain {
        if let Some(live) = find::live(place.address - (1 << place.lead_log2)) {
            slow::give(heap.as_deref_mut(), live);
        }
    } else {
        guard::free(place.address, request.size_bytes);
        guard::leave(place.address, request.size_bytes);
    }
    if memory::is_claimed() {
        return None;
    }
    telling::note("no memory for more records: later blocks are not checked");
    slow::take(heap, request.size_bytes, request.alignment)
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

/// Whether the poison of a freed block is as it was written.
///
/// # Safety
/// The block's memory must stay meanwhile.
#[inline(always)]
unsafe fn has_poison(record: &Record) -> bool {
    let (start, size_bytes) = (record.address, record.size_bytes);
    // SAFETY: the block's own bytes.
    unsafe { marks::find_change_of_poison(start, size_bytes, record.number) }.is_none()
}

/// What is known of a block that is freed.
struct Freed {
    record: u32,
    size_bytes: usize,
    number: u64,
    /// How much the canaries and the room before it take.
    around_bytes: usize,
}

/// Frees the block at `call.address`. False if no checked block ever started there.
#[inline(always)]
pub fn free(site: Site, call: Call) -> bool {
    let Some(mut held) = table::hold(call.address) else { return false };
    let row = held.row();
    let record = held.record();
    if !record.is_live() {
        drop(held);
        tell_double_free(call, site.stack);
        return true;
    }
    record.freed_by = Some(call.function);
    record.freed = site.stack;
    record.freed_thread = site.thread;
    let freed = Freed {
        record: row,
        size_bytes: record.size_bytes,
        number: record.number,
        around_bytes: (1 << record.lead_log2) + record.canary_behind as usize,
    };
    let is_guarded = record.is_guarded();
    if is_guarded {
        watch::end(record.address);
    }
    // While the record is locked: a fork's child may find it, but not this thread.
    // SAFETY: the block was just freed.
    let is_right = unsafe {
        if !is_guarded {
            marks::fill_poison(record.address, record.size_bytes, Tag::Freed, record.number);
        }
        wrong_call_kind(record, call).is_none() && has_canaries(record)
    };
    drop(held);
    FREES.add(1);
    if !is_right {
        look_at_wrong(call, site.stack);
    }
    match is_guarded {
        true => retire_guarded(call.address, &freed),
        false => retire_plain(site.heap, call.address, &freed),
    }
    true
}

#[cold]
fn tell_double_free(call: Call, stack: StackNumber) {
    let record = table::get(call.address);
    let finding = Finding::new(Kind::DoubleFree, stack, call.address);
    super::tell(&Finding { record, call: Some(call), ..finding });
}

/// Tells what is wrong about the free of a block that doesn't wait yet.
#[cold]
fn look_at_wrong(call: Call, stack: StackNumber) {
    let Some(record) = table::get(call.address) else { return };
    if let Some(kind) = wrong_call_kind(&record, call) {
        let finding = Finding::new(kind, stack, call.address);
        super::tell(&Finding { record: Some(record), call: Some(call), ..finding });
    }
    look_at_canaries(&record, "free", stack);
}

/// Whether a part of the process has operators of its own: see [`allow_mismatches`].
static MAY_MISMATCH: AtomicBool = AtomicBool::new(false);

/// From now on it is no error to free a block by another function than one that belongs to what
/// allocated it.
pub fn allow_mismatches() {
    MAY_MISMATCH.store(true, Relaxed);
}

/// What is wrong about the way in which a block is freed, by how it was allocated.
#[inline(always)]
fn wrong_call_kind(record: &Record, call: Call) -> Option<Kind> {
    let is_mismatch = record.function.family() != call.function.family();
    if is_mismatch && !MAY_MISMATCH.load(Relaxed) {
        return Some(Kind::MismatchedFree);
    }
    call.size.is_some_and(|size| size != record.size_bytes).then_some(Kind::WrongSize)
}

/// Whether the canaries of a block are as they were written.
///
/// # Safety
/// The block's memory must stay meanwhile.
#[inline(always)]
unsafe fn has_canaries(record: &Record) -> bool {
    let [(before, start), (end, behind)] = canaries(record);
    // SAFETY: within the block's extent.
    unsafe {
        marks::find_change_of_canary(before, start).is_none()
            && marks::find_change_of_canary(end, behind).is_none()
    }
}

#[cold]
fn retire_guarded(address: usize, freed: &Freed) {
    let since = clock::ticks();
    let size_bytes = freed.size_bytes;
    if guard::free(address, size_bytes) {
        budget::note_live(size_bytes, false);
    } else {
        // SAFETY: the block was freed, and its pages are as they were.
        unsafe { marks::fill_poison(address, size_bytes, Tag::Freed, freed.number) };
    }
    let bounds = Bounds { bytes: guard::waiting_max_bytes(), looked_at_bytes: usize::MAX };
    let slot_bytes = guard::slot_bytes(size_bytes);
    let pushed = GUARDED.push(address, freed.record, slot_bytes, bounds);
    if !pushed.is_waiting {
        leave_guarded(address);
    }
    let mut left = pushed.left;
    while let Some(oldest) = left {
        leave_guarded(oldest.address);
        left = GUARDED.pop_beyond(bounds);
    }
    budget::spend(since);
}

fn leave_guarded(address: usize) {
    if let Some(mut held) = table::hold(address) {
        let size_bytes = held.record().size_bytes;
        held.remove();
        guard::leave(address, size_bytes);
    }
}

#[inline(always)]
fn retire_plain(mut heap: Option<&mut Heap>, address: usize, freed: &Freed) {
    let bounds = pace::bounds();
    let bytes = freed.size_bytes + freed.around_bytes;
    // A block that would drive out most others doesn't wait.
    let pushed = match bytes <= bounds.bytes / 4 {
        true => PLAIN.push(address, freed.record, bytes, bounds),
        false => Pushed::REFUSED,
    };
    if !pushed.is_waiting {
        give_back(heap.as_deref_mut(), address);
    }
    if let Some(oldest) = pushed.left {
        prefetch(oldest.later);
        give_back(heap.as_deref_mut(), oldest.address);
    }
    if pushed.has_more {
        drain_plain(heap, bounds);
    }
}

/// Lets those go that wait too long.
#[inline(never)]
fn drain_plain(mut heap: Option<&mut Heap>, bounds: Bounds) {
    while let Some(oldest) = PLAIN.pop_beyond(bounds) {
        prefetch(oldest.later);
        give_back(heap.as_deref_mut(), oldest.address);
    }
}

/// Fetches what is looked at when the block at `address`, which may be any, is freed.
#[inline(always)]
pub fn prefetch_free(address: usize) {
    /// The record says only later how long the block is.
    const PREFETCHED_BYTES: usize = 256;
    table::prefetch(address);
    let start = address.wrapping_sub(CANARY_LEAST);
    (0..PREFETCHED_BYTES).step_by(64).for_each(|at| processor::prefetch(start.wrapping_add(at)));
}

/// Fetches what is looked at when a block leaves the quarantine: with a long quarantine none of it
/// is in a cache.
#[inline(always)]
fn prefetch(later: Later) {
    /// The processor itself sees to what is behind.
    const PREFETCHED_BYTES: usize = 512;
    table::prefetch_for_later(later.address, later.record);
    find::prefetch(later.address);
    let bytes = later.bytes.min(PREFETCHED_BYTES);
    (0..bytes).step_by(64).for_each(|offset| processor::prefetch(later.address + offset));
}

/// Gives the memory of a freed block back to the heap.
#[inline(always)]
fn give_back(heap: Option<&mut Heap>, address: usize) {
    let Some(mut held) = table::hold(address) else { return };
    let record = held.record();
    let (outer, class) = (record.outer(), record.class);
    // SAFETY: the block waited, and its memory with it.
    match unsafe { has_poison(record) } {
        true => held.remove(),
        false => remove_wrong(held),
    }
    let fine = SizeClass::from_index(class as usize);
    match heap {
        Some(heap) if class != 0 && !fine.is_coarse() => {
            // SAFETY: where the record was, a block of the class starts.
            unsafe { slow::give_recent(heap, fine, Block::at(outer)) };
        }
        heap => give_back_any(heap, outer),
    }
}

/// Takes out the record of a block that was written to after it had been freed, and tells that.
#[cold]
#[inline(never)]
fn remove_wrong(mut held: Held) {
    let record = *held.record();
    held.remove();
    look_at_poison(&record, "quarantine", StackNumber::NONE);
}

#[inline(never)]
fn give_back_any(heap: Option<&mut Heap>, outer: usize) {
    if let Some(live) = find::live(outer) {
        slow::give(heap, live);
    }
}
