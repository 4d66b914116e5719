//! The short way for fine blocks in harden mode. It does what `blocks.rs` does, from what the
//! thread has at hand, and leaves all that is rare to that.

use super::blocks::require_zero;
use super::store::Store;
use super::trailer::{Slot, TRAILER_BYTES};
use crate::arithmetic::size_class::{SizeClass, FINE_MAX};
use crate::heap::thread_heap::Heap;
use crate::memory::block::Block;
use core::ptr;

/// Allocates `size_bytes`, which read as zero, if that is a fine block and the thread has one
/// ready.
#[inline]
pub fn allocate_ready(heap: &mut Heap, size_bytes: usize) -> Option<Block> {
    if size_bytes > FINE_MAX - TRAILER_BYTES {
        return None;
    }
    let class = SizeClass::fine_for(size_bytes + TRAILER_BYTES);
    let store = Store::made(heap)?;
    let block = store.take_ready(class)?;
    require_zero(class, block);
    // SAFETY: the block was free and is this thread's; its slot reads as zero and has room for the
    // size; a store's map is not a routing one.
    unsafe {
        Slot { start: block.address(), bytes: class.size_bytes() }.seal(size_bytes);
        store.fine.entry_of(block).set(class.ledger_byte());
    }
    Some(block)
}

/// Frees a fine block whose trailer is whole. False, and nothing is done, for anything else.
#[inline]
pub fn free_fine(heap: &mut Heap, address: usize) -> bool {
    let Some(store) = Store::made(heap) else { return false };
    let Some(entry) = store.fine.entry(address) else { return false };
    let byte = entry.get();
    if !(1..64).contains(&byte) {
        return false;
    }
    let class = SizeClass::from_index(byte as usize);
    let slot = Slot { start: address, bytes: class.size_bytes() };
    // SAFETY: the ledger says that a block of the class is there. If another thread is freeing it
    // at the same time, its trailer may be gone, and `try_clear` will fail.
    unsafe {
        if slot.open().is_err() || !entry.try_clear(byte) {
            return false;
        }
        ptr::write_bytes(address as *mut u8, 0, slot.bytes);
        store.keep(class, Block::at(address));
    }
    true
}
