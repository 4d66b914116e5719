//! The slow side of the calls: everything that isn't a hit.

use super::life::{self, Inside};
use crate::arithmetic::size_class::{SizeClass, COARSE_MAX, UNIT_BYTES};
use crate::memory::arena::ARENA;
use crate::memory::bin;
use crate::memory::block::Block;
use crate::memory::emergency;
use crate::memory::find::{self, Live};
use crate::memory::large;
use crate::memory::limit;
use crate::os::{libc_heap, memory};
use crate::services::report::{self, Call};
use core::ptr;

/// Allocates `size_bytes`. `None` when there is no memory or the size is beyond `PTRDIFF_MAX`.
pub fn allocate(size_bytes: usize) -> Option<Block> {
    allocate_knowing_zero(size_bytes, 1).map(|(block, _)| block)
}

/// Allocates `size_bytes` that start at a multiple of `alignment` (a power of two); else as
/// [`allocate`].
pub fn allocate_aligned(size_bytes: usize, alignment: usize) -> Option<Block> {
    allocate_knowing_zero(size_bytes, alignment).map(|(block, _)| block)
}

/// Allocates `size_bytes` that read as zero.
pub fn allocate_zeroed(size_bytes: usize) -> Option<Block> {
    let (block, is_zero) = allocate_knowing_zero(size_bytes, 1)?;
    if !is_zero {
        // SAFETY: the block has at least that many bytes.
        unsafe { ptr::write_bytes(block.as_ptr(), 0, size_bytes) };
    }
    Some(block)
}

fn allocate_knowing_zero(size_bytes: usize, alignment: usize) -> Option<(Block, bool)> {
    let Some(inside) = life::enter() else {
        return emergency::allocate(size_bytes, alignment).map(|block| (block, true));
    };
    let result = allocate_inside(size_bytes, alignment);
    leave(inside);
    result
}

/// Ends a slow path, and frees what signal handlers wanted to free meanwhile.
fn leave(inside: Inside) {
    drop(inside);
    while let Some(address) = life::take_deferred() {
        free(Call { name: "free", address, size: None, alignment: None });
    }
}

fn allocate_inside(size_bytes: usize, alignment: usize) -> Option<(Block, bool)> {
    // Also begins the process and the thread.
    let _ = life::heap();
    let try_once = || match class_for(size_bytes, alignment) {
        Some(class) => allocate_class(class),
        None => large::allocate(size_bytes, alignment),
    };
    try_once().or_else(|| try_again(size_bytes, try_once))
}

/// Tries again when memory has run out: what the thread and the bins keep may be what is missing.
/// Sizes that no process can have don't shake everything up.
#[cold]
fn try_again<T>(size_bytes: usize, mut try_once: impl FnMut() -> Option<T>) -> Option<T> {
    let is_possible = size_bytes <= isize::MAX as usize;
    let result = if is_possible && trim_inside() > 0 { try_once() } else { None };
    if result.is_none() {
        limit::count_refusal();
    }
    result
}

/// The class that serves a request, or `None` if a large block does.
pub fn class_for(size_bytes: usize, alignment: usize) -> Option<SizeClass> {
    match alignment <= 16 {
        true => SizeClass::for_size(size_bytes),
        false if alignment > UNIT_BYTES => None,
        false => SizeClass::for_aligned(size_bytes, alignment),
    }
}

fn allocate_class(class: SizeClass) -> Option<(Block, bool)> {
    loop {
        let (block, is_zero) = match life::heap() {
            Some(heap) => heap.take(class)?,
            None => bin::take_one(class)?,
        };
        // SAFETY: a block of the class.
        let was_free = unsafe {
            let byte = class.ledger_byte();
            match class.is_coarse() {
                true => ARENA.coarse_map().entry_of(block).try_set(byte),
                false => ARENA.fine_map().entry_of(block, class.is_tiny()).try_set(byte),
            }
        };
        if was_free {
            return Some((block, is_zero));
        }
    }
}

/// Frees the block at `call.address`, or reports that there is none.
pub fn free(call: Call) {
    match find::live(call.address) {
        Some(live) => free_live(live, call),
        None => free_unknown(call),
    }
}

fn free_live(live: Live, call: Call) {
    match life::enter() {
        Some(inside) => {
            free_inside(live, call);
            leave(inside);
        }
        None => life::defer(call.address),
    }
}

fn free_inside(live: Live, call: Call) {
    match live {
        Live::Classed(class, block) => {
            // SAFETY: a block of the class.
            let was_live = unsafe {
                let byte = class.ledger_byte();
                match class.is_coarse() {
                    true => ARENA.coarse_map().entry_of(block).try_clear(byte),
                    false => ARENA.fine_map().entry_of(block, class.is_tiny()).try_clear(byte),
                }
            };
            if !was_live {
                report::double_free(call, class.size_bytes());
            }
            match life::heap() {
                Some(heap) => {
                    heap.look_around();
                    heap.keep(class, block);
                }
                None => bin::give_one(class, block),
            }
        }
        Live::Large(block) => {
            if !large::free(block) {
                find::report(call);
            }
        }
    }
}

#[cold]
fn free_unknown(call: Call) {
    if emergency::contains(call.address) {
        return;
    }
    if find::is_in_arena(call.address) || !libc_heap::holds(call.address) {
        find::report(call);
    }
    // SAFETY: as far as can be known it is a block of glibc's, which the caller gives up.
    if !unsafe { libc_heap::free(call.address) } {
        find::report(call);
    }
}

/// Frees the block at `call.address`, which has to be one that `call.size` and `call.alignment`
/// would have got; reports anything else. `may_be_resized` says that `realloc` may have left the
/// block larger than its last size asks for.
pub fn free_sized(call: Call, may_be_resized: bool) {
    let Some(live) = find::live(call.address) else { return free_unknown(call) };
    let (size, usable) = (call.size.unwrap_or(0), live.usable_bytes());
    let fits = match (class_for(size, call.alignment.unwrap_or(1)), live) {
        (Some(wanted), Live::Classed(class, _)) => {
            class == wanted || may_be_resized && is_kept_in_place(usable, size)
        }
        (None, Live::Large(_)) => {
            size.max(1).checked_next_multiple_of(memory::page_bytes()) == Some(usable)
        }
        _ => false,
    };
    if !fits {
        report::wrong_size(call, usable);
    }
    free_live(live, call)
}

/// Whether `realloc` leaves a block of a class with `usable` bytes where it is when it is to have
/// `size_bytes`.
fn is_kept_in_place(usable: usize, size_bytes: usize) -> bool {
    size_bytes <= usable && size_bytes > usable / 4 * 3
}

/// The usable size of the block at `call.address` in bytes, or a report.
pub fn usable_bytes(call: Call) -> usize {
    match find::live(call.address) {
        Some(live) => live.usable_bytes(),
        // SAFETY: one of the region's.
        None if emergency::contains(call.address) => unsafe {
            emergency::usable_bytes(call.address)
        },
        None if !find::is_in_arena(call.address) && libc_heap::holds(call.address) => {
            // SAFETY: `holds` said yes.
            unsafe { libc_heap::usable_bytes(call.address) }
        }
        None => find::report(call),
    }
}

/// Changes the size of the block at `call.address`; returns where it is then. `None` when there is
/// no memory: then the block is as it was. Reports if there is no such block.
pub fn resize(call: Call, size_bytes: usize) -> Option<Block> {
    let Some(live) = find::live(call.address) else { return resize_foreign(call, size_bytes) };
    let usable = live.usable_bytes();
    if let Live::Classed(..) = live {
        if is_kept_in_place(usable, size_bytes) {
            return Some(live.block());
        }
    }
    if let (Live::Large(block), true) = (live, size_bytes > COARSE_MAX) {
        if let Some(inside) = life::enter() {
            let result = resize_large(block, size_bytes);
            leave(inside);
            return result;
        }
    }
    let Some(new) = allocate(size_bytes) else {
        // A block that is too long serves a smaller size as well.
        return (size_bytes <= usable).then_some(live.block());
    };
    // SAFETY: both blocks have that many bytes, and are apart.
    unsafe {
        ptr::copy_nonoverlapping(live.block().as_ptr(), new.as_ptr(), usable.min(size_bytes));
    }
    free_live(live, call);
    Some(new)
}

fn resize_large(block: Block, size_bytes: usize) -> Option<Block> {
    let try_once = || large::resize(block, size_bytes);
    try_once().or_else(|| try_again(size_bytes, try_once))
}

fn resize_foreign(call: Call, size_bytes: usize) -> Option<Block> {
    let usable = usable_bytes(call);
    let new = allocate(size_bytes)?;
    // SAFETY: the foreign block has `usable` bytes, the new one `size_bytes`.
    unsafe {
        ptr::copy_nonoverlapping(call.address as *const u8, new.as_ptr(), usable.min(size_bytes));
    }
    free_unknown(call);
    Some(new)
}

/// Gives back all memory that no block needs: the thread's magazines, those in the bins, and the
/// pages of what is free then. Returns how many bytes the kernel got.
pub fn trim() -> usize {
    let Some(inside) = life::enter() else { return 0 };
    let bytes = trim_inside();
    leave(inside);
    bytes
}

fn trim_inside() -> usize {
    if let Some(heap) = life::heap() {
        heap.empty_out();
    }
    let in_slabs: usize = SizeClass::all().map(bin::flush).sum();
    in_slabs + ARENA.purge_all()
}
