//! Cairn's own calls, which `include/cairn.h` declares. The header is made from this file.

use crate::arithmetic::size_class::SizeClass;
use crate::front::{checked, route, summary};
use crate::memory::census::Census;
use crate::memory::{find, validate};
use crate::os::processor::Caller;
use core::ffi::{c_char, c_void};

/// Figures of the heap. All sizes are in bytes. They are exact when no other thread allocates at
/// the same time.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct cairn_stats {
    /// Bytes of the live blocks, as malloc_usable_size tells them.
    pub live_bytes: usize,
    /// Number of live blocks.
    pub live_blocks: usize,
    /// Bytes of the live blocks above 256 KiB; part of live_bytes.
    pub large_bytes: usize,
    /// Number of live blocks above 256 KiB; part of live_blocks.
    pub large_blocks: usize,
    /// Memory that can be used: live blocks, cached blocks, free memory.
    pub committed_bytes: usize,
    /// Free blocks that threads and size classes have at hand.
    pub cached_bytes: usize,
    /// Other free blocks of the size classes, some of them in pages that count as purged.
    pub slab_free_bytes: usize,
    /// Free memory beside those that may be resident.
    pub dirty_bytes: usize,
    /// Free memory without pages: never used, or given back to the kernel.
    pub purged_bytes: usize,
    /// Pages of it between live blocks; part of purged_bytes.
    pub slab_purged_bytes: usize,
    /// Address space that is set aside, of which committed_bytes are in use.
    pub reserved_bytes: usize,
    /// Memory for Cairn's own tables.
    pub metadata_bytes: usize,
    /// What counts against the limit: live, cached and dirty memory, and metadata.
    pub charged_bytes: usize,
    /// The limit (CAIRN_OPTIONS=limit=512M), 0 without one.
    pub limit_bytes: usize,
    /// How many requests were answered with ENOMEM, because of the limit or by the kernel.
    pub refused_requests: usize,
}

/// Figures of one size class.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct cairn_class_stats {
    /// Size of its blocks.
    pub block_bytes: usize,
    /// Number of live blocks.
    pub live_blocks: usize,
    /// Free blocks that threads and the class have at hand.
    pub cached_blocks: usize,
    /// Other free blocks.
    pub free_blocks: usize,
}

/// What a leak check found: bytes and blocks of each kind, as valgrind names them.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct cairn_leaks {
    /// Nothing leads to them.
    pub definite_bytes: usize,
    /// Their number.
    pub definite_blocks: usize,
    /// Only lost blocks lead to them.
    pub indirect_bytes: usize,
    /// Their number.
    pub indirect_blocks: usize,
    /// Only pointers into the middle of a block lead to them.
    pub possible_bytes: usize,
    /// Their number.
    pub possible_blocks: usize,
    /// Pointers to their starts are left.
    pub reachable_bytes: usize,
    /// Their number.
    pub reachable_blocks: usize,
}

/// The library's version, such as "0.1.0".
#[no_mangle]
pub extern "C" fn cairn_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// Whether a live block starts at `address`. Any address may be given.
#[no_mangle]
pub extern "C" fn cairn_is_live(address: *const c_void) -> bool {
    find::live(address as usize).is_some()
}

/// Stores the figures of the heap in `*out`.
///
/// # Safety
/// `out` must be writable.
#[no_mangle]
pub unsafe extern "C" fn cairn_stats_read(out: *mut cairn_stats) {
    let census = Census::take();
    let stats = cairn_stats {
        live_bytes: census.live_bytes(),
        live_blocks: census.live_blocks(),
        large_bytes: census.large_bytes,
        large_blocks: census.large_blocks,
        committed_bytes: census.committed_bytes,
        cached_bytes: census.cached_bytes,
        slab_free_bytes: census.slab_free_bytes,
        dirty_bytes: census.dirty_bytes,
        purged_bytes: census.purged_bytes,
        slab_purged_bytes: census.slab_purged_bytes,
        reserved_bytes: census.reserved_bytes,
        metadata_bytes: census.metadata_bytes,
        charged_bytes: census.charged_bytes,
        limit_bytes: census.limit_bytes,
        refused_requests: census.refused_requests,
    };
    // SAFETY: the caller's promise.
    unsafe { out.write(stats) };
}

/// Stores the figures of the first `count` size classes in `out`, by ascending size of the block.
/// Returns how many classes there are. Blocks above the last one's size are in none.
///
/// # Safety
/// `out` must be writable for that many; it may be null if `count` is 0.
#[no_mangle]
pub unsafe extern "C" fn cairn_stats_read_classes(
    out: *mut cairn_class_stats,
    count: usize,
) -> usize {
    let census = Census::take();
    for (index, class) in SizeClass::all().take(count).enumerate() {
        let figures = census.class(class);
        let stats = cairn_class_stats {
            block_bytes: class.size_bytes(),
            live_blocks: figures.live_blocks,
            cached_blocks: figures.cached_blocks,
            free_blocks: figures.free_blocks,
        };
        // SAFETY: the caller's promise.
        unsafe { out.add(index).write(stats) };
    }
    SizeClass::all().count()
}

/// Prints a summary of the heap to standard error.
#[no_mangle]
pub extern "C" fn cairn_stats_print() {
    summary::print();
}

/// Looks at every block for wrong writes and for leaks, now, and tells what is found as at the end
/// of the program. Stores the sums in `*out`, unless that is null. Returns false, and stores
/// nothing, if the program isn't checked (CAIRN_OPTIONS=check=1, or the command "cairn check") or
/// the check can't be done at this moment.
///
/// # Safety
/// `out` must be null or writable.
#[no_mangle]
pub unsafe extern "C" fn cairn_leak_check(out: *mut cairn_leaks) -> bool {
    let Some(totals) = checked::look_now(&Caller::here()) else { return false };
    let leaks = cairn_leaks {
        definite_bytes: totals.definite.bytes,
        definite_blocks: totals.definite.blocks,
        indirect_bytes: totals.indirect.bytes,
        indirect_blocks: totals.indirect.blocks,
        possible_bytes: totals.possible.bytes,
        possible_blocks: totals.possible.blocks,
        reachable_bytes: totals.reachable.bytes,
        reachable_blocks: totals.reachable.blocks,
    };
    if !out.is_null() {
        // SAFETY: the caller's promise.
        unsafe { out.write(leaks) };
    }
    true
}

/// How many errors check mode has found so far, leaks not included; 0 if the program isn't checked.
#[no_mangle]
pub extern "C" fn cairn_error_count() -> usize {
    checked::error_count() as usize
}

/// Checks every invariant of the heap, and ends the process with a report if one is broken. For
/// tests; no other thread may allocate at the same time.
#[no_mangle]
pub extern "C" fn cairn_validate() {
    validate::validate();
}

/// Gives back to the kernel what no block needs; returns how many bytes that were.
#[no_mangle]
pub extern "C" fn cairn_trim() -> usize {
    route::trim()
}
