//! The newtype for what `malloc` returns, below the C floor.

use core::ptr::NonNull;

/// The start of a block. Whether it is alive is the ledger's to say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(transparent)]
pub struct Block(NonNull<u8>);

impl Block {
    /// The block at `address`, which must not be zero.
    ///
    /// # Safety
    /// A block, free or live, must start there.
    #[inline(always)]
    pub const unsafe fn at(address: usize) -> Self {
        // SAFETY: not zero, the caller's promise.
        Self(unsafe { NonNull::new_unchecked(address as *mut u8) })
    }

    /// Its address.
    #[inline(always)]
    pub fn address(self) -> usize {
        self.0.as_ptr() as usize
    }

    /// Its first byte.
    #[inline(always)]
    pub fn as_ptr(self) -> *mut u8 {
        self.0.as_ptr()
    }
}
