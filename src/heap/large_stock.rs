//! Large blocks that a thread has freed and is likely to want again soon: they stay as they are,
//! without an entry in the ledger, so that freeing one and allocating one as long costs no lock.
//!
//! What is kept has left the free runs' bound on dirty memory, so room for it is reserved in the
//! arena first, which has little. A request that finds no block of its length gives all of them
//! back: a program whose sizes vary gains nothing from them, and would only use more memory.

use super::fast::{current, Owner};
use super::hit::{Allocate, Free};
use super::thread_heap::Heap;
use crate::memory::arena::ARENA;
use crate::memory::block::Block;
use crate::memory::large;
use core::ffi::c_void;
use core::sync::atomic::{compiler_fence, Ordering};

/// How many blocks a thread keeps.
const BLOCKS: usize = 2;

/// The large blocks that a thread keeps.
///
/// (S1) `kept_units` is the sum of their runs' lengths, and at most `room_units`, which is reserved
///      in the arena.
pub struct LargeStock {
    blocks: [Option<Block>; BLOCKS],
    kept_units: u32,
    room_units: u32,
}

impl LargeStock {
    /// None, and no room for any.
    pub const EMPTY: Self = Self { blocks: [None; BLOCKS], kept_units: 0, room_units: 0 };

    /// Takes a kept block out whose run has as many units as `size_bytes` needs, or up to an eighth
    /// more.
    fn take(&mut self, size_bytes: usize) -> Option<Block> {
        let wanted = large::units_for(size_bytes)?;
        for kept in &mut self.blocks {
            let Some(block) = *kept else { continue };
            let units = large::run_units(block);
            if units.wrapping_sub(wanted) <= wanted / 8 {
                *kept = None;
                self.kept_units -= units;
                return Some(block);
            }
        }
        None
    }

    /// Keeps a block, if there is room for it and then `is_free` says that it may be kept.
    #[inline(always)]
    fn keep(&mut self, block: Block, is_free: impl FnOnce(Block) -> bool) -> bool {
        let units = large::run_units(block);
        if units > self.room_units - self.kept_units {
            return false;
        }
        let Some(free) = self.blocks.iter_mut().find(|kept| kept.is_none()) else { return false };
        if !is_free(block) {
            return false;
        }
        large::note_kept(block);
        *free = Some(block);
        self.kept_units += units;
        true
    }

    /// As `take`; what doesn't fit is given back.
    pub fn take_or_clear(&mut self, size_bytes: usize) -> Option<Block> {
        let block = self.take(size_bytes);
        if block.is_none() {
            self.clear();
        }
        block
    }

    /// Keeps a block that has been unmarked; if need be with more room, if the arena has some, or
    /// in place of the others.
    pub fn keep_unmarked(&mut self, block: Block) -> bool {
        if self.blocks.iter().all(Option::is_some) {
            self.clear();
        }
        let more = (self.kept_units + large::run_units(block)).saturating_sub(self.room_units);
        if !ARENA.reserve_for_kept(more) {
            return false;
        }
        self.room_units += more;
        self.keep(block, |_| true)
    }

    /// Gives all blocks and the room for them back.
    pub fn clear(&mut self) {
        for block in self.blocks.iter_mut().filter_map(Option::take) {
            large::release(block);
        }
        if self.room_units > 0 {
            ARENA.give_up_room(self.room_units);
        }
        (self.kept_units, self.room_units) = (0, 0);
    }
}

/// Runs `change` on the thread's large stock if it is a thread's own and not in the middle of
/// something: this may be a signal's handler. What the handler wants to free meanwhile is freed at
/// the end of the next slow path.
#[inline(always)]
fn with_stock<T>(change: impl FnOnce(&mut LargeStock) -> Option<T>) -> Option<T> {
    let fast = current();
    // SAFETY: a thread's own fast part is the start of its heap, which only it uses.
    unsafe {
        if (*fast).owner != Owner::Thread {
            return None;
        }
        let heap = fast.cast::<Heap>();
        let is_inside = &raw const (*heap).is_inside;
        if (*is_inside).load(Ordering::Relaxed) || (*heap).large.room_units == 0 {
            return None;
        }
        (*is_inside).store(true, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
        let result = change(&mut (*heap).large);
        compiler_fence(Ordering::SeqCst);
        (*is_inside).store(false, Ordering::Relaxed);
        result
    }
}

/// Allocates a block of `size_bytes` that the thread has kept, or calls `slow`.
///
/// # Safety
/// As `slow`.
#[inline(never)]
pub unsafe fn allocate(size_bytes: usize, slow: Allocate) -> *mut c_void {
    let Some(block) = with_stock(|stock| stock.take(size_bytes)) else {
        // SAFETY: the caller's promise.
        return unsafe { slow(size_bytes) };
    };
    large::revive(block, size_bytes);
    block.as_ptr().cast()
}

/// Frees a large block by keeping it, or calls `slow`: if there is no room for it, or it isn't
/// alive any more.
///
/// # Safety
/// The ledger said that a large block starts at `address`; as `slow`.
#[inline(never)]
pub unsafe fn free(address: *mut c_void, slow: Free) {
    // SAFETY: the caller's promise.
    unsafe {
        let block = Block::at(address as usize);
        if with_stock(|stock| Some(stock.keep(block, large::unmark))) != Some(true) {
            slow(address)
        }
    }
}
