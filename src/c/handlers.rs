//! sigaction and signal: in check mode the checker stays in front of the program's handlers of the
//! signals that an error raises, and the program sees its own. Without it each of these jumps to
//! the C library's own function.

use crate::front::checked;
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
        "jmp qword ptr [rip + __sigaction@GOTPCREL]",
        watching = sym checked::IS_WATCHING,
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
        "jmp qword ptr [rip + ssignal@GOTPCREL]",
        watching = sym checked::IS_WATCHING,
        checked = sym signals::set_handler,
    )
}
