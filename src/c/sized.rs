//! C23: freeing with the size that was asked for, which is checked.

use crate::front::route;
use crate::services::report::Call;
use core::ffi::c_void;

/// Frees a block from `malloc`, `calloc` or `realloc` of `size` bytes. C23 7.24.3.4.
///
/// # Safety
/// The block must be alive, and nothing may use it any more; null is none.
#[cfg_attr(not(test), no_mangle)]
pub unsafe extern "C" fn free_sized(address: *mut c_void, size: usize) {
    if !address.is_null() {
        let name = "free_sized";
        let address = address as usize;
        route::free_sized(Call { name, address, size: Some(size), alignment: None }, true);
    }
}

/// Frees a block from `aligned_alloc` of `size` bytes at a multiple of `alignment`. C23 7.24.3.5.
///
/// # Safety
/// As [`free_sized`].
#[cfg_attr(not(test), no_mangle)]
pub unsafe extern "C" fn free_aligned_sized(address: *mut c_void, alignment: usize, size: usize) {
    if !address.is_null() {
        let name = "free_aligned_sized";
        let (size, alignment) = (Some(size), Some(alignment));
        route::free_sized(Call { name, address: address as usize, size, alignment }, true);
    }
}

/// Frees a block from an operator new of `size` bytes.
///
/// # Safety
/// As [`free_sized`].
pub(super) unsafe fn delete_sized(address: *mut c_void, size: usize, alignment: Option<usize>) {
    if !address.is_null() {
        let name = "operator delete";
        let address = address as usize;
        route::free_sized(Call { name, address, size: Some(size), alignment }, false);
    }
}
