//! What a checked thread has: an empty heap that its word leads to, so that every call takes the
//! slow path, and behind it the heap that its blocks come from.

use super::stack_cache::Cache;
use crate::heap::fast::{self, Fast, Owner};
use crate::heap::thread_heap::Heap;
use crate::os::{process, signal_mask, signals, thread};
use crate::services::metadata;
use crate::sync::lock::{Holdable, Lock};
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A checked thread. Only the thread uses it.
#[repr(C)]
pub struct CheckedThread {
    fast: Fast,
    heap: *mut Heap,
    /// The stacks that it was in lately.
    pub cache: Cache,
    /// A stack for handlers of signals, or 0.
    signal_stack: usize,
    /// Its number at the kernel.
    pub number: u32,
    /// How many stretches it is in in which its blocks are no leaks.
    pub ignores_leaks: u32,
    /// The signals that it believes to block, and doesn't: `os/signal_mask.rs`.
    pub hidden_signals: AtomicU64,
    next: *mut CheckedThread,
}

/// Enough for what is done in a handler.
const SIGNAL_STACK_BYTES: usize = 48 << 10;

/// Those of threads that have ended.
struct Spare(*mut CheckedThread);

// SAFETY: the list owns what is in it.
unsafe impl Send for Spare {}

static SPARE: Lock<Spare> = Lock::new(Spare(ptr::null_mut()));

impl CheckedThread {
    /// The heap that its blocks come from.
    #[inline(always)]
    pub fn heap(&self) -> *mut Heap {
        self.heap
    }

    /// The heap behind the empty one that a checked thread's word leads to.
    ///
    /// # Safety
    /// `fast` must be this thread's, and its owner [`Owner::Checked`].
    pub unsafe fn heap_behind(fast: *mut Fast) -> *mut Heap {
        // SAFETY: the owner says that it is the start of a `CheckedThread`.
        unsafe { (*fast.cast::<Self>()).heap }
    }
}

/// Makes this thread, whose heap is `heap`, a checked one. `None` when there is no memory.
pub fn begin(heap: NonNull<Heap>) -> Option<()> {
    let checked = obtain()?;
    // SAFETY: this thread's own from now on.
    unsafe {
        (*checked.as_ptr()).heap = heap.as_ptr();
        let number = process::thread_number();
        (*checked.as_ptr()).number = number;
        // Blocked by those who started it: another program, or the C library for its timers.
        let blocked = signal_mask::open_accesses() | signal_mask::hidden_from_newcomer(number);
        (*checked.as_ptr()).hidden_signals.store(blocked, Relaxed);
        if (*checked.as_ptr()).signal_stack != 0 {
            signals::give_stack((*checked.as_ptr()).signal_stack, SIGNAL_STACK_BYTES);
        }
    }
    thread::set_thread_word(checked.as_ptr() as usize);
    Some(())
}

fn obtain() -> Option<NonNull<CheckedThread>> {
    let mut spare = SPARE.lock();
    if let Some(checked) = NonNull::new(spare.0) {
        // SAFETY: the list owns what is in it. What is known of one thread's stack is of no use to
        // another.
        unsafe {
            spare.0 = (*checked.as_ptr()).next;
            (*checked.as_ptr()).cache.clear();
            (*checked.as_ptr()).ignores_leaks = 0;
        }
        return Some(checked);
    }
    let bytes = size_of::<CheckedThread>().next_multiple_of(64);
    let checked = metadata::allocate(bytes)?.cast::<CheckedThread>();
    // SAFETY: fresh memory of the right size and alignment; written field by field, because the
    // whole is too long for the stacks of some threads.
    unsafe {
        let place = checked.as_ptr();
        (&raw mut (*place).fast).write(Fast::routing(Owner::Checked));
        (&raw mut (*place).heap).write(ptr::null_mut());
        (&raw mut (*place).cache).write(Cache::new());
        (&raw mut (*place).number).write(0);
        let stack = metadata::allocate(SIGNAL_STACK_BYTES);
        (&raw mut (*place).signal_stack).write(stack.map_or(0, |stack| stack.as_ptr() as usize));
        (&raw mut (*place).ignores_leaks).write(0);
        (&raw mut (*place).hidden_signals).write(AtomicU64::new(0));
        (&raw mut (*place).next).write(ptr::null_mut());
    }
    Some(checked)
}

/// This thread, if it is a checked one.
#[inline(always)]
pub fn current() -> Option<NonNull<CheckedThread>> {
    let fast = fast::current();
    // SAFETY: the thread's word always points to a heap's fast part.
    let is_checked = unsafe { (*fast).owner } == Owner::Checked;
    is_checked.then(|| NonNull::new(fast.cast()))?
}

/// Takes back what a thread had that ends; its word leads elsewhere by now.
pub fn end(checked: NonNull<CheckedThread>) {
    // SAFETY: still this thread's.
    signals::take_stack(unsafe { checked.as_ref() }.signal_stack);
    let mut spare = SPARE.lock();
    // SAFETY: nobody else uses it.
    unsafe { (*checked.as_ptr()).next = spare.0 };
    spare.0 = checked.as_ptr();
}

/// Its lock.
pub fn lock() -> &'static dyn Holdable {
    &SPARE
}
