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

/// A block that has left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Left {
    /// Its address.
    pub address: usize,
    /// The address of one that will leave some blocks later.
    pub later: usize,
}

impl Ring {
    fn pop_beyond(&mut self, most_bytes: usize) -> Option<Left> {
        /// How many blocks before a block leaves it is worth fetching.
        const AHEAD: usize = 8;
        if self.length == 0 || (self.bytes <= most_bytes && self.length < ROWS) {
            return None;
        }
        // SAFETY: (Q1); the row ahead is one of the ring's, if maybe an old one.
        let (row, later) = unsafe {
            let later = (*self.rows.add((self.first + AHEAD) % ROWS)).address;
            (*self.rows.add(self.first), later)
        };
        self.first = (self.first + 1) % ROWS;
        self.length -= 1;
        self.bytes -= row.bytes;
        Some(Left { address: row.address, later })
    }
}

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

    /// Puts a freed block that takes `bytes` at the end, and takes out the one that has waited
    /// longest if more than `most_bytes` wait then. False when there is no room for it.
    pub fn push(&self, address: usize, bytes: usize, most_bytes: usize) -> (bool, Option<Left>) {
        let mut ring = self.0.lock();
        if ring.rows.is_null() {
            return (false, None);
        }
        let left = ring.pop_beyond(most_bytes.saturating_sub(bytes));
        let has_room = ring.length < ROWS;
        if has_room {
            let place = (ring.first + ring.length) % ROWS;
            // SAFETY: (Q1).
            unsafe { ring.rows.add(place).write(Row { address, bytes }) };
            ring.length += 1;
            ring.bytes += bytes;
        }
        (has_room, left)
    }

    /// Takes out the block that has waited longest if more than `most_bytes` wait, or as many
    /// blocks as can.
    pub fn pop_beyond(&self, most_bytes: usize) -> Option<Left> {
        self.0.lock().pop_beyond(most_bytes)
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
