//! A thread's heap: beside the loaded magazines, full ones in stock, up to a bound in bytes, and
//! what to do when a loaded magazine is empty or full.
//!
//! A coarse class has one loaded magazine, which is called its source here too, and no sink: it may
//! hold a single block, and two of those would have to change places at each call.

use super::fast::{self, Fast, Owner, NO_SINK, NO_SOURCE};
use super::hit;
use super::large_stock::LargeStock;
use crate::arithmetic::size_class::{SizeClass, CLASS_COUNT};
use crate::memory::arena::ARENA;
use crate::memory::bin::{self, Refill, Trend};
use crate::memory::block::Block;
use crate::memory::crowd;
use crate::memory::magazine::{Cartridge, Model, Stack};
use crate::services::options::{self, Choice};
use core::ffi::c_void;
use core::sync::atomic::AtomicBool;

/// After exchanging magazines of this many blocks a class of the thread gets big ones.
const BLOCKS_FOR_BIG: u32 = 192;

/// An exchange to allocate counts as this many blocks at least when the one before was to free
/// some: a class whose blocks come and go is busy sooner than one that is filled once and freed.
const BLOCKS_OF_A_TURN: u32 = 48;

/// What a heap has of one class beside the fast part.
struct Stock {
    /// The magazine that blocks are taken from.
    source: Option<Cartridge>,
    /// A fine class's magazine that blocks are given to.
    sink: Option<Cartridge>,
    /// Full ones.
    full: Stack,
    /// An empty one.
    spare: Option<Cartridge>,
    /// How many blocks the magazines held that were exchanged.
    exchanged: u32,
    /// Whether the last of them was made to free blocks.
    was_freeing: bool,
    /// Whether the class was fading when a magazine was last handed over.
    is_fading: bool,
}

impl Stock {
    const EMPTY: Self = Self {
        source: None,
        sink: None,
        full: Stack::new(),
        spare: None,
        exchanged: 0,
        was_freeing: false,
        is_fading: false,
    };

    fn model(&self) -> Model {
        match (self.exchanged < BLOCKS_FOR_BIG, self.is_fading) {
            (true, false) if !crowd::is_crowd() => Model::Small,
            (true, _) => Model::None,
            (false, true) => Model::Fading,
            (false, false) => Model::Big,
        }
    }

    /// Notes that a magazine is exchanged, to allocate blocks or to free some.
    fn note_exchange(&mut self, class: SizeClass, is_freeing: bool) {
        // A class without a magazine is served by the bin each time, which costs more.
        let capacity = self.model().capacity(class).max(2) as u32;
        let has_turned = self.was_freeing && !is_freeing;
        let blocks = if has_turned { capacity.max(BLOCKS_OF_A_TURN) } else { capacity };
        self.exchanged = self.exchanged.saturating_add(blocks);
        self.was_freeing = is_freeing;
    }
}

/// A thread's heap. Only its thread uses it.
///
/// (H1) A class's entries in `fast` are those of `source` and `sink`, or of no magazine.
/// (H2) `full_bytes` is the sum over the full magazines in stock.
#[repr(C)]
pub struct Heap {
    /// What the fast paths read.
    pub fast: Fast,
    stocks: [Stock; CLASS_COUNT],
    full_bytes: usize,
    /// Large blocks that were freed.
    pub large: LargeStock,
    /// Whether the thread is in the middle of a slow path: a call that finds it set comes from a
    /// signal handler that interrupted one.
    pub is_inside: AtomicBool,
    /// What a mode keeps for the thread, or null.
    pub mode_data: *mut c_void,
    /// The next heap in the list of spare ones.
    pub next: *mut Heap,
}

impl Heap {
    /// A heap without magazines, which knows the zones as they are now.
    pub fn new() -> Self {
        let stocks = [Stock::EMPTY; CLASS_COUNT];
        let mut heap = Self {
            fast: Fast::routing(Owner::Thread),
            stocks,
            full_bytes: 0,
            large: LargeStock::EMPTY,
            is_inside: AtomicBool::new(false),
            mode_data: core::ptr::null_mut(),
            next: core::ptr::null_mut(),
        };
        heap.look_around();
        heap
    }

    /// Takes note of how far the zones reach now. After that, blocks that were beyond are hits too.
    pub fn look_around(&mut self) {
        if fast::routes_all_calls() {
            return;
        }
        self.fast.fine = ARENA.fine_map();
        self.fast.coarse = ARENA.coarse_map();
    }

    /// Takes a free block of `class`, and says whether it reads as zero. `None` without memory.
    pub fn take(&mut self, class: SizeClass) -> Option<(Block, bool)> {
        if let Some(block) = self.pop(class) {
            return Some((block, false));
        }
        if self.turn_sink_over(class, true, false) {
            return self.pop(class).map(|block| (block, false));
        }
        let stock = &mut self.stocks[class.index()];
        if let Some(full) = stock.full.pop() {
            self.full_bytes -= full.capacity() * class.size_bytes();
            if let Some(empty) = stock.source.take() {
                self.keep_spare(class, empty);
            }
            let count = full.capacity();
            return self.load_and_pop(class, full, count);
        }
        stock.is_fading = false;
        let Some(empty) = self.magazine_to_fill(class, false) else { return bin::take_one(class) };
        match bin::refill(class, empty) {
            Refill::Blocks(magazine, count) => self.load_and_pop(class, magazine, count),
            Refill::ZeroBlock(magazine, block) => {
                self.load_source(class, magazine, 0);
                Some((block, true))
            }
            Refill::Nothing(magazine) => {
                self.load_source(class, magazine, 0);
                self.turn_sink_over(class, false, false);
                self.pop(class).map(|block| (block, false))
            }
        }
    }

    /// Keeps a free block of `class`, whose ledger byte is cleared.
    pub fn keep(&mut self, class: SizeClass, block: Block) {
        // What fades is in one magazine at most.
        let may_turn = !self.stocks[class.index()].is_fading;
        if self.is_sink_full(class) && !(may_turn && self.turn_sink_over(class, true, true)) {
            match self.magazine_with_room(class) {
                Some(empty) => self.load_sink(class, empty),
                None => return bin::give_one(class, block),
            }
        }
        let top = self.sink_top(class);
        // SAFETY: (F1): the magazine has room above `top`.
        unsafe {
            *top = top.add(1);
            top.write(block.address());
        }
    }

    /// As [`Heap::take`], but of a fine class the block comes first that was given back last: it is
    /// still in the processor's cache.
    #[inline(always)]
    pub fn take_recent(&mut self, class: SizeClass) -> Option<(Block, bool)> {
        if !class.is_coarse() {
            let top = self.fast.sinks[class.index()];
            // SAFETY: (F1): it points to a block's slot or to the null word, or there is no sink.
            unsafe {
                if !top.is_null() && *top != 0 {
                    self.fast.sinks[class.index()] = top.sub(1);
                    return Some((Block::at(*top), false));
                }
            }
        }
        self.take(class)
    }

    /// As [`Heap::keep`], quickly where there is room.
    #[inline(always)]
    pub fn keep_recent(&mut self, class: SizeClass, block: Block) {
        let index = class.index();
        if class.is_coarse() || self.fast.sinks[index] == self.fast.sink_limits[index] {
            return self.keep(class, block);
        }
        // SAFETY: (F1): the magazine has room above `top`.
        unsafe {
            let top = self.fast.sinks[index].add(1);
            top.write(block.address());
            self.fast.sinks[index] = top;
        }
    }

    fn pop(&mut self, class: SizeClass) -> Option<Block> {
        let byte = class.ledger_byte();
        // SAFETY: `self` is this thread's heap.
        unsafe {
            match class.is_coarse() {
                true => hit::pop_coarse(&mut self.fast, byte),
                false => hit::pop(&mut self.fast, byte as usize),
            }
        }
    }

    /// The source that has run out and the sink change places: what was freed is allocated again.
    /// False, and nothing is done, if the source isn't empty, or, with `is_choosy`, if the sink has
    /// so few blocks that it would soon have to be done again.
    fn turn_sink_over(&mut self, class: SizeClass, is_choosy: bool, is_freeing: bool) -> bool {
        if class.is_coarse() || self.source_count(class) > 0 {
            return false;
        }
        let stock = &mut self.stocks[class.index()];
        let Some(sink) = &stock.sink else { return false };
        let top = self.fast.sinks[class.index()];
        // SAFETY: (H1): `top` points into the sink.
        let count = unsafe { top.offset_from(sink.bottom()) } as usize;
        if count == 0 || is_choosy && count < sink.capacity() / 4 {
            return false;
        }
        let Some(empty) = self.magazine_to_fill(class, is_freeing) else { return false };
        if let Some(sink) = self.stocks[class.index()].sink.take() {
            self.load_source(class, sink, count);
        }
        self.load_sink(class, empty);
        true
    }

    /// An empty magazine for blocks from the bin, or for the sink: the source that has run out, or
    /// a larger one by now.
    fn magazine_to_fill(&mut self, class: SizeClass, is_freeing: bool) -> Option<Cartridge> {
        let stock = &mut self.stocks[class.index()];
        stock.note_exchange(class, is_freeing);
        let model = stock.model();
        match stock.source.take().or_else(|| stock.spare.take()) {
            Some(magazine) => Some(fitting(model, class, magazine)),
            None => Cartridge::new(model, class),
        }
    }

    /// Puts the full magazine that blocks are given to in stock, or hands it over; returns an empty
    /// one.
    fn magazine_with_room(&mut self, class: SizeClass) -> Option<Cartridge> {
        let stock = &mut self.stocks[class.index()];
        stock.note_exchange(class, true);
        let model = stock.model();
        let full = match class.is_coarse() {
            true => stock.source.take(),
            false => stock.sink.take(),
        };
        let Some(full) = full else { return Cartridge::new(model, class) };
        let bytes = full.capacity() * class.size_bytes();
        let is_busy = model == Model::Big;
        if is_busy && self.full_bytes + bytes <= options::value(Choice::ThreadCache) {
            let empty = stock.spare.take().or_else(|| Cartridge::new(model, class));
            if let Some(empty) = empty {
                stock.full.push(full);
                self.full_bytes += bytes;
                return Some(empty);
            }
        }
        let (empty, trend) = bin::hand_over(class, full);
        if trend != Trend::Steady {
            self.give_up_stock(class);
        }
        let stock = &mut self.stocks[class.index()];
        stock.is_fading = trend == Trend::Fading;
        let model = stock.model();
        if model != Model::Big {
            self.give_up_source(class);
        }
        if model == Model::None {
            self.forget_sink(class);
            empty.recycle();
            return None;
        }
        Some(fitting(model, class, empty))
    }

    /// Puts the blocks of the full magazines in stock back into their slabs.
    fn give_up_stock(&mut self, class: SizeClass) {
        while let Some(full) = self.stocks[class.index()].full.pop() {
            self.full_bytes -= full.capacity() * class.size_bytes();
            // SAFETY: a full magazine has a block in every slot.
            unsafe { bin::give_back(class, &full, full.capacity()) };
            self.keep_spare(class, full);
        }
    }

    fn keep_spare(&mut self, class: SizeClass, empty: Cartridge) {
        if let Some(other) = self.stocks[class.index()].spare.replace(empty) {
            other.recycle();
        }
    }

    fn load_source(&mut self, class: SizeClass, magazine: Cartridge, count: usize) {
        let entry = class.ledger_byte() as usize;
        // SAFETY: the first `count` slots hold blocks.
        let top = unsafe { magazine.bottom().add(count) };
        match class.is_coarse() {
            true => self.load_coarse(entry, top, magazine.limit()),
            false => self.fast.sources[entry] = top,
        }
        self.stocks[class.index()].source = Some(magazine);
    }

    fn load_coarse(&mut self, entry: usize, top: *mut usize, limit: *mut usize) {
        (self.fast.coarse_tops[entry], self.fast.coarse_limits[entry]) = (top, limit);
    }

    fn load_sink(&mut self, class: SizeClass, empty: Cartridge) {
        if class.is_coarse() {
            return self.load_source(class, empty, 0);
        }
        self.fast.sinks[class.index()] = empty.bottom();
        self.fast.sink_limits[class.index()] = empty.limit();
        self.stocks[class.index()].sink = Some(empty);
    }

    /// There is no magazine any more that blocks are given to.
    fn forget_sink(&mut self, class: SizeClass) {
        let entry = class.ledger_byte() as usize;
        match class.is_coarse() {
            true => self.load_coarse(entry, NO_SOURCE, NO_SOURCE),
            false => {
                (self.fast.sinks[entry], self.fast.sink_limits[entry]) = (NO_SINK, NO_SINK);
            }
        }
    }

    /// The top of the magazine that blocks are given to.
    fn sink_top(&mut self, class: SizeClass) -> &mut *mut usize {
        match class.is_coarse() {
            true => &mut self.fast.coarse_tops[class.ledger_byte() as usize],
            false => &mut self.fast.sinks[class.index()],
        }
    }

    fn is_sink_full(&self, class: SizeClass) -> bool {
        if class.is_coarse() {
            let entry = class.ledger_byte() as usize;
            return self.fast.coarse_tops[entry] == self.fast.coarse_limits[entry];
        }
        self.fast.sinks[class.index()] == self.fast.sink_limits[class.index()]
    }

    /// How many blocks the source has.
    fn source_count(&self, class: SizeClass) -> usize {
        let Some(magazine) = &self.stocks[class.index()].source else { return 0 };
        let entry = class.ledger_byte() as usize;
        let top = match class.is_coarse() {
            true => self.fast.coarse_tops[entry],
            false => self.fast.sources[entry],
        };
        // SAFETY: (H1): both point into the magazine.
        unsafe { top.offset_from(magazine.bottom()) as usize }
    }

    fn load_and_pop(
        &mut self,
        class: SizeClass,
        magazine: Cartridge,
        count: usize,
    ) -> Option<(Block, bool)> {
        self.load_source(class, magazine, count);
        self.pop(class).map(|block| (block, false))
    }

    /// Gives everything that the heap holds back to the bins.
    pub fn empty_out(&mut self) {
        self.large.clear();
        for class in SizeClass::all() {
            self.unload(class);
            let stock = &mut self.stocks[class.index()];
            while let Some(full) = stock.full.pop() {
                let (empty, _) = bin::hand_over(class, full);
                empty.recycle();
            }
            if let Some(spare) = stock.spare.take() {
                spare.recycle();
            }
            (stock.exchanged, stock.is_fading) = (0, false);
        }
        self.full_bytes = 0;
    }

    fn give_up_source(&mut self, class: SizeClass) {
        let count = self.source_count(class);
        let entry = class.ledger_byte() as usize;
        if let Some(source) = self.stocks[class.index()].source.take() {
            match class.is_coarse() {
                true => self.load_coarse(entry, NO_SOURCE, NO_SOURCE),
                false => self.fast.sources[entry] = NO_SOURCE,
            }
            give_up(class, source, count);
        }
    }

    fn unload(&mut self, class: SizeClass) {
        let entry = class.ledger_byte() as usize;
        self.give_up_source(class);
        if let Some(sink) = self.stocks[class.index()].sink.take() {
            // SAFETY: (H1): both point into the magazine.
            let count = unsafe { self.fast.sinks[entry].offset_from(sink.bottom()) } as usize;
            self.forget_sink(class);
            give_up(class, sink, count);
        }
    }
}

/// Puts the first `count` blocks of a magazine back into their slabs, and gives it up.
fn give_up(class: SizeClass, magazine: Cartridge, count: usize) {
    if count > 0 {
        // SAFETY: (F1): the slots up to the top hold free blocks.
        unsafe { bin::give_back(class, &magazine, count) };
    }
    magazine.recycle();
}

/// An empty magazine in place of another: one as long as the model is, if there is memory for it.
fn fitting(model: Model, class: SizeClass, magazine: Cartridge) -> Cartridge {
    if magazine.capacity() == model.capacity(class) {
        return magazine;
    }
    match Cartridge::new(model, class) {
        Some(fitting) => {
            magazine.recycle();
            fitting
        }
        None => magazine,
    }
}
