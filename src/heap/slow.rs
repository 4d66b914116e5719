//! What the slow paths do with a heap: take a block for any request, give one back. A thread that
//! has no heap works with the bins directly.

use super::fast;
use super::thread_heap::Heap;
use crate::arithmetic::size_class::{SizeClass, UNIT_BYTES};
use crate::memory::arena::ARENA;
use crate::memory::bin;
use crate::memory::block::Block;
use crate::memory::find::Live;
use crate::memory::large;
use crate::memory::limit;
use crate::os::memory::page_bytes;

/// A block that `realloc` makes this large or larger is a large one, whatever class would serve it.
pub const GROWN_LARGE_FROM_BYTES: usize = 16 << 10;

/// Whether `realloc` leaves a block of a class with `usable` bytes where it is when it is to have
/// `size_bytes`.
#[inline(always)]
pub fn stays_in_place(usable: usize, size_bytes: usize) -> bool {
    size_bytes <= usable && size_bytes > usable / 4 * 3
}

/// Large blocks of up to this many units are kept by the thread that frees them.
const KEPT_UNITS_MAX: u32 = 64;

/// The class that serves a request, or `None` if a large block does.
pub fn class_for(size_bytes: usize, alignment: usize) -> Option<SizeClass> {
    match alignment <= 16 {
        true => SizeClass::for_size(size_bytes),
        false if alignment > UNIT_BYTES => None,
        false => SizeClass::for_aligned(size_bytes, alignment),
    }
}

/// How many bytes a block has that [`take`] gives for such a request, at least.
pub fn usable_bytes(size_bytes: usize, alignment: usize) -> usize {
    match class_for(size_bytes, alignment) {
        Some(class) => class.size_bytes(),
        None => size_bytes.next_multiple_of(page_bytes()),
    }
}

/// Takes a block of at least `size_bytes` that starts at a multiple of `alignment` (a power of
/// two), which is alive from then on. Says whether it reads as zero. `None` when there is no memory
/// or the size is beyond `PTRDIFF_MAX`.
pub fn take(
    mut heap: Option<&mut Heap>,
    size_bytes: usize,
    alignment: usize,
) -> Option<(Block, bool)> {
    try_take(heap.as_deref_mut(), size_bytes, alignment)
        .or_else(|| try_again(heap, size_bytes, |heap| try_take(heap, size_bytes, alignment)))
}

/// Tries again when memory has run out: what the thread and the bins keep may be what is missing.
/// Sizes that no process can have don't shake everything up.
#[cold]
pub fn try_again<T>(
    mut heap: Option<&mut Heap>,
    size_bytes: usize,
    try_once: impl FnOnce(Option<&mut Heap>) -> Option<T>,
) -> Option<T> {
    let is_possible = size_bytes <= isize::MAX as usize;
    let has_more = is_possible && trim(heap.as_deref_mut()) > 0;
    let result = if has_more { try_once(heap) } else { None };
    if result.is_none() {
        limit::count_refusal();
    }
    result
}

fn try_take(heap: Option<&mut Heap>, size_bytes: usize, alignment: usize) -> Option<(Block, bool)> {
    match class_for(size_bytes, alignment) {
        Some(class) => take_class(heap, class),
        None => take_large(heap, size_bytes, alignment),
    }
}

/// Takes a large block: one that the thread keeps, or a new one.
pub fn take_large(
    heap: Option<&mut Heap>,
    size_bytes: usize,
    alignment: usize,
) -> Option<(Block, bool)> {
    if let Some(heap) = heap {
        let kept =
            if alignment <= UNIT_BYTES { heap.large.take_or_clear(size_bytes) } else { None };
        if let Some(block) = kept {
            large::revive(block, size_bytes);
            return Some((block, false));
        }
    }
    large::allocate(size_bytes, alignment)
}

/// Frees a large block, or keeps it. False if it isn't alive any more.
fn give_large(heap: Option<&mut Heap>, block: Block) -> bool {
    if !large::unmark(block) {
        return false;
    }
    let may_keep = large::run_units(block) <= KEPT_UNITS_MAX && !fast::routes_all_calls();
    let is_kept = heap.is_some_and(|heap| {
        heap.look_around();
        may_keep && heap.large.keep_unmarked(block)
    });
    if !is_kept {
        large::release(block);
    }
    true
}

fn take_class(mut heap: Option<&mut Heap>, class: SizeClass) -> Option<(Block, bool)> {
    loop {
        let (block, is_zero) = match heap.as_deref_mut() {
            Some(heap) => heap.take(class)?,
            None => bin::take_one(class)?,
        };
        // SAFETY: a block of the class.
        let was_free = unsafe {
            let byte = class.ledger_byte();
            match class.is_coarse() {
                true => ARENA.coarse_map().entry_of(block).try_set(byte),
                false => ARENA.fine_map().entry_of(block).try_set(byte),
            }
        };
        if was_free {
            return Some((block, is_zero));
        }
    }
}

/// Takes a block of a fine `class`, the one that was given back last if there is one. Says whether
/// it reads as zero.
#[inline(always)]
pub fn take_recent(heap: &mut Heap, class: SizeClass) -> Option<(Block, bool)> {
    let (block, is_zero) = heap.take_recent(class)?;
    // SAFETY: a block of the class.
    let was_free = unsafe { ARENA.fine_map().entry_of(block).try_set(class.ledger_byte()) };
    match was_free {
        true => Some((block, is_zero)),
        false => take_class(Some(heap), class),
    }
}

/// As [`give`], for a block of a fine `class` that only this thread can give back.
///
/// # Safety
/// A block of the class must start there.
#[inline(always)]
pub unsafe fn give_recent(heap: &mut Heap, class: SizeClass, block: Block) -> bool {
    // SAFETY: the caller's promise.
    let entry = unsafe { ARENA.fine_map().entry_of(block) };
    let is_live = entry.get() == class.ledger_byte();
    if is_live {
        entry.clear();
        heap.keep_recent(class, block);
    }
    is_live
}

/// Gives back a block that the ledger said was alive. False if it isn't any more: then nothing has
/// changed.
pub fn give(heap: Option<&mut Heap>, live: Live) -> bool {
    let (class, block) = match live {
        Live::Large(block) => return give_large(heap, block),
        Live::Classed(class, block) => (class, block),
    };
    // SAFETY: a block of the class.
    let was_live = unsafe {
        let byte = class.ledger_byte();
        match class.is_coarse() {
            true => ARENA.coarse_map().entry_of(block).try_clear(byte),
            false => ARENA.fine_map().entry_of(block).try_clear(byte),
        }
    };
    if was_live {
        match heap {
            Some(heap) => {
                heap.look_around();
                heap.keep(class, block);
            }
            None => bin::give_one(class, block),
        }
    }
    was_live
}

/// Gives back all memory that no block needs: the heap's magazines, those in the bins, and the
/// pages of what is free then. Returns how many bytes the kernel got.
pub fn trim(heap: Option<&mut Heap>) -> usize {
    if let Some(heap) = heap {
        heap.empty_out();
    }
    let in_slabs: usize = SizeClass::all().map(bin::flush).sum();
    in_slabs + ARENA.purge_all()
}
