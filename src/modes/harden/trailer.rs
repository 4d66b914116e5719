//! The trailer of a block: what stands between the bytes that were asked for and the slot's end.
//!
//! (T1) The slot's last word is a number that depends on the block's address and on two secrets,
//! XOR the slack in both its
//! halves: how many bytes lie between those asked for and that word. (T2) The first sixteen
//! bytes of the slack, or all if there are fewer, hold a pattern without a zero byte, so that a
//! null written one byte too far shows too.

use crate::arithmetic::random::Random;
use crate::os::environment;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// How many bytes a slot has to have beyond what is asked for.
pub const TRAILER_BYTES: usize = 8;
const WORD: usize = 8;
/// How many bytes of the slack hold the pattern.
const PATTERN_BYTES: usize = 2 * WORD;

static SECRETS: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];

/// Chooses what an attacker can't know. Called once, before the first block is sealed.
pub fn choose_secrets() {
    let mut random = Random::new(environment::random_seed() ^ 0x5EA1);
    for secret in &SECRETS {
        secret.store(random.next() | 1, Relaxed);
    }
}

/// What a broken trailer still tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Broken {
    /// The block had that many bytes.
    Block(usize),
    /// It had at most that many.
    AtMost(usize),
}

/// The slot of a block: the memory that its class gives it.
#[derive(Clone, Copy)]
pub struct Slot {
    /// Where it starts.
    pub start: usize,
    /// How long it is: a multiple of 16.
    pub bytes: usize,
}

impl Slot {
    /// The most bytes that a block in it can have.
    pub fn room(self) -> usize {
        self.bytes - TRAILER_BYTES
    }

    fn word_address(self) -> usize {
        self.start + self.room()
    }

    #[inline(always)]
    fn tag(self) -> u64 {
        let [first, second] = [&SECRETS[0], &SECRETS[1]].map(|secret| secret.load(Relaxed));
        let product = u128::from(self.start as u64 ^ first) * u128::from(second);
        product as u64 ^ (product >> 64) as u64
    }

    /// Seals a slot that reads as zero for a block of `size_bytes`.
    ///
    /// # Safety
    /// The slot must be the caller's, read as zero, and have room for the block.
    #[inline]
    pub unsafe fn seal(self, size_bytes: usize) {
        let (tag, slack) = (self.tag(), self.room() - size_bytes);
        let pattern = pattern_of(tag);
        // SAFETY: the caller's promise; what belongs to the block is written as the zero that it
        // is.
        unsafe {
            write(self.word_address(), tag ^ twice(slack));
            if slack >= PATTERN_BYTES {
                write(self.start + size_bytes, pattern);
                write(self.start + size_bytes + WORD, pattern);
                return;
            }
            write(self.word_address() - WORD, pattern & last_bytes(slack.min(WORD)));
            if slack > WORD {
                write(self.word_address() - 2 * WORD, pattern & last_bytes(slack - WORD));
            }
        }
    }

    /// Seals the slot anew for a block of another size, whose contents stay.
    ///
    /// # Safety
    /// The slot must be the caller's, and have room for the block.
    pub unsafe fn reseal(self, size_bytes: usize) {
        let (tag, slack) = (self.tag(), self.room() - size_bytes);
        let pattern = pattern_of(tag).to_le_bytes();
        for index in 0..slack.min(PATTERN_BYTES) {
            let place = match slack >= PATTERN_BYTES {
                true => index,
                false => PATTERN_BYTES - slack + index,
            };
            let address = (self.start + size_bytes + index) as *mut u8;
            // SAFETY: in the slack.
            unsafe { address.write(pattern[place % WORD]) };
        }
        // SAFETY: the slot's last word.
        unsafe { write(self.word_address(), tag ^ twice(slack)) };
    }

    /// The size of the block in the slot, if nothing was written past its end.
    ///
    /// # Safety
    /// The slot must hold a live block.
    #[inline]
    pub unsafe fn open(self) -> Result<usize, Broken> {
        let tag = self.tag();
        // SAFETY: the slot's last word.
        let slack = unsafe { read(self.word_address()) } ^ tag;
        let is_whole = slack >> 32 == slack & u64::from(u32::MAX);
        let slack = slack >> 32;
        if !is_whole || slack > self.room() as u64 {
            return Err(Broken::AtMost(self.room()));
        }
        let (pattern, slack) = (pattern_of(tag), slack as usize);
        let size_bytes = self.room() - slack;
        let differs = |address, mask| {
            // SAFETY: in the slot: a slack of more than a word is one of a slot of several.
            (unsafe { read(address) } ^ pattern) & mask != 0
        };
        let is_broken = if slack >= PATTERN_BYTES {
            let first = self.start + size_bytes;
            differs(first, u64::MAX) | differs(first + WORD, u64::MAX)
        } else {
            let last = self.word_address() - WORD;
            differs(last, last_bytes(slack.min(WORD)))
                || slack > WORD && differs(last - WORD, last_bytes(slack - WORD))
        };
        match is_broken {
            true => Err(Broken::Block(size_bytes)),
            false => Ok(size_bytes),
        }
    }
}

/// A number in both halves of a word.
fn twice(slack: usize) -> u64 {
    slack as u64 | (slack as u64) << 32
}

fn pattern_of(tag: u64) -> u64 {
    tag | 0x0101_0101_0101_0101
}

/// A mask for the last `count` bytes (at most eight) of a word in memory.
fn last_bytes(count: usize) -> u64 {
    u64::MAX.checked_shl(64 - 8 * count as u32).unwrap_or(0)
}

/// # Safety
/// Eight bytes at `address` must be the caller's.
unsafe fn write(address: usize, value: u64) {
    // SAFETY: the caller's promise.
    unsafe { (address as *mut u64).write_unaligned(value) };
}

/// # Safety
/// As [`write`].
unsafe fn read(address: usize) -> u64 {
    // SAFETY: the caller's promise.
    unsafe { (address as *const u64).read_unaligned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(memory: &mut [u64]) -> Slot {
        Slot { start: memory.as_mut_ptr() as usize, bytes: memory.len() * 8 }
    }

    #[test]
    fn every_byte_behind_a_block_is_watched_and_none_before() {
        choose_secrets();
        for words in [2, 4, 6, 26] {
            for size in 0..=words * 8 - TRAILER_BYTES {
                let mut memory = vec![0u64; words];
                let slot = slot(&mut memory);
                // SAFETY: the slot is this test's.
                unsafe {
                    slot.seal(size);
                    assert_eq!(slot.open(), Ok(size));
                    let bytes = core::slice::from_raw_parts_mut(slot.start as *mut u8, slot.bytes);
                    assert!(bytes[..size].iter().all(|byte| *byte == 0), "the block is zero");
                    bytes[..size].fill(0xff);
                    assert_eq!(slot.open(), Ok(size));
                    let watched = (slot.room() - size).min(PATTERN_BYTES);
                    for offset in 0..watched {
                        let byte = slot.start + size + offset;
                        let before = (byte as *mut u8).replace(0);
                        assert_eq!(slot.open(), Err(Broken::Block(size)), "{size} {offset}");
                        (byte as *mut u8).write(before);
                    }
                    bytes[slot.room()..].fill(b'A');
                    assert_eq!(slot.open(), Err(Broken::AtMost(slot.room())));
                }
            }
        }
    }

    #[test]
    fn a_slot_sealed_anew_is_as_one_sealed_at_first() {
        choose_secrets();
        let mut memory = [0u64; 8];
        let slot = slot(&mut memory);
        for size in 0..=slot.room() {
            // SAFETY: the slot is this test's.
            unsafe {
                core::ptr::write_bytes(slot.start as *mut u8, 0, slot.bytes);
                slot.reseal(size);
                assert_eq!(slot.open(), Ok(size));
            }
            let resealed = memory;
            memory.fill(0);
            // SAFETY: as above.
            unsafe { slot.seal(size) };
            assert_eq!(memory, resealed);
        }
    }
}
