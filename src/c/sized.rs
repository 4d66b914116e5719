//! C23: freeing with the size that was asked for, which is checked.

use crate::arithmetic::function::Function;
use crate::front::route;
use crate::heap::hit;
use crate::os::interposer;
use crate::services::report::Call;
use core::ffi::c_void;

/// Frees a block from `malloc`, `calloc` or `realloc` of `size` bytes. C23 7.24.3.4.
///
/// # Safety
/// The block must be alive, and nothing may use it any more; null is none.
#[cfg_attr(not(test), no_mangle)]
pub unsafe extern "C" fn free_sized(address: *mut c_void, size: usize) {
    // SAFETY: the caller's promise, checked by the ledger.
    if !unsafe { hit::free_sized(address, size) } {
        free_sized_slow(call_of(Function::FreeSized, address, size, None), true);
    }
}

fn call_of(
    function: Function,
    address: *mut c_void,
    size: usize,
    alignment: Option<usize>,
) -> Call {
    Call { function, address: address as usize, size: Some(size), alignment }
}

#[cold]
#[inline(never)]
fn free_sized_slow(call: Call, may_be_resized: bool) {
    match interposer::free() {
        _ if call.address == 0 => {}
        // SAFETY: the caller of the exported function gave up the block.
        Some(other) => unsafe { other(call.address as *mut c_void) },
        None => route::free_sized(call, may_be_resized),
    }
}

/// Frees a block from `aligned_alloc` of `size` bytes at a multiple of `alignment`. C23 7.24.3.5.
///
/// # Safety
/// As [`free_sized`].
#[cfg_attr(not(test), no_mangle)]
pub unsafe extern "C" fn free_aligned_sized(address: *mut c_void, alignment: usize, size: usize) {
    let call = call_of(Function::FreeAlignedSized, address, size, Some(alignment));
    free_sized_slow(call, true);
}

/// Frees a block from an operator new of `size` bytes, as `function`.
///
/// # Safety
/// As [`free_sized`].
#[inline(always)]
pub(super) unsafe fn delete_sized(function: Function, address: *mut c_void, size: usize) {
    // SAFETY: the caller's promise, checked by the ledger.
    if !unsafe { hit::free_sized(address, size) } {
        free_sized_slow(call_of(function, address, size, None), false);
    }
}

/// Frees a block from an operator new of `size` bytes at a multiple of `alignment`, as `function`.
///
/// # Safety
/// As [`free_sized`].
pub(super) unsafe fn delete_sized_aligned(
    function: Function,
    address: *mut c_void,
    size: usize,
    alignment: usize,
) {
    free_sized_slow(call_of(function, address, size, Some(alignment)), false);
}
