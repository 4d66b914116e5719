//! Slabs: runs of units cut into blocks of one class. Which blocks are free stands in a bitmap
//! apart from them: beside the zone for fine slabs, in the record for coarse ones.

use super::arena::{Wanted, ARENA};
use super::block::Block;
use super::copies;
use super::pages;
use super::unit::{Kind, Record, Run, Unit, NO_UNIT};
use super::zone::Zone;
use crate::arithmetic::size_class::{SizeClass, UNIT_BYTES};
use crate::os::memory;
use core::iter::Peekable;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Coarse blocks from this size on are handed out one by one while they still read as zero, so that
/// `calloc` needn't touch them. The page faults of their first use cost more than that does.
pub const ZERO_KNOWN_FROM_BYTES: usize = 4096;

/// A class with this many slabs is likely to fill the next one: its pages are made resident at
/// once, since a page fault each costs several times as much.
const POPULATE_FROM_SLABS: usize = 8;

/// Whether every free block has to read as zero.
static FREE_IS_ZERO: AtomicBool = AtomicBool::new(false);

/// From now on new slabs read as zero. Who gives a block back sees to it that it does too.
pub fn keep_free_blocks_zero() {
    FREE_IS_ZERO.store(true, Relaxed);
}

/// Whether free blocks read as zero. Then slabs aren't carved: a block that is zeroed as a whole
/// when it is freed may not have been when its place was a part of another.
pub fn are_free_blocks_zero() -> bool {
    FREE_IS_ZERO.load(Relaxed)
}

/// A slab: its class and its first unit. Who has it may change it, see (U2).
#[derive(Clone, Copy)]
pub struct Slab {
    /// The class of its blocks.
    pub class: SizeClass,
    /// Its first unit.
    pub unit: Unit,
}

impl Slab {
    /// Cuts a new slab for `class` out of the arena; its blocks are all free. `None` when there is
    /// no memory. `others` is how many slabs the class has.
    pub fn create(class: SizeClass, others: usize) -> Option<Self> {
        let kinds = if class.slab_units() == 1 {
            (Kind::Slab, Kind::Slab)
        } else {
            (Kind::Slab, Kind::SlabRest)
        };
        let (zone, length) = (class.zone(), class.slab_units() as u32);
        let taken = ARENA.take(&Wanted { zone, length, alignment: 1, kinds }, 0)?;
        let slab = Self { class, unit: taken.run.first };
        for unit in taken.run.first + 1..taken.run.end() {
            // SAFETY: the run was just taken: it is this thread's.
            let rest = unsafe { slab.zone().record(unit) };
            (rest.kind, rest.first) = (Kind::SlabRest, slab.unit);
        }
        let capacity = taken.run.units as usize * UNIT_BYTES / class.size_bytes();
        let record = slab.record();
        record.class = class.index() as u8;
        record.list = Record::NO_LIST;
        (record.capacity, record.free_blocks) = (capacity as u16, capacity as u16);
        (record.first_word, record.purged_at, record.purged_pages) = (0, 0, 0);
        (record.next, record.previous) = (NO_UNIT, NO_UNIT);
        slab.mark_all_free(capacity);
        if !taken.is_zero && FREE_IS_ZERO.load(Relaxed) {
            let range = slab.zone().range(taken.run);
            // SAFETY: the run was just taken: it is this thread's.
            unsafe { core::ptr::write_bytes(range.start as *mut u8, 0, range.length) };
        }
        let knows_zero = taken.is_zero && class.size_bytes() >= ZERO_KNOWN_FROM_BYTES;
        if taken.is_zero && !knows_zero && others >= POPULATE_FROM_SLABS {
            memory::populate(slab.zone().range(taken.run));
        }
        record.zero_mask = if knows_zero { record.free_mask } else { 0 };
        Some(slab)
    }

    fn mark_all_free(self, capacity: usize) {
        for (index, word) in self.words(capacity).iter_mut().enumerate() {
            let bits = (capacity - index * 64).min(64);
            *word = u64::MAX >> (64 - bits);
        }
    }

    /// The slab that `block` of the class lies in.
    #[inline]
    pub fn of(block: Block, class: SizeClass) -> Self {
        let zone = ARENA.zone(class.zone());
        let distance = block.address().wrapping_sub(zone.origin()) as isize;
        let unit = distance.div_euclid(UNIT_BYTES as isize);
        // The tiny zone counts its units downwards.
        let unit = if unit < 0 { -1 - unit } else { unit } as Unit;
        if class.slab_units() == 1 {
            return Self { class, unit };
        }
        // SAFETY: a block's unit is in reach, and its kind and first unit are constant while the
        // block isn't free in its slab.
        let record = unsafe { zone.record(unit) };
        match record.kind {
            Kind::SlabRest => Self { class, unit: record.first },
            _ => Self { class, unit },
        }
    }

    fn zone(self) -> &'static Zone {
        ARENA.zone(self.class.zone())
    }

    /// The slab's record.
    #[inline]
    pub fn record<'a>(self) -> &'a mut Record {
        // SAFETY: the zone has reached the unit; (U2): the holder of a Slab may change it.
        unsafe { self.zone().record(self.unit) }
    }

    /// The slab's units.
    pub fn run(self) -> Run {
        Run { first: self.unit, units: self.class.slab_units() as u32 }
    }

    /// The address of its first block.
    #[inline]
    pub fn start(self) -> usize {
        self.zone().range(self.run()).start
    }

    /// The bitmap of its free blocks.
    #[inline]
    pub fn words<'a>(self, capacity: usize) -> &'a mut [u64] {
        let words = match self.class.is_coarse() {
            true => &raw mut self.record().free_mask,
            false => self.zone().bitmap(self.unit),
        };
        // SAFETY: the bitmap has a bit for each block; the holder of a Slab may change it.
        unsafe { core::slice::from_raw_parts_mut(words, capacity.div_ceil(64)) }
    }

    /// Takes the `want` free blocks of the lowest addresses, or all if there are fewer, and calls
    /// `each` with them in ascending order. Blocks that are known to be zero are left alone unless
    /// all are; then one is taken. Returns how many were taken, and whether it was such a one.
    #[inline]
    pub fn take(self, want: usize, mut each: impl FnMut(Block)) -> (usize, bool) {
        let record = self.record();
        record.purged_at = 0;
        if record.zero_mask != 0 {
            return self.take_beside_zero(want, each);
        }
        let (start, size) = (self.start(), self.class.size_bytes());
        let count = want.min(record.free_blocks as usize);
        let words = self.words(record.capacity as usize);
        let (mut word, mut left) = (record.first_word as usize, count);
        let (from, mut index) = (word * 64 * size, 0);
        while left > 0 {
            let mut bits = words[word];
            while bits != 0 && left > 0 {
                index = word * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                left -= 1;
                // SAFETY: a block of the slab.
                each(unsafe { Block::at(start + index * size) });
            }
            words[word] = bits;
            if bits == 0 && left > 0 {
                word += 1;
            }
        }
        record.first_word = word as u16;
        record.free_blocks -= count as u16;
        pages::note_used(self, from, (index + 1) * size);
        (count, false)
    }

    fn take_beside_zero(self, want: usize, mut each: impl FnMut(Block)) -> (usize, bool) {
        let record = self.record();
        let (start, size) = (self.start(), self.class.size_bytes());
        let used = record.free_mask & !record.zero_mask;
        let (mut from, limit) = if used == 0 { (record.free_mask, 1) } else { (used, want) };
        let mut count = 0;
        while from != 0 && count < limit {
            let index = from.trailing_zeros() as usize;
            from &= from - 1;
            record.free_mask &= !(1 << index);
            record.zero_mask &= !(1 << index);
            // SAFETY: a block of the slab.
            each(unsafe { Block::at(start + index * size) });
            count += 1;
        }
        record.free_blocks -= count as u16;
        (count, used == 0)
    }

    /// Puts blocks back, as long as they are the slab's. An error is one that is back already: it
    /// has been freed twice.
    #[inline]
    pub fn give(self, blocks: &mut Peekable<impl Iterator<Item = Block>>) -> Result<(), Block> {
        let record = self.record();
        let (start, length) = (self.start(), self.class.slab_units() * UNIT_BYTES);
        let words = self.words(record.capacity as usize);
        let (mut count, mut first_word) = (0, record.first_word as usize);
        while let Some(block) = blocks.next_if(|b| b.address().wrapping_sub(start) < length) {
            let index = self.class.block_index(block.address() - start);
            let (word, bit) = (index / 64, 1u64 << (index % 64));
            if words[word] & bit != 0 {
                return Err(block);
            }
            words[word] |= bit;
            first_word = first_word.min(word);
            count += 1;
        }
        record.first_word = first_word as u16;
        record.free_blocks += count;
        Ok(())
    }

    /// Reports a double free if one of the slab's blocks is alive, which are all free in it.
    pub fn require_none_alive(self) {
        copies::require_none_alive(self.zone(), self.zone().range(self.run()));
    }

    /// Whether block number `index` is free in the slab.
    pub fn is_free(self, index: usize) -> bool {
        let words = self.words(self.record().capacity as usize);
        words[index / 64] >> (index % 64) & 1 == 1
    }
}
