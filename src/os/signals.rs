//! Signals that mean an error: told to the checker first, then to the program's own handler, as if
//! there had been no checker.

use super::aligned_step::{self, End};
use super::fault::Fault;
use super::operand::Operand;
use super::processor::system_call;
use super::signal_mask;
use super::unwind::{recover, Registers};
use super::watchpoint::{self, Hit};
use core::ffi::c_void;
use core::mem::MaybeUninit;
use core::sync::atomic::{
    AtomicBool, AtomicI32, AtomicPtr, AtomicU64, AtomicUsize,
    Ordering::{Acquire, Relaxed, Release},
};

/// The signals that an error can raise, and the one that ends a step (`aligned_step.rs`).
const WATCHED: [i32; 6] =
    [libc::SIGSEGV, libc::SIGBUS, libc::SIGABRT, libc::SIGILL, libc::SIGFPE, libc::SIGTRAP];
/// The first of them are those for a wrong access.
const ACCESSES: usize = 2;
/// The last is the program's alone until there is a step.
const TRAP: usize = WATCHED.len() - 1;

/// All signals but those that are watched.
const OTHERS: u64 = {
    let (mut set, mut index) = (u64::MAX, 0);
    while index < WATCHED.len() {
        set &= !(1 << (WATCHED[index] - 1));
        index += 1;
    }
    set
};

/// The signals by which a program is told to end. The checker has them only as long as the program
/// does nothing of its own with them.
const REQUESTS_TO_END: [i32; 3] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP];

/// What the checker says to a fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// The program is to go on.
    GoOn,
    /// The program is to get the signal.
    Pass,
    /// The program has blocked the signal, which was sent: it is to wait.
    Wait,
    /// The instruction is to be executed with its operand at a multiple of 16.
    Align(Operand),
}

static ANSWER: AtomicPtr<()> = AtomicPtr::new(core::ptr::null_mut());
static BEFORE: [Action; WATCHED.len()] = [const { Action::new() }; WATCHED.len()];

extern "C" {
    /// The C library's `sigaction`, by its inner name: Cairn exports the other one.
    fn __sigaction(signal: i32, new: *const SignalAction, old: *mut SignalAction) -> i32;
    /// The C library's `signal`, by its other name.
    fn ssignal(signal: i32, handler: usize) -> usize;
}

/// `struct sigaction`.
pub type SignalAction = libc::sigaction;

/// A program's way to handle a signal, as it was set with `sigaction`.
struct Action {
    handler: AtomicUsize,
    flags: AtomicI32,
    /// Of the mask, the signals that Linux has.
    mask: AtomicU64,
    /// Whether the checker's handler stands before it.
    is_behind: AtomicBool,
}

impl Action {
    const fn new() -> Self {
        let (handler, flags) = (AtomicUsize::new(libc::SIG_DFL), AtomicI32::new(0));
        Self { handler, flags, mask: AtomicU64::new(0), is_behind: AtomicBool::new(false) }
    }

    fn store(&self, action: &SignalAction) {
        self.flags.store(action.sa_flags, Relaxed);
        // SAFETY: a signal set is an array of words.
        self.mask.store(unsafe { (&raw const action.sa_mask).cast::<u64>().read() }, Relaxed);
        self.handler.store(action.sa_sigaction, Release);
    }

    fn load(&self) -> SignalAction {
        let mut action = no_action();
        action.sa_sigaction = self.handler.load(Acquire);
        action.sa_flags = self.flags.load(Relaxed);
        // SAFETY: a signal set is an array of words.
        unsafe { (&raw mut action.sa_mask).cast::<u64>().write(self.mask.load(Relaxed)) };
        action
    }
}

/// The default for a signal.
fn no_action() -> SignalAction {
    // SAFETY: every pattern is a sigaction, and zero is the default.
    unsafe { MaybeUninit::zeroed().assume_init() }
}

/// `sigaction` for a checked program: of the signals that are watched it sees and sets what the
/// checker passes faults on to.
///
/// # Safety
/// `new` and `old` must each be null or point to a `struct sigaction`.
pub unsafe extern "C" fn set_action(
    signal: i32,
    new: *const SignalAction,
    old: *mut SignalAction,
) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        let Some(index) = position(signal) else {
            let opened = new.as_ref().map(signal_mask::with_accesses_open);
            let new = opened.as_ref().map_or(new, |new| new);
            let result = __sigaction(signal, new, old);
            match old.as_mut() {
                Some(old) if old.sa_sigaction == handle as *const () as usize => *old = no_action(),
                _ => {}
            }
            return result;
        };
        let before = BEFORE[index].load();
        if let Some(new) = new.as_ref() {
            BEFORE[index].store(new);
        }
        if let Some(old) = old.as_mut() {
            *old = before;
        }
    }
    0
}

/// `signal` for a checked program: see [`set_action`].
///
/// # Safety
/// `handler` must be a handler of signals, `SIG_DFL` or `SIG_IGN`.
pub unsafe extern "C" fn set_handler(signal: i32, handler: usize) -> usize {
    if position(signal).is_none() {
        // SAFETY: the caller's promise.
        let before = unsafe { ssignal(signal, handler) };
        return if before == handle as *const () as usize { libc::SIG_DFL } else { before };
    }
    let mut new = no_action();
    (new.sa_sigaction, new.sa_flags) = (handler, libc::SA_RESTART);
    let mut old = no_action();
    // SAFETY: both are on this stack.
    unsafe { set_action(signal, &raw const new, &raw mut old) };
    old.sa_sigaction
}

/// Which of the watched signals it is, if the checker's handler stands before the program's.
fn position(signal: i32) -> Option<usize> {
    let index = WATCHED.iter().position(|watched| *watched == signal)?;
    BEFORE[index].is_behind.load(Acquire).then_some(index)
}

/// From now on, `answer` is asked about each fault.
pub fn watch(answer: fn(&Fault) -> Answer) {
    ANSWER.store(answer as *mut (), Release);
    for index in 0..TRAP {
        take(index);
    }
    for signal in REQUESTS_TO_END {
        let mut before = no_action();
        // SAFETY: reads the action of a signal; then sets one, whose handler is one.
        unsafe {
            let error = __sigaction(signal, core::ptr::null(), &raw mut before);
            if error == 0 && before.sa_sigaction == libc::SIG_DFL {
                __sigaction(signal, &own_action(), core::ptr::null_mut());
            }
        }
    }
}

/// Whether `signal` only asks the program to end.
pub fn is_request_to_end(signal: i32) -> bool {
    REQUESTS_TO_END.contains(&signal)
}

/// The checker's way to handle a signal.
fn own_action() -> SignalAction {
    let mut action = no_action();
    action.sa_sigaction = handle as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
    // A handler of the program's that came in between could have a fault of its own, and wait for a
    // lock that this thread holds. Faults themselves can't wait.
    // SAFETY: a signal set is an array of words.
    unsafe { (&raw mut action.sa_mask).cast::<u64>().write(OTHERS) };
    action
}

/// Puts the checker in front again if the program has set a handler for wrong accesses by a way of
/// its own; that is asked second then.
pub fn stay_in_front() {
    (0..ACCESSES).for_each(stay_in_front_of);
}

/// As [`stay_in_front`], for what a watchpoint raises.
pub fn take_traps() {
    stay_in_front_of(TRAP);
}

fn stay_in_front_of(index: usize) {
    let mut action = no_action();
    // SAFETY: reads the action of a signal.
    let error = unsafe { __sigaction(WATCHED[index], core::ptr::null(), &raw mut action) };
    if error == 0 && action.sa_sigaction != handle as *const () as usize {
        take(index);
    }
}

fn take(index: usize) {
    let mut before = no_action();
    let signal = WATCHED[index];
    // SAFETY: the handler is one.
    if unsafe { __sigaction(signal, &own_action(), &raw mut before) } == 0 {
        BEFORE[index].store(&before);
        BEFORE[index].is_behind.store(true, Release);
    }
}

/// Gives this thread a stack for handlers of signals, if it has none: one that has overflown its
/// own can be told of then.
///
/// # Safety
/// The `length` bytes from `start` on must stay until [`take_stack`].
pub unsafe fn give_stack(start: usize, length: usize) {
    let new = libc::stack_t { ss_sp: start as *mut c_void, ss_flags: 0, ss_size: length };
    if current_stack().ss_flags & libc::SS_DISABLE != 0 {
        // SAFETY: the caller's promise.
        unsafe { system_call(libc::SYS_sigaltstack, [&raw const new as usize, 0, 0, 0, 0, 0]) };
    }
}

/// Takes away the stack that [`give_stack`] gave, unless the program has set another since.
pub fn take_stack(start: usize) {
    let mut stack = current_stack();
    if stack.ss_sp as usize == start {
        stack.ss_flags = libc::SS_DISABLE;
        // SAFETY: handlers use the thread's own stack from then on.
        unsafe { system_call(libc::SYS_sigaltstack, [&raw const stack as usize, 0, 0, 0, 0, 0]) };
    }
}

fn current_stack() -> libc::stack_t {
    let mut stack = libc::stack_t { ss_sp: core::ptr::null_mut(), ss_flags: 0, ss_size: 0 };
    // SAFETY: the kernel writes one stack_t.
    unsafe { system_call(libc::SYS_sigaltstack, [0, &raw mut stack as usize, 0, 0, 0, 0]) };
    stack
}

static REQUEST: AtomicPtr<()> = AtomicPtr::new(core::ptr::null_mut());

/// From now on `answer` is called when SIGUSR2 comes.
pub fn on_request(answer: fn(&Registers)) {
    REQUEST.store(answer as *mut (), Release);
    let mut action = no_action();
    action.sa_sigaction = handle_request as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
    // SAFETY: the handler is one.
    unsafe { __sigaction(libc::SIGUSR2, &raw const action, core::ptr::null_mut()) };
}

unsafe extern "C" fn handle_request(_: i32, _: *mut libc::siginfo_t, context: *mut c_void) {
    let answer = REQUEST.load(Acquire);
    // SAFETY: `on_request` stored a function of that type; the context is the kernel's.
    unsafe {
        let answer = core::mem::transmute::<*mut (), fn(&Registers)>(answer);
        answer(&Registers::from_context(context));
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
        match watchpoint::hit(information).filter(|_| signal == libc::SIGTRAP) {
            Some(Hit::Now) => {
                ask(&fault_of(signal, information, context, false));
                return;
            }
            Some(Hit::Late) => return,
            None => {}
        }
        if is_at_entry(context) && (*information).si_code > 0 {
            return;
        }
        if recover(context) {
            return;
        }
        let is_step = signal == libc::SIGTRAP && (*information).si_code == libc::TRAP_TRACE;
        let end = aligned_step::finish(context, is_step);
        match end {
            End::Over => return,
            _ if signal == libc::SIGTRAP => return pass_on(signal, information, context),
            _ => fault_of(signal, information, context, end == End::Pass),
        }
    };
    match ask(&fault) {
        Answer::GoOn => {}
        // SAFETY: as above.
        Answer::Pass => unsafe { pass_on(signal, information, context) },
        // SAFETY: as above.
        Answer::Wait => unsafe { signal_mask::send_again(signal, information, context) },
        Answer::Align(operand) => {
            stay_in_front_of(TRAP);
            // SAFETY: as above.
            unsafe { aligned_step::begin(context, &operand, OTHERS) };
        }
    }
}

/// Whether the signal interrupted this handler before its first instruction. Linux gives a fault's
/// signal so when a watchpoint's is waiting that the program has blocked: it unblocks the first in
/// its queue for the other's sake (`dequeue_synchronous_signal`). The fault happens again when the
/// handler has returned.
///
/// # Safety
/// `context` must be what the kernel gave to a handler.
unsafe fn is_at_entry(context: *mut c_void) -> bool {
    // SAFETY: the caller's promise.
    unsafe { Registers::from_context(context) }.pc == handle as *const () as usize
}

fn ask(fault: &Fault) -> Answer {
    let answer = ANSWER.load(Acquire);
    // SAFETY: `watch` stored a function of that type before it installed the handler.
    let answer = unsafe { core::mem::transmute::<*mut (), fn(&Fault) -> Answer>(answer) };
    answer(fault)
}

/// # Safety
/// The arguments must be those of a signal handler.
unsafe fn fault_of(
    number: i32,
    information: *mut libc::siginfo_t,
    context: *mut c_void,
    was_stepped: bool,
) -> Fault {
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
        was_stepped,
    }
}

/// Does with a signal what would have been done without the checker.
///
/// # Safety
/// The arguments must be those of a signal handler.
unsafe fn pass_on(signal: i32, information: *mut libc::siginfo_t, context: *mut c_void) {
    type Plain = unsafe extern "C" fn(i32);
    type Informed = unsafe extern "C" fn(i32, *mut libc::siginfo_t, *mut c_void);
    let Some(index) = WATCHED.iter().position(|watched| *watched == signal) else {
        return die(signal, true);
    };
    let before = &BEFORE[index];
    let handler = before.handler.load(Acquire);
    let flags = before.flags.load(Relaxed);
    // SAFETY: the caller's promise; the program gave a function of the type that its flag says.
    unsafe {
        // An instruction that traps isn't executed again.
        let was_sent = (*information).si_code <= 0 || signal == libc::SIGTRAP;
        match handler {
            libc::SIG_IGN if (*information).si_code <= 0 => {}
            libc::SIG_DFL | libc::SIG_IGN => die(signal, was_sent),
            _ => {
                if flags & libc::SA_RESETHAND != 0 {
                    before.store(&no_action());
                }
                let interrupted = &raw const (*context.cast::<libc::ucontext_t>()).uc_sigmask;
                let mask = interrupted.cast::<u64>().read() | before.mask.load(Relaxed);
                set_mask(signal, flags, mask);
                match flags & libc::SA_SIGINFO {
                    0 => core::mem::transmute::<usize, Plain>(handler)(signal),
                    _ => core::mem::transmute::<usize, Informed>(handler)(
                        signal,
                        information,
                        context,
                    ),
                }
            }
        }
    }
}

/// Blocks what is to be blocked while the program's handler runs; its end sets the mask back.
fn set_mask(signal: i32, flags: i32, mask: u64) {
    let own = if flags & libc::SA_NODEFER != 0 { 0 } else { 1 << (signal - 1) };
    let set: u64 = mask & !signal_mask::OF_ACCESSES | own;
    let set = &raw const set as usize;
    let arguments = [libc::SIG_SETMASK as usize, set, 0, size_of::<u64>(), 0, 0];
    // SAFETY: the kernel reads one word.
    unsafe { system_call(libc::SYS_rt_sigprocmask, arguments) };
}

/// Lets the signal do what it does by default. A fault happens again by itself.
fn die(signal: i32, was_sent: bool) {
    let action = no_action();
    // SAFETY: the default action of a signal.
    unsafe {
        __sigaction(signal, &raw const action, core::ptr::null_mut());
        if was_sent {
            let process = system_call(libc::SYS_getpid, [0; 6]) as usize;
            let thread = system_call(libc::SYS_gettid, [0; 6]) as usize;
            system_call(libc::SYS_tgkill, [process, thread, signal as usize, 0, 0, 0]);
        }
    }
}
