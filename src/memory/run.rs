//! Free runs of units: taking one that fits, joining those that meet.
//!
//! Lists of free runs by length, with a bitmap of the lists that aren't empty, so that a run is
//! found and given back in constant time (Masmano, Ripoll, Crespo and Real, "TLSF: a new dynamic
//! memory allocator for real-time systems", 2004). All state lies in the units' records.

use super::unit::{Kind, Record, Run, State, Unit, HUGE_UNITS, NO_UNIT};

/// Lengths up to this have a list each; above it there are eight lists to each doubling.
const EXACT_LISTS: usize = 64;
const EXACT_LOG2: u32 = EXACT_LISTS.ilog2();
const LISTS: usize = EXACT_LISTS + 8 * (32 - EXACT_LOG2 as usize);
const WORDS: usize = LISTS.div_ceil(64);
/// So many units beside a run may have parts of their tables on the same pages: a page has 64
/// records, and needn't start with a unit that the run does.
const TABLE_UNITS: u32 = 128;
/// A part of a longer run that is taken to be purged begins at a multiple of this.
const RUN_STEP: u32 = 256;

/// The records and states of a zone's units, as far as the zone has reached.
#[derive(Clone, Copy)]
pub struct Units {
    records: *mut Record,
    states: *mut u8,
}

impl Units {
    /// The tables that start at the two addresses.
    pub const fn new(records: *mut Record, states: *mut u8) -> Self {
        Self { records, states }
    }

    /// The record of `unit`.
    ///
    /// # Safety
    /// The unit must be below the zone's frontier, and (U2) must let the caller in.
    #[inline(always)]
    pub unsafe fn record<'a>(self, unit: Unit) -> &'a mut Record {
        // SAFETY: the table is committed up to the frontier; exclusive by the caller's promise.
        unsafe { &mut *self.records.add(unit as usize) }
    }

    /// The states of a run's units.
    ///
    /// # Safety
    /// As [`Units::record`], for every unit of the run.
    pub unsafe fn states<'a>(self, run: Run) -> &'a mut [u8] {
        // SAFETY: as above.
        unsafe {
            core::slice::from_raw_parts_mut(self.states.add(run.first as usize), run.units as usize)
        }
    }

    /// How many units of a run are in `state`.
    ///
    /// # Safety
    /// As [`Units::states`].
    pub unsafe fn count(self, run: Run, state: State) -> u32 {
        // SAFETY: the caller's promise.
        unsafe { self.states(run) }.iter().filter(|byte| **byte == state as u8).count() as u32
    }

    /// How many units of a run may have pages.
    ///
    /// # Safety
    /// As [`Units::states`].
    pub unsafe fn count_dirty(self, run: Run) -> u32 {
        // SAFETY: the caller's promise.
        unsafe { self.states(run) }.iter().filter(|byte| State::is_dirty(**byte)).count() as u32
    }

    /// Notes that a run was used: what was there is dirty, and what was moved stays so.
    ///
    /// # Safety
    /// As [`Units::states`].
    pub unsafe fn soil(self, run: Run) {
        // SAFETY: the caller's promise.
        for byte in unsafe { self.states(run) } {
            if *byte != State::Moved as u8 {
                *byte = State::Dirty as u8;
            }
        }
    }

    /// Marks a run that is in use: kinds of its first and last unit, and its length.
    ///
    /// # Safety
    /// The caller must own the run.
    pub unsafe fn mark(self, run: Run, first: Kind, rest: Kind) {
        // SAFETY: the caller's promise.
        unsafe {
            let last = self.record(run.last());
            (last.kind, last.first) = (rest, run.first);
            let record = self.record(run.first);
            (record.kind, record.run_units) = (first, run.units);
        }
    }
}

/// The free runs of one zone.
///
/// (R1) No two free runs are neighbours. (R2) A free run is in the list of its length; a list's bit
/// is set exactly when it isn't empty. (R3) `free_units` and `dirty_units` are the sums over runs.
pub struct Runs {
    heads: [Unit; LISTS],
    occupied: [u64; WORDS],
    /// Units up to here have been cut into runs.
    pub frontier: Unit,
    /// Units below the frontier that are no part of a run, because they can't be used.
    pub lost_units: u32,
    /// Units in free runs.
    pub free_units: u32,
    /// Dirty units in free runs.
    pub dirty_units: u32,
}

impl Runs {
    /// No runs.
    pub const fn new() -> Self {
        Self {
            heads: [NO_UNIT; LISTS],
            occupied: [0; WORDS],
            frontier: 0,
            lost_units: 0,
            free_units: 0,
            dirty_units: 0,
        }
    }

    /// Units in runs that are in use.
    pub fn used_units(&self) -> u32 {
        self.frontier - self.lost_units - self.free_units
    }

    /// Takes a run of `length` units whose first, counted from `origin` units before the zone, is a
    /// multiple of `alignment` (a power of two). The caller owns it then and must mark it.
    ///
    /// # Safety
    /// `units` must be the zone's, and the caller must hold the zone's lock.
    pub unsafe fn take(
        &mut self,
        units: Units,
        length: u32,
        alignment: u32,
        origin: usize,
    ) -> Option<Run> {
        let slack = alignment - 1;
        let offset = |first: Unit| (origin + first as usize) as u32 & slack;
        // SAFETY: the caller's promise.
        let found = match unsafe { self.find(units, length) } {
            // One that happens to be aligned needs no room to move the start in.
            Some(first) if offset(first) == 0 => first,
            // SAFETY: the caller's promise.
            _ => unsafe { self.find(units, length.checked_add(slack)?) }?,
        };
        // SAFETY: the caller's promise; a free run's record is the lock's.
        unsafe {
            let whole = Run { first: found, units: units.record(found).run_units };
            let mut dirty_units = self.remove(units, whole);
            let skip = alignment.wrapping_sub(offset(found)) & slack;
            let run = Run { first: found + skip, units: length };
            if skip > 0 {
                let before = Run { first: found, units: skip };
                let before_dirty = units.count_dirty(before);
                dirty_units -= before_dirty;
                self.insert(units, before, before_dirty);
            }
            self.give_rest(units, whole, run, dirty_units);
            Some(run)
        }
    }

    /// Takes the first `length` units of the free run that starts at `first`, if there is one and
    /// it is that long: for a large block that grows.
    ///
    /// # Safety
    /// As [`Runs::take`].
    pub unsafe fn take_at(&mut self, units: Units, first: Unit, length: u32) -> Option<Run> {
        if first >= self.frontier {
            return None;
        }
        // SAFETY: below the frontier; the caller's promise.
        unsafe {
            let record = units.record(first);
            if record.kind != Kind::Free || record.run_units < length {
                return None;
            }
            let whole = Run { first, units: record.run_units };
            let dirty_units = self.remove(units, whole);
            let run = Run { first, units: length };
            self.give_rest(units, whole, run, dirty_units);
            Some(run)
        }
    }

    /// Adds what of `whole` lies behind `run`; both together have `dirty_units`.
    unsafe fn give_rest(&mut self, units: Units, whole: Run, run: Run, dirty_units: u32) {
        if run.end() < whole.end() {
            let rest = Run { first: run.end(), units: whole.end() - run.end() };
            // Counts in the part that is taken: the rest may be the whole zone.
            // SAFETY: the caller's promise.
            unsafe {
                let rest_dirty = dirty_units - units.count_dirty(run);
                self.insert(units, rest, rest_dirty);
            }
        }
    }

    /// Takes a part of a run that has dirty units, a long run before a short one. Returns it, and
    /// the part of that, `most` units or fewer, which ends with the last dirty one: around it is
    /// what shares pages of tables with it. The rest stays for others to take meanwhile, and they
    /// are given what lies first.
    ///
    /// # Safety
    /// As [`Runs::take`].
    pub unsafe fn take_dirty(&mut self, units: Units, most: u32) -> Option<(Run, Run)> {
        // SAFETY: the caller's promise; lists hold free runs.
        unsafe {
            let whole = self.take_where(units, |record| record.dirty_units > 0)?;
            let mut dirty_units = units.record(whole.first).dirty_units;
            let is_dirty = |byte: &u8| State::is_dirty(*byte);
            let last = units.states(whole).iter().rposition(is_dirty).unwrap_or(0) as u32;
            let end = whole.first + last + 1;
            let start = end.saturating_sub(most).max(whole.first);
            // The next part then ends where a huge page does.
            let aligned = start.next_multiple_of(HUGE_UNITS);
            let first = if aligned < end { aligned } else { start };
            let part = Run { first, units: end - first };
            // Where it begins a record is written; mostly the same one as the last time.
            let near = part.first.saturating_sub(TABLE_UNITS) / RUN_STEP * RUN_STEP;
            let skip = near.saturating_sub(whole.first);
            let end = (part.end() + TABLE_UNITS).min(whole.end());
            let first = whole.first + skip;
            let run = Run { first, units: end - first };
            // Until it is given back it must not be taken for a free neighbour.
            units.mark(run, Kind::Unused, Kind::Unused);
            if skip > 0 {
                let before = Run { units: skip, ..whole };
                let before_dirty = units.count_dirty(before);
                dirty_units -= before_dirty;
                self.insert(units, before, before_dirty);
            }
            self.give_rest(units, whole, run, dirty_units);
            Some((run, part))
        }
    }

    /// Takes a run that has units in a state other than `Void`, a long one before a short one.
    ///
    /// # Safety
    /// As [`Runs::take`].
    pub unsafe fn take_committed(&mut self, units: Units) -> Option<Run> {
        // SAFETY: the caller's promise: `first` of a free run's first record is its own number.
        unsafe {
            self.take_where(units, |record| {
                let run = Run { first: record.first, units: record.run_units };
                units.count(run, State::Void) < run.units
            })
        }
    }

    unsafe fn take_where(&mut self, units: Units, accept: impl Fn(&Record) -> bool) -> Option<Run> {
        for list in (0..LISTS).rev() {
            let mut unit = self.heads[list];
            while unit != NO_UNIT {
                // SAFETY: the caller's promise.
                let record = unsafe { units.record(unit) };
                if accept(record) {
                    let run = Run { first: unit, units: record.run_units };
                    // SAFETY: the caller's promise.
                    unsafe { self.remove(units, run) };
                    return Some(run);
                }
                unit = record.next;
            }
        }
        None
    }

    /// Adds a run that its caller owns, joined with the free runs beside it.
    ///
    /// # Safety
    /// As [`Runs::take`]; the states of its units must be right.
    pub unsafe fn give(&mut self, units: Units, run: Run) {
        let mut joined = run;
        // SAFETY: the caller gives up the run.
        let mut dirty_units = unsafe { units.count_dirty(run) };
        // SAFETY: (U1): the neighbours' records are exact; all are below the frontier.
        unsafe {
            if run.first > 0 && units.record(run.first - 1).kind == Kind::Free {
                let first = units.record(run.first - 1).first;
                let before = Run { first, units: run.first - first };
                dirty_units += self.remove(units, before);
                joined = Run { first, units: before.units + run.units };
            }
            if run.end() < self.frontier && units.record(run.end()).kind == Kind::Free {
                let after = Run { first: run.end(), units: units.record(run.end()).run_units };
                dirty_units += self.remove(units, after);
                joined.units += after.units;
            }
            self.insert(units, joined, dirty_units);
        }
    }

    /// First unit of a free run of at least `length` units.
    ///
    /// # Safety
    /// As [`Runs::take`].
    unsafe fn find(&self, units: Units, length: u32) -> Option<Unit> {
        // SAFETY: the caller's promise.
        if let Some(unit) = unsafe { self.find_among_equals(units, length) } {
            return Some(unit);
        }
        let list = list_at_least(length)?;
        let mut word = list / 64;
        let mut bits = self.occupied[word] & (u64::MAX << (list % 64));
        while bits == 0 {
            word += 1;
            bits = *self.occupied.get(word)?;
        }
        Some(self.heads[word * 64 + bits.trailing_zeros() as usize])
    }

    /// Looks at the first few runs of the list that `length` belongs in: some may be long enough,
    /// and would be overlooked in a list whose lengths differ.
    unsafe fn find_among_equals(&self, units: Units, length: u32) -> Option<Unit> {
        const TRIES: usize = 16;
        let mut unit = self.heads[list_of(length)];
        for _ in 0..TRIES {
            if unit == NO_UNIT {
                return None;
            }
            // SAFETY: the caller's promise.
            let record = unsafe { units.record(unit) };
            if record.run_units >= length {
                return Some(unit);
            }
            unit = record.next;
        }
        None
    }

    /// How many units up to the frontier are one free run.
    ///
    /// # Safety
    /// As [`Runs::take`].
    pub unsafe fn free_at_frontier(&self, units: Units) -> u32 {
        if self.frontier == 0 {
            return 0;
        }
        // SAFETY: the caller's promise; (U1).
        let last = unsafe { units.record(self.frontier - 1) };
        match last.kind {
            Kind::Free => self.frontier - last.first,
            _ => 0,
        }
    }

    unsafe fn insert(&mut self, units: Units, run: Run, dirty_units: u32) {
        let list = list_of(run.units);
        // SAFETY: the caller holds the zone's lock and gives up the run.
        unsafe {
            units.mark(run, Kind::Free, Kind::Free);
            let record = units.record(run.first);
            (record.first, record.dirty_units) = (run.first, dirty_units);
            (record.next, record.previous) = (self.heads[list], NO_UNIT);
            if record.next != NO_UNIT {
                units.record(record.next).previous = run.first;
            }
            self.dirty_units += dirty_units;
        }
        self.heads[list] = run.first;
        self.occupied[list / 64] |= 1 << (list % 64);
        self.free_units += run.units;
    }

    /// Takes a run out of its list; returns how many of its units are dirty.
    unsafe fn remove(&mut self, units: Units, run: Run) -> u32 {
        let list = list_of(run.units);
        let dirty_units;
        // SAFETY: the run is in that list (R2), which the caller's lock protects.
        unsafe {
            let record = units.record(run.first);
            let (next, previous) = (record.next, record.previous);
            dirty_units = record.dirty_units;
            self.dirty_units -= dirty_units;
            // Until the new owner marks it, the run must not be taken for a free neighbour.
            record.kind = Kind::Unused;
            units.record(run.last()).kind = Kind::Unused;
            if next != NO_UNIT {
                units.record(next).previous = previous;
            }
            match previous {
                NO_UNIT => self.heads[list] = next,
                _ => units.record(previous).next = next,
            }
        }
        if self.heads[list] == NO_UNIT {
            self.occupied[list / 64] &= !(1 << (list % 64));
        }
        self.free_units -= run.units;
        dirty_units
    }

    /// Panics unless (R1) to (R3) hold. Calls `visit` with each free run.
    ///
    /// # Safety
    /// As [`Runs::take`].
    pub unsafe fn validate(&self, units: Units, mut visit: impl FnMut(Run)) {
        let (mut free, mut dirty) = (0, 0);
        for list in 0..LISTS {
            let is_occupied = self.occupied[list / 64] >> (list % 64) & 1 == 1;
            assert_eq!(is_occupied, self.heads[list] != NO_UNIT, "bit of list {list}");
            let (mut unit, mut previous) = (self.heads[list], NO_UNIT);
            while unit != NO_UNIT {
                // SAFETY: the caller's promise.
                let record = unsafe { units.record(unit) };
                let run = Run { first: unit, units: record.run_units };
                assert_eq!((record.kind, record.previous), (Kind::Free, previous));
                assert_eq!((record.first, list_of(run.units)), (unit, list));
                // SAFETY: the caller's promise.
                unsafe {
                    assert_eq!(units.count_dirty(run), record.dirty_units);
                    let last = units.record(run.last());
                    assert_eq!((last.kind, last.first), (Kind::Free, unit));
                    let is_end = run.end() == self.frontier;
                    assert!(is_end || units.record(run.end()).kind != Kind::Free, "(R1)");
                }
                (free, dirty) = (free + run.units, dirty + record.dirty_units);
                visit(run);
                (previous, unit) = (unit, record.next);
            }
        }
        assert_eq!((free, dirty), (self.free_units, self.dirty_units), "(R3)");
    }
}

/// The list of free runs of `length` units.
const fn list_of(length: u32) -> usize {
    if (length as usize) < EXACT_LISTS {
        return length as usize;
    }
    let log2 = length.ilog2();
    let eighth = (length >> (log2 - 3)) as usize & 7;
    EXACT_LISTS + (log2 - EXACT_LOG2) as usize * 8 + eighth
}

/// The first list whose every run has at least `length` units.
fn list_at_least(length: u32) -> Option<usize> {
    if (length as usize) < EXACT_LISTS {
        return Some(length as usize);
    }
    let rounding = (1u32 << (length.ilog2() - 3)) - 1;
    Some(list_of(length.checked_add(rounding)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arithmetic::random::Random;

    #[test]
    fn a_run_from_the_list_found_is_long_enough() {
        for length in (1..5000).chain([1 << 20, (1 << 20) + 1, 3 << 24]) {
            let list = list_at_least(length).unwrap();
            let shortest = (1..=8192u32).find(|run| list_of(*run) == list);
            assert!(shortest.is_none_or(|run| run >= length), "{length}");
            assert!(list_of(length) <= list);
        }
        assert_eq!(list_at_least(u32::MAX), None);
    }

    /// Takes and gives at random beside a map of who owns each unit.
    #[test]
    fn random_runs_never_overlap_and_always_rejoin() {
        const UNITS: u32 = 2000;
        let mut records: Vec<Record> = Vec::new();
        // SAFETY: a record of zeroes is a valid one of kind Unused.
        records.resize_with(UNITS as usize, || unsafe { core::mem::zeroed() });
        let mut states = vec![0u8; UNITS as usize];
        let units = Units::new(records.as_mut_ptr(), states.as_mut_ptr());
        let mut runs = Runs::new();
        runs.frontier = UNITS;
        // SAFETY: the tables above belong to this test alone.
        unsafe { runs.give(units, Run { first: 0, units: UNITS }) };
        let mut owned: Vec<Run> = Vec::new();
        let mut random = Random::new(7);
        for _ in 0..20_000 {
            if random.below(2) == 0 {
                let longest = if random.below(8) == 0 { 300 } else { 12 };
                let length = 1 + random.below(longest) as u32;
                let alignment = 1 << random.below(5);
                // SAFETY: as above.
                if let Some(run) = unsafe { runs.take(units, length, alignment, 3) } {
                    assert_eq!((3 + run.first) % alignment, 0);
                    assert!(owned.iter().all(|o| o.end() <= run.first || run.end() <= o.first));
                    // SAFETY: as above.
                    unsafe { units.mark(run, Kind::Large, Kind::LargeEnd) };
                    owned.push(run);
                }
            } else if !owned.is_empty() {
                let run = owned.swap_remove(random.below(owned.len()));
                // SAFETY: as above.
                unsafe {
                    units.states(run).fill(State::Dirty as u8);
                    runs.give(units, run);
                }
            }
            // SAFETY: as above.
            unsafe {
                if random.below(4) == 0 {
                    if let Some((run, part)) = runs.take_dirty(units, 1 + random.below(20) as u32) {
                        assert!(run.first <= part.first && part.end() <= run.end());
                        assert!(State::is_dirty(*units.states(part).last().unwrap()));
                        assert!(owned.iter().all(|o| o.end() <= run.first || run.end() <= o.first));
                        units.states(part).fill(State::Purged as u8);
                        runs.validate(units, |_| ());
                        runs.give(units, run);
                    }
                }
                runs.validate(units, |_| ());
            }
        }
        for run in owned {
            // SAFETY: as above.
            unsafe { runs.give(units, run) };
        }
        assert_eq!(runs.free_units, UNITS);
        // SAFETY: as above.
        assert!(unsafe { runs.take(units, UNITS, 1, 0) }.is_some());
    }
}
