//! The part of a heap that the fast paths read, and the two heaps that no thread owns.

use crate::arithmetic::size_class::SizeClass;
use crate::memory::ledger::{CoarseMap, FineMap};
use crate::os::thread;
use crate::services::metadata;
use core::sync::atomic::{AtomicUsize, Ordering};

/// Entries of coarse classes in [`Fast::loaded`]; those of fine classes follow.
const COARSE_ENTRIES: usize = 64;
/// Entries of fine classes: one for each value that a fine ledger entry can have, so that a pointer
/// to no block needs no test of its own.
const FINE_ENTRIES: usize = 256;
const ENTRIES: usize = COARSE_ENTRIES + FINE_ENTRIES;

/// A loaded magazine as the fast paths see it.
///
/// (F1) `top` points to the last slot that holds a block, or to the null word below the slots;
///      `limit` points to the last slot. Where there is no magazine, `top == limit`: it is full,
///      and for each class the word there is null: it is empty too.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Loaded {
    /// The last slot that holds a block, or the null word.
    pub top: *mut usize,
    /// The last slot.
    pub limit: *mut usize,
}

/// Whose heap it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Owner {
    /// A thread's.
    Thread,
    /// A thread's whose calls are checked: `modes/check/thread.rs`.
    Checked,
    /// Nobody's: a thread that has it is to get one of its own at its first call.
    Newcomer,
    /// Nobody's: a thread that has it has ended as far as can be told, or can't have one.
    Departed,
}

/// What the fast paths read. A heap starts with it.
#[repr(C, align(64))]
pub struct Fast {
    /// The fine zones.
    pub fine: FineMap,
    /// The coarse zone.
    pub coarse: CoarseMap,
    /// The loaded magazines, by [`entry_of`].
    pub loaded: [Loaded; ENTRIES],
    /// Whose it is.
    pub owner: Owner,
}

/// A word that is null for ever, and where no magazine is loaded its only slot.
static NULL_WORD: usize = 0;

/// Where no magazine is loaded.
pub const NO_MAGAZINE: Loaded =
    Loaded { top: (&raw const NULL_WORD).cast_mut(), limit: (&raw const NULL_WORD).cast_mut() };
/// What no class has: it is never popped from, so its null word need not exist.
const NO_CLASS: Loaded = Loaded { top: core::ptr::null_mut(), limit: core::ptr::null_mut() };

impl Fast {
    /// A heap without magazines whose maps are empty: every call takes the slow path.
    pub const fn routing(owner: Owner) -> Self {
        let mut loaded = [NO_CLASS; ENTRIES];
        let mut index = 0;
        while index < COARSE_ENTRIES + 64 {
            loaded[index] = NO_MAGAZINE;
            index += 1;
        }
        Self { fine: FineMap::routing(), coarse: CoarseMap::routing(), loaded, owner }
    }
}

/// The index in [`Fast::loaded`] of a class's magazine.
#[inline(always)]
pub const fn entry_of(class: SizeClass) -> usize {
    match class.is_coarse() {
        true => entry_of_coarse_byte(class.ledger_byte()),
        false => entry_of_fine_byte(class.ledger_byte()),
    }
}

/// The index in [`Fast::loaded`] for what a fine ledger entry says.
#[inline(always)]
pub const fn entry_of_fine_byte(byte: u8) -> usize {
    COARSE_ENTRIES + byte as usize
}

/// The index in [`Fast::loaded`] for what a coarse ledger entry says: at most 62.
#[inline(always)]
pub const fn entry_of_coarse_byte(byte: u8) -> usize {
    debug_assert!((byte as usize) < COARSE_ENTRIES);
    byte as usize
}

/// A heap that may be shared because nothing is ever written to it.
struct Shared(#[allow(dead_code)] Fast);

// SAFETY: nothing is written to it: it has no magazines, and its maps hold no address.
unsafe impl Sync for Shared {}

/// Every thread's heap at first.
static NEWCOMER: Shared = Shared(Fast::routing(Owner::Newcomer));

/// The heap of a thread that has ended, for the thread's word: made when the first thread ends,
/// since a static one costs every program its relocations. `None` without memory for it.
pub fn departed() -> Option<usize> {
    static DEPARTED: AtomicUsize = AtomicUsize::new(0);
    let known = DEPARTED.load(Ordering::Acquire);
    if known != 0 {
        return Some(known);
    }
    // Two threads that end at once may make two, and one of them is lost.
    let made = metadata::allocate(size_of::<Fast>())?.cast::<Fast>();
    // SAFETY: fresh memory of the right size and alignment.
    unsafe { made.write(Fast::routing(Owner::Departed)) };
    DEPARTED.store(made.as_ptr() as usize, Ordering::Release);
    Some(made.as_ptr() as usize)
}

crate::define_thread_word!(NEWCOMER);

/// The fast part of this thread's heap.
#[inline(always)]
pub fn current() -> *mut Fast {
    thread::thread_word() as *mut Fast
}
