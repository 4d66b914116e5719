//! The start of the process and of threads, and their end.

use crate::heap::fast::{self, Owner};
use crate::heap::thread_heap::Heap;
use crate::heap::{registry, slow};
use crate::memory::{arena, find};
use crate::modes::check::{self, Caller, CheckedThread};
use crate::modes::harden;
use crate::os::imports::{self, Hook};
use crate::os::unwind::Registers;
use crate::os::{environment, files, interposer, process, thread};
use crate::services::options::{self, Choice};
use core::ffi::{c_char, c_void};
use core::ptr::{self, NonNull};
use core::sync::atomic::{compiler_fence, AtomicBool, AtomicUsize, Ordering};

use super::{checked, fork, summary};

/// This thread's heap, made if it has none yet. `None` for a thread that has ended, or can't have
/// one: its calls go to the bins directly.
pub fn heap() -> Option<&'static mut Heap> {
    let fast = fast::current();
    // SAFETY: the thread's word always points to a heap's fast part.
    match unsafe { (*fast).owner } {
        // SAFETY: a thread's own fast part is the start of its heap, which only it uses; callers
        // drop the reference before the next call.
        Owner::Thread => Some(unsafe { &mut *fast.cast::<Heap>() }),
        // SAFETY: likewise, and the heap is the checked thread's.
        Owner::Checked => unsafe { CheckedThread::heap_behind(fast).as_mut() },
        Owner::Newcomer => begin_thread(),
        Owner::Departed | Owner::Interrupted => None,
    }
}

/// A slow path under way: while it lives, further calls of the thread are from signal handlers.
pub struct Inside {
    heap: *mut Heap,
}

/// Enters a slow path. `None` if the thread is inside one: then this call comes from a signal
/// handler that interrupted it, and must not wait for any lock.
pub fn enter() -> Option<Inside> {
    // SAFETY: as in `heap`.
    if unsafe { (*fast::current()).owner } == Owner::Interrupted {
        return None;
    }
    let heap = own_heap();
    // A thread without a heap of its own isn't watched.
    if heap.is_null() {
        return Some(Inside { heap });
    }
    // SAFETY: as in `heap`.
    unsafe { enter_with(heap) }
}

/// As [`enter`], in a thread that has a heap.
///
/// # Safety
/// It must be this thread's.
#[inline(always)]
pub unsafe fn enter_with(heap: *mut Heap) -> Option<Inside> {
    // SAFETY: the caller's promise.
    unsafe {
        if (*heap).is_inside.load(Ordering::Relaxed) {
            return None;
        }
        (*heap).is_inside.store(true, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
    }
    Some(Inside { heap })
}

/// This thread's heap, or null if it has none.
fn own_heap() -> *mut Heap {
    let fast = fast::current();
    // SAFETY: as in `heap`.
    unsafe {
        match (*fast).owner {
            Owner::Thread => fast.cast(),
            Owner::Checked => CheckedThread::heap_behind(fast),
            Owner::Newcomer | Owner::Departed | Owner::Interrupted => ptr::null_mut(),
        }
    }
}

impl Drop for Inside {
    #[inline(always)]
    fn drop(&mut self) {
        // A thread that was a newcomer has a heap by now, but one that isn't marked.
        if !self.heap.is_null() {
            compiler_fence(Ordering::SeqCst);
            // SAFETY: heaps are never unmapped, and this one is the thread's.
            unsafe { (*self.heap).is_inside.store(false, Ordering::Relaxed) };
        }
    }
}

/// Addresses that signal handlers gave to `free` in the middle of a slow path; 0 where there is
/// none.
static DEFERRED: [AtomicUsize; 64] = [const { AtomicUsize::new(0) }; 64];
/// Whether there may be any.
static HAS_DEFERRED: AtomicBool = AtomicBool::new(false);

/// Notes an address that a signal handler gave to `free` in the middle of a slow path; it is freed
/// when one ends. Without room the block stays allocated.
pub fn defer(address: usize) {
    for place in &DEFERRED {
        if place.compare_exchange(0, address, Ordering::Release, Ordering::Relaxed).is_ok() {
            HAS_DEFERRED.store(true, Ordering::Release);
            return;
        }
    }
}

/// Whether there may be an address that was deferred.
#[inline(always)]
pub fn has_deferred() -> bool {
    HAS_DEFERRED.load(Ordering::Relaxed)
}

/// An address that was deferred.
pub fn take_deferred() -> Option<usize> {
    match has_deferred() {
        true => take_deferred_slow(),
        false => None,
    }
}

#[cold]
fn take_deferred_slow() -> Option<usize> {
    // Before looking: what is deferred meanwhile says so again.
    HAS_DEFERRED.store(false, Ordering::SeqCst);
    let mut taken = DEFERRED.iter().map(|place| place.swap(0, Ordering::AcqRel));
    let address = taken.find(|address| *address != 0);
    if address.is_some() {
        HAS_DEFERRED.store(true, Ordering::SeqCst); // perhaps not the last
    }
    address
}

#[cold]
fn begin_thread() -> Option<&'static mut Heap> {
    begin_process();
    let heap = registry::obtain()?;
    // From here on the thread has a heap: `watch_exit` may allocate.
    match check::is_on() {
        true => check::begin_thread(heap)?,
        false => thread::set_thread_word(heap.as_ptr() as usize),
    }
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
        begin_options();
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
    let checked = check::current_thread();
    thread::set_thread_word(departed);
    if let Some(checked) = checked {
        check::end_thread(checked);
    }
    if harden::is_on() {
        // SAFETY: the heap was this thread's, and nothing else uses it.
        harden::end_thread(unsafe { &mut *heap.as_ptr() });
    }
    // SAFETY: the heap was this thread's, and its word no longer leads to it.
    unsafe { registry::retire(heap) };
}

/// Called when the library is loaded, with the process's environment.
///
/// # Safety
/// `environment` must be an array of C strings that a null ends, or null.
pub unsafe fn begin_library(environment: *const *const c_char) {
    process::at_fork(fork::before, fork::in_parent, fork::in_child);
    // SAFETY: the caller's promise.
    unsafe { apply_options(environment) };
    if options::is_on(Choice::Check) {
        // A thread that never allocates can have errors too.
        let _ = heap();
        begin_checks();
        process::at_quick_exit(end_quickly);
    }
}

/// Applies the options of the environment as it was when the process began: check mode has to be
/// known at the first allocation, which comes before any constructor runs.
fn begin_options() {
    if let Some(environment) = environment::at_start() {
        // SAFETY: such an array, as the kernel laid it out.
        unsafe { apply_options(environment) };
    }
    if options::is_on(Choice::Check) {
        begin_checks();
    } else if options::is_on(Choice::Harden) {
        harden::begin();
    }
}

/// Looks whether blocks may be freed in another way than they were allocated. `own` is Cairn's
/// `operator new`.
pub fn look_for_operators(own: *const c_void) {
    if !check::is_on() {
        return;
    }
    // What the loader allocates meanwhile, for the text of an error, isn't the program's.
    let inside = enter();
    check::ask_loader();
    if interposer::has_other_operators(own) {
        check::allow_mismatches();
    }
    drop(inside);
}

/// Puts hooks in the place of functions that modules import, in check mode.
pub fn begin_hooks(hooks: &[Hook]) {
    if check::is_on() {
        let inside = enter();
        imports::begin(hooks);
        drop(inside);
    }
}

fn begin_checks() {
    warm_up();
    check::begin();
    checked::IS_WATCHING.store(true, Ordering::Relaxed);
}

/// Takes a block of each zone and gives it back. A zone that begins later needs mappings, and
/// guards may have used them up by then.
fn warm_up() {
    for size_bytes in [16, 512, 4096] {
        if let Some((block, _)) = slow::take(None, size_bytes, 1) {
            if let Some(live) = find::live(block.address()) {
                slow::give(None, live);
            }
        }
    }
}

/// Applies the options in `environment`, once.
///
/// # Safety
/// As [`begin_library`].
unsafe fn apply_options(environment: *const *const c_char) {
    static APPLIED: AtomicBool = AtomicBool::new(false);
    if environment::is_secure() || APPLIED.swap(true, Ordering::AcqRel) {
        return;
    }
    // SAFETY: the caller's promise.
    if let Some(text) = unsafe { environment::variable(environment, b"CAIRN_OPTIONS") } {
        options::apply(text);
        if options::is_on(Choice::Check) && !options::is_on(Choice::Children) {
            // SAFETY: the text is the process's own environment, and nothing else refers to it.
            unsafe {
                environment::overwrite(environment, b"CAIRN_OPTIONS", b"check=1", b"check=0");
            }
        }
    }
    if options::is_on(Choice::Stats) || options::is_on(Choice::Check) {
        // Some programs close their standard error before the summary is due.
        files::keep_error_stream();
    }
}

/// Does what check mode has to do before the process ends, as a slow path: a signal's handler that
/// interrupts it must not wait for its locks. Where such a handler itself ends the process, in the
/// middle of a call, nothing is done: what the call has locked stays so.
fn with_the_checker(work: impl FnOnce()) {
    if check::is_on() {
        if let Some(_inside) = enter() {
            work();
        }
    }
}

/// Called when another program is to take the process over.
pub fn before_exec() {
    with_the_checker(check::look_before_exec);
}

/// Called when the process ends by `quick_exit`.
extern "C" fn end_quickly() {
    with_the_checker(|| check::end_process("quick_exit", &Caller::here()));
}

/// Called when the process ends without running its handlers.
pub fn end_abruptly(caller: &Caller) {
    with_the_checker(|| check::end_process("_exit", caller));
}

/// Called when the process exits by `exit` or by returning from `main`.
pub fn end_library(caller: &Caller, registers: &Registers) {
    with_the_checker(|| {
        let outermost = check::after_main(registers);
        check::end_process("exit", outermost.as_ref().unwrap_or(caller));
    });
    if options::is_on(Choice::Stats) {
        summary::print();
    }
}
