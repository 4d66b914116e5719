//! Large blocks: each is a run of units of its own in the coarse zone. They grow in place where the
//! units behind them are free, and else move by moving page tables, so growing copies no pages.

use super::arena::{Wanted, ARENA};
use super::block::Block;
use super::limit;
use super::unit::{Kind, Record, Run, State, Unit, HUGE_UNITS};
use super::zone::Zone;
use crate::arithmetic::size_class::{ZoneKind, LARGE_BYTE, UNIT_BYTES};
use crate::os::memory::{self, Guard, Left, MoveError, Range};
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

const KINDS: (Kind, Kind) = (Kind::Large, Kind::LargeEnd);
/// Blocks from this size on start at a multiple of it: whole page tables can be moved then, and
/// huge pages used.
const HUGE_BYTES: usize = 2 << 20;

/// Blocks from this size on are followed by a guard: what runs over their end faults.
static GUARDED_FROM_BYTES: AtomicUsize = AtomicUsize::new(usize::MAX);
/// Whether the memory of freed blocks is gone at once, so that every use of it faults.
static FREED_IS_GONE: AtomicBool = AtomicBool::new(false);

/// From now on every large block has a guard, and freed ones can't be used.
pub fn harden() {
    GUARDED_FROM_BYTES.store(0, Relaxed);
    FREED_IS_GONE.store(true, Relaxed);
}

#[inline]
fn is_guarded(size_bytes: usize) -> bool {
    size_bytes >= GUARDED_FROM_BYTES.load(Relaxed)
}

/// Units that a block which had to move to grow gets on top; an eighth if that is more.
const SPARE_UNITS_LEAST: u32 = 8;
/// Up to this many units copying is faster than moving page tables.
const COPY_UNITS_MAX: u32 = 4;

/// Whether the contents of `moved` units are copied to a block of `units`. What becomes long enough
/// for a huge page is: small pages that are moved into one's place stay small, and so does that
/// place when the block has gone.
fn is_copied(moved: u32, units: u32) -> bool {
    let becomes_huge = moved < HUGE_UNITS && units >= HUGE_UNITS && limit::bytes().is_none();
    moved <= COPY_UNITS_MAX || becomes_huge
}

fn zone() -> &'static Zone {
    ARENA.zone(ZoneKind::Coarse)
}

/// Allocates a block of at least `size_bytes` that starts at a multiple of `alignment` (a power of
/// two). Says whether it reads as zero. `None` when there is no memory.
pub fn allocate(size_bytes: usize, alignment: usize) -> Option<(Block, bool)> {
    let allocated = allocate_units(size_bytes, units_for(size_bytes)?, alignment, 0)?;
    set_guard(allocated.0);
    Some(allocated)
}

/// Allocates a run of `units` in place of `vacated` units that are given back soon.
fn allocate_units(
    size_bytes: usize,
    units: u32,
    alignment: usize,
    vacated: u32,
) -> Option<(Block, bool)> {
    let least = if units as usize * UNIT_BYTES >= HUGE_BYTES { HUGE_BYTES } else { UNIT_BYTES };
    let alignment = u32::try_from(alignment.max(least) / UNIT_BYTES).ok()?;
    let wanted = Wanted { zone: ZoneKind::Coarse, length: units, alignment, kinds: KINDS };
    let taken = ARENA.take(&wanted, vacated)?;
    // SAFETY: the run was just taken: it is this thread's, and a block starts there from now on.
    let block = unsafe { Block::at(zone().range(taken.run).start) };
    let record = record_of(block);
    record.large_bytes = page_multiple(size_bytes);
    record.guard = Guard::None;
    // SAFETY: as above.
    unsafe { ARENA.coarse_map().entry_of(block).set(LARGE_BYTE) };
    Some((block, taken.is_zero))
}

/// How many units hold `size_bytes` and the guard, if that is a number that the zone could have.
#[inline]
pub fn units_for(size_bytes: usize) -> Option<u32> {
    if size_bytes > isize::MAX as usize {
        return None;
    }
    let bytes = match is_guarded(size_bytes) {
        true => page_multiple(size_bytes) + memory::page_bytes(),
        false => size_bytes.max(1),
    };
    u32::try_from(bytes.div_ceil(UNIT_BYTES)).ok()
}

/// What of a block's run lies behind its last page: up to the end of a unit, so that few page
/// tables are needed.
fn guard_range(block: Block) -> Range {
    let start = block.address() + usable_bytes(block);
    Range { start, length: (start + 1).next_multiple_of(UNIT_BYTES) - start }
}

/// Puts a guard behind a block if it is to have one. Where the kernel gives none, there is none.
fn set_guard(block: Block) {
    if is_guarded(usable_bytes(block)) {
        // Splitting mappings is for those who ask for it: a process has only some 65,000.
        let may_split = FREED_IS_GONE.load(Relaxed);
        // SAFETY: behind the block, and in its run.
        record_of(block).guard = unsafe { memory::guard(guard_range(block), may_split) };
    }
}

/// Takes the guard behind a block away. False if the kernel refuses.
fn lift_guard(block: Block) -> bool {
    // SAFETY: as it was set.
    let is_lifted = unsafe { memory::unguard(guard_range(block), record_of(block).guard) };
    if is_lifted {
        record_of(block).guard = Guard::None;
    }
    is_lifted
}

fn page_multiple(size_bytes: usize) -> usize {
    // A power of two: no division.
    let mask = memory::page_bytes() - 1;
    (size_bytes.max(1) + mask) & !mask
}

/// The record of a large block. The caller owns the block.
#[inline]
fn record_of<'a>(block: Block) -> &'a mut Record {
    let unit = ((block.address() - zone().origin()) / UNIT_BYTES) as u32;
    // SAFETY: (U2): the block's owner may change it.
    unsafe { zone().record(unit) }
}

fn run_of(block: Block) -> Run {
    let first = ((block.address() - zone().origin()) / UNIT_BYTES) as u32;
    Run { first, units: record_of(block).run_units }
}

/// The usable size of a large block in bytes.
pub fn usable_bytes(block: Block) -> usize {
    record_of(block).large_bytes
}

/// How many units the run of a large block has, alive or just unmarked.
#[inline]
pub fn run_units(block: Block) -> u32 {
    record_of(block).run_units
}

/// Frees a large block. False if it isn't alive: then nothing has changed.
pub fn free(block: Block) -> bool {
    let was_live = unmark(block);
    if was_live {
        release(block);
    }
    was_live
}

/// Takes a block out of the ledger; its run stays the caller's, to be released or revived. False if
/// it isn't alive: then nothing has changed.
#[inline]
pub fn unmark(block: Block) -> bool {
    // SAFETY: the caller found the ledger's byte of a large block there.
    unsafe { ARENA.coarse_map().entry_of(block) }.try_clear(LARGE_BYTE)
}

/// Notes that a block that was unmarked, and has no guard, is kept to be revived.
#[inline]
pub fn note_kept(block: Block) {
    debug_assert!(record_of(block).guard == Guard::None);
    record_of(block).large_bytes = 0;
}

/// Makes a block of `size_bytes` of one that was unmarked, whose run is long enough.
#[inline]
pub fn revive(block: Block, size_bytes: usize) {
    record_of(block).large_bytes = page_multiple(size_bytes);
    // SAFETY: the start of a large block's run.
    unsafe { ARENA.coarse_map().entry_of(block).set(LARGE_BYTE) };
}

/// Gives the run of a block that was unmarked back to the arena.
pub fn release(block: Block) {
    let run = run_of(block);
    // SAFETY: the run is this thread's, and nothing may use it.
    if FREED_IS_GONE.load(Relaxed) && unsafe { memory::decommit(zone().range(run)) } {
        zone().set_state(run, State::Void);
        zone().give_as_is(run);
    } else if lift_guard(block) {
        ARENA.give(ZoneKind::Coarse, run);
    }
    // Else the run stays as it is: it can't be used.
}

/// Changes the size of a large block if its run has as many units as it is to have, or the block
/// grows within it. False, and nothing is done, if not, or if a guard is in the way.
#[inline]
pub fn resize_in_run(block: Block, size_bytes: usize) -> bool {
    let record = record_of(block);
    let run_bytes = record.run_units as usize * UNIT_BYTES;
    let keeps_units = size_bytes > record.large_bytes || size_bytes > run_bytes - UNIT_BYTES;
    let fits = size_bytes <= run_bytes && keeps_units && record.guard == Guard::None;
    if fits {
        record.large_bytes = page_multiple(size_bytes);
    }
    fits
}

/// Changes the size of a large block to `size_bytes`. Returns
/// where it is then, or `None` when there is no memory: then nothing has changed.
pub fn resize(block: Block, size_bytes: usize) -> Option<Block> {
    if !lift_guard(block) {
        return None;
    }
    let resized = resize_open(block, size_bytes);
    set_guard(resized.unwrap_or(block));
    resized
}

fn resize_open(block: Block, size_bytes: usize) -> Option<Block> {
    let units = units_for(size_bytes)?;
    let (run, old_bytes) = (run_of(block), record_of(block).large_bytes);
    if units <= run.units {
        if size_bytes < old_bytes && units < run.units {
            zone().shorten(run, units, KINDS);
            ARENA.keep_bound();
        }
        record_of(block).large_bytes = page_multiple(size_bytes);
        return Some(block);
    }
    // What grows step by step had better not ask for each unit.
    let more = units - run.units;
    let spare = if limit::bytes().is_some() { 0 } else { (run.units / 4).min(SPARE_UNITS_LEAST) };
    if limit::lengthen(ZoneKind::Coarse, run, more.max(spare), KINDS)
        || more < spare && limit::lengthen(ZoneKind::Coarse, run, more, KINDS)
    {
        record_of(block).large_bytes = page_multiple(size_bytes);
        return Some(block);
    }
    move_to_longer(block, size_bytes, units)
}

fn move_to_longer(block: Block, size_bytes: usize, units: u32) -> Option<Block> {
    // Some more address space lets a block that grows step by step stay where it is.
    let is_scarce = memory::is_claimed() || limit::bytes().is_some();
    let spare = if is_scarce { 0 } else { (units / 8).max(units.min(SPARE_UNITS_LEAST)) };
    let old = run_of(block);
    let (new, _) = allocate_units(size_bytes, units.checked_add(spare)?, 1, old.units)
        .or_else(|| allocate_units(size_bytes, units, 1, old.units))?;
    let moved_units = units_for(record_of(block).large_bytes)?;
    let moved = Run { units: moved_units.min(old.units), ..old };
    // SAFETY: both runs are this thread's; the new one is at least as long.
    unsafe {
        ARENA.coarse_map().entry_of(block).clear();
        match is_copied(moved.units, units) {
            true => copy(moved, Run { first: run_of(new).first, ..moved }),
            false => move_or_copy(moved, run_of(new).first),
        }
    }
    if moved.end() < old.end() {
        zone().soil(Run { first: moved.end(), units: old.end() - moved.end() });
    }
    zone().give_as_is(old);
    ARENA.keep_bound();
    Some(new)
}

/// Moves the pages of a run to the units from `to` on, splitting where the kernel has several
/// mappings for them, and copying what it doesn't move. Notes the state of both.
///
/// # Safety
/// Both runs must be the caller's, and apart.
unsafe fn move_or_copy(from: Run, to: Unit) {
    let target = Run { first: to, ..from };
    let (source_range, target_range) = (zone().range(from), zone().range(target));
    if from.units <= COPY_UNITS_MAX {
        // SAFETY: the caller's promise.
        return unsafe { copy(from, target) };
    }
    // SAFETY: the caller's promise.
    match unsafe { memory::move_pages(source_range, target_range.start) } {
        Ok(left) => {
            zone().set_state(target, State::Moved);
            settle_source(from, left);
        }
        Err(MoveError::SeveralMappings) if from.units > 1 => {
            let half = from.units / 2;
            let rest = Run { first: from.first + half, units: from.units - half };
            // SAFETY: the caller's promise.
            unsafe {
                move_or_copy(Run { units: half, ..from }, to);
                move_or_copy(rest, to + half);
            }
        }
        // SAFETY: the caller's promise.
        Err(_) => unsafe { copy(from, target) },
    }
}

/// # Safety
/// As [`move_or_copy`].
unsafe fn copy(from: Run, to: Run) {
    let (source, target) = (zone().range(from), zone().range(to));
    let (source_start, target_start) = (source.start as *const u8, target.start as *mut u8);
    // SAFETY: the caller's promise; both are mapped.
    unsafe { ptr::copy_nonoverlapping(source_start, target_start, source.length) };
    zone().soil(from);
}

/// Notes the state of units that pages were moved away from, and fills a hole where it can: other
/// parts of the program could come to lie in it.
fn settle_source(run: Run, left: Left) {
    let range = zone().range(run);
    // SAFETY: the caller owns the run, which has no contents.
    let state = unsafe {
        match left {
            Left::Zeroes => State::Clean,
            Left::Hole if memory::is_claimed() => State::Void,
            Left::Hole if zone().renew(run) => State::Clean,
            Left::Hole => {
                memory::decommit(range);
                State::Void
            }
        }
    };
    zone().set_state(run, state);
}
