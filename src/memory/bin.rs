//! Bins: what the threads share of each size class, behind one lock: full magazines, and the slabs
//! that have free blocks, the fullest first. Nothing here makes a system call under the lock.

use super::arena::ARENA;
use super::block::Block;
use super::magazine::{Cartridge, Stack};
use super::pages::FreePages;
use super::slab::Slab;
use super::unit::{Record, Unit, NO_UNIT};
use crate::arithmetic::function::Function;
use crate::arithmetic::size_class::{SizeClass, CLASS_COUNT, UNIT_BYTES};
use crate::services::report::{self, Call};
use crate::sync::lock::{Guard, Lock};
use core::mem;

/// Slabs with free blocks are in one of this many lists, by the share of their blocks that is free.
const LISTS: usize = 4;
/// A class is shrinking when half of what it had at its peak is back, if that was more than this.
const SHRINKING_FROM_BYTES: usize = 256 << 10;
/// A bin keeps at most this many full magazines, and at most this many bytes in them.
const FULL_MAX: usize = 8;
const FULL_BYTES_MAX: usize = 128 << 10;

/// The shared part of a size class.
///
/// (B1) Each slab of the class with a free block is in the list of its share of free blocks; a slab
///      without one, or whose pages are being given back, is in no list. (B2) `idle_slabs` counts
///      the slabs in lists whose blocks are all free, `free_blocks` the free blocks of all slabs.
pub struct Bin {
    full: Stack,
    empty: Stack,
    lists: [Unit; LISTS],
    idle_slabs: usize,
    /// Blocks that are free in slabs.
    free_blocks: usize,
    /// The most blocks that were outside of slabs since the full magazines were last given up.
    peak_blocks: usize,
    /// Slabs of the class.
    pub slabs: usize,
    /// Magazines that were filled from slabs or taken full.
    pub refills: usize,
    /// Magazines whose blocks went back to their slabs.
    pub spills: usize,
}

impl Bin {
    const fn new() -> Self {
        Self {
            full: Stack::new(),
            empty: Stack::new(),
            lists: [NO_UNIT; LISTS],
            idle_slabs: 0,
            free_blocks: 0,
            peak_blocks: 0,
            slabs: 0,
            refills: 0,
            spills: 0,
        }
    }
}

static BINS: [Lock<Bin>; CLASS_COUNT] = [const { Lock::new(Bin::new()) }; CLASS_COUNT];

/// The bin of a class.
pub fn bin(class: SizeClass) -> &'static Lock<Bin> {
    &BINS[class.index()]
}

/// What a refill brought.
pub enum Refill {
    /// A magazine with that many blocks in its first slots.
    Blocks(Cartridge, usize),
    /// One block, which reads as zero, and the magazine as empty as it was.
    ZeroBlock(Cartridge, Block),
    /// There is no memory; the magazine as empty as it was.
    Nothing(Cartridge),
}

/// Gets blocks of `class` for an empty magazine: a full one in exchange, or blocks of slabs in it.
pub fn refill(class: SizeClass, mut empty: Cartridge) -> Refill {
    loop {
        let mut bin = bin(class).lock();
        bin.refills += 1;
        if let Some(full) = bin.full.pop() {
            let count = full.capacity();
            bin.empty.push(empty);
            return Refill::Blocks(full, count);
        }
        match bin.fill(class, &mut empty) {
            (0, _) => {}
            (_, true) => {
                // SAFETY: `fill` has just stored it.
                let block = unsafe { empty.block(0) };
                return Refill::ZeroBlock(empty, block);
            }
            (count, false) => return Refill::Blocks(empty, count),
        }
        drop(bin);
        match Slab::create(class) {
            Some(slab) => self::bin(class).lock().adopt(slab),
            None => return Refill::Nothing(empty),
        }
    }
}

/// Gives a full magazine to the bin; returns an empty one in exchange. Without memory for one, or
/// with enough full ones in the bin, its blocks go back to their slabs and it is returned itself.
/// Says whether the class is shrinking: then the caller's own stock had better go back too.
pub fn hand_over(class: SizeClass, full: Cartridge) -> (Cartridge, bool) {
    let bytes = full.capacity() * class.size_bytes();
    let full_max = (FULL_BYTES_MAX / bytes).min(FULL_MAX);
    let mut bin = bin(class).lock();
    if bin.full.len() < full_max {
        if let Some(empty) = bin.empty.pop() {
            bin.full.push(full);
            return (empty, false);
        }
        drop(bin);
        if let Some(empty) = Cartridge::new(full.model(class), class) {
            self::bin(class).lock().full.push(full);
            return (empty, false);
        }
        bin = self::bin(class).lock();
    }
    // SAFETY: a full magazine has a block in every slot.
    let is_shrinking = unsafe { spill(bin, class, &full, full.capacity()) };
    (full, is_shrinking)
}

/// Puts the first `count` blocks of a magazine back into their slabs.
///
/// # Safety
/// The slots must hold free blocks of the class.
pub unsafe fn give_back(class: SizeClass, cartridge: &Cartridge, count: usize) {
    // SAFETY: the caller's promise.
    unsafe { spill(bin(class).lock(), class, cartridge, count) };
}

/// # Safety
/// As [`give_back`].
unsafe fn spill(
    mut bin: Guard<Bin>,
    class: SizeClass,
    cartridge: &Cartridge,
    count: usize,
) -> bool {
    bin.spills += 1;
    // SAFETY: the caller's promise.
    let blocks = (0..count).map(|index| unsafe { cartridge.block(index) });
    let (mut released, sparse) = bin.give(class, blocks, NO_UNIT);
    let is_shrinking = bin.is_shrinking(class);
    if is_shrinking {
        released = bin.give_up_magazines(class, released);
    }
    drop(bin);
    return_slabs(class, released);
    if let Some(pages) = sparse {
        pages.purge();
        let released = self::bin(class).lock().readmit(pages.slab(), NO_UNIT);
        return_slabs(class, released);
    }
    is_shrinking
}

/// Takes one block, for a thread without magazines. Says whether it reads as zero.
pub fn take_one(class: SizeClass) -> Option<(Block, bool)> {
    loop {
        let mut bin = bin(class).lock();
        let mut found = None;
        let (count, is_zero) = bin.take(class, 1, |block| found = Some(block));
        if count == 1 {
            return found.map(|block| (block, is_zero));
        }
        drop(bin);
        let slab = Slab::create(class)?;
        self::bin(class).lock().adopt(slab);
    }
}

/// Puts one free block back, for a thread without magazines.
pub fn give_one(class: SizeClass, block: Block) {
    let (released, sparse) = bin(class).lock().give(class, core::iter::once(block), NO_UNIT);
    return_slabs(class, released);
    if let Some(pages) = sparse {
        return_slabs(class, bin(class).lock().readmit(pages.slab(), NO_UNIT));
    }
}

/// Puts the blocks of the bin's full magazines back into their slabs and its idle slabs back into
/// the arena.
pub fn flush(class: SizeClass) {
    let mut bin = bin(class).lock();
    let released = bin.give_up_magazines(class, NO_UNIT);
    let released = bin.release_idle(class, released);
    drop(bin);
    return_slabs(class, released);
}

/// Gives slabs, linked through `next`, back to the arena.
fn return_slabs(class: SizeClass, mut unit: Unit) {
    while unit != NO_UNIT {
        let slab = Slab { class, unit };
        unit = slab.record().next;
        ARENA.give(class.zone(), slab.run());
    }
}

impl Bin {
    /// Adds a slab whose blocks are all free.
    fn adopt(&mut self, slab: Slab) {
        self.slabs += 1;
        self.idle_slabs += 1;
        self.count_free(slab, slab.record().capacity as isize);
        self.link(slab);
    }

    /// Fills the magazine so that its blocks will be popped in ascending order. Returns how many
    /// there are, and whether it is one that reads as zero.
    fn fill(&mut self, class: SizeClass, magazine: &mut Cartridge) -> (usize, bool) {
        let capacity = magazine.capacity();
        let mut at = capacity;
        let mut is_zero = false;
        while at > 0 && !is_zero {
            if at < capacity && self.has_only_zero_blocks(class) {
                break;
            }
            let (count, zero) = self.take(class, at, |block| {
                at -= 1;
                magazine.set_block(at, block);
            });
            if count == 0 {
                break;
            }
            is_zero = zero;
        }
        let count = capacity - at;
        magazine.move_down(capacity, count);
        (count, is_zero)
    }

    /// Whether the slab that is next to be taken from has no free blocks but such as read as zero.
    fn has_only_zero_blocks(&self, class: SizeClass) -> bool {
        let next = self.lists.iter().find(|unit| **unit != NO_UNIT);
        next.is_some_and(|unit| {
            let record = Slab { class, unit: *unit }.record();
            record.zero_mask != 0 && record.zero_mask == record.free_mask
        })
    }

    /// Takes up to `want` blocks from the fullest slab, as [`Slab::take`] does.
    fn take(&mut self, class: SizeClass, want: usize, each: impl FnMut(Block)) -> (usize, bool) {
        let Some(&unit) = self.lists.iter().find(|unit| **unit != NO_UNIT) else {
            return (0, false);
        };
        let slab = Slab { class, unit };
        let record = slab.record();
        if record.free_blocks == record.capacity {
            self.idle_slabs -= 1;
        }
        let taken = slab.take(want, each);
        self.count_free(slab, -(taken.0 as isize));
        self.relink(slab);
        taken
    }

    /// Notes that `blocks` more are free in slabs.
    fn count_free(&mut self, slab: Slab, blocks: isize) {
        self.free_blocks = self.free_blocks.wrapping_add_signed(blocks);
        ARENA.count_free_in_slabs(blocks * slab.class.size_bytes() as isize);
    }

    /// Blocks outside of slabs: those that are alive, and those in magazines.
    fn outside(&self, class: SizeClass) -> usize {
        let capacity = class.slab_units() * UNIT_BYTES / class.size_bytes();
        self.slabs * capacity - self.free_blocks
    }

    /// Whether half of the class's blocks have come back since this was last so. Then most of its
    /// free memory is held by few blocks, and those in magazines had better go back too.
    fn is_shrinking(&mut self, class: SizeClass) -> bool {
        let outside = self.outside(class);
        self.peak_blocks = self.peak_blocks.max(outside);
        let is_large = self.peak_blocks * class.size_bytes() > SHRINKING_FROM_BYTES;
        let is_shrinking = is_large && outside < self.peak_blocks / 2;
        if is_shrinking {
            self.peak_blocks = outside;
        }
        is_shrinking
    }

    /// Puts the blocks of the full magazines back into their slabs.
    fn give_up_magazines(&mut self, class: SizeClass, mut released: Unit) -> Unit {
        while let Some(full) = self.full.pop() {
            // SAFETY: a full magazine has a block in every slot.
            let blocks = (0..full.capacity()).map(|index| unsafe { full.block(index) });
            let (more, sparse) = self.give(class, blocks, released);
            released = more;
            if let Some(pages) = sparse {
                released = self.readmit(pages.slab(), released);
            }
            self.empty.push(full);
        }
        released
    }

    /// Puts blocks back into their slabs. A slab that is idle then is linked into `released` unless
    /// the bin keeps it; returns the list's new head. One slab may be taken out of its list because
    /// its free pages are worth giving back: the caller does that, and readmits it.
    fn give(
        &mut self,
        class: SizeClass,
        blocks: impl Iterator<Item = Block>,
        mut released: Unit,
    ) -> (Unit, Option<FreePages>) {
        let mut blocks = blocks.peekable();
        let mut sparse = None;
        while let Some(block) = blocks.peek() {
            let slab = Slab::of(*block, class);
            let record = slab.record();
            let before = record.free_blocks;
            if let Err(block) = slab.give(&mut blocks) {
                let (function, address) = (Function::Free, block.address());
                let call = Call { function, address, size: None, alignment: None };
                report::double_free(call, class.size_bytes());
            }
            self.count_free(slab, (record.free_blocks - before) as isize);
            if record.list == Record::BEING_PURGED {
                continue;
            }
            released = self.settle(slab, released);
            if sparse.is_none() && self.is_sparse(slab) {
                self.unlink(slab);
                record.list = Record::BEING_PURGED;
                record.purged_at = record.free_blocks;
                sparse = Some(FreePages::of(slab));
            }
        }
        (released, sparse)
    }

    /// Puts a slab that has got blocks back where it belongs now.
    fn settle(&mut self, slab: Slab, released: Unit) -> Unit {
        let record = slab.record();
        let is_idle = record.free_blocks == record.capacity;
        // One idle slab stays, so that a single block going to and fro costs little.
        if is_idle && (self.idle_slabs > 0 || slab.class.slab_units() > 1) {
            return self.release(slab, released);
        }
        self.idle_slabs += usize::from(is_idle);
        self.relink(slab);
        released
    }

    /// Takes a slab back whose free pages were given back.
    fn readmit(&mut self, slab: Slab, released: Unit) -> Unit {
        slab.record().list = Record::NO_LIST;
        self.settle(slab, released)
    }

    /// Whether giving back the slab's free pages is worth the system calls.
    fn is_sparse(&self, slab: Slab) -> bool {
        let record = slab.record();
        let (free, capacity) = (record.free_blocks, record.capacity);
        let is_in_list = record.list < LISTS as u8;
        if !is_in_list || free < capacity / 2 || free < record.purged_at + capacity / 4 {
            return false;
        }
        slab.class.slab_units() == 1 && free < capacity && ARENA.has_too_much_in_slabs()
    }

    fn release(&mut self, slab: Slab, released: Unit) -> Unit {
        self.unlink(slab);
        self.slabs -= 1;
        self.count_free(slab, -(slab.record().capacity as isize));
        slab.record().next = released;
        slab.unit
    }

    fn release_idle(&mut self, class: SizeClass, mut released: Unit) -> Unit {
        let mut unit = self.lists[LISTS - 1];
        while unit != NO_UNIT {
            let slab = Slab { class, unit };
            let record = slab.record();
            unit = record.next;
            if record.free_blocks == record.capacity {
                self.idle_slabs -= 1;
                released = self.release(slab, released);
            }
        }
        released
    }

    fn list_of(record: &Record) -> u8 {
        match (record.free_blocks as usize, record.capacity as usize) {
            (0, _) => Record::NO_LIST,
            (free, capacity) => ((free * LISTS - 1) / capacity) as u8,
        }
    }

    /// Moves the slab to the list that it belongs in now.
    #[inline]
    fn relink(&mut self, slab: Slab) {
        let record = slab.record();
        if record.list != Self::list_of(record) {
            self.unlink(slab);
            self.link(slab);
        }
    }

    fn link(&mut self, slab: Slab) {
        let record = slab.record();
        record.list = Self::list_of(record);
        if record.list == Record::NO_LIST {
            return;
        }
        let head = mem::replace(&mut self.lists[record.list as usize], slab.unit);
        (record.next, record.previous) = (head, NO_UNIT);
        if head != NO_UNIT {
            Slab { unit: head, ..slab }.record().previous = slab.unit;
        }
    }

    fn unlink(&mut self, slab: Slab) {
        let record = slab.record();
        if record.list == Record::NO_LIST {
            return;
        }
        let (next, previous) = (record.next, record.previous);
        match previous {
            NO_UNIT => self.lists[record.list as usize] = next,
            _ => Slab { unit: previous, ..slab }.record().next = next,
        }
        if next != NO_UNIT {
            Slab { unit: next, ..slab }.record().previous = previous;
        }
        record.list = Record::NO_LIST;
    }

    /// Panics unless (B1) and (B2) hold.
    pub fn validate(&self, class: SizeClass) {
        let (mut idle, mut free) = (0, 0);
        for (list, head) in self.lists.iter().enumerate() {
            let (mut unit, mut previous) = (*head, NO_UNIT);
            while unit != NO_UNIT {
                let record = Slab { class, unit }.record();
                assert_eq!(record.class as usize, class.index());
                assert_eq!((record.list, record.previous), (list as u8, previous), "(B1)");
                assert_eq!(Self::list_of(record), list as u8, "(B1)");
                idle += usize::from(record.free_blocks == record.capacity);
                free += record.free_blocks as usize;
                (previous, unit) = (unit, record.next);
            }
        }
        assert_eq!((idle, free), (self.idle_slabs, self.free_blocks), "(B2)");
    }

    /// Calls `visit` with each block in the bin's full magazines.
    pub fn for_each_cached(&self, mut visit: impl FnMut(Block)) {
        self.full.for_each(|cartridge| {
            for index in 0..cartridge.capacity() {
                // SAFETY: a full magazine has a block in every slot.
                visit(unsafe { cartridge.block(index) });
            }
        });
    }
}
