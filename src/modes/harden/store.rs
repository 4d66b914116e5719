//! What a thread keeps of free blocks in harden mode: those that rest, and those that are to be
//! handed out, in random order.

use crate::arithmetic::random::Random;
use crate::arithmetic::size_class::{SizeClass, CLASS_COUNT};
use crate::heap::thread_heap::Heap;
use crate::memory::arena::ARENA;
use crate::memory::bin;
use crate::memory::block::Block;
use crate::memory::ledger::FineMap;
use crate::os::environment;
use crate::services::metadata;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// How many blocks of a class a thread has ready at most, and how many bytes.
const READY_MAX: usize = 32;
const READY_BYTES_MAX: usize = 32 << 10;
/// How many freed blocks of a class wait in line at most, and as many again at random.
const RESTING_MAX: usize = 16;
const RESTING_BYTES_MAX: usize = 16 << 10;

/// A thread's free blocks of one class.
///
/// (K1) The first `ready_count` words of `ready` are blocks; words of `line` and `crowd` are blocks
/// or 0. Each is free, in the ledger too, and reads as zero.
struct Shelf {
    /// Blocks to be handed out, the last one first.
    ready: [usize; READY_MAX],
    ready_count: usize,
    ready_max: usize,
    /// How much of `line` and of `crowd` is used.
    resting_max: usize,
    /// Freed blocks, in the order in which they came, from `line_next` on round.
    line: [usize; RESTING_MAX],
    line_next: usize,
    /// Blocks from the line: which one goes next is decided at random.
    crowd: [usize; RESTING_MAX],
}

/// What a thread keeps.
pub struct Store {
    /// The fine zones as they were when the thread last looked.
    pub fine: FineMap,
    shelves: [*mut Shelf; CLASS_COUNT],
    random: Random,
}

impl Store {
    /// The store of a heap's thread, made if there is none yet. `None` without memory for it.
    pub fn of(heap: &mut Heap) -> Option<&mut Self> {
        if heap.mode_data.is_null() {
            heap.mode_data = Self::create()?.as_ptr().cast();
        }
        Self::made(heap)
    }

    /// The store of a heap's thread, if there is one.
    #[inline]
    pub fn made(heap: &mut Heap) -> Option<&mut Self> {
        // SAFETY: made by `create`, and only the heap's thread uses it.
        unsafe { heap.mode_data.cast::<Self>().as_mut() }
    }

    fn create() -> Option<NonNull<Self>> {
        static STORES: AtomicU64 = AtomicU64::new(1);
        let number = STORES.fetch_add(1, Relaxed);
        let seed = environment::random_seed() ^ number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let store = metadata::allocate(size_of::<Self>().next_multiple_of(64))?.cast::<Self>();
        let shelves = [ptr::null_mut(); CLASS_COUNT];
        // SAFETY: fresh memory of the right size and alignment.
        unsafe { store.write(Self { fine: ARENA.fine_map(), shelves, random: Random::new(seed) }) };
        Some(store)
    }

    fn shelf(&mut self, class: SizeClass) -> Option<(&mut Shelf, &mut Random)> {
        let shelf = &mut self.shelves[class.index()];
        if shelf.is_null() {
            *shelf = Shelf::create(class)?.as_ptr();
        }
        // SAFETY: made above, and only this thread uses it.
        Some((unsafe { &mut **shelf }, &mut self.random))
    }

    /// Takes note of how far the fine zones reach now.
    pub fn look_around(&mut self) {
        self.fine = ARENA.fine_map();
    }

    /// Takes a block of `class` that is ready.
    #[inline]
    pub fn take_ready(&mut self, class: SizeClass) -> Option<Block> {
        // SAFETY: made by `shelf`, and only this thread uses it.
        let shelf = unsafe { self.shelves[class.index()].as_mut() }?;
        (shelf.ready_count > 0).then(|| shelf.take_ready())
    }

    /// Takes a free block of `class`, and says whether it is known to read as zero. `None` without
    /// memory.
    #[inline]
    pub fn take(&mut self, class: SizeClass) -> Option<(Block, bool)> {
        let Some((shelf, random)) = self.shelf(class) else { return bin::take_one(class) };
        if shelf.ready_count > 0 {
            return Some((shelf.take_ready(), false));
        }
        let is_zero = shelf.refill(class, random);
        (shelf.ready_count > 0).then(|| (shelf.take_ready(), is_zero))
    }

    /// Keeps a free block of `class`, which reads as zero.
    #[inline]
    pub fn keep(&mut self, class: SizeClass, block: Block) {
        let Some((shelf, random)) = self.shelf(class) else { return bin::give_one(class, block) };
        let from_line = core::mem::replace(&mut shelf.line[shelf.line_next], block.address());
        shelf.line_next += 1;
        if shelf.line_next == shelf.resting_max {
            shelf.line_next = 0;
        }
        if from_line == 0 {
            return;
        }
        let [choice, place] = random.two_below([shelf.resting_max, shelf.ready_count + 1]);
        let rested = core::mem::replace(&mut shelf.crowd[choice], from_line);
        if rested != 0 {
            shelf.make_ready(class, rested, place);
        }
    }
}

impl Shelf {
    fn create(class: SizeClass) -> Option<NonNull<Self>> {
        let shelf = metadata::allocate(size_of::<Self>().next_multiple_of(64))?.cast::<Self>();
        let bound = |bytes: usize, most: usize| (bytes / class.size_bytes()).clamp(1, most);
        // SAFETY: fresh memory of the right size and alignment, which reads as zero: it is a shelf
        // without blocks.
        unsafe {
            (*shelf.as_ptr()).ready_max = bound(READY_BYTES_MAX, READY_MAX);
            (*shelf.as_ptr()).resting_max = bound(RESTING_BYTES_MAX, RESTING_MAX);
        }
        Some(shelf)
    }

    fn take_ready(&mut self) -> Block {
        self.ready_count -= 1;
        // SAFETY: (K1).
        unsafe { Block::at(self.ready[self.ready_count]) }
    }

    /// Fills what is ready from the bin, in random order. Says whether it is one block that is
    /// known to read as zero.
    #[cold]
    fn refill(&mut self, class: SizeClass, random: &mut Random) -> bool {
        let is_zero = bin::take_some(class, self.ready_max, |block| {
            self.ready[self.ready_count] = block.address();
            self.ready_count += 1;
        });
        for last in (1..self.ready_count).rev() {
            self.ready.swap(last, random.below(last + 1));
        }
        is_zero
    }

    /// Adds a block that has rested to those that are ready, at a random place; half of them go
    /// back to the bin when there are too many.
    fn make_ready(&mut self, class: SizeClass, rested: usize, place: usize) {
        if self.ready_count == self.ready_max {
            self.give_back(class, self.ready_max / 2);
        }
        self.ready[self.ready_count] = rested;
        self.ready.swap(self.ready_count, place.min(self.ready_count));
        self.ready_count += 1;
    }

    /// Gives all but `kept` of the blocks that are ready back to the bin.
    #[cold]
    fn give_back(&mut self, class: SizeClass, kept: usize) {
        // SAFETY: (K1).
        let blocks =
            self.ready[kept..self.ready_count].iter().map(|block| unsafe { Block::at(*block) });
        bin::give_some(class, blocks);
        self.ready_count = kept;
    }

    /// Gives the blocks that rest back to the bin.
    fn give_back_resting(&mut self, class: SizeClass) {
        let resting = self.line.iter().chain(&self.crowd).filter(|block| **block != 0);
        // SAFETY: (K1).
        bin::give_some(class, resting.map(|block| unsafe { Block::at(*block) }));
        (self.line, self.crowd) = ([0; RESTING_MAX], [0; RESTING_MAX]);
    }
}

/// Gives the blocks that a thread has ready back to the bins; those that rest go on resting.
pub fn empty_out(heap: &mut Heap) {
    let Some(store) = Store::made(heap) else { return };
    for class in SizeClass::all() {
        // SAFETY: made by `shelf`, and only this thread uses it.
        if let Some(shelf) = unsafe { store.shelves[class.index()].as_mut() } {
            shelf.give_back(class, 0);
        }
    }
}

/// Gives back all that a thread that ends has kept.
pub fn end_thread(heap: &mut Heap) {
    empty_out(heap);
    let Some(store) = Store::made(heap) else { return };
    for class in SizeClass::all() {
        // SAFETY: as in `empty_out`.
        if let Some(shelf) = unsafe { store.shelves[class.index()].as_mut() } {
            shelf.give_back_resting(class);
        }
    }
}
