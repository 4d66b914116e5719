//! Threads: which one this is, giving way to others, and being told of its end.

use super::processor::{single_threaded_flag, stack_pointer, system_call};
use core::ffi::c_void;
use core::sync::atomic::{AtomicU32, Ordering};

pub use super::processor::{set_thread_word, thread_word};

/// A number that no other living thread of the process has.
pub fn id() -> usize {
    // SAFETY: returns the address of the thread's own errno, which is thread-local.
    unsafe { libc::__errno_location() as usize }
}

/// Whether this is the process's only thread, as far as glibc knows. A thread that begins is known
/// before it runs. False where glibc doesn't tell (before 2.32).
#[inline(always)]
pub fn is_alone() -> bool {
    let flag = single_threaded_flag();
    // SAFETY: a byte of glibc's, for ever.
    !flag.is_null() && unsafe { flag.read_volatile() } != 0
}

/// An address on this thread's stack.
pub fn stack_address() -> usize {
    stack_pointer()
}

/// Gives way to other threads, for the `round`th time in a row (from 0). After a few times by
/// sleeping, ever longer: with hundreds of threads on a processor each that only yields takes its
/// turn before the lock's holder, and one of higher real-time priority would keep it from running
/// for ever.
pub fn give_way(round: u32) {
    const ROUNDS_OF_YIELD: u32 = 4;
    const PAUSE_NS: i64 = 20_000;
    const PAUSE_DOUBLINGS: u32 = 6;
    if round < ROUNDS_OF_YIELD {
        // SAFETY: has no effect on memory.
        unsafe { system_call(libc::SYS_sched_yield, [0; 6]) };
    } else {
        let doublings = (round - ROUNDS_OF_YIELD).min(PAUSE_DOUBLINGS);
        let pause = libc::timespec { tv_sec: 0, tv_nsec: PAUSE_NS << doublings };
        // SAFETY: the kernel reads `pause`.
        unsafe { system_call(libc::SYS_nanosleep, [&raw const pause as usize, 0, 0, 0, 0, 0]) };
    }
}

const NO_KEY: u32 = u32::MAX;
static EXIT_KEY: AtomicU32 = AtomicU32::new(NO_KEY);

/// Creates the key through which threads are told of their end: `destructor` is called with the
/// value that the thread gave to [`watch_exit`]. Called once, at the start.
pub fn create_exit_key(destructor: unsafe extern "C" fn(*mut c_void)) {
    let mut key = 0;
    // SAFETY: writes the new key into `key`.
    if unsafe { libc::pthread_key_create(&raw mut key, Some(destructor)) } == 0 {
        EXIT_KEY.store(key, Ordering::Release);
    }
}

/// Asks for this thread's end to be told, with `value`, which must not be null. False when that
/// can't be had. May call the exported `calloc`.
pub fn watch_exit(value: *mut c_void) -> bool {
    let key = EXIT_KEY.load(Ordering::Acquire);
    // SAFETY: the key was created with a destructor that takes `value`.
    key != NO_KEY && unsafe { libc::pthread_setspecific(key, value) } == 0
}
