//! One instruction with its memory operand moved to where its address is a multiple of 16, for
//! programs that rely on `malloc` for that where the checker gave less.
//!
//! [`begin`], in the handler of the fault, copies the operand into a place, lets the register that
//! the operand's address is made of point there, and sets the processor's trap flag. After the
//! instruction the processor traps, and [`finish`], in that signal's handler, copies back what the
//! instruction changed and sets register and flag back. No signal is delivered to the thread in
//! between, and nobody else uses its place.

use super::operand::{Operand, OPERAND_BYTES};
use super::process;
use super::thread::give_way;
use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::sync::atomic::{
    AtomicU32,
    Ordering::{Acquire, Relaxed, Release},
};

/// How many threads can be in a step at once; more wait for each other.
const PLACES: usize = 16;
/// The trap flag in `eflags`.
const TRAP_FLAG: i64 = 1 << 8;
/// What `gregs` calls the registers, by the numbers that instructions have for them.
const SAVED: [i32; 16] = [
    libc::REG_RAX,
    libc::REG_RCX,
    libc::REG_RDX,
    libc::REG_RBX,
    libc::REG_RSP,
    libc::REG_RBP,
    libc::REG_RSI,
    libc::REG_RDI,
    libc::REG_R8,
    libc::REG_R9,
    libc::REG_R10,
    libc::REG_R11,
    libc::REG_R12,
    libc::REG_R13,
    libc::REG_R14,
    libc::REG_R15,
];

/// Where an operand is while its instruction is executed.
///
/// (A1) What is in `step` belongs to the thread whose number is in `thread`; 0 is nobody's.
struct Place {
    thread: AtomicU32,
    step: UnsafeCell<Step>,
}

// SAFETY: (A1): one thread at a time.
unsafe impl Sync for Place {}

#[repr(C, align(64))]
#[derive(Clone, Copy)]
struct Step {
    operand: [u8; OPERAND_BYTES],
    before: [u8; OPERAND_BYTES],
    address: usize,
    register: usize,
    value: i64,
    trap_flag: i64,
    mask: u64,
}

const UNUSED: Step = Step {
    operand: [0; OPERAND_BYTES],
    before: [0; OPERAND_BYTES],
    address: 0,
    register: 0,
    value: 0,
    trap_flag: 0,
    mask: 0,
};

/// The first place is for exchanges, which exclude each other so.
static ALL: [Place; 1 + PLACES] =
    [const { Place { thread: AtomicU32::new(0), step: UnsafeCell::new(UNUSED) } }; 1 + PLACES];

/// Sees to it that the interrupted instruction is executed with its operand, which can be read and
/// written, in a place of its own, and the signals of the set `blocked` wait for that; they are
/// blocked already. The handler has to return then.
///
/// # Safety
/// `context` must be what the kernel gave to the handler of the instruction's fault.
pub unsafe fn begin(context: *mut c_void, operand: &Operand, blocked: u64) {
    let place = claim(operand.is_exchange);
    // SAFETY: (A1); the operand's bytes can be read; the context is the kernel's.
    unsafe {
        let step = place.step.get();
        let context = &mut *context.cast::<libc::ucontext_t>();
        let mask = (&raw mut context.uc_sigmask).cast::<u64>();
        let saved = &mut context.uc_mcontext.gregs;
        let value = saved[SAVED[operand.register] as usize];
        let flags = saved[libc::REG_EFL as usize];
        let before = (operand.address as *const [u8; OPERAND_BYTES]).read_unaligned();
        step.write(Step {
            operand: before,
            before,
            address: operand.address,
            register: operand.register,
            value,
            trap_flag: flags & TRAP_FLAG,
            mask: mask.read(),
        });
        let distance = (step as i64).wrapping_sub(operand.address as i64);
        saved[SAVED[operand.register] as usize] = value.wrapping_add(distance);
        saved[libc::REG_EFL as usize] = flags | TRAP_FLAG;
        mask.write(blocked);
    }
}

fn claim(is_exchange: bool) -> &'static Place {
    let number = process::thread_number();
    let (exchanges, others) = ALL.split_at(1);
    let places = if is_exchange { exchanges } else { others };
    let mut round = 0;
    loop {
        let is_claimed =
            |place: &&Place| place.thread.compare_exchange(0, number, Acquire, Relaxed).is_ok();
        if let Some(place) = places.iter().find(is_claimed) {
            return place;
        }
        give_way(round);
        round = round.saturating_add(1);
    }
}

/// What the interrupted thread's step has come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// It isn't in one.
    None,
    /// It is over, and nothing is to be told.
    Over,
    /// It is over; the program had set the trap flag itself, or is to get the fault.
    Pass,
}

/// Ends the step that the thread is in, `is_done` if its instruction was executed: then its effects
/// are carried to the operand.
///
/// # Safety
/// `context` must be what the kernel gave to the handler of a signal that is the processor's doing.
pub unsafe fn finish(context: *mut c_void, is_done: bool) -> End {
    if ALL.iter().all(|place| place.thread.load(Relaxed) == 0) {
        return End::None;
    }
    let number = process::thread_number();
    let Some(place) = ALL.iter().find(|place| place.thread.load(Relaxed) == number) else {
        return End::None;
    };
    // SAFETY: (A1); the operand can be written as when the step began; the context is the kernel's.
    let step = unsafe {
        let step = place.step.get().read_volatile();
        let context = &mut *context.cast::<libc::ucontext_t>();
        (&raw mut context.uc_sigmask).cast::<u64>().write(step.mask);
        let saved = &mut context.uc_mcontext.gregs;
        saved[SAVED[step.register] as usize] = step.value;
        let flags = &mut saved[libc::REG_EFL as usize];
        *flags = *flags & !TRAP_FLAG | step.trap_flag;
        if is_done {
            carry_back(&step);
        }
        step
    };
    place.thread.store(0, Release);
    match is_done && step.trap_flag == 0 {
        true => End::Over,
        false => End::Pass,
    }
}

/// # Safety
/// The operand must be writable.
unsafe fn carry_back(step: &Step) {
    if step.operand == step.before {
        return;
    }
    for (offset, (new, old)) in step.operand.iter().zip(step.before).enumerate() {
        if *new != old {
            // SAFETY: the caller's promise.
            unsafe { ((step.address + offset) as *mut u8).write_volatile(*new) };
        }
    }
}

/// In a fork's child: other threads' steps are none of its own.
pub fn forget() {
    ALL.iter().for_each(|place| place.thread.store(0, Relaxed));
}
