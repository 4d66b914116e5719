//! Harden mode (`harden=1`): for programs that attackers reach. Every call takes the slow path.
//!
//! - Behind each block stands a trailer, which `free` and `realloc` check to the byte.
//! - Freed memory is zeroed at once, and looked at before it is handed out again: a write after
//!   free shows.
//! - Freed blocks rest, and come back in random order, so that a second free is found at the call.
//! - A large block is followed by a guard page, and its memory is gone when it is freed.
//!
//! (S1) In this mode every free block of a size class reads as zero: slabs are zeroed when they are
//! made, blocks when they are freed.

mod blocks;
mod lane;
mod store;
mod trailer;

pub use blocks::{allocate, free, require_size, resize, usable_bytes, Resized};
pub use lane::{allocate_ready, free_fine};
pub use store::{empty_out, end_thread};

use crate::heap::fast;
use crate::memory::{large, slab};
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

static ON: AtomicBool = AtomicBool::new(false);

/// Whether the mode is on.
#[inline]
pub fn is_on() -> bool {
    ON.load(Relaxed)
}

/// Turns the mode on, before the first allocation.
pub fn begin() {
    trailer::choose_secrets();
    slab::keep_free_blocks_zero();
    large::harden();
    fast::route_all_calls();
    ON.store(true, Relaxed);
}
