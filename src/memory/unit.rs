//! Units: the 64 KiB pieces of a zone, their records and their states.

use crate::os::memory::Guard;

/// Number of a unit in its zone.
pub type Unit = u32;
/// No unit: the end of a list.
pub const NO_UNIT: Unit = Unit::MAX;
/// Units in a huge page.
pub const HUGE_UNITS: u32 = 32;

/// What a unit is part of. Exact for the first and the last unit of a run, see [`Record`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Kind {
    /// Nothing yet: address space that the zone hasn't reached, or can't use.
    Unused = 0,
    /// The first or last unit of a free run.
    Free,
    /// The first unit of a slab.
    Slab,
    /// Another unit of a slab.
    SlabRest,
    /// The first unit of a large block.
    Large,
    /// The last unit of a large block of several units.
    LargeEnd,
    /// A slab of one unit that has been carved anew: it may hold blocks of several classes.
    Carved,
}

/// What is known of a unit's pages. A byte of zero, as in fresh metadata, is `Clean`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum State {
    /// Committed, and every byte reads as zero.
    Clean = 0,
    /// Committed; may hold anything.
    Dirty = 1,
    /// Not committed.
    Void = 2,
    /// As `Dirty`, and the pages were moved here from elsewhere: the kernel can't join their
    /// mapping with its neighbours until it is renewed.
    Moved = 3,
    /// As `Clean`, but it was dirty once, and its pages were given back.
    Purged = 4,
}

impl State {
    /// Whether a state's byte says that all reads as zero.
    pub const fn is_zero(byte: u8) -> bool {
        byte == Self::Clean as u8 || byte == Self::Purged as u8
    }

    /// Whether a state's byte says that there may be pages.
    pub const fn is_dirty(byte: u8) -> bool {
        byte == Self::Dirty as u8 || byte == Self::Moved as u8
    }
}

/// The record of a unit. It lies apart from the unit, on a cache line of its own.
///
/// (U1) Zones are cut into runs without a gap up to the frontier. For each run the records of its
///      first and its last unit have the kind that fits; records between are exact in slabs only.
/// (U2) Who may write: the zone's lock for free runs; the lock of the class's bin for slabs in it;
///      the owner of a run between taking it from the zone and giving it to a bin or back; for a
///      large block whoever has cleared its ledger byte, or owns the block.
#[repr(C, align(64))]
pub struct Record {
    /// What the unit is part of.
    pub kind: Kind,
    /// Slab: index of its class.
    pub class: u8,
    /// Slab: which of the bin's lists it is in, or [`Record::NO_LIST`].
    pub list: u8,
    /// Large: what stands between its usable end and the end of its run.
    pub guard: Guard,
    /// Slab: how many blocks it has.
    pub capacity: u16,
    /// Slab: how many blocks are in it, free.
    pub free_blocks: u16,
    /// Slab: how many of its blocks were free when its free pages were last given back, 0 since one
    /// was taken.
    pub purged_at: u16,
    /// Slab of one unit: which of its pages were given back, a bit for each, and not used since.
    pub purged_pages: u16,
    /// Slab in [`Record::BEING_PURGED`]: which of its pages are being given back.
    pub going_pages: u16,
    /// Slab: no word of its bitmap before this one has a bit set.
    pub first_word: u16,
    /// Next run of the same list.
    pub next: Unit,
    /// The run before in the same list.
    pub previous: Unit,
    /// First unit of a run: its length in units.
    pub run_units: u32,
    /// `SlabRest`, and last unit of a free run or large block: the run's first unit.
    pub first: Unit,
    /// Free run: how many of its units are dirty.
    pub dirty_units: u32,
    /// Coarse slab: which blocks are free.
    pub free_mask: u64,
    /// Coarse slab: which of the free blocks read as zero.
    pub zero_mask: u64,
    /// Large: the block's usable size in bytes. Carved slab: the address of its map.
    pub large_bytes: usize,
}

impl Record {
    /// The value of `list` for a slab in no list.
    pub const NO_LIST: u8 = u8::MAX;
    /// The value of `list` for a slab whose free pages are being given back: no block may be taken
    /// from it, while blocks may be put back. Its owner links it through `next`.
    pub const BEING_PURGED: u8 = u8::MAX - 1;
    /// The value of `list` for a carved slab from which a class's blocks are being cut.
    pub const BEING_CARVED: u8 = u8::MAX - 2;
}

const _: () = assert!(core::mem::size_of::<Record>() == 64);

/// A run of units.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Run {
    /// Its first unit.
    pub first: Unit,
    /// Its length in units.
    pub units: u32,
}

impl Run {
    /// Its last unit.
    pub const fn last(self) -> Unit {
        self.first + self.units - 1
    }

    /// The unit behind its last.
    pub const fn end(self) -> Unit {
        self.first + self.units
    }
}
