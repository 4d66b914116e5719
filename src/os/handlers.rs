//! The program's handlers of signals, with a handler of the library's in front of each.
//!
//! Linux gives a handler the interrupted context on x86-64 whether or not `SA_SIGINFO` asks for it,
//! so flags and mask of the program's action stay as they are, and only the handler's address is
//! another. The program sees its own.

use super::signals::SignalAction;
use core::ffi::c_void;
use core::sync::atomic::{AtomicUsize, Ordering::Acquire, Ordering::Release};

/// One more than the highest signal's number.
const SIGNALS: usize = 65;

/// `siginfo_t`.
pub type SignalInformation = libc::siginfo_t;

/// A handler, with the arguments that the kernel gives to each.
pub type Handler = unsafe extern "C" fn(i32, *mut SignalInformation, *mut c_void);

extern "C" {
    /// The C library's `sigaction`, by its inner name: Cairn exports the other one.
    fn __sigaction(signal: i32, new: *const SignalAction, old: *mut SignalAction) -> i32;
    /// The C library's `signal`, by its other name.
    fn ssignal(signal: i32, handler: usize) -> usize;
}

/// The program's handlers, by signal. One stays when the program goes back to the default: the
/// child of a vfork may do that in its parent's memory.
static OF_PROGRAM: [AtomicUsize; SIGNALS] = [const { AtomicUsize::new(0) }; SIGNALS];

/// Whether `handler` is one, and not the default or to ignore the signal.
fn is_function(handler: usize) -> bool {
    handler != libc::SIG_DFL && handler != libc::SIG_IGN && handler != libc::SIG_ERR
}

fn entry(signal: i32) -> Option<&'static AtomicUsize> {
    OF_PROGRAM.get(usize::try_from(signal).ok()?)
}

/// `sigaction`; a handler of the program's gets `front` in front of it.
///
/// # Safety
/// `new` and `old` must each be null or point to a `struct sigaction`.
pub unsafe fn set_action(
    front: Handler,
    signal: i32,
    new: *const SignalAction,
    old: *mut SignalAction,
) -> i32 {
    // SAFETY: the caller's promise.
    let wanted = unsafe { new.as_ref() }.filter(|new| is_function(new.sa_sigaction));
    let (Some(entry), Some(wanted)) = (entry(signal), wanted) else {
        // SAFETY: the caller's promise.
        let result = unsafe { __sigaction(signal, new, old) };
        if let (0, Some(entry)) = (result, entry(signal)) {
            // SAFETY: the caller's promise.
            unsafe { show_own(old, front, entry.load(Acquire)) };
        }
        return result;
    };
    let mut action = *wanted;
    action.sa_sigaction = front as usize;
    // Before the kernel knows of it: a signal may come at once.
    let before = entry.swap(wanted.sa_sigaction, Release);
    // SAFETY: the caller's promise, and `front` is a handler.
    let result = unsafe { __sigaction(signal, &raw const action, old) };
    match result {
        // SAFETY: the caller's promise.
        0 => unsafe { show_own(old, front, before) },
        _ => entry.store(before, Release),
    }
    result
}

/// The program sees its own handler.
///
/// # Safety
/// `old` must be null or point to a `struct sigaction`.
unsafe fn show_own(old: *mut SignalAction, front: Handler, own: usize) {
    // SAFETY: the caller's promise.
    if let Some(old) = unsafe { old.as_mut() } {
        if old.sa_sigaction == front as usize {
            old.sa_sigaction = own;
        }
    }
}

/// `signal`, likewise.
///
/// # Safety
/// `handler` must be a handler of signals, `SIG_DFL` or `SIG_IGN`.
pub unsafe fn set_handler(front: Handler, signal: i32, handler: usize) -> usize {
    let Some(entry) = entry(signal) else {
        // SAFETY: the caller's promise.
        return unsafe { ssignal(signal, handler) };
    };
    let before = entry.load(Acquire);
    let given = match is_function(handler) {
        true => {
            entry.store(handler, Release);
            front as usize
        }
        false => handler,
    };
    // SAFETY: the caller's promise, and `front` is a handler.
    let result = unsafe { ssignal(signal, given) };
    if result == libc::SIG_ERR {
        entry.store(before, Release);
    }
    match result == front as usize {
        true => before,
        false => result,
    }
}

/// Calls the program's own handler.
///
/// # Safety
/// The arguments must be those that the kernel gave to the handler in front of it.
pub unsafe fn call(signal: i32, information: *mut SignalInformation, context: *mut c_void) {
    let Some(entry) = entry(signal) else { return };
    let handler = entry.load(Acquire);
    if handler != 0 {
        // SAFETY: the program gave a handler. One that takes only the signal's number ignores the
        // registers of the other arguments.
        unsafe { core::mem::transmute::<usize, Handler>(handler)(signal, information, context) };
    }
}

/// Where the interrupted thread is in its code.
///
/// # Safety
/// `context` must be what the kernel gave to a handler.
pub unsafe fn interrupted_at(context: *const c_void) -> usize {
    // SAFETY: the caller's promise.
    let saved = unsafe { &(*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs };
    saved[libc::REG_RIP as usize] as usize
}
