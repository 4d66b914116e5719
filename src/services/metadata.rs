//! Memory for Cairn's own state. It lies apart from the data, in address space of its own, and is
//! committed in steps; so what a program writes past a block's end can't reach it.

use crate::os::memory::{self, Range};
use crate::sync::lock::Lock;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The step in which metadata is committed: a multiple of every page size that Linux has.
pub const STEP_BYTES: usize = 64 * 1024;

/// A table at a fixed place that grows at one end: address space of which a part is committed.
///
/// (T1) The `committed` bytes from the origin, upwards or downwards, are readable and writable.
/// `committed` only grows, and its callers' lock lets only one of them do that at a time.
pub struct Table {
    origin: AtomicUsize,
    committed: AtomicUsize,
    length: AtomicUsize,
    grows_down: bool,
}

impl Table {
    /// A table without a place.
    pub const fn new(grows_down: bool) -> Self {
        let (origin, committed, length) =
            (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        Self { origin, committed, length, grows_down }
    }

    /// Gives the table its place. Called once, before any other use.
    pub fn place(&self, range: Range) {
        let origin = if self.grows_down { range.end() } else { range.start };
        self.origin.store(origin, Relaxed);
        self.length.store(range.length, Relaxed);
    }

    /// The end that stays: the table's start, or its end if it grows downwards.
    #[inline(always)]
    pub fn origin(&self) -> usize {
        self.origin.load(Relaxed)
    }

    /// How many bytes of it are committed.
    pub fn committed_bytes(&self) -> usize {
        self.committed.load(Relaxed)
    }

    /// The part of the table that is committed.
    pub fn committed(&self) -> Range {
        self.beyond(0, self.committed_bytes())
    }

    /// The part of the table's address space that isn't committed. Callers exclude growth.
    pub fn uncommitted(&self) -> Range {
        self.beyond(self.committed_bytes(), self.length.load(Relaxed))
    }

    /// Makes sure that the first `bytes` are committed; false when the kernel refuses.
    ///
    /// Callers must exclude each other.
    pub fn ensure(&self, bytes: usize) -> bool {
        let committed = self.committed.load(Relaxed);
        if bytes <= committed {
            return true;
        }
        let target = bytes.next_multiple_of(STEP_BYTES);
        if target > self.length.load(Relaxed) {
            return false;
        }
        // SAFETY: (T1): the range is the table's own and nothing is there yet.
        let done = unsafe { memory::commit(self.beyond(committed, target)) }.is_ok();
        if done {
            self.committed.store(target, Relaxed);
        }
        done
    }

    /// The bytes from the `from`th to before the `to`th, counted from the origin.
    fn beyond(&self, from: usize, to: usize) -> Range {
        let length = to - from;
        match self.grows_down {
            true => Range { start: self.origin() - to, length },
            false => Range { start: self.origin() + from, length },
        }
    }
}

/// Where heaps and magazines are cut from. They are recycled by their owners, never given back.
static POOL: Table = Table::new(false);
static POOL_USED: Lock<usize> = Lock::new(0);

/// Gives the pool its address space. Called once, at the start.
pub fn place_pool(range: Range) {
    POOL.place(range);
}

/// Cuts `bytes` (a multiple of 64) of zeroed memory from the pool, aligned to 64 bytes, or `None`
/// when there is none to be had. The caller keeps it for ever.
pub fn allocate(bytes: usize) -> Option<NonNull<u8>> {
    debug_assert!(bytes.is_multiple_of(64));
    let mut used = POOL_USED.lock();
    if !POOL.ensure(*used + bytes) {
        return None;
    }
    let address = POOL.origin() + *used;
    *used += bytes;
    NonNull::new(address as *mut u8)
}

/// How many bytes of the pool are committed.
pub fn pool_committed_bytes() -> usize {
    POOL.committed_bytes()
}

/// The part of the pool that is committed.
pub fn pool_range() -> Range {
    POOL.committed()
}

/// The part of the pool's address space that isn't committed. The caller holds the pool's lock.
pub fn pool_uncommitted() -> Range {
    POOL.uncommitted()
}

/// The pool's lock: for forks, and to keep the pool from growing.
pub fn pool_lock() -> &'static Lock<usize> {
    &POOL_USED
}
