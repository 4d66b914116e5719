//! Which signals a thread blocks. A fault whose signal is blocked ends the process at once, and
//! nobody is asked. So a checked thread never blocks the signals of wrong accesses: that the
//! program has done so is noted, and told when it asks.

use super::processor::system_call;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The signals of wrong accesses.
pub const OF_ACCESSES: u64 = bit(libc::SIGSEGV) | bit(libc::SIGBUS);
/// Those that the C library uses inside, and lets no program block: for `pthread_cancel` and
/// `setuid`.
const OF_THE_C_LIBRARY: u64 = bit(32) | bit(33);

/// A signal's bit in a set.
pub const fn bit(signal: i32) -> u64 {
    1 << (signal - 1)
}

/// What a program may do to the mask; the values are the kernel's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// `SIG_BLOCK`
    Block,
    /// `SIG_UNBLOCK`
    Unblock,
    /// `SIG_SETMASK`
    Set,
}

impl Change {
    /// What `how` means.
    pub fn from_number(how: i32) -> Option<Self> {
        match how {
            libc::SIG_BLOCK => Some(Self::Block),
            libc::SIG_UNBLOCK => Some(Self::Unblock),
            libc::SIG_SETMASK => Some(Self::Set),
            _ => None,
        }
    }

    fn number(self) -> usize {
        (match self {
            Self::Block => libc::SIG_BLOCK,
            Self::Unblock => libc::SIG_UNBLOCK,
            Self::Set => libc::SIG_SETMASK,
        }) as usize
    }
}

/// Changes the calling thread's mask as the C library does; returns the one before. `hidden` are
/// the signals that the program is to see as blocked, and which aren't; `None`: nothing is hidden.
pub fn change(change: Option<(Change, u64)>, hidden: Option<&AtomicU64>) -> u64 {
    let hidden_before = hidden.map_or(0, |hidden| hidden.load(Relaxed));
    let Some((how, set)) = change else { return call(0, None) | hidden_before };
    let set = set & !OF_THE_C_LIBRARY;
    let Some(hidden) = hidden else { return call(how.number(), Some(set)) };
    hidden.store(
        match how {
            Change::Block => hidden_before | set & OF_ACCESSES,
            Change::Unblock => hidden_before & !set,
            Change::Set => set & OF_ACCESSES,
        },
        Relaxed,
    );
    let set = if how == Change::Unblock { set } else { set & !OF_ACCESSES };
    call(how.number(), Some(set)) | hidden_before
}

/// Unblocks the signals of wrong accesses; returns those of them that were blocked.
pub fn open_accesses() -> u64 {
    call(libc::SIG_UNBLOCK as usize, Some(OF_ACCESSES)) & OF_ACCESSES
}

/// Of threads that have nothing of their own yet: a thread's number in the upper half, what is
/// hidden from it in the lower one. Threads whose numbers meet in a slot may forget.
static OF_NEWCOMERS: [AtomicU64; 64] = [const { AtomicU64::new(0) }; 64];

/// As [`change`] for a thread with this number that has nothing of its own yet.
pub fn change_of_newcomer(number: u32, wanted: Option<(Change, u64)>) -> u64 {
    let hidden = AtomicU64::new(hidden_from_newcomer(number));
    let before = change(wanted, Some(&hidden));
    slot(number).store(u64::from(number) << 32 | hidden.load(Relaxed), Relaxed);
    before
}

/// What is hidden from the thread with this number, if [`change_of_newcomer`] knows it.
pub fn hidden_from_newcomer(number: u32) -> u64 {
    let noted = slot(number).load(Relaxed);
    if noted >> 32 == u64::from(number) {
        noted & OF_ACCESSES
    } else {
        0
    }
}

fn slot(number: u32) -> &'static AtomicU64 {
    &OF_NEWCOMERS[number as usize % OF_NEWCOMERS.len()]
}

/// The action whose handler can be interrupted by wrong accesses.
pub fn with_accesses_open(action: &libc::sigaction) -> libc::sigaction {
    let mut opened = *action;
    // SAFETY: a signal set is an array of words.
    unsafe { *(&raw mut opened.sa_mask).cast::<u64>() &= !OF_ACCESSES };
    opened
}

/// Sends a signal again, to the process or the thread, that this thread blocks from now on.
///
/// # Safety
/// The arguments must be those of a signal handler.
pub unsafe fn send_again(
    signal: i32,
    information: *mut libc::siginfo_t,
    context: *mut core::ffi::c_void,
) {
    // SAFETY: the caller's promise. The signal waits until this handler has returned: another
    // thread that doesn't block it gets it now, and sends it again in turn.
    unsafe {
        let mask = &raw mut (*context.cast::<libc::ucontext_t>()).uc_sigmask;
        *mask.cast::<u64>() |= bit(signal);
        call(libc::SIG_SETMASK as usize, Some(mask.cast::<u64>().read()));
        let process = system_call(libc::SYS_getpid, [0; 6]) as usize;
        let (number, thread) = (signal as usize, system_call(libc::SYS_gettid, [0; 6]) as usize);
        if (*information).si_code == libc::SI_TKILL {
            let arguments = [process, thread, number, information as usize, 0, 0];
            system_call(libc::SYS_rt_tgsigqueueinfo, arguments);
            return;
        }
        if thread != process {
            // Only a process's first thread may send in `kill`'s name.
            (*information).si_code = libc::SI_QUEUE;
        }
        let arguments = [process, number, information as usize, 0, 0, 0];
        system_call(libc::SYS_rt_sigqueueinfo, arguments);
    }
}

fn call(how: usize, set: Option<u64>) -> u64 {
    let mut before = 0u64;
    let new = set.as_ref().map_or(0, |set| &raw const *set as usize);
    let arguments = [how, new, &raw mut before as usize, size_of::<u64>(), 0, 0];
    // SAFETY: the kernel reads and writes one word each.
    unsafe { system_call(libc::SYS_rt_sigprocmask, arguments) };
    before
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_of_accesses_are_seen_as_blocked_and_are_not() {
        let hidden = AtomicU64::new(0);
        let usual = bit(libc::SIGUSR1);
        let before = change(None, None);
        assert_eq!(change(Some((Change::Block, u64::MAX)), Some(&hidden)), before);
        let all_but_kill = !(bit(libc::SIGKILL) | bit(libc::SIGSTOP) | OF_THE_C_LIBRARY);
        assert_eq!(change(None, Some(&hidden)), all_but_kill);
        assert_eq!(change(None, None), all_but_kill & !OF_ACCESSES);
        let segv = bit(libc::SIGSEGV);
        change(Some((Change::Unblock, usual | segv)), Some(&hidden));
        assert_eq!(change(None, Some(&hidden)), all_but_kill & !usual & !segv);
        change(Some((Change::Set, segv)), Some(&hidden));
        assert_eq!(change(None, Some(&hidden)), segv);
        assert_eq!((change(None, None), open_accesses()), (0, 0));
        change(Some((Change::Set, before | segv)), None);
        assert_eq!(open_accesses(), segv);
        change_of_newcomer(70, Some((Change::Block, segv)));
        assert_eq!((hidden_from_newcomer(70), hidden_from_newcomer(6)), (segv, 0));
        assert_eq!(change_of_newcomer(70, Some((Change::Unblock, segv))), before | segv);
        assert_eq!(hidden_from_newcomer(70), 0);
        assert_eq!(change(None, None), before);
    }
}
