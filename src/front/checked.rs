//! The calls in check mode, and what a program may ask of it. Without it each answer is that
//! nothing was found.

use super::life::{self, Inside};
use super::route;
use crate::arithmetic::function::Request;
use crate::memory::block::Block;
use crate::memory::emergency;
use crate::modes::check::{self, Caller, Totals};
use crate::os::process;
use crate::os::signal_mask::{self, Change};
use crate::services::report::Call;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Whether the checker is in front of the handlers of signals, and of what blocks them.
pub static IS_WATCHING: AtomicBool = AtomicBool::new(false);

/// What a call gives to the kernel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Memory {
    /// So many bytes.
    Buffer(usize),
    /// So many buffers, as `struct iovec` describes them.
    Vector(usize),
    /// A `struct msghdr`.
    Message,
    /// So many `struct mmsghdr`.
    Messages(usize),
}

/// Looks at what `call` gives to the kernel.
pub fn look_at(call: &'static str, address: usize, memory: Memory) {
    let Some(_inside) = life::enter() else { return };
    match memory {
        Memory::Buffer(length) => {
            check::look_at_buffer(call, address, length);
        }
        Memory::Vector(count) => check::look_at_vector(call, address, count),
        Memory::Message => check::look_at_message(call, address),
        Memory::Messages(count) => check::look_at_messages(call, address, count),
    }
}

/// Allocates what is asked for; says whether it reads as zero.
#[inline(never)]
pub fn allocate(request: Request) -> Option<(Block, bool)> {
    let Some(checked) = check::current_thread() else { return allocate_elsewhere(request) };
    // SAFETY: the thread's own, and so is its heap.
    unsafe {
        let heap = checked.as_ref().heap();
        let Some(inside) = life::enter_with(heap) else { return interrupt(request) };
        let result = check::allocate(check::site(checked), request);
        leave(inside);
        result
    }
}

/// A handler of a signal asks in the middle of another call.
#[cold]
fn interrupt(request: Request) -> Option<(Block, bool)> {
    let block = emergency::allocate(request.size_bytes, request.alignment);
    block.map(|block| (block, true))
}

/// As [`allocate`], in a thread that isn't a checked one yet, or any more.
#[cold]
fn allocate_elsewhere(request: Request) -> Option<(Block, bool)> {
    if life::heap().is_some() && check::current_thread().is_some() {
        return allocate(request);
    }
    let result = check::allocate(check::site_without_thread(), request);
    check::after_call();
    result
}

/// Frees the block at `call.address`, or tells that there is none.
#[inline(never)]
pub fn free(call: Call) {
    check::prefetch_free(call.address);
    let Some(checked) = check::current_thread() else { return free_elsewhere(call) };
    // SAFETY: as in `allocate`.
    unsafe {
        let heap = checked.as_ref().heap();
        let Some(inside) = life::enter_with(heap) else { return life::defer(call.address) };
        if !check::free(check::site(checked), call) {
            free_unknown(call);
        }
        leave(inside);
    }
}

#[cold]
fn free_unknown(call: Call) {
    if !route::free_foreign(call) {
        check::free_unknown(life::heap(), call);
    }
}

#[cold]
fn free_elsewhere(call: Call) {
    if life::heap().is_some() && check::current_thread().is_some() {
        return free(call);
    }
    if !check::free(check::site_without_thread(), call) {
        free_unknown(call);
    }
    check::after_call();
}

#[inline(always)]
fn leave(inside: Inside) {
    drop(inside);
    if life::has_deferred() || check::is_requested() {
        catch_up();
    }
}

/// Does what was put off during a call.
#[cold]
fn catch_up() {
    route::free_deferred();
    check::after_call();
}

/// Changes which signals this thread blocks; returns those that it blocked before.
pub fn change_mask(change: Option<(Change, u64)>) -> u64 {
    match IS_WATCHING.load(Relaxed) {
        true => check::change_mask(change),
        false => signal_mask::change(change, None),
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
        life::end_abruptly(caller);
        process::exit_now(LEAK_STATUS);
    }
}

/// Takes a block out of the search for leaks.
pub fn ignore_block(address: usize) {
    if check::is_on() {
        let _inside = life::enter();
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
