//! Large blocks: each is a run of units of its own in the coarse zone. They grow in place where the
//! units behind them are free, and else move by moving page tables, so growing copies no pages.

use super::arena::ARENA;
use super::block::Block;
use super::unit::{Kind, Record, Run, State};
use super::zone::Zone;
use crate::arithmetic::size_class::{ZoneKind, LARGE_BYTE, UNIT_BYTES};
use crate::os::memory::{self, MoveError, Range};
use core::ptr;

const KINDS: (Kind, Kind) = (Kind::Large, Kind::LargeEnd);
/// Blocks from this size on start at a multiple of it: whole page tables can be moved then, and
/// huge pages used.
const HUGE_BYTES: usize = 2 << 20;

fn zone() -> &'static Zone {
    ARENA.zone(ZoneKind::Coarse)
}

/// Allocates a block of at least `size_bytes` that starts at a multiple of `alignment` (a power of
/// two). Says whether it reads as zero. `None` when there is no memory.
pub fn allocate(size_bytes: usize, alignment: usize) -> Option<(Block, bool)> {
    allocate_units(size_bytes, units_for(size_bytes)?, alignment)
}

fn allocate_units(size_bytes: usize, units: u32, alignment: usize) -> Option<(Block, bool)> {
    let least = if units as usize * UNIT_BYTES >= HUGE_BYTES { HUGE_BYTES } else { UNIT_BYTES };
    let alignment = u32::try_from(alignment.max(least) / UNIT_BYTES).ok()?;
    let taken = ARENA.take(ZoneKind::Coarse, units, alignment, KINDS)?;
    // SAFETY: the run was just taken: it is this thread's, and a block starts there from now on.
    let block = unsafe { Block::at(zone().range(taken.run).start) };
    let record = record_of(block);
    record.large_bytes = page_multiple(size_bytes);
    // SAFETY: as above.
    unsafe { ARENA.coarse_map().entry_of(block).set(LARGE_BYTE) };
    Some((block, taken.is_zero))
}

/// How many units hold `size_bytes`, if that is a number that the zone could have.
fn units_for(size_bytes: usize) -> Option<u32> {
    if size_bytes > isize::MAX as usize {
        return None;
    }
    u32::try_from(size_bytes.max(1).div_ceil(UNIT_BYTES)).ok()
}

fn page_multiple(size_bytes: usize) -> usize {
    size_bytes.max(1).next_multiple_of(memory::page_bytes())
}

/// The record of a large block. The caller owns the block.
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

/// Frees a large block. False if it isn't alive: then nothing has changed.
pub fn free(block: Block) -> bool {
    // SAFETY: the caller found the ledger's byte of a large block there.
    if !unsafe { ARENA.coarse_map().entry_of(block) }.try_clear(LARGE_BYTE) {
        return false;
    }
    ARENA.give(ZoneKind::Coarse, run_of(block));
    true
}

/// Changes the size of a large block to `size_bytes`, more than any size class serves. Returns
/// where it is then, or `None` when there is no memory: then nothing has changed.
pub fn resize(block: Block, size_bytes: usize) -> Option<Block> {
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
    if zone().lengthen(run, units - run.units, KINDS).is_some() {
        record_of(block).large_bytes = page_multiple(size_bytes);
        return Some(block);
    }
    move_to_longer(block, size_bytes, units)
}

fn move_to_longer(block: Block, size_bytes: usize, units: u32) -> Option<Block> {
    // An eighth more of address space lets a block that grows step by step stay where it is.
    let spare = if memory::is_claimed() { 0 } else { units / 8 };
    let (new, _) = allocate_units(size_bytes, units.checked_add(spare)?, 1)
        .or_else(|| allocate_units(size_bytes, units, 1))?;
    let old = run_of(block);
    let length = record_of(block).large_bytes.min(old.units as usize * UNIT_BYTES);
    let length = length.next_multiple_of(UNIT_BYTES);
    // SAFETY: both runs are this thread's; the new one is at least as long.
    unsafe {
        ARENA.coarse_map().entry_of(block).clear();
        move_or_copy(Range { start: block.address(), length }, new.address());
    }
    let first = run_of(new).first;
    zone().set_state(Run { first, units: (length / UNIT_BYTES) as u32 }, State::Moved);
    release_moved(old);
    Some(new)
}

/// Moves pages from one of Cairn's ranges to another, splitting where the kernel has several
/// mappings for them, and copying what it doesn't move. `from` is unusable then.
///
/// # Safety
/// Both ranges must be the caller's, multiples of the unit, and apart.
unsafe fn move_or_copy(from: Range, to: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        match memory::move_pages(from, to) {
            Ok(()) => {}
            Err(MoveError::SeveralMappings) if from.length > UNIT_BYTES => {
                let half = from.length / UNIT_BYTES / 2 * UNIT_BYTES;
                move_or_copy(Range { length: half, ..from }, to);
                let rest = Range { start: from.start + half, length: from.length - half };
                move_or_copy(rest, to + half);
            }
            Err(_) => ptr::copy_nonoverlapping(from.start as *const u8, to as *mut u8, from.length),
        }
    }
}

/// Gives back the run that pages were moved away from; nothing is mapped in parts of it.
fn release_moved(run: Run) {
    // SAFETY: the caller owns the run, and its contents are of no use.
    let state = unsafe {
        if !memory::is_claimed() && zone().renew(run) {
            State::Clean
        } else {
            // Should the kernel refuse even this, the range has no pages that could be used.
            memory::decommit(zone().range(run));
            State::Void
        }
    };
    zone().set_state(run, state);
    zone().give_as_is(run);
}
