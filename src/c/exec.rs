//! execve, execv, execvp: another program takes the process over, and what the checker has not
//! looked at yet would be lost. (The forms with a list of arguments call none of these.)

use crate::front::life;
use crate::os::process;
use core::ffi::{c_char, c_int};

type Strings = *const *const c_char;

/// execve(2).
///
/// # Safety
/// `path` must be a C string, the others arrays of such that a null ends.
#[cfg_attr(not(test), no_mangle)]
pub unsafe extern "C" fn execve(
    path: *const c_char,
    arguments: Strings,
    variables: Strings,
) -> c_int {
    life::before_exec();
    // SAFETY: the caller's promise.
    unsafe { process::execute(path, arguments, variables) }
}

/// execv(3).
///
/// # Safety
/// As [`execve`].
#[cfg_attr(not(test), no_mangle)]
pub unsafe extern "C" fn execv(path: *const c_char, arguments: Strings) -> c_int {
    life::before_exec();
    // SAFETY: the caller's promise.
    unsafe { process::execute(path, arguments, process::environment()) }
}

/// execvp(3).
///
/// # Safety
/// As [`execve`].
#[cfg_attr(not(test), no_mangle)]
pub unsafe extern "C" fn execvp(file: *const c_char, arguments: Strings) -> c_int {
    life::before_exec();
    // SAFETY: the caller's promise.
    unsafe { process::search_and_execute(file, arguments) }
}
