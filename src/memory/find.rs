//! What an address is: found by the ledger when a block starts there, and for reports by walking
//! the zone's runs, since a wrong pointer may lead anywhere.

use super::arena::ARENA;
use super::block::Block;
use super::large;
use super::slab::Slab;
use super::unit::{Kind, Run, Unit};
use super::zone::Zone;
use crate::arithmetic::size_class::{SizeClass, LARGE_BYTE, STEP_BYTES};
use crate::os::files::{self, Mapping};
use crate::os::thread;
use crate::services::report::{self, Call, Place};

/// A live block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Live {
    /// Of a size class.
    Classed(SizeClass, Block),
    /// A large one.
    Large(Block),
}

impl Live {
    /// How many bytes of it the program may use.
    pub fn usable_bytes(self) -> usize {
        match self {
            Self::Classed(class, _) => class.size_bytes(),
            Self::Large(block) => large::usable_bytes(block),
        }
    }

    /// Where it starts.
    pub fn block(self) -> Block {
        match self {
            Self::Classed(_, block) | Self::Large(block) => block,
        }
    }
}

/// The live block that starts at `address`, by the ledger as it is now.
pub fn live(address: usize) -> Option<Live> {
    if let Some(entry) = ARENA.fine_map().entry(address) {
        return match entry.get() {
            // SAFETY: the ledger says that a block of that class starts there.
            byte @ 1..64 => unsafe {
                Some(Live::Classed(SizeClass::from_index(byte as usize), Block::at(address)))
            },
            _ => None,
        };
    }
    let byte = ARENA.coarse_map().entry(address)?.get();
    // SAFETY: as above, in the branches where it is used.
    let block = || unsafe { Block::at(address) };
    match byte {
        0 => None,
        LARGE_BYTE => Some(Live::Large(block())),
        byte => Some(Live::Classed(SizeClass::from_coarse_byte(byte), block())),
    }
}

/// Fetches what the ledger says of `address`, which may be any, for a use that is near.
#[inline(always)]
pub fn prefetch(address: usize) {
    ARENA.fine_map().prefetch(address);
}

/// Whether `address` lies in the arena's memory as far as it is used.
pub fn is_in_arena(address: usize) -> bool {
    ARENA.zones().iter().any(|zone| zone.unit_at(address).is_some())
}

/// The run that `unit` is part of, by walking from the zone's start. Other threads may be changing
/// runs meanwhile, so the answer is for a report only.
pub fn run_containing(zone: &Zone, unit: Unit) -> Option<(Run, Kind)> {
    let mut first = 0;
    while first <= unit {
        // SAFETY: below the frontier; only read.
        let record = unsafe { zone.record(first) };
        let run = Run { first, units: record.run_units };
        if run.units == 0 {
            return None;
        }
        if unit < run.end() {
            return Some((run, record.kind));
        }
        first = run.end();
    }
    None
}

/// Reports that `call.address` isn't the start of a live block, as exactly as can be known.
#[cold]
pub fn report(call: Call) -> ! {
    for zone in ARENA.zones() {
        if let Some(unit) = zone.unit_at(call.address) {
            report_in_zone(call, zone, unit);
        }
    }
    report_foreign(call)
}

fn report_in_zone(call: Call, zone: &Zone, unit: Unit) -> ! {
    match run_containing(zone, unit) {
        Some((run, Kind::Slab)) => report_in_slab(call, zone, run),
        Some((run, Kind::Large)) => {
            let start = zone.range(run).start;
            // A block that a thread keeps has been freed.
            if live(start).is_none() {
                report::stale_pointer(call);
            }
            // SAFETY: below the frontier; only read.
            let size_bytes = unsafe { zone.record(run.first) }.large_bytes;
            if call.address - start >= size_bytes {
                report::pointer_to_no_block(call);
            }
            report::interior_pointer(call, Place { block: start, size_bytes, is_live: true })
        }
        Some((run, Kind::Carved)) => report_in_carved(call, zone, run),
        Some((_, Kind::Free)) => report::stale_pointer(call),
        _ => report::pointer_to_no_block(call),
    }
}

/// In a carved slab only the ledger knows where blocks start, so of what is free nothing is known.
fn report_in_carved(call: Call, zone: &Zone, run: Run) -> ! {
    let start = zone.range(run).start;
    let mut at = call.address & !(STEP_BYTES - 1);
    while at >= start {
        if let Some(live) = live(at) {
            let size_bytes = live.usable_bytes();
            if call.address < at + size_bytes {
                report::interior_pointer(call, Place { block: at, size_bytes, is_live: true });
            }
            break;
        }
        at -= STEP_BYTES;
    }
    report::stale_pointer(call)
}

fn report_in_slab(call: Call, zone: &Zone, run: Run) -> ! {
    // SAFETY: below the frontier; only read.
    let record = unsafe { zone.record(run.first) };
    let slab = Slab { class: SizeClass::from_index(record.class as usize), unit: run.first };
    let size_bytes = slab.class.size_bytes();
    let index = (call.address - slab.start()) / size_bytes;
    if index >= record.capacity as usize {
        report::pointer_to_no_block(call);
    }
    let block = slab.start() + index * size_bytes;
    let is_live = live(block).is_some();
    if call.address != block {
        report::interior_pointer(call, Place { block, size_bytes, is_live });
    }
    match call.function.is_freeing() {
        true => report::double_free(call, size_bytes),
        false => report::use_of_freed_block(call, size_bytes),
    }
}

/// Where an address lies that is in no block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Foreign {
    /// On a stack.
    Stack,
    /// In a module's variables.
    Data,
    /// In some other mapping.
    Elsewhere,
    /// In none.
    Unmapped,
}

impl Foreign {
    /// The name in a record.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stack => "stack",
            Self::Data => "data",
            Self::Elsewhere => "unknown",
            Self::Unmapped => "unmapped",
        }
    }
}

/// Where an address lies that is in no block; for variables also their module's mapping.
pub fn foreign(address: usize) -> (Foreign, Option<Mapping>) {
    let mut module = None;
    let found = files::find_mapping(|mapping| {
        let is_named = mapping.name().starts_with(b"/");
        if mapping.contains(address) {
            return true;
        }
        // A module's zeroed variables follow its file in a mapping without a name.
        if is_named {
            module = Some((mapping.end, mapping.copy()));
        }
        false
    });
    let Some(mapping) = found else { return (Foreign::Unmapped, None) };
    if mapping.name() == b"[stack]" || mapping.contains(thread::stack_address()) {
        return (Foreign::Stack, None);
    }
    if mapping.name().starts_with(b"/") {
        return (Foreign::Data, Some(mapping));
    }
    match module {
        Some((end, module)) if mapping.name().is_empty() && end == mapping.start => {
            (Foreign::Data, Some(module))
        }
        _ => (Foreign::Elsewhere, None),
    }
}

fn report_foreign(call: Call) -> ! {
    match foreign(call.address) {
        (Foreign::Stack, _) => report::pointer_into_stack(call),
        (Foreign::Data, Some(module)) => report::pointer_into_static_data(call, module.name()),
        _ => report::foreign_pointer(call),
    }
}
