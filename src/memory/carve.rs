//! Slabs carved anew: where a class would need fresh memory while slabs of other classes stand by
//! half empty, its blocks are cut out of what is free between theirs. The ledger names the class of
//! each block, so a `free` needn't know that a slab holds blocks of several.
//!
//! Only fine classes, whose slabs are one unit; a block of 64 bytes and more may come to lie in the
//! tiny zone that way, while a tiny one can't be in the main zone, whose granules are too coarse.

use super::arena::ARENA;
use super::bin::bin;
use super::block::Block;
use super::copies;
use super::find;
use super::granules::{Map, GRANULES};
use super::pages;
use super::slab::{self, Slab};
use super::unit::{Kind, Record, Run, Unit, NO_UNIT};
use super::zone::Zone;
use crate::arithmetic::size_class::{SizeClass, ZoneKind, STEP_BYTES, UNIT_BYTES};
use crate::os::memory::Range;
use crate::services::metadata;
use crate::sync::lock::Lock;
use core::iter::Peekable;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Of a carved slab whose blocks all came back, or that has gained this much since a class last
/// found no more room in it, another class may get blocks.
const WORTH_ANOTHER_LOOK: u16 = (GRANULES / 4) as u16;
/// A slab is carved if at least one in so many of the blocks fits in that an empty one would hold.
const LEAST_SHARE: usize = 4;
/// After a search that found nothing so many slabs are made afresh before the next.
const PAUSE: usize = 16;
const FINE_CLASSES: usize = 64;

/// A carved slab.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Carved {
    zone: ZoneKind,
    unit: Unit,
}

/// All carved slabs, behind one lock.
///
/// (C1) The map of a carved slab has a bit set for each 16 bytes that are in no block outside;
///      `free_blocks` of its record counts them. (C2) A slab is being carved for at most one class,
///      whose entry in `current` it is; its `first_word` is the granule to go on from. Else, if it
///      is worth another look, it is in the list of its zone.
pub struct Carver {
    current: [Option<Carved>; FINE_CLASSES],
    /// By [`list_of`].
    lists: [Unit; 4],
    /// Maps that no slab uses, linked through their first words.
    spare: *mut Map,
    /// How many slabs there are.
    slabs: usize,
    /// Granules that are free in them.
    free_granules: usize,
}

// SAFETY: it owns its maps.
unsafe impl Send for Carver {}

static CARVER: Lock<Carver> = Lock::new(Carver {
    current: [None; FINE_CLASSES],
    lists: [NO_UNIT; 4],
    spare: core::ptr::null_mut(),
    slabs: 0,
    free_granules: 0,
});

/// How many slabs in the lists have no block.
static IDLE: AtomicUsize = AtomicUsize::new(0);
/// How many slabs have to be made afresh before the next search.
static PAUSING: AtomicUsize = AtomicUsize::new(0);

/// The lock of all carved slabs.
pub fn carver() -> &'static Lock<Carver> {
    &CARVER
}

/// How many carved slabs there are, and how many bytes are free in them.
pub fn totals() -> (usize, usize) {
    let carver = CARVER.lock();
    (carver.slabs, carver.free_granules * STEP_BYTES)
}

/// The carved slab that a block of a fine class lies in, if it is one.
///
/// The caller holds the lock of the class's bin, or owns the block: its slab doesn't change then.
#[inline]
pub fn containing(block: Block, class: SizeClass) -> Option<Carved> {
    if class.is_coarse() {
        return None;
    }
    let kind = match block.address() < ARENA.zone(ZoneKind::Main).origin() {
        true => ZoneKind::Tiny,
        false => ZoneKind::Main,
    };
    let zone = ARENA.zone(kind);
    let carved = Carved { zone: kind, unit: zone.unit_at(block.address())? };
    // SAFETY: the zone has reached the unit; only read.
    (unsafe { zone.record(carved.unit) }.kind == Kind::Carved).then_some(carved)
}

/// Takes up to `want` blocks of `class` out of carved slabs, in ascending order, where that is
/// worth it; else none.
pub fn take(class: SizeClass, want: usize, mut each: impl FnMut(Block)) -> usize {
    if class.is_coarse() {
        return 0;
    }
    loop {
        let count = CARVER.lock().take(class, want, &mut each);
        if count > 0 || !carve_another(class) {
            return count;
        }
    }
}

/// Carves a slab of another class for `class`; false if none is worth it.
#[cold]
fn carve_another(class: SizeClass) -> bool {
    let is_pausing = PAUSING.fetch_update(Relaxed, Relaxed, |left: usize| left.checked_sub(1));
    let is_due = is_pausing.is_err() && !slab::are_free_blocks_zero();
    if !is_due || !ARENA.is_worth_carving(class.zone()) {
        return false;
    }
    // Before any lock, since it may go to the kernel.
    if !CARVER.lock().has_spare() {
        let Some(fresh) = metadata::allocate(size_of::<Map>()) else { return false };
        CARVER.lock().keep(fresh.as_ptr().cast());
    }
    let others = SizeClass::all().filter(|other| !other.is_coarse() && *other != class);
    for other in others.filter(|other| !class.is_tiny() || other.is_tiny()) {
        let mut bin = bin(other).lock();
        let mut carver = CARVER.lock();
        if !carver.has_spare() {
            return false;
        }
        let fits = |slab: Slab| is_room_for(class, &map_of(slab));
        if let Some(slab) = bin.shelf.give_up_sparse(other, fits) {
            carver.adopt(slab, class);
            return true;
        }
    }
    PAUSING.store(PAUSE, Relaxed);
    false
}

/// Reports a double free if one of a slab's free blocks is alive. As [`map_of`].
fn require_free_is_dead(slab: Slab) {
    let (start, size) = (slab.start(), slab.class.size_bytes());
    let capacity = slab.record().capacity as usize;
    for index in (0..capacity).filter(|index| slab.is_free(*index)) {
        let block = Range { start: start + index * size, length: size };
        copies::require_none_alive(ARENA.zone(slab.class.zone()), block);
    }
}

/// What is free in a slab of one class. The caller holds the lock of its bin.
fn map_of(slab: Slab) -> Map {
    let capacity = slab.record().capacity as usize;
    let length = slab.class.size_bytes() / STEP_BYTES;
    let mut map = Map::new();
    for index in (0..capacity).filter(|index| slab.is_free(*index)) {
        map.give(index * length..(index + 1) * length);
    }
    map.give(capacity * length..GRANULES);
    map
}

fn is_room_for(class: SizeClass, map: &Map) -> bool {
    let count = map.clone().take(class, &mut 0, usize::MAX, |_| ());
    count * LEAST_SHARE >= UNIT_BYTES / class.size_bytes()
}

/// Puts blocks back that lie in the carved slab. The caller may hold a bin's lock.
pub fn give(carved: Carved, class: SizeClass, blocks: &mut Peekable<impl Iterator<Item = Block>>) {
    let mut carver = CARVER.lock();
    let range = carved.range();
    let size = class.size_bytes();
    let length = size / STEP_BYTES;
    let mut granules = 0;
    while let Some(block) = blocks.next_if(|b| b.address().wrapping_sub(range.start) < range.length)
    {
        let first = (block.address() - range.start) / STEP_BYTES;
        // What is given back may be cut otherwise at once.
        copies::require_none_alive(carved.zone(), Range { start: block.address(), length: size });
        if !carved.map().give(first..first + length) {
            copies::report_double_free(block, size);
        }
        granules += length;
    }
    carver.note_given(carved, granules);
}

/// Stops carving for a class: a slab that has no block then can go back.
pub fn stop(class: SizeClass) {
    if !class.is_coarse() {
        let mut carver = CARVER.lock();
        if let Some(carved) = carver.current[class.index()].take() {
            carver.leave(carved);
        }
    }
}

/// Gives carved slabs without a block back to the arena. The caller holds no lock.
#[inline]
pub fn return_idle() {
    while IDLE.load(Relaxed) > 0 {
        let Some(carved) = CARVER.lock().take_idle() else { return };
        ARENA.give(carved.zone, carved.run());
    }
}

impl Carved {
    fn zone(self) -> &'static Zone {
        ARENA.zone(self.zone)
    }

    fn run(self) -> Run {
        Run { first: self.unit, units: 1 }
    }

    /// Its memory.
    pub fn range(self) -> Range {
        self.zone().range(self.run())
    }

    fn record<'a>(self) -> &'a mut Record {
        // SAFETY: the zone has reached the unit; (U2): callers hold the carver's lock.
        unsafe { self.zone().record(self.unit) }
    }

    /// What is free in it. Callers hold the carver's lock.
    fn map<'a>(self) -> &'a mut Map {
        // SAFETY: (C1): a carved slab's record leads to its map.
        unsafe { &mut *(self.record().large_bytes as *mut Map) }
    }
}

impl Carver {
    /// Notes that `granules` more are free.
    fn count_free(&mut self, granules: isize) {
        self.free_granules = self.free_granules.wrapping_add_signed(granules);
        ARENA.count_free_in_slabs(granules * STEP_BYTES as isize);
    }

    fn has_spare(&self) -> bool {
        !self.spare.is_null()
    }

    fn keep(&mut self, map: *mut Map) {
        // SAFETY: the map is the carver's alone; its first word is the link.
        unsafe { map.cast::<*mut Map>().write(self.spare) };
        self.spare = map;
    }

    /// Makes a slab that has just been taken off its shelf a carved one, for `class`. The caller
    /// holds the bin's lock, and has seen that there is a map.
    fn adopt(&mut self, slab: Slab, class: SizeClass) {
        let map = self.spare;
        require_free_is_dead(slab);
        pages::note_used(slab, 0, UNIT_BYTES);
        // SAFETY: as in `keep`.
        unsafe {
            self.spare = map.cast::<*mut Map>().read();
            map.write(map_of(slab));
        }
        let record = slab.record();
        (record.kind, record.large_bytes) = (Kind::Carved, map as usize);
        (record.list, record.purged_at) = (Record::NO_LIST, 0);
        // SAFETY: just written.
        record.free_blocks = unsafe { (*map).count() } as u16;
        self.count_free(record.free_blocks as isize);
        self.slabs += 1;
        self.carve_for(Carved { zone: slab.class.zone(), unit: slab.unit }, class);
    }

    fn carve_for(&mut self, carved: Carved, class: SizeClass) {
        let record = carved.record();
        (record.list, record.first_word) = (Record::BEING_CARVED, 0);
        if let Some(other) = self.current[class.index()].replace(carved) {
            self.leave(other);
        }
    }

    /// The slab is carved for nobody any more.
    fn leave(&mut self, carved: Carved) {
        let record = carved.record();
        (record.list, record.purged_at) = (Record::NO_LIST, record.free_blocks);
        self.link(carved);
    }

    fn take(&mut self, class: SizeClass, want: usize, each: &mut impl FnMut(Block)) -> usize {
        loop {
            let Some(carved) = self.current[class.index()] else {
                let Some(next) = self.find_room(class) else { return 0 };
                self.unlink(next);
                self.carve_for(next, class);
                continue;
            };
            let (record, start) = (carved.record(), carved.range().start);
            let mut at = record.first_word as usize;
            let count = carved.map().take(class, &mut at, want, |granule| {
                // SAFETY: a block of the class, cut out of what is free.
                each(unsafe { Block::at(start + granule * STEP_BYTES) });
            });
            record.first_word = at as u16;
            let granules = count * class.size_bytes() / STEP_BYTES;
            record.free_blocks -= granules as u16;
            self.count_free(-(granules as isize));
            if at == GRANULES {
                self.current[class.index()] = None;
                self.leave(carved);
            }
            if count > 0 {
                return count;
            }
        }
    }

    /// A slab in a list with room for the class.
    fn find_room(&self, class: SizeClass) -> Option<Carved> {
        const TRIES: usize = 4;
        let zones: &[ZoneKind] = match class.is_tiny() {
            true => &[ZoneKind::Tiny],
            false => &[ZoneKind::Main, ZoneKind::Tiny],
        };
        for &zone in zones {
            for is_idle in [false, true] {
                let mut unit = self.lists[list_of(zone, is_idle)];
                for _ in 0..TRIES {
                    let carved = Carved { zone, unit };
                    if unit == NO_UNIT {
                        break;
                    }
                    if is_room_for(class, carved.map()) {
                        return Some(carved);
                    }
                    unit = carved.record().next;
                }
            }
        }
        None
    }

    fn note_given(&mut self, carved: Carved, granules: usize) {
        let record = carved.record();
        record.free_blocks += granules as u16;
        self.count_free(granules as isize);
        if record.list != Record::BEING_CARVED {
            self.unlink(carved);
            self.link(carved);
        }
    }

    /// Takes out a slab without a block; it is the caller's then.
    fn take_idle(&mut self) -> Option<Carved> {
        let zones = [ZoneKind::Tiny, ZoneKind::Main];
        let has_one = |zone: &ZoneKind| self.lists[list_of(*zone, true)] != NO_UNIT;
        let zone = zones.into_iter().find(has_one)?;
        let carved = Carved { zone, unit: self.lists[list_of(zone, true)] };
        self.unlink(carved);
        self.keep(carved.map());
        self.slabs -= 1;
        self.count_free(-(GRANULES as isize));
        Some(carved)
    }

    fn link(&mut self, carved: Carved) {
        let record = carved.record();
        let is_idle = record.free_blocks as usize == GRANULES;
        if !is_idle && record.free_blocks < record.purged_at + WORTH_ANOTHER_LOOK {
            return;
        }
        IDLE.fetch_add(usize::from(is_idle), Relaxed);
        record.list = list_of(carved.zone, is_idle) as u8;
        let head = core::mem::replace(&mut self.lists[record.list as usize], carved.unit);
        (record.next, record.previous) = (head, NO_UNIT);
        if head != NO_UNIT {
            Carved { unit: head, ..carved }.record().previous = carved.unit;
        }
    }

    fn unlink(&mut self, carved: Carved) {
        let record = carved.record();
        let list = record.list as usize;
        if list >= self.lists.len() {
            return;
        }
        IDLE.fetch_sub(list % 2, Relaxed);
        let (next, previous) = (record.next, record.previous);
        match previous {
            NO_UNIT => self.lists[list] = next,
            _ => Carved { unit: previous, ..carved }.record().next = next,
        }
        if next != NO_UNIT {
            Carved { unit: next, ..carved }.record().previous = previous;
        }
        record.list = Record::NO_LIST;
    }

    /// Panics unless (C1) holds for the carved slab in `unit`.
    pub fn validate(&self, zone: &Zone, unit: Unit) {
        let carved = Carved { zone: zone.kind(), unit };
        let (map, start) = (carved.map(), carved.range().start);
        assert_eq!(map.count(), carved.record().free_blocks as usize, "(C1)");
        for granule in 0..GRANULES {
            if let Some(live) = find::live(start + granule * STEP_BYTES) {
                let end = granule + live.usable_bytes() / STEP_BYTES;
                assert!(end <= GRANULES && !map.has_free(granule..end), "a free block is alive");
            }
        }
    }
}

/// The list of slabs in `zone` that are idle or not; those of idle ones have odd numbers.
const fn list_of(zone: ZoneKind, is_idle: bool) -> usize {
    matches!(zone, ZoneKind::Main) as usize * 2 + is_idle as usize
}
