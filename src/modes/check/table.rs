//! The records of all blocks, by address: what was asked for, by whom, and who freed it. They lie
//! apart from the blocks, so no wrong write reaches them.
//!
//! An open-addressed table with linear probing in shards, each behind a lock of its own, so that
//! threads rarely meet. It only says which row a record is in (`rows.rs`), so most of it stays in
//! the caches. A shard is made anew, twice as long, when five of eight slots are used: with more,
//! searches get long.

use super::rows;
use super::stacks::StackNumber;
use crate::arithmetic::function::Function;
use crate::os::memory::{self, Range};
use crate::os::processor;
use crate::sync::lock::{Holdable, Lock};
use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Where a block's memory is from, and how it lies in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Placement {
    /// From the heap, with canaries around.
    Plain,
    /// From the guarded region, at the end of its pages.
    GuardedRight,
    /// From the guarded region, at the start of its pages.
    GuardedLeft,
}

/// What is known of one block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(align(64))]
pub struct Record {
    /// The block's address.
    pub address: usize,
    /// The size that was asked for.
    pub size_bytes: usize,
    /// How many blocks had been allocated by then, this one included.
    pub number: u64,
    /// Where it was allocated.
    pub allocated: StackNumber,
    /// Where it was freed.
    pub freed: StackNumber,
    /// The thread that allocated it, by its number at the kernel.
    pub thread: u32,
    /// The thread that freed it.
    pub freed_thread: u32,
    /// What it was allocated with.
    pub function: Function,
    /// What it was freed with; `None` if it is alive.
    pub freed_by: Option<Function>,
    /// Where it lies.
    pub placement: Placement,
    /// Whether leaks of it are not told: `__lsan_ignore_object` and its like.
    pub is_ignored: bool,
    /// How far the block starts behind the start of the heap's own block: log2 of that in bytes.
    pub lead_log2: u8,
    /// How many bytes before it are canary.
    pub canary_before: u8,
    /// How many bytes behind it are canary.
    pub canary_behind: u8,
}

impl Record {
    /// Whether it hasn't been freed.
    pub fn is_live(&self) -> bool {
        self.freed_by.is_none()
    }

    /// Whether it lies in the guarded region.
    pub fn is_guarded(&self) -> bool {
        self.placement != Placement::Plain
    }

    /// Where the heap's own block starts.
    pub fn outer(&self) -> usize {
        self.address - (1 << self.lead_log2)
    }

    /// The address behind its last byte.
    pub fn end(&self) -> usize {
        self.address + self.size_bytes
    }
}

const SHARDS_LOG2: u32 = 6;
const SHARDS: usize = 1 << SHARDS_LOG2;
/// Slots of a shard at first.
const SLOTS_AT_FIRST: usize = 64;

/// A part of the table: slots, found by a block's address, each of which names the row of a record.
///
/// (C1) `slots` is null or has `capacity` slots, a power of two, of which `used` are used: fewer
/// than all. (C2) Between a record's own place, by its hash, and the slot where it is, no slot is
/// unused. (C3) The rows in slots, those from `free` on, and those from `fresh` to `fresh_end` are
/// the shard's, each once.
struct Shard {
    slots: *mut Slot,
    capacity: usize,
    used: usize,
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

/// Where a shard's slots are, for those who have no lock.
struct Hint {
    slots: AtomicUsize,
    mask: AtomicUsize,
}

static HINTS: [Hint; SHARDS] =
    [const { Hint { slots: AtomicUsize::new(0), mask: AtomicUsize::new(0) } }; SHARDS];

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
    &TABLE[(hash(address) >> (64 - SHARDS_LOG2)) as usize]
}

impl Shard {
    const EMPTY: Self =
        Self { slots: ptr::null_mut(), capacity: 0, used: 0, free: 0, fresh: 0, fresh_end: 0 };

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

    #[inline(always)]
    fn find(&mut self, address: usize) -> Option<usize> {
        if self.used == 0 || address == 0 {
            return None;
        }
        let index = self.probe(address);
        (*self.slot(index) != UNUSED).then_some(index)
    }

    /// The row for a record at `address`, to be written by the caller. `None` without memory.
    #[inline(always)]
    fn insert(&mut self, address: usize) -> Option<u32> {
        if (self.used + 1) * 8 > self.capacity * 5 && !self.grow() {
            return None;
        }
        let index = self.probe(address);
        let slot = *self.slot(index);
        if slot != UNUSED {
            return Some(slot.row);
        }
        let row = self.take_row()?;
        *self.slot(index) = Slot { row, tag: tag(address) };
        self.used += 1;
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

    /// Takes a record out, and moves the slots behind it up that (C2) wants there (Knuth, 6.4,
    /// algorithm R).
    #[inline(always)]
    fn remove(&mut self, index: usize) -> Record {
        let mask = self.capacity - 1;
        let row = self.slot(index).row;
        let removed = *self.record(row);
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
        let free = self.free;
        self.record(row).number = u64::from(free);
        self.free = row;
        removed
    }
}

/// Adds the record of the block at `address`, in the place of an older one; `write` has to write
/// it. False when there is no memory for it.
#[inline(always)]
pub fn insert(address: usize, write: impl FnOnce(&mut Record)) -> bool {
    let mut shard = shard(address).lock_alone();
    let slots = shard.slots;
    let row = shard.insert(address);
    if let Some(row) = row {
        write(shard.record(row));
    }
    if shard.slots != slots {
        note_slots(address, &shard);
    }
    row.is_some()
}

#[cold]
fn note_slots(address: usize, shard: &Shard) {
    let hint = &HINTS[(hash(address) >> (64 - SHARDS_LOG2)) as usize];
    hint.mask.store(shard.capacity - 1, Relaxed);
    hint.slots.store(shard.slots as usize, Relaxed);
}

/// Does something with the record of the block at `address`, while no other thread does.
#[inline(always)]
pub fn with<T>(address: usize, act: impl FnOnce(&mut Record) -> T) -> Option<T> {
    with_row(address, |record, _| act(record))
}

/// As [`with`]; `act` is also told the record's row.
#[inline(always)]
pub fn with_row<T>(address: usize, act: impl FnOnce(&mut Record, u32) -> T) -> Option<T> {
    let mut shard = shard(address).lock_alone();
    let index = shard.find(address)?;
    let row = shard.slot(index).row;
    Some(act(shard.record(row), row))
}

/// Fetches what the record of the block at `address`, which is in `row`, is found by, for a use
/// that is near. Takes no lock: a shard that is just made anew makes it useless, not wrong.
#[inline(always)]
pub fn prefetch(address: usize, row: u32) {
    let hint = &HINTS[(hash(address) >> (64 - SHARDS_LOG2)) as usize];
    let place = tag(address) as usize & hint.mask.load(Relaxed);
    processor::prefetch(hint.slots.load(Relaxed) + place * size_of::<Slot>());
    processor::prefetch(rows::place_of(row) as usize);
}

/// A copy of the record of the block at `address`.
pub fn get(address: usize) -> Option<Record> {
    with(address, |record| *record)
}

/// Takes out the record of the block at `address`.
#[inline]
pub fn remove(address: usize) -> Option<Record> {
    let mut shard = shard(address).lock_alone();
    let index = shard.find(address)?;
    Some(shard.remove(index))
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
}

/// How many records there are.
pub fn count() -> usize {
    TABLE.iter().map(|shard| shard.lock().used).sum()
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
    rows::for_each_range(visit);
}

/// The locks of all parts: for forks, and to keep the table as it is.
pub fn locks() -> impl Iterator<Item = &'static dyn Holdable> {
    let shards = TABLE.iter().map(|lock| lock as &dyn Holdable);
    shards.chain([rows::lock()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arithmetic::random::Random;
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
        }
    }

    #[test]
    fn a_shard_agrees_with_a_map() {
        let mut random = Random::new(7);
        let mut shard = Shard::EMPTY;
        let mut model = HashMap::new();
        for number in 0..200_000u64 {
            let address = (random.below(3_000) + 1) * 16;
            match random.below(3) {
                0 => {
                    let found = shard.find(address).map(|index| shard.remove(index).number);
                    assert_eq!(found, model.remove(&address));
                }
                1 => {
                    let row = shard.insert(address).unwrap();
                    *shard.record(row) = record(address, number);
                    model.insert(address, number);
                }
                _ => {
                    let found = shard.find(address).map(|index| {
                        let row = shard.slot(index).row;
                        shard.record(row).number
                    });
                    assert_eq!(found, model.get(&address).copied());
                }
            }
            assert_eq!(shard.used, model.len());
        }
    }
}
