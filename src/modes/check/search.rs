//! Which block an address belongs to that isn't the start of one: for reports, so it may take long.

use super::finding::{Finding, Where};
use super::guard;
use super::record::Record;
use super::table;
use crate::memory::find;

/// How far from a block an address may be to be told as behind or before it.
const NEAR_BYTES: usize = 4096;

/// The block that `address` lies in, or else the nearest one to it if that is near; a live one
/// rather than a freed one.
pub fn nearest(address: usize) -> Option<Record> {
    if guard::contains(address) {
        return nearest_guarded(address);
    }
    let mut best: Option<(usize, Record)> = None;
    table::for_each(|record| {
        let Some(distance) = distance(address, record) else { return };
        let rank = distance * 2 + usize::from(!record.is_live());
        if best.as_ref().is_none_or(|(other, _)| rank < *other) {
            best = Some((rank, *record));
        }
    });
    best.map(|(_, record)| record)
}

/// How far `address` lies from a block: 0 inside of it, `None` if it isn't near.
fn distance(address: usize, record: &Record) -> Option<usize> {
    let bytes = match Where::of(address, record) {
        Where::Inside(_) => 0,
        Where::After(bytes) => bytes + 1,
        Where::Before(bytes) => bytes,
    };
    (bytes <= NEAR_BYTES).then_some(bytes)
}

fn nearest_guarded(address: usize) -> Option<Record> {
    let near = |owner: &usize| table::get(*owner).filter(|_| *owner != 0);
    let records = guard::neighbours(address);
    let records = records.iter().filter_map(near);
    records.min_by_key(|record| match Where::of(address, record) {
        Where::Inside(_) => 0,
        Where::After(bytes) => bytes + 1,
        Where::Before(bytes) => bytes,
    })
}

/// The first byte of a buffer that is in no live block, if the buffer begins at, in or behind one.
/// Blocks that aren't guarded are known by their starts only.
pub fn first_wrong(address: usize, length: usize) -> Option<usize> {
    if length == 0 {
        return None;
    }
    let record = match guard::contains(address) {
        true => nearest_guarded(address)?,
        false => table::get(address)?,
    };
    match Where::of(address, &record) {
        Where::Inside(offset) if record.is_live() => {
            (length > record.size_bytes - offset).then_some(record.end())
        }
        _ => Some(address),
    }
}

/// The block that had `number` when it was allocated.
pub fn by_number(number: u64) -> Option<Record> {
    let mut found = None;
    table::for_each(|record| {
        if record.number == number {
            found = Some(*record);
        }
    });
    found
}

/// Adds to a finding what its address belongs to.
pub fn with_place(finding: Finding) -> Finding {
    match nearest(finding.address) {
        Some(record) => Finding { record: Some(record), ..finding },
        None => Finding { foreign: Some(find::foreign(finding.address).0), ..finding },
    }
}

/// Whether a block starts at `address` in the heap that isn't a checked one with room before it.
pub fn is_unchecked_block(address: usize) -> bool {
    /// The largest alignment that a block of the heap has room for before it.
    const LEAD_MAX_LOG2: u32 = 30;
    let is_outer = (4..=LEAD_MAX_LOG2).any(|log2| {
        let lead = 1usize << log2;
        let inner = address.checked_add(lead).and_then(table::get);
        inner.is_some_and(|record| !record.is_guarded() && record.outer() == address)
    });
    !is_outer && find::live(address).is_some()
}
