//! Shelves: the slabs of a size class, those with free blocks in lists, the fullest first. A bin
//! has one, behind its lock.

use super::arena::ARENA;
use super::block::Block;
use super::carve;
use super::copies;
use super::pages::{self, Sparse};
use super::slab::Slab;
use super::unit::{Record, Unit, NO_UNIT};
use crate::arithmetic::size_class::{SizeClass, UNIT_BYTES};
use core::mem;

/// Slabs with free blocks are in one of this many lists, by the share of their blocks that is free.
const LISTS: usize = 4;
/// Pages for which a free goes to the kernel.
const PAGES_WORTH_A_CALL: u32 = 2;

/// The slabs of a size class.
///
/// (B1) Each slab of the class with a free block is in the list of its share of free blocks; a slab
///      without one, or whose pages are being given back, is in no list. (B2) `idle_slabs` counts
///      the slabs in lists whose blocks are all free, `free_blocks` the free blocks of all slabs.
pub struct Shelf {
    lists: [Unit; LISTS],
    idle_slabs: usize,
    free_blocks: usize,
    /// Slabs of the class.
    pub slabs: usize,
    /// Whether no idle slab stays.
    pub gives_up_idle: bool,
}

impl Shelf {
    /// A shelf without slabs.
    pub const fn new() -> Self {
        Self {
            lists: [NO_UNIT; LISTS],
            idle_slabs: 0,
            free_blocks: 0,
            slabs: 0,
            gives_up_idle: false,
        }
    }

    /// Adds a slab whose blocks are all free.
    pub fn adopt(&mut self, slab: Slab) {
        self.slabs += 1;
        self.idle_slabs += 1;
        self.count_free(slab, slab.record().capacity as isize);
        self.link(slab);
    }

    /// Whether the slab that is next to be taken from has no free blocks but such as read as zero.
    pub fn has_only_zero_blocks(&self, class: SizeClass) -> bool {
        let next = self.lists.iter().find(|unit| **unit != NO_UNIT);
        next.is_some_and(|unit| {
            let record = Slab { class, unit: *unit }.record();
            record.zero_mask != 0 && record.zero_mask == record.free_mask
        })
    }

    /// Takes up to `want` blocks from the fullest slab, as [`Slab::take`] does.
    pub fn take(
        &mut self,
        class: SizeClass,
        want: usize,
        each: impl FnMut(Block),
    ) -> (usize, bool) {
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

    /// Free blocks in the slabs.
    pub fn free_blocks(&self) -> usize {
        self.free_blocks
    }

    /// Blocks outside of slabs: those that are alive, and those in magazines.
    pub fn outside(&self, class: SizeClass) -> usize {
        let capacity = class.slab_units() * UNIT_BYTES / class.size_bytes();
        self.slabs * capacity - self.free_blocks
    }

    /// Puts blocks back into their slabs. A slab that is idle then is linked into `released` unless
    /// the bin keeps it; returns the list's new head. Slabs whose free pages are worth giving back
    /// are taken out of their lists, into `sparse`: the caller does that, and readmits them.
    pub fn give(
        &mut self,
        class: SizeClass,
        blocks: impl Iterator<Item = Block>,
        mut released: Unit,
        sparse: &mut Sparse,
    ) -> Unit {
        let mut blocks = blocks.peekable();
        let mut may_go = None;
        while let Some(block) = blocks.peek() {
            if let Some(carved) = carve::containing(*block, class) {
                carve::give(carved, class, &mut blocks);
                continue;
            }
            let slab = Slab::of(*block, class);
            copies::require_from(slab, *block);
            let record = slab.record();
            let before = record.free_blocks;
            if let Err(block) = slab.give(&mut blocks) {
                copies::report_double_free(block, class.size_bytes());
            }
            self.count_free(slab, (record.free_blocks - before) as isize);
            if record.list == Record::BEING_PURGED {
                continue;
            }
            released = self.settle(slab, released);
            if !self.is_sparse(slab) {
                continue;
            }
            let is_time = || ARENA.has_too_much_free() && pages::has_credit();
            if *may_go.get_or_insert_with(is_time) && pages::find_going(slab) >= PAGES_WORTH_A_CALL
            {
                self.take_out(slab, sparse);
            }
        }
        released
    }

    /// Gives up a slab that is half free or more, but not idle, and that `accept` takes.
    pub fn give_up_sparse(
        &mut self,
        class: SizeClass,
        accept: impl Fn(Slab) -> bool,
    ) -> Option<Slab> {
        for list in (LISTS / 2..LISTS).rev() {
            let mut unit = self.lists[list];
            while unit != NO_UNIT {
                let slab = Slab { class, unit };
                let record = slab.record();
                unit = record.next;
                if record.free_blocks == record.capacity {
                    continue;
                }
                if !accept(slab) {
                    break;
                }
                self.unlink(slab);
                self.slabs -= 1;
                self.count_free(slab, -(record.free_blocks as isize));
                return Some(slab);
            }
        }
        None
    }

    /// Takes a slab out of its list to give its free pages back.
    fn take_out(&mut self, slab: Slab, sparse: &mut Sparse) {
        let record = slab.record();
        if record.free_blocks == record.capacity {
            self.idle_slabs -= 1;
        }
        self.unlink(slab);
        record.list = Record::BEING_PURGED;
        sparse.add(slab);
    }

    /// Takes out every slab that may have free pages.
    pub fn take_out_sparse(&mut self, class: SizeClass, sparse: &mut Sparse) {
        if class.slab_units() > 1 {
            return;
        }
        for list in 0..LISTS {
            let mut unit = self.lists[list];
            while unit != NO_UNIT {
                let slab = Slab { class, unit };
                unit = slab.record().next;
                if pages::find_going(slab) > 0 {
                    self.take_out(slab, sparse);
                }
            }
        }
    }

    /// Puts a slab that has got blocks back where it belongs now.
    fn settle(&mut self, slab: Slab, released: Unit) -> Unit {
        let record = slab.record();
        let is_idle = record.free_blocks == record.capacity;
        // One idle slab stays, so that a single block going to and fro costs little.
        let has_one = self.idle_slabs > 0 || self.gives_up_idle;
        if is_idle && (has_one || slab.class.slab_units() > 1) {
            return self.release(slab, released);
        }
        self.idle_slabs += usize::from(is_idle);
        self.relink(slab);
        released
    }

    /// Takes a slab back whose free pages were given back.
    pub fn readmit(&mut self, slab: Slab, released: Unit) -> Unit {
        pages::note_gone(slab);
        slab.record().list = Record::NO_LIST;
        self.settle(slab, released)
    }

    /// Whether giving back the slab's free pages is worth the system calls: half of the blocks have
    /// come back that were outside when that was last done.
    fn is_sparse(&self, slab: Slab) -> bool {
        let record = slab.record();
        let (free, capacity) = (record.free_blocks, record.capacity);
        let is_in_list = record.list < LISTS as u8;
        let has_halved = (capacity - free) * 2 <= capacity - record.purged_at;
        is_in_list && has_halved && free < capacity && slab.class.slab_units() == 1
    }

    fn release(&mut self, slab: Slab, released: Unit) -> Unit {
        slab.require_none_alive();
        self.unlink(slab);
        self.slabs -= 1;
        self.count_free(slab, -(slab.record().capacity as isize));
        pages::note_used(slab, 0, UNIT_BYTES);
        slab.record().next = released;
        slab.unit
    }

    /// Whether there is a slab whose blocks are all free.
    pub fn has_idle(&self) -> bool {
        self.idle_slabs > 0
    }

    /// Releases the slabs whose blocks are all free.
    pub fn release_idle(&mut self, class: SizeClass, mut released: Unit) -> Unit {
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
}
