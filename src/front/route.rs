//! The slow side of the calls: everything that isn't a hit.

use super::checked;
use super::hardened;
use super::life::{self, Inside};
use crate::arithmetic::function::{Function, Request};
use crate::heap::slow::{self, stays_in_place, GROWN_LARGE_FROM_BYTES};
use crate::memory::block::Block;
use crate::memory::emergency;
use crate::memory::find::{self, Live};
use crate::memory::large;
use crate::modes::check::{self, Known};
use crate::modes::harden;
use crate::os::{libc_heap, memory};
use crate::services::report::{self, Call};
use core::ptr;

/// Allocates what is asked for. `None` when there is no memory or the size is beyond
/// `PTRDIFF_MAX`.
pub fn allocate(request: Request) -> Option<Block> {
    allocate_knowing_zero(request).map(|(block, _)| block)
}

/// As [`allocate`]; the bytes read as zero.
pub fn allocate_zeroed(request: Request) -> Option<Block> {
    let (block, is_zero) = allocate_knowing_zero(request)?;
    if !is_zero {
        // SAFETY: the block has at least that many bytes.
        unsafe { ptr::write_bytes(block.as_ptr(), 0, request.size_bytes) };
    }
    Some(block)
}

fn allocate_knowing_zero(request: Request) -> Option<(Block, bool)> {
    if check::is_on() {
        return checked::allocate(request);
    }
    let Some(inside) = life::enter() else {
        let block = emergency::allocate(request.size_bytes, request.alignment);
        return block.map(|block| (block, true));
    };
    // Also begins the process and the thread.
    let heap = life::heap();
    let result = match (check::is_on(), harden::is_on()) {
        // The process has just begun.
        (true, _) => {
            leave(inside);
            return checked::allocate(request);
        }
        (false, true) => hardened::allocate(request),
        (false, false) => slow::take(heap, request.size_bytes, request.alignment),
    };
    leave(inside);
    result
}

/// Ends a slow path, and frees what signal handlers wanted to free meanwhile.
pub(super) fn leave(inside: Inside) {
    drop(inside);
    free_deferred();
}

/// Frees what signal handlers wanted to free during a slow path.
pub(super) fn free_deferred() {
    while let Some(address) = life::take_deferred() {
        free(Call { function: Function::Free, address, size: None, alignment: None });
    }
}

/// Frees the block at `call.address`, or reports that there is none.
pub fn free(call: Call) {
    if check::is_on() {
        return checked::free(call);
    }
    if harden::is_on() {
        return hardened::free(call);
    }
    match find::live(call.address) {
        Some(live) => free_live(live, call),
        None => free_unknown(call),
    }
}

fn free_live(live: Live, call: Call) {
    match life::enter() {
        Some(inside) => {
            if !slow::give(life::heap(), live) {
                match live {
                    Live::Classed(class, _) => report::double_free(call, class.size_bytes()),
                    Live::Large(_) => find::report(call),
                }
            }
            leave(inside);
        }
        None => life::defer(call.address),
    }
}

#[cold]
pub(super) fn free_unknown(call: Call) {
    if !free_foreign(call) {
        find::report(call);
    }
}

/// Frees a block that is neither in the arena nor checked. False if there is none either.
pub(super) fn free_foreign(call: Call) -> bool {
    if emergency::free(call.address) {
        return true;
    }
    if find::is_in_arena(call.address) || !libc_heap::holds(call.address) {
        return false;
    }
    // SAFETY: as far as can be known it is a block of glibc's, which the caller gives up.
    unsafe { libc_heap::free(call.address) }
}

/// Frees the block at `call.address`, which has to be one that `call.size` and `call.alignment`
/// would have got; reports anything else. `may_be_resized` says that `realloc` may have left the
/// block larger than its last size asks for.
pub fn free_sized(call: Call, may_be_resized: bool) {
    if check::is_on() {
        // It knows the size that was asked for.
        return checked::free(call);
    }
    if harden::is_on() {
        return hardened::free_sized(call);
    }
    let Some(live) = find::live(call.address) else { return free_unknown(call) };
    let (size, usable) = (call.size.unwrap_or(0), live.usable_bytes());
    let fits = match (slow::class_for(size, call.alignment.unwrap_or(1)), live) {
        (Some(wanted), Live::Classed(class, _)) => {
            class == wanted || may_be_resized && stays_in_place(usable, size)
        }
        (wanted, Live::Large(_)) if wanted.is_none() || may_be_resized => {
            size.max(1).checked_next_multiple_of(memory::page_bytes()) == Some(usable)
        }
        _ => false,
    };
    if !fits {
        report::wrong_size(call, usable);
    }
    free_live(live, call)
}

/// The usable size of the block at `call.address` in bytes, or a report.
pub fn usable_bytes(call: Call) -> usize {
    if check::is_on() {
        return match requested_bytes(call) {
            Known::Live(bytes) => bytes,
            Known::Wrong => 0,
            Known::No => foreign_bytes(call).unwrap_or_else(|| check::usable_of_unknown(call)),
        };
    }
    if harden::is_on() {
        return hardened::usable_bytes(call);
    }
    match find::live(call.address) {
        Some(live) => live.usable_bytes(),
        None => foreign_bytes(call).unwrap_or_else(|| find::report(call)),
    }
}

/// The usable size of a block that is neither in the arena nor checked.
pub(super) fn foreign_bytes(call: Call) -> Option<usize> {
    if emergency::contains(call.address) {
        // SAFETY: one of the region's.
        return Some(unsafe { emergency::usable_bytes(call.address) });
    }
    let is_libc = !find::is_in_arena(call.address) && libc_heap::holds(call.address);
    // SAFETY: `holds` said yes.
    is_libc.then(|| unsafe { libc_heap::usable_bytes(call.address) })
}

/// Changes the size of the block at `call.address`; returns where it is then. `None` when there is
/// no memory: then the block is as it was. Reports if there is no such block.
pub fn resize(call: Call, size_bytes: usize) -> Option<Block> {
    if check::is_on() {
        return resize_checked(call, size_bytes);
    }
    if harden::is_on() {
        return hardened::resize(call, size_bytes);
    }
    let Some(live) = find::live(call.address) else {
        let bytes = foreign_bytes(call).unwrap_or_else(|| find::report(call));
        return resize_by_copy(call, bytes, size_bytes);
    };
    let usable = live.usable_bytes();
    if let Live::Classed(..) = live {
        if stays_in_place(usable, size_bytes) {
            return Some(live.block());
        }
        if size_bytes > usable && size_bytes >= GROWN_LARGE_FROM_BYTES {
            if let Some(new) = grow_into_large(call, usable, size_bytes) {
                return Some(new);
            }
        }
    }
    if let (Live::Large(block), true) = (live, size_bytes >= GROWN_LARGE_FROM_BYTES) {
        if let Some(inside) = life::enter() {
            let result = resize_large(block, size_bytes);
            leave(inside);
            return result;
        }
    }
    // A block that is too long serves a smaller size as well.
    let too_long = || (size_bytes <= usable).then_some(live.block());
    resize_by_copy(call, usable, size_bytes).or_else(too_long)
}

/// Puts a large block in the place of one of a size class that has `old_bytes`: what has grown once
/// often grows again, and a large block does so in place. `None` without memory for it.
fn grow_into_large(call: Call, old_bytes: usize, size_bytes: usize) -> Option<Block> {
    let inside = life::enter()?;
    let new = slow::take_large(life::heap(), size_bytes, 1);
    leave(inside);
    let (new, _) = new?;
    // SAFETY: both blocks have that many bytes, and are apart.
    unsafe {
        ptr::copy_nonoverlapping(call.address as *const u8, new.as_ptr(), old_bytes);
    }
    free(call);
    Some(new)
}

/// What check mode knows of the block, looked up as a slow path: a signal's handler that interrupts
/// it must not wait for its lock.
fn requested_bytes(call: Call) -> Known {
    let _inside = life::enter();
    check::requested_bytes(call)
}

/// In check mode each block of a new size is a new block, so that every use of the old one shows.
fn resize_checked(call: Call, size_bytes: usize) -> Option<Block> {
    let old_bytes = match requested_bytes(call) {
        Known::Live(bytes) => bytes,
        Known::Wrong => return None,
        Known::No => match foreign_bytes(call) {
            Some(bytes) => bytes,
            None => match check::usable_of_unknown(call) {
                0 => return None,
                bytes => bytes,
            },
        },
    };
    resize_by_copy(call, old_bytes, size_bytes)
}

/// Puts a new block in the place of one that has `old_bytes`.
pub(super) fn resize_by_copy(call: Call, old_bytes: usize, size_bytes: usize) -> Option<Block> {
    let new = allocate(Request { function: call.function, size_bytes, alignment: 1 })?;
    // SAFETY: both blocks have that many bytes, and are apart.
    unsafe {
        let kept = old_bytes.min(size_bytes);
        ptr::copy_nonoverlapping(call.address as *const u8, new.as_ptr(), kept);
    }
    free(call);
    Some(new)
}

/// Resizes a large block that remains one.
pub(super) fn resize_large(block: Block, size_bytes: usize) -> Option<Block> {
    let try_once = || large::resize(block, size_bytes);
    try_once().or_else(|| slow::try_again(life::heap(), size_bytes, |_| try_once()))
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
        harden::empty_out(heap);
    }
    slow::trim(life::heap())
}
