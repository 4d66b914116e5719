//! The calls by which programs tell LeakSanitizer what is no leak (`sanitizer/lsan_interface.h`),
//! for check mode. Without it they do nothing.

use crate::front::checked;
use crate::os::processor::Caller;
use core::ffi::{c_int, c_void};

/// From now on, blocks that this thread allocates are no leaks. Nests.
#[cfg_attr(not(test), no_mangle)]
pub extern "C" fn __lsan_disable() {
    checked::ignore_leaks_here(true);
}

/// Ends what [`__lsan_disable`] began.
#[cfg_attr(not(test), no_mangle)]
pub extern "C" fn __lsan_enable() {
    checked::ignore_leaks_here(false);
}

/// The block at `address` is no leak, nor is what it leads to.
#[cfg_attr(not(test), no_mangle)]
pub extern "C" fn __lsan_ignore_object(address: *const c_void) {
    checked::ignore_block(address as usize);
}

/// Looks for leaks now and ends the process with status 23 if there are any.
#[cfg_attr(not(test), no_mangle)]
pub extern "C" fn __lsan_do_leak_check() {
    checked::end_if_leaking(&Caller::here());
}

/// Looks for leaks now; returns 1 if there are any.
#[cfg_attr(not(test), no_mangle)]
pub extern "C" fn __lsan_do_recoverable_leak_check() -> c_int {
    c_int::from(checked::is_leaking(&Caller::here()))
}
