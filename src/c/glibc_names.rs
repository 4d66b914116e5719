//! glibc's own names for the family, which a few programs call directly.
//!
//! # Safety
//! As the functions of the same names without the prefix.

use super::{aligned, standard};
use core::ffi::c_void;

/// [`standard::malloc`].
///
/// # Safety
/// See there.
#[cfg_attr(not(test), no_mangle)]
pub unsafe extern "C" fn __libc_malloc(size: usize) -> *mut c_void {
    // SAFETY: the caller's promise.
    unsafe { standard::malloc(size) }
}

/// [`standard::calloc`].
///
/// # Safety
/// See there.
#[cfg_attr(not(test), no_mangle)]
pub unsafe extern "C" fn __libc_calloc(count: usize, size: usize) -> *mut c_void {
    // SAFETY: the caller's promise.
    unsafe { standard::calloc(count, size) }
}

/// [`standard::realloc`].
///
/// # Safety
/// See there.
#[cfg_attr(not(test), no_mangle)]
pub unsafe extern "C" fn __libc_realloc(address: *mut c_void, size: usize) -> *mut c_void {
    // SAFETY: the caller's promise.
    unsafe { standard::realloc(address, size) }
}

/// [`standard::free`].
///
/// # Safety
/// See there.
#[cfg_attr(not(test), no_mangle)]
pub unsafe extern "C" fn __libc_free(address: *mut c_void) {
    // SAFETY: the caller's promise.
    unsafe { standard::free(address) }
}

/// [`standard::cfree`].
///
/// # Safety
/// See there.
#[cfg_attr(not(test), no_mangle)]
pub unsafe extern "C" fn __libc_cfree(address: *mut c_void) {
    // SAFETY: the caller's promise.
    unsafe { standard::free(address) }
}

/// [`aligned::memalign`].
///
/// # Safety
/// See there.
#[cfg_attr(not(test), no_mangle)]
pub unsafe extern "C" fn __libc_memalign(alignment: usize, size: usize) -> *mut c_void {
    // SAFETY: the caller's promise.
    unsafe { aligned::memalign(alignment, size) }
}

/// [`aligned::valloc`].
///
/// # Safety
/// See there.
#[cfg_attr(not(test), no_mangle)]
pub unsafe extern "C" fn __libc_valloc(size: usize) -> *mut c_void {
    // SAFETY: the caller's promise.
    unsafe { aligned::valloc(size) }
}

/// [`aligned::pvalloc`].
///
/// # Safety
/// See there.
#[cfg_attr(not(test), no_mangle)]
pub unsafe extern "C" fn __libc_pvalloc(size: usize) -> *mut c_void {
    // SAFETY: the caller's promise.
    unsafe { aligned::pvalloc(size) }
}

/// [`aligned::posix_memalign`].
///
/// # Safety
/// See there.
#[cfg_attr(not(test), no_mangle)]
pub unsafe extern "C" fn __posix_memalign(
    out: *mut *mut c_void,
    alignment: usize,
    size: usize,
) -> i32 {
    // SAFETY: the caller's promise.
    unsafe { aligned::posix_memalign(out, alignment, size) }
}
