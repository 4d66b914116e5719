//! The heaps of all threads: made when a thread first needs one, recycled when it ends.

use super::thread_heap::Heap;
use crate::memory::crowd;
use crate::services::metadata;
use crate::sync::lock::Lock;
use core::ptr::{self, NonNull};
use core::sync::atomic::AtomicBool;

/// Heaps of threads that have ended.
struct Spare {
    head: *mut Heap,
    made: usize,
}

// SAFETY: the list owns its heaps.
unsafe impl Send for Spare {}

static SPARE: Lock<Spare> = Lock::new(Spare { head: ptr::null_mut(), made: 0 });

/// A heap for this thread; `None` when there is no memory for one.
pub fn obtain() -> Option<NonNull<Heap>> {
    let mut spare = SPARE.lock();
    if let Some(heap) = NonNull::new(spare.head) {
        // SAFETY: the list owns its heaps.
        unsafe {
            spare.head = (*heap.as_ptr()).next;
            (*heap.as_ptr()).look_around();
            (*heap.as_ptr()).is_inside = AtomicBool::new(false);
        }
        return Some(heap);
    }
    let heap = metadata::allocate(size_of::<Heap>().next_multiple_of(64))?.cast::<Heap>();
    // SAFETY: fresh memory of the right size and alignment.
    unsafe { heap.write(Heap::new()) };
    spare.made += 1;
    crowd::note(spare.made);
    Some(heap)
}

/// Takes back the heap of a thread that ends.
///
/// # Safety
/// It must come from [`obtain`], and nothing may use it any more.
pub unsafe fn retire(heap: NonNull<Heap>) {
    // SAFETY: the caller's promise.
    unsafe { (*heap.as_ptr()).empty_out() };
    let mut spare = SPARE.lock();
    // SAFETY: as above.
    unsafe { (*heap.as_ptr()).next = spare.head };
    spare.head = heap.as_ptr();
}

/// How many heaps were ever made: the most threads that had one at the same time.
pub fn made() -> usize {
    SPARE.lock().made
}

/// Closes the registry's lock for a fork.
pub fn hold_for_fork() {
    SPARE.hold_for_fork();
}

/// Opens it again.
///
/// # Safety
/// As [`Lock::release_after_fork`].
pub unsafe fn release_after_fork() {
    // SAFETY: the caller's promise.
    unsafe { SPARE.release_after_fork() };
}
