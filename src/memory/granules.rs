//! Maps of free memory in a unit: a bit for each 16 bytes, so that blocks of any fine class can be
//! cut out of what is free between others.

use crate::arithmetic::size_class::{SizeClass, STEP_BYTES, UNIT_BYTES};
use core::ops::Range;

/// Granules in a unit.
pub const GRANULES: usize = UNIT_BYTES / STEP_BYTES;
const WORDS: usize = GRANULES / 64;

/// A bit for each 16 bytes of a unit, set where they are free.
#[derive(Clone)]
#[repr(transparent)]
pub struct Map([u64; WORDS]);

const _: () = assert!(size_of::<Map>() == 512);

impl Map {
    /// A map of nothing free.
    pub const fn new() -> Self {
        Self([0; WORDS])
    }

    /// Notes that granules are free. False if one was already; then the others are noted.
    pub fn give(&mut self, range: Range<usize>) -> bool {
        let mut were_used = true;
        for_each_word(range, |word, mask| {
            were_used &= self.0[word] & mask == 0;
            self.0[word] |= mask;
        });
        were_used
    }

    /// Takes blocks of a class, at multiples of the largest power of two that divides their size,
    /// from granule `*at` on: at most `want`. Calls `each` with the granule where each starts, in
    /// ascending order, and leaves `*at` where to go on.
    pub fn take(
        &mut self,
        class: SizeClass,
        at: &mut usize,
        want: usize,
        mut each: impl FnMut(usize),
    ) -> usize {
        let length = class.size_bytes() / STEP_BYTES;
        let alignment = 1 << length.trailing_zeros();
        let mut count = 0;
        while count < want {
            let start = self.next(*at, true).next_multiple_of(alignment);
            if start + length > GRANULES {
                *at = GRANULES;
                break;
            }
            let end = self.next(start, false);
            if end < start + length {
                *at = end + 1;
                continue;
            }
            for_each_word(start..start + length, |word, mask| self.0[word] &= !mask);
            *at = start + length;
            each(start);
            count += 1;
        }
        count
    }

    /// Whether one of the granules is free.
    pub fn has_free(&self, range: Range<usize>) -> bool {
        let mut has_free = false;
        for_each_word(range, |word, mask| has_free |= self.0[word] & mask != 0);
        has_free
    }

    /// How many granules are free.
    pub fn count(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The first granule from `at` on that is free or not, or the end.
    fn next(&self, at: usize, is_free: bool) -> usize {
        let flip = if is_free { 0 } else { u64::MAX };
        let mut word = at / 64;
        let mut from = u64::MAX << (at % 64);
        while word < WORDS {
            let bits = (self.0[word] ^ flip) & from;
            if bits != 0 {
                return word * 64 + bits.trailing_zeros() as usize;
            }
            (word, from) = (word + 1, u64::MAX);
        }
        GRANULES
    }
}

/// Calls `visit` with each word that a range lies in, and the mask of the range's part of it.
fn for_each_word(range: Range<usize>, mut visit: impl FnMut(usize, u64)) {
    let mut at = range.start;
    while at < range.end {
        let length = (64 - at % 64).min(range.end - at);
        visit(at / 64, (u64::MAX >> (64 - length)) << (at % 64));
        at += length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arithmetic::random::Random;

    #[test]
    fn blocks_are_aligned_apart_and_come_back() {
        let mut random = Random::new(11);
        for _ in 0..200 {
            let mut map = Map::new();
            let mut free = [false; GRANULES];
            for _ in 0..random.below(300) {
                let start = random.below(GRANULES);
                let end = (start + 1 + random.below(40)).min(GRANULES);
                if !map.has_free(start..end) {
                    assert!(map.give(start..end));
                    free[start..end].fill(true);
                }
            }
            let before = map.count();
            assert_eq!(before, free.iter().filter(|is_free| **is_free).count());
            let class = SizeClass::from_index(1 + random.below(63));
            let length = class.size_bytes() / STEP_BYTES;
            let (mut at, mut taken) = (0, Vec::new());
            while map.take(class, &mut at, 1 + random.below(5), |start| taken.push(start)) > 0 {}
            for start in &taken {
                assert_eq!(start % (1 << length.trailing_zeros()), 0);
                assert!(free[*start..start + length].iter().all(|is_free| *is_free));
                free[*start..start + length].fill(false);
            }
            assert_eq!(map.count() + taken.len() * length, before);
            for start in taken {
                assert!(map.give(start..start + length));
                assert!(!map.give(start..start + length), "a second time is noticed");
            }
            assert_eq!(map.count(), before);
        }
    }

    #[test]
    fn a_free_unit_holds_as_many_blocks_as_a_slab() {
        for index in 1..64 {
            let (class, mut map, mut at) = (SizeClass::from_index(index), Map::new(), 0);
            map.give(0..GRANULES);
            let count = map.take(class, &mut at, usize::MAX, |_| ());
            assert_eq!(count, UNIT_BYTES / class.size_bytes(), "class {index}");
        }
    }
}
