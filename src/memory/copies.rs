//! Copies: a block that two threads have freed in the same instant is in two magazines, since the
//! fast paths' test and change of a ledger byte are two instructions. Whoever allocates it while it
//! is alive forgets that copy. But where one copy has come back to its slab and the other is alive,
//! the slab takes its memory for free. So before that is put to another use the ledger is asked,
//! which knows better.

use super::block::Block;
use super::find;
use super::slab::Slab;
use super::unit::Kind;
use super::zone::Zone;
use crate::arithmetic::function::Function;
use crate::arithmetic::size_class::STEP_BYTES;
use crate::os::memory::Range;
use crate::services::report::{self, Call};

/// Reports a block as freed twice.
#[cold]
pub fn report_double_free(block: Block, size_bytes: usize) -> ! {
    let (function, address) = (Function::Free, block.address());
    report::double_free(Call { function, address, size: None, alignment: None }, size_bytes)
}

/// Reports a double free if a block starts in `range`, the blocks of which have all been given
/// back. The zone has reached it, and the caller owns it.
pub fn require_none_alive(zone: &Zone, range: Range) {
    let entries = zone.ledger_of(range);
    // SAFETY: committed, since the zone has reached the range. Who may write to a byte of it owns
    // the block; the caller has them all.
    let bytes = unsafe { core::slice::from_raw_parts(entries.start as *const u8, entries.length) };
    // Without an early end it takes sixteen at a time.
    if bytes.iter().fold(0, |all, byte| all | byte) != 0 {
        report_live_in(range);
    }
}

#[cold]
fn report_live_in(range: Range) {
    for address in (range.start..range.end()).step_by(STEP_BYTES) {
        if let Some(live) = find::live(address) {
            report_double_free(live.block(), live.usable_bytes());
        }
    }
}

/// Reports a double free if `block` can't be one of the slab's, because the slab has gone while a
/// copy of the block was in a magazine, or has all its blocks.
#[inline]
pub fn require_from(slab: Slab, block: Block) {
    let record = slab.record();
    let is_of_class = record.kind == Kind::Slab && record.class as usize == slab.class.index();
    if !is_of_class || record.free_blocks == record.capacity {
        report_double_free(block, slab.class.size_bytes());
    }
}
