//! glibc's own heap, which blocks may come from that were allocated before Cairn took over or by a
//! library that was loaded with `RTLD_DEEPBIND`.

use super::files::find_mapping;
use core::ffi::c_void;

/// Whether `address` is, as far as can be known, a live block of glibc's main heap: it lies in the
/// mapping that the kernel calls `[heap]`, which Cairn never uses, and the header before it and the
/// one behind it agree (glibc, malloc.c, "malloc_chunk").
pub fn holds(address: usize) -> bool {
    const HEADER_BYTES: usize = 16;
    const SMALLEST_CHUNK_BYTES: usize = 32;
    const PREVIOUS_IN_USE: usize = 1;
    if !address.is_multiple_of(16) {
        return false;
    }
    let in_heap =
        |mapping: &super::files::Mapping| mapping.name() == b"[heap]" && mapping.contains(address);
    let Some(heap) = find_mapping(in_heap) else { return false };
    if address - heap.start < HEADER_BYTES {
        return false;
    }
    let chunk = address - HEADER_BYTES;
    // SAFETY: lies in the [heap] mapping, which is readable.
    let size = unsafe { ((chunk + 8) as *const usize).read() } & !7;
    let fits = size >= SMALLEST_CHUNK_BYTES && size % 16 == 0 && size < heap.end - chunk - 8;
    // SAFETY: `fits` puts the next chunk's size field into the same mapping.
    fits && unsafe { ((chunk + size + 8) as *const usize).read() } & PREVIOUS_IN_USE != 0
}

/// Frees a block of glibc's heap. False when glibc's `free` can't be found.
///
/// # Safety
/// `address` must be such a block, and nothing may use it any more.
pub unsafe fn free(address: usize) -> bool {
    type Free = unsafe extern "C" fn(*mut c_void);
    let Some(function) = next_function(c"__libc_free") else { return false };
    // SAFETY: glibc's function of that name has this type; the rest is the caller's promise.
    unsafe { core::mem::transmute::<*mut c_void, Free>(function)(address as *mut c_void) };
    true
}

/// The usable size of a block of glibc's heap in bytes.
///
/// # Safety
/// [`holds`] must have said yes to `address`.
pub unsafe fn usable_bytes(address: usize) -> usize {
    // SAFETY: `holds` has read the same word.
    (unsafe { ((address - 8) as *const usize).read() } & !7) - 8
}

fn next_function(name: &core::ffi::CStr) -> Option<*mut c_void> {
    // SAFETY: looks up a name behind this library in the search order.
    let function = unsafe { libc::dlsym(libc::RTLD_NEXT, name.as_ptr()) };
    (!function.is_null()).then_some(function)
}
