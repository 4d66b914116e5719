//! Reading memory of the process that may not be there: what a mapping promises can still fault,
//! page for page (guard markers, files that were cut). The kernel copies, and says where it
//! couldn't.

use super::memory::{page_bytes, Range};
use super::processor::system_call;
use core::mem::size_of;

/// How much is copied at a time, in words: it stays in the processor's cache.
pub const COPY_WORDS: usize = 8 * 1024;
/// How many pages are asked about at a time.
pub const PAGE_ENTRIES: usize = 4096;

const WORD_BYTES: usize = size_of::<usize>();

/// Copies memory from `from` on into `to`, as far as it can be read without a hole; returns how
/// many bytes that were.
pub fn copy(from: usize, to: &mut [usize]) -> usize {
    let length = size_of_val(to);
    let local = libc::iovec { iov_base: to.as_mut_ptr().cast(), iov_len: length };
    let remote = libc::iovec { iov_base: from as *mut _, iov_len: length };
    let (local, remote) = (&raw const local as usize, &raw const remote as usize);
    let process = super::process::id() as usize;
    // SAFETY: the kernel writes into `to` only.
    let copied =
        unsafe { system_call(libc::SYS_process_vm_readv, [process, local, 1, remote, 1, 0]) };
    match copied {
        copied if copied >= 0 => copied as usize,
        error if error == -(libc::EFAULT as isize) => 0,
        _ => copy_from_file(from, to),
    }
}

/// The same where the system call is forbidden (containers).
fn copy_from_file(from: usize, to: &mut [usize]) -> usize {
    let Some(file) = File::open(c"/proc/self/mem") else { return 0 };
    let arguments = [file.0, to.as_mut_ptr() as usize, size_of_val(to), from, 0, 0];
    // SAFETY: the kernel writes into `to` only.
    unsafe { system_call(libc::SYS_pread64, arguments) }.max(0) as usize
}

/// One word, if it can be read.
pub fn word(address: usize) -> Option<usize> {
    let mut word = [0];
    (copy(address, &mut word) == WORD_BYTES).then_some(word[0])
}

struct File(usize);

impl File {
    fn open(path: &core::ffi::CStr) -> Option<Self> {
        let flags = (libc::O_RDONLY | libc::O_CLOEXEC) as usize;
        let arguments = [libc::AT_FDCWD as usize, path.as_ptr() as usize, flags, 0, 0, 0];
        // SAFETY: the path is a C string.
        let file = unsafe { system_call(libc::SYS_openat, arguments) };
        (file >= 0).then_some(Self(file as usize))
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // SAFETY: opened by `open`, closed once.
        unsafe { system_call(libc::SYS_close, [self.0, 0, 0, 0, 0, 0]) };
    }
}

/// Reads long ranges, leaving out pages that nothing was ever written to.
pub struct Peek<'a> {
    page_map: Option<File>,
    entries: &'a mut [u64],
    copied: &'a mut [usize],
    /// How many bytes were read.
    pub read_bytes: usize,
}

impl<'a> Peek<'a> {
    /// `entries` and `copied` are room to work in, [`PAGE_ENTRIES`] and [`COPY_WORDS`] long.
    pub fn new(entries: &'a mut [u64], copied: &'a mut [usize]) -> Self {
        Self { page_map: File::open(c"/proc/self/pagemap"), entries, copied, read_bytes: 0 }
    }

    /// Calls `visit` with the aligned words of `range`, piece by piece in order, each piece with
    /// its address. Left out is what can't be read, and in long ranges pages that nothing was ever
    /// written to.
    pub fn words(&mut self, range: Range, mut visit: impl FnMut(usize, &[usize])) {
        let page = page_bytes();
        let end = range.end() & !(WORD_BYTES - 1);
        let mut address = range.start.next_multiple_of(WORD_BYTES);
        if range.length < SPARSE_BYTES_MIN {
            return self.copy_out(address, end, &mut visit);
        }
        while address < end {
            let first_page = address / page;
            let pages = (end.div_ceil(page) - first_page).min(self.entries.len());
            let known = self.look_up(first_page, pages);
            let mut at = 0;
            while at < pages {
                let is_there = |entry: &u64| !known || entry & HAS_CONTENT != 0;
                let run = self.entries[at..pages].iter().take_while(|e| is_there(e)).count();
                let start = address.max((first_page + at) * page);
                self.copy_out(start, ((first_page + at + run) * page).min(end), &mut visit);
                at += run;
                at += self.entries[at..pages].iter().take_while(|e| !is_there(e)).count();
            }
            address = (first_page + pages) * page;
        }
    }

    /// Fills the entries with what is known of the pages; false when nothing is.
    fn look_up(&mut self, first_page: usize, pages: usize) -> bool {
        let Some(file) = &self.page_map else { return false };
        let length = pages * size_of::<u64>();
        let offset = first_page * size_of::<u64>();
        let arguments = [file.0, self.entries.as_mut_ptr() as usize, length, offset, 0, 0];
        // SAFETY: the kernel writes at most `length` bytes, which the entries have.
        unsafe { system_call(libc::SYS_pread64, arguments) == length as isize }
    }

    fn copy_out(&mut self, start: usize, end: usize, visit: &mut impl FnMut(usize, &[usize])) {
        let page = page_bytes();
        let mut at = start;
        while at < end {
            let room = ((end - at) / WORD_BYTES).min(self.copied.len());
            let words = copy(at, &mut self.copied[..room]) / WORD_BYTES;
            if words == 0 {
                at = (at / page + 1) * page;
                continue;
            }
            self.read_bytes += words * WORD_BYTES;
            visit(at, &self.copied[..words]);
            at += words * WORD_BYTES;
        }
    }
}

/// In shorter ranges, asking which pages have content would take longer than reading them all.
const SPARSE_BYTES_MIN: usize = 64 * 1024;

/// A page's entry says that it is present, or swapped out (Linux, admin-guide/mm/pagemap).
const HAS_CONTENT: u64 = 1 << 63 | 1 << 62;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::memory::{forbid, map_writable, release};

    #[test]
    fn holes_and_untouched_pages_are_left_out() {
        let page = page_bytes();
        let range = map_writable(64 * page).unwrap();
        for index in [1, 2, 5, 40] {
            // SAFETY: in the range just mapped.
            unsafe { ((range.start + index * page) as *mut usize).write(index) };
        }
        // SAFETY: a page of the range, which holds nothing of use.
        assert!(unsafe { forbid(Range { start: range.start + 2 * page, length: page }) });
        let (mut entries, mut copied) = (vec![0; PAGE_ENTRIES], vec![0; COPY_WORDS]);
        let mut peek = Peek::new(&mut entries, &mut copied);
        let mut seen = Vec::new();
        peek.words(range, |address, words| {
            seen.extend(words.iter().filter(|word| **word != 0).map(|word| (address, *word)));
        });
        let expected: Vec<_> = [1, 5, 40].map(|i| (range.start + i * page, i)).into();
        assert_eq!(seen, expected);
        assert_eq!(peek.read_bytes, 3 * page);
        assert_eq!(word(range.start + 5 * page), Some(5));
        assert_eq!(word(range.start + 2 * page), None);
        let mut words = [0; 2];
        assert_eq!(copy_from_file(range.start + 40 * page, &mut words), 16);
        assert_eq!(words, [40, 0]);
        // SAFETY: mapped here, used by nobody else.
        unsafe { release(range) };
    }
}
