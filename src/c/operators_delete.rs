//! The replaceable operators delete of C++ (\[new.delete\]): what isn't a hit is reported under the
//! operator's name.
//!
//! # Safety
//! As in `standard.rs`; a block from new goes to delete, one from new\[\] to delete\[\].

use super::sized::{delete_sized, delete_sized_aligned};
use super::standard::call;
use crate::arithmetic::function::Function;
use crate::front::route;
use crate::heap::hit;
use core::ffi::c_void;

/// The type of `std::nothrow`, which only selects the overload.
type Nothrow = *const c_void;

/// Frees a block from new.
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
    route::free(call(Function::Delete, address));
}

/// Frees a block from new\[\].
#[inline(always)]
unsafe fn delete_array(address: *mut c_void) {
    // SAFETY: the caller's promise, checked by the ledger.
    unsafe { hit::free(address, delete_array_coarse, delete_array_slow) }
}

unsafe extern "C" fn delete_array_coarse(address: *mut c_void) {
    if !address.is_null() {
        // SAFETY: the caller's promise, checked by the ledger.
        unsafe { hit::free_coarse(address, delete_array_slow) }
    }
}

#[cold]
#[inline(never)]
unsafe extern "C" fn delete_array_slow(address: *mut c_void) {
    route::free(call(Function::DeleteArray, address));
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
    unsafe { delete_sized(Function::Delete, address, size) }
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
    unsafe { delete_sized_aligned(Function::Delete, address, size, alignment) }
}

/// `operator delete[](address)`
///
/// # Safety
/// See the module.
#[cfg_attr(not(test), no_mangle)]
#[allow(non_snake_case)]
pub unsafe extern "C" fn _ZdaPv(address: *mut c_void) {
    // SAFETY: the caller's promise.
    unsafe { delete_array(address) }
}

/// `operator delete[](address, nothrow)`
///
/// # Safety
/// See the module.
#[cfg_attr(not(test), no_mangle)]
#[allow(non_snake_case)]
pub unsafe extern "C" fn _ZdaPvRKSt9nothrow_t(address: *mut c_void, _: Nothrow) {
    // SAFETY: the caller's promise.
    unsafe { delete_array(address) }
}

/// `operator delete[](address, alignment)`
///
/// # Safety
/// See the module.
#[cfg_attr(not(test), no_mangle)]
#[allow(non_snake_case)]
pub unsafe extern "C" fn _ZdaPvSt11align_val_t(address: *mut c_void, _: usize) {
    // SAFETY: the caller's promise.
    unsafe { delete_array(address) }
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
    unsafe { delete_array(address) }
}

/// `operator delete[](address, size)`
///
/// # Safety
/// See the module.
#[cfg_attr(not(test), no_mangle)]
#[allow(non_snake_case)]
pub unsafe extern "C" fn _ZdaPvm(address: *mut c_void, size: usize) {
    // SAFETY: the caller's promise.
    unsafe { delete_sized(Function::DeleteArray, address, size) }
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
    unsafe { delete_sized_aligned(Function::DeleteArray, address, size, alignment) }
}
