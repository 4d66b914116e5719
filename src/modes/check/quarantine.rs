//! The quarantine: freed blocks wait in it, in the order in which they were freed, before their
//! memory is used again. So a use after free meets poison rather than a new block, and a second
//! free meets the record of the first.

use crate::os::memory;
use crate::sync::lock::{Holdable, Lock};
use core::ptr;

/// How many blocks can wait in one quarantine.
const ROWS: usize = 1 << 18;

/// The blocks of the heap that wait.
pub static PLAIN: Quarantine = Quarantine::new();
/// The guarded blocks that wait.
pub static GUARDED: Quarantine = Quarantine::new();

/// Blocks that wait.
pub struct Quarantine(Lock<Ring>);

/// (Q1) `rows` is null or has [`ROWS`] rows, of which `length` from `first` on, round the end, are
/// used. (Q2) `bytes` is the sum over them.
struct Ring {
    rows: *mut Row,
    first: usize,
    length: usize,
    bytes: usize,
}

#[derive(Clone, Copy)]
struct Row {
    address: usize,
    bytes: usize,
}

// SAFETY: the rows belong to the ring alone.
unsafe impl Send for Ring {}

impl Quarantine {
    const fn new() -> Self {
        Self(Lock::new(Ring { rows: ptr::null_mut(), first: 0, length: 0, bytes: 0 }))
    }

    /// Makes room for it. False without memory: then nothing ever waits.
    pub fn begin(&self) -> bool {
        let range = memory::map_writable(ROWS * size_of::<Row>());
        let mut ring = self.0.lock();
        ring.rows = range.map_or(ptr::null_mut(), |range| range.start as *mut Row);
        range.is_some()
    }

    /// Puts a freed block that takes `bytes` at the end. False when there is no room.
    pub fn push(&self, address: usize, bytes: usize) -> bool {
        let mut ring = self.0.lock();
        if ring.rows.is_null() || ring.length == ROWS {
            return false;
        }
        let place = (ring.first + ring.length) % ROWS;
        // SAFETY: (Q1).
        unsafe { ring.rows.add(place).write(Row { address, bytes }) };
        ring.length += 1;
        ring.bytes += bytes;
        true
    }

    /// Takes out the block that has waited longest if more than `most_bytes` wait, or as many
    /// blocks as can.
    pub fn pop_beyond(&self, most_bytes: usize) -> Option<usize> {
        let mut ring = self.0.lock();
        if ring.length == 0 || (ring.bytes <= most_bytes && ring.length < ROWS) {
            return None;
        }
        // SAFETY: (Q1).
        let row = unsafe { *ring.rows.add(ring.first) };
        ring.first = (ring.first + 1) % ROWS;
        ring.length -= 1;
        ring.bytes -= row.bytes;
        Some(row.address)
    }

    /// The address of the block that waits at `place`, counted from the one that has waited
    /// longest.
    pub fn at(&self, place: usize) -> Option<usize> {
        let ring = self.0.lock();
        let row = (ring.first + place) % ROWS;
        // SAFETY: (Q1).
        (place < ring.length).then(|| unsafe { (*ring.rows.add(row)).address })
    }

    /// Its memory, which holds blocks' addresses without being a use of them.
    pub fn range(&self) -> Option<memory::Range> {
        let ring = self.0.lock();
        let length = ROWS * size_of::<Row>();
        (!ring.rows.is_null()).then_some(memory::Range { start: ring.rows as usize, length })
    }

    /// Its lock.
    pub fn lock(&'static self) -> &'static dyn Holdable {
        &self.0
    }
}
