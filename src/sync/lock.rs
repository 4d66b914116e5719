//! The lock: spins briefly, then gives way to other threads.
//!
//! Holding times are some dozens of instructions, so a short spin nearly always succeeds on another
//! processor; on the same one only giving way lets the holder go on (a lock that only span made
//! larson 3.3 times slower on two busy cores).
//!
//! Around a fork one thread holds every lock. Functions that other libraries registered for the
//! fork may allocate in that thread meanwhile, so it passes through all locks: see [`ForkHold`].

use crate::os::thread;
use core::mem::ManuallyDrop;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use spin::mutex::{SpinMutex, SpinMutexGuard};

const SPINS_BEFORE_YIELD: u32 = 100;

/// A value behind a lock, on cache lines of its own.
#[repr(align(128))]
pub struct Lock<T>(SpinMutex<T>);

/// Access to the value of a [`Lock`]; the lock opens when it is dropped.
pub enum Guard<'a, T> {
    /// This guard closed the lock and opens it.
    Owned(SpinMutexGuard<'a, T>),
    /// This thread holds every lock for a fork, and goes on holding this one; or it is the only
    /// one.
    Passed(&'a mut T),
}

/// The thread that holds every lock for a fork, or 0.
static FORKING_THREAD: AtomicUsize = AtomicUsize::new(0);

impl<T> Lock<T> {
    /// A new open lock.
    pub const fn new(value: T) -> Self {
        Self(SpinMutex::new(value))
    }

    /// Closes the lock, waiting as long as another thread holds it.
    #[inline]
    pub fn lock(&self) -> Guard<'_, T> {
        match self.0.try_lock() {
            Some(guard) => Guard::Owned(guard),
            None => self.lock_slow(),
        }
    }

    /// As [`Lock::lock`]; without an instruction that locks the bus where the process has one
    /// thread. For values that no signal's handler asks for while its thread has them.
    #[inline(always)]
    pub fn lock_alone(&self) -> Guard<'_, T> {
        match thread::is_alone() && !self.0.is_locked() {
            // SAFETY: nobody holds the lock, and no other thread can begin before this one starts
            // it, which it doesn't while it has the value.
            true => Guard::Passed(unsafe { &mut *self.0.as_mut_ptr() }),
            false => self.lock(),
        }
    }

    #[cold]
    fn lock_slow(&self) -> Guard<'_, T> {
        if FORKING_THREAD.load(Relaxed) == thread::id() {
            // SAFETY: this thread closed the lock in `hold_for_fork` and lives on one stack, so no
            // other reference is in use: every operation on the value ends before it returns here.
            return Guard::Passed(unsafe { &mut *self.0.as_mut_ptr() });
        }
        let mut round = 0;
        loop {
            for _ in 0..SPINS_BEFORE_YIELD {
                if !self.0.is_locked() {
                    if let Some(guard) = self.0.try_lock() {
                        return Guard::Owned(guard);
                    }
                }
                core::hint::spin_loop();
            }
            thread::give_way(round);
            round += 1;
        }
    }

    /// Closes the lock until [`Lock::release_after_fork`].
    pub fn hold_for_fork(&self) {
        if let Guard::Owned(guard) = self.lock() {
            let _ = ManuallyDrop::new(guard);
        }
    }

    /// Opens the lock that [`Lock::hold_for_fork`] closed.
    ///
    /// # Safety
    /// This thread, or in a child the thread that it is a copy of, must hold it for a fork.
    pub unsafe fn release_after_fork(&self) {
        // SAFETY: the caller's promise.
        unsafe { self.0.force_unlock() };
    }
}

/// A lock, whatever is behind it, as something to hold for a fork or while the world is stopped.
pub trait Holdable {
    /// As [`Lock::hold_for_fork`].
    fn hold(&self);
    /// As [`Lock::release_after_fork`].
    ///
    /// # Safety
    /// As there.
    unsafe fn release(&self);
}

impl<T> Holdable for Lock<T> {
    fn hold(&self) {
        self.hold_for_fork();
    }

    unsafe fn release(&self) {
        // SAFETY: the caller's promise.
        unsafe { self.release_after_fork() };
    }
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        match self {
            Self::Owned(guard) => guard,
            Self::Passed(value) => value,
        }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        match self {
            Self::Owned(guard) => guard,
            Self::Passed(value) => value,
        }
    }
}

/// Marks this thread as the one that holds every lock for a fork.
pub struct ForkHold;

impl ForkHold {
    /// From here on this thread passes through locks that it holds.
    pub fn begin() {
        FORKING_THREAD.store(thread::id(), Relaxed);
    }

    /// Locks are ordinary again.
    pub fn end() {
        FORKING_THREAD.store(0, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn increments_of_many_threads_are_all_counted() {
        static COUNT: Lock<usize> = Lock::new(0);
        let threads: Vec<_> = (0..8)
            .map(|_| {
                std::thread::spawn(|| {
                    for _ in 0..10_000 {
                        *COUNT.lock() += 1;
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(*COUNT.lock(), 80_000);
    }
}
