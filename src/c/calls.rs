//! Calls that check mode sees first: those by which the kernel reads from and writes to the
//! program's memory, and those by which another program takes the process over.
//!
//! None of the names is exported. In check mode the modules' own tables of what they import lead
//! here (`os/imports.rs`); without it nothing of this is used, and no call goes another way.
//!
//! Those that look before the call are written in assembly: the C library's function gets its
//! caller's registers and stack, so it can be a point where threads are cancelled, `dlsym` knows
//! who asks, and `execl` finds all its arguments.

use crate::front::checked::{self, Memory};
use crate::front::life;
use crate::os::imports::{self, Hook};
use crate::os::process;
use core::arch::naked_asm;
use core::ffi::CStr;
use core::sync::atomic::AtomicUsize;

/// The function that is looked up by a hook's name, a null byte behind it.
const fn name(text: &'static str) -> &'static CStr {
    match CStr::from_bytes_with_nul(text.as_bytes()) {
        Ok(name) => name,
        Err(_) => panic!("a name ends with its null byte"),
    }
}

/// Makes [`HOOKS`] from rows that are sorted by name: how many there are; then for each the name,
/// whether to look `before` or `after` the call, what looks, and what a report calls the call.
macro_rules! hooks {
    ($count:literal: $($name:ident $kind:ident $look:ident $told:literal,)*) => {
        /// The rows of the hooks.
        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        #[derive(Clone, Copy)]
        enum Row { $($name,)* }

        static ORIGINALS: [AtomicUsize; $count] = [const { AtomicUsize::new(0) }; $count];

        /// What is called in the place of what modules import.
        pub static HOOKS: [Hook; $count] = [$(
            Hook {
                name: name(concat!(stringify!($name), "\0")),
                function: hooks!(@$kind $name $look $told),
                original: &ORIGINALS[Row::$name as usize],
            },
        )*];
    };
    (@before $name:ident $look:ident $told:literal) => {{
        unsafe extern "C" fn look(first: usize, second: usize, third: usize) {
            $look($told, [first, second, third]);
        }

        #[unsafe(naked)]
        unsafe extern "C" fn hook() {
            look_and_jump!(look, Row::$name)
        }
        hook
    }};
    (@after $name:ident $look:ident $told:literal) => {{
        unsafe extern "C" fn look(call: &StreamCall) {
            $look($told, call);
        }

        #[unsafe(naked)]
        unsafe extern "C" fn hook() {
            call_and_look!(look, Row::$name)
        }
        hook
    }};
}

/// Calls `look` with the arguments, and then goes on in the function that is called.
macro_rules! look_and_jump {
    ($look:path, $row:expr) => {
        naked_asm!(
            ".cfi_startproc",
            "push rax",
            ".cfi_adjust_cfa_offset 8",
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
            "push r9",
            ".cfi_adjust_cfa_offset 8",
            "call {look}",
            "pop r9",
            ".cfi_adjust_cfa_offset -8",
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
            "pop rax",
            ".cfi_adjust_cfa_offset -8",
            "jmp qword ptr [rip + {originals} + {offset}]",
            ".cfi_endproc",
            look = sym $look,
            originals = sym ORIGINALS,
            offset = const 8 * ($row as usize),
        )
    };
}

/// Makes the call, and then calls `look` with what is to be known of it.
macro_rules! call_and_look {
    ($look:path, $row:expr) => {
        naked_asm!(
            ".cfi_startproc",
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
            "sub rsp, 16",
            ".cfi_adjust_cfa_offset 16",
            "call {clear}",
            "mov [rsp], rax",
            "mov r8, [rsp + 16]",
            "mov rcx, [rsp + 24]",
            "mov rdx, [rsp + 32]",
            "mov rsi, [rsp + 40]",
            "mov rdi, [rsp + 48]",
            "call qword ptr [rip + {originals} + {offset}]",
            "mov [rsp + 8], rax",
            "mov rdi, rsp",
            "call {look}",
            "mov rax, [rsp + 8]",
            "add rsp, 56",
            ".cfi_adjust_cfa_offset -56",
            "ret",
            ".cfi_endproc",
            clear = sym clear_error,
            look = sym $look,
            originals = sym ORIGINALS,
            offset = const 8 * ($row as usize),
        )
    };
}

hooks! { 51:
    __fread_chk after copy_checked "fread",
    __fread_unlocked_chk after copy_checked "fread",
    __getcwd_chk before first_two "getcwd",
    __pread64_chk before last_two "pread",
    __pread_chk before last_two "pread",
    __read_chk before last_two "read",
    __readlink_chk before last_two "readlink",
    __recv_chk before last_two "recv",
    __recvfrom_chk before last_two "recvfrom",
    dlopen before adopt "",
    dlsym before adopt "",
    dlvsym before adopt "",
    execl before leave "",
    execle before leave "",
    execlp before leave "",
    execv before leave "",
    execve before leave "",
    execvp before leave "",
    execvpe before leave "",
    fexecve before leave "",
    fread after copy "fread",
    fread_unlocked after copy "fread",
    fwrite after copy "fwrite",
    fwrite_unlocked after copy "fwrite",
    getcwd before first_two "getcwd",
    getrandom before first_two "getrandom",
    pread before last_two "pread",
    pread64 before last_two "pread",
    preadv before vector "preadv",
    preadv2 before vector "preadv2",
    preadv64 before vector "preadv",
    preadv64v2 before vector "preadv2",
    pwrite before last_two "pwrite",
    pwrite64 before last_two "pwrite",
    pwritev before vector "pwritev",
    pwritev2 before vector "pwritev2",
    pwritev64 before vector "pwritev",
    pwritev64v2 before vector "pwritev2",
    read before last_two "read",
    readlink before last_two "readlink",
    readv before vector "readv",
    recv before last_two "recv",
    recvfrom before last_two "recvfrom",
    recvmmsg before messages "recvmmsg",
    recvmsg before message "recvmsg",
    send before last_two "send",
    sendmmsg before messages "sendmmsg",
    sendmsg before message "sendmsg",
    sendto before last_two "sendto",
    write before last_two "write",
    writev before vector "writev",
}

/// A call whose second and third argument are a buffer and its length.
fn last_two(call: &'static str, [_, buffer, length]: [usize; 3]) {
    checked::look_at(call, buffer, Memory::Buffer(length));
}

/// A call whose first and second argument are.
fn first_two(call: &'static str, [buffer, length, _]: [usize; 3]) {
    checked::look_at(call, buffer, Memory::Buffer(length));
}

fn vector(call: &'static str, [_, vector, count]: [usize; 3]) {
    checked::look_at(call, vector, Memory::Vector(count as u32 as usize));
}

fn message(call: &'static str, [_, message, _]: [usize; 3]) {
    checked::look_at(call, message, Memory::Message);
}

fn messages(call: &'static str, [_, messages, count]: [usize; 3]) {
    checked::look_at(call, messages, Memory::Messages(count as u32 as usize));
}

/// Another program is about to take the process over, and what wasn't looked at yet would be lost.
fn leave(_: &'static str, _: [usize; 3]) {
    life::before_exec();
}

/// What `dlopen` has loaded before has tables too.
fn adopt(_: &'static str, _: [usize; 3]) {
    imports::adopt(&HOOKS);
}

/// A call that was made of a function that reads into, or writes from, the program's buffer piece
/// by piece; as the assembly lays it out.
#[repr(C)]
struct StreamCall {
    /// What `errno` was before.
    error_before: i32,
    /// How many pieces it says that it has done.
    done: usize,
    /// The arguments, the last one first.
    arguments: [usize; 5],
}

extern "C" fn clear_error() -> i32 {
    process::swap_errno(0)
}

/// Long pieces the C library hands to the kernel, and what is wrong with the buffer is an error of
/// the stream then. How much there is to read, and so how long the buffer must be, isn't known
/// before the call.
fn look_after(name: &'static str, call: &StreamCall, [buffer, size, count]: [usize; 3]) {
    let error = process::swap_errno(call.error_before);
    if error == process::BAD_ADDRESS && call.done < count {
        checked::look_at(name, buffer, Memory::Buffer(size.saturating_mul(count)));
    }
    if error != 0 {
        process::swap_errno(error);
    }
}

/// fread, fwrite and their like: buffer, size, count, stream.
fn copy(name: &'static str, call: &StreamCall) {
    let [.., count, size, buffer] = call.arguments;
    look_after(name, call, [buffer, size, count]);
}

/// The same with the buffer's room, which the compiler knew, behind the buffer.
fn copy_checked(name: &'static str, call: &StreamCall) {
    let [_, count, size, _, buffer] = call.arguments;
    look_after(name, call, [buffer, size, count]);
}

#[cfg(test)]
mod tests {
    use super::HOOKS;

    #[test]
    fn the_hooks_are_sorted_by_name() {
        assert!(HOOKS.is_sorted_by(|one, other| one.name < other.name));
    }
}
