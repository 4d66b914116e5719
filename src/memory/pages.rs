//! Pages of a slab in which no block is alive. Freed blocks hold nothing of Cairn's, so such pages
//! can go back to the kernel while their neighbours are in use.

use super::arena::ARENA;
use super::slab::Slab;
use crate::arithmetic::size_class::UNIT_BYTES;
use crate::os::memory::{self, Range};

/// The pages of a slab of one unit whose blocks are all free, a bit for each.
#[derive(Clone, Copy)]
pub struct FreePages {
    slab: Slab,
    mask: u64,
}

impl FreePages {
    /// Finds them. The caller holds the lock of the class's bin.
    pub fn of(slab: Slab) -> Self {
        let (page, size) = (memory::page_bytes(), slab.class.size_bytes());
        let capacity = slab.record().capacity as usize;
        let words = slab.words(capacity);
        let is_free = |block: usize| words[block / 64] >> (block % 64) & 1 == 1;
        let mut mask = 0;
        for number in 0..UNIT_BYTES / page {
            let first = number * page / size;
            let last = (((number + 1) * page - 1) / size).min(capacity - 1);
            if first <= last && (first..=last).all(is_free) {
                mask |= 1 << number;
            }
        }
        Self { slab, mask }
    }

    /// The slab that they are in.
    pub fn slab(self) -> Slab {
        self.slab
    }

    /// Gives them back to the kernel. The slab must be out of the bin's lists since before they
    /// were found, so that none of their blocks can have been taken.
    pub fn purge(self) {
        let start = ARENA.zone(self.slab.class.zone()).range(self.slab.run()).start;
        let page = memory::page_bytes();
        let mut rest = self.mask;
        while rest != 0 {
            let first = rest.trailing_zeros();
            let count = (rest >> first).trailing_ones();
            rest &= !((u64::MAX >> (64 - count)) << first);
            let range =
                Range { start: start + first as usize * page, length: count as usize * page };
            // SAFETY: pages of the slab that hold no live block.
            unsafe { memory::purge(range) };
        }
    }
}
