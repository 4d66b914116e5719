//! Aligned allocation: posix_memalign, aligned_alloc, memalign, valloc, pvalloc.
//!
//! # Safety
//! As in `standard.rs`.

use super::standard::pointer_or_enomem;
use crate::arithmetic::function::{Function, Request};
use crate::front::route;
use crate::heap::{hit, slow};
use crate::memory::block::Block;
use crate::os::memory::page_bytes;
use crate::os::process::Failure;
use core::ffi::c_void;
use core::ptr;

/// Takes a block whose class starts all its blocks at such multiples, or takes the slow path.
fn allocate(function: Function, size_bytes: usize, alignment: usize) -> Option<Block> {
    let class = slow::class_for(size_bytes, alignment);
    let request = Request { function, size_bytes, alignment };
    class.and_then(hit::take).or_else(|| route::allocate(request))
}

/// Allocates `size` bytes at a multiple of `alignment`, a power of two. C11 7.22.3.1; as C17 and
/// glibc have it, the size need not be a multiple. `EINVAL` for another alignment.
///
/// # Safety
/// See the module.
#[cfg_attr(not(test), no_mangle)]
pub unsafe extern "C" fn aligned_alloc(alignment: usize, size: usize) -> *mut c_void {
    if !alignment.is_power_of_two() {
        Failure::InvalidArgument.set_errno();
        return ptr::null_mut();
    }
    pointer_or_enomem(allocate(Function::AlignedAlloc, size, alignment))
}

/// As [`aligned_alloc`], but rounds the alignment up to a power of two, as glibc does. `EINVAL` if
/// there is none.
///
/// # Safety
/// See the module.
#[cfg_attr(not(test), no_mangle)]
pub unsafe extern "C" fn memalign(alignment: usize, size: usize) -> *mut c_void {
    match alignment.checked_next_power_of_two() {
        Some(power) => pointer_or_enomem(allocate(Function::Memalign, size, power)),
        None => {
            Failure::InvalidArgument.set_errno();
            ptr::null_mut()
        }
    }
}

/// Stores a block of `size` bytes at a multiple of `alignment` (a power of two, and a multiple of
/// the size of a pointer) in `*out` and returns 0; else returns `EINVAL` or `ENOMEM` and leaves
/// `errno` and `*out` alone. POSIX.
///
/// # Safety
/// `out` must be writable; see also the module.
#[cfg_attr(not(test), no_mangle)]
pub unsafe extern "C" fn posix_memalign(
    out: *mut *mut c_void,
    alignment: usize,
    size: usize,
) -> i32 {
    if !alignment.is_power_of_two() || alignment < size_of::<*mut c_void>() {
        return Failure::InvalidArgument.code();
    }
    match allocate(Function::PosixMemalign, size, alignment) {
        Some(block) => {
            // SAFETY: the caller's promise.
            unsafe { out.write(block.as_ptr().cast()) };
            0
        }
        None => Failure::OutOfMemory.code(),
    }
}

/// Allocates `size` bytes at the start of a page.
///
/// # Safety
/// See the module.
#[cfg_attr(not(test), no_mangle)]
pub unsafe extern "C" fn valloc(size: usize) -> *mut c_void {
    pointer_or_enomem(allocate(Function::Valloc, size, page_bytes()))
}

/// Allocates `size` bytes, rounded up to whole pages (at least one), at the start of a page.
///
/// # Safety
/// See the module.
#[cfg_attr(not(test), no_mangle)]
pub unsafe extern "C" fn pvalloc(size: usize) -> *mut c_void {
    let rounded = size.max(1).checked_next_multiple_of(page_bytes());
    pointer_or_enomem(rounded.and_then(|bytes| allocate(Function::Pvalloc, bytes, page_bytes())))
}
