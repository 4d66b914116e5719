//! The limit on memory (`limit=`). What counts is what may be resident: runs in use, whether the
//! program has touched them or not; free runs that are dirty; and metadata. Beyond the limit free
//! runs are purged, and what doesn't fit in even then is refused.

use super::arena::ARENA;
use super::unit::{Kind, Run};
use super::zone::Zone;
use crate::arithmetic::size_class::{ZoneKind, UNIT_BYTES};
use crate::os::thread;
use crate::services::metadata;
use crate::services::options::{self, Choice};
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Requests that were answered with `ENOMEM`.
static REFUSED: AtomicUsize = AtomicUsize::new(0);

/// The limit in bytes, if there is one.
#[inline]
pub fn bytes() -> Option<usize> {
    match options::value(Choice::Limit) {
        0 => None,
        bytes => Some(bytes),
    }
}

/// What counts against the limit now, in bytes.
pub fn charged_bytes() -> usize {
    in_use_bytes() + charge(|zone| zone.free_and_dirty_units().1)
}

/// What purging can't change. A 64th of the limit is for pages of tables: those that a purged run
/// shares with its neighbours stay.
fn in_use_bytes() -> usize {
    charge(Zone::used_units) + metadata::pool_committed_bytes() + bytes().unwrap_or(0) / 64
}

/// Units of each zone, and their part of its tables: that of a run that is purged goes with it.
fn charge(units: impl Fn(&Zone) -> u32) -> usize {
    let with_tables = |zone: &Zone| {
        let table_bytes: usize = Zone::table_bytes_by_unit(zone.kind()).iter().sum();
        units(zone) as usize * (UNIT_BYTES + table_bytes)
    };
    ARENA.zones().map(with_tables).iter().sum()
}

/// Whether `units` more could be in use, given that `vacated` of those in use soon won't be.
pub fn has_room(units: u32, vacated: u32) -> bool {
    let more = (units as usize).saturating_sub(vacated as usize) * UNIT_BYTES;
    bytes().is_none_or(|limit| in_use_bytes() + more <= limit)
}

/// Purges free runs until what counts, without `vacated` units, is within the limit. False if it
/// isn't then. Threads that take memory at the same time may both be told so.
pub fn keep(vacated: u32) -> bool {
    /// How often to wait for another thread that is purging what this one found dirty.
    const ROUNDS: u32 = 8;
    let Some(limit) = bytes() else { return true };
    let limit = limit.saturating_add(vacated as usize * UNIT_BYTES);
    let mut round = 0;
    loop {
        let excess = charged_bytes().saturating_sub(limit);
        if excess == 0 {
            return true;
        }
        let dirty = ARENA.dirty_bytes();
        if ARENA.purge_until(dirty, dirty.saturating_sub(excess)) == 0 {
            if dirty == 0 || round == ROUNDS {
                return false;
            }
            thread::give_way(round);
            round += 1;
        }
    }
}

/// Lengthens a run in use as [`super::zone::Zone::lengthen`] does, if the limit leaves room.
pub fn lengthen(kind: ZoneKind, run: Run, length: u32, kinds: (Kind, Kind)) -> bool {
    let zone = ARENA.zone(kind);
    if !has_room(length, 0) || zone.lengthen(run, length, kinds).is_none() {
        return false;
    }
    let is_kept = keep(0);
    if !is_kept {
        let long = Run { units: run.units + length, ..run };
        zone.shorten_as_is(long, run.units, kinds);
    }
    is_kept
}

/// Notes that a request was refused.
pub fn count_refusal() {
    REFUSED.fetch_add(1, Relaxed);
}

/// How many requests were refused so far, because of the limit or by the kernel.
pub fn refusals() -> usize {
    REFUSED.load(Relaxed)
}
