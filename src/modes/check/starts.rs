//! For each piece of the heap's memory the row of the record whose block starts there: how records
//! are found without a search.
//!
//! A piece is so small that two checked blocks hardly ever start in one; where they do, the second
//! is found by the table's hashes. It is the same for blocks beyond [`COVERED`], and everywhere
//! when address space is limited.

use crate::arithmetic::size_class::ZoneKind;
use crate::memory::arena::ARENA;
use crate::os::memory::{self, Range};
use crate::services::metadata::Table;
use crate::sync::lock::{Holdable, Lock};
use core::sync::atomic::{
    AtomicU32, AtomicUsize,
    Ordering::{Relaxed, Release},
};

/// log2 of a piece in the tiny, the main and the coarse zone. A block has at least 32 bytes between
/// its start and the next one's.
const PIECE_LOG2: [u32; 3] = [5, 6, 8];
/// Addresses that differ in no bit from this one on are in pieces of one lock.
pub const LOCKED_LOG2: u32 = 8;
/// How much of each zone is covered, from its origin.
const COVERED: [usize; 3] = [8 << 30, 64 << 30, 256 << 30];
const WORD_BYTES: usize = size_of::<u32>();

/// A word for each piece, counted from the zone's origin: a row, or 0.
///
/// (S1) What is committed of a table are words. (S2) A word that isn't 0 belongs to the shard of
/// all addresses in its piece, whose lock is held to change it.
static TABLES: [Table; 3] = [const { Table::new(false) }; 3];
/// Where the main zone begins, below which the tiny one grows, and where the coarse one does; both
/// are 0 where nothing is covered.
static MAIN: AtomicUsize = AtomicUsize::new(0);
static COARSE: AtomicUsize = AtomicUsize::new(0);
static GROWTH: Lock<()> = Lock::new(());

/// Finds address space for the words. Called once, when the arena has its place.
pub fn begin() {
    let bytes = |part: usize| COVERED[part] >> PIECE_LOG2[part] << WORD_BYTES.ilog2();
    if memory::is_address_space_limited() {
        return;
    }
    let Some(space) = memory::reserve(0, (0..3).map(bytes).sum()) else { return };
    if memory::is_claimed() {
        // SAFETY: nothing uses it yet; it is mapped where it is used, if nothing else is there.
        unsafe { memory::release(space) };
    }
    memory::ask_for_huge_pages(space);
    let mut start = space.start;
    for (part, table) in TABLES.iter().enumerate() {
        table.place(Range { start, length: bytes(part) });
        start += bytes(part);
    }
    COARSE.store(ARENA.zone(ZoneKind::Coarse).origin(), Relaxed);
    MAIN.store(ARENA.zone(ZoneKind::Main).origin(), Release);
}

/// Which table has the word for `address`, and at which byte of it.
#[inline(always)]
fn place_of(address: usize) -> (&'static Table, usize) {
    let (main, coarse) = (MAIN.load(Relaxed), COARSE.load(Relaxed));
    match address {
        _ if address < main => (&TABLES[0], ((main - 1 - address) >> PIECE_LOG2[0]) * WORD_BYTES),
        _ if address < coarse => (&TABLES[1], ((address - main) >> PIECE_LOG2[1]) * WORD_BYTES),
        _ => (&TABLES[2], ((address - coarse) >> PIECE_LOG2[2]) * WORD_BYTES),
    }
}

/// The word for `address`, if there is one.
#[inline(always)]
pub fn word(address: usize) -> Option<&'static AtomicU32> {
    let word = |table: &'static Table, distance: usize, piece_log2: u32| {
        let offset = (distance >> piece_log2) * WORD_BYTES;
        // SAFETY: (S1).
        (offset < table.committed_bytes())
            .then(|| unsafe { &*((table.origin() + offset) as *const AtomicU32) })
    };
    let (main, coarse) = (MAIN.load(Relaxed), COARSE.load(Relaxed));
    // Each way is compiled with its own table.
    if address < main {
        word(&TABLES[0], main - 1 - address, PIECE_LOG2[0])
    } else if address < coarse {
        word(&TABLES[1], address - main, PIECE_LOG2[1])
    } else {
        word(&TABLES[2], address - coarse, PIECE_LOG2[2])
    }
}

/// As [`word`], which is made now if there can be one.
#[inline(always)]
pub fn word_for(address: usize) -> Option<&'static AtomicU32> {
    match word(address) {
        Some(word) => Some(word),
        None => make_word(address),
    }
}

#[cold]
fn make_word(address: usize) -> Option<&'static AtomicU32> {
    let (table, offset) = place_of(address);
    if MAIN.load(Relaxed) == 0 {
        return None;
    }
    let growing = GROWTH.lock();
    let committed = table.committed_bytes();
    // Some at a time, so that it is done rarely.
    let has_more = table.ensure((committed + committed / 2).max(offset + WORD_BYTES))
        || table.ensure(offset + WORD_BYTES);
    drop(growing);
    word(address).filter(|_| has_more)
}

/// Calls `visit` with each word that isn't 0, and an address in its piece.
pub fn for_each(mut visit: impl FnMut(usize, &'static AtomicU32)) {
    let (main, coarse) = (MAIN.load(Relaxed), COARSE.load(Relaxed));
    for (part, table) in TABLES.iter().enumerate() {
        let count = table.committed_bytes() / WORD_BYTES;
        for index in 0..count {
            // SAFETY: (S1).
            let word = unsafe { &*(table.origin() as *const AtomicU32).add(index) };
            if word.load(Relaxed) != 0 {
                let distance = index << PIECE_LOG2[part];
                let address = match part {
                    0 => main - 1 - distance,
                    1 => main + distance,
                    _ => coarse + distance,
                };
                visit(address, word);
            }
        }
    }
}

/// Calls `visit` with the memory of each table.
pub fn for_each_range(visit: impl FnMut(Range)) {
    TABLES.iter().map(Table::committed).for_each(visit);
}

/// The lock.
pub fn lock() -> &'static dyn Holdable {
    &GROWTH
}
