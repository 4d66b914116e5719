//! The memory of the records: rows that never move, each on a cache line of its own, by number.
//!
//! Rows are handed out a few at a time and in order, so that blocks that were allocated one after
//! the other have records near each other: when they leave the quarantine, in the same order, their
//! rows are found in few pages.

use super::record::Record;
use crate::os::memory::{self, Range};
use crate::sync::lock::{Holdable, Lock};
use core::ptr;
use core::sync::atomic::{
    AtomicPtr,
    Ordering::{Acquire, Relaxed, Release},
};

/// How many rows are handed out at a time.
pub const CHUNK: u32 = 16;
/// How many rows the first segment has; each further one has twice as many.
const FIRST_LOG2: u32 = 12;
const FIRST: usize = 1 << FIRST_LOG2;
/// Enough for every row that a number can name.
const SEGMENTS: usize = 32 - FIRST_LOG2 as usize + 1;
/// From this size on segments consist of huge pages, where the kernel has them.
const HUGE_BYTES: usize = 2 << 20;

/// Where the row with the number 0 would be if the segment began with it.
///
/// (R1) A segment that isn't null has its rows, for ever. (R2) Rows below `NEXT` lie in segments
/// that are there.
static ORIGINS: [AtomicPtr<Record>; SEGMENTS] =
    [const { AtomicPtr::new(ptr::null_mut()) }; SEGMENTS];
/// The first row that was never handed out. There is no row 0.
static NEXT: Lock<u32> = Lock::new(CHUNK);

/// Which segment a row is in: the first has the rows below `FIRST`, and each further one has as
/// many as all before it.
#[inline(always)]
fn segment_of(row: u32) -> usize {
    ((row | (FIRST as u32 - 1)).ilog2() + 1 - FIRST_LOG2) as usize
}

fn first_of(segment: usize) -> usize {
    if segment == 0 {
        0
    } else {
        FIRST << (segment - 1)
    }
}

fn range_of(segment: usize) -> Option<Range> {
    let origin = ORIGINS[segment].load(Acquire);
    let start = origin.wrapping_add(first_of(segment)) as usize;
    let length = bytes_of(segment);
    (!origin.is_null()).then_some(Range { start, length })
}

fn bytes_of(segment: usize) -> usize {
    let count = first_of(segment).max(FIRST);
    (count * size_of::<Record>()).next_multiple_of(memory::page_bytes())
}

/// Where a row is; no place in particular for what is no row.
#[inline(always)]
pub fn place_of(row: u32) -> *mut Record {
    ORIGINS[segment_of(row)].load(Relaxed).wrapping_add(row as usize)
}

/// Hands out [`CHUNK`] rows that nobody has had, which read as zero; returns the first.
pub fn take_chunk() -> Option<u32> {
    let mut next = NEXT.lock();
    let first = *next;
    let segment = segment_of(first);
    if ORIGINS[segment].load(Relaxed).is_null() {
        let range = memory::map_writable(bytes_of(segment))?;
        if range.length >= HUGE_BYTES {
            memory::ask_for_huge_pages(range);
        }
        let origin = (range.start as *mut Record).wrapping_sub(first_of(segment));
        ORIGINS[segment].store(origin, Release);
    }
    *next = first.checked_add(CHUNK)?;
    Some(first)
}

/// Calls `visit` with the memory of each segment.
pub fn for_each_range(visit: impl FnMut(Range)) {
    (0..SEGMENTS).filter_map(range_of).for_each(visit);
}

/// The lock.
pub fn lock() -> &'static dyn Holdable {
    &NEXT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_lies_in_its_segment() {
        assert_eq!(segment_of(1), 0);
        assert_eq!(segment_of(FIRST as u32 - 1), 0);
        for segment in 1..SEGMENTS {
            let first = first_of(segment) as u32;
            assert_eq!(segment_of(first), segment);
            assert_eq!(segment_of(first - 1 + first), segment);
        }
    }
}
