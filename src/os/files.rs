//! Files: writing to standard error, and finding out what is mapped where.

use super::processor::system_call;
use crate::arithmetic::text::split_hex;
use core::ffi::CStr;
use core::sync::atomic::{AtomicUsize, Ordering};

/// Where [`write_error`] writes.
static ERROR_STREAM: AtomicUsize = AtomicUsize::new(libc::STDERR_FILENO as usize);

/// Goes on writing to what is standard error now, whatever becomes of its descriptor.
pub fn keep_error_stream() {
    /// Beyond the descriptors that shells and programs count on.
    const LEAST: usize = 100;
    let arguments = [libc::STDERR_FILENO as usize, libc::F_DUPFD_CLOEXEC as usize, LEAST, 0, 0, 0];
    // SAFETY: makes a new descriptor.
    let kept = unsafe { system_call(libc::SYS_fcntl, arguments) };
    if kept > 0 {
        ERROR_STREAM.store(kept as usize, Ordering::Relaxed);
    }
}

/// Writes all of `text` to standard error. What can't be written is lost.
pub fn write_error(text: &[u8]) {
    let stream = ERROR_STREAM.load(Ordering::Relaxed);
    let mut rest = text;
    while !rest.is_empty() {
        let arguments = [stream, rest.as_ptr() as usize, rest.len(), 0, 0, 0];
        // SAFETY: the kernel reads `rest`.
        let result = unsafe { system_call(libc::SYS_write, arguments) };
        match result {
            written if written > 0 => rest = &rest[written as usize..],
            error if error == -(libc::EINTR as isize) => {}
            _ => return,
        }
    }
}

/// Writes `text` to a stream of the C library.
///
/// # Safety
/// `stream` must be an open `FILE`.
pub unsafe fn write_stream(stream: *mut core::ffi::c_void, text: &[u8]) {
    // SAFETY: the caller's promise.
    unsafe { libc::fwrite(text.as_ptr().cast(), 1, text.len(), stream.cast()) };
}

/// One line of `/proc/self/maps`: a mapping's first and last-plus-one address, its permissions, and
/// its name (a path, `[stack]`, `[heap]`, or nothing), cut at 256 bytes.
pub struct Mapping {
    /// First address.
    pub start: usize,
    /// The address behind the last byte.
    pub end: usize,
    permissions: [u8; 3],
    name: [u8; 256],
    name_length: usize,
}

impl Mapping {
    /// The mapping's name as the kernel gives it.
    pub fn name(&self) -> &[u8] {
        &self.name[..self.name_length]
    }

    /// Whether it can be read, as far as the mapping goes: single pages may be guarded.
    pub fn is_readable(&self) -> bool {
        self.permissions[0] == b'r'
    }

    /// Whether it can be written.
    pub fn is_writable(&self) -> bool {
        self.permissions[1] == b'w'
    }

    /// Whether it can be executed.
    pub fn is_executable(&self) -> bool {
        self.permissions[2] == b'x'
    }

    /// Whether `address` lies in it.
    pub fn contains(&self, address: usize) -> bool {
        (self.start..self.end).contains(&address)
    }

    /// A copy of it.
    pub fn copy(&self) -> Self {
        Self { ..*self }
    }

    fn parse(line: &[u8]) -> Option<Self> {
        let (start, rest) = split_hex(line)?;
        let (end, rest) = split_hex(rest.strip_prefix(b"-")?)?;
        let permissions = rest.trim_ascii_start().first_chunk::<3>().copied()?;
        // Permissions, offset, device, inode; then blanks, and the name to the end of the line.
        let mut after = rest;
        for _ in 0..4 {
            after = after.trim_ascii_start();
            let field = after.iter().position(|byte| *byte == b' ').unwrap_or(after.len());
            after = &after[field..];
        }
        let text = after.trim_ascii();
        let mut mapping =
            Self { start, end, permissions, name: [0; 256], name_length: text.len().min(256) };
        mapping.name[..mapping.name_length].copy_from_slice(&text[..mapping.name_length]);
        Some(mapping)
    }
}

/// The first mapping of the process that `accept` takes, or `None`, also without `/proc`.
pub fn find_mapping(mut accept: impl FnMut(&Mapping) -> bool) -> Option<Mapping> {
    scan_file(c"/proc/self/maps", |line| Mapping::parse(line).filter(|m| accept(m)))
}

/// Calls `visit` with each line of a file until it returns something; that is the result.
pub fn scan_file<T>(path: &CStr, visit: impl FnMut(&[u8]) -> Option<T>) -> Option<T> {
    let path = path.as_ptr() as usize;
    let flags = (libc::O_RDONLY | libc::O_CLOEXEC) as usize;
    // SAFETY: the path is a C string.
    let file =
        unsafe { system_call(libc::SYS_openat, [libc::AT_FDCWD as usize, path, flags, 0, 0, 0]) };
    if file < 0 {
        return None;
    }
    let found = scan_lines(file as usize, visit);
    // SAFETY: closes the file opened above.
    unsafe { system_call(libc::SYS_close, [file as usize, 0, 0, 0, 0, 0]) };
    found
}

/// Reads the beginning of a file; returns how many bytes of it there are.
pub fn read_file(path: &core::ffi::CStr, into: &mut [u8]) -> usize {
    let flags = (libc::O_RDONLY | libc::O_CLOEXEC) as usize;
    let arguments = [libc::AT_FDCWD as usize, path.as_ptr() as usize, flags, 0, 0, 0];
    // SAFETY: the path is a C string.
    let file = unsafe { system_call(libc::SYS_openat, arguments) };
    let Ok(file) = usize::try_from(file) else { return 0 };
    // SAFETY: the kernel writes into `into`; then closes the file.
    let read = unsafe {
        let read =
            system_call(libc::SYS_read, [file, into.as_mut_ptr() as usize, into.len(), 0, 0, 0]);
        system_call(libc::SYS_close, [file, 0, 0, 0, 0, 0]);
        read
    };
    usize::try_from(read).unwrap_or(0)
}

/// Copies memory that may not be readable; returns how many bytes of it are.
pub fn read_memory(address: usize, into: &mut [u8]) -> usize {
    let local = [into.as_mut_ptr() as usize, into.len()];
    let remote = [address, into.len()];
    let (local, remote) = (local.as_ptr() as usize, remote.as_ptr() as usize);
    let process = super::process::id() as usize;
    // SAFETY: the kernel writes into `into` only, as far as it can read there.
    let read =
        unsafe { system_call(libc::SYS_process_vm_readv, [process, local, 1, remote, 1, 0]) };
    usize::try_from(read).unwrap_or(0)
}

fn scan_lines<T>(file: usize, mut visit: impl FnMut(&[u8]) -> Option<T>) -> Option<T> {
    let mut buffer = [0u8; 4096];
    let mut filled = 0;
    loop {
        let room = &mut buffer[filled..];
        let arguments = [file, room.as_mut_ptr() as usize, room.len(), 0, 0, 0];
        // SAFETY: the kernel writes into `room`.
        let read = unsafe { system_call(libc::SYS_read, arguments) };
        if read <= 0 {
            return None;
        }
        filled += read as usize;
        let mut consumed = 0;
        while let Some(length) = buffer[consumed..filled].iter().position(|b| *b == b'\n') {
            if let Some(result) = visit(&buffer[consumed..consumed + length]) {
                return Some(result);
            }
            consumed += length + 1;
        }
        if consumed == 0 && filled == buffer.len() {
            // A line longer than the buffer: no path is, so there is nothing to lose in it.
            consumed = filled;
        }
        buffer.copy_within(consumed..filled, 0);
        filled -= consumed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_maps_is_taken_apart() {
        let line = b"7ffc1000-7ffc3000 rw-p 00000000 00:00 0                  [stack]";
        let mapping = Mapping::parse(line).unwrap();
        assert_eq!((mapping.start, mapping.end), (0x7ffc1000, 0x7ffc3000));
        assert_eq!(mapping.name(), b"[stack]");
        assert!(mapping.is_readable() && mapping.is_writable() && !mapping.is_executable());
        let line = b"7f00-7f10 r--p 00001000 fe:00 123   /usr/lib/a file.so";
        assert_eq!(Mapping::parse(line).unwrap().name(), b"/usr/lib/a file.so");
        assert_eq!(Mapping::parse(b"1-2 rw-p 0 0:0 0").unwrap().name(), b"");
        assert!(Mapping::parse(b"nonsense").is_none());
    }

    #[test]
    fn the_stack_is_found_where_this_variable_is() {
        let here = 0u8;
        let address = &raw const here as usize;
        let mapping = find_mapping(|mapping| mapping.contains(address)).unwrap();
        assert!(mapping.start <= address && address < mapping.end);
    }
}
