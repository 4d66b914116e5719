//! A file that is only appended to, by several processes at once, and that outlives what programs
//! do with their descriptors.

use super::processor::system_call;
use core::mem::MaybeUninit;

/// Beyond the descriptors that shells and programs count on.
const LEAST_DESCRIPTOR: usize = 100;

/// An open file. Programs close descriptors that they don't know, and open other files under their
/// numbers, so who the file is gets looked at before each write.
pub struct Appender {
    descriptor: usize,
    device: u64,
    inode: u64,
}

impl Appender {
    /// Opens the file at `path` (which a zero ends), made if it isn't there, readable by its owner.
    /// `None` if that can't be.
    pub fn open(path: &[u8]) -> Option<Self> {
        debug_assert!(path.ends_with(b"\0"));
        let flags = libc::O_WRONLY | libc::O_APPEND | libc::O_CREAT | libc::O_CLOEXEC;
        let arguments =
            [libc::AT_FDCWD as usize, path.as_ptr() as usize, flags as usize, 0o600, 0, 0];
        // SAFETY: the path is a C string.
        let low = unsafe { system_call(libc::SYS_openat, arguments) };
        let low = usize::try_from(low).ok()?;
        let arguments = [low, libc::F_DUPFD_CLOEXEC as usize, LEAST_DESCRIPTOR, 0, 0, 0];
        // SAFETY: makes a new descriptor, and closes the other one.
        let high = unsafe { system_call(libc::SYS_fcntl, arguments) };
        let descriptor = usize::try_from(high).unwrap_or(low);
        if descriptor != low {
            // SAFETY: the descriptor was opened above.
            unsafe { system_call(libc::SYS_close, [low, 0, 0, 0, 0, 0]) };
        }
        let (device, inode) = identity(descriptor)?;
        Some(Self { descriptor, device, inode })
    }

    /// Appends all of `bytes`, with one system call unless the kernel takes less. False if the
    /// descriptor is another file's by now, or can't be written to.
    pub fn append(&self, bytes: &[u8]) -> bool {
        if identity(self.descriptor) != Some((self.device, self.inode)) {
            return false;
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            let arguments = [self.descriptor, rest.as_ptr() as usize, rest.len(), 0, 0, 0];
            // SAFETY: the kernel reads `rest`.
            match unsafe { system_call(libc::SYS_write, arguments) } {
                written if written > 0 => rest = &rest[written as usize..],
                error if error == -(libc::EINTR as isize) => {}
                _ => return false,
            }
        }
        true
    }
}

/// The device and inode of an open file.
fn identity(descriptor: usize) -> Option<(u64, u64)> {
    let mut status = MaybeUninit::<libc::stat>::zeroed();
    let arguments = [descriptor, status.as_mut_ptr() as usize, 0, 0, 0, 0];
    // SAFETY: the kernel writes one stat.
    let result = unsafe { system_call(libc::SYS_fstat, arguments) };
    // SAFETY: zeroed or written, and every pattern is a stat.
    let status = unsafe { status.assume_init() };
    (result == 0).then_some((status.st_dev, status.st_ino))
}
