//! The part of a heap that the fast paths read, and the two heaps that no thread owns.

use crate::memory::ledger::{CoarseMap, FineMap};
use crate::os::thread;
use crate::services::metadata;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Values that a coarse ledger entry can have, and entries of [`Fast::coarse_tops`].
const COARSE_ENTRIES: usize = 64;
/// Fine classes, and entries of [`Fast::sources`].
const FINE_CLASSES: usize = 64;
/// Values that a fine ledger entry can have, and entries of [`Fast::sinks`]: one for each, so that
/// a pointer to no block needs no test of its own.
const FINE_ENTRIES: usize = 256;

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
    /// Nobody's: a handler has it that interrupted a slow path, and must not wait for any lock.
    Interrupted,
}

/// What the fast paths read. A heap starts with it.
///
/// A fine class has two loaded magazines: the source, from which blocks are allocated, and the
/// sink, into which they are freed. With one for both, each `malloc` would have to wait until the
/// processor knows which class the `free` before it changed, and that depends on a ledger byte
/// which is itself just being written: 6 to 9 ns for a pair instead of 4.
///
/// (F1) A top points to the last slot of the magazine that holds a block, or to the null word below
///      the slots; a limit points to the last slot. Where there is no magazine both are equal: it
///      is full. For a coarse class the word there is null: it is empty too.
/// (F2) `sources` has for each class a top as in (F1), of the null word if there is no source.
#[repr(C, align(64))]
pub struct Fast {
    /// The fine zones.
    pub fine: FineMap,
    /// The coarse zone.
    pub coarse: CoarseMap,
    /// The tops of the fine classes' sources, by the class's ledger byte.
    pub sources: [*mut usize; FINE_CLASSES],
    /// The tops of the fine classes' sinks, by what a ledger entry says.
    pub sinks: [*mut usize; FINE_ENTRIES],
    /// The sinks' limits: equal to the tops where there is no sink, or no class.
    pub sink_limits: [*mut usize; FINE_ENTRIES],
    /// The tops of the coarse classes' magazines, by what a ledger entry says.
    pub coarse_tops: [*mut usize; COARSE_ENTRIES],
    /// Their limits.
    pub coarse_limits: [*mut usize; COARSE_ENTRIES],
    /// Whose it is.
    pub owner: Owner,
}

/// A word that is null for ever, and where no magazine is loaded its only slot.
static NULL_WORD: usize = 0;

/// The top of no magazine: an empty one.
pub const NO_SOURCE: *mut usize = (&raw const NULL_WORD).cast_mut();
/// The top and the limit of no magazine: a full one. It is never popped from.
pub const NO_SINK: *mut usize = core::ptr::null_mut();

impl Fast {
    /// A heap without magazines whose maps are empty: every call takes the slow path.
    pub const fn routing(owner: Owner) -> Self {
        Self {
            fine: FineMap::routing(),
            coarse: CoarseMap::routing(),
            sources: [NO_SOURCE; FINE_CLASSES],
            sinks: [NO_SINK; FINE_ENTRIES],
            sink_limits: [NO_SINK; FINE_ENTRIES],
            coarse_tops: [NO_SOURCE; COARSE_ENTRIES],
            coarse_limits: [NO_SOURCE; COARSE_ENTRIES],
            owner,
        }
    }
}

/// Whether a mode takes every call.
static ROUTES_ALL: AtomicBool = AtomicBool::new(false);

/// From now on heaps are made so that every call of their threads takes the slow path. Called
/// before the first is made.
pub fn route_all_calls() {
    ROUTES_ALL.store(true, Ordering::Relaxed);
}

/// Whether every call is to take the slow path.
pub fn routes_all_calls() -> bool {
    ROUTES_ALL.load(Ordering::Relaxed)
}

/// A heap that may be shared because nothing is ever written to it.
struct Shared(#[allow(dead_code)] Fast);

// SAFETY: nothing is written to it: it has no magazines, and its maps hold no address.
unsafe impl Sync for Shared {}

/// Every thread's heap at first.
static NEWCOMER: Shared = Shared(Fast::routing(Owner::Newcomer));

/// A heap that nobody owns: made when it is first needed, since a static one costs every program
/// its relocations.
struct Made(AtomicUsize, Owner);

static DEPARTED: Made = Made(AtomicUsize::new(0), Owner::Departed);
static INTERRUPTED: Made = Made(AtomicUsize::new(0), Owner::Interrupted);

impl Made {
    fn if_made(&self) -> Option<usize> {
        Some(self.0.load(Ordering::Acquire)).filter(|word| *word != 0)
    }

    /// `None` without memory for it.
    fn get(&self) -> Option<usize> {
        if let Some(known) = self.if_made() {
            return Some(known);
        }
        // Two threads at once may make two, and one of them is lost.
        let made = metadata::allocate(size_of::<Fast>())?.cast::<Fast>();
        // SAFETY: fresh memory of the right size and alignment.
        unsafe { made.write(Fast::routing(self.1)) };
        self.0.store(made.as_ptr() as usize, Ordering::Release);
        Some(made.as_ptr() as usize)
    }
}

/// The heap of a thread that has ended, for the thread's word.
pub fn departed() -> Option<usize> {
    DEPARTED.get()
}

/// As [`departed`], if it is there already.
pub fn departed_if_made() -> Option<usize> {
    DEPARTED.if_made()
}

/// The heap of a handler that interrupted a slow path, for the thread's word.
pub fn interrupted() -> Option<usize> {
    INTERRUPTED.get()
}

/// As [`interrupted`], if it is there already.
pub fn interrupted_if_made() -> Option<usize> {
    INTERRUPTED.if_made()
}

crate::define_thread_word!(NEWCOMER);

/// The fast part of this thread's heap.
#[inline(always)]
pub fn current() -> *mut Fast {
    thread::thread_word() as *mut Fast
}
