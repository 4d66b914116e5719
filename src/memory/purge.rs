//! The pages of a zone's units: committing what is void, purging what is dirty, renewing what was
//! moved. Every system call is made while the run is out of the lists, without the zone's lock.

use super::limit;
use super::unit::{Run, State, HUGE_UNITS, NO_UNIT};
use super::zone::Zone;
use crate::arithmetic::size_class::ZoneKind;
use crate::os::memory::{self, Range};
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Units before those for which huge pages are asked for: what a small process uses. Coarse slabs
/// are sparse for longer.
const HUGE_FROM_UNITS: u32 = 64;
const HUGE_FROM_UNITS_COARSE: u32 = 256;
/// What holds for all zones if it isn't [`NO_UNIT`].
static HUGE_FROM: AtomicU32 = AtomicU32::new(NO_UNIT);

/// From which unit of a zone on the kernel is asked for huge pages.
pub fn huge_from_units(zone: ZoneKind) -> u32 {
    match (HUGE_FROM.load(Relaxed), zone) {
        (NO_UNIT, ZoneKind::Coarse) => HUGE_FROM_UNITS_COARSE,
        (NO_UNIT, ZoneKind::Main | ZoneKind::Tiny) => HUGE_FROM_UNITS,
        (unit, _) => unit,
    }
}

/// From now on asks for huge pages from a zone's `unit` on.
pub fn want_huge_pages_from(unit: u32) {
    HUGE_FROM.store(unit, Relaxed);
}

/// Units that are purged in one go: a huge page at least, since one of which a part is given back
/// is lost as a whole.
const PURGE_UNITS_LEAST: u32 = 32;
const PURGE_UNITS_MOST: u32 = 64;

impl Zone {
    /// Gives pages of one free run with dirty units back to the kernel, those of about `most`
    /// units; returns how many units that were, 0 when there is none or the kernel refuses.
    pub fn purge_one(&self, most: u32) -> u32 {
        let most = most.clamp(PURGE_UNITS_LEAST, PURGE_UNITS_MOST);
        // SAFETY: the zone's own units, under its lock.
        let taken = unsafe { self.runs.lock().take_dirty(self.units(), most) };
        let Some((run, part)) = taken else { return 0 };
        let mut purged = self.purge_huge(run, part);
        for state in [State::Dirty, State::Moved] {
            purged += self.each_stretch(part, state, |stretch| {
                // SAFETY: the run is free, and taken out of the lists.
                unsafe { self.purge_stretch(stretch, state) }
            });
        }
        if purged > 0 {
            self.purge_tables(run);
        }
        self.give_as_is(run);
        purged
    }

    /// Purges huge pages as a whole that overlap `part` and lie inside of `run`, which the caller
    /// owns, even where much of them was given back before. That takes a tenth of the time, and the
    /// kernel gives back the page table too (since Linux 6.14), without which it can't put a huge
    /// page there again. Returns how many dirty units there were.
    fn purge_huge(&self, run: Run, part: Run) -> u32 {
        let mut purged = 0;
        let mut first = part.first / HUGE_UNITS * HUGE_UNITS;
        while first < part.end() && !memory::is_claimed() {
            let page = Run { first, units: HUGE_UNITS };
            first = page.end();
            if page.first < run.first || page.end() > run.end() {
                continue;
            }
            // SAFETY: the caller owns the run.
            let states = unsafe { self.units().states(page) };
            let has = |state: State| states.contains(&(state as u8));
            if !has(State::Dirty) || has(State::Moved) || has(State::Void) {
                continue;
            }
            // SAFETY: the run is free, and the caller's.
            if unsafe { memory::purge(self.range(page)) } {
                for state in states.iter_mut().filter(|state| **state == State::Dirty as u8) {
                    *state = State::Purged as u8;
                    purged += 1;
                }
            }
        }
        purged
    }

    /// # Safety
    /// The caller must own the run.
    unsafe fn purge_stretch(&self, run: Run, state: State) -> Option<State> {
        // SAFETY: the caller's promise.
        unsafe {
            let range = self.range(run);
            match (memory::is_claimed(), state) {
                (true, _) => memory::decommit(range).then_some(State::Void),
                (false, State::Moved) => self.renew(run).then_some(State::Purged),
                (false, _) => memory::purge(range).then_some(State::Purged),
            }
        }
    }

    /// Gives back the pages of tables that say nothing but that the run is free: its part of the
    /// ledger is zero, as fresh pages are; its bitmaps mean nothing until a slab is cut there; nor
    /// do its records, but for the first and the last.
    fn purge_tables(&self, run: Run) {
        let rest = Run { first: run.first + 1, units: run.units.saturating_sub(2) };
        for range in [self.ledger_range(run), self.bitmap_range(run), self.record_range(rest)] {
            let page = memory::page_bytes();
            let start = range.start.next_multiple_of(page);
            let end = range.end() & !(page - 1);
            if start < end {
                // SAFETY: see above; the caller has taken the run out of the lists.
                unsafe { memory::purge(Range { start, length: end - start }) };
            }
        }
    }

    /// Puts fresh pages in place of whatever is mapped in a run; false when the kernel refuses.
    ///
    /// # Safety
    /// The caller must own the run, and nothing may use its contents any more.
    pub unsafe fn renew(&self, run: Run) -> bool {
        // SAFETY: the caller's promise.
        let done = unsafe { memory::renew(self.range(run)) };
        if done {
            self.ask_for_huge_pages(run, run.units >= HUGE_UNITS);
        }
        done
    }

    /// Asks for huge pages for a run, or unless it `is_long` for what of it lies beyond the zone's
    /// first part. A process that gets that far is a large one: fewer page faults are worth up to
    /// 2 MiB more to it.
    /// With a limit on memory none are wanted: a touched byte would count as 2 MiB.
    pub(super) fn ask_for_huge_pages(&self, run: Run, is_long: bool) {
        if limit::bytes().is_some() {
            return memory::refuse_huge_pages(self.range(run));
        }
        let from = if is_long { 0 } else { huge_from_units(self.kind()) };
        let first = run.first.max(from);
        if first < run.end() {
            memory::ask_for_huge_pages(self.range(Run { first, units: run.end() - first }));
        }
    }

    /// Asks for huge pages for a long run of which a part lies where they aren't asked for else,
    /// unless all of it has been used already.
    pub(super) fn ask_for_huge_pages_early(&self, run: Run) {
        let is_early = run.units >= HUGE_UNITS && run.first < huge_from_units(self.kind());
        // SAFETY: the caller owns the run.
        if is_early && unsafe { self.units().count(run, State::Dirty) } < run.units {
            self.ask_for_huge_pages(run, true);
        }
    }

    /// Decommits every free run; returns how many units that were. For when memory has run out.
    pub fn decommit_free(&self) -> u32 {
        let mut total = 0;
        loop {
            // SAFETY: the zone's own units, under its lock.
            let taken = unsafe { self.runs.lock().take_committed(self.units()) };
            let Some(run) = taken else { return total };
            let mut done = 0;
            for state in [State::Dirty, State::Moved, State::Clean, State::Purged] {
                done += self.each_stretch(run, state, |stretch| {
                    // SAFETY: the run is free, and taken out of the lists.
                    unsafe { memory::decommit(self.range(stretch)) }.then_some(State::Void)
                });
            }
            self.give_as_is(run);
            total += done;
            if done == 0 {
                return total;
            }
        }
    }

    /// Notes that a run that the caller owns was used.
    pub fn soil(&self, run: Run) {
        // SAFETY: the caller owns the run.
        unsafe { self.units().soil(run) };
    }

    /// Notes that the units of a run that the caller owns are all in `state`.
    pub fn set_state(&self, run: Run, state: State) {
        // SAFETY: the caller owns the run.
        unsafe { self.units().states(run).fill(state as u8) };
    }

    pub(super) fn is_zero(&self, run: Run) -> bool {
        // SAFETY: the caller owns the run.
        unsafe { self.units().states(run) }.iter().all(|byte| State::is_zero(*byte))
    }

    /// Commits what is void of a run that the caller owns; false when the kernel refuses.
    pub(super) fn commit_void(&self, run: Run) -> bool {
        // SAFETY: the caller owns the run.
        let void = unsafe { self.units().count(run, State::Void) };
        let committed = self.each_stretch(run, State::Void, |stretch| {
            // SAFETY: the run is the caller's, and void.
            let done = unsafe {
                match memory::is_claimed() {
                    true => memory::commit(self.range(stretch)).is_ok(),
                    // Whatever is there, even nothing, is replaced.
                    false => self.renew(stretch),
                }
            };
            done.then_some(State::Clean)
        });
        committed == void
    }

    /// Calls `change` for each stretch of units of a run that are in `state`; where it returns a
    /// state, they are in that from then on. Returns how many units were changed.
    fn each_stretch(
        &self,
        run: Run,
        state: State,
        mut change: impl FnMut(Run) -> Option<State>,
    ) -> u32 {
        // SAFETY: the caller owns the run.
        let states = unsafe { self.units().states(run) };
        let (mut at, mut changed) = (0, 0);
        while let Some(skip) = states[at..].iter().position(|byte| *byte == state as u8) {
            let start = at + skip;
            let rest = &states[start..];
            let length = rest.iter().position(|byte| *byte != state as u8).unwrap_or(rest.len());
            at = start + length;
            let stretch = Run { first: run.first + start as u32, units: length as u32 };
            if let Some(new) = change(stretch) {
                states[start..at].fill(new as u8);
                changed += length as u32;
            }
        }
        changed
    }
}
