//! Cairn's own calls, which `include/cairn.h` declares. The header is made from this file and from
//! `structures.rs`.

use crate::arithmetic::size_class::SizeClass;
use crate::c::structures::{cairn_class_stats, cairn_leaks, cairn_stats};
use crate::front::{checked, route, summary};
use crate::memory::census::Census;
use crate::memory::{find, validate};
use crate::os::processor::Caller;
use core::ffi::{c_char, c_void};

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
