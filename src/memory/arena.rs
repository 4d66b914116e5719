//! The arena: the address space of the heap and of its tables, and what its zones share: the bound
//! on freed memory that stays resident, and what to do when memory runs out.

use super::block::Block;
use super::ledger::{CoarseMap, Entry, FineMap};
use super::limit;
use super::place::find_space;
use super::unit::{Kind, Run};
use super::zone::{Found, Site, Taken, Zone};
use crate::arithmetic::random::Random;
use crate::arithmetic::size_class::{SizeClass, ZoneKind, COARSE_GRANULE_BYTES, UNIT_BYTES};
use crate::os::environment;
use crate::os::memory::{self, Range};
use crate::services::metadata;
use crate::services::options::{self, Choice};
use core::sync::atomic::{
    AtomicBool, AtomicIsize, AtomicU32, AtomicU8, AtomicUsize,
    Ordering::{self, Relaxed},
};

const GIB: usize = 1 << 30;
/// Address space of the zones: tiny, main, coarse. It costs nothing until it is used; a process has
/// 128 TiB.
const TINY_BYTES: usize = 128 * GIB;
const MAIN_BYTES: usize = 512 * GIB;
const COARSE_BYTES: usize = 2048 * GIB;
/// Address space of the pool for heaps and magazines.
const POOL_BYTES: usize = 16 * GIB;
/// Around and between tables, never committed: what runs over one end of a table faults.
const GUARD_BYTES: usize = 2 << 20;
/// How much freed memory stays when address space is limited: other parts of the program need it.
const CLAIMED_DIRTY_MAX: usize = 4 << 20;

/// How far below the bound a purge goes.
const PURGED_BELOW_MAX: usize = 2 << 20;

/// How far the bound may go up because of memory that was purged too early.
const REGRET_MAX: usize = 32 << 20;

/// Of the bound on dirty memory one part in so many may be large blocks that threads keep.
const KEPT_PART: usize = 4;

/// A process that never used more isn't one that has shrunk.
const SHRUNK_FROM_BYTES: usize = 64 << 20;

/// The arena of this process.
pub static ARENA: Arena = Arena {
    main: Zone::new(ZoneKind::Main),
    tiny: Zone::new(ZoneKind::Tiny),
    coarse: Zone::new(ZoneKind::Coarse),
    regretted_bytes: AtomicUsize::new(0),
    free_in_slabs: AtomicIsize::new(0),
    purged_in_slabs: AtomicIsize::new(0),
    is_purging: AtomicBool::new(false),
    cached: AtomicIsize::new(0),
    kept_units: AtomicU32::new(0),
};

/// A run that is wanted: see [`Zone::take`].
pub struct Wanted {
    /// The zone.
    pub zone: ZoneKind,
    /// The run's length in units.
    pub length: u32,
    /// It starts at a multiple of this many units (a power of two).
    pub alignment: u32,
    /// The kinds of its first and its last unit.
    pub kinds: (Kind, Kind),
}

/// The three zones.
pub struct Arena {
    main: Zone,
    tiny: Zone,
    coarse: Zone,
    /// How much was purged too early: it was wanted again. At most [`REGRET_MAX`].
    regretted_bytes: AtomicUsize,
    /// Bytes of the free blocks in slabs.
    free_in_slabs: AtomicIsize,
    /// Bytes of the pages in slabs that were given back and not used since.
    purged_in_slabs: AtomicIsize,
    /// Whether a thread is purging to keep the bound.
    is_purging: AtomicBool,
    /// Bytes of the blocks in the bins' full magazines, and of the room for kept large blocks.
    cached: AtomicIsize,
    /// Room for the large blocks that threads keep.
    kept_units: AtomicU32,
}

impl Arena {
    /// Finds address space for everything. Called once, before any other use.
    fn place(&self) {
        let mut random = Random::new(environment::random_seed());
        let heap_bytes = TINY_BYTES + MAIN_BYTES + COARSE_BYTES;
        let (heap, tables) = find_space(heap_bytes, Self::tables_bytes(), &mut random);
        let (mut next, mut tables) = (heap, tables);
        // In the order of the tiny and the main ledger, which must meet as their zones do. Each
        // table has a guard at its far end, which is never committed: the tiny ledger's is below.
        let zones =
            [(&self.tiny, TINY_BYTES), (&self.main, MAIN_BYTES), (&self.coarse, COARSE_BYTES)];
        let sizes = zones.map(|(zone, bytes)| Zone::table_bytes(zone.kind(), bytes / UNIT_BYTES));
        let ledgers = sizes.map(|size| cut(&mut tables, size[0] + GUARD_BYTES));
        for (index, (zone, bytes)) in zones.into_iter().enumerate() {
            let [_, records, bitmaps, states] = sizes[index];
            let [records, bitmaps, states] =
                [records, bitmaps, states].map(|size| cut(&mut tables, size + GUARD_BYTES));
            let tables = [ledgers[index], records, bitmaps, states];
            zone.place(&Site { memory: cut(&mut next, bytes), tables });
        }
        metadata::place_pool(cut(&mut tables, POOL_BYTES + GUARD_BYTES));
    }

    fn tables_bytes() -> usize {
        let zones = [
            (ZoneKind::Tiny, TINY_BYTES),
            (ZoneKind::Main, MAIN_BYTES),
            (ZoneKind::Coarse, COARSE_BYTES),
        ];
        let table_bytes =
            |(kind, bytes)| Zone::table_bytes(kind, bytes / UNIT_BYTES).iter().sum::<usize>();
        zones.map(table_bytes).iter().sum::<usize>() + POOL_BYTES + 13 * GUARD_BYTES
    }

    /// Calls `visit` with each range that is in use.
    pub fn for_each_range(&self, mut visit: impl FnMut(Range)) {
        self.zones().iter().flat_map(|zone| zone.used()).for_each(&mut visit);
    }

    /// A zone by its kind.
    #[inline(always)]
    pub fn zone(&self, kind: ZoneKind) -> &Zone {
        match kind {
            ZoneKind::Main => &self.main,
            ZoneKind::Tiny => &self.tiny,
            ZoneKind::Coarse => &self.coarse,
        }
    }

    /// The zones in the order in which their locks are taken.
    pub fn zones(&self) -> [&Zone; 3] {
        [&self.tiny, &self.main, &self.coarse]
    }

    /// Address space of the zones in bytes.
    pub fn reserved_bytes(&self) -> usize {
        self.zones().map(Zone::reserved_bytes).iter().sum()
    }

    /// The map of the fine zones as they are now.
    #[inline]
    pub fn fine_map(&self) -> FineMap {
        let tiny = self.tiny.frontier() as usize * UNIT_BYTES;
        let main = self.main.frontier() as usize * UNIT_BYTES;
        FineMap::new(self.main.origin(), tiny, main, self.main.ledger.origin())
    }

    /// The map of the coarse zone as it is now.
    pub fn coarse_map(&self) -> CoarseMap {
        CoarseMap {
            base: self.coarse.origin(),
            granules: self.coarse.frontier() as usize * (UNIT_BYTES / COARSE_GRANULE_BYTES),
            ledger: self.coarse.ledger.origin() as *const AtomicU8,
        }
    }

    /// Takes a run from a zone as [`Zone::take`] does, in place of `vacated` units that are given
    /// back soon. When the kernel refuses memory, everything that is free is decommitted first, and
    /// then it is tried again. `None` also when the limit on memory is reached.
    pub fn take(&self, wanted: &Wanted, vacated: u32) -> Option<Taken> {
        if !limit::has_room(wanted.length, vacated) {
            return None;
        }
        let taken = self.take_or_grow(wanted).or_else(|| {
            let decommitted: u32 = self.zones().iter().map(|zone| zone.decommit_free()).sum();
            (decommitted > 0).then(|| self.take_or_grow(wanted))?
        })?;
        if limit::keep(vacated) {
            return Some(taken);
        }
        self.zone(wanted.zone).give_as_is(taken.run);
        None
    }

    fn take_or_grow(&self, wanted: &Wanted) -> Option<Taken> {
        let zone = self.zone(wanted.zone);
        let need = wanted.length.checked_add(wanted.alignment - 1)?;
        loop {
            let frontier = zone.frontier();
            match zone.take(wanted.length, wanted.alignment, wanted.kinds) {
                Found::Run(taken) => {
                    self.regret(taken.purged_units as usize * UNIT_BYTES);
                    return Some(taken);
                }
                Found::Refused => return None,
                Found::NoRun => {}
            }
            self.follow_limit();
            if !zone.grow(need, frontier) {
                return None;
            }
        }
    }

    /// Gives back a run whose contents nobody needs, and keeps the bound on dirty free memory.
    pub fn give(&self, kind: ZoneKind, run: Run) {
        self.zone(kind).give(run);
        self.keep_bound();
    }

    /// Purges free runs until no more of them is dirty than the bound says.
    #[inline]
    pub fn keep_bound(&self) {
        if self.dirty_bytes() > self.dirty_bound_of_runs() {
            self.purge_to_bound();
        }
    }

    /// One thread at a time: what is being purged is out of the lists, and if many threads had
    /// something there at once, others that need a run would make a zone grow.
    #[cold]
    fn purge_to_bound(&self) {
        loop {
            let dirty = self.dirty_bytes();
            let bound = self.dirty_bound_of_runs();
            if dirty <= bound || self.is_purging.swap(true, Ordering::Acquire) {
                return;
            }
            // A little below, so that the next purge is some way off.
            let purged = self.purge_until(dirty, bound - (bound / 4).min(PURGED_BELOW_MAX));
            let regretted = self.regretted_bytes.load(Relaxed);
            self.regretted_bytes.store(regretted.saturating_sub(purged / 8), Relaxed);
            self.is_purging.store(false, Ordering::Release);
            if purged == 0 {
                return;
            }
        }
    }

    /// In a fork's child: the thread that was purging is not there.
    pub fn forget_purging(&self) {
        self.is_purging.store(false, Relaxed);
    }

    /// What the free blocks in slabs and magazines, and the magazines, leave of the bound for runs;
    /// half at least, since what is free beside live blocks may not be there to be given back, and
    /// each run would be purged by itself.
    fn dirty_bound_of_runs(&self) -> usize {
        let bound = self.dirty_bound();
        let others = self.resident_in_slabs() + self.cached() + metadata::pool_committed_bytes();
        bound.saturating_sub(others).max(bound / 2)
    }

    /// Purges free runs until of `dirty` bytes no more than `target` are left; returns how many
    /// bytes that were.
    pub(super) fn purge_until(&self, dirty: usize, target: usize) -> usize {
        let mut done = 0;
        for zone in [&self.coarse, &self.main, &self.tiny] {
            while dirty.saturating_sub(done) > target {
                let units = (dirty - done - target).div_ceil(UNIT_BYTES);
                let most = u32::try_from(units).unwrap_or(u32::MAX);
                let purged = zone.purge_one(most) as usize * UNIT_BYTES;
                if purged == 0 {
                    break;
                }
                done += purged;
            }
        }
        done
    }

    pub(super) fn dirty_bytes(&self) -> usize {
        let units = |zone: &Zone| zone.free_and_dirty_units().1 as usize;
        self.zones().map(units).iter().sum::<usize>() * UNIT_BYTES
    }

    /// Purges every free run; returns how many bytes that were.
    pub fn purge_all(&self) -> usize {
        self.purge_until(usize::MAX, 0)
    }

    fn dirty_bound(&self) -> usize {
        let used: usize = self.zones().iter().map(|zone| zone.used_units() as usize).sum();
        let chosen = options::value(Choice::DirtyMax);
        let bound = chosen.max(used * UNIT_BYTES / 8);
        match memory::is_claimed() {
            true => bound.min(CLAIMED_DIRTY_MAX),
            // Who chooses a small bound doesn't want it to go up far, nor does a process of which
            // so many threads need so much for themselves.
            false => {
                let most = (chosen * 2).saturating_sub(metadata::pool_committed_bytes());
                bound + self.regretted_bytes.load(Relaxed).min(most)
            }
        }
    }

    /// Notes that purged memory was wanted again. A program that frees and allocates the same
    /// amount in turn, a little above the bound, would else purge it each time: the bound goes up
    /// by what was regretted, and down again when more is purged than is wanted.
    fn regret(&self, bytes: usize) {
        if bytes > 0 {
            let regretted = self.regretted_bytes.load(Relaxed) + bytes;
            self.regretted_bytes.store(regretted.min(REGRET_MAX), Relaxed);
        }
    }

    /// Notes in the ledger that a block of `class` starts there, which nobody else knows of.
    #[inline]
    pub fn mark_live(&self, class: SizeClass, block: Block) {
        self.entry_of(class, block).set(class.ledger_byte());
    }

    /// Notes in the ledger that no block starts there any more; false if none of `class` did.
    #[inline]
    pub fn mark_free(&self, class: SizeClass, block: Block) -> bool {
        self.entry_of(class, block).try_clear(class.ledger_byte())
    }

    #[inline]
    fn entry_of(&self, class: SizeClass, block: Block) -> Entry {
        // SAFETY: a block of the class, free or live.
        unsafe {
            match class.is_coarse() {
                true => self.coarse_map().entry_of(block),
                false => self.fine_map().entry_of(block),
            }
        }
    }

    /// Notes that the free blocks in slabs have `bytes` more.
    pub fn count_free_in_slabs(&self, bytes: isize) {
        self.free_in_slabs.fetch_add(bytes, Relaxed);
    }

    /// Notes that of the slabs' free pages `bytes` more have been given back.
    pub fn count_purged_in_slabs(&self, bytes: isize) {
        self.purged_in_slabs.fetch_add(bytes, Relaxed);
    }

    /// Bytes of the free blocks in slabs.
    pub fn free_in_slabs(&self) -> usize {
        self.free_in_slabs.load(Relaxed).max(0) as usize
    }

    /// Bytes of the slabs' free pages that have been given back.
    pub fn purged_in_slabs(&self) -> usize {
        self.purged_in_slabs.load(Relaxed).max(0) as usize
    }

    /// Bytes of the free blocks in slabs that may be resident.
    pub fn resident_in_slabs(&self) -> usize {
        let resident = self.free_in_slabs.load(Relaxed) - self.purged_in_slabs.load(Relaxed);
        resident.max(0) as usize
    }

    /// Whether the free blocks in slabs, with heaps and magazines, leave less than a quarter of the
    /// bound for runs: then the slabs' pages are worth giving back. Runs go first
    /// (`dirty_bound_of_runs`), with fewer calls.
    pub fn has_too_much_free(&self) -> bool {
        let (bound, heaps) = (self.dirty_bound(), metadata::pool_committed_bytes());
        self.resident_in_slabs() > (bound / 4 * 3).saturating_sub(heaps).max(bound / 4)
    }

    /// Notes that the bins' full magazines have `bytes` more in them.
    pub fn count_cached(&self, bytes: isize) {
        self.cached.fetch_add(bytes, Relaxed);
    }

    fn cached(&self) -> usize {
        self.cached.load(Relaxed).max(0) as usize
    }

    /// Reserves room for `units` more of large blocks that threads keep. None under a limit, or
    /// where address space is scarce: what a thread keeps can't be had by others.
    pub fn reserve_for_kept(&self, units: u32) -> bool {
        if limit::bytes().is_some() || memory::is_claimed() {
            return false;
        }
        let most = options::value(Choice::DirtyMax) / KEPT_PART / UNIT_BYTES;
        let is_reserved =
            self.kept_units.fetch_add(units, Relaxed) as usize + units as usize <= most;
        match is_reserved {
            true => self.count_cached((units as usize * UNIT_BYTES) as isize),
            false => _ = self.kept_units.fetch_sub(units, Relaxed),
        }
        is_reserved
    }

    /// Gives up what was reserved.
    pub fn give_up_room(&self, units: u32) {
        self.kept_units.fetch_sub(units, Relaxed);
        self.count_cached(-((units as usize * UNIT_BYTES) as isize));
    }

    /// Whether `bytes` more may be kept in full magazines: everything that is free together stays
    /// within the bound then. At most half of it: if there were no room for dirty runs, each would
    /// be purged by itself as soon as it is free. None under a limit, which counts magazines too.
    pub fn has_room_to_cache(&self, bytes: usize) -> bool {
        if limit::bytes().is_some() {
            return false;
        }
        let (bound, cached) = (self.dirty_bound(), self.cached() + bytes);
        let others = self.resident_in_slabs() + self.dirty_bytes();
        cached <= bound / 2 && cached + others <= bound
    }

    /// Whether slabs had better be carved anew than made in `zone`: much of them is free, far more
    /// than stays free between many threads, which would all meet at one lock; and there is next to
    /// no free run whose pages are still there.
    pub fn is_worth_carving(&self, zone: ZoneKind) -> bool {
        const FEW_UNITS: u32 = 16;
        self.zone(zone).free_and_dirty_units().1 < FEW_UNITS
            && self.resident_in_slabs()
                > self.dirty_bound().max(4 * options::value(Choice::DirtyMax))
    }

    /// Whether the process was large once and uses an eighth of that or less now.
    pub fn has_shrunk(&self) -> bool {
        let sum = |units: fn(&Zone) -> u32| -> usize {
            self.zones().iter().map(|zone| units(zone) as usize).sum()
        };
        let most = sum(Zone::frontier);
        most * UNIT_BYTES > SHRUNK_FROM_BYTES && sum(Zone::used_units) < most / 8
    }

    /// When the program has limited its address space since the start, stops reserving: what isn't
    /// committed is unmapped, since it would count.
    fn follow_limit(&self) {
        if memory::is_claimed() || !memory::is_address_space_limited() {
            return;
        }
        let _tiny = self.tiny.growth_lock().lock();
        let _main = self.main.growth_lock().lock();
        let _coarse = self.coarse.growth_lock().lock();
        let _pool = metadata::pool_lock().lock();
        if memory::is_claimed() {
            return;
        }
        memory::claim_from_now_on();
        let pool = [metadata::pool_uncommitted()];
        for range in self.zones().iter().flat_map(|zone| zone.unused()).chain(pool) {
            // SAFETY: uncommitted, and the locks keep anybody from committing it meanwhile.
            unsafe { memory::release(range) };
        }
    }
}

/// Cuts `length` bytes off the front of `next`.
fn cut(next: &mut usize, length: usize) -> Range {
    let range = Range { start: *next, length };
    *next += length;
    range
}

/// Whether the arena has been placed: 0 not yet, 1 it is being done, 2 done.
static PLACED: AtomicU8 = AtomicU8::new(0);

/// Places the arena if that hasn't been done.
pub fn ensure_placed() {
    loop {
        match PLACED.load(Ordering::Acquire) {
            2 => return,
            0 if PLACED.compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed).is_ok() => {
                ARENA.place();
                PLACED.store(2, Ordering::Release);
            }
            _ => core::hint::spin_loop(),
        }
    }
}
