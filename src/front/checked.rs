//! What a program may ask of check mode. Without it each answer is that nothing was found.

use super::life;
use crate::modes::check::{self, Caller, Totals};
use crate::os::process;
use core::sync::atomic::AtomicBool;

/// Whether buffers that the program gives to the kernel are looked at.
pub static IS_WATCHING: AtomicBool = AtomicBool::new(false);

/// Looks at a buffer that `call` gives to the kernel.
pub fn look_at_buffer(call: &'static str, address: usize, length: usize) {
    if let Some(_inside) = life::enter() {
        check::look_at_buffer(call, address, length);
    }
}

/// The status with which LeakSanitizer ends a process.
const LEAK_STATUS: i32 = 23;

/// Looks at all blocks and for leaks, and tells what is found. `None` without check mode, or when
/// it can't be done now.
pub fn look_now(caller: &Caller) -> Option<Totals> {
    if !check::is_on() {
        return None;
    }
    let _inside = life::enter()?;
    check::look_now(caller)
}

/// How many errors were found so far.
pub fn error_count() -> u64 {
    match check::is_on() {
        true => check::error_count(),
        false => 0,
    }
}

/// Whether anything is definitely or possibly lost.
pub fn is_leaking(caller: &Caller) -> bool {
    look_now(caller).is_some_and(|totals| totals.definite.blocks + totals.possible.blocks > 0)
}

/// Ends the process if anything is lost.
pub fn end_if_leaking(caller: &Caller) {
    if is_leaking(caller) {
        check::end_process("_exit", caller);
        process::exit_now(LEAK_STATUS);
    }
}

/// Takes a block out of the search for leaks.
pub fn ignore_block(address: usize) {
    if check::is_on() {
        check::ignore_block(address);
    }
}

/// Begins (`true`) or ends a stretch in which this thread's blocks are no leaks.
pub fn ignore_leaks_here(begins: bool) {
    if check::is_on() {
        let _ = life::heap();
        check::ignore_here(begins);
    }
}
