//! What is known of one block, apart from it.

use super::stacks::StackNumber;
use crate::arithmetic::function::Function;

/// Where a block's memory is from, and how it lies in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Placement {
    /// From the heap, with canaries around.
    Plain,
    /// From the guarded region, at the end of its pages.
    GuardedRight,
    /// From the guarded region, at the start of its pages.
    GuardedLeft,
}

/// What is known of one block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(align(64))]
pub struct Record {
    /// The block's address.
    pub address: usize,
    /// The size that was asked for.
    pub size_bytes: usize,
    /// How many blocks had been allocated by then, this one included.
    pub number: u64,
    /// Where it was allocated.
    pub allocated: StackNumber,
    /// Where it was freed.
    pub freed: StackNumber,
    /// The thread that allocated it, by its number at the kernel.
    pub thread: u32,
    /// The thread that freed it.
    pub freed_thread: u32,
    /// What it was allocated with.
    pub function: Function,
    /// What it was freed with; `None` if it is alive.
    pub freed_by: Option<Function>,
    /// Where it lies.
    pub placement: Placement,
    /// Whether leaks of it are not told: `__lsan_ignore_object` and its like.
    pub is_ignored: bool,
    /// How far the block starts behind the start of the heap's own block: log2 of that in bytes.
    pub lead_log2: u8,
    /// How many bytes before it are canary.
    pub canary_before: u8,
    /// How many bytes behind it are canary.
    pub canary_behind: u8,
    /// The size class of the heap's own block, by its index; 0 if it has none.
    pub class: u8,
}

impl Record {
    /// Whether it hasn't been freed.
    pub fn is_live(&self) -> bool {
        self.freed_by.is_none()
    }

    /// Whether it lies in the guarded region.
    pub fn is_guarded(&self) -> bool {
        self.placement != Placement::Plain
    }

    /// Where the heap's own block starts.
    pub fn outer(&self) -> usize {
        self.address - (1 << self.lead_log2)
    }

    /// The address behind its last byte.
    pub fn end(&self) -> usize {
        self.address + self.size_bytes
    }
}
