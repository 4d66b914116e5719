//! Stopping all other threads of the process for a while.
//!
//! A thread can't trace its own process, so a **helper** does: a task of its own that shares this
//! process's memory and files, but none of its signal handlers. It attaches to every thread, runs
//! the job, and lets them go. The caller waits meanwhile; it is not traced, because its registers
//! are on its stack. If the helper dies (it read what can't be read), the kernel lets all threads
//! go.

use super::memory::{forbid, page_bytes, Range};
use super::process;
use super::processor::{start_task, system_call};
use super::tasks::{self, State, Task};
use core::mem::size_of;
use core::sync::atomic::{AtomicU32, Ordering};

/// Room for the helper's stack in bytes, its guard page included.
pub const STACK_BYTES: usize = 128 * 1024;

/// Why the job was not done, or not to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failure {
    /// The kernel gives no helper.
    NoHelper,
    /// The threads of the process can't be listed.
    NoList,
    /// The helper read or wrote what it may not.
    Fault,
    /// The helper was ended from outside.
    Killed,
}

/// How many threads the process has about now.
pub fn count_tasks() -> Option<usize> {
    let folder = tasks::open_folder()?;
    let mut count = 0;
    let is_listed = tasks::each(folder, |_| count += 1);
    tasks::close(folder);
    is_listed.then_some(count)
}

struct Shared<'a, 'b> {
    /// The folder with the threads' files.
    folder: usize,
    process: i32,
    caller: i32,
    /// The helper waits until this isn't zero: it has to be allowed to trace first.
    may_begin: AtomicU32,
    table: &'a mut [Task],
    job: &'a mut (dyn FnMut(&[Task]) + 'b),
}

/// Stops all other threads, as many of them as can be stopped, and calls `job` with them, in
/// another task than this but in the same memory. Threads that run on are marked so. `job` may not
/// panic, nor use anything that another thread can have locked; if it faults it isn't continued.
/// The threads go on when this returns.
///
/// `table` is room for the threads; the helper's stack is in `stack`, [`STACK_BYTES`] long.
///
/// # Safety
/// `stack` must be writable memory that nothing else uses.
pub unsafe fn with_world_stopped(
    table: &mut [Task],
    stack: Range,
    job: &mut dyn FnMut(&[Task]),
) -> Result<(), Failure> {
    let folder = tasks::open_folder().ok_or(Failure::NoList)?;
    let mut shared = Shared {
        folder,
        process: process::id(),
        // SAFETY: has no effect on memory.
        caller: unsafe { system_call(libc::SYS_gettid, [0; 6]) as i32 },
        may_begin: AtomicU32::new(0),
        table,
        job,
    };
    // SAFETY: the caller's promise; the page at the low end is never used but by mistake.
    unsafe { forbid(Range { length: page_bytes(), ..stack }) };
    let mask = set_signal_mask(&[u64::MAX]);
    let was_dumpable = allow_tracing();
    // SAFETY: `shared` and the stack outlive the helper, which `wait_for` waits for.
    let result = unsafe { run_helper(&mut shared, stack) };
    if was_dumpable == Some(0) {
        control(libc::PR_SET_DUMPABLE, 0);
    }
    set_signal_mask(&mask);
    tasks::close(folder);
    result
}

/// # Safety
/// As [`with_world_stopped`].
unsafe fn run_helper(shared: &mut Shared, stack: Range) -> Result<(), Failure> {
    let flags = libc::CLONE_VM | libc::CLONE_FS | libc::CLONE_FILES | libc::CLONE_UNTRACED;
    let argument = &raw mut *shared as usize;
    // SAFETY: the caller's promise. The helper only makes system calls and runs the job.
    let helper = unsafe { start_task(flags as usize, stack.end(), help, argument) };
    if helper <= 0 {
        return Err(Failure::NoHelper);
    }
    let is_restricted = is_tracing_restricted();
    if is_restricted {
        control(PR_SET_PTRACER, helper as usize);
    }
    shared.may_begin.store(1, Ordering::Release);
    let may_begin = shared.may_begin.as_ptr() as usize;
    // SAFETY: wakes who waits for the word.
    unsafe { system_call(libc::SYS_futex, [may_begin, libc::FUTEX_WAKE as usize, 1, 0, 0, 0]) };
    let result = wait_for(helper as usize);
    if is_restricted {
        control(PR_SET_PTRACER, 0);
    }
    result
}

const PR_SET_PTRACER: i32 = libc::PR_SET_PTRACER;
const DONE: i32 = 0;
const NOT_LISTED: i32 = 2;
const FAULTED: i32 = 3;

fn wait_for(helper: usize) -> Result<(), Failure> {
    let mut status = 0i32;
    loop {
        let arguments = [helper, &raw mut status as usize, libc::__WALL as usize, 0, 0, 0];
        // SAFETY: the kernel writes into `status`.
        let ended = unsafe { system_call(libc::SYS_wait4, arguments) };
        if ended == -(libc::EINTR as isize) {
            continue;
        }
        if ended != helper as isize || !libc::WIFEXITED(status) {
            return Err(Failure::Killed);
        }
        return match libc::WEXITSTATUS(status) {
            DONE => Ok(()),
            NOT_LISTED => Err(Failure::NoList),
            FAULTED => Err(Failure::Fault),
            _ => Err(Failure::Killed),
        };
    }
}

/// Lets helpers of the same user trace this process; returns what `PR_GET_DUMPABLE` said before.
fn allow_tracing() -> Option<isize> {
    let before = control(libc::PR_GET_DUMPABLE, 0);
    if before == 0 {
        control(libc::PR_SET_DUMPABLE, 1);
    }
    (before >= 0).then_some(before)
}

/// Whether Yama wants a tracer to be named, or to be an ancestor (Linux, admin-guide/LSM/Yama).
fn is_tracing_restricted() -> bool {
    let path = c"/proc/sys/kernel/yama/ptrace_scope".as_ptr() as usize;
    let flags = (libc::O_RDONLY | libc::O_CLOEXEC) as usize;
    let mut scope = 0u8;
    // SAFETY: the path is a C string; the kernel writes one byte into `scope`.
    unsafe {
        let file = system_call(libc::SYS_openat, [libc::AT_FDCWD as usize, path, flags, 0, 0, 0]);
        if file >= 0 {
            system_call(libc::SYS_read, [file as usize, &raw mut scope as usize, 1, 0, 0, 0]);
            tasks::close(file as usize);
        }
    }
    scope == b'1'
}

fn control(option: i32, value: usize) -> isize {
    // SAFETY: the options used here take numbers only.
    unsafe { system_call(libc::SYS_prctl, [option as usize, value, 0, 0, 0, 0]) }
}

/// Sets this thread's signal mask, in the kernel's form; returns the one before.
fn set_signal_mask(mask: &[u64; 1]) -> [u64; 1] {
    let mut before = [0];
    let (new, old) = (mask.as_ptr() as usize, before.as_mut_ptr() as usize);
    let arguments = [libc::SIG_SETMASK as usize, new, old, size_of::<u64>(), 0, 0];
    // SAFETY: the kernel reads one mask and writes the other.
    unsafe { system_call(libc::SYS_rt_sigprocmask, arguments) };
    before
}

/// Where the helper begins.
///
/// # Safety
/// `argument` must be the address of a [`Shared`] that nothing else uses until this task has ended.
unsafe extern "C" fn help(argument: usize) -> ! {
    // SAFETY: the caller's promise.
    let shared = unsafe { &mut *(argument as *mut Shared) };
    control(libc::PR_SET_PDEATHSIG, libc::SIGKILL as usize);
    // SAFETY: has no effect on memory.
    if unsafe { system_call(libc::SYS_getppid, [0; 6]) } != shared.process as isize {
        leave(NOT_LISTED);
    }
    catch_faults();
    let word = shared.may_begin.as_ptr() as usize;
    while shared.may_begin.load(Ordering::Acquire) == 0 {
        // SAFETY: waits while the word is zero.
        unsafe { system_call(libc::SYS_futex, [word, libc::FUTEX_WAIT as usize, 0, 0, 0, 0]) };
    }
    let all = stop_all(shared);
    if let Some(count) = all {
        (shared.job)(&shared.table[..count]);
    }
    shared.table.iter_mut().for_each(Task::let_go);
    leave(if all.is_some() { DONE } else { NOT_LISTED })
}

fn leave(status: i32) -> ! {
    loop {
        // SAFETY: ends this task, which is a process of its own.
        unsafe { system_call(libc::SYS_exit_group, [status as usize, 0, 0, 0, 0, 0]) };
    }
}

extern "C" fn fault(_signal: i32) {
    leave(FAULTED);
}

/// Faults of the helper end it, and are no business of the program's handlers.
fn catch_faults() {
    /// As the kernel takes it (`struct sigaction` of the kernel's signal.h).
    #[repr(C)]
    struct Action {
        handler: extern "C" fn(i32),
        flags: usize,
        restorer: extern "C" fn(i32),
        mask: u64,
    }
    const SA_RESTORER: usize = 0x0400_0000;
    // The kernel demands a restorer; it is never used, because the handler doesn't return.
    let action = Action { handler: fault, flags: SA_RESTORER, restorer: fault, mask: 0 };
    let signals = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGTRAP];
    let mut mask = u64::MAX;
    for signal in signals {
        let arguments = [signal as usize, &raw const action as usize, 0, size_of::<u64>(), 0, 0];
        // SAFETY: the kernel reads `action`. Handlers belong to this task alone.
        unsafe { system_call(libc::SYS_rt_sigaction, arguments) };
        mask &= !(1 << (signal - 1));
    }
    set_signal_mask(&[mask]);
}

/// Stops threads until no new one appears; returns how many the table has then. `None` if they
/// can't be listed, or the table is too small.
fn stop_all(shared: &mut Shared) -> Option<usize> {
    let mut patience = Patience::new();
    let mut count = 0;
    loop {
        let before = count;
        let (table, folder, caller) = (&mut *shared.table, shared.folder, shared.caller);
        let mut has_room = true;
        let is_listed = tasks::each(folder, |id| {
            let is_known = id == caller || table[..count].iter().any(|task| task.id == id);
            has_room &= is_known || count < table.len();
            if !is_known && has_room {
                table[count] = Task::stop(id, folder);
                count += 1;
            }
        });
        if !is_listed || !has_room {
            return None;
        }
        if count == before {
            return Some(count);
        }
        for task in &mut table[before..count] {
            while task.state == State::Stopping && patience.lasts() {
                task.look();
                patience.rest(task.state == State::Stopping);
            }
            if matches!(task.state, State::Stopping | State::Running) {
                task.give_up(folder);
            }
        }
    }
}

/// How long the helper waits for threads that don't stop: those in a `vfork` can't.
struct Patience {
    naps: u32,
}

impl Patience {
    const NAPS: u32 = 20_000;
    const NAP_NS: i64 = 50_000;

    fn new() -> Self {
        Self { naps: 0 }
    }

    fn lasts(&self) -> bool {
        self.naps < Self::NAPS
    }

    fn rest(&mut self, is_needed: bool) {
        if is_needed {
            self.naps += 1;
            let nap = libc::timespec { tv_sec: 0, tv_nsec: Self::NAP_NS };
            // SAFETY: the kernel reads `nap`.
            unsafe { system_call(libc::SYS_nanosleep, [&raw const nap as usize, 0, 0, 0, 0, 0]) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::memory::{map_writable, release};
    use std::os::unix::process::CommandExt;
    use std::process::{Child, Command};

    const ROLE: &str = "CAIRN_TEST_TRACED";

    fn find_main_thread(stack: Range) -> Task {
        let mut seen = Vec::with_capacity(100);
        // SAFETY: all zero is a thread that has gone.
        let mut table: Vec<Task> = (0..100).map(|_| unsafe { std::mem::zeroed() }).collect();
        // SAFETY: the stack was mapped for this.
        let result = unsafe {
            with_world_stopped(&mut table, stack, &mut |tasks| seen.extend_from_slice(tasks))
        };
        assert_eq!(result, Ok(()));
        *seen.iter().find(|task| task.id == process::id()).unwrap()
    }

    /// What a process sees whose main thread has a tracer already: it runs on, and where its stack
    /// is in use is known nevertheless, once it waits. That the process doesn't want to be traced
    /// is no hindrance, and as true afterwards.
    fn look_at_main_thread() {
        let stack = map_writable(STACK_BYTES).unwrap();
        control(libc::PR_SET_DUMPABLE, 0);
        let mut main = find_main_thread(stack);
        while main.stack_pointer() == 0 {
            main = find_main_thread(stack);
        }
        // SAFETY: the helpers have ended.
        unsafe { release(stack) };
        assert_eq!(control(libc::PR_GET_DUMPABLE, 0), 0);
        assert_eq!(main.state, State::Running);
        let mapping = crate::os::files::find_mapping(|m| m.contains(main.stack_pointer()));
        assert_eq!(mapping.unwrap().name(), b"[stack]");
    }

    fn follow(child: &Child) -> i32 {
        let id = child.id() as i32;
        let mut status = 0;
        loop {
            // SAFETY: the kernel writes into `status`.
            assert_eq!(unsafe { libc::waitpid(id, &raw mut status, 0) }, id);
            if !libc::WIFSTOPPED(status) {
                return libc::WEXITSTATUS(status);
            }
            let stop = libc::WSTOPSIG(status);
            let signal = if stop == libc::SIGTRAP { 0 } else { stop };
            // SAFETY: lets the child run on.
            unsafe { libc::ptrace(libc::PTRACE_CONT, id, 0, signal) };
        }
    }

    #[test]
    fn a_thread_with_another_tracer_runs_on() {
        if std::env::var_os(ROLE).is_some() {
            return look_at_main_thread();
        }
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "os::stop_world::tests::a_thread_with_another_tracer_runs_on"]);
        command.env(ROLE, "1").stdout(std::process::Stdio::null());
        // SAFETY: a system call, which is all that may happen between fork and exec.
        unsafe {
            command.pre_exec(|| match libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) {
                0 => Ok(()),
                _ => Err(std::io::Error::last_os_error()),
            });
        }
        assert_eq!(follow(&command.spawn().unwrap()), 0);
    }
}
