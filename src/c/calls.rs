//! Calls by which the kernel reads from and writes to the program's memory. What is wrong with a
//! buffer doesn't fault there: the kernel says `EFAULT`, and few programs look. So check mode looks
//! at the buffer first. Without it each of these jumps to the C library's own function.
//!
//! Written in assembly: the C library's function gets its caller's registers and stack, so it can
//! be a point where threads are cancelled, and every register that the call has is as it was.

use crate::front::checked;
use core::arch::naked_asm;
use core::ffi::{c_int, c_void};

/// `checked::IS_WATCHING` says whether `hook(buffer, length)`, the second and third argument, is to
/// be called before `target` gets the call.
macro_rules! pass_on {
    ($hook:path, $target:literal) => {
        naked_asm!(
            ".cfi_startproc",
            "cmp byte ptr [rip + {watching}], 0",
            "jne 2f",
            concat!("jmp qword ptr [rip + ", $target, "@GOTPCREL]"),
            "2:",
            "push rdi",
            ".cfi_adjust_cfa_offset 8",
            "push rsi",
            ".cfi_adjust_cfa_offset 8",
            "push rdx",
            ".cfi_adjust_cfa_offset 8",
            "push rcx",
            ".cfi_adjust_cfa_offset 8",
            "push r8",
            ".cfi_adjust_cfa_offset 8",
            "mov rdi, rsi",
            "mov rsi, rdx",
            "call {hook}",
            "pop r8",
            ".cfi_adjust_cfa_offset -8",
            "pop rcx",
            ".cfi_adjust_cfa_offset -8",
            "pop rdx",
            ".cfi_adjust_cfa_offset -8",
            "pop rsi",
            ".cfi_adjust_cfa_offset -8",
            "pop rdi",
            ".cfi_adjust_cfa_offset -8",
            concat!("jmp qword ptr [rip + ", $target, "@GOTPCREL]"),
            ".cfi_endproc",
            watching = sym checked::IS_WATCHING,
            hook = sym $hook,
        )
    };
}

unsafe extern "C" fn look_at_read(buffer: *mut c_void, length: usize) {
    checked::look_at_buffer("read", buffer as usize, length);
}

unsafe extern "C" fn look_at_write(buffer: *mut c_void, length: usize) {
    checked::look_at_buffer("write", buffer as usize, length);
}

unsafe extern "C" fn look_at_send(buffer: *mut c_void, length: usize) {
    checked::look_at_buffer("send", buffer as usize, length);
}

/// read(2).
///
/// # Safety
/// `buffer` must have room for `length` bytes.
#[unsafe(naked)]
#[cfg_attr(not(test), no_mangle)]
pub unsafe extern "C" fn read(file: c_int, buffer: *mut c_void, length: usize) -> isize {
    pass_on!(look_at_read, "__read")
}

/// write(2).
///
/// # Safety
/// `buffer` must have `length` bytes.
#[unsafe(naked)]
#[cfg_attr(not(test), no_mangle)]
pub unsafe extern "C" fn write(file: c_int, buffer: *const c_void, length: usize) -> isize {
    pass_on!(look_at_write, "__write")
}

/// pread(2).
///
/// # Safety
/// As [`read`].
#[unsafe(naked)]
#[cfg_attr(not(test), no_mangle)]
pub unsafe extern "C" fn pread(
    file: c_int,
    buffer: *mut c_void,
    length: usize,
    offset: i64,
) -> isize {
    pass_on!(look_at_read, "__pread64")
}

/// pwrite(2).
///
/// # Safety
/// As [`write`].
#[unsafe(naked)]
#[cfg_attr(not(test), no_mangle)]
pub unsafe extern "C" fn pwrite(
    file: c_int,
    buffer: *const c_void,
    length: usize,
    offset: i64,
) -> isize {
    pass_on!(look_at_write, "__pwrite64")
}

/// pread(2), by the name that it has in programs built for large files.
///
/// # Safety
/// As [`read`].
#[unsafe(naked)]
#[cfg_attr(not(test), no_mangle)]
pub unsafe extern "C" fn pread64(
    file: c_int,
    buffer: *mut c_void,
    length: usize,
    offset: i64,
) -> isize {
    pass_on!(look_at_read, "__pread64")
}

/// pwrite(2), likewise.
///
/// # Safety
/// As [`write`].
#[unsafe(naked)]
#[cfg_attr(not(test), no_mangle)]
pub unsafe extern "C" fn pwrite64(
    file: c_int,
    buffer: *const c_void,
    length: usize,
    offset: i64,
) -> isize {
    pass_on!(look_at_write, "__pwrite64")
}

/// send(2).
///
/// # Safety
/// As [`write`].
#[unsafe(naked)]
#[cfg_attr(not(test), no_mangle)]
pub unsafe extern "C" fn send(
    socket: c_int,
    buffer: *const c_void,
    length: usize,
    flags: c_int,
) -> isize {
    pass_on!(look_at_send, "__send")
}
