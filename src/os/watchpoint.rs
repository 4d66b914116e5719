//! Watchpoints of the processor: a few bytes of which every access by this thread raises a signal,
//! after the instruction. Processors have four for each thread.
//!
//! They are perf events of the kernel (perf_event_open(2)) that raise SIGTRAP (Linux 5.13), given
//! to unprivileged processes where `kernel.perf_event_paranoid` is at most 2. An event is held
//! by a mapping, not by its descriptor: programs close descriptors that they don't know.

use super::memory::page_bytes;
use super::processor::system_call;
use core::ffi::c_void;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Why SIGTRAP was sent: `TRAP_PERF` of `si_code`.
pub const TRAP_PERF: i32 = 6;

/// Whether the kernel refused one, or must not be asked.
static IS_REFUSED: AtomicBool = AtomicBool::new(false);

/// `struct perf_event_attr` of `linux/perf_event.h`, in its seventh version.
#[repr(C)]
#[derive(Default)]
struct Attributes {
    kind: u32,
    length: u32,
    config: u64,
    sample_period: u64,
    sample_type: u64,
    read_format: u64,
    flags: u64,
    wakeup: u32,
    access: u32,
    address: u64,
    access_length: u64,
    unused: [u64; 6],
    marker: u64,
}

const BREAKPOINT: u32 = 5;
const READ_OR_WRITE: u32 = 3;
const EXCLUDE_KERNEL: u64 = 1 << 5;
const EXCLUDE_HYPERVISOR: u64 = 1 << 6;
const REMOVE_ON_EXEC: u64 = 1 << 36;
const SIGTRAP: u64 = 1 << 37;
/// `PERF_FLAG_FD_CLOEXEC`.
const CLOSE_ON_EXEC: usize = 8;

/// A watchpoint of the thread that set it.
pub struct Watchpoint {
    mapping: usize,
}

impl Watchpoint {
    /// Watches the 1, 2, 4 or 8 bytes at `address`, a multiple of as much. The program must have a
    /// handler for SIGTRAP. `None` where there is none to be had.
    pub fn set(address: usize, length: usize) -> Option<Self> {
        if IS_REFUSED.load(Relaxed) {
            return None;
        }
        let set = if has_filter() { None } else { open(address, length) };
        if set.is_none() {
            IS_REFUSED.store(true, Relaxed);
        }
        set
    }

    /// Ends it, whichever thread's it is.
    pub fn clear(self) {
        // SAFETY: the event's own mapping.
        unsafe { system_call(libc::SYS_munmap, [self.mapping, page_bytes(), 0, 0, 0, 0]) };
    }
}

/// Whether a filter says which system calls this thread may make; it may end the program for one
/// that its author has not thought of.
fn has_filter() -> bool {
    const PR_GET_SECCOMP: usize = 21;
    // SAFETY: has no effect.
    unsafe { system_call(libc::SYS_prctl, [PR_GET_SECCOMP, 0, 0, 0, 0, 0]) != 0 }
}

fn open(address: usize, length: usize) -> Option<Watchpoint> {
    let attributes = Attributes {
        kind: BREAKPOINT,
        length: size_of::<Attributes>() as u32,
        sample_period: 1,
        flags: EXCLUDE_KERNEL | EXCLUDE_HYPERVISOR | REMOVE_ON_EXEC | SIGTRAP,
        access: READ_OR_WRITE,
        address: address as u64,
        access_length: length as u64,
        marker: address as u64,
        ..Attributes::default()
    };
    let this_thread_on_any_processor_alone = [0, usize::MAX, usize::MAX];
    let [thread, processor, group] = this_thread_on_any_processor_alone;
    let given = [&raw const attributes as usize, thread, processor, group, CLOSE_ON_EXEC, 0];
    // SAFETY: the kernel reads the attributes; the mapping is a new one, which keeps the event when
    // the descriptor is closed.
    unsafe {
        let descriptor = usize::try_from(system_call(libc::SYS_perf_event_open, given)).ok()?;
        let (protection, flags) = (libc::PROT_READ as usize, libc::MAP_SHARED as usize);
        let given = [0, page_bytes(), protection, flags, descriptor, 0];
        let mapping = system_call(libc::SYS_mmap, given);
        system_call(libc::SYS_close, [descriptor, 0, 0, 0, 0, 0]);
        let mapping = usize::try_from(mapping).ok()?;
        Some(Watchpoint { mapping })
    }
}

/// What a watchpoint's signal says.
pub enum Hit {
    /// The bytes at `si_addr` were accessed by the instruction before.
    Now,
    /// Some were while the program had blocked the signal.
    Late,
}

/// What a SIGTRAP says, if a watchpoint raised it.
///
/// # Safety
/// `information` must be what the kernel gave to a handler of SIGTRAP.
pub unsafe fn hit(information: *const libc::siginfo_t) -> Option<Hit> {
    /// What follows `si_addr` in `siginfo_t`: the event's marker, its type, and whether the signal
    /// had to wait.
    #[repr(C)]
    struct Event {
        head: [i32; 4],
        address: *const c_void,
        marker: u64,
        kind: u32,
        flags: u32,
    }
    const _: () = assert!(size_of::<Event>() <= size_of::<libc::siginfo_t>());
    const IS_LATE: u32 = 1;
    // SAFETY: the caller's promise.
    let event = unsafe { &*information.cast::<Event>() };
    let is_own = event.head[2] == TRAP_PERF && event.kind == BREAKPOINT;
    match event.flags & IS_LATE {
        _ if !is_own => None,
        0 => Some(Hit::Now),
        _ => Some(Hit::Late),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    static SEEN: AtomicUsize = AtomicUsize::new(0);
    static TIMES: AtomicUsize = AtomicUsize::new(0);

    unsafe extern "C" fn note(_: i32, information: *mut libc::siginfo_t, _: *mut c_void) {
        // SAFETY: the kernel's own.
        if let (Some(Hit::Now), address) = unsafe { (hit(information), (*information).si_addr()) } {
            SEEN.store(address as usize, SeqCst);
        }
        TIMES.fetch_add(1, SeqCst);
    }

    #[test]
    fn what_is_watched_raises_a_signal_and_what_is_beside_it_does_not() {
        let mut words = Box::new([1u64; 4]);
        let address = &raw mut words[1] as usize;
        // SAFETY: zero is the default action; the handler is one.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = note as *const () as usize;
            action.sa_flags = libc::SA_SIGINFO;
            libc::sigaction(libc::SIGTRAP, &action, std::ptr::null_mut());
        }
        let Some(watchpoint) = Watchpoint::set(address, 8) else {
            println!("the kernel gives no watchpoints here");
            return;
        };
        let touch = |index: usize| {
            // SAFETY: within the array.
            unsafe { (&raw mut words[index]).write_volatile(2) };
            TIMES.load(SeqCst)
        };
        let mut touch = touch;
        assert_eq!([touch(0), touch(2), touch(1)], [0, 0, 1]);
        assert_eq!(SEEN.load(SeqCst), address);
        watchpoint.clear();
        assert_eq!(touch(1), 1);
    }
}
