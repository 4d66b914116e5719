//! The replaceable operators new of C++ (\[new.delete\]).
//!
//! A hit is that of `malloc`. On a miss, `operator new` tries again, calls the new-handler as long
//! as there is one, and then throws `std::bad_alloc`; the nothrow forms return null instead, also
//! when the new-handler throws. The C++ runtime is used where there is one, and never needed.
//!
//! # Safety
//! As in `standard.rs`; a block from new goes to delete, one from new\[\] to delete\[\].

use crate::arithmetic::function::{Function, Request};
use crate::front::route;
use crate::heap::hit;
use crate::services::report;
use core::ffi::c_void;
use core::ptr;

/// The type of `std::nothrow`, which only selects the overload.
type Nothrow = *const c_void;

fn allocate(function: Function, size_bytes: usize, alignment: usize) -> *mut c_void {
    if !alignment.is_power_of_two() {
        return ptr::null_mut();
    }
    let request = Request { function, size_bytes, alignment };
    route::allocate(request).map_or(ptr::null_mut(), |block| block.as_ptr().cast())
}

unsafe extern "C" fn allocate_new(size: usize) -> *mut c_void {
    allocate(Function::New, size, 1)
}

unsafe extern "C" fn allocate_new_array(size: usize) -> *mut c_void {
    allocate(Function::NewArray, size, 1)
}

unsafe extern "C" fn allocate_new_aligned(size: usize, alignment: usize) -> *mut c_void {
    allocate(Function::New, size, alignment)
}

unsafe extern "C" fn allocate_new_array_aligned(size: usize, alignment: usize) -> *mut c_void {
    allocate(Function::NewArray, size, alignment)
}

unsafe extern "C" fn no_runtime() -> ! {
    report::no_exception_runtime()
}

crate::define_personality_word!();

/// Allocates, calls the new-handler or throws.
#[unsafe(naked)]
unsafe extern "C" fn new_slow(size: usize) -> *mut c_void {
    crate::new_or_throw_body!(allocate_new, no_runtime)
}

/// As [`new_slow`], for an array.
#[unsafe(naked)]
unsafe extern "C" fn new_array_slow(size: usize) -> *mut c_void {
    crate::new_or_throw_body!(allocate_new_array, no_runtime)
}

/// Allocates with an alignment, calls the new-handler or throws.
#[unsafe(naked)]
unsafe extern "C" fn new_aligned(size: usize, alignment: usize) -> *mut c_void {
    crate::new_or_throw_body!(allocate_new_aligned, no_runtime)
}

/// As [`new_aligned`], for an array.
#[unsafe(naked)]
unsafe extern "C" fn new_array_aligned(size: usize, alignment: usize) -> *mut c_void {
    crate::new_or_throw_body!(allocate_new_array_aligned, no_runtime)
}

/// Allocates, or returns null when [`new_slow`] throws.
#[unsafe(naked)]
unsafe extern "C" fn new_nothrow_slow(size: usize) -> *mut c_void {
    crate::new_or_null_body!(new_slow, "cairn_new_nothrow")
}

/// As [`new_nothrow_slow`], for an array.
#[unsafe(naked)]
unsafe extern "C" fn new_array_nothrow_slow(size: usize) -> *mut c_void {
    crate::new_or_null_body!(new_array_slow, "cairn_new_array_nothrow")
}

/// Allocates with an alignment, or returns null when [`new_aligned`] throws.
#[unsafe(naked)]
unsafe extern "C" fn new_nothrow_aligned(size: usize, alignment: usize) -> *mut c_void {
    crate::new_or_null_body!(new_aligned, "cairn_new_nothrow_aligned")
}

/// As [`new_nothrow_aligned`], for an array.
#[unsafe(naked)]
unsafe extern "C" fn new_array_nothrow_aligned(size: usize, alignment: usize) -> *mut c_void {
    crate::new_or_null_body!(new_array_aligned, "cairn_new_array_nothrow_aligned")
}

unsafe extern "C" fn new_coarse(size: usize) -> *mut c_void {
    // SAFETY: allocating needs nothing.
    unsafe { hit::allocate_coarse(size, new_slow) }
}

unsafe extern "C" fn new_array_coarse(size: usize) -> *mut c_void {
    // SAFETY: allocating needs nothing.
    unsafe { hit::allocate_coarse(size, new_array_slow) }
}

unsafe extern "C" fn new_nothrow_coarse(size: usize) -> *mut c_void {
    // SAFETY: allocating needs nothing.
    unsafe { hit::allocate_coarse(size, new_nothrow_slow) }
}

unsafe extern "C" fn new_array_nothrow_coarse(size: usize) -> *mut c_void {
    // SAFETY: allocating needs nothing.
    unsafe { hit::allocate_coarse(size, new_array_nothrow_slow) }
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
    unsafe { hit::allocate(size, new_array_coarse, new_array_slow) }
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
    unsafe { hit::allocate(size, new_array_nothrow_coarse, new_array_nothrow_slow) }
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
    unsafe { new_array_aligned(size, alignment) }
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
    unsafe { new_array_nothrow_aligned(size, alignment) }
}
