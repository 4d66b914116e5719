//! The records of all blocks, by address: what was asked for, by whom, and who freed it. They lie
//! apart from the blocks, so no wrong write reaches them.
//!
//! Which row a record is in (`rows.rs`) stands at the place that the block's address has in
//! `starts.rs`. Where there is none, as for guarded blocks, the row is found in an open-addressed
//! table with linear probing. All that is in shards, each behind a lock of its own, so that threads
//! rarely meet. A shard's table is made anew, twice as long, when five of eight slots are used:
//! with more, searches get long.

use super::guard;
use super::record::Record;
use super::rows;
use super::starts;
use crate::os::memory::{self, Range};
use crate::os::processor;
use crate::sync::lock::{Guard, Holdable, Lock};
use core::ptr;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

const SHARDS_LOG2: u32 = 6;
const SHARDS: usize = 1 << SHARDS_LOG2;
/// Slots of a shard at first.
const SLOTS_AT_FIRST: usize = 64;

/// A part of the table: slots, found by a block's address, each of which names the row of a record.
///
/// (C1) `slots` is null or has `capacity` slots, a power of two, of which `used` are used: fewer
/// than all. (C2) Between a record's own place, by its hash, and the slot where it is, no slot is
/// unused. (C3) The rows in slots, the `placed` ones in the words of its addresses' pieces, those
/// from `free` on, and those from `fresh` to `fresh_end` are the shard's, each once.
struct Shard {
    slots: *mut Slot,
    capacity: usize,
    used: usize,
    /// How many of the slots are used for blocks of the heap.
    displaced: usize,
    placed: usize,
    /// The first of the rows that are free again; their `number` is the next one.
    free: u32,
    fresh: u32,
    fresh_end: u32,
}

/// The tag of a record, and its row; all zero if it is unused.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Slot {
    row: u32,
    tag: u32,
}

const UNUSED: Slot = Slot { row: 0, tag: 0 };

// SAFETY: the slots belong to the shard alone.
unsafe impl Send for Shard {}

static TABLE: [Lock<Shard>; SHARDS] = [const { Lock::new(Shard::EMPTY) }; SHARDS];

/// Where a shard keeps a row.
#[derive(Clone, Copy)]
enum Found {
    /// In the word of the address's piece.
    Word(&'static AtomicU32),
    /// In a slot.
    Slot(usize),
}

/// Fibonacci hashing (Knuth, "The Art of Computer Programming", volume 3, 6.4): the upper bits of
/// the product are mixed well.
#[inline(always)]
fn hash(address: usize) -> u64 {
    (address as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// The bits of the hash that a slot has; the lowest are its own place.
#[inline(always)]
fn tag(address: usize) -> u32 {
    (hash(address) >> 24) as u32
}

#[inline(always)]
fn shard(address: usize) -> &'static Lock<Shard> {
    &TABLE[(hash(address >> starts::LOCKED_LOG2) >> (64 - SHARDS_LOG2)) as usize]
}

impl Shard {
    const EMPTY: Self = Self {
        slots: ptr::null_mut(),
        capacity: 0,
        used: 0,
        displaced: 0,
        placed: 0,
        free: 0,
        fresh: 0,
        fresh_end: 0,
    };

    #[inline(always)]
    fn slot(&mut self, index: usize) -> &mut Slot {
        debug_assert!(index < self.capacity);
        // SAFETY: (C1).
        unsafe { &mut *self.slots.add(index) }
    }

    #[inline(always)]
    fn record(&mut self, row: u32) -> &mut Record {
        // SAFETY: (C3).
        unsafe { &mut *rows::place_of(row) }
    }

    /// The slot that has `address`, or the unused one where it would be.
    #[inline(always)]
    fn probe(&mut self, address: usize) -> usize {
        let (tag, mask) = (tag(address), self.capacity - 1);
        let mut index = tag as usize & mask;
        loop {
            let slot = *self.slot(index);
            if slot == UNUSED || slot.tag == tag && self.record(slot.row).address == address {
                return index;
            }
            index = (index + 1) & mask;
        }
    }

    /// The row of the record at `address`, and where it is kept.
    #[inline(always)]
    fn find(&mut self, address: usize) -> Option<(u32, Found)> {
        if let Some(word) = starts::word(address) {
            let row = word.load(Relaxed);
            if row != 0 && self.record(row).address == address {
                return Some((row, Found::Word(word)));
            }
        }
        self.find_slot(address)
    }

    fn find_slot(&mut self, address: usize) -> Option<(u32, Found)> {
        if self.used == 0 || address == 0 {
            return None;
        }
        let index = self.probe(address);
        let slot = *self.slot(index);
        (slot != UNUSED).then_some((slot.row, Found::Slot(index)))
    }

    /// The row for a record at `address`, to be written by the caller. `None` without memory.
    #[inline(always)]
    fn insert(&mut self, address: usize) -> Option<u32> {
        if let Some(word) = starts::word_for(address) {
            if word.load(Relaxed) == 0 && self.displaced == 0 {
                return self.insert_into(word);
            }
        }
        self.insert_slot(address)
    }

    #[inline(always)]
    fn insert_into(&mut self, word: &AtomicU32) -> Option<u32> {
        let row = self.take_row()?;
        word.store(row, Relaxed);
        self.placed += 1;
        Some(row)
    }

    /// As [`Shard::insert`], where there may be a record already, or the word is another's.
    fn insert_slot(&mut self, address: usize) -> Option<u32> {
        if let Some((row, _)) = self.find(address) {
            return Some(row);
        }
        if let Some(word) = starts::word(address).filter(|word| word.load(Relaxed) == 0) {
            return self.insert_into(word);
        }
        if (self.used + 1) * 8 > self.capacity * 5 && !self.grow() {
            return None;
        }
        let row = self.take_row()?;
        let index = self.probe(address);
        *self.slot(index) = Slot { row, tag: tag(address) };
        self.used += 1;
        self.displaced += usize::from(!guard::contains(address));
        Some(row)
    }

    #[inline(always)]
    fn take_row(&mut self) -> Option<u32> {
        let row = self.free;
        if row == 0 {
            return self.take_fresh_row();
        }
        self.free = self.record(row).number as u32;
        Some(row)
    }

    fn take_fresh_row(&mut self) -> Option<u32> {
        if self.fresh == self.fresh_end {
            let first = rows::take_chunk()?;
            (self.fresh, self.fresh_end) = (first, first + rows::CHUNK);
        }
        self.fresh += 1;
        Some(self.fresh - 1)
    }

    #[cold]
    fn grow(&mut self) -> bool {
        let capacity = (self.capacity * 2).max(SLOTS_AT_FIRST);
        let Some(range) = memory::map_writable(Self::bytes(capacity)) else {
            // The last slot stays unused, so that each search ends.
            return self.used + 1 < self.capacity;
        };
        let old = Range { start: self.slots as usize, length: Self::bytes(self.capacity) };
        let slots = range.start as *mut Slot;
        for index in 0..self.capacity {
            let slot = *self.slot(index);
            if slot == UNUSED {
                continue;
            }
            let mut place = slot.tag as usize & (capacity - 1);
            // SAFETY: within the new slots, of which more are unused than there are old ones.
            unsafe {
                while *slots.add(place) != UNUSED {
                    place = (place + 1) & (capacity - 1);
                }
                slots.add(place).write(slot);
            }
        }
        (self.slots, self.capacity) = (slots, capacity);
        if old.start != 0 {
            // SAFETY: everything in it has moved.
            unsafe { memory::release(old) };
        }
        true
    }

    fn bytes(capacity: usize) -> usize {
        (capacity * size_of::<Slot>()).next_multiple_of(memory::page_bytes())
    }

    /// Takes a record out of where it was found.
    #[inline(always)]
    fn remove(&mut self, row: u32, found: Found) {
        match found {
            Found::Word(word) => {
                word.store(0, Relaxed);
                self.placed -= 1;
            }
            Found::Slot(index) => {
                let is_guarded = guard::contains(self.record(row).address);
                self.displaced -= usize::from(!is_guarded);
                self.empty_slot(index);
            }
        }
        let free = self.free;
        self.record(row).number = u64::from(free);
        self.free = row;
    }

    /// Empties a slot, and moves those behind it up that (C2) wants there (Knuth, 6.4, algorithm
    /// R).
    fn empty_slot(&mut self, index: usize) {
        let mask = self.capacity - 1;
        let (mut hole, mut next) = (index, (index + 1) & mask);
        loop {
            let slot = *self.slot(next);
            if slot == UNUSED {
                break;
            }
            if next.wrapping_sub(slot.tag as usize) & mask >= next.wrapping_sub(hole) & mask {
                *self.slot(hole) = slot;
                hole = next;
            }
            next = (next + 1) & mask;
        }
        *self.slot(hole) = UNUSED;
        self.used -= 1;
    }
}

/// Adds the record of the block at `address`, in the place of an older one; `write` has to write
/// it. False when there is no memory for it.
#[inline(always)]
pub fn insert(address: usize, write: impl FnOnce(&mut Record)) -> bool {
    let mut shard = shard(address).lock_alone();
    let row = shard.insert(address);
    if let Some(row) = row {
        write(shard.record(row));
    }
    row.is_some()
}

/// A record that no other thread uses meanwhile.
pub struct Held {
    shard: Guard<'static, Shard>,
    row: u32,
    found: Found,
}

impl Held {
    /// The record.
    #[inline(always)]
    pub fn record(&mut self) -> &mut Record {
        self.shard.record(self.row)
    }

    /// Its row.
    #[inline(always)]
    pub fn row(&self) -> u32 {
        self.row
    }

    /// Takes the record out.
    #[inline(always)]
    pub fn remove(mut self) {
        self.shard.remove(self.row, self.found);
    }
}

/// The record of the block at `address`, if there is one.
#[inline(always)]
pub fn hold(address: usize) -> Option<Held> {
    let mut shard = shard(address).lock_alone();
    let (row, found) = shard.find(address)?;
    Some(Held { shard, row, found })
}

/// Fetches the record of the block at `address`, which may be any, for a use that is near.
#[inline(always)]
pub fn prefetch(address: usize) {
    if let Some(word) = starts::word(address) {
        processor::prefetch(rows::place_of(word.load(Relaxed)) as usize);
    }
}

/// Fetches what the record of the block at `address`, which is in `row`, is found by, for a use
/// some blocks later.
#[inline(always)]
pub fn prefetch_for_later(address: usize, row: u32) {
    if let Some(word) = starts::word(address) {
        processor::prefetch(word.as_ptr() as usize);
    }
    processor::prefetch(rows::place_of(row) as usize);
}

/// A copy of the record of the block at `address`.
pub fn get(address: usize) -> Option<Record> {
    hold(address).map(|mut held| *held.record())
}

/// Visits a copy of every record. Those that other threads add or take out meanwhile may be missed.
pub fn for_each(mut visit: impl FnMut(&Record)) {
    for lock in &TABLE {
        let mut shard = lock.lock();
        for index in 0..shard.capacity {
            let slot = *shard.slot(index);
            if slot != UNUSED {
                let record = *shard.record(slot.row);
                visit(&record);
            }
        }
    }
    starts::for_each(|address, word| {
        let mut shard = shard(address).lock_alone();
        let row = word.load(Relaxed);
        if row != 0 {
            let record = *shard.record(row);
            visit(&record);
        }
    });
}

/// How many records there are.
pub fn count() -> usize {
    let count = |lock: &Lock<Shard>| {
        let shard = lock.lock();
        shard.used + shard.placed
    };
    TABLE.iter().map(count).sum()
}

/// Calls `visit` with the memory of each part of the table, which holds blocks' addresses without
/// being a use of them.
pub fn for_each_range(mut visit: impl FnMut(Range)) {
    for lock in &TABLE {
        let shard = lock.lock();
        if shard.capacity > 0 {
            let length = Shard::bytes(shard.capacity);
            visit(Range { start: shard.slots as usize, length });
        }
    }
    starts::for_each_range(&mut visit);
    rows::for_each_range(visit);
}

/// The locks of all parts: for forks, and to keep the table as it is.
pub fn locks() -> impl Iterator<Item = &'static dyn Holdable> {
    let shards = TABLE.iter().map(|lock| lock as &dyn Holdable);
    shards.chain([starts::lock(), rows::lock()])
}

#[cfg(test)]
mod tests {
    use super::super::record::Placement;
    use super::super::stacks::StackNumber;
    use super::*;
    use crate::arithmetic::function::Function;
    use crate::arithmetic::random::Random;
    use crate::arithmetic::size_class::ZoneKind;
    use crate::memory::arena::{self, ARENA};
    use std::collections::HashMap;

    fn record(address: usize, number: u64) -> Record {
        Record {
            address,
            size_bytes: 8,
            number,
            allocated: StackNumber::NONE,
            freed: StackNumber::NONE,
            thread: 1,
            freed_thread: 0,
            function: Function::Malloc,
            freed_by: None,
            placement: Placement::Plain,
            is_ignored: false,
            lead_log2: 4,
            canary_before: 16,
            canary_behind: 16,
            class: 3,
        }
    }

    #[test]
    fn a_shard_agrees_with_a_map() {
        agree_with_a_map(0, 7);
        // Where words have the rows: four of these addresses share one.
        arena::ensure_placed();
        starts::begin();
        let origin = ARENA.zone(ZoneKind::Main).origin();
        assert!(starts::word_for(origin).is_some());
        agree_with_a_map(origin, 8);
        starts::for_each(|_, word| word.store(0, Relaxed));
    }

    fn agree_with_a_map(origin: usize, seed: u64) {
        let mut random = Random::new(seed);
        let mut shard = Shard::EMPTY;
        let mut model = HashMap::new();
        for number in 0..200_000u64 {
            let address = origin + (random.below(3_000) + 1) * 16;
            match random.below(3) {
                0 => {
                    let found = shard.find(address);
                    let number = found.map(|(row, _)| shard.record(row).number);
                    found.into_iter().for_each(|(row, found)| shard.remove(row, found));
                    assert_eq!(number, model.remove(&address));
                }
                1 => {
                    let row = shard.insert(address).unwrap();
                    *shard.record(row) = record(address, number);
                    model.insert(address, number);
                }
                _ => {
                    let found = shard.find(address).map(|(row, _)| shard.record(row).number);
                    assert_eq!(found, model.get(&address).copied());
                }
            }
            assert_eq!(shard.used + shard.placed, model.len());
            assert_eq!(shard.displaced, shard.used);
        }
    }
}
