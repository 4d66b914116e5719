//! The quarantine: freed blocks wait in it, in the order in which they were freed, before their
//! memory is used again. So a use after free meets poison rather than a new block, and a second
//! free meets the record of the first.

use crate::os::memory;
use crate::sync::lock::{Holdable, Lock};
use core::ptr;

/// How many blocks can wait in one quarantine.
const ROWS: usize = 1 << 18;
const ROWS_AT_FIRST: usize = 1 << 10;
/// What bytes are counted in: no block that waits is too large to be counted so.
const UNIT_BYTES: usize = 16;

/// The blocks of the heap that wait.
pub static PLAIN: Quarantine = Quarantine::new();
/// The guarded blocks that wait.
pub static GUARDED: Quarantine = Quarantine::new();

/// Blocks that wait.
pub struct Quarantine(Lock<Ring>);

/// (Q1) `rows` is null or has [`ROWS`] rows. The first `capacity` of them, a power of two, are the
/// ring, of which `length` from `first` on, round the end, are used. (Q2) `units` is the sum over
/// them.
///
/// The ring is no longer than it has to be, so that it stays in the processor's caches.
struct Ring {
    rows: *mut Row,
    capacity: usize,
    first: usize,
    length: usize,
    units: usize,
}

#[derive(Clone, Copy)]
struct Row {
    address: usize,
    /// What it takes, in [`UNIT_BYTES`].
    units: u32,
    /// The row of its record.
    record: u32,
}

// SAFETY: the rows belong to the ring alone.
unsafe impl Send for Ring {}

/// A block that has left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Left {
    /// Its address.
    pub address: usize,
    /// One that will leave some blocks later.
    pub later: Later,
}

/// A block that is near its time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Later {
    /// Its address.
    pub address: usize,
    /// The row of its record.
    pub record: u32,
    /// What it takes.
    pub bytes: usize,
}

impl Ring {
    #[inline(always)]
    fn pop_beyond(&mut self, most_units: usize) -> Option<Left> {
        /// How many blocks before a block leaves it is worth fetching.
        const AHEAD: usize = 8;
        if self.length == 0 || (self.units <= most_units && self.length < ROWS) {
            return None;
        }
        // SAFETY: (Q1); the row ahead is one of the ring's, if maybe an old one.
        let (row, later) = unsafe {
            let later = &*self.rows.add((self.first + AHEAD) & (self.capacity - 1));
            let bytes = later.units as usize * UNIT_BYTES;
            let later = Later { address: later.address, record: later.record, bytes };
            (*self.rows.add(self.first), later)
        };
        self.first = (self.first + 1) & (self.capacity - 1);
        self.length -= 1;
        self.units -= row.units as usize;
        Some(Left { address: row.address, later })
    }
}

impl Ring {
    const EMPTY: Self =
        Self { rows: ptr::null_mut(), capacity: ROWS_AT_FIRST, first: 0, length: 0, units: 0 };

    /// Makes the full ring twice as long, if it may be.
    #[cold]
    fn lengthen(&mut self) -> bool {
        if self.capacity == ROWS {
            return false;
        }
        // What goes round the end goes on behind it.
        // SAFETY: (Q1): both are among the rows, and as long as there was of the ring.
        unsafe { ptr::copy_nonoverlapping(self.rows, self.rows.add(self.capacity), self.first) };
        self.capacity *= 2;
        true
    }
}

impl Quarantine {
    const fn new() -> Self {
        Self(Lock::new(Ring::EMPTY))
    }

    /// Makes room for it. False without memory: then nothing ever waits.
    pub fn begin(&self) -> bool {
        let range = memory::map_writable(ROWS * size_of::<Row>());
        let mut ring = self.0.lock();
        ring.rows = range.map_or(ptr::null_mut(), |range| range.start as *mut Row);
        range.is_some()
    }

    /// Puts a freed block that takes `bytes`, and has its record in the row `record`, at the end;
    /// takes out the one that has waited longest if more than `most_bytes` wait then. False when
    /// there is no room for it.
    #[inline(always)]
    pub fn push(
        &self,
        address: usize,
        record: u32,
        bytes: usize,
        most_bytes: usize,
    ) -> (bool, Option<Left>) {
        let mut ring = self.0.lock_alone();
        let Ok(units) = u32::try_from(bytes.div_ceil(UNIT_BYTES)) else { return (false, None) };
        if ring.rows.is_null() {
            return (false, None);
        }
        let left = ring.pop_beyond((most_bytes / UNIT_BYTES).saturating_sub(units as usize));
        let has_room = ring.length < ring.capacity || ring.lengthen();
        if has_room {
            let place = (ring.first + ring.length) & (ring.capacity - 1);
            // SAFETY: (Q1).
            unsafe { ring.rows.add(place).write(Row { address, units, record }) };
            ring.length += 1;
            ring.units += units as usize;
        }
        (has_room, left)
    }

    /// Takes out the block that has waited longest if more than `most_bytes` wait, or as many
    /// blocks as can.
    pub fn pop_beyond(&self, most_bytes: usize) -> Option<Left> {
        self.0.lock_alone().pop_beyond(most_bytes / UNIT_BYTES)
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
