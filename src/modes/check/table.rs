//! The records of all blocks, by address: what was asked for, by whom, and who freed it. They lie
//! apart from the blocks, so no wrong write reaches them.
//!
//! An open-addressed table with linear probing in shards, each behind a lock of its own, so that
//! threads rarely meet. A shard is made anew, twice as long, when five of eight rows are used: with
//! more, searches get long.

use super::stacks::StackNumber;
use crate::arithmetic::function::Function;
use crate::os::{memory, processor};
use crate::sync::lock::Lock;
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
pub struct Record {
    /// The block's address; 0 in an unused row.
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
/// Rows of a shard at first: a page or so.
const ROWS_AT_FIRST: usize = 64;

/// A part of the table.
///
/// (C1) `rows` is null or has `capacity` rows, a power of two, of which `used` are used: fewer than
/// all. (C2) Between a record's own place, by its hash, and the row where it is, no row is unused.
struct Shard {
    rows: *mut Record,
    capacity: usize,
    used: usize,
}

// SAFETY: the rows belong to the shard alone.
unsafe impl Send for Shard {}

static TABLE: [Lock<Shard>; SHARDS] = [const { Lock::new(Shard::EMPTY) }; SHARDS];

/// Where a shard's rows are, for those who have no lock.
struct Hint {
    rows: AtomicUsize,
    mask: AtomicUsize,
}

static HINTS: [Hint; SHARDS] =
    [const { Hint { rows: AtomicUsize::new(0), mask: AtomicUsize::new(0) } }; SHARDS];

/// Fibonacci hashing (Knuth, "The Art of Computer Programming", volume 3, 6.4): the upper bits of
/// the product are mixed well.
fn hash(address: usize) -> u64 {
    (address as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

fn shard(address: usize) -> &'static Lock<Shard> {
    &TABLE[(hash(address) >> (64 - SHARDS_LOG2)) as usize]
}

impl Shard {
    const EMPTY: Self = Self { rows: ptr::null_mut(), capacity: 0, used: 0 };

    fn own_place(&self, address: usize) -> usize {
        (hash(address) >> 20) as usize & (self.capacity - 1)
    }

    fn row(&mut self, index: usize) -> &mut Record {
        debug_assert!(index < self.capacity);
        // SAFETY: (C1).
        unsafe { &mut *self.rows.add(index) }
    }

    /// The row that has `address`, or the unused one where it would be.
    fn probe(&mut self, address: usize) -> usize {
        let mut index = self.own_place(address);
        loop {
            let found = self.row(index).address;
            if found == address || found == 0 {
                return index;
            }
            index = (index + 1) & (self.capacity - 1);
        }
    }

    fn find(&mut self, address: usize) -> Option<usize> {
        if self.used == 0 || address == 0 {
            return None;
        }
        let index = self.probe(address);
        (self.row(index).address == address).then_some(index)
    }

    fn insert(&mut self, record: &Record) -> bool {
        if (self.used + 1) * 8 > self.capacity * 5 && !self.grow() {
            return false;
        }
        let index = self.probe(record.address);
        let row = self.row(index);
        let is_new = row.address == 0;
        *row = *record;
        self.used += usize::from(is_new);
        true
    }

    fn grow(&mut self) -> bool {
        let capacity = (self.capacity * 2).max(ROWS_AT_FIRST);
        let Some(range) = memory::map_writable(Self::bytes(capacity)) else {
            // The last row stays unused, so that each search ends.
            return self.used + 1 < self.capacity;
        };
        let old = Self { rows: range.start as *mut Record, capacity, used: 0 };
        let mut old = core::mem::replace(self, old);
        for index in 0..old.capacity {
            let record = *old.row(index);
            if record.address != 0 {
                let place = self.probe(record.address);
                *self.row(place) = record;
                self.used += 1;
            }
        }
        if !old.rows.is_null() {
            let range =
                memory::Range { start: old.rows as usize, length: Self::bytes(old.capacity) };
            // SAFETY: everything in it has moved.
            unsafe { memory::release(range) };
        }
        true
    }

    fn bytes(capacity: usize) -> usize {
        (capacity * size_of::<Record>()).next_multiple_of(memory::page_bytes())
    }

    /// Takes a record out, and moves those behind it up that (C2) wants there (Knuth, 6.4,
    /// algorithm R).
    fn remove(&mut self, index: usize) -> Record {
        let mask = self.capacity - 1;
        let removed = *self.row(index);
        let (mut hole, mut next) = (index, (index + 1) & mask);
        loop {
            let address = self.row(next).address;
            if address == 0 {
                break;
            }
            let own = self.own_place(address);
            if next.wrapping_sub(own) & mask >= next.wrapping_sub(hole) & mask {
                *self.row(hole) = *self.row(next);
                hole = next;
            }
            next = (next + 1) & mask;
        }
        self.row(hole).address = 0;
        self.used -= 1;
        removed
    }
}

/// Adds the record of a block, in the place of an older one of the same address. False when there
/// is no memory for it.
pub fn insert(record: &Record) -> bool {
    let mut shard = shard(record.address).lock();
    let rows = shard.rows;
    let is_in = shard.insert(record);
    if shard.rows != rows {
        let hint = &HINTS[(hash(record.address) >> (64 - SHARDS_LOG2)) as usize];
        hint.mask.store(shard.capacity - 1, Relaxed);
        hint.rows.store(shard.rows as usize, Relaxed);
    }
    is_in
}

/// Does something with the record of the block at `address`, while no other thread does.
pub fn with<T>(address: usize, act: impl FnOnce(&mut Record) -> T) -> Option<T> {
    let mut shard = shard(address).lock();
    let index = shard.find(address)?;
    Some(act(shard.row(index)))
}

/// Fetches what the record of the block at `address` is found by, for a use that is near. Takes no
/// lock: a shard that is just made anew makes it useless, not wrong.
#[inline]
pub fn prefetch(address: usize) {
    let hash = hash(address);
    let hint = &HINTS[(hash >> (64 - SHARDS_LOG2)) as usize];
    let place = (hash >> 20) as usize & hint.mask.load(Relaxed);
    processor::prefetch(hint.rows.load(Relaxed) + place * size_of::<Record>());
}

/// A copy of the record of the block at `address`.
pub fn get(address: usize) -> Option<Record> {
    with(address, |record| *record)
}

/// Takes out the record of the block at `address`.
pub fn remove(address: usize) -> Option<Record> {
    let mut shard = shard(address).lock();
    let index = shard.find(address)?;
    Some(shard.remove(index))
}

/// Visits a copy of every record. Those that other threads add or take out meanwhile may be missed.
pub fn for_each(mut visit: impl FnMut(&Record)) {
    for lock in &TABLE {
        let mut shard = lock.lock();
        for index in 0..shard.capacity {
            let record = *shard.row(index);
            if record.address != 0 {
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
pub fn for_each_range(mut visit: impl FnMut(memory::Range)) {
    for lock in &TABLE {
        let shard = lock.lock();
        if shard.capacity > 0 {
            let length = Shard::bytes(shard.capacity);
            visit(memory::Range { start: shard.rows as usize, length });
        }
    }
}

/// The locks of all parts: for forks, and to keep the table as it is.
pub fn locks() -> impl Iterator<Item = &'static dyn crate::sync::lock::Holdable> {
    TABLE.iter().map(|lock| lock as &dyn crate::sync::lock::Holdable)
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
                    assert!(shard.insert(&record(address, number)));
                    model.insert(address, number);
                }
                _ => {
                    let found = shard.find(address).map(|index| shard.row(index).number);
                    assert_eq!(found, model.get(&address).copied());
                }
            }
            assert_eq!(shard.used, model.len());
        }
    }
}
