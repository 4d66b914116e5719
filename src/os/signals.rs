//! Signals that mean an error: told to the checker first, then to the program's own handler, as if
//! there had been no checker.

use super::processor::system_call;
use super::unwind::{recover, Registers};
use core::ffi::c_void;
use core::mem::MaybeUninit;
use core::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicUsize,
    Ordering::{Acquire, Relaxed, Release},
};

/// The signals that an error can raise.
const WATCHED: [i32; 5] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGABRT, libc::SIGILL, libc::SIGFPE];
/// The first of them are those for a wrong access.
const ACCESSES: usize = 2;

/// A signal that was raised by an error, and the moment in which it was.
pub struct Fault {
    /// The signal's number.
    pub number: i32,
    /// Why it was sent: `si_code`.
    pub code: i32,
    /// The address that the signal is about: `si_addr`.
    pub address: usize,
    /// Whether it was a write, if the processor says.
    pub is_write: Option<bool>,
    /// Whether the processor found the address to be no address at all; then `address` is 0.
    pub is_no_address: bool,
    /// The registers.
    pub registers: Registers,
    /// The context of the handler.
    context: *mut c_void,
}

/// What the checker says to a fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// The program is to go on.
    GoOn,
    /// The program is to get the signal.
    Pass,
}

static ANSWER: AtomicPtr<()> = AtomicPtr::new(core::ptr::null_mut());
static BEFORE: [Action; WATCHED.len()] = [const { Action::new() }; WATCHED.len()];

/// A program's way to handle a signal.
struct Action {
    handler: AtomicUsize,
    has_information: AtomicBool,
}

impl Action {
    const fn new() -> Self {
        Self { handler: AtomicUsize::new(libc::SIG_DFL), has_information: AtomicBool::new(false) }
    }

    fn note(&self, action: &libc::sigaction) {
        self.has_information.store(action.sa_flags & libc::SA_SIGINFO != 0, Relaxed);
        self.handler.store(action.sa_sigaction, Release);
    }
}

impl Fault {
    /// The bytes of the instruction, as far as they can be read.
    pub fn code_bytes(&self, into: &mut [u8]) -> usize {
        super::files::read_memory(self.registers.pc, into)
    }

    /// Moves to another instruction when the program goes on.
    pub fn go_on_at(&self, instruction: usize) {
        // SAFETY: the kernel gave the context to the handler, which is still running.
        let context = unsafe { &mut *self.context.cast::<libc::ucontext_t>() };
        context.uc_mcontext.gregs[libc::REG_RIP as usize] = instruction as i64;
    }
}

/// From now on, `answer` is asked about each fault.
pub fn watch(answer: fn(&Fault) -> Answer) {
    ANSWER.store(answer as *mut (), Release);
    for index in 0..WATCHED.len() {
        take(index);
    }
}

/// Puts the checker in front again if the program has set a handler for wrong accesses of its own,
/// which is then asked second.
pub fn stay_in_front() {
    for index in 0..ACCESSES {
        let mut action = MaybeUninit::<libc::sigaction>::zeroed();
        // SAFETY: reads the action of a signal.
        let action = unsafe {
            if libc::sigaction(WATCHED[index], core::ptr::null(), action.as_mut_ptr()) != 0 {
                return;
            }
            action.assume_init()
        };
        if action.sa_sigaction != handle as *const () as usize {
            take(index);
        }
    }
}

fn take(index: usize) {
    // SAFETY: every pattern is a sigaction, and the handler is one.
    unsafe {
        let mut action = MaybeUninit::<libc::sigaction>::zeroed().assume_init();
        action.sa_sigaction = handle as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
        let mut before = MaybeUninit::<libc::sigaction>::zeroed().assume_init();
        if libc::sigaction(WATCHED[index], &raw const action, &raw mut before) == 0 {
            BEFORE[index].note(&before);
        }
    }
}

/// Whether the program handles `signal` itself.
pub fn is_handled(signal: i32) -> bool {
    let index = WATCHED.iter().position(|watched| *watched == signal);
    let handler = index.map_or(libc::SIG_DFL, |index| BEFORE[index].handler.load(Acquire));
    handler != libc::SIG_DFL && handler != libc::SIG_IGN
}

unsafe extern "C" fn handle(signal: i32, information: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: both are the kernel's, as for every handler.
    let fault = unsafe {
        if recover(context) {
            return;
        }
        fault_of(signal, information, context)
    };
    let answer = ANSWER.load(Acquire);
    // SAFETY: `watch` stored a function of that type before it installed this one.
    let answer = unsafe { core::mem::transmute::<*mut (), fn(&Fault) -> Answer>(answer) };
    if answer(&fault) == Answer::Pass {
        // SAFETY: as above.
        unsafe { pass_on(signal, information, context) };
    }
}

/// # Safety
/// The arguments must be those of a signal handler.
unsafe fn fault_of(number: i32, information: *mut libc::siginfo_t, context: *mut c_void) -> Fault {
    /// `T_PF`: the processor's number for a page fault, and of its error code the bit for a write.
    const PAGE_FAULT: i64 = 14;
    const IS_WRITE: i64 = 2;
    // SAFETY: the caller's promise.
    let (code, address, saved) = unsafe {
        let saved = &(*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs;
        ((*information).si_code, (*information).si_addr() as usize, saved)
    };
    let is_page_fault = saved[libc::REG_TRAPNO as usize] == PAGE_FAULT;
    let error = saved[libc::REG_ERR as usize];
    let is_by_processor = code > 0;
    Fault {
        number,
        code,
        address: if is_by_processor { address } else { 0 },
        is_write: (is_by_processor && is_page_fault).then_some(error & IS_WRITE != 0),
        is_no_address: number == libc::SIGSEGV && code == libc::SI_KERNEL,
        // SAFETY: the caller's promise.
        registers: unsafe { Registers::from_context(context) },
        context,
    }
}

/// Does with a signal what would have been done without the checker.
///
/// # Safety
/// The arguments must be those of a signal handler.
unsafe fn pass_on(signal: i32, information: *mut libc::siginfo_t, context: *mut c_void) {
    type Plain = unsafe extern "C" fn(i32);
    type Informed = unsafe extern "C" fn(i32, *mut libc::siginfo_t, *mut c_void);
    let Some(index) = WATCHED.iter().position(|watched| *watched == signal) else { return };
    let before = &BEFORE[index];
    let handler = before.handler.load(Acquire);
    // SAFETY: the caller's promise; the program gave a function of the type that its flag says.
    unsafe {
        match handler {
            libc::SIG_IGN if (*information).si_code <= 0 => {}
            libc::SIG_DFL | libc::SIG_IGN => die(signal, (*information).si_code <= 0),
            _ if before.has_information.load(Relaxed) => {
                core::mem::transmute::<usize, Informed>(handler)(signal, information, context)
            }
            _ => core::mem::transmute::<usize, Plain>(handler)(signal),
        }
    }
}

/// Lets the signal do what it does by default. A fault happens again by itself.
fn die(signal: i32, was_sent: bool) {
    // SAFETY: the default action of a signal; every pattern is a sigaction.
    unsafe {
        let action = MaybeUninit::<libc::sigaction>::zeroed().assume_init();
        libc::sigaction(signal, &raw const action, core::ptr::null_mut());
        if was_sent {
            let process = system_call(libc::SYS_getpid, [0; 6]) as usize;
            let thread = system_call(libc::SYS_gettid, [0; 6]) as usize;
            system_call(libc::SYS_tgkill, [process, thread, signal as usize, 0, 0, 0]);
        }
    }
}
