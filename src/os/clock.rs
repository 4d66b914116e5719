//! Time: the processor's counter, and what the process has used.

use super::processor::{system_call, time_stamp};
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Where the counter and the clock stood when they were first read together.
static FIRST_TICKS: AtomicU64 = AtomicU64::new(0);
static FIRST_NS: AtomicU64 = AtomicU64::new(0);

/// The processor's counter: cheap to read, in ticks of no fixed length.
#[inline(always)]
pub fn ticks() -> u64 {
    time_stamp()
}

/// Begins to measure how long a tick is.
pub fn begin() {
    FIRST_TICKS.store(ticks(), Relaxed);
    FIRST_NS.store(read(libc::CLOCK_MONOTONIC), Relaxed);
}

/// How many nanoseconds `count` ticks take, by what passed since [`begin`].
pub fn ns_of_ticks(count: u64) -> u64 {
    let ticks = ticks().wrapping_sub(FIRST_TICKS.load(Relaxed)).max(1);
    let ns = read(libc::CLOCK_MONOTONIC).saturating_sub(FIRST_NS.load(Relaxed));
    (u128::from(count) * u128::from(ns) / u128::from(ticks)) as u64
}

/// How much of the processors' time the process has used, in nanoseconds.
pub fn process_ns() -> u64 {
    read(libc::CLOCK_PROCESS_CPUTIME_ID)
}

fn read(clock: i32) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    let arguments = [clock as usize, &raw mut time as usize, 0, 0, 0, 0];
    // SAFETY: the kernel writes one timespec.
    unsafe { system_call(libc::SYS_clock_gettime, arguments) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
