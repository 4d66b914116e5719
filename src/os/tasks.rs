//! The threads of the process as the kernel sees them, and holding them still with ptrace.

use super::processor::{system_call, REGISTER_WORDS, STACK_POINTER_WORD, THREAD_POINTER_WORD};
use crate::arithmetic::text::{split_hex, Text};
use core::mem::size_of;

/// A thread of the process.
#[derive(Clone, Copy)]
pub struct Task {
    /// Its number.
    pub id: i32,
    /// What is known of it.
    pub state: State,
    /// Its registers, if it is held; else only the stack pointer, if that is known, or zeros.
    pub registers: [usize; REGISTER_WORDS],
    /// The signal that it was about to take when it was stopped.
    signal: i32,
}

/// What is known of a thread. Memory that is all zero is a thread that has gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum State {
    /// It has ended, or will before it runs anything of the program's.
    Gone = 0,
    /// It was told to stop.
    Stopping = 1,
    /// It is stopped.
    Held = 2,
    /// It could not be stopped: it runs on.
    Running = 3,
}

impl Task {
    /// Its stack pointer, or zero.
    pub fn stack_pointer(&self) -> usize {
        self.registers[STACK_POINTER_WORD]
    }

    /// Its thread pointer, or zero.
    pub fn thread_pointer(&self) -> usize {
        self.registers[THREAD_POINTER_WORD]
    }

    /// Attaches to the thread and tells it to stop. `tasks` is the folder with its files.
    pub fn stop(id: i32, tasks: usize) -> Self {
        let mut task =
            Self { id, state: State::Stopping, registers: [0; REGISTER_WORDS], signal: 0 };
        let seized = task.trace(libc::PTRACE_SEIZE, 0, 0);
        if seized == 0 && task.trace(libc::PTRACE_INTERRUPT, 0, 0) == 0 {
            return task;
        }
        task.state = if seized == 0 || seized == -(libc::ESRCH as isize) || is_dead(id, tasks) {
            State::Gone
        } else {
            State::Running
        };
        task
    }

    /// Looks whether the thread has stopped since, and reads its registers if so.
    pub fn look(&mut self) {
        let mut status = 0i32;
        let options = libc::__WALL | libc::WNOHANG;
        let arguments = [self.id as usize, &raw mut status as usize, options as usize, 0, 0, 0];
        // SAFETY: the kernel writes into `status`.
        let changed = unsafe { system_call(libc::SYS_wait4, arguments) };
        if changed == -(libc::EINTR as isize) || changed == 0 {
            return;
        }
        if changed < 0 || !libc::WIFSTOPPED(status) {
            self.state = State::Gone;
            return;
        }
        // Any stop will do. If it is one before a signal is taken, the signal is passed on later.
        let is_event = status >> 16 != 0;
        self.signal = if is_event { 0 } else { libc::WSTOPSIG(status) };
        let mut set = libc::iovec {
            iov_base: self.registers.as_mut_ptr().cast(),
            iov_len: REGISTER_WORDS * size_of::<usize>(),
        };
        let read = self.trace(libc::PTRACE_GETREGSET, NT_PRSTATUS, &raw mut set as usize);
        self.state = if read == 0 { State::Held } else { State::Gone };
    }

    /// Gives up on stopping it; finds out its stack pointer from its files in `tasks` if it waits
    /// in a system call.
    pub fn give_up(&mut self, tasks: usize) {
        self.state = State::Running;
        self.registers[STACK_POINTER_WORD] = waiting_stack_pointer(self.id, tasks).unwrap_or(0);
    }

    /// Lets it run on.
    pub fn let_go(&mut self) {
        if self.state == State::Held {
            self.trace(libc::PTRACE_DETACH, 0, self.signal as usize);
        }
    }

    fn trace(&self, request: u32, address: usize, data: usize) -> isize {
        let arguments = [request as usize, self.id as usize, address, data, 0, 0];
        // SAFETY: of the requests used here only GETREGSET writes memory: the registers of `self`.
        unsafe { system_call(libc::SYS_ptrace, arguments) }
    }
}

/// The kind of register set with the general registers (elf.h).
const NT_PRSTATUS: usize = 1;

/// Opens the folder with the files of this process's threads.
pub fn open_folder() -> Option<usize> {
    let flags = (libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC) as usize;
    open(libc::AT_FDCWD as usize, c"/proc/self/task".to_bytes_with_nul(), flags)
}

/// Closes a file.
pub fn close(file: usize) {
    // SAFETY: has no effect on memory.
    unsafe { system_call(libc::SYS_close, [file, 0, 0, 0, 0, 0]) };
}

/// Calls `visit` with the number of each thread in the folder. False if they can't be listed.
pub fn each(tasks: usize, mut visit: impl FnMut(i32)) -> bool {
    // SAFETY: has no effect on memory.
    unsafe { system_call(libc::SYS_lseek, [tasks, 0, libc::SEEK_SET as usize, 0, 0, 0]) };
    let mut buffer = [0u64; 256];
    loop {
        let length = size_of_val(&buffer);
        let arguments = [tasks, buffer.as_mut_ptr() as usize, length, 0, 0, 0];
        // SAFETY: the kernel writes into `buffer`.
        let filled = unsafe { system_call(libc::SYS_getdents64, arguments) };
        if filled <= 0 {
            return filled == 0;
        }
        // SAFETY: the bytes of the buffer, of which the kernel filled as many.
        let bytes =
            unsafe { core::slice::from_raw_parts(buffer.as_ptr().cast::<u8>(), filled as usize) };
        each_entry(bytes, &mut visit);
    }
}

/// Entries are: number, offset (8 bytes each), length (2), kind (1), name (getdents64(2)).
fn each_entry(mut bytes: &[u8], visit: &mut impl FnMut(i32)) {
    const NAME: usize = 19;
    while bytes.len() > NAME {
        let length = u16::from_ne_bytes([bytes[16], bytes[17]]) as usize;
        let name = bytes[NAME..length].split(|byte| *byte == 0).next().unwrap_or_default();
        if let Some(id) = core::str::from_utf8(name).ok().and_then(|name| name.parse().ok()) {
            visit(id);
        }
        bytes = &bytes[length..];
    }
}

fn open(folder: usize, path: &[u8], flags: usize) -> Option<usize> {
    let arguments = [folder, path.as_ptr() as usize, flags, 0, 0, 0];
    // SAFETY: both callers give a path that ends with a null byte.
    let file = unsafe { system_call(libc::SYS_openat, arguments) };
    (file >= 0).then_some(file as usize)
}

/// Reads the start of a file of the thread.
fn read_file<'a>(id: i32, tasks: usize, name: &str, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
    let mut path = Text::<64>::new();
    path.push(format_args!("{id}/{name}\0"));
    let file = open(tasks, path.as_bytes(), (libc::O_RDONLY | libc::O_CLOEXEC) as usize)?;
    let arguments = [file, buffer.as_mut_ptr() as usize, buffer.len(), 0, 0, 0];
    // SAFETY: the kernel writes into `buffer`.
    let read = unsafe { system_call(libc::SYS_read, arguments) };
    close(file);
    (read > 0).then(|| &buffer[..read as usize])
}

/// Whether the thread is a zombie or no more: it can't be attached to, and need not be.
fn is_dead(id: i32, tasks: usize) -> bool {
    let mut buffer = [0; 512];
    let Some(text) = read_file(id, tasks, "stat", &mut buffer) else { return true };
    // "id (name) state ...", and the name may hold anything.
    let behind_name = text.iter().rposition(|byte| *byte == b')').map_or(0, |at| at + 2);
    matches!(text.get(behind_name), Some(b'Z' | b'X' | b'x'))
}

/// The stack pointer of a thread that waits in the kernel: the last field but one of its file
/// `syscall`, or of two if it was interrupted outside of a call.
fn waiting_stack_pointer(id: i32, tasks: usize) -> Option<usize> {
    let mut buffer = [0; 256];
    let text = read_file(id, tasks, "syscall", &mut buffer)?.trim_ascii();
    let mut fields = text.rsplit(|byte| *byte == b' ');
    let field = fields.nth(1)?.strip_prefix(b"0x")?;
    split_hex(field).map(|(pointer, _)| pointer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_threads_of_the_process_are_listed() {
        let (send, receive) = std::sync::mpsc::channel::<()>();
        let (told, listen) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            // SAFETY: returns the thread's number.
            told.send(unsafe { libc::gettid() }).unwrap();
            let _ = receive.recv();
        });
        let other = listen.recv().unwrap();
        let tasks = open_folder().unwrap();
        let mut ids = Vec::new();
        assert!(each(tasks, |id| ids.push(id)));
        // SAFETY: returns the thread's number.
        let this = unsafe { libc::gettid() };
        assert!(ids.contains(&other) && ids.contains(&this));
        assert!(!is_dead(other, tasks));
        let mut pointer = None;
        while pointer.is_none() {
            pointer = waiting_stack_pointer(other, tasks);
        }
        let mapping = crate::os::files::find_mapping(|m| m.contains(pointer.unwrap()));
        assert!(mapping.unwrap().is_writable());
        drop(send);
        thread.join().unwrap();
        while !is_dead(other, tasks) {}
        close(tasks);
    }
}
