//! The invariants between the memory floor's parts, checked. For tests, with all other threads at
//! rest; panics where something is wrong.

use super::arena::ARENA;
use super::bin::bin;
use super::carve;
use super::census::for_each_run;
use super::find;
use super::slab::Slab;
use super::unit::{Kind, Run};
use super::zone::Zone;
use crate::arithmetic::size_class::SizeClass;

/// Checks everything: runs, slabs, bins, and that no block is both free and alive.
pub fn validate() {
    let mut in_runs = 0;
    for zone in ARENA.zones() {
        zone.validate_runs(|_| ());
        for_each_run(zone, |run, kind| {
            in_runs += 1;
            match kind {
                Kind::Slab => validate_slab(zone, run),
                Kind::Large => validate_large(zone, run),
                Kind::Carved => carve::carver().lock().validate(zone, run.first),
                Kind::Free | Kind::Unused => {}
                Kind::SlabRest | Kind::LargeEnd => panic!("unit {} starts no run", run.first),
            }
        });
    }
    for class in SizeClass::all() {
        let bin = bin(class).lock();
        bin.validate(class);
        bin.for_each_cached(|block| {
            assert_eq!(find::live(block.address()), None, "a block in a magazine is alive");
        });
    }
}

fn validate_slab(zone: &Zone, run: Run) {
    // SAFETY: below the frontier; the others are at rest.
    let record = unsafe { zone.record(run.first) };
    let slab = Slab { class: SizeClass::from_index(record.class as usize), unit: run.first };
    assert_eq!((slab.class.zone(), slab.run()), (zone.kind(), run));
    let mut free = 0;
    for index in 0..record.capacity as usize {
        let address = slab.start() + index * slab.class.size_bytes();
        if slab.is_free(index) {
            free += 1;
            assert_eq!(find::live(address), None, "a free block is alive");
        } else if let Some(live) = find::live(address) {
            assert_eq!(live.usable_bytes(), slab.class.size_bytes());
            assert_eq!(Slab::of(live.block(), slab.class).unit, slab.unit);
        }
    }
    assert_eq!(free, record.free_blocks as usize);
    let words = slab.words(record.capacity as usize);
    assert!(words.iter().take(record.first_word as usize).all(|word| *word == 0));
}

fn validate_large(zone: &Zone, run: Run) {
    let range = zone.range(run);
    // SAFETY: below the frontier; the others are at rest.
    if unsafe { zone.record(run.first) }.large_bytes == 0 {
        assert_eq!(find::live(range.start), None, "a block that a thread keeps is alive");
        return;
    }
    let live = find::live(range.start);
    assert!(matches!(live, Some(find::Live::Large(_))), "a large run without its block");
    assert!(live.is_some_and(|live| live.usable_bytes() <= range.length));
}
