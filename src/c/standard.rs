//! malloc, calloc, realloc, free and what is near them.
//!
//! # Safety
//! For every function here: a pointer that is given must be null or a block that is alive; after it
//! is freed, or moved by `realloc`, nothing may use it. What breaks that rule is reported where the
//! ledger shows it.

use crate::arithmetic::function::{Function, Request};
use crate::arithmetic::size_class::SizeClass;
use crate::front::route;
use crate::heap::hit;
use crate::memory::block::Block;
use crate::os::interposer;
use crate::os::process::Failure;
use crate::services::options::{self, Choice};
use crate::services::report::Call;
use core::ffi::c_void;
use core::ptr;

/// A call that has only a pointer for an argument that can be wrong.
pub(super) fn call(function: Function, address: *mut c_void) -> Call {
    Call { function, address: address as usize, size: None, alignment: None }
}

/// What is asked of `function`, without a wish for the alignment.
fn request(function: Function, size_bytes: usize) -> Request {
    Request { function, size_bytes, alignment: 1 }
}

/// The pointer for C, or null with `errno` as `ENOMEM`.
pub(super) fn pointer_or_enomem(block: Option<Block>) -> *mut c_void {
    match block {
        Some(block) => block.as_ptr().cast(),
        None => {
            Failure::OutOfMemory.set_errno();
            ptr::null_mut()
        }
    }
}

/// Allocates `size` bytes. C11 7.22.3.4. For 0 bytes too, a block that has to be freed.
///
/// # Safety
/// See the module.
#[cfg_attr(not(test), no_mangle)]
pub unsafe extern "C" fn malloc(size: usize) -> *mut c_void {
    // SAFETY: allocating needs nothing.
    unsafe { hit::allocate(size, malloc_coarse, malloc_slow) }
}

#[inline(never)]
unsafe extern "C" fn malloc_coarse(size: usize) -> *mut c_void {
    // SAFETY: as in `malloc`.
    unsafe { hit::allocate_coarse(size, malloc_slow) }
}

#[cold]
#[inline(never)]
unsafe extern "C" fn malloc_slow(size: usize) -> *mut c_void {
    pointer_or_enomem(route::allocate(request(Function::Malloc, size)))
}

/// Frees a block; null is none. C11 7.22.3.3. Never changes `errno`.
///
/// # Safety
/// See the module.
#[cfg_attr(not(test), no_mangle)]
pub unsafe extern "C" fn free(address: *mut c_void) {
    // SAFETY: the caller's promise, checked by the ledger.
    unsafe { hit::free(address, free_coarse, free_slow) }
}

#[inline(never)]
unsafe extern "C" fn free_coarse(address: *mut c_void) {
    if address.is_null() {
        return;
    }
    // SAFETY: as in `free`.
    unsafe { hit::free_coarse(address, free_slow) }
}

#[cold]
#[inline(never)]
unsafe extern "C" fn free_slow(address: *mut c_void) {
    route::free(call(Function::Free, address));
}

/// The same as [`free`], as in SunOS and old glibc.
///
/// # Safety
/// See the module.
#[cfg_attr(not(test), no_mangle)]
pub unsafe extern "C" fn cfree(address: *mut c_void) {
    // SAFETY: the caller's promise.
    unsafe { free(address) }
}

/// Allocates `count` elements of `size` bytes that read as zero. C11 7.22.3.2. `ENOMEM` if the
/// product overflows.
///
/// # Safety
/// See the module.
#[cfg_attr(not(test), no_mangle)]
pub unsafe extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    /// Beyond this size a block that reads as zero already is worth looking for.
    const KNOWN_ZERO_FROM_BYTES: usize = 1009;
    let Some(bytes) = count.checked_mul(size) else { return pointer_or_enomem(None) };
    if bytes >= KNOWN_ZERO_FROM_BYTES {
        return calloc_coarse(bytes);
    }
    // SAFETY: as in `malloc`; the block has that many bytes. The compiler may not see that this is
    // a malloc that is zeroed: it would make it a call of calloc.
    unsafe {
        let block = hit::allocate(bytes, calloc_slow, calloc_slow);
        if !block.is_null() {
            ptr::write_bytes(block.cast::<u8>(), 0, bytes);
        }
        block
    }
}

#[cold]
#[inline(never)]
unsafe extern "C" fn calloc_slow(size: usize) -> *mut c_void {
    pointer_or_enomem(route::allocate(request(Function::Calloc, size)))
}

/// What is in a magazine was in use before; the slow path knows of blocks that read as zero.
#[inline(never)]
fn calloc_coarse(bytes: usize) -> *mut c_void {
    match SizeClass::for_size(bytes).and_then(hit::take) {
        Some(block) => {
            // SAFETY: the block has that many bytes.
            unsafe { ptr::write_bytes(block.as_ptr(), 0, bytes) };
            block.as_ptr().cast()
        }
        None => pointer_or_enomem(route::allocate_zeroed(request(Function::Calloc, bytes))),
    }
}

/// Changes the size of a block, which may move; what fits of its contents stays. C11 7.22.3.5. Null
/// allocates. 0 bytes free the block and return null, as in glibc, unless the option
/// `realloc_zero_keeps` is on. Without memory the block stays as it is.
///
/// # Safety
/// See the module.
#[cfg_attr(not(test), no_mangle)]
pub unsafe extern "C" fn realloc(address: *mut c_void, size: usize) -> *mut c_void {
    // SAFETY: the caller's promise.
    unsafe { resize(Function::Realloc, address, size) }
}

/// As [`realloc`], for `count` elements of `size` bytes. `ENOMEM` if the product overflows.
///
/// # Safety
/// See the module.
#[cfg_attr(not(test), no_mangle)]
pub unsafe extern "C" fn reallocarray(
    address: *mut c_void,
    count: usize,
    size: usize,
) -> *mut c_void {
    let Some(bytes) = count.checked_mul(size) else { return pointer_or_enomem(None) };
    // SAFETY: the caller's promise.
    unsafe {
        match interposer::realloc() {
            Some(other) => other(address, bytes),
            None => resize(Function::ReallocArray, address, bytes),
        }
    }
}

/// # Safety
/// As [`realloc`].
#[inline(always)]
unsafe fn resize(function: Function, address: *mut c_void, size: usize) -> *mut c_void {
    if size > 0 {
        // SAFETY: the caller's promise, checked by the ledger.
        let resized = unsafe { hit::resize(address, size, free) };
        if !resized.is_null() {
            return resized;
        }
    }
    resize_slow(function, address, size)
}

#[cold]
#[inline(never)]
fn resize_slow(function: Function, address: *mut c_void, size: usize) -> *mut c_void {
    let call = call(function, address);
    if address.is_null() {
        return resize_null(function, size);
    }
    if size == 0 && !options::is_on(Choice::ReallocZeroKeeps) {
        route::free(call);
        return ptr::null_mut();
    }
    pointer_or_enomem(route::resize(call, size))
}

/// Allocates, since there is no block to resize.
fn resize_null(function: Function, size: usize) -> *mut c_void {
    let block = SizeClass::for_size(size).and_then(hit::take);
    pointer_or_enomem(block.or_else(|| route::allocate(request(function, size))))
}

/// How many bytes of a block may be used: at least what was asked for. 0 for null.
///
/// # Safety
/// See the module.
#[cfg_attr(not(test), no_mangle)]
pub unsafe extern "C" fn malloc_usable_size(address: *mut c_void) -> usize {
    match address.is_null() {
        true => 0,
        false => route::usable_bytes(call(Function::UsableSize, address)),
    }
}
