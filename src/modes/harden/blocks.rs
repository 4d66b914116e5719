//! Blocks in harden mode: how they are handed out, freed and resized.

use super::store::Store;
use super::trailer::{Broken, Slot, TRAILER_BYTES};
use crate::arithmetic::size_class::{SizeClass, COARSE_MAX, UNIT_BYTES};
use crate::heap::thread_heap::Heap;
use crate::memory::arena::ARENA;
use crate::memory::bin;
use crate::memory::block::Block;
use crate::memory::find::Live;
use crate::memory::large;
use crate::os::memory;
use crate::services::report::{self, Call};
use core::ptr;

/// The class that serves a request with its trailer, or `None` if a large block does.
fn class_for(size_bytes: usize, alignment: usize) -> Option<SizeClass> {
    match alignment <= 16 {
        true => SizeClass::for_size(size_bytes),
        false if alignment > UNIT_BYTES => None,
        false => SizeClass::for_aligned(size_bytes, alignment),
    }
}

/// Allocates `size_bytes`, which read as zero, at a multiple of `alignment` (a power of two).
/// `None` when there is no memory or the size is beyond `PTRDIFF_MAX`.
#[inline]
pub fn allocate(
    heap: Option<&mut Heap>,
    size_bytes: usize,
    alignment: usize,
) -> Option<(Block, bool)> {
    let with_trailer = size_bytes.checked_add(TRAILER_BYTES)?;
    let Some(class) = class_for(with_trailer, alignment) else {
        return large::allocate(size_bytes, alignment);
    };
    let (block, is_zero) = match heap.and_then(Store::of) {
        Some(store) => store.take(class)?,
        None => bin::take_one(class)?,
    };
    let slot = slot_of(class, block);
    if !is_zero {
        require_zero(class, block);
    }
    // SAFETY: the slot is this thread's, reads as zero, and the class has room for the size.
    unsafe { slot.seal(size_bytes) };
    ARENA.mark_live(class, block);
    Some((block, true))
}

fn slot_of(class: SizeClass, block: Block) -> Slot {
    Slot { start: block.address(), bytes: class.size_bytes() }
}

/// Reports the block unless every byte of its slot is zero.
#[inline]
pub fn require_zero(class: SizeClass, block: Block) {
    let start = block.address() as *const u64;
    // SAFETY: the slot is this thread's, and a multiple of sixteen bytes long.
    let words = unsafe { core::slice::from_raw_parts(start, class.size_bytes() / 8) };
    // Without a way out of the loops they take many bytes at a time.
    let mut lines = words.chunks_exact(8);
    let mut union = 0;
    for line in &mut lines {
        union |= line.iter().fold(0, |union, word| union | word);
    }
    union |= lines.remainder().iter().fold(0, |union, word| union | word);
    if union != 0 {
        report_write_after_free(class, block);
    }
}

#[cold]
fn report_write_after_free(class: SizeClass, block: Block) -> ! {
    // SAFETY: as in `require_zero`.
    let bytes = unsafe { core::slice::from_raw_parts(block.as_ptr(), class.size_bytes()) };
    let offset = bytes.iter().position(|byte| *byte != 0).unwrap_or(0);
    report::write_after_free(block.address(), class.size_bytes(), offset)
}

/// Frees a block that the ledger said was alive. False if it isn't any more: then nothing has
/// changed. Reports it if it was written to past its end.
#[inline]
pub fn free(heap: Option<&mut Heap>, call: Call, live: Live) -> bool {
    let (class, block) = match live {
        Live::Large(block) => return large::free(block),
        Live::Classed(class, block) => (class, block),
    };
    // First, so that of two threads that free it one gets here.
    if !ARENA.mark_free(class, block) {
        return false;
    }
    let mut heap = heap;
    if let Some(store) = heap.as_deref_mut().and_then(Store::made) {
        store.look_around();
    }
    size_in(slot_of(class, block), call);
    // SAFETY: the slot is nobody's any more.
    unsafe { ptr::write_bytes(block.as_ptr(), 0, class.size_bytes()) };
    match heap.and_then(Store::of) {
        Some(store) => store.keep(class, block),
        None => bin::give_one(class, block),
    }
    true
}

/// The size of the block in a slot; reports it if it was written to past its end.
#[inline]
fn size_in(slot: Slot, call: Call) -> usize {
    // SAFETY: the ledger says, or said until this thread freed it, that a block is there.
    match unsafe { slot.open() } {
        Ok(size_bytes) => size_bytes,
        Err(Broken::Block(size_bytes)) => report::overrun(call, "", size_bytes),
        Err(Broken::AtMost(size_bytes)) => report::overrun(call, "at most ", size_bytes),
    }
}

/// The size that was asked for; for a large block, rounded up to pages.
pub fn usable_bytes(call: Call, live: Live) -> usize {
    match live {
        Live::Classed(class, block) => size_in(slot_of(class, block), call),
        Live::Large(block) => large::usable_bytes(block),
    }
}

/// Reports the block unless its size is the one that was given with it.
pub fn require_size(call: Call, live: Live) {
    let (given, usable) = (call.size.unwrap_or(0), usable_bytes(call, live));
    let fits = match live {
        Live::Classed(..) => given == usable,
        Live::Large(_) => {
            given.max(1).checked_next_multiple_of(memory::page_bytes()) == Some(usable)
        }
    };
    if !fits {
        report::wrong_size(call, usable);
    }
}

/// How a block comes to another size.
pub enum Resized {
    /// It has it: it stays where it is.
    InPlace,
    /// As a large block that remains one.
    Large(Block),
    /// A new block is needed; the old one has this many bytes.
    ByCopy(usize),
}

/// Gives a block another size where that takes no new one.
pub fn resize(call: Call, live: Live, size_bytes: usize) -> Resized {
    let old_bytes = usable_bytes(call, live);
    match live {
        Live::Large(block) if size_bytes > COARSE_MAX - TRAILER_BYTES => Resized::Large(block),
        Live::Large(_) => Resized::ByCopy(old_bytes),
        Live::Classed(class, block) => {
            let slot = slot_of(class, block);
            if size_bytes > slot.room() || size_bytes < slot.bytes / 4 * 3 {
                return Resized::ByCopy(old_bytes);
            }
            // SAFETY: the caller's block, with room for the size.
            unsafe { slot.reseal(size_bytes) };
            Resized::InPlace
        }
    }
}
