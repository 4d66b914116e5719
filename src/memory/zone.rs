//! Zones: the parts of the arena, each with its units, their tables, and its free runs.
//!
//! A zone is used from one end on, up to its frontier, and committed in steps. Runs are taken and
//! given back under the zone's lock, which is never held during a system call; growing has a lock
//! of its own, which is.

use super::pages;
use super::purge::huge_from_units;
use super::run::{Runs, Units};
use super::unit::{Kind, Record, Run, State, Unit, HUGE_UNITS};
use crate::arithmetic::size_class::{ZoneKind, UNIT_BYTES};
use crate::os::memory::{self, CommitError, Range};
use crate::services::metadata::Table;
use crate::sync::lock::Lock;
use core::mem::size_of;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

/// Units that are committed at a time at first; later it is an eighth of the zone.
const GROWTH_UNITS_LEAST: u32 = 16;
const GROWTH_UNITS_MOST: u32 = 1024;

/// Tables that are indexed in parallel start at different offsets in their pages, or their first
/// entries would share the low twelve bits of their addresses and wait for each other.
const RECORDS_SKEW: usize = 0x900;
const BITMAPS_SKEW: usize = 0x540;
const STATES_SKEW: usize = 0x240;

/// One zone. See [`Run`]s in `run.rs` for how its units are managed.
///
/// (Z1) Units below `frontier` have committed table entries; their pages are as their state says.
pub struct Zone {
    kind: ZoneKind,
    /// The end that the zone is used from.
    origin: AtomicUsize,
    units_max: AtomicU32,
    frontier: AtomicU32,
    /// The zone's part of the ledger.
    pub ledger: Table,
    records: Table,
    bitmaps: Table,
    states: Table,
    pub(super) runs: Lock<Runs>,
    growth: Lock<()>,
    /// Copies of the counts in `runs`, for those who needn't be exact.
    free_units: AtomicU32,
    dirty_units: AtomicU32,
    used_units: AtomicU32,
}

/// A run taken from a zone, with what is known of its pages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Taken {
    /// The run. The caller owns it.
    pub run: Run,
    /// Whether all of it reads as zero.
    pub is_zero: bool,
    /// Units whose pages were given back before they were wanted again.
    pub purged_units: u32,
}

/// What [`Zone::take`] came to.
pub enum Found {
    /// A run.
    Run(Taken),
    /// No free run is long enough; the zone has to grow.
    NoRun,
    /// The kernel refuses to make the run usable.
    Refused,
}

/// Where a zone's memory and tables lie.
pub struct Site {
    /// The zone's address space.
    pub memory: Range,
    /// Its tables' address space: ledger, records, bitmaps, states.
    pub tables: [Range; 4],
}

impl Zone {
    /// A zone without a place.
    pub const fn new(kind: ZoneKind) -> Self {
        let grows_down = matches!(kind, ZoneKind::Tiny);
        Self {
            kind,
            origin: AtomicUsize::new(0),
            units_max: AtomicU32::new(0),
            frontier: AtomicU32::new(0),
            ledger: Table::new(grows_down),
            records: Table::new(false),
            bitmaps: Table::new(false),
            states: Table::new(false),
            runs: Lock::new(Runs::new()),
            growth: Lock::new(()),
            free_units: AtomicU32::new(0),
            dirty_units: AtomicU32::new(0),
            used_units: AtomicU32::new(0),
        }
    }

    /// Gives the zone its place. Called once, before any other use.
    pub fn place(&self, site: &Site) {
        let origin = if self.grows_down() { site.memory.end() } else { site.memory.start };
        self.origin.store(origin, Ordering::Relaxed);
        self.units_max.store((site.memory.length / UNIT_BYTES) as u32, Ordering::Relaxed);
        let tables = [&self.ledger, &self.records, &self.bitmaps, &self.states];
        for (table, range) in tables.into_iter().zip(site.tables) {
            table.place(range);
        }
    }

    /// Bytes of each table for a zone of `units`: ledger, records, bitmaps, states.
    pub const fn table_bytes(kind: ZoneKind, units: usize) -> [usize; 4] {
        let [ledger, records, bitmaps, states] = Self::table_bytes_by_unit(kind);
        [
            units * ledger,
            units * records + UNIT_BYTES,
            units * bitmaps + UNIT_BYTES,
            units * states + UNIT_BYTES,
        ]
    }

    /// What each unit has of them.
    pub const fn table_bytes_by_unit(kind: ZoneKind) -> [usize; 4] {
        [Self::ledger_bytes(kind), size_of::<Record>(), Self::bitmap_bytes(kind), 1]
    }

    const fn ledger_bytes(kind: ZoneKind) -> usize {
        match kind {
            ZoneKind::Main => UNIT_BYTES / 64,
            ZoneKind::Tiny => UNIT_BYTES / 16,
            ZoneKind::Coarse => UNIT_BYTES / 256,
        }
    }

    /// Bytes of the bitmap that a unit's slab has: a bit for each of the smallest blocks. Coarse
    /// slabs have theirs in the record.
    const fn bitmap_bytes(kind: ZoneKind) -> usize {
        match kind {
            ZoneKind::Main => UNIT_BYTES / 64 / 8,
            ZoneKind::Tiny => UNIT_BYTES / 16 / 8,
            ZoneKind::Coarse => 0,
        }
    }

    const fn grows_down(&self) -> bool {
        matches!(self.kind, ZoneKind::Tiny)
    }

    /// Which zone this is.
    pub fn kind(&self) -> ZoneKind {
        self.kind
    }

    /// The end that the zone is used from.
    pub fn origin(&self) -> usize {
        self.origin.load(Ordering::Relaxed)
    }

    /// How many units the zone has reached.
    pub fn frontier(&self) -> Unit {
        self.frontier.load(Ordering::Acquire)
    }

    /// The memory of a run.
    pub fn range(&self, run: Run) -> Range {
        let (first, length) = (run.first as usize * UNIT_BYTES, run.units as usize * UNIT_BYTES);
        match self.grows_down() {
            true => Range { start: self.origin() - first - length, length },
            false => Range { start: self.origin() + first, length },
        }
    }

    /// The unit that `address` lies in, if the zone has reached it.
    pub fn unit_at(&self, address: usize) -> Option<Unit> {
        let distance = match self.grows_down() {
            true => self.origin().wrapping_sub(1).wrapping_sub(address),
            false => address.wrapping_sub(self.origin()),
        };
        let unit = distance / UNIT_BYTES;
        (unit < self.frontier() as usize).then_some(unit as Unit)
    }

    /// The tables of units.
    #[inline(always)]
    pub fn units(&self) -> Units {
        let records = self.records.origin() + RECORDS_SKEW;
        let states = self.states.origin() + STATES_SKEW;
        Units::new(records as *mut Record, states as *mut u8)
    }

    /// The record of a unit.
    ///
    /// # Safety
    /// The zone must have reached the unit, and (U2) must let the caller in.
    #[inline(always)]
    pub unsafe fn record<'a>(&self, unit: Unit) -> &'a mut Record {
        // SAFETY: the caller's promise.
        unsafe { self.units().record(unit) }
    }

    /// The bitmap of the slab in `unit`, of a fine zone.
    #[inline(always)]
    pub fn bitmap(&self, unit: Unit) -> *mut u64 {
        let start = self.bitmaps.origin() + BITMAPS_SKEW;
        (start + unit as usize * Self::bitmap_bytes(self.kind)) as *mut u64
    }

    /// The part of the ledger for a run.
    pub(super) fn ledger_range(&self, run: Run) -> Range {
        self.ledger_of(self.range(run))
    }

    /// The ledger's bytes for the blocks that start in a range of the zone.
    pub(super) fn ledger_of(&self, range: Range) -> Range {
        let granule_log2 = (UNIT_BYTES / Self::ledger_bytes(self.kind)).trailing_zeros();
        let byte_of = |address: usize| {
            let distance = address.wrapping_sub(self.origin()) as isize;
            self.ledger.origin().wrapping_add_signed(distance >> granule_log2)
        };
        let start = byte_of(range.start);
        Range { start, length: byte_of(range.end() - 1) + 1 - start }
    }

    /// The bitmaps of a run's units.
    pub(super) fn bitmap_range(&self, run: Run) -> Range {
        let length = run.units as usize * Self::bitmap_bytes(self.kind);
        Range { start: self.bitmap(run.first) as usize, length }
    }

    /// The records of a run's units.
    pub(super) fn record_range(&self, run: Run) -> Range {
        let bytes = size_of::<Record>();
        let start = self.records.origin() + RECORDS_SKEW + run.first as usize * bytes;
        Range { start, length: run.units as usize * bytes }
    }

    /// Takes a free run of `length` units that starts at a multiple of `alignment` units in memory,
    /// marks its first and last unit and makes its pages usable.
    pub fn take(&self, length: u32, alignment: u32, kinds: (Kind, Kind)) -> Found {
        let run = {
            let mut runs = self.runs.lock();
            let origin = self.origin() / UNIT_BYTES;
            // SAFETY: the zone's own units, under its lock.
            unsafe {
                let run = runs.take(self.units(), length, alignment, origin);
                if let Some(run) = run {
                    self.units().mark(run, kinds.0, kinds.1);
                    self.publish(&runs);
                }
                run
            }
        };
        let Some(run) = run else { return Found::NoRun };
        if self.commit_void(run) {
            // SAFETY: the run is this thread's.
            let purged_units = unsafe { self.units().count(run, State::Purged) };
            self.ask_for_huge_pages_early(run);
            return Found::Run(Taken { run, is_zero: self.is_zero(run), purged_units });
        }
        self.give_as_is(run);
        Found::Refused
    }

    /// Lengthens a run that the caller owns by `length` units, if those behind it are free and can
    /// be made usable. Returns the new part.
    pub fn lengthen(&self, run: Run, length: u32, kinds: (Kind, Kind)) -> Option<Run> {
        let units = self.units();
        let added = {
            let mut runs = self.runs.lock();
            // SAFETY: the zone's own units, under its lock; the caller owns `run`.
            unsafe {
                let added = runs.take_at(units, run.end(), length)?;
                self.publish(&runs);
                units.mark(Run { units: run.units + length, ..run }, kinds.0, kinds.1);
                added
            }
        };
        match self.commit_void(added) {
            true => Some(added),
            false => {
                let mut runs = self.runs.lock();
                // SAFETY: as above; the run gets its old end back before its neighbour is free.
                unsafe {
                    units.mark(run, kinds.0, kinds.1);
                    runs.give(units, added);
                }
                self.publish(&runs);
                None
            }
        }
    }

    /// Gives back a run whose contents nobody needs. Its pages count as dirty from now on.
    pub fn give(&self, run: Run) {
        // SAFETY: the caller gives up the run; the states are its own until then.
        unsafe { self.units().soil(run) };
        self.give_as_is(run);
    }

    /// Gives back a run whose units' states are right.
    pub fn give_as_is(&self, run: Run) {
        let mut runs = self.runs.lock();
        // SAFETY: the zone's own units, under its lock; the caller gives up the run.
        unsafe { runs.give(self.units(), run) };
        self.publish(&runs);
    }

    /// Shortens a run that the caller owns to `kept` units and gives back the rest.
    pub fn shorten(&self, run: Run, kept: u32, kinds: (Kind, Kind)) {
        self.soil(Run { first: run.first + kept, units: run.units - kept });
        self.shorten_as_is(run, kept, kinds);
    }

    /// Shortens a run whose units' states are right.
    pub fn shorten_as_is(&self, run: Run, kept: u32, kinds: (Kind, Kind)) {
        // SAFETY: the caller owns the run; its new end is marked before the rest is free.
        unsafe { self.units().mark(Run { units: kept, ..run }, kinds.0, kinds.1) };
        self.give_as_is(Run { first: run.first + kept, units: run.units - kept });
    }

    /// Units in free runs, and those of them that are dirty, a moment ago.
    #[inline]
    pub fn free_and_dirty_units(&self) -> (u32, u32) {
        (self.free_units.load(Ordering::Relaxed), self.dirty_units.load(Ordering::Relaxed))
    }

    /// Units in runs that are in use, a moment ago.
    #[inline]
    pub fn used_units(&self) -> u32 {
        self.used_units.load(Ordering::Relaxed)
    }

    /// Called at the end of each change of the runs, under their lock.
    fn publish(&self, runs: &Runs) {
        self.used_units.store(runs.used_units(), Ordering::Relaxed);
        self.free_units.store(runs.free_units, Ordering::Relaxed);
        self.dirty_units.store(runs.dirty_units, Ordering::Relaxed);
    }

    /// The zone's locks, in the order in which they are taken.
    pub fn hold_for_fork(&self) {
        self.growth.hold_for_fork();
        self.runs.hold_for_fork();
    }

    /// Opens them again.
    ///
    /// # Safety
    /// As [`Lock::release_after_fork`].
    pub unsafe fn release_after_fork(&self) {
        // SAFETY: the caller's promise.
        unsafe {
            self.runs.release_after_fork();
            self.growth.release_after_fork();
        }
    }

    /// The lock that keeps the frontier where it is.
    pub fn growth_lock(&self) -> &Lock<()> {
        &self.growth
    }

    /// What is in use, of the zone and of its tables.
    pub fn used(&self) -> [Range; 5] {
        [
            self.range(Run { first: 0, units: self.frontier() }),
            self.ledger.committed(),
            self.records.committed(),
            self.bitmaps.committed(),
            self.states.committed(),
        ]
    }

    /// Address space beyond the frontier, of the zone and of its tables; the caller holds the lock
    /// of growth.
    pub fn unused(&self) -> [Range; 5] {
        let frontier = self.frontier();
        let units = self.units_max.load(Ordering::Relaxed) - frontier;
        [
            self.range(Run { first: frontier, units }),
            self.ledger.uncommitted(),
            self.records.uncommitted(),
            self.bitmaps.uncommitted(),
            self.states.uncommitted(),
        ]
    }

    /// Runs `visit` on the free runs' structure; panics unless it is in order.
    pub fn validate_runs(&self, visit: impl FnMut(Run)) {
        let runs = self.runs.lock();
        // SAFETY: the zone's own units, under its lock.
        unsafe { runs.validate(self.units(), visit) };
    }

    /// The zone's address space in bytes.
    pub fn reserved_bytes(&self) -> usize {
        self.units_max.load(Ordering::Relaxed) as usize * UNIT_BYTES
    }

    /// Bytes committed for tables.
    pub fn table_committed_bytes(&self) -> usize {
        [&self.ledger, &self.records, &self.bitmaps, &self.states]
            .iter()
            .map(|table| table.committed_bytes())
            .sum()
    }

    /// Moves the frontier so that there is a free run of `need` units or more before it, unless it
    /// isn't at `seen` any more: of many threads that need one at the same time the first shall
    /// grow the zone for all. False when the kernel refuses or the zone is full.
    pub fn grow(&self, need: u32, seen: Unit) -> bool {
        let _growing = self.growth.lock();
        let frontier = self.frontier();
        if frontier != seen {
            return true;
        }
        // SAFETY: the zone's own units, under its lock.
        let there = unsafe { self.runs.lock().free_at_frontier(self.units()) };
        // For a long block huge pages are wanted wherever it lies: it is likely to use all of them.
        let is_long = need >= HUGE_UNITS;
        let need = need.saturating_sub(there).max(1);
        let mut step = (frontier / 8).clamp(GROWTH_UNITS_LEAST, GROWTH_UNITS_MOST).max(need);
        if is_long || frontier + step > huge_from_units(self.kind) {
            step = (frontier + step).next_multiple_of(HUGE_UNITS) - frontier;
        }
        [step, need].into_iter().any(|length| self.grow_by(frontier, length, is_long))
    }

    fn grow_by(&self, frontier: Unit, length: u32, is_long: bool) -> bool {
        let mut new = Run { first: frontier, units: length };
        // Where something else has been mapped into claimed address space, go on behind it.
        for skip_log2 in 0..24 {
            let Some(end) = new.first.checked_add(new.units) else { return false };
            if end > self.units_max.load(Ordering::Relaxed) || !self.ensure_tables(end) {
                return false;
            }
            // SAFETY: beyond the frontier nothing is used.
            match unsafe { memory::commit(self.range(new)) } {
                Ok(()) => {
                    self.ask_for_huge_pages(new, is_long);
                    pages::grant(length as usize * UNIT_BYTES);
                    self.open(frontier, new);
                    return true;
                }
                Err(CommitError::Refused) => return false,
                Err(CommitError::Taken) => new.first += 1 << skip_log2,
            }
        }
        false
    }

    fn ensure_tables(&self, units: Unit) -> bool {
        let units = units as usize;
        self.ledger.ensure(units * Self::ledger_bytes(self.kind))
            && self.records.ensure(RECORDS_SKEW + units * size_of::<Record>())
            && self.bitmaps.ensure(BITMAPS_SKEW + units * Self::bitmap_bytes(self.kind))
            && self.states.ensure(STATES_SKEW + units)
    }

    /// Moves the frontier to the end of `new`, which is committed, and makes it a free run. Units
    /// between the frontier and it stay unused for ever.
    fn open(&self, frontier: Unit, new: Run) {
        let mut runs = self.runs.lock();
        debug_assert_eq!(runs.frontier, frontier);
        runs.frontier = new.end();
        runs.lost_units += new.first - frontier;
        self.frontier.store(new.end(), Ordering::Release);
        // SAFETY: the zone's own units, under its lock; nobody else knows of the new ones.
        unsafe { runs.give(self.units(), new) };
        self.publish(&runs);
    }
}
