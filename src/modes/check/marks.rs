//! What unused bytes hold, so that wrong uses show: canaries around blocks, poison in fresh and in
//! freed ones.
//!
//! **Canary:** a fixed pattern by address, without zeros or letters. **Tagged poison:** words of
//! eight bytes, at multiples of eight, that are no valid address on any x86-64 (bits 47 to 63
//! differ) and carry the number of their block, so that a fault on one names the block.

use crate::os::pattern;

/// The canary's bytes, the first at a multiple of eight.
const CANARY: [u8; 8] = [0xB6, 0xD1, 0x9C, 0xE3, 0xA7, 0xF5, 0x8B, 0xC9];
/// How much of the room before a block is canary: what is nearest to it.
pub const CANARY_BEFORE_MAX: usize = 64;
/// How much of the room behind a block is canary.
pub const CANARY_BEHIND_MAX: usize = 128;
/// How much of a block is poisoned at its start, and when it is freed at its end as well: filling a
/// large block would need all its pages.
pub const POISON_MAX: usize = 4096;

/// What a poisoned word's upper sixteen bits say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tag {
    /// The block was just allocated.
    Fresh,
    /// It has been freed.
    Freed,
}

const FRESH: u64 = 0xF7EE;
const FREED: u64 = 0xF7DD;
const NUMBER_BITS: u32 = 48;

impl Tag {
    fn word(self, number: u64) -> u64 {
        let tag = if self == Self::Fresh { FRESH } else { FREED };
        tag << NUMBER_BITS | number & ((1 << NUMBER_BITS) - 1)
    }
}

/// Takes a poisoned word apart: its tag, and the number of its block.
pub fn read_poison(word: u64) -> Option<(Tag, u64)> {
    let tag = match word >> NUMBER_BITS {
        FRESH => Tag::Fresh,
        FREED => Tag::Freed,
        _ => return None,
    };
    Some((tag, word & ((1 << NUMBER_BITS) - 1)))
}

/// A stretch of memory that differs from what it was filled with: from the first to the last
/// changed byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Change {
    /// The first changed byte.
    pub start: usize,
    /// The one behind the last changed byte.
    pub end: usize,
}

/// Fills bytes with the canary.
///
/// # Safety
/// They must be the checker's.
#[inline(always)]
pub unsafe fn fill_canary(start: usize, end: usize) {
    // SAFETY: the caller's promise.
    unsafe { fill(start, end, u64::from_le_bytes(CANARY)) };
}

/// What the canary holds at `address`.
pub fn canary_byte(address: usize) -> u8 {
    CANARY[address % CANARY.len()]
}

/// Where the canary was changed.
///
/// # Safety
/// The bytes must be readable.
#[inline(always)]
pub unsafe fn find_change_of_canary(start: usize, end: usize) -> Option<Change> {
    // SAFETY: the caller's promise.
    unsafe { find_change(start, end, u64::from_le_bytes(CANARY)) }
}

/// Where the last poisoned bytes of a freed block begin that aren't among the first.
#[inline(always)]
fn tail_start(start: usize, size_bytes: usize) -> usize {
    start + (size_bytes - POISON_MAX).max(POISON_MAX)
}

/// Fills a block with poison, as far as [`POISON_MAX`] says.
///
/// # Safety
/// The block must be the checker's, or not yet the program's.
#[inline(always)]
pub unsafe fn fill_poison(start: usize, size_bytes: usize, tag: Tag, number: u64) {
    // SAFETY: the caller's promise.
    unsafe { fill(start, start + size_bytes.min(POISON_MAX), tag.word(number)) };
    if size_bytes > POISON_MAX && tag == Tag::Freed {
        // SAFETY: the caller's promise.
        unsafe { fill(tail_start(start, size_bytes), start + size_bytes, tag.word(number)) };
    }
}

/// Where the poison of a freed block was changed.
///
/// # Safety
/// The block's bytes must be readable.
#[inline(always)]
pub unsafe fn find_change_of_poison(
    start: usize,
    size_bytes: usize,
    number: u64,
) -> Option<Change> {
    let (end, word) = (start + size_bytes, Tag::Freed.word(number));
    // SAFETY: the caller's promise.
    let change = unsafe { find_change(start, start + size_bytes.min(POISON_MAX), word) };
    if change.is_some() || size_bytes <= POISON_MAX {
        return change;
    }
    // SAFETY: the caller's promise.
    unsafe { find_change(tail_start(start, size_bytes), end, word) }
}

/// What a word that lies at each multiple of eight reads as from `address` on.
#[inline(always)]
fn turned(word: u64, address: usize) -> u64 {
    word.rotate_right(address as u32 % 8 * 8)
}

/// Fills a range with a word that lies at each multiple of eight. Nothing is read, so that nothing
/// waits for memory that is in no cache.
///
/// # Safety
/// The range must be the checker's, or not yet or no longer the program's.
#[inline(always)]
unsafe fn fill(start: usize, end: usize, word: u64) {
    let length = end.wrapping_sub(start);
    let (first, last) = (turned(word, start), turned(word, end));
    // SAFETY: the pieces lie within the range.
    unsafe {
        if length >= pattern::LEAST_BYTES {
            pattern::fill(start, end, first, last);
        } else if length >= 8 {
            (start as *mut u64).write_unaligned(first);
            ((end - 8) as *mut u64).write_unaligned(last);
        } else {
            fill_bytes(start, length, first);
        }
    }
}

/// Fills fewer than eight bytes with the first ones of a word.
///
/// # Safety
/// As [`fill`].
#[inline(always)]
unsafe fn fill_bytes(start: usize, length: usize, word: u64) {
    let (mut place, mut word) = (start, word);
    // SAFETY: the caller's promise; each piece is there when the length has its bit.
    unsafe {
        if length & 4 != 0 {
            (place as *mut u32).write_unaligned(word as u32);
            (place, word) = (place + 4, word >> 32);
        }
        if length & 2 != 0 {
            (place as *mut u16).write_unaligned(word as u16);
            (place, word) = (place + 2, word >> 16);
        }
        if length & 1 != 0 {
            (place as *mut u8).write(word as u8);
        }
    }
}

/// Where a range differs from a word at each multiple of eight.
///
/// # Safety
/// The range must be readable.
#[inline(always)]
unsafe fn find_change(start: usize, end: usize, word: u64) -> Option<Change> {
    // SAFETY: the caller's promise.
    match unsafe { is_filled(start, end, word) } {
        true => None,
        // SAFETY: the caller's promise.
        false => unsafe { locate_change(start, end, word) },
    }
}

/// # Safety
/// The range must be readable.
#[inline(always)]
unsafe fn is_filled(start: usize, end: usize, word: u64) -> bool {
    let length = end.wrapping_sub(start);
    let (first, last) = (turned(word, start), turned(word, end));
    // SAFETY: the pieces lie within the range.
    unsafe {
        if length >= pattern::LEAST_BYTES {
            return pattern::is_filled(start, end, first, last);
        }
        let differences = match length >= 8 {
            true => {
                ((start as *const u64).read_unaligned() ^ first)
                    | ((end - 8) as *const u64).read_unaligned() ^ last
            }
            false => differing_bytes(start, length, first),
        };
        differences == 0
    }
}

/// How fewer than eight bytes differ from the first ones of a word: 0 if they don't.
///
/// # Safety
/// They must be readable.
#[inline(always)]
unsafe fn differing_bytes(start: usize, length: usize, word: u64) -> u64 {
    let (mut place, mut word, mut differences) = (start, word, 0);
    // SAFETY: the caller's promise; each piece is there when the length has its bit.
    unsafe {
        if length & 4 != 0 {
            differences |= (place as *const u32).read_unaligned() ^ word as u32;
            (place, word) = (place + 4, word >> 32);
        }
        if length & 2 != 0 {
            differences |= u32::from((place as *const u16).read_unaligned() ^ word as u16);
            (place, word) = (place + 2, word >> 16);
        }
        if length & 1 != 0 {
            differences |= u32::from(*(place as *const u8) ^ word as u8);
        }
    }
    u64::from(differences)
}

/// # Safety
/// The range must be readable.
#[cold]
unsafe fn locate_change(start: usize, end: usize, word: u64) -> Option<Change> {
    let bytes = word.to_le_bytes();
    // SAFETY: the caller's promise.
    let is_wrong = |address: &usize| unsafe { *(*address as *const u8) != bytes[address % 8] };
    let first = (start..end).find(is_wrong)?;
    let last = (first..end).rev().find(is_wrong).unwrap_or(first);
    Some(Change { start: first, end: last + 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_changed_byte_of_a_poisoned_block_is_found() {
        for (offset, size) in (0..16).flat_map(|offset| (0..200).map(move |size| (offset, size))) {
            let mut buffer = [0u64; 32];
            let start = buffer.as_mut_ptr() as usize + offset;
            // SAFETY: all within the buffer.
            unsafe {
                fill_poison(start, size, Tag::Freed, 77);
                assert_eq!(find_change_of_poison(start, size, 77), None);
                for byte in start..start + size {
                    *(byte as *mut u8) ^= 1;
                    let change = find_change_of_poison(start, size, 77);
                    assert_eq!(change, Some(Change { start: byte, end: byte + 1 }));
                    *(byte as *mut u8) ^= 1;
                }
            }
            let outside = buffer.iter().flat_map(|word| word.to_le_bytes()).enumerate();
            let strays = outside
                .filter(|(index, byte)| *byte != 0 && !(offset..offset + size).contains(index));
            assert_eq!(strays.count(), 0);
        }
    }

    #[test]
    fn of_a_large_freed_block_both_ends_are_watched() {
        for size in [4096, 4097, 5000, 8191, 8192, 8193, 20_000] {
            let mut buffer = vec![0u64; size / 8 + 2];
            let start = buffer.as_mut_ptr() as usize + 3;
            // SAFETY: all within the buffer.
            unsafe {
                fill_poison(start, size, Tag::Freed, 9);
                assert_eq!(find_change_of_poison(start, size, 9), None);
                for offset in [0, 4095, size - 4096, size - 1] {
                    *((start + offset) as *mut u8) ^= 1;
                    let byte = start + offset;
                    let change = Some(Change { start: byte, end: byte + 1 });
                    assert_eq!(find_change_of_poison(start, size, 9), change, "{size} {offset}");
                    *(byte as *mut u8) ^= 1;
                }
                let fresh = vec![0u8; size];
                let start = fresh.as_ptr() as usize;
                fill_poison(start, size, Tag::Fresh, 9);
                assert!(fresh.iter().skip(4096).all(|byte| *byte == 0));
            }
        }
    }

    #[test]
    fn changes_of_a_canary_are_found_from_end_to_end() {
        let mut buffer = [0u64; 8];
        let start = buffer.as_mut_ptr() as usize;
        // SAFETY: all within the buffer.
        unsafe {
            fill_canary(start + 3, start + 60);
            assert_eq!(find_change_of_canary(start + 3, start + 60), None);
            (start + 10..start + 21).step_by(10).for_each(|byte| *(byte as *mut u8) = 0);
            let change = Change { start: start + 10, end: start + 21 };
            assert_eq!(find_change_of_canary(start + 3, start + 60), Some(change));
        }
    }

    #[test]
    fn poison_is_no_address_and_names_its_block() {
        for tag in [Tag::Fresh, Tag::Freed] {
            let word = tag.word(123_456);
            assert_eq!(read_poison(word), Some((tag, 123_456)));
            assert_ne!(word >> 47, 0);
            assert_ne!(word >> 47, (1 << 17) - 1);
        }
        assert_eq!(read_poison(0x7fff_1234), None);
    }
}
