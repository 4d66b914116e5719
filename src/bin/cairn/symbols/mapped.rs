//! Files as memory, so that of a large one only the pages are read that someone looks at.

use memmap2::Mmap;
use std::fs::File;
use std::path::Path;

/// The file's bytes, which stay for as long as the command runs.
pub fn bytes(path: &Path) -> Option<&'static [u8]> {
    let file = File::open(path).ok()?;
    // SAFETY: the bytes are only read, as a shared mapping of a file that linkers and package
    // managers replace rather than write to. Whoever writes to a program's file while its report is
    // made gets wrong names.
    let map = unsafe { Mmap::map(&file) }.ok()?;
    Some(Box::leak(Box::new(map)))
}
