//! `_exit` and `_Exit`: a process that ends by them skips every handler, and what the checker still
//! has to say would be lost.

use crate::front::life;
use crate::os::process;
use crate::os::processor::Caller;
use core::ffi::c_int;

/// Ends the process at once with `status`. POSIX.
///
/// # Safety
/// None is needed.
#[cfg_attr(not(test), no_mangle)]
pub unsafe extern "C" fn _exit(status: c_int) -> ! {
    life::end_abruptly(&Caller::here());
    process::exit_now(status)
}

/// The same. C11 7.22.4.5.
///
/// # Safety
/// None is needed.
#[cfg_attr(not(test), no_mangle)]
#[allow(non_snake_case)]
pub unsafe extern "C" fn _Exit(status: c_int) -> ! {
    life::end_abruptly(&Caller::here());
    process::exit_now(status)
}
