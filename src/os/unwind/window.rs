//! The part of a stack that is known to be readable.

use super::probe::{is_readable, read_word};

const PAGE_BYTES: usize = 4096;
/// How far the stack pointer may jump for it to be looked at as the same stack.
const NEAR_BYTES: usize = 256 * 1024;
/// No frame is longer, and no stack's end is looked for farther away.
const MAX_FRAME_BYTES: usize = 16 << 20;

/// A range of whole pages around and above a thread's stack pointer.
///
/// (W1) Each page was readable when it was added. What a thread has on its stack, at and above its
/// stack pointer, stays while it uses it; so only a walk that went astray can meet a page that has
/// vanished since, and then [`super::recover`] ends it.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    low: usize,
    end: usize,
}

impl Window {
    /// A window that knows nothing yet.
    pub const EMPTY: Self = Self { low: 0, end: 0 };

    /// Makes sure that the page of `sp` is in the window: a thread uses the stack that its stack
    /// pointer is on.
    #[inline]
    pub fn enter(&mut self, sp: usize) {
        if sp.wrapping_sub(self.low) >= self.end - self.low {
            self.enter_slow(sp);
        }
    }

    #[cold]
    fn enter_slow(&mut self, sp: usize) {
        let page = sp / PAGE_BYTES * PAGE_BYTES;
        if page < self.low && self.low - page <= NEAR_BYTES && all_readable(page, self.low) {
            self.low = page;
        } else if page >= self.end && page - self.end <= NEAR_BYTES && self.extend(page) {
        } else if all_readable(page, page.saturating_add(PAGE_BYTES)) {
            *self = Self { low: page, end: page + PAGE_BYTES };
        } else {
            *self = Self::EMPTY;
        }
    }

    /// Makes sure that the word at `address` is in the window, or is false.
    #[inline(always)]
    fn covers(&mut self, address: usize) -> bool {
        address.is_multiple_of(8)
            && address >= self.low
            && (address < self.end || self.extend(address))
    }

    #[cold]
    fn extend(&mut self, address: usize) -> bool {
        if address - self.end > MAX_FRAME_BYTES {
            return false;
        }
        while self.end <= address {
            if !is_readable(self.end) {
                return false;
            }
            self.end += PAGE_BYTES;
        }
        true
    }

    /// The word of the stack at `address`; `None` where no stack is.
    #[inline(always)]
    pub fn word(&mut self, address: usize) -> Option<usize> {
        if !self.covers(address) {
            return None;
        }
        // SAFETY: (W1).
        unsafe { read_word(address) }
    }

    /// What [`Window::word`] gives, without looking farther than the window already reaches.
    #[inline(always)]
    pub fn known_word(&self, address: usize) -> Option<usize> {
        if !self.reaches(address, address) {
            return None;
        }
        // SAFETY: (W1).
        unsafe { read_word(address) }
    }

    /// Whether it covers the words at `first` and, farther up, at `last`.
    #[inline(always)]
    pub(super) fn reaches(&self, first: usize, last: usize) -> bool {
        first.is_multiple_of(8) && self.low <= first && first <= last && last < self.end
    }

    /// Whether a function's frame can begin at `sp` and end at `frame_base`.
    #[inline(always)]
    pub(super) fn is_frame(sp: usize, frame_base: usize) -> bool {
        frame_base > sp && frame_base.is_multiple_of(8) && frame_base - sp <= MAX_FRAME_BYTES
    }
}

fn all_readable(from: usize, to: usize) -> bool {
    (from..to).step_by(PAGE_BYTES).all(is_readable)
}
