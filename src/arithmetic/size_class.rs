//! Size classes: which block sizes exist, and which one serves a request.
//!
//! Blocks of up to [`FINE_MAX`] bytes come in steps of 16, so a request's class is its number of
//! sixteenths, rounded up: no table. Coarse blocks start at 1,024 bytes; from 2 KiB on there are
//! eight classes to each doubling, so a block is at most 12.5 % larger than what was asked for.
//!
//! A class is one number below [`CLASS_COUNT`]. Fine classes are 1 to 63; a coarse class is 64
//! plus the byte that stands in the coarse ledger, which starts at 2 because 1 marks a large block.

/// Alignment of every block in bytes, and the step between fine classes.
pub const STEP_BYTES: usize = 16;
/// Largest request that a fine class serves, in bytes.
pub const FINE_MAX: usize = 63 * STEP_BYTES;
/// Largest block that lives in the tiny zone, in bytes.
pub const TINY_MAX: usize = 48;
/// Granule of the coarse zone in bytes: every coarse block's size and place is a multiple of it.
pub const COARSE_GRANULE_BYTES: usize = 256;
/// Largest request that a coarse class serves, in bytes; anything above is large.
pub const COARSE_MAX: usize = 256 * 1024;
/// Number of class indices, used or not: arrays by class have this length.
pub const CLASS_COUNT: usize = 128;
/// The ledger byte of a large block's first granule.
pub const LARGE_BYTE: u8 = 1;

const COARSE_BASE: u8 = 64;
const FIRST_COARSE_BYTE: u8 = 2;
const COARSE_STEPS: usize = 61;
/// Requests at or below this many bytes are in the linear part of the coarse classes.
const COARSE_LINEAR_LOG2: u32 = 11;

/// A size class.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(transparent)]
pub struct SizeClass(u8);

/// Which part of the arena a class's blocks live in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ZoneKind {
    /// Blocks of 64 to 1,008 bytes; a ledger granule is 64 bytes.
    Main,
    /// Blocks of 16, 32 and 48 bytes; a ledger granule is 16 bytes.
    Tiny,
    /// Blocks of 1 KiB and more, and large blocks; a ledger granule is 256 bytes.
    Coarse,
}

impl SizeClass {
    /// The class whose index is `index`.
    ///
    /// `index` must be that of an existing class; see [`SizeClass::all`].
    #[inline(always)]
    pub const fn from_index(index: usize) -> Self {
        debug_assert!(index < CLASS_COUNT);
        Self(index as u8)
    }

    /// The fine class that serves `size_bytes` (0 to [`FINE_MAX`]; 0 is served as 1).
    #[inline(always)]
    pub const fn fine_for(size_bytes: usize) -> Self {
        Self(Self::fine_index_for(size_bytes) as u8 | (size_bytes == 0) as u8)
    }

    /// The index, and ledger byte, of [`SizeClass::fine_for`]; but 0, that of no class, for 0
    /// bytes.
    #[inline(always)]
    pub const fn fine_index_for(size_bytes: usize) -> usize {
        debug_assert!(size_bytes <= FINE_MAX);
        size_bytes.div_ceil(STEP_BYTES)
    }

    /// The coarse class that serves `size_bytes` ([`FINE_MAX`] + 1 to [`COARSE_MAX`]).
    #[inline(always)]
    pub const fn coarse_for(size_bytes: usize) -> Self {
        Self::from_coarse_byte(Self::coarse_byte_for(size_bytes))
    }

    /// The ledger byte of [`SizeClass::coarse_for`].
    #[inline(always)]
    pub const fn coarse_byte_for(size_bytes: usize) -> u8 {
        debug_assert!(size_bytes > FINE_MAX && size_bytes <= COARSE_MAX);
        let last = size_bytes - 1;
        let leading = (last | 1 << COARSE_LINEAR_LOG2).leading_zeros();
        let eighth = last << leading >> (usize::BITS - 4);
        let doubling = usize::BITS - 1 - COARSE_LINEAR_LOG2 - leading;
        // Class 0 is that of 1,024 bytes: of 769 to 1,024 the eighth is 3.
        let step = doubling as usize * 8 + eighth - 3;
        FIRST_COARSE_BYTE + step as u8
    }

    /// The class that serves `size_bytes`, or `None` when that is a large block.
    #[inline(always)]
    pub const fn for_size(size_bytes: usize) -> Option<Self> {
        if size_bytes <= FINE_MAX {
            Some(Self::fine_for(size_bytes))
        } else if size_bytes <= COARSE_MAX {
            Some(Self::coarse_for(size_bytes))
        } else {
            None
        }
    }

    /// The smallest class whose blocks hold `size_bytes` and all start at a multiple of
    /// `alignment` (a power of two), or `None` when only a large block can.
    ///
    /// Slabs start at a multiple of the unit, so a block is aligned when its size is a multiple.
    pub fn for_aligned(size_bytes: usize, alignment: usize) -> Option<Self> {
        let mask = alignment - 1;
        let rounded = size_bytes.max(1).checked_add(mask)? & !mask;
        let mut class = Self::for_size(rounded)?;
        while class.size_bytes() & mask != 0 {
            class = class.next()?;
        }
        Some(class)
    }

    /// The class of the coarse ledger byte `byte` (2 and more).
    #[inline(always)]
    pub const fn from_coarse_byte(byte: u8) -> Self {
        Self(COARSE_BASE + byte)
    }

    /// What the ledger holds where a block of this class starts, before its place is added.
    #[inline(always)]
    pub const fn ledger_byte(self) -> u8 {
        if self.is_coarse() {
            self.0 - COARSE_BASE
        } else {
            self.0
        }
    }

    /// The index into arrays by class.
    #[inline(always)]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// Whether blocks of this class live in the coarse zone.
    #[inline(always)]
    pub const fn is_coarse(self) -> bool {
        self.0 >= COARSE_BASE
    }

    /// The size of each block of this class, in bytes.
    #[inline(always)]
    pub const fn size_bytes(self) -> usize {
        SIZES[self.0 as usize] as usize
    }

    /// Whether blocks of this class live in the tiny zone.
    #[inline(always)]
    pub const fn is_tiny(self) -> bool {
        self.0 as usize <= TINY_MAX / STEP_BYTES
    }

    /// The zone that this class's blocks live in.
    pub const fn zone(self) -> ZoneKind {
        if self.is_coarse() {
            ZoneKind::Coarse
        } else if self.is_tiny() {
            ZoneKind::Tiny
        } else {
            ZoneKind::Main
        }
    }

    /// Which block of its slab starts `offset_bytes` into the slab. Exact for a block's start.
    #[inline(always)]
    pub const fn block_index(self, offset_bytes: usize) -> usize {
        ((offset_bytes as u64 * RECIPROCALS[self.0 as usize] as u64) >> 32) as usize
    }

    /// How many 64 KiB units a slab of this class spans.
    pub const fn slab_units(self) -> usize {
        SLAB_UNITS[self.0 as usize] as usize
    }

    /// Every class, in ascending order of block size.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..CLASS_COUNT).filter(|&index| SIZES[index] != 0).map(Self::from_index)
    }

    /// The next larger class.
    fn next(self) -> Option<Self> {
        // Sizes ascend with the index, but for the gap between fine and coarse ones.
        let first = self.0 as usize + 1;
        (first..CLASS_COUNT).find(|&index| SIZES[index] != 0).map(Self::from_index)
    }
}

/// Block sizes in bytes by class index; 0 where there is no class.
static SIZES: [u32; CLASS_COUNT] = sizes();
/// 2^32 divided by the block size, rounded up: multiplication instead of division.
static RECIPROCALS: [u32; CLASS_COUNT] = reciprocals();
static SLAB_UNITS: [u8; CLASS_COUNT] = slab_units();

/// The unit of the arena in bytes. Slabs and large blocks are runs of units.
pub const UNIT_BYTES: usize = 64 * 1024;
/// Most blocks in a coarse slab: its free blocks are one word of bits.
pub const COARSE_SLAB_BLOCKS_MAX: usize = 64;

const fn sizes() -> [u32; CLASS_COUNT] {
    let mut table = [0; CLASS_COUNT];
    let mut class = 1;
    while class < COARSE_BASE as usize {
        table[class] = (class * STEP_BYTES) as u32;
        class += 1;
    }
    let mut step = 0;
    while step < COARSE_STEPS {
        table[(COARSE_BASE + FIRST_COARSE_BYTE) as usize + step] = coarse_size(step) as u32;
        step += 1;
    }
    table
}

/// Size of the coarse class number `step`: 256 bytes apart up to 2 KiB, then eight to a doubling.
const fn coarse_size(step: usize) -> usize {
    if step <= 4 {
        1024 + step * COARSE_GRANULE_BYTES
    } else {
        let (doubling, eighth) = ((step - 5) / 8, (step - 5) % 8 + 1);
        (2048 << doubling) + eighth * (256 << doubling)
    }
}

const fn reciprocals() -> [u32; CLASS_COUNT] {
    let sizes = sizes();
    let mut table = [0; CLASS_COUNT];
    let mut class = 0;
    while class < CLASS_COUNT {
        if sizes[class] != 0 {
            table[class] = (1u64 << 32).div_ceil(sizes[class] as u64) as u32;
        }
        class += 1;
    }
    table
}

const fn slab_units() -> [u8; CLASS_COUNT] {
    let sizes = sizes();
    let mut table = [1; CLASS_COUNT];
    let mut class = COARSE_BASE as usize;
    while class < CLASS_COUNT {
        if sizes[class] != 0 {
            table[class] = thriftiest_units(sizes[class] as usize) as u8;
        }
        class += 1;
    }
    table
}

/// The shortest run that leaves the smallest share of itself over when it is cut into blocks of
/// `size_bytes`, among those that hold at least four and at most 64 blocks.
const fn thriftiest_units(size_bytes: usize) -> usize {
    let (mut best, mut best_waste, mut units) = (0, usize::MAX, 1);
    while units <= 16 {
        let bytes = units * UNIT_BYTES;
        let blocks = bytes / size_bytes;
        // Parts in 1,024: a longer slab has to be better by one part to be chosen.
        let waste = (bytes - blocks * size_bytes) * 1024 / bytes;
        if blocks >= 4 && blocks <= COARSE_SLAB_BLOCKS_MAX && waste < best_waste {
            (best, best_waste) = (units, waste);
        }
        units += 1;
    }
    assert!(best > 0);
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_gets_the_smallest_class_that_holds_it() {
        for size in 0..=COARSE_MAX {
            let class = SizeClass::for_size(size).unwrap();
            let smallest = SizeClass::all().find(|class| class.size_bytes() >= size.max(1));
            assert_eq!(Some(class), smallest, "{size} bytes");
        }
        assert_eq!(SizeClass::for_size(COARSE_MAX + 1), None);
    }

    #[test]
    fn block_index_is_exact_at_every_block_start() {
        for class in SizeClass::all() {
            let size = class.size_bytes();
            for index in 0..class.slab_units() * UNIT_BYTES / size {
                assert_eq!(class.block_index(index * size), index, "{size} bytes");
            }
        }
    }

    #[test]
    fn aligned_classes_are_multiples_of_the_alignment() {
        for shift in 0..=18 {
            let alignment = 1 << shift;
            for size in [0, 1, 15, 17, 63, 100, 1000, 1009, 5000, 70_000, COARSE_MAX] {
                let Some(class) = SizeClass::for_aligned(size, alignment) else {
                    continue;
                };
                assert!(class.size_bytes() >= size);
                assert_eq!(class.size_bytes() % alignment, 0, "{size} aligned {alignment}");
            }
        }
        assert_eq!(SizeClass::for_aligned(usize::MAX - 3, 64), None);
    }

    #[test]
    fn coarse_sizes_are_whole_granules_and_waste_little() {
        for class in SizeClass::all().filter(|class| class.is_coarse()) {
            let size = class.size_bytes();
            assert_eq!(size % COARSE_GRANULE_BYTES, 0);
            let slab = class.slab_units() * UNIT_BYTES;
            assert!(slab % size * 25 <= slab, "a slab of {size} wastes {}", slab % size);
        }
    }
}
