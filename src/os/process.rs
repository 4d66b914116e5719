//! The process: its number, its end, its `errno`, its forks.

use super::processor::system_call;

/// The number of this process.
pub fn id() -> i32 {
    // SAFETY: has no effect.
    unsafe { system_call(libc::SYS_getpid, [0; 6]) as i32 }
}

/// The number that the kernel has for this thread.
pub fn thread_number() -> u32 {
    // SAFETY: has no effect.
    unsafe { system_call(libc::SYS_gettid, [0; 6]) as u32 }
}

/// The number of the process that started this one.
pub fn parent_id() -> i32 {
    // SAFETY: has no effect.
    unsafe { system_call(libc::SYS_getppid, [0; 6]) as i32 }
}

/// The name of this thread, put into `buffer`.
pub fn thread_name(buffer: &mut [u8; 16]) -> &[u8] {
    let arguments = [libc::PR_GET_NAME as usize, buffer.as_mut_ptr() as usize, 0, 0, 0, 0];
    // SAFETY: the kernel writes at most 16 bytes.
    unsafe { system_call(libc::SYS_prctl, arguments) };
    let length = buffer.iter().position(|byte| *byte == 0).unwrap_or(buffer.len());
    &buffer[..length]
}

/// Ends the process at once, with `status`.
pub fn exit_now(status: i32) -> ! {
    loop {
        // SAFETY: doesn't return.
        unsafe { system_call(libc::SYS_exit_group, [status as usize, 0, 0, 0, 0, 0]) };
    }
}

/// Ends the process by `SIGABRT`, as `abort` does, but without any lock of the C library.
pub fn abort() -> ! {
    // SAFETY: `abort` may block on a lock that this thread's interrupted caller holds only before
    // glibc 2.27; it flushes nothing since then.
    unsafe { libc::abort() }
}

/// What an allocation function leaves in `errno` when it fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failure {
    /// `ENOMEM`.
    OutOfMemory,
    /// `EINVAL`.
    InvalidArgument,
}

impl Failure {
    /// Its number in C.
    pub fn code(self) -> i32 {
        match self {
            Self::OutOfMemory => libc::ENOMEM,
            Self::InvalidArgument => libc::EINVAL,
        }
    }

    /// Stores it in this thread's `errno`.
    pub fn set_errno(self) {
        // SAFETY: the thread's own errno.
        unsafe { *libc::__errno_location() = self.code() };
    }
}

/// What `errno` says when the kernel met memory that it can't read or write.
pub const BAD_ADDRESS: i32 = libc::EFAULT;

/// Sets this thread's `errno`; returns what it was.
pub fn swap_errno(new: i32) -> i32 {
    // SAFETY: the thread's own errno.
    unsafe { core::ptr::replace(libc::__errno_location(), new) }
}

extern "C" {
    /// What `at_quick_exit` of C11 becomes in a shared library (Itanium C++ ABI, 3.3.5).
    fn __cxa_at_quick_exit(function: extern "C" fn(), library: *const u8) -> i32;
}

/// Registers what has to be done when the process ends by `quick_exit`.
pub fn at_quick_exit(function: extern "C" fn()) {
    // SAFETY: the function stays: the library is never unloaded.
    unsafe { __cxa_at_quick_exit(function, core::ptr::null()) };
}

/// Registers what has to be done around each fork of the process.
pub fn at_fork(before: extern "C" fn(), parent: extern "C" fn(), child: extern "C" fn()) {
    // SAFETY: the three functions are sound to call at any fork. Without memory for the entry,
    // forks in threaded programs are at the risk that every program without handlers has.
    unsafe { libc::pthread_atfork(Some(before), Some(parent), Some(child)) };
}
