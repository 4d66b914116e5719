//! The quarantine: freed blocks wait in it, in the order in which they were freed, before their
//! memory is used again. So a use after free meets poison rather than a new block, and a second
//! free meets the record of the first.

use super::marks::POISON_MAX;
use crate::os::memory;
use crate::sync::lock::{Holdable, Lock};
use core::ptr;

/// How many blocks can wait in one quarantine.
const ROWS: usize = 1 << 18;
const ROWS_AT_FIRST: usize = 1 << 10;
/// What bytes are counted in: no block that waits is too large to be counted so.
const UNIT_BYTES: usize = 16;
/// How much of a block is looked at, at most: both its ends.
const LOOKED_AT_UNITS: usize = 2 * POISON_MAX / UNIT_BYTES;

/// The blocks of the heap that wait.
pub static PLAIN: Quarantine = Quarantine::new();
/// The guarded blocks that wait.
pub static GUARDED: Quarantine = Quarantine::new();

/// Blocks that wait.
pub struct Quarantine(Lock<Ring>);

/// (Q1) `rows` is null or has [`ROWS`] rows. The first `capacity` of them, a power of two, are the
/// ring.
///
/// The ring is no longer than it has to be, so that it stays in the processor's caches.
struct Ring {
    rows: *mut Row,
    capacity: usize,
    used: Used,
}

/// The part of a ring that is used: `length` rows from `first` on, round the end. (Q2) `units` is
/// the sum over them, and `looked_at_units` what of that is looked at.
///
/// It is worked on as a copy, which is put back as a whole: a processor waits for what it reads in
/// one piece after it was written in several.
#[derive(Clone, Copy)]
struct Used {
    first: usize,
    length: usize,
    units: usize,
    looked_at_units: usize,
    /// What is looked at of all that ever waited.
    entered_units: usize,
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

/// What came of putting a block into a quarantine.
pub struct Pushed {
    /// Whether there was room for it.
    pub is_waiting: bool,
    /// The one that has waited longest, if more than may wait did.
    pub left: Option<Left>,
    /// Whether more than a sixteenth beyond the bounds wait: blocks differ in size, so one that
    /// leaves for each that enters keeps to them in the long run only.
    pub has_more: bool,
}

impl Pushed {
    /// There is no room for it.
    pub const REFUSED: Self = Self { is_waiting: false, left: None, has_more: true };
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

impl Row {
    /// How much of it is looked at when it leaves.
    #[inline(always)]
    fn looked_at_units(&self) -> usize {
        (self.units as usize).min(LOOKED_AT_UNITS)
    }
}

/// How much may wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// In bytes of memory.
    pub bytes: usize,
    /// In bytes that are looked at when blocks leave: of a large block both ends.
    pub looked_at_bytes: usize,
}

impl Bounds {
    #[inline(always)]
    fn loosened(self) -> Self {
        let loosened = |bytes: usize| bytes.saturating_add(bytes / 16);
        Self { bytes: loosened(self.bytes), looked_at_bytes: loosened(self.looked_at_bytes) }
    }
}

impl Used {
    /// Adds a row.
    #[inline(always)]
    fn add(&mut self, row: &Row) {
        self.length += 1;
        self.units += row.units as usize;
        self.looked_at_units += row.looked_at_units();
        self.entered_units += row.looked_at_units();
    }

    /// Takes out the first row, where there are so many in the ring.
    #[inline(always)]
    fn remove(&mut self, row: &Row, capacity: usize) {
        self.first = (self.first + 1) & (capacity - 1);
        self.length -= 1;
        self.units -= row.units as usize;
        self.looked_at_units -= row.looked_at_units();
    }

    #[inline(always)]
    fn is_within(&self, bounds: Bounds) -> bool {
        self.units <= bounds.bytes / UNIT_BYTES
            && self.looked_at_units <= bounds.looked_at_bytes / UNIT_BYTES
    }
}

impl Ring {
    const EMPTY: Self = Self {
        rows: ptr::null_mut(),
        capacity: ROWS_AT_FIRST,
        used: Used { first: 0, length: 0, units: 0, looked_at_units: 0, entered_units: 0 },
    };

    /// Takes the oldest row out of `used`.
    #[inline(always)]
    fn pop(&self, used: &mut Used) -> Left {
        /// How many blocks before a block leaves it is worth fetching.
        const AHEAD: usize = 8;
        // SAFETY: (Q1); the row ahead is one of the ring's, if maybe an old one.
        let (row, later) = unsafe {
            let later = &*self.rows.add((used.first + AHEAD) & (self.capacity - 1));
            let bytes = later.units as usize * UNIT_BYTES;
            let later = Later { address: later.address, record: later.record, bytes };
            (*self.rows.add(used.first), later)
        };
        used.remove(&row, self.capacity);
        Left { address: row.address, later }
    }

    /// Makes the full ring twice as long, if it may be.
    #[cold]
    fn lengthen(&mut self) -> bool {
        if self.capacity == ROWS {
            return false;
        }
        // What goes round the end goes on behind it.
        // SAFETY: (Q1): both are among the rows, and as long as there was of the ring.
        let (from, to) = unsafe { (self.rows, self.rows.add(self.capacity)) };
        // SAFETY: as above.
        unsafe { ptr::copy_nonoverlapping(from, to, self.used.first) };
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
    /// takes out the one that has waited longest if more than `bounds` wait then.
    #[inline(always)]
    pub fn push(&self, address: usize, record: u32, bytes: usize, bounds: Bounds) -> Pushed {
        let mut ring = self.0.lock_alone();
        let Ok(units) = u32::try_from(bytes.div_ceil(UNIT_BYTES)) else { return Pushed::REFUSED };
        if ring.rows.is_null() || ring.used.length == ring.capacity && !ring.lengthen() {
            return Pushed::REFUSED;
        }
        let (row, mut used) = (Row { address, units, record }, ring.used);
        let place = (used.first + used.length) & (ring.capacity - 1);
        // SAFETY: (Q1).
        unsafe { ring.rows.add(place).write(row) };
        used.add(&row);
        let must_leave = !used.is_within(bounds) || used.length == ROWS;
        let left = must_leave.then(|| ring.pop(&mut used));
        ring.used = used;
        let has_more = must_leave && !used.is_within(bounds.loosened());
        Pushed { is_waiting: true, left, has_more }
    }

    /// Takes out the block that has waited longest if more than `bounds` wait.
    pub fn pop_beyond(&self, bounds: Bounds) -> Option<Left> {
        let mut ring = self.0.lock_alone();
        let mut used = ring.used;
        if used.length == 0 || used.is_within(bounds) {
            return None;
        }
        let left = ring.pop(&mut used);
        ring.used = used;
        Some(left)
    }

    /// How many bytes are to be looked at of the blocks that wait, and of all that ever waited.
    pub fn looked_at_bytes(&self) -> (usize, usize) {
        let used = self.0.lock_alone().used;
        (used.looked_at_units * UNIT_BYTES, used.entered_units * UNIT_BYTES)
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
