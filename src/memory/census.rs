//! The census: how many blocks are alive, counted in the ledger, and where the memory is. It is
//! exact when no other thread allocates meanwhile.

use super::arena::ARENA;
use super::bin::bin;
use super::carve;
use super::limit;
use super::unit::{Kind, Run, State};
use super::zone::Zone;
use crate::arithmetic::size_class::{SizeClass, ZoneKind, CLASS_COUNT, LARGE_BYTE, UNIT_BYTES};
use crate::services::metadata;

/// Figures of one size class. Of a class's free blocks those in its own slabs are counted: what is
/// free in carved slabs is of no class.
#[derive(Clone, Copy, Default)]
pub struct ClassCensus {
    /// Live blocks, wherever they lie.
    pub live_blocks: usize,
    /// Those of them in carved slabs.
    carved_blocks: usize,
    /// Free blocks in the magazines of threads and of the bin.
    pub cached_blocks: usize,
    /// Free blocks in slabs.
    pub free_blocks: usize,
    /// Slabs.
    pub slabs: usize,
}

/// Figures of the heap. All sizes are in bytes.
///
/// `committed_bytes` is the sum of what is alive, cached, free in slabs, dirty, free without pages
/// and what is lost between and behind blocks.
#[derive(Clone)]
pub struct Census {
    /// By class index.
    pub classes: [ClassCensus; CLASS_COUNT],
    /// Live large blocks.
    pub large_blocks: usize,
    /// Usable bytes of the live large blocks.
    pub large_bytes: usize,
    /// Memory that can be used: blocks of all kinds, and what is free.
    pub committed_bytes: usize,
    /// Free blocks in the magazines of threads and of bins.
    pub cached_bytes: usize,
    /// Free blocks in slabs, those without pages too.
    pub slab_free_bytes: usize,
    /// Free runs whose pages may be resident.
    pub dirty_bytes: usize,
    /// Free memory without pages: runs that were never used or were given back, and pages of slabs
    /// that were.
    pub purged_bytes: usize,
    /// The pages of slabs that were given back; part of `purged_bytes`.
    pub slab_purged_bytes: usize,
    /// Address space of the heap that is set aside, of which `committed_bytes` are in use.
    pub reserved_bytes: usize,
    /// Committed for the ledger, the tables, heaps and magazines.
    pub metadata_bytes: usize,
    /// What counts against the limit: whatever of it all may be resident.
    pub charged_bytes: usize,
    /// The limit, 0 without one.
    pub limit_bytes: usize,
    /// Requests that were answered with `ENOMEM`.
    pub refused_requests: usize,
    /// Slabs of all classes.
    pub slabs: usize,
    /// Magazines that threads got from the bins.
    pub refills: usize,
    /// Magazines whose blocks went back to their slabs.
    pub spills: usize,
}

impl Census {
    /// Counts.
    pub fn take() -> Self {
        let mut census = Self {
            classes: [ClassCensus::default(); CLASS_COUNT],
            large_blocks: 0,
            large_bytes: 0,
            committed_bytes: 0,
            cached_bytes: 0,
            slab_free_bytes: ARENA.free_in_slabs(),
            dirty_bytes: 0,
            purged_bytes: ARENA.purged_in_slabs(),
            slab_purged_bytes: ARENA.purged_in_slabs(),
            reserved_bytes: ARENA.reserved_bytes(),
            metadata_bytes: metadata::pool_committed_bytes(),
            charged_bytes: limit::charged_bytes(),
            limit_bytes: limit::bytes().unwrap_or(0),
            refused_requests: limit::refusals(),
            slabs: 0,
            refills: 0,
            spills: 0,
        };
        for zone in ARENA.zones() {
            census.add_zone(zone);
        }
        for class in SizeClass::all() {
            census.add_bin(class);
        }
        census.add_carved();
        census
    }

    fn add_bin(&mut self, class: SizeClass) {
        let bin = bin(class).lock();
        let figures = &mut self.classes[class.index()];
        let live = figures.live_blocks - figures.carved_blocks;
        figures.cached_blocks = bin.shelf.outside(class).saturating_sub(live);
        figures.free_blocks = bin.shelf.free_blocks();
        figures.slabs = bin.shelf.slabs;
        self.cached_bytes += figures.cached_blocks * class.size_bytes();
        self.slabs += bin.shelf.slabs;
        self.refills += bin.refills;
        self.spills += bin.spills;
    }

    /// What is in a carved slab and neither free nor alive is cached.
    fn add_carved(&mut self) {
        let (slabs, free_bytes) = carve::totals();
        let of_class =
            |class: SizeClass| self.classes[class.index()].carved_blocks * class.size_bytes();
        let live_bytes: usize = SizeClass::all().map(of_class).sum();
        self.cached_bytes += (slabs * UNIT_BYTES - free_bytes).saturating_sub(live_bytes);
        self.slabs += slabs;
    }

    /// The figures of a class.
    pub fn class(&self, class: SizeClass) -> &ClassCensus {
        &self.classes[class.index()]
    }

    /// Live blocks.
    pub fn live_blocks(&self) -> usize {
        self.classes.iter().map(|figures| figures.live_blocks).sum::<usize>() + self.large_blocks
    }

    /// Usable bytes of the live blocks.
    pub fn live_bytes(&self) -> usize {
        let classed = |class: SizeClass| self.class(class).live_blocks * class.size_bytes();
        SizeClass::all().map(classed).sum::<usize>() + self.large_bytes
    }

    fn add_zone(&mut self, zone: &Zone) {
        let frontier = zone.frontier() as usize * UNIT_BYTES;
        match zone.kind() {
            ZoneKind::Coarse => self.count_coarse(),
            ZoneKind::Main | ZoneKind::Tiny => self.count_fine(zone),
        }
        let mut void_units = 0;
        zone.validate_runs(|run| {
            // SAFETY: called under the zone's lock with a free run.
            void_units += unsafe { zone.units().count(run, State::Void) } as usize;
        });
        let (free, dirty) = zone.free_and_dirty_units();
        let free = (free as usize).saturating_sub(void_units);
        self.committed_bytes += frontier - void_units * UNIT_BYTES;
        self.dirty_bytes += dirty as usize * UNIT_BYTES;
        self.purged_bytes += free.saturating_sub(dirty as usize) * UNIT_BYTES;
        self.metadata_bytes += zone.table_committed_bytes();
    }

    fn count_fine(&mut self, zone: &Zone) {
        for unit in 0..zone.frontier() {
            let entries = zone.ledger_range(Run { first: unit, units: 1 });
            // SAFETY: the ledger of a zone is committed as far as the zone reaches, and so are the
            // records. Of a free unit the record may say anything, but its entries are zero.
            let (bytes, kind) = unsafe {
                let start = entries.start as *const u8;
                (core::slice::from_raw_parts(start, entries.length), zone.record(unit).kind)
            };
            for byte in bytes.iter().filter(|byte| **byte != 0) {
                let figures = &mut self.classes[(byte & 0x3f) as usize];
                figures.live_blocks += 1;
                figures.carved_blocks += usize::from(kind == Kind::Carved);
            }
        }
    }

    fn count_coarse(&mut self) {
        let map = ARENA.coarse_map();
        if map.granules == 0 {
            return;
        }
        // SAFETY: as in `count_fine`.
        let bytes = unsafe { core::slice::from_raw_parts(map.ledger.cast::<u8>(), map.granules) };
        for (granule, byte) in bytes.iter().enumerate().filter(|(_, byte)| **byte != 0) {
            if *byte == LARGE_BYTE {
                self.large_blocks += 1;
                self.large_bytes += large_bytes_at(granule);
            } else {
                let class = SizeClass::from_coarse_byte(*byte);
                self.classes[class.index()].live_blocks += 1;
            }
        }
    }
}

fn large_bytes_at(granule: usize) -> usize {
    let zone = ARENA.zone(ZoneKind::Coarse);
    let unit = granule * crate::arithmetic::size_class::COARSE_GRANULE_BYTES / UNIT_BYTES;
    // SAFETY: the ledger says that a large block starts in the unit; only read.
    unsafe { zone.record(unit as u32) }.large_bytes
}

/// Calls `visit` with each run of a zone and what it is. Exact when no other thread allocates.
pub fn for_each_run(zone: &Zone, mut visit: impl FnMut(Run, Kind)) {
    let mut first = 0;
    while first < zone.frontier() {
        // SAFETY: below the frontier; only read.
        let record = unsafe { zone.record(first) };
        let run = Run { first, units: record.run_units.max(1) };
        visit(run, record.kind);
        first = run.end();
    }
}
