//! Signal handlers that interrupt the library. A hit isn't marked in any way: that would cost each
//! call. So a handler of the library's stands in front of each of the program's. It looks where the
//! thread was interrupted. If that is inside the library, the thread's heap may be in the middle of
//! a change, and the program's handler runs with another one:
//!
//! | interrupted | the handler's heap |
//! |---|---|
//! | outside the library | the thread's own |
//! | in it, in no slow path: no lock is closed | that of a departed thread: calls go to the bins |
//! | in a slow path, or in a handler that has another heap itself | `INTERRUPTED`: `emergency.rs` |
//!
//! A handler that never returns (`siglongjmp`) leaves its thread with that heap. Its calls are
//! served as before, only slower, or in the last case until the emergency memory is used up.

use super::life;
use crate::heap::fast::{self, Owner};
use crate::heap::thread_heap::Heap;
use crate::os::handlers::{self, Handler, SignalInformation};
use crate::os::processor;
use crate::os::signals::SignalAction;
use crate::os::thread::{set_thread_word, thread_word};
use core::ffi::c_void;
use core::sync::atomic::{compiler_fence, Ordering};

/// `sigaction` for a program that isn't checked.
///
/// # Safety
/// `new` and `old` must each be null or point to a `struct sigaction`.
pub unsafe extern "C" fn set_action(
    signal: i32,
    new: *const SignalAction,
    old: *mut SignalAction,
) -> i32 {
    make_heaps();
    // SAFETY: the caller's promise.
    unsafe { handlers::set_action(handle as Handler, signal, new, old) }
}

/// `signal` for a program that isn't checked.
///
/// # Safety
/// `handler` must be a handler of signals, `SIG_DFL` or `SIG_IGN`.
pub unsafe extern "C" fn set_handler(signal: i32, handler: usize) -> usize {
    make_heaps();
    // SAFETY: the caller's promise.
    unsafe { handlers::set_handler(handle as Handler, signal, handler) }
}

/// Makes what the handler in front will need. Without memory it lets things be as they are.
fn make_heaps() {
    if let Some(_inside) = life::enter() {
        life::begin_process();
        let _ = (fast::departed(), fast::interrupted());
    }
}

unsafe extern "C" fn handle(
    signal: i32,
    information: *mut SignalInformation,
    context: *mut c_void,
) {
    // SAFETY: the context is the kernel's.
    let other = unsafe { other_heap(handlers::interrupted_at(context)) };
    let own = thread_word();
    if let Some(other) = other {
        set_thread_word(other);
        compiler_fence(Ordering::SeqCst);
    }
    // SAFETY: the arguments are the kernel's.
    unsafe { handlers::call(signal, information, context) };
    if other.is_some() {
        compiler_fence(Ordering::SeqCst);
        set_thread_word(own);
    }
}

/// The heap that the program's handler is to have, if not the thread's own.
fn other_heap(interrupted_at: usize) -> Option<usize> {
    let heap = fast::current();
    // SAFETY: the thread's word always points to a heap's fast part.
    let owner = unsafe { (*heap).owner };
    let is_in_library = processor::code().contains(&interrupted_at);
    match owner {
        // SAFETY: a thread's own fast part is the start of its heap.
        Owner::Thread if unsafe { (*heap.cast::<Heap>()).is_inside.load(Ordering::Relaxed) } => {
            fast::interrupted_if_made()
        }
        Owner::Thread if is_in_library => fast::departed_if_made(),
        Owner::Newcomer if is_in_library => fast::interrupted_if_made(),
        Owner::Departed => fast::interrupted_if_made(),
        Owner::Thread | Owner::Newcomer | Owner::Interrupted | Owner::Checked => None,
    }
}
