//! The start of the process and of threads, and their end.

use crate::heap::fast::{self, Owner};
use crate::heap::registry;
use crate::heap::thread_heap::Heap;
use crate::memory::arena;
use crate::os::{environment, files, process, thread};
use crate::services::options::{self, Choice};
use core::ffi::{c_char, c_void};
use core::ptr::{self, NonNull};
use core::sync::atomic::{compiler_fence, AtomicBool, Ordering};

use super::{fork, summary};

/// This thread's heap, made if it has none yet. `None` for a thread that has ended, or can't have
/// one: its calls go to the bins directly.
pub fn heap() -> Option<&'static mut Heap> {
    let fast = fast::current();
    // SAFETY: the thread's word always points to a heap's fast part.
    match unsafe { (*fast).owner } {
        // SAFETY: a thread's own fast part is the start of its heap, which only it uses; callers
        // drop the reference before the next call.
        Owner::Thread => Some(unsafe { &mut *fast.cast::<Heap>() }),
        Owner::Newcomer => begin_thread(),
        Owner::Departed => None,
    }
}

/// A slow path under way: while it lives, further calls of the thread are from signal handlers.
pub struct Inside {
    heap: *mut Heap,
}

/// Enters a slow path. `None` if the thread is inside one: then this call comes from a signal
/// handler that interrupted it, and must not wait for any lock.
pub fn enter() -> Option<Inside> {
    let heap = fast::current().cast::<Heap>();
    // SAFETY: as in `heap`. A thread without a heap of its own isn't watched.
    unsafe {
        if (*heap).fast.owner != Owner::Thread {
            return Some(Inside { heap: ptr::null_mut() });
        }
        if (*heap).is_inside.load(Ordering::Relaxed) {
            return None;
        }
        (*heap).is_inside.store(true, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
    }
    Some(Inside { heap })
}

impl Drop for Inside {
    fn drop(&mut self) {
        // A thread that was a newcomer has a heap by now, but one that isn't marked.
        if !self.heap.is_null() {
            compiler_fence(Ordering::SeqCst);
            // SAFETY: heaps are never unmapped, and this one is the thread's.
            unsafe { (*self.heap).is_inside.store(false, Ordering::Relaxed) };
        }
    }
}

/// Notes an address that a signal handler gave to `free` in the middle of a slow path. Without room
/// the block stays allocated.
pub fn defer(address: usize) {
    if let Some(heap) = heap() {
        heap.deferred.push(address);
    }
}

/// An address that was deferred.
pub fn take_deferred() -> Option<usize> {
    let heap = fast::current().cast::<Heap>();
    // SAFETY: as in `enter`.
    unsafe {
        match (*heap).fast.owner {
            Owner::Thread => (*heap).deferred.pop(),
            _ => None,
        }
    }
}

#[cold]
fn begin_thread() -> Option<&'static mut Heap> {
    begin_process();
    let heap = registry::obtain()?;
    // From here on the thread has a heap: `watch_exit` may allocate.
    thread::set_thread_word(heap.as_ptr() as usize);
    if !thread::watch_exit(heap.as_ptr().cast()) {
        depart(heap);
        return None;
    }
    // SAFETY: as in `heap`.
    Some(unsafe { &mut *heap.as_ptr() })
}

/// What has to be there before the first allocation. Called often, does something once.
pub fn begin_process() {
    static BEGUN: AtomicBool = AtomicBool::new(false);
    arena::ensure_placed();
    if !BEGUN.load(Ordering::Relaxed) && !BEGUN.swap(true, Ordering::AcqRel) {
        thread::create_exit_key(end_thread);
    }
}

/// The destructor of the thread's exit key.
unsafe extern "C" fn end_thread(heap: *mut c_void) {
    if let Some(heap) = NonNull::new(heap.cast::<Heap>()) {
        depart(heap);
    }
}

/// Ends a thread's use of its heap. What it still allocates and frees goes to the bins directly:
/// other destructors run after this one, and the loader frees the thread's own memory last.
fn depart(heap: NonNull<Heap>) {
    // Without memory for such a heap the thread keeps its own, and what is in it is lost.
    let Some(departed) = fast::departed() else { return };
    thread::set_thread_word(departed);
    // SAFETY: the heap was this thread's, and its word no longer leads to it.
    unsafe { registry::retire(heap) };
}

/// Called when the library is loaded, with the process's environment.
///
/// # Safety
/// `environment` must be an array of C strings that a null ends, or null.
pub unsafe fn begin_library(environment: *const *const c_char) {
    process::at_fork(fork::before, fork::in_parent, fork::in_child);
    if environment::is_secure() {
        return;
    }
    // SAFETY: the caller's promise.
    if let Some(text) = unsafe { environment::variable(environment, b"CAIRN_OPTIONS") } {
        options::apply(text);
    }
    if options::is_on(Choice::Stats) {
        // Some programs close their standard error before the summary is due.
        files::keep_error_stream();
    }
}

/// Called when the process exits.
pub fn end_library() {
    if options::is_on(Choice::Stats) {
        summary::print();
    }
}
