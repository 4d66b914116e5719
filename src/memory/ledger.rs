//! The ledger: one byte for each granule, which names the block that starts there. It is the single
//! truth about which blocks are alive.
//!
//! Fine ledger, one array for both fine zones. Main zone: a granule is 64 bytes; the byte is the
//! class, and in its two upper bits the block's place: which of the four 16-byte steps of its 64
//! bytes it starts at. Tiny zone: a granule is 16 bytes; the byte is the same, though the place
//! says nothing new there, so that one computation serves both. Coarse ledger: a granule is 256
//! bytes; the byte is 1 for a large block, 2 and more for a coarse class. Zero: no block starts
//! here.
//!
//! Bytes are read and written with relaxed atomics, which cost nothing. The one who hands a block
//! from thread to thread orders its bytes too: the program's own synchronisation, or a bin's lock.

use super::block::Block;
use crate::arithmetic::size_class::COARSE_GRANULE_BYTES;
use crate::os::processor;
use core::sync::atomic::{AtomicU8, Ordering::Relaxed};

/// log2 of the fine zones' alignment, and of the tiny zone's granule: 16 bytes.
const STEP_LOG2: u32 = 4;
/// log2 of the main zone's granule: 64 bytes.
const MAIN_GRANULE_LOG2: u32 = 6;
const COARSE_GRANULE_LOG2: u32 = COARSE_GRANULE_BYTES.trailing_zeros();

/// Where the fine zones and their ledger lie: what the fast paths need to know of the arena.
///
/// The tiny zone grows downwards from the address from which the main zone grows upwards, and so
/// does the ledger's part for each, so what is in use of both is one range.
///
/// (L1) Every ledger byte of an address in range is committed. A map may be older than the zones'
///      last growth: then its range is short, but what it says of an address in range is right.
/// (L2) In a heap that routes every call the range is empty.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct FineMap {
    /// Lowest address in use of the tiny zone.
    pub low: usize,
    /// Bytes in use of both zones, in steps of 16.
    pub steps: usize,
    /// Bytes in use of the tiny zone, in steps of 16.
    pub tiny_steps: usize,
    /// What a main block's granule number, counted from `low`, has to gain to be its index.
    pub main_bias: usize,
    /// Where the two zones meet.
    pub boundary: usize,
    /// The ledger byte of `low`.
    pub ledger: *const AtomicU8,
    /// The ledger byte that granule 0 of the whole address space would have, by the tiny zone's
    /// granules and by the main zone's: for addresses that are known to be of the zone.
    pub tiny_ledger: *const AtomicU8,
    /// See `tiny_ledger`.
    pub main_ledger: *const AtomicU8,
}

/// Where the coarse zone and its ledger lie.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct CoarseMap {
    /// Start of the coarse zone.
    pub base: usize,
    /// Bytes in use of the zone, in granules: none in a heap that routes every call.
    pub granules: usize,
    /// The coarse ledger.
    pub ledger: *const AtomicU8,
}

/// The ledger byte that a block's start has: where it is, and what its upper bits are.
///
/// (L0) `byte` points to a committed byte of a ledger, for ever. It isn't a reference because
/// `Option` would then be tested by comparing it with null.
#[derive(Clone, Copy)]
pub struct Entry {
    byte: *const AtomicU8,
    place: u8,
}

impl Entry {
    #[inline(always)]
    fn byte(self) -> &'static AtomicU8 {
        // SAFETY: (L0).
        unsafe { &*self.byte }
    }

    /// What the ledger says of the address: a class's byte, or a value that no class there has.
    #[inline(always)]
    pub fn get(self) -> u8 {
        self.byte().load(Relaxed) ^ self.place
    }

    /// Notes that a block of the class whose byte is `byte` is alive.
    #[inline(always)]
    pub fn set(self, byte: u8) {
        self.byte().store(byte | self.place, Relaxed);
    }

    /// As [`Entry::set`], for a block out of a magazine. False, and nothing is done, if the block
    /// is alive: then this copy has to be forgotten. That happens when two threads free one block
    /// in the same instant, or a signal's handler, which the library doesn't know of, allocates and
    /// frees in the middle of a hit.
    #[inline(always)]
    pub fn try_set(self, byte: u8) -> bool {
        let is_free = self.byte().load(Relaxed) == 0;
        if is_free {
            self.set(byte);
        }
        is_free
    }

    /// Notes that no block starts here.
    #[inline(always)]
    pub fn clear(self) {
        self.byte().store(0, Relaxed);
    }

    /// Clears it if it is `byte`; false when it isn't, or another thread was first.
    #[inline]
    pub fn try_clear(self, byte: u8) -> bool {
        self.byte().compare_exchange(byte | self.place, 0, Relaxed, Relaxed).is_ok()
    }
}

impl FineMap {
    /// The map of the zones that meet at `boundary`, of which `tiny_bytes` below and `main_bytes`
    /// above it are in use; `ledger` is the byte of `boundary`.
    pub fn new(boundary: usize, tiny_bytes: usize, main_bytes: usize, ledger: usize) -> Self {
        let tiny_steps = tiny_bytes >> STEP_LOG2;
        let pointer = |address: usize| address as *const AtomicU8;
        Self {
            low: boundary - tiny_bytes,
            steps: (tiny_bytes + main_bytes) >> STEP_LOG2,
            tiny_steps,
            main_bias: tiny_steps - tiny_steps / 4,
            boundary,
            ledger: pointer(ledger - tiny_steps),
            tiny_ledger: pointer(ledger.wrapping_sub(boundary >> STEP_LOG2)),
            main_ledger: pointer(ledger.wrapping_sub(boundary >> MAIN_GRANULE_LOG2)),
        }
    }

    /// The map of no zone: every address is out of its range.
    pub const fn routing() -> Self {
        Self {
            low: 0,
            steps: 0,
            tiny_steps: 0,
            main_bias: 0,
            boundary: 0,
            ledger: core::ptr::null(),
            tiny_ledger: core::ptr::null(),
            main_ledger: core::ptr::null(),
        }
    }

    /// The entry of `address`, or `None` if that isn't a multiple of 16 in the fine zones: one
    /// comparison, since a rotation makes misaligned low bits high ones.
    #[inline(always)]
    pub fn entry(&self, address: usize) -> Option<Entry> {
        let step = address.wrapping_sub(self.low).rotate_right(STEP_LOG2);
        if step < self.steps {
            // Both are computed and one is chosen, without a branch: a program's mix of sizes would
            // make it a mispredicted one.
            let main = (step >> (MAIN_GRANULE_LOG2 - STEP_LOG2)).wrapping_add(self.main_bias);
            let index = core::hint::select_unpredictable(step < self.tiny_steps, step, main);
            // (L1) is (L0).
            Some(Entry { byte: self.ledger.wrapping_add(index), place: (step as u8) << 6 })
        } else {
            None
        }
    }

    /// Fetches the byte of `address`, which may be any, for a use that is near.
    #[inline(always)]
    pub fn prefetch(&self, address: usize) {
        let (ledger, log2) = match address < self.boundary {
            true => (self.tiny_ledger, STEP_LOG2),
            false => (self.main_ledger, MAIN_GRANULE_LOG2),
        };
        processor::prefetch(ledger.wrapping_add(address >> log2) as usize);
    }

    /// The entry of a block of a fine class. It may lie beyond what this map knows of, and a block
    /// of any class in the tiny zone.
    ///
    /// # Safety
    /// A block of such a class must start at `block`, and the map must not be a routing one.
    #[inline(always)]
    pub unsafe fn entry_of(&self, block: Block) -> Entry {
        let address = block.address();
        let is_tiny = address < self.boundary;
        let tiny = self.tiny_ledger.wrapping_add(address >> STEP_LOG2);
        let main = self.main_ledger.wrapping_add(address >> MAIN_GRANULE_LOG2);
        // (L0): a block's ledger byte is committed.
        let byte = core::hint::select_unpredictable(is_tiny, tiny, main);
        Entry { byte, place: ((address >> STEP_LOG2) as u8) << 6 }
    }
}

impl CoarseMap {
    /// The map of no zone: every address is out of its range.
    pub const fn routing() -> Self {
        Self { base: 0, granules: 0, ledger: core::ptr::null() }
    }

    /// The entry of `address`, or `None` if that isn't a multiple of 256 in the coarse zone.
    #[inline(always)]
    pub fn entry(&self, address: usize) -> Option<Entry> {
        let granule = address.wrapping_sub(self.base).rotate_right(COARSE_GRANULE_LOG2);
        if granule < self.granules {
            // (L1) holds here too.
            Some(Entry { byte: self.ledger.wrapping_add(granule), place: 0 })
        } else {
            None
        }
    }

    /// The entry of a block of a coarse class, or of a large one.
    ///
    /// # Safety
    /// Such a block must start at `block`, and the map must not be a routing one.
    #[inline(always)]
    pub unsafe fn entry_of(&self, block: Block) -> Entry {
        let granule = block.address().wrapping_sub(self.base) >> COARSE_GRANULE_LOG2;
        Entry { byte: self.ledger.wrapping_add(granule), place: 0 }
    }
}

// SAFETY: the ledger's bytes are atomic, and the pointer never changes.
unsafe impl Sync for FineMap {}
// SAFETY: as above.
unsafe impl Sync for CoarseMap {}
