//! Loss records: lost blocks of one kind and from one place, added up and told in order.

use super::reach::{Mark, Marks};
use super::{Candidate, Kind, LossRecord, NotRun, Sum, Totals, NO_MEMORY};
use crate::os::memory::{map_writable, page_bytes, release, Range};

/// Adds up what was found, and tells of each record: by size, what is lost with it included; the
/// smallest first.
pub fn tell(
    blocks: &[Candidate],
    marks: &mut Marks,
    totals: &mut Totals,
    visit: &mut dyn FnMut(&LossRecord),
) -> Result<(), NotRun> {
    let mut table = Table::new(1024).ok_or(NO_MEMORY)?;
    for (number, block) in blocks.iter().enumerate() {
        let kind = marks.states[number].kind();
        table.record(kind, block).ok_or(NO_MEMORY)?.direct.add(block.size_bytes);
        match kind {
            Kind::Reachable => &mut totals.reachable,
            Kind::Possible => &mut totals.possible,
            Kind::Definite => &mut totals.definite,
            Kind::Indirect => &mut totals.indirect,
        }
        .add(block.size_bytes);
        if kind == Kind::Indirect {
            let leader = &blocks[leader(number, marks)];
            let record = table.record(Kind::Definite, leader).ok_or(NO_MEMORY)?;
            record.indirect.add(block.size_bytes);
        }
    }
    table.sorted().iter().for_each(visit);
    Ok(())
}

/// The definitely lost block that an indirectly lost one belongs to. Shortens the way for the next.
fn leader(block: usize, marks: &mut Marks) -> usize {
    let mut at = block;
    while marks.states[at] == Mark::Indirect {
        let next = marks.links[at] as usize;
        if marks.states[next] == Mark::Indirect {
            marks.links[at] = marks.links[next];
        }
        at = next;
    }
    at
}

/// Records by kind, stack and function: slots of which at most half are used, so that the next free
/// one is near.
struct Table {
    memory: Range,
    slots: usize,
    used: usize,
}

impl Table {
    /// `slots` must be a power of two.
    fn new(slots: usize) -> Option<Self> {
        let length = (slots * size_of::<LossRecord>()).next_multiple_of(page_bytes());
        Some(Self { memory: map_writable(length)?, slots, used: 0 })
    }

    fn records(&mut self) -> &mut [LossRecord] {
        // SAFETY: fresh memory, zero at first, which is a valid record; it belongs to `self`.
        unsafe { core::slice::from_raw_parts_mut(self.memory.start as *mut LossRecord, self.slots) }
    }

    /// The record that a block of this kind belongs to. `None` without memory for a new one.
    fn record(&mut self, kind: Kind, block: &Candidate) -> Option<&mut LossRecord> {
        if 2 * self.used >= self.slots {
            self.grow()?;
        }
        let (none, key) = (Sum::default(), (kind, block.stack, block.function));
        let mut slot = self.first_slot(key);
        while is_used(&self.records()[slot]) && key_of(&self.records()[slot]) != key {
            slot = (slot + 1) % self.slots;
        }
        if !is_used(&self.records()[slot]) {
            self.used += 1;
        }
        let record = &mut self.records()[slot];
        if !is_used(record) {
            let (stack, function) = (block.stack, block.function);
            *record = LossRecord { kind, stack, function, direct: none, indirect: none };
        }
        Some(record)
    }

    fn first_slot(&self, (kind, stack, function): Key) -> usize {
        /// 2^64 divided by the golden ratio: spreads neighbouring numbers (Knuth, vol. 3, 6.4).
        const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
        let number = u64::from(stack) << 16 | u64::from(function) << 8 | kind as u64;
        (number.wrapping_mul(SPREAD) >> 32) as usize % self.slots
    }

    fn grow(&mut self) -> Option<()> {
        let mut larger = Self::new(2 * self.slots)?;
        for record in self.records().iter().filter(|record| is_used(record)) {
            let mut slot = larger.first_slot(key_of(record));
            while is_used(&larger.records()[slot]) {
                slot = (slot + 1) % larger.slots;
            }
            larger.records()[slot] = *record;
        }
        larger.used = self.used;
        *self = larger;
        Some(())
    }

    /// The records in the order in which they are told.
    fn sorted(&mut self) -> &[LossRecord] {
        let used = self.used;
        let records = self.records();
        let order = |record: &LossRecord| {
            let bytes = record.direct.bytes + record.indirect.bytes;
            (!is_used(record), bytes, record.kind, record.direct.blocks, record.stack)
        };
        records.sort_unstable_by_key(order);
        &records[..used]
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        // SAFETY: mapped by `new`, and borrowed from `self` only.
        unsafe { release(self.memory) };
    }
}

type Key = (Kind, u32, u8);

fn key_of(record: &LossRecord) -> Key {
    (record.kind, record.stack, record.function)
}

/// A record is made to have something added at once.
fn is_used(record: &LossRecord) -> bool {
    record.direct.blocks + record.indirect.blocks > 0
}
