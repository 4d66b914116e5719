//! sigprocmask and pthread_sigmask: in check mode the program only seems to block the signals that
//! a wrong access raises. Not looked at are `sigsuspend` and its like, which wait with a mask of
//! their own, and what the C library blocks inside.

use crate::front::checked;
use crate::os::process;
use crate::os::signal_mask::Change;
use core::ffi::c_int;

/// The part of a `sigset_t` that Linux has.
type Signals = u64;

/// sigprocmask(2).
///
/// # Safety
/// `new` and `old` must each be null or point to a `sigset_t`.
#[cfg_attr(not(test), no_mangle)]
pub unsafe extern "C" fn sigprocmask(how: c_int, new: *const Signals, old: *mut Signals) -> c_int {
    // SAFETY: the caller's promise.
    match unsafe { pthread_sigmask(how, new, old) } {
        0 => 0,
        _ => {
            process::Failure::InvalidArgument.set_errno();
            -1
        }
    }
}

/// pthread_sigmask(3).
///
/// # Safety
/// As [`sigprocmask`].
#[cfg_attr(not(test), no_mangle)]
pub unsafe extern "C" fn pthread_sigmask(
    how: c_int,
    new: *const Signals,
    old: *mut Signals,
) -> c_int {
    // SAFETY: the caller's promise.
    let (set, old) = unsafe { (new.as_ref(), old.as_mut()) };
    let change = match (set, Change::from_number(how)) {
        (None, _) => None,
        (Some(set), Some(how)) => Some((how, *set)),
        (Some(_), None) => return process::Failure::InvalidArgument.code(),
    };
    let before = checked::change_mask(change);
    if let Some(old) = old {
        *old = before;
    }
    0
}
