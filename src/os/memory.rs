//! Address space and pages: the one door to mmap, munmap, mprotect, mremap and madvise.
//!
//! Ranges are committed in one of two ways. Usually all address space is **reserved** at the start
//! (`PROT_NONE`), and committing makes a part of it writable. Under `RLIMIT_AS` a reservation would
//! use up the limit, so there ranges are only **claimed**: nothing is mapped until it is committed,
//! at an address that nothing else is likely to take, and what is decommitted is unmapped.

use super::processor::system_call;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

/// A range of memory: its address and its length, both in bytes and multiples of the page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Range {
    /// Where it starts.
    pub start: usize,
    /// How long it is.
    pub length: usize,
}

impl Range {
    /// The address behind the last byte.
    pub const fn end(self) -> usize {
        self.start + self.length
    }

    /// Whether `address` lies in it.
    pub const fn contains(self, address: usize) -> bool {
        address >= self.start && address < self.end()
    }
}

/// Whether unused address space is only claimed, see above.
static CLAIMED: AtomicBool = AtomicBool::new(false);
/// How many system calls of this file were made.
static CALLS: AtomicUsize = AtomicUsize::new(0);

const ANONYMOUS: i32 = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
const READ_WRITE: i32 = libc::PROT_READ | libc::PROT_WRITE;

/// The size of a page in bytes.
pub fn page_bytes() -> usize {
    static PAGE_BYTES: AtomicUsize = AtomicUsize::new(0);
    let known = PAGE_BYTES.load(Relaxed);
    if known != 0 {
        return known;
    }
    // SAFETY: reads the auxiliary vector that the kernel gave the process.
    let page = unsafe { libc::getauxval(libc::AT_PAGESZ) } as usize;
    let page = if page == 0 { 4096 } else { page };
    PAGE_BYTES.store(page, Relaxed);
    page
}

/// How many system calls for memory the library has made.
pub fn system_calls() -> usize {
    CALLS.load(Relaxed)
}

/// Whether decommitted ranges are unmapped rather than kept reserved.
pub fn is_claimed() -> bool {
    CLAIMED.load(Relaxed)
}

/// From now on ranges are claimed, not reserved.
pub fn claim_from_now_on() {
    CLAIMED.store(true, Relaxed);
}

/// Whether the process's address space is limited (`ulimit -v`).
pub fn is_address_space_limited() -> bool {
    address_space_limit().is_some()
}

/// The limit of the process's address space in bytes, if it has one.
pub fn address_space_limit() -> Option<usize> {
    let mut limit = libc::rlimit64 { rlim_cur: libc::RLIM64_INFINITY, rlim_max: 0 };
    let arguments = [0, libc::RLIMIT_AS as usize, 0, &raw mut limit as usize, 0, 0];
    // SAFETY: the kernel writes one rlimit64 into `limit`.
    let result = unsafe { system_call(libc::SYS_prlimit64, arguments) };
    (result == 0 && limit.rlim_cur != libc::RLIM64_INFINITY).then_some(limit.rlim_cur as usize)
}

/// Reserves `length` bytes of address space, at `hint` or wherever the kernel puts it.
///
/// Not with `MAP_NORESERVE`: what can't be written isn't accounted in any case, and what is
/// committed shall be, so that the kernel can refuse a request beyond all memory, and so that its
/// mapping can be joined with renewed ones.
pub fn reserve(hint: usize, length: usize) -> Option<Range> {
    let start = map(hint, length, libc::PROT_NONE, ANONYMOUS)?;
    Some(Range { start, length })
}

/// Maps `length` bytes that can be used at once, wherever the kernel puts them.
pub fn map_writable(length: usize) -> Option<Range> {
    let start = map(0, length, READ_WRITE, ANONYMOUS)?;
    Some(Range { start, length })
}

/// Gives address space back altogether.
///
/// # Safety
/// Nothing may use the range any more.
pub unsafe fn release(range: Range) {
    // SAFETY: the caller's promise.
    unsafe { call(libc::SYS_munmap, [range.start, range.length, 0, 0, 0, 0]) };
}

/// Why a range could not be committed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CommitError {
    /// There is no memory, or a limit is reached.
    Refused,
    /// The range was only claimed, and something else has been mapped into it.
    Taken,
}

/// Makes a reserved or claimed range readable and writable, reading as zero. On an error nothing
/// has changed.
///
/// # Safety
/// The range must belong to Cairn and hold nothing.
pub unsafe fn commit(range: Range) -> Result<(), CommitError> {
    if is_claimed() {
        return commit_claimed(range);
    }
    // SAFETY: the caller's promise.
    let result = unsafe {
        call(libc::SYS_mprotect, [range.start, range.length, READ_WRITE as usize, 0, 0, 0])
    };
    if result == 0 {
        Ok(())
    } else {
        Err(CommitError::Refused)
    }
}

fn commit_claimed(range: Range) -> Result<(), CommitError> {
    let flags = ANONYMOUS | libc::MAP_FIXED_NOREPLACE;
    match try_map(range.start, range.length, READ_WRITE, flags) {
        Ok(start) if start == range.start => Ok(()),
        Ok(start) => {
            // A kernel before 4.17 takes the address as a hint only.
            // SAFETY: just mapped, used by nobody.
            unsafe { release(Range { start, ..range }) };
            Err(CommitError::Taken)
        }
        Err(libc::EEXIST) => Err(CommitError::Taken),
        Err(_) => Err(CommitError::Refused),
    }
}

/// Makes a committed range unusable again and gives its pages back; its addresses remain Cairn's.
/// False when the kernel refuses; then nothing has changed.
///
/// # Safety
/// Nothing may use the range's contents any more.
pub unsafe fn decommit(range: Range) -> bool {
    if is_claimed() {
        // SAFETY: the caller's promise.
        let result = unsafe { call(libc::SYS_munmap, [range.start, range.length, 0, 0, 0, 0]) };
        return result == 0;
    }
    let flags = ANONYMOUS | libc::MAP_FIXED;
    map(range.start, range.length, libc::PROT_NONE, flags).is_some()
}

/// Puts fresh pages in place of whatever is mapped in the range: committed, reading as zero, and
/// of one kind with their neighbours, so that the kernel can join the mappings.
///
/// # Safety
/// The range must belong to Cairn, and nothing may use its contents any more.
pub unsafe fn renew(range: Range) -> bool {
    map(range.start, range.length, READ_WRITE, ANONYMOUS | libc::MAP_FIXED).is_some()
}

/// Takes all access from a range that was mapped writable; whoever touches it gets a fault. False
/// when the kernel refuses.
///
/// # Safety
/// The range must belong to Cairn, and nothing may use its contents.
pub unsafe fn forbid(range: Range) -> bool {
    let arguments = [range.start, range.length, libc::PROT_NONE as usize, 0, 0, 0];
    // SAFETY: the caller's promise.
    unsafe { call(libc::SYS_mprotect, arguments) == 0 }
}

/// Gives the pages of a committed range back to the kernel; they stay usable and read as zero.
/// False when the kernel refuses (the range is locked in memory, for one).
///
/// # Safety
/// Nothing may use the range's contents any more.
pub unsafe fn purge(range: Range) -> bool {
    let arguments = [range.start, range.length, libc::MADV_DONTNEED as usize, 0, 0, 0];
    // SAFETY: the caller's promise.
    unsafe { call(libc::SYS_madvise, arguments) == 0 }
}

/// What keeps a range from being used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Guard {
    /// Nothing.
    None = 0,
    /// Markers in the page tables (Linux 6.13), which cost no mapping of their own.
    Marker,
    /// Protection, which splits the mapping.
    Protection,
}

/// Makes a committed range fault at every use until [`unguard`], and gives its pages back. With
/// `may_split` by protection where the kernel knows no markers, or where memory is locked.
///
/// # Safety
/// The range must belong to Cairn, and nothing may use it.
pub unsafe fn guard(range: Range, may_split: bool) -> Guard {
    // SAFETY: the caller's promise.
    unsafe {
        if install_guard(range) {
            return Guard::Marker;
        }
        if may_split && forbid(range) {
            return Guard::Protection;
        }
    }
    Guard::None
}

/// Makes a range usable again that [`guard`] has guarded. False when the kernel refuses.
///
/// # Safety
/// The range must be the one that was guarded, so.
pub unsafe fn unguard(range: Range, guard: Guard) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        match guard {
            Guard::None => true,
            Guard::Marker => remove_guard(range),
            Guard::Protection => allow(range),
        }
    }
}

/// Asks for huge pages in a committed range. The kernel may not have them, or not give them.
pub fn ask_for_huge_pages(range: Range) {
    let arguments = [range.start, range.length, libc::MADV_HUGEPAGE as usize, 0, 0, 0];
    // SAFETY: changes nothing that can be read.
    unsafe { call(libc::SYS_madvise, arguments) };
}

/// `MADV_GUARD_INSTALL` and `MADV_GUARD_REMOVE` (Linux 6.13).
const GUARD_INSTALL: usize = 102;
const GUARD_REMOVE: usize = 103;

/// Makes a committed range fault at every access and gives its pages back, without a mapping of its
/// own. False where the kernel doesn't know how (before Linux 6.13).
///
/// # Safety
/// The range must be Cairn's, and nothing may use its contents any more.
pub unsafe fn install_guard(range: Range) -> bool {
    let arguments = [range.start, range.length, GUARD_INSTALL, 0, 0, 0];
    // SAFETY: the caller's promise.
    unsafe { call(libc::SYS_madvise, arguments) == 0 }
}

/// Makes a range usable again that [`install_guard`] made fault; it reads as zero.
pub fn remove_guard(range: Range) -> bool {
    let arguments = [range.start, range.length, GUARD_REMOVE, 0, 0, 0];
    // SAFETY: what was inaccessible becomes accessible.
    unsafe { call(libc::SYS_madvise, arguments) == 0 }
}

/// Makes a mapped range readable and writable. False when the kernel refuses: it has no memory, or
/// no more mappings.
///
/// # Safety
/// The range must be Cairn's, or one that [`write_protect`] is called for soon.
pub unsafe fn allow(range: Range) -> bool {
    let arguments = [range.start, range.length, READ_WRITE as usize, 0, 0, 0];
    // SAFETY: the caller's promise.
    unsafe { call(libc::SYS_mprotect, arguments) == 0 }
}

/// Makes a range readable and no more, as the loader leaves what it has filled in. False when the
/// kernel refuses.
///
/// # Safety
/// Nothing may write to the range any more.
pub unsafe fn write_protect(range: Range) -> bool {
    let arguments = [range.start, range.length, libc::PROT_READ as usize, 0, 0, 0];
    // SAFETY: the caller's promise.
    unsafe { call(libc::SYS_mprotect, arguments) == 0 }
}

/// Makes the pages of a committed range resident, in one call instead of a fault for each. Nothing
/// that can be read changes. A kernel without the call (before 5.14) is asked once.
pub fn populate(range: Range) {
    static IS_UNKNOWN: AtomicBool = AtomicBool::new(false);
    if IS_UNKNOWN.load(Relaxed) {
        return;
    }
    let arguments = [range.start, range.length, libc::MADV_POPULATE_WRITE as usize, 0, 0, 0];
    // SAFETY: changes nothing that can be read.
    let result = unsafe { call(libc::SYS_madvise, arguments) };
    IS_UNKNOWN.store(result == -(libc::EINVAL as isize), Relaxed);
}

/// Asks for no huge pages in a committed range: a touch then costs a page, not 2 MiB.
pub fn refuse_huge_pages(range: Range) {
    let arguments = [range.start, range.length, libc::MADV_NOHUGEPAGE as usize, 0, 0, 0];
    // SAFETY: changes nothing that can be read.
    unsafe { call(libc::SYS_madvise, arguments) };
}

/// Puts an inaccessible reservation in place of whatever is mapped in the range, page tables
/// included. False when the kernel refuses.
///
/// # Safety
/// The range must be Cairn's, and nothing may use its contents any more.
pub unsafe fn reserve_anew(range: Range) -> bool {
    map(range.start, range.length, libc::PROT_NONE, ANONYMOUS | libc::MAP_FIXED).is_some()
}

/// What is left where pages were moved away from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Left {
    /// A mapping that reads as zero.
    Zeroes,
    /// Nothing: no mapping.
    Hole,
}

/// Moves the pages of `from` to `to`, an equally long range of Cairn's address space, without
/// copying. On an error nothing has changed.
///
/// # Safety
/// `to` must belong to Cairn and hold nothing that is used.
pub unsafe fn move_pages(from: Range, to: usize) -> Result<Left, MoveError> {
    let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
    // Where space is only claimed, what is left would count against the limit. Kernels before 5.7
    // don't know the flag.
    // SAFETY: the caller's promise.
    if !is_claimed() && unsafe { remap(from, to, flags | libc::MREMAP_DONTUNMAP) }.is_ok() {
        return Ok(Left::Zeroes);
    }
    // SAFETY: the caller's promise.
    unsafe { remap(from, to, flags) }.map(|()| Left::Hole)
}

/// # Safety
/// As [`move_pages`].
unsafe fn remap(from: Range, to: usize, flags: i32) -> Result<(), MoveError> {
    let arguments = [from.start, from.length, from.length, flags as usize, to, 0];
    // SAFETY: the caller's promise.
    match unsafe { call(libc::SYS_mremap, arguments) } {
        moved if moved == to as isize => Ok(()),
        error if error == -(libc::EFAULT as isize) => Err(MoveError::SeveralMappings),
        _ => Err(MoveError::Refused),
    }
}

/// Why pages could not be moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MoveError {
    /// They belong to several mappings; parts of them may be moved one by one.
    SeveralMappings,
    /// The kernel doesn't do it.
    Refused,
}

fn map(hint: usize, length: usize, protection: i32, flags: i32) -> Option<usize> {
    try_map(hint, length, protection, flags).ok()
}

/// Maps memory; an error is the kernel's number for it.
fn try_map(hint: usize, length: usize, protection: i32, flags: i32) -> Result<usize, i32> {
    let arguments = [hint, length, protection as usize, flags as usize, usize::MAX, 0];
    // SAFETY: without MAP_FIXED a new mapping disturbs nothing; with it, the public functions above
    // make the owner of the range vouch for it.
    let result = unsafe { call(libc::SYS_mmap, arguments) };
    if result > 0 {
        Ok(result as usize)
    } else {
        Err(-result as i32)
    }
}

/// # Safety
/// As [`system_call`].
unsafe fn call(number: i64, arguments: [usize; 6]) -> isize {
    CALLS.fetch_add(1, Relaxed);
    // SAFETY: the caller's promise.
    unsafe { system_call(number, arguments) }
}
