//! glibc's functions that tell of the heap or steer it, with true numbers and true effects.

use crate::arithmetic::size_class::SizeClass;
use crate::arithmetic::text::Text;
use crate::front::{route, summary};
use crate::memory::census::Census;
use crate::os::{files, process::Failure};
use crate::services::options::{self, Choice};
use core::ffi::{c_int, c_void};

/// glibc's `struct mallinfo2`: sizes in bytes.
#[repr(C)]
#[allow(missing_docs)] // The fields are glibc's; mallinfo(3) describes them.
pub struct Mallinfo2 {
    pub arena: usize,
    pub ordblks: usize,
    pub smblks: usize,
    pub hblks: usize,
    pub hblkhd: usize,
    pub usmblks: usize,
    pub fsmblks: usize,
    pub uordblks: usize,
    pub fordblks: usize,
    pub keepcost: usize,
}

/// glibc's `struct mallinfo`: the same in `int`, which wraps.
#[repr(C)]
#[allow(missing_docs)]
pub struct Mallinfo {
    pub arena: c_int,
    pub ordblks: c_int,
    pub smblks: c_int,
    pub hblks: c_int,
    pub hblkhd: c_int,
    pub usmblks: c_int,
    pub fsmblks: c_int,
    pub uordblks: c_int,
    pub fordblks: c_int,
    pub keepcost: c_int,
}

/// Figures of the heap: `arena` what slabs and free runs have, `hblks` and `hblkhd` the large
/// blocks, `uordblks` the live bytes outside of those, `fordblks` the rest of `arena`, `keepcost`
/// what `malloc_trim` could give back at once.
///
/// # Safety
/// None is needed.
#[cfg_attr(not(test), no_mangle)]
pub unsafe extern "C" fn mallinfo2() -> Mallinfo2 {
    let census = Census::take();
    let arena = census.committed_bytes.saturating_sub(census.large_bytes);
    let live = census.live_bytes() - census.large_bytes;
    Mallinfo2 {
        arena,
        ordblks: 0,
        smblks: 0,
        hblks: census.large_blocks,
        hblkhd: census.large_bytes,
        usmblks: 0,
        fsmblks: 0,
        uordblks: live,
        fordblks: arena.saturating_sub(live),
        keepcost: census.dirty_bytes,
    }
}

/// As [`mallinfo2`], in `int`.
///
/// # Safety
/// None is needed.
#[cfg_attr(not(test), no_mangle)]
pub unsafe extern "C" fn mallinfo() -> Mallinfo {
    // SAFETY: needs nothing.
    let wide = unsafe { mallinfo2() };
    Mallinfo {
        arena: wide.arena as c_int,
        ordblks: wide.ordblks as c_int,
        smblks: wide.smblks as c_int,
        hblks: wide.hblks as c_int,
        hblkhd: wide.hblkhd as c_int,
        usmblks: wide.usmblks as c_int,
        fsmblks: wide.fsmblks as c_int,
        uordblks: wide.uordblks as c_int,
        fordblks: wide.fordblks as c_int,
        keepcost: wide.keepcost as c_int,
    }
}

/// Sets a parameter of glibc's `malloc`; returns 1, or 0 if there is none of that number.
/// `M_TRIM_THRESHOLD` sets the option `dirty_max`. The others steer what Cairn doesn't have (a heap
/// that ends at the break, arenas by thread, a mapping for each large block) and are accepted.
///
/// # Safety
/// None is needed.
#[cfg_attr(not(test), no_mangle)]
pub unsafe extern "C" fn mallopt(parameter: c_int, value: c_int) -> c_int {
    /// From glibc's malloc.h: the first, then `M_TOP_PAD` to `M_ARENA_MAX`, and `M_MXFAST` to
    /// `M_KEEP` from System V.
    const M_TRIM_THRESHOLD: c_int = -1;
    match parameter {
        M_TRIM_THRESHOLD => {
            // A negative value means "never", as in glibc.
            options::set(Choice::DirtyMax, usize::try_from(value).unwrap_or(usize::MAX));
            1
        }
        -8..=-2 | 1..=4 => 1,
        _ => 0,
    }
}

/// Gives back to the kernel what no block needs; returns 1 if that was anything. `pad` has no
/// meaning here: new memory doesn't come from one end of the heap.
///
/// # Safety
/// None is needed.
#[cfg_attr(not(test), no_mangle)]
pub unsafe extern "C" fn malloc_trim(_pad: usize) -> c_int {
    c_int::from(route::trim() > 0)
}

/// Prints the summary of the heap to standard error.
///
/// # Safety
/// None is needed.
#[cfg_attr(not(test), no_mangle)]
pub unsafe extern "C" fn malloc_stats() {
    summary::print();
}

/// Writes the figures of the heap as XML to `stream`, in glibc's elements. Returns 0, or `EINVAL`
/// if `options` isn't 0.
///
/// # Safety
/// `stream` must be an open `FILE`.
#[cfg_attr(not(test), no_mangle)]
pub unsafe extern "C" fn malloc_info(options: c_int, stream: *mut c_void) -> c_int {
    if options != 0 {
        return Failure::InvalidArgument.code();
    }
    let census = Census::take();
    let write = |arguments: core::fmt::Arguments| {
        let mut text = Text::<256>::new();
        text.push(arguments);
        text.end_line();
        // SAFETY: the caller's promise.
        unsafe { files::write_stream(stream, text.as_bytes()) };
    };
    write(format_args!("<malloc version=\"1\">"));
    write(format_args!("<heap nr=\"0\">\n<sizes>"));
    for class in SizeClass::all() {
        let (count, size) = (census.class(class).live_blocks, class.size_bytes());
        if count > 0 {
            let total = count * size;
            write(format_args!(
                "  <size from=\"{size}\" to=\"{size}\" total=\"{total}\" count=\"{count}\"/>"
            ));
        }
    }
    write(format_args!("</sizes>\n</heap>"));
    write_totals(&census, write);
    write(format_args!("</malloc>"));
    0
}

fn write_totals(census: &Census, write: impl Fn(core::fmt::Arguments)) {
    let arena = census.committed_bytes.saturating_sub(census.large_bytes);
    let live = census.live_bytes() - census.large_bytes;
    let rest = arena.saturating_sub(live);
    let (large, blocks) = (census.large_bytes, census.large_blocks);
    write(format_args!("<total type=\"rest\" count=\"0\" size=\"{rest}\"/>"));
    write(format_args!("<total type=\"mmap\" count=\"{blocks}\" size=\"{large}\"/>"));
    write(format_args!("<system type=\"current\" size=\"{}\"/>", census.committed_bytes));
    write(format_args!("<system type=\"reserved\" size=\"{}\"/>", census.reserved_bytes));
    write(format_args!("<system type=\"cached\" size=\"{}\"/>", census.cached_bytes));
    write(format_args!("<system type=\"dirty\" size=\"{}\"/>", census.dirty_bytes));
    write(format_args!("<system type=\"purged\" size=\"{}\"/>", census.purged_bytes));
    write(format_args!("<system type=\"metadata\" size=\"{}\"/>", census.metadata_bytes));
}
