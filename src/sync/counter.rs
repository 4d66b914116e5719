//! A number that threads add to together.

use crate::os::thread;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A sum. In a process with one thread adding to it is an ordinary addition.
#[repr(align(64))]
pub struct Counter(AtomicU64);

impl Counter {
    /// Zero.
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Adds `more`; returns what it was before.
    #[inline(always)]
    pub fn add(&self, more: u64) -> u64 {
        if !thread::is_alone() {
            return self.0.fetch_add(more, Relaxed);
        }
        let before = self.0.load(Relaxed);
        self.0.store(before.wrapping_add(more), Relaxed);
        before
    }

    /// What it is.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}
