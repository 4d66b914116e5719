//! sigaction and signal: in check mode the checker stays in front of the program's handlers of the
//! signals that an error raises; without it `front/interruption.rs` stays in front of all. The
//! program sees its own.

use crate::front::{checked, interruption};
use crate::os::signals::{self, SignalAction};
use core::arch::naked_asm;
use core::ffi::c_int;

/// sigaction(2).
///
/// # Safety
/// `new` and `old` must each be null or point to a `struct sigaction`.
#[unsafe(naked)]
#[cfg_attr(not(test), no_mangle)]
pub unsafe extern "C" fn sigaction(
    signal: c_int,
    new: *const SignalAction,
    old: *mut SignalAction,
) -> c_int {
    naked_asm!(
        "cmp byte ptr [rip + {watching}], 0",
        "jne {checked}",
        "jmp {unchecked}",
        watching = sym checked::IS_WATCHING,
        unchecked = sym interruption::set_action,
        checked = sym signals::set_action,
    )
}

/// signal(2), as glibc has it: the handler stays, and interrupted calls go on.
///
/// # Safety
/// `handler` must be a handler of signals, `SIG_DFL` or `SIG_IGN`.
#[unsafe(naked)]
#[cfg_attr(not(test), no_mangle)]
pub unsafe extern "C" fn signal(signal: c_int, handler: usize) -> usize {
    naked_asm!(
        "cmp byte ptr [rip + {watching}], 0",
        "jne {checked}",
        "jmp {unchecked}",
        watching = sym checked::IS_WATCHING,
        unchecked = sym interruption::set_handler,
        checked = sym signals::set_handler,
    )
}
