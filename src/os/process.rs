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

/// A null-terminated array of C strings.
type Strings = *const *const core::ffi::c_char;

extern "C" {
    #[link_name = "environ"]
    static ENVIRONMENT: Strings;
    /// execvpe(3).
    fn execvpe(file: *const core::ffi::c_char, arguments: Strings, variables: Strings) -> i32;
}

/// The environment as the program has it now.
pub fn environment() -> Strings {
    // SAFETY: the C library's variable; threads that change it meanwhile break the program anyway.
    unsafe { (&raw const ENVIRONMENT).read() }
}

/// Puts another program in the place of this one, as execve(2).
///
/// # Safety
/// `path` must be a C string, the others arrays of such that a null ends.
pub unsafe fn execute(
    path: *const core::ffi::c_char,
    arguments: Strings,
    variables: Strings,
) -> i32 {
    let given = [path as usize, arguments as usize, variables as usize, 0, 0, 0];
    // SAFETY: the caller's promise; the second is the thread's own errno.
    unsafe {
        let error = system_call(libc::SYS_execve, given);
        *libc::__errno_location() = -error as i32;
    }
    -1
}

/// As [`execute`], with the program searched for as a shell does.
///
/// # Safety
/// As [`execute`].
pub unsafe fn search_and_execute(file: *const core::ffi::c_char, arguments: Strings) -> i32 {
    // SAFETY: the caller's promise.
    unsafe { execvpe(file, arguments, environment()) }
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
