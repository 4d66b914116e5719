//! Bins: what the threads share of each size class, behind one lock: full magazines, and the shelf
//! of slabs. Nothing here makes a system call under the lock.

use super::arena::ARENA;
use super::block::Block;
use super::carve;
use super::magazine::{Cartridge, Stack};
use super::pages::Sparse;
use super::shelf::Shelf;
use super::slab::Slab;
use super::unit::{Unit, NO_UNIT};
use crate::arithmetic::size_class::{SizeClass, CLASS_COUNT};
use crate::sync::lock::{Guard, Lock};

/// A class is shrinking when half of what it had at its peak is back, if that was more than this.
const SHRINKING_FROM_BYTES: usize = 256 << 10;
/// Full magazines that a bin keeps even when more is free than the bound says, and how many bytes
/// there may be in them.
const FULL_LEAST: usize = 8;
const FULL_BYTES_LEAST: usize = 128 << 10;
/// A bin keeps at most this many empty magazines.
const EMPTY_MAX: usize = 16;

/// The shared part of a size class.
pub struct Bin {
    full: Stack,
    empty: Stack,
    /// The slabs.
    pub shelf: Shelf,
    /// The most blocks that were outside of slabs since the full magazines were last given up.
    peak_blocks: usize,
    /// Full magazines that were handed over since one was last wanted.
    unwanted: usize,
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
            shelf: Shelf::new(),
            peak_blocks: 0,
            unwanted: 0,
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
        bin.unwanted = 0;
        bin.shelf.gives_up_idle = false;
        if let Some(full) = bin.pop_full(class) {
            let count = full.capacity();
            bin.keep_empty(empty);
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
        let others = bin.shelf.slabs;
        drop(bin);
        let count = fill_by_carving(class, &mut empty);
        if count > 0 {
            return Refill::Blocks(empty, count);
        }
        match Slab::create(class, others) {
            Some(slab) => self::bin(class).lock().shelf.adopt(slab),
            None => return Refill::Nothing(empty),
        }
    }
}

/// As [`Bin::fill`], out of carved slabs.
fn fill_by_carving(class: SizeClass, magazine: &mut Cartridge) -> usize {
    let capacity = magazine.capacity();
    let mut at = capacity;
    let count = carve::take(class, capacity, |block| {
        at -= 1;
        magazine.set_block(at, block);
    });
    magazine.move_down(capacity, count);
    count
}

/// What the bin sees of a class.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trend {
    /// Blocks come and go.
    Steady,
    /// Half of its blocks have just come back: what threads have in stock had better too.
    Shrinking,
    /// It is only being freed, in a process that is to give memory back.
    Fading,
}

/// Gives a full magazine to the bin; returns an empty one in exchange. Without memory for one, or
/// with enough memory free as it is, its blocks go back to their slabs and it is returned itself.
pub fn hand_over(class: SizeClass, full: Cartridge) -> (Cartridge, Trend) {
    let bytes = full.capacity() * class.size_bytes();
    let full_least = (FULL_BYTES_LEAST / bytes).min(FULL_LEAST);
    let mut bin = bin(class).lock();
    bin.note_hand_over();
    let has_room = bin.full.len() < full_least || ARENA.has_room_to_cache(bytes);
    if has_room && !bin.is_fading() {
        if let Some(empty) = bin.empty.pop() {
            bin.push_full(class, full);
            return (empty, Trend::Steady);
        }
        drop(bin);
        if let Some(empty) = full.another() {
            self::bin(class).lock().push_full(class, full);
            return (empty, Trend::Steady);
        }
        bin = self::bin(class).lock();
    }
    // SAFETY: a full magazine has a block in every slot.
    let trend = unsafe { spill(bin, class, &full, full.capacity()) };
    (full, trend)
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
) -> Trend {
    bin.spills += 1;
    // SAFETY: the caller's promise.
    let blocks = (0..count).map(|index| unsafe { cartridge.block(index) });
    let mut sparse = Sparse::none(class);
    let mut released = bin.shelf.give(class, blocks, NO_UNIT, &mut sparse);
    let trend = bin.trend(class);
    if trend != Trend::Steady {
        released = bin.give_up_magazines(class, released, &mut sparse);
    }
    if trend == Trend::Fading && bin.shelf.has_idle() {
        released = bin.shelf.release_idle(class, released);
    }
    drop(bin);
    return_slabs(class, released);
    purge_pages(class, sparse);
    trend
}

/// Gives the free pages of slabs back, and then the slabs to their bin.
fn purge_pages(class: SizeClass, mut sparse: Sparse) {
    if sparse.is_empty() {
        return;
    }
    sparse.purge();
    let mut released = NO_UNIT;
    let mut bin = bin(class).lock();
    while let Some(slab) = sparse.pop() {
        released = bin.shelf.readmit(slab, released);
    }
    drop(bin);
    return_slabs(class, released);
}

/// Takes one block, for a thread without magazines. Says whether it reads as zero.
pub fn take_one(class: SizeClass) -> Option<(Block, bool)> {
    let mut found = None;
    let is_zero = take_some(class, 1, |block| found = Some(block));
    found.map(|block| (block, is_zero))
}

/// Takes up to `want` blocks, as [`Slab::take`] does, and says whether they are known to read as
/// zero. Without memory it takes none.
pub fn take_some(class: SizeClass, want: usize, mut each: impl FnMut(Block)) -> bool {
    loop {
        let (count, is_zero) = bin(class).lock().shelf.take(class, want, &mut each);
        if count > 0 {
            return is_zero;
        }
        if carve::take(class, want, &mut each) > 0 {
            return false;
        }
        let others = bin(class).lock().shelf.slabs;
        let Some(slab) = Slab::create(class, others) else { return false };
        bin(class).lock().shelf.adopt(slab);
    }
}

/// Puts one free block back, for a thread without magazines.
pub fn give_one(class: SizeClass, block: Block) {
    give_some(class, core::iter::once(block));
}

/// Puts free blocks back.
pub fn give_some(class: SizeClass, blocks: impl Iterator<Item = Block>) {
    let mut sparse = Sparse::none(class);
    let released = bin(class).lock().shelf.give(class, blocks, NO_UNIT, &mut sparse);
    return_slabs(class, released);
    purge_pages(class, sparse);
}

/// Puts the blocks of the bin's full magazines back into their slabs, its idle slabs back into the
/// arena, and gives all pages of its slabs back that hold no live block. Returns how many bytes of
/// such pages there were.
pub fn flush(class: SizeClass) -> usize {
    let mut sparse = Sparse::none(class);
    let mut bin = bin(class).lock();
    let released = bin.give_up_magazines(class, NO_UNIT, &mut sparse);
    let released = bin.shelf.release_idle(class, released);
    bin.shelf.take_out_sparse(class, &mut sparse);
    drop(bin);
    carve::stop(class);
    return_slabs(class, released);
    let before = ARENA.purged_in_slabs();
    purge_pages(class, sparse);
    ARENA.purged_in_slabs().saturating_sub(before)
}

/// Gives slabs, linked through `next`, back to the arena, and carved ones without a block.
fn return_slabs(class: SizeClass, mut unit: Unit) {
    while unit != NO_UNIT {
        let slab = Slab { class, unit };
        unit = slab.record().next;
        ARENA.give(class.zone(), slab.run());
    }
    carve::return_idle();
}

impl Bin {
    fn push_full(&mut self, class: SizeClass, full: Cartridge) {
        ARENA.count_cached((full.capacity() * class.size_bytes()) as isize);
        self.full.push(full);
    }

    fn pop_full(&mut self, class: SizeClass) -> Option<Cartridge> {
        let full = self.full.pop()?;
        ARENA.count_cached(-((full.capacity() * class.size_bytes()) as isize));
        Some(full)
    }

    fn keep_empty(&mut self, empty: Cartridge) {
        if self.empty.len() < EMPTY_MAX {
            return self.empty.push(empty);
        }
        empty.recycle();
    }

    /// Fills the magazine so that its blocks will be popped in ascending order. Returns how many
    /// there are, and whether it is one that reads as zero.
    fn fill(&mut self, class: SizeClass, magazine: &mut Cartridge) -> (usize, bool) {
        let capacity = magazine.capacity();
        let mut at = capacity;
        let mut is_zero = false;
        while at > 0 && !is_zero {
            if at < capacity && self.shelf.has_only_zero_blocks(class) {
                break;
            }
            let (count, zero) = self.shelf.take(class, at, |block| {
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

    /// Whether half of the class's blocks have come back since this was last so, while more is free
    /// than is to be kept. Then most of its free memory is held by few blocks, and those in
    /// magazines had better go back too.
    fn is_shrinking(&mut self, class: SizeClass) -> bool {
        let outside = self.shelf.outside(class);
        self.peak_blocks = self.peak_blocks.max(outside);
        let is_large = self.peak_blocks * class.size_bytes() > SHRINKING_FROM_BYTES;
        let has_halved = is_large && outside < self.peak_blocks / 2;
        let is_shrinking = has_halved && ARENA.has_too_much_free();
        if is_shrinking {
            self.peak_blocks = outside;
        }
        is_shrinking
    }

    fn trend(&mut self, class: SizeClass) -> Trend {
        match (self.is_fading(), self.is_shrinking(class)) {
            (true, _) => Trend::Fading,
            (false, true) => Trend::Shrinking,
            (false, false) => Trend::Steady,
        }
    }

    /// Whether the class fades, until a magazine is wanted again.
    fn is_fading(&self) -> bool {
        self.shelf.gives_up_idle
    }

    /// Looks now and then whether the class has begun to fade: it is only being freed, while the
    /// process has too much free memory or needs but little of what it once did.
    fn note_hand_over(&mut self) {
        self.unwanted += 1;
        if self.unwanted.is_multiple_of(2 * FULL_LEAST) {
            self.shelf.gives_up_idle |= ARENA.has_too_much_free() || ARENA.has_shrunk();
        }
    }

    /// Puts the blocks of the full magazines back into their slabs.
    fn give_up_magazines(
        &mut self,
        class: SizeClass,
        mut released: Unit,
        sparse: &mut Sparse,
    ) -> Unit {
        while let Some(full) = self.pop_full(class) {
            // SAFETY: a full magazine has a block in every slot.
            let blocks = (0..full.capacity()).map(|index| unsafe { full.block(index) });
            released = self.shelf.give(class, blocks, released, sparse);
            self.keep_empty(full);
        }
        released
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

    /// Panics unless (B1) and (B2) hold.
    pub fn validate(&self, class: SizeClass) {
        self.shelf.validate(class);
    }
}
