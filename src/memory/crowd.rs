//! How many threads there are. What one thread may keep for itself, a crowd of them may not.

use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// From so many threads on the process has a crowd of them.
const CROWD: usize = 32;

/// The most threads that had a heap at the same time.
static THREADS: AtomicUsize = AtomicUsize::new(0);

/// Notes that so many threads have a heap, more than ever before.
pub fn note(threads: usize) {
    THREADS.store(threads, Relaxed);
}

/// Whether there are so many threads that each is to keep nothing of a class that it uses little:
/// a block in its magazine may be all that holds a page.
#[inline]
pub fn is_crowd() -> bool {
    THREADS.load(Relaxed) > CROWD
}

/// How many times as much as one thread the process may do in the background in the same time:
/// threads free side by side. Not one for each, since there may be far fewer processors.
pub fn hands() -> u64 {
    const THREADS_PER_HAND: usize = 16;
    (THREADS.load(Relaxed) / THREADS_PER_HAND).max(1) as u64
}
