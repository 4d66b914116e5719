//! What a walk went by, so short that many can be kept, and so that it can be compared in an
//! instant.

use super::probe::{read_digest, read_word, MAX_DIGEST_WORDS};
use super::window::Window;

/// Words of a stack, by their distance from the stack pointer.
///
/// (T1) None of the first `length` offsets is larger than `reach`, and there are never more than
/// there is room for.
#[derive(Clone, Copy)]
pub struct Trail {
    offsets: [u16; MAX_DIGEST_WORDS],
    reach: u16,
    length: u8,
}

impl Trail {
    /// A trail without words.
    pub const EMPTY: Self = Self { offsets: [0; MAX_DIGEST_WORDS], reach: 0, length: 0 };

    /// How many words it has.
    pub fn length(&self) -> usize {
        self.length as usize
    }

    /// Adds the word at `address` of the stack whose pointer is `sp`; false when there is no room,
    /// or it is too far away.
    pub fn push(&mut self, sp: usize, address: usize) -> bool {
        let Ok(offset) = u16::try_from(address.wrapping_sub(sp) / 8) else { return false };
        let Some(place) = self.offsets.get_mut(self.length as usize) else { return false };
        *place = offset;
        self.reach = self.reach.max(offset);
        self.length += 1;
        true
    }

    /// Whether the window reaches as far as the trail from `sp`, which has words.
    #[inline(always)]
    pub fn is_within(&self, window: &Window, sp: usize) -> bool {
        self.length > 0 && window.reaches(sp, sp.wrapping_add(8 * self.reach as usize))
    }

    /// The word of the stack that was added as the `index`th.
    ///
    /// # Safety
    /// [`Trail::is_within`] must have said so of a window and `sp`.
    #[inline(always)]
    pub unsafe fn word(&self, sp: usize, index: usize) -> Option<usize> {
        // SAFETY: (W1), by the caller's promise; (T1).
        unsafe { read_word(sp + 8 * *self.offsets.get(index)? as usize) }
    }

    /// A number that stands for all words of the trail and for `seed`.
    ///
    /// # Safety
    /// As [`Trail::word`].
    #[inline(always)]
    pub unsafe fn digest(&self, sp: usize, seed: u64) -> Option<u64> {
        // SAFETY: as above.
        unsafe { read_digest(sp, self.offsets.get(..self.length as usize)?, seed) }
    }
}
