//! Blocks for calls that find the allocator in the middle of another one of the same thread: a
//! signal handler that interrupted it. The locks may be closed by the very call that waits for the
//! handler to end, so these blocks need none: they are cut off one region. One that is freed
//! while it is the last goes back to it; others are never reused.

use super::block::Block;
use crate::os::memory;
use core::sync::atomic::{AtomicUsize, Ordering};

/// The standard forbids what this is for, so there is little of it.
const REGION_BYTES: usize = 4 << 20;
/// In front of each block: its size.
const HEADER_BYTES: usize = 16;

/// Where the region starts; 0 before it is needed.
static START: AtomicUsize = AtomicUsize::new(0);
/// How much of it was cut off.
static USED: AtomicUsize = AtomicUsize::new(0);

/// Cuts off `size_bytes` at a multiple of `alignment` (a power of two), which read as zero. `None`
/// when the region is used up.
pub fn allocate(size_bytes: usize, alignment: usize) -> Option<Block> {
    let start = region()?;
    let alignment = alignment.max(HEADER_BYTES);
    let mut used = USED.load(Ordering::Relaxed);
    loop {
        let first = (start + used + HEADER_BYTES).checked_next_multiple_of(alignment)?;
        let end = first.checked_add(size_bytes.max(1).checked_next_multiple_of(HEADER_BYTES)?)?;
        if end > start + REGION_BYTES {
            return None;
        }
        let new = end - start;
        match USED.compare_exchange(used, new, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => {
                // SAFETY: the header and the block were just cut off for this call.
                return unsafe {
                    ((first - HEADER_BYTES) as *mut usize).write(size_bytes);
                    Some(Block::at(first))
                };
            }
            Err(other) => used = other,
        }
    }
}

/// Gives up the block at `address`, if it lies in the region. False if it doesn't.
pub fn free(address: usize) -> bool {
    if !contains(address) {
        return false;
    }
    let first = address - HEADER_BYTES;
    let used = USED.load(Ordering::Relaxed);
    // SAFETY: one of the region's.
    let size_bytes = unsafe { usable_bytes(address) };
    let length = size_bytes.max(1).next_multiple_of(HEADER_BYTES);
    let start = START.load(Ordering::Acquire);
    if address + length == start + used {
        // SAFETY: header and block are the caller's until `USED` is set back.
        unsafe { (first as *mut u8).write_bytes(0, HEADER_BYTES + length) };
        // When another was cut off meanwhile this one is lost.
        let _ = USED.compare_exchange(used, first - start, Ordering::Relaxed, Ordering::Relaxed);
    }
    true
}

/// Whether `address` lies in the region.
pub fn contains(address: usize) -> bool {
    let start = START.load(Ordering::Acquire);
    start != 0 && (start..start + REGION_BYTES).contains(&address)
}

/// How many bytes the block at `address` has.
///
/// # Safety
/// It must be one of the region's.
pub unsafe fn usable_bytes(address: usize) -> usize {
    // SAFETY: the header that `allocate` wrote.
    unsafe { ((address - HEADER_BYTES) as *const usize).read() }
}

fn region() -> Option<usize> {
    let start = START.load(Ordering::Acquire);
    if start != 0 {
        return Some(start);
    }
    let range = memory::map_writable(REGION_BYTES)?;
    match START.compare_exchange(0, range.start, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => Some(range.start),
        Err(other) => {
            // SAFETY: another thread was first; nobody knows of this one.
            unsafe { memory::release(range) };
            Some(other)
        }
    }
}
