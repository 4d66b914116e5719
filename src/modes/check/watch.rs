//! Watched bytes: those just beside a block that is guarded. A page can only be guarded as a whole,
//! so such a block has accessible bytes on one side, and where it must be at a multiple of 16 often
//! some on the other; for the latest few blocks the processor watches them (`os/watchpoint.rs`).

use super::guard;
use super::marks;
use super::record::Record;
use super::table;
use crate::os::watchpoint::Watchpoint;
use crate::os::{signals, unwind};
use crate::sync::lock::{Holdable, Lock};
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// How many places are watched at most, one or two of a block: as many as a processor watches.
const PLACES: usize = 4;
/// What is watched of a block: the processor takes no more for a place.
const WATCHED_MAX: usize = 8;
/// Setting a watchpoint takes four system calls, and is not counted as the guards': so many of the
/// first blocks are watched, and then one of so many.
const FIRST: usize = 64;
const SAMPLE_ONE_IN: usize = 64;

static PLACE: Lock<[Option<Watch>; PLACES]> = Lock::new([const { None }; PLACES]);
/// The blocks that are watched, for those who free one: their addresses' [`hidden`] form, or 0.
static BLOCKS: [AtomicUsize; PLACES] = [const { AtomicUsize::new(0) }; PLACES];
/// How many blocks could have been watched.
static CANDIDATES: AtomicUsize = AtomicUsize::new(0);
/// The place that is used next.
static NEXT: AtomicUsize = AtomicUsize::new(0);

/// A block that is watched.
struct Watch {
    watchpoint: Watchpoint,
    address: usize,
    length: usize,
}

/// What stands for the address of a block: the search for leaks is not to find one here.
#[inline(always)]
fn hidden(block: usize) -> usize {
    !block
}

/// Bytes that were accessed, or some of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Watched {
    /// Where they begin.
    pub address: usize,
    length: usize,
    bytes: [u8; WATCHED_MAX],
}

impl Watched {
    /// What they held before.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// An access to what is beside a block.
pub struct Trespass {
    /// The block.
    pub record: Record,
    /// Whether it was a write.
    pub is_write: bool,
    /// What was written first, or of a read the first byte that may have been read.
    pub address: usize,
    /// What was accessed.
    pub bytes: Watched,
}

/// A guarded block is about to be handed out at `block`: what is beside it may get watched.
#[cold]
pub fn begin(block: usize, size_bytes: usize) {
    if !is_chosen() || !unwind::knows_own() {
        return;
    }
    signals::take_traps();
    let (pages, end) = (guard::data_of(block, size_bytes), block + size_bytes);
    let before = longest_at(block).min(block - pages.start);
    if before > 0 {
        set(block - before, before, block);
    }
    let behind = longest_at(end);
    if end + behind <= pages.end() {
        set(end, behind, block);
    }
}

/// How much can be watched that begins or ends at `address`: a power of two that divides it.
fn longest_at(address: usize) -> usize {
    WATCHED_MAX.min(1 << address.trailing_zeros().min(3))
}

/// Watches bytes in the place of what is watched longest.
fn set(address: usize, length: usize, block: usize) {
    let place = NEXT.fetch_add(1, Relaxed) % PLACES;
    let mut places = PLACE.lock();
    if let Some(earlier) = places[place].take() {
        earlier.watchpoint.clear();
    }
    let set = Watchpoint::set(address, length);
    BLOCKS[place].store(if set.is_some() { hidden(block) } else { 0 }, Relaxed);
    places[place] = set.map(|watchpoint| Watch { watchpoint, address, length });
}

fn is_chosen() -> bool {
    let earlier = CANDIDATES.fetch_add(1, Relaxed);
    earlier < FIRST || earlier.is_multiple_of(SAMPLE_ONE_IN)
}

/// The block at `block` is about to be freed: it isn't watched any more.
#[inline(always)]
pub fn end(block: usize) {
    if BLOCKS.iter().any(|watched| watched.load(Relaxed) == hidden(block)) {
        end_watched(block);
    }
}

#[cold]
fn end_watched(block: usize) {
    let mut places = PLACE.lock();
    for (place, watched) in places.iter_mut().zip(&BLOCKS) {
        if watched.load(Relaxed) == hidden(block) {
            watched.store(0, Relaxed);
            if let Some(watch) = place.take() {
                watch.watchpoint.clear();
            }
        }
    }
}

/// In a fork's child: it has none of its parent's.
pub fn forget_all() {
    let mut places = PLACE.lock();
    for (place, watched) in places.iter_mut().zip(&BLOCKS) {
        watched.store(0, Relaxed);
        *place = None;
    }
}

/// What an access to the watched bytes at `address` means, by an instruction that may read there if
/// it `may_read`. `None` if it is none of the program's errors.
pub fn trespass(address: usize, may_read: bool) -> Option<Trespass> {
    let (block, length) = {
        let places = PLACE.lock();
        let mut watches = places.iter().zip(&BLOCKS);
        watches.find_map(|(watch, block)| {
            let watch = watch.as_ref().filter(|watch| watch.address == address)?;
            Some((hidden(block.load(Relaxed)), watch.length))
        })?
    };
    let record = table::get(block).filter(Record::is_live)?;
    let mut bytes = Watched { address, length, bytes: [0; WATCHED_MAX] };
    for (offset, byte) in bytes.bytes[..length].iter_mut().enumerate() {
        *byte = marks::canary_byte(address + offset);
    }
    // SAFETY: the block lives, and what is beside it is the checker's.
    let change = unsafe {
        let change = marks::find_change_of_canary(address, address + length);
        // Told once.
        marks::fill_canary(address, address + length);
        change
    };
    if change.is_none() && may_read {
        return None;
    }
    let first = change.map_or(address, |change| change.start);
    Some(Trespass { record, is_write: change.is_some(), address: first, bytes })
}

/// Its lock.
pub fn lock() -> &'static dyn Holdable {
    &PLACE
}
