//! The replaceable operators of C++ (\[new.delete\]): eight of new, twelve of delete.
//!
//! A hit is that of `malloc`. On a miss, `operator new` tries again, calls the new-handler as long
//! as there is one, and then throws `std::bad_alloc`; the nothrow forms return null instead, also
//! when the new-handler throws. The C++ runtime is used where there is one, and never needed.
//!
//! # Safety
//! As in `standard.rs`; a block from new goes to delete, one from new\[\] to delete\[\].

use super::sized::{delete_sized, delete_sized_aligned};
use super::standard::call;
use crate::front::route;
use crate::heap::hit;
use crate::services::report;
use core::ffi::c_void;
use core::ptr;

/// The type of `std::nothrow`, which only selects the overload.
type Nothrow = *const c_void;

unsafe extern "C" fn allocate(size: usize) -> *mut c_void {
    route::allocate(size).map_or(ptr::null_mut(), |block| block.as_ptr().cast())
}

unsafe extern "C" fn allocate_aligned(size: usize, alignment: usize) -> *mut c_void {
    if !alignment.is_power_of_two() {
        return ptr::null_mut();
    }
    route::allocate_aligned(size, alignment).map_or(ptr::null_mut(), |b| b.as_ptr().cast())
}

unsafe extern "C" fn no_runtime() -> ! {
    report::no_exception_runtime()
}

crate::define_personality_word!();

/// Allocates, calls the new-handler or throws.
#[unsafe(naked)]
unsafe extern "C" fn new_slow(size: usize) -> *mut c_void {
    crate::new_or_throw_body!(allocate, no_runtime)
}

/// Allocates with an alignment, calls the new-handler or throws.
#[unsafe(naked)]
unsafe extern "C" fn new_aligned(size: usize, alignment: usize) -> *mut c_void {
    crate::new_or_throw_body!(allocate_aligned, no_runtime)
}

/// Allocates, or returns null when [`new_slow`] throws.
#[unsafe(naked)]
unsafe extern "C" fn new_nothrow_slow(size: usize) -> *mut c_void {
    crate::new_or_null_body!(new_slow, "cairn_new_nothrow")
}

/// Allocates with an alignment, or returns null when [`new_aligned`] throws.
#[unsafe(naked)]
unsafe extern "C" fn new_nothrow_aligned(size: usize, alignment: usize) -> *mut c_void {
    crate::new_or_null_body!(new_aligned, "cairn_new_nothrow_aligned")
}

/// Frees a block from new: what isn't a hit is reported under the operator's name.
#[inline(always)]
unsafe fn delete(address: *mut c_void) {
    // SAFETY: the caller's promise, checked by the ledger.
    unsafe { hit::free(address, delete_coarse, delete_slow) }
}

unsafe extern "C" fn delete_coarse(address: *mut c_void) {
    if !address.is_null() {
        // SAFETY: the caller's promise, checked by the ledger.
        unsafe { hit::free_coarse(address, delete_slow) }
    }
}

#[cold]
#[inline(never)]
unsafe extern "C" fn delete_slow(address: *mut c_void) {
    route::free(call("operator delete", address));
}

unsafe extern "C" fn new_coarse(size: usize) -> *mut c_void {
    // SAFETY: allocating needs nothing.
    unsafe { hit::allocate_coarse(size, new_slow) }
}

unsafe extern "C" fn new_nothrow_coarse(size: usize) -> *mut c_void {
    // SAFETY: allocating needs nothing.
    unsafe { hit::allocate_coarse(size, new_nothrow_slow) }
}

/// `operator new(size)`
///
/// # Safety
/// See the module.
#[cfg_attr(not(test), no_mangle)]
#[allow(non_snake_case)]
pub unsafe extern "C" fn _Znwm(size: usize) -> *mut c_void {
    // SAFETY: the caller's promise.
    unsafe { hit::allocate(size, new_coarse, new_slow) }
}

/// `operator new[](size)`
///
/// # Safety
/// See the module.
#[cfg_attr(not(test), no_mangle)]
#[allow(non_snake_case)]
pub unsafe extern "C" fn _Znam(size: usize) -> *mut c_void {
    // SAFETY: the caller's promise.
    unsafe { hit::allocate(size, new_coarse, new_slow) }
}

/// `operator new(size, nothrow)`
///
/// # Safety
/// See the module.
#[cfg_attr(not(test), no_mangle)]
#[allow(non_snake_case)]
pub unsafe extern "C" fn _ZnwmRKSt9nothrow_t(size: usize, _: Nothrow) -> *mut c_void {
    // SAFETY: the caller's promise.
    unsafe { hit::allocate(size, new_nothrow_coarse, new_nothrow_slow) }
}

/// `operator new[](size, nothrow)`
///
/// # Safety
/// See the module.
#[cfg_attr(not(test), no_mangle)]
#[allow(non_snake_case)]
pub unsafe extern "C" fn _ZnamRKSt9nothrow_t(size: usize, _: Nothrow) -> *mut c_void {
    // SAFETY: the caller's promise.
    unsafe { hit::allocate(size, new_nothrow_coarse, new_nothrow_slow) }
}

/// `operator new(size, alignment)`
///
/// # Safety
/// See the module.
#[cfg_attr(not(test), no_mangle)]
#[allow(non_snake_case)]
pub unsafe extern "C" fn _ZnwmSt11align_val_t(size: usize, alignment: usize) -> *mut c_void {
    // SAFETY: the caller's promise.
    unsafe { new_aligned(size, alignment) }
}

/// `operator new[](size, alignment)`
///
/// # Safety
/// See the module.
#[cfg_attr(not(test), no_mangle)]
#[allow(non_snake_case)]
pub unsafe extern "C" fn _ZnamSt11align_val_t(size: usize, alignment: usize) -> *mut c_void {
    // SAFETY: the caller's promise.
    unsafe { new_aligned(size, alignment) }
}

/// `operator new(size, alignment, nothrow)`
///
/// # Safety
/// See the module.
#[cfg_attr(not(test), no_mangle)]
#[allow(non_snake_case)]
pub unsafe extern "C" fn _ZnwmSt11align_val_tRKSt9nothrow_t(
    size: usize,
    alignment: usize,
    _: Nothrow,
) -> *mut c_void {
    // SAFETY: the caller's promise.
    unsafe { new_nothrow_aligned(size, alignment) }
}

/// `operator new[](size, alignment, nothrow)`
///
/// # Safety
/// See the module.
#[cfg_attr(not(test), no_mangle)]
#[allow(non_snake_case)]
pub unsafe extern "C" fn _ZnamSt11align_val_tRKSt9nothrow_t(
    size: usize,
    alignment: usize,
    _: Nothrow,
) -> *mut c_void {
    // SAFETY: the caller's promise.
    unsafe { new_nothrow_aligned(size, alignment) }
}

/// `operator delete(address)`
///
/// # Safety
/// See the module.
#[cfg_attr(not(test), no_mangle)]
#[allow(non_snake_case)]
pub unsafe extern "C" fn _ZdlPv(address: *mut c_void) {
    // SAFETY: the caller's promise.
    unsafe { delete(address) }
}

/// `operator delete(address, nothrow)`
///
/// # Safety
/// See the module.
#[cfg_attr(not(test), no_mangle)]
#[allow(non_snake_case)]
pub unsafe extern "C" fn _ZdlPvRKSt9nothrow_t(address: *mut c_void, _: Nothrow) {
    // SAFETY: the caller's promise.
    unsafe { delete(address) }
}

/// `operator delete(address, alignment)`
///
/// # Safety
/// See the module.
#[cfg_attr(not(test), no_mangle)]
#[allow(non_snake_case)]
pub unsafe extern "C" fn _ZdlPvSt11align_val_t(address: *mut c_void, _: usize) {
    // SAFETY: the caller's promise.
    unsafe { delete(address) }
}

/// `operator delete(address, alignment, nothrow)`
///
/// # Safety
/// See the module.
#[cfg_attr(not(test), no_mangle)]
#[allow(non_snake_case)]
pub unsafe extern "C" fn _ZdlPvSt11align_val_tRKSt9nothrow_t(
    address: *mut c_void,
    _: usize,
    _: Nothrow,
) {
    // SAFETY: the caller's promise.
    unsafe { delete(address) }
}

/// `operator delete(address, size)`
///
/// # Safety
/// See the module.
#[cfg_attr(not(test), no_mangle)]
#[allow(non_snake_case)]
pub unsafe extern "C" fn _ZdlPvm(address: *mut c_void, size: usize) {
    // SAFETY: the caller's promise.
    unsafe { delete_sized(address, size) }
}

/// `operator delete(address, size, alignment)`
///
/// # Safety
/// See the module.
#[cfg_attr(not(test), no_mangle)]
#[allow(non_snake_case)]
pub unsafe extern "C" fn _ZdlPvmSt11align_val_t(
    address: *mut c_void,
    size: usize,
    alignment: usize,
) {
    // SAFETY: the caller's promise.
    unsafe { delete_sized_aligned(address, size, alignment) }
}

/// `operator delete[](address)`
///
/// # Safety
/// See the module.
#[cfg_attr(not(test), no_mangle)]
#[allow(non_snake_case)]
pub unsafe extern "C" fn _ZdaPv(address: *mut c_void) {
    // SAFETY: the caller's promise.
    unsafe { delete(address) }
}

/// `operator delete[](address, nothrow)`
///
/// # Safety
/// See the module.
#[cfg_attr(not(test), no_mangle)]
#[allow(non_snake_case)]
pub unsafe extern "C" fn _ZdaPvRKSt9nothrow_t(address: *mut c_void, _: Nothrow) {
    // SAFETY: the caller's promise.
    unsafe { delete(address) }
}

/// `operator delete[](address, alignment)`
///
/// # Safety
/// See the module.
#[cfg_attr(not(test), no_mangle)]
#[allow(non_snake_case)]
pub unsafe extern "C" fn _ZdaPvSt11align_val_t(address: *mut c_void, _: usize) {
    // SAFETY: the caller's promise.
    unsafe { delete(address) }
}

/// `operator delete[](address, alignment, nothrow)`
///
/// # Safety
/// See the module.
#[cfg_attr(not(test), no_mangle)]
#[allow(non_snake_case)]
pub unsafe extern "C" fn _ZdaPvSt11align_val_tRKSt9nothrow_t(
    address: *mut c_void,
    _: usize,
    _: Nothrow,
) {
    // SAFETY: the caller's promise.
    unsafe { delete(address) }
}

/// `operator delete[](address, size)`
///
/// # Safety
/// See the module.
#[cfg_attr(not(test), no_mangle)]
#[allow(non_snake_case)]
pub unsafe extern "C" fn _ZdaPvm(address: *mut c_void, size: usize) {
    // SAFETY: the caller's promise.
    unsafe { delete_sized(address, size) }
}

/// `operator delete[](address, size, alignment)`
///
/// # Safety
/// See the module.
#[cfg_attr(not(test), no_mangle)]
#[allow(non_snake_case)]
pub unsafe extern "C" fn _ZdaPvmSt11align_val_t(
    address: *mut c_void,
    size: usize,
    alignment: usize,
) {
    // SAFETY: the caller's promise.
    unsafe { delete_sized_aligned(address, size, alignment) }
}
