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

/// Figures of the heap. All sizes are in bytes.
#[derive(Clone)]
pub struct Census {
    /// Live blocks by class index.
    pub blocks_by_class: [usize; CLASS_COUNT],
    /// Live large blocks.
    pub large_blocks: usize,
    /// Usable bytes of the live large blocks.
    pub large_bytes: usize,
    /// Memory that can be used: blocks of all kinds, and what is free.
    pub committed_bytes: usize,
    /// Free runs whose pages may be resident.
    pub dirty_bytes: usize,
    /// Free runs without pages: never used, or given back.
    pub purged_bytes: usize,
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
            blocks_by_class: [0; CLASS_COUNT],
            large_blocks: 0,
            large_bytes: 0,
            committed_bytes: 0,
            dirty_bytes: 0,
            purged_bytes: 0,
            metadata_bytes: metadata::pool_committed_bytes(),
            charged_bytes: limit::charged_bytes(),
            limit_bytes: limit::bytes().unwrap_or(0),
            refused_requests: limit::refusals(),
            slabs: carve::carver().lock().slabs,
            refills: 0,
            spills: 0,
        };
        for zone in ARENA.zones() {
            census.add_zone(zone);
        }
        for class in SizeClass::all() {
            let bin = bin(class).lock();
            census.slabs += bin.shelf.slabs;
            census.refills += bin.refills;
            census.spills += bin.spills;
        }
        census
    }

    /// Live blocks.
    pub fn live_blocks(&self) -> usize {
        self.blocks_by_class.iter().sum::<usize>() + self.large_blocks
    }

    /// Usable bytes of the live blocks.
    pub fn live_bytes(&self) -> usize {
        let classed = |class: SizeClass| self.blocks_by_class[class.index()] * class.size_bytes();
        SizeClass::all().map(classed).sum::<usize>() + self.large_bytes
    }

    fn add_zone(&mut self, zone: &Zone) {
        let frontier = zone.frontier() as usize * UNIT_BYTES;
        match zone.kind() {
            ZoneKind::Coarse => self.count_coarse(),
            ZoneKind::Main => self.count_fine(zone.ledger.origin(), frontier / 64),
            ZoneKind::Tiny => {
                let bytes = frontier / 16;
                self.count_fine(zone.ledger.origin() - bytes, bytes);
            }
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

    fn count_fine(&mut self, start: usize, length: usize) {
        if length == 0 {
            return;
        }
        // SAFETY: the ledger of a zone is committed as far as the zone reaches.
        let bytes = unsafe { core::slice::from_raw_parts(start as *const u8, length) };
        for byte in bytes.iter().filter(|byte| **byte != 0) {
            self.blocks_by_class[(byte & 0x3f) as usize] += 1;
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
                self.blocks_by_class[SizeClass::from_coarse_byte(*byte).index()] += 1;
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
