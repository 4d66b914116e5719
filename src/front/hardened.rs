//! The slow side of the calls in harden mode, which is every call's only side then.

use super::life;
use super::route::{foreign_bytes, free_unknown, leave, resize_by_copy, resize_large};
use crate::arithmetic::function::Request;
use crate::heap::slow;
use crate::memory::block::Block;
use crate::memory::find::{self, Live};
use crate::modes::harden::{self, Resized};
use crate::services::report::Call;

/// Allocates what is asked for. Says whether it reads as zero.
pub fn allocate(request: Request) -> Option<(Block, bool)> {
    let (size_bytes, alignment) = (request.size_bytes, request.alignment);
    if alignment <= 16 {
        let ready = life::heap().and_then(|heap| harden::allocate_ready(heap, size_bytes));
        if ready.is_some() {
            return ready.map(|block| (block, true));
        }
    }
    harden::allocate(life::heap(), size_bytes, alignment).or_else(|| {
        if let Some(heap) = life::heap() {
            harden::empty_out(heap);
        }
        slow::try_again(life::heap(), size_bytes, |heap| {
            harden::allocate(heap, size_bytes, alignment)
        })
    })
}

/// Frees the block at `call.address`, or reports that there is none.
pub fn free(call: Call) {
    let Some(inside) = life::enter() else { return defer(call) };
    let is_done = life::heap().is_some_and(|heap| harden::free_fine(heap, call.address));
    if !is_done {
        match find::live(call.address) {
            Some(live) if harden::free(life::heap(), call, live) => {}
            Some(_) => find::report(call),
            None => free_unknown(call),
        }
    }
    leave(inside);
}

/// From a signal handler in the middle of another call: only what is sure to be a block waits.
#[cold]
fn defer(call: Call) {
    match find::live(call.address) {
        Some(_) => life::defer(call.address),
        None => free_unknown(call),
    }
}

/// As [`free`], for a block that has to have the size that was given with it.
pub fn free_sized(call: Call) {
    if let Some(live) = find::live(call.address) {
        harden::require_size(call, live);
    }
    free(call);
}

/// The size that was asked for, or a report.
pub fn usable_bytes(call: Call) -> usize {
    match find::live(call.address) {
        Some(live) => harden::usable_bytes(call, live),
        None => foreign_bytes(call).unwrap_or_else(|| find::report(call)),
    }
}

/// Changes the size of the block at `call.address`; returns where it is then. `None` when there is
/// no memory: then the block is as it was. Reports if there is no such block.
pub fn resize(call: Call, size_bytes: usize) -> Option<Block> {
    let Some(live) = find::live(call.address) else {
        return resize_by_copy(call, usable_bytes(call), size_bytes);
    };
    match harden::resize(call, live, size_bytes) {
        Resized::InPlace => Some(live.block()),
        Resized::Large(block) => resize_as_large(call, block, size_bytes),
        Resized::ByCopy(old_bytes) => {
            // A block that is too long serves a smaller size as well.
            let too_long = || (size_bytes <= old_bytes).then_some(live.block());
            resize_by_copy(call, old_bytes, size_bytes).or_else(too_long)
        }
    }
}

fn resize_as_large(call: Call, block: Block, size_bytes: usize) -> Option<Block> {
    let Some(inside) = life::enter() else {
        return resize_by_copy(call, Live::Large(block).usable_bytes(), size_bytes);
    };
    let result = resize_large(block, size_bytes);
    leave(inside);
    result
}
