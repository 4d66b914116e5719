//! How much freed memory waits in the quarantine: 16 MiB, in a program that takes its time.
//!
//! What waits is written when it is freed and read when it leaves. In a program that does little
//! but allocate and free, that drives all else out of the processor's caches, its own data too:
//! with 6 MiB alive such a program took a quarter longer with 16 MiB of small blocks than with 4
//! (`bench/check/run`, mixed churn). At that pace 16 MiB pass quickly as well. So the quarantine
//! begins with 4 MiB of what is to be looked at, and grows while a program frees more slowly than
//! 16 MiB in 30 ms of the processor's time. Large blocks, of which only the ends are looked at, may
//! take 16 MiB in any case.

use super::quarantine::{Bounds, PLAIN};
use crate::services::options::{self, Choice, QUARANTINE_AUTO};
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

const MOST_BYTES: usize = 16 << 20;
const LEAST_BYTES: usize = 4 << 20;
/// By how much it changes at a time.
const STEP_BYTES: usize = 1 << 20;
/// In how much of the processor's time [`MOST_BYTES`] may pass.
const LEAST_NS: usize = 30_000_000;

/// How much may wait now.
static BYTES: AtomicUsize = AtomicUsize::new(MOST_BYTES);
static LOOKED_AT_BYTES: AtomicUsize = AtomicUsize::new(LEAST_BYTES);
/// What had entered the quarantine until the last look, and what time the process had taken.
static ENTERED_BYTES: AtomicUsize = AtomicUsize::new(0);
static TAKEN_NS: AtomicU64 = AtomicU64::new(0);

/// Takes over what the options say.
pub fn begin() {
    let wanted = options::value(Choice::Quarantine);
    if wanted != QUARANTINE_AUTO {
        BYTES.store(wanted, Relaxed);
        LOOKED_AT_BYTES.store(wanted, Relaxed);
    }
}

/// How much may wait now.
#[inline(always)]
pub fn bounds() -> Bounds {
    Bounds { bytes: BYTES.load(Relaxed), looked_at_bytes: LOOKED_AT_BYTES.load(Relaxed) }
}

/// Looks at the pace since the last look. `process_ns` is the processor's time that the process has
/// taken.
pub fn look(process_ns: u64) {
    if options::value(Choice::Quarantine) != QUARANTINE_AUTO {
        return;
    }
    let (waiting_bytes, entered_bytes) = PLAIN.looked_at_bytes();
    let bytes = entered_bytes.saturating_sub(ENTERED_BYTES.swap(entered_bytes, Relaxed));
    let ns = process_ns.saturating_sub(TAKEN_NS.swap(process_ns, Relaxed));
    let bound = next_bound(LOOKED_AT_BYTES.load(Relaxed), waiting_bytes, bytes, ns as usize);
    LOOKED_AT_BYTES.store(bound, Relaxed);
}

/// The bound after a stretch of `ns` in which `bytes` entered, with `waiting_bytes` at its end.
fn next_bound(bound_bytes: usize, waiting_bytes: usize, bytes: usize, ns: usize) -> usize {
    let is_fast = bytes.saturating_mul(LEAST_NS) > ns.saturating_mul(MOST_BYTES);
    let is_full = waiting_bytes + STEP_BYTES > bound_bytes;
    match (is_fast, is_full) {
        (true, _) => (bound_bytes - STEP_BYTES).max(LEAST_BYTES),
        (false, true) => (bound_bytes + STEP_BYTES).min(MOST_BYTES),
        (false, false) => bound_bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_follows_the_pace_and_stays_in_its_range() {
        let millisecond = 1_000_000;
        let slow = |bound| next_bound(bound, bound, MOST_BYTES, 31 * millisecond);
        let fast = |bound| next_bound(bound, bound, MOST_BYTES, 29 * millisecond);
        assert_eq!(fast(MOST_BYTES), MOST_BYTES - STEP_BYTES);
        assert_eq!(fast(LEAST_BYTES), LEAST_BYTES);
        assert_eq!(slow(MOST_BYTES), MOST_BYTES);
        assert_eq!(slow(LEAST_BYTES), LEAST_BYTES + STEP_BYTES);
        assert_eq!(next_bound(LEAST_BYTES, LEAST_BYTES / 2, 0, millisecond), LEAST_BYTES);
        assert_eq!(next_bound(MOST_BYTES, 0, 0, 0), MOST_BYTES);
        assert_eq!(next_bound(MOST_BYTES, 0, usize::MAX, 1), MOST_BYTES - STEP_BYTES);
    }
}
