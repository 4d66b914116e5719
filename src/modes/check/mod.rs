//! Check mode: finds the errors of a program on its heap, and tells them.
//!
//! Every call takes the slow path and comes here (`thread.rs`). Each block has a record apart from
//! it (`table.rs`) with the stacks of its allocation and of its free (`stacks.rs`). It is guarded
//! by pages that fault (`guard.rs`, `fault.rs`) as long as the budget lasts (`budget.rs`), and else
//! by canaries and poison (`marks.rs`). Freed blocks wait in a quarantine (`quarantine.rs`). At the
//! end, what nothing leads to is a leak (`leaks.rs`, `leak/`). What is found is a `Finding`; how it
//! is told stands in `telling/`.
//!
//! No lock of the checker is held while the heap below is called, or while something is told, but
//! for a record's while its block's canaries are looked at.

mod blocks;
mod budget;
mod buffers;
mod fault;
mod finding;
mod guard;
pub mod leak;
mod leaks;
mod marks;
mod pace;
mod place;
mod precision;
mod quarantine;
mod record;
mod rows;
mod search;
mod stack_cache;
mod stacks;
mod starts;
mod table;
mod telling;
mod thread;
mod watch;

use crate::arithmetic::function::Function;
use crate::heap::slow;
use crate::heap::thread_heap::Heap;
use crate::memory::{find, purge};
use crate::os::unwind::Registers;
use crate::os::{aligned_step, clock, memory, modules, process, signal_mask, signals};
use crate::services::options::{self, Choice, Guards};
use crate::services::report::Call;
use crate::sync::lock::{ForkHold, Holdable};
use core::ptr::NonNull;
use core::sync::atomic::{
    compiler_fence, AtomicBool, AtomicI32,
    Ordering::{AcqRel, Relaxed, SeqCst},
};
use finding::{Finding, Kind};
use stack_cache::Cache;
use stacks::StackNumber;
use telling::{Figures, Occasion};

pub use blocks::{allocate, allow_mismatches, free, prefetch_free, Site};
pub use buffers::{look_at_buffer, look_at_message, look_at_messages, look_at_vector};
pub use leak::{Caller, Totals};
pub use leaks::{after_main, ask_loader, ignore_here};
pub use thread::CheckedThread;
pub use thread::{begin as begin_thread, current as current_thread, end as end_thread};

/// What stacks may take: some millions of different ones.
const STACKS_BYTES: usize = 512 << 20;

/// From which unit of a zone on it has huge pages: the quarantine alone has more pages than the
/// processor keeps translations of.
const HUGE_FROM_UNITS: u32 = 32;

static IS_ON: AtomicBool = AtomicBool::new(false);
/// The process that is checked. In a `vfork` child it is still the parent's.
static PROCESS: AtomicI32 = AtomicI32::new(0);
/// Whether the end of the process was told.
static HAS_ENDED: AtomicBool = AtomicBool::new(false);

/// Whether check mode is on.
#[inline]
pub fn is_on() -> bool {
    IS_ON.load(Relaxed)
}

/// Begins to check, before the first block is allocated.
pub fn begin() {
    if IS_ON.swap(true, AcqRel) {
        return;
    }
    PROCESS.store(process::id(), Relaxed);
    clock::begin();
    stacks::set_depth(options::value(Choice::Depth));
    stacks::set_limit(STACKS_BYTES.min(memory::address_space_limit().unwrap_or(usize::MAX) / 16));
    precision::begin();
    signals::watch(fault::answer);
    budget::begin();
    pace::begin();
    starts::begin();
    purge::want_huge_pages_from(HUGE_FROM_UNITS);
    let has_quarantine = quarantine::PLAIN.begin() && quarantine::GUARDED.begin();
    let guards = match options::value(Choice::Guard) {
        0 => Guards::Auto,
        1 => Guards::Markers,
        2 => Guards::Mprotect,
        _ => Guards::Off,
    };
    let has_guards = has_quarantine && guard::begin(guards);
    telling::begin(false);
    if options::is_on(Choice::OnSignal) {
        signals::on_request(answer_request);
    }
    if guards != Guards::Off && !has_guards {
        telling::note("no guards: there is no address space for them, or the kernel has none");
    }
}

/// The stack of calls that led here.
#[inline(always)]
fn capture() -> StackNumber {
    match thread::current() {
        // SAFETY: the thread's own, and not in use by a caller.
        Some(mut checked) => stacks::capture(unsafe { &mut checked.as_mut().cache }),
        None => capture_without_cache(),
    }
}

/// As [`capture`], in a thread that isn't a checked one any more.
#[cold]
#[inline(never)]
fn capture_without_cache() -> StackNumber {
    stacks::capture(&mut Cache::new())
}

/// Who calls, in a checked thread.
///
/// # Safety
/// It must be this thread, and nothing else may use its heap as long as the answer lives.
#[inline(always)]
pub unsafe fn site<'a>(checked: NonNull<CheckedThread>) -> Site<'a> {
    // SAFETY: the caller's promise.
    let (checked, heap) = unsafe { (&mut *checked.as_ptr(), &mut *checked.as_ref().heap()) };
    Site {
        heap: Some(heap),
        stack: stacks::capture(&mut checked.cache),
        thread: checked.number,
        is_ignored: checked.ignores_leaks > 0,
    }
}

/// Who calls, in a thread that isn't a checked one any more.
pub fn site_without_thread<'a>() -> Site<'a> {
    Site { heap: None, stack: capture(), thread: process::thread_number(), is_ignored: false }
}

/// Tells of an error, and ends the program if it is to end at its first.
fn tell(finding: &Finding) {
    if telling::tell(finding) && options::is_on(Choice::Stop) {
        telling::end("stopped", &figures());
        process::exit_now(1);
    }
}

/// What a number in a candidate or a loss record is the number of.
fn function_of(number: u8) -> Function {
    Function::from_number(number)
}

/// What is known of an address that a call was given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Known {
    /// A block starts there, and has so many bytes.
    Live(usize),
    /// A block started there that is freed: it was told.
    Wrong,
    /// No checked block ever started there.
    No,
}

/// How many bytes were asked for of the block at `call.address`. A freed one is told.
pub fn requested_bytes(call: Call) -> Known {
    let Some(record) = table::get(call.address) else { return Known::No };
    if record.is_live() {
        return Known::Live(record.size_bytes);
    }
    let kind = wrong_use_kind(call);
    let finding = Finding::new(kind, capture(), call.address);
    tell(&Finding { record: Some(record), call: Some(call), ..finding });
    Known::Wrong
}

fn wrong_use_kind(call: Call) -> Kind {
    match call.function {
        Function::UsableSize => Kind::InvalidUsableSize,
        function if function.is_freeing() => Kind::InvalidFree,
        _ => Kind::InvalidRealloc,
    }
}

/// The usable size of what is no checked block; 0 if it is no block at all, which is told.
pub fn usable_of_unknown(call: Call) -> usize {
    if search::is_unchecked_block(call.address) {
        return find::live(call.address).map_or(0, |live| live.usable_bytes());
    }
    let finding = Finding::new(wrong_use_kind(call), capture(), call.address);
    tell(&search::with_place(Finding { call: Some(call), ..finding }));
    0
}

/// Frees what is no checked block: one that was there before checking began, or for which there was
/// no memory for a record. Tells if there is none.
pub fn free_unknown(heap: Option<&mut Heap>, call: Call) {
    if search::is_unchecked_block(call.address) {
        if let Some(live) = find::live(call.address) {
            slow::give(heap, live);
        }
        return;
    }
    let finding = Finding::new(wrong_use_kind(call), capture(), call.address);
    tell(&search::with_place(Finding { call: Some(call), ..finding }));
}

fn figures() -> Figures {
    let (allocations, mut frees, allocated_bytes) = blocks::counts();
    let (mut live_bytes, mut live_blocks) = (0, 0);
    table::for_each(|record| {
        if record.is_live() && leaks::is_stream_buffer(record) {
            frees += 1;
        } else if record.is_live() {
            live_bytes += record.size_bytes as u64;
            live_blocks += 1;
        }
    });
    Figures { allocations, frees, allocated_bytes, live_bytes, live_blocks }
}

/// Looks at every block that has canaries or poison. What is found is told while records are
/// locked, and the loader is asked for that. Its lock comes first: others free while they hold it.
fn look_at_all(noticed: &'static str) {
    modules::keep_still(|| {
        table::for_each(|record| {
            if record.is_live() {
                blocks::look_at_canaries(record, noticed, StackNumber::NONE);
            } else if !record.is_guarded() {
                blocks::look_at_poison(record, noticed, StackNumber::NONE);
            }
        });
    });
}

/// The process ends: tells what is still to be told. Does something once, and nothing in a `vfork`
/// child, which has its parent's memory.
pub fn end_process(status: &str, caller: &Caller) {
    if PROCESS.load(Relaxed) != process::id() || HAS_ENDED.swap(true, AcqRel) {
        return;
    }
    look_at_all("exit");
    if options::is_on(Choice::Leaks) {
        leaks::look(Occasion::Exit, caller);
    }
    if stacks::dropped() > 0 {
        telling::note("no memory for more stacks: some blocks have none");
    }
    telling::end(status, &figures());
}

/// Another program is to take the process over: tells what has not been told yet.
pub fn look_before_exec() {
    if PROCESS.load(Relaxed) == process::id() {
        look_at_all("exec");
    }
}

/// The process is about to end by a signal.
fn end_process_by_signal(number: i32, caller: &Caller) {
    let mut status = crate::arithmetic::text::Text::<32>::new();
    status.push(format_args!("signal {number}"));
    let status = core::str::from_utf8(status.as_bytes()).unwrap_or("signal");
    if is_inside() {
        // The thread was interrupted in the middle of a call, and may hold what this needs.
        return;
    }
    while_inside(|| end_process(status, caller));
}

/// Does in a handler what no other handler may interrupt to wait for a lock: it counts as the
/// middle of a call. The thread must not be in one.
fn while_inside(work: impl FnOnce()) {
    let Some(checked) = thread::current() else { return work() };
    // SAFETY: the thread's own; its heap stays.
    let is_inside = unsafe { &(*checked.as_ref().heap()).is_inside };
    is_inside.store(true, Relaxed);
    compiler_fence(SeqCst);
    work();
    compiler_fence(SeqCst);
    is_inside.store(false, Relaxed);
}

/// Whether this thread is in the middle of a call of the allocator.
fn is_inside() -> bool {
    thread::current().is_some_and(|checked| {
        // SAFETY: the thread's own; its heap stays.
        unsafe { (*checked.as_ref().heap()).is_inside.load(Relaxed) }
    })
}

/// Looks at all blocks and for leaks now; tells what is found. `None` if that could not be done.
pub fn look_now(caller: &Caller) -> Option<Totals> {
    look_at_all("check");
    leaks::look(Occasion::Demand, caller)
}

/// Changes which signals this thread blocks, but for those of wrong accesses: the program only sees
/// them as blocked. Returns the mask before, as the program saw it.
pub fn change_mask(change: Option<(signal_mask::Change, u64)>) -> u64 {
    match thread::current() {
        Some(checked) => {
            // SAFETY: the thread's own.
            signal_mask::change(change, Some(unsafe { &checked.as_ref().hidden_signals }))
        }
        None => signal_mask::change_of_newcomer(process::thread_number(), change),
    }
}

/// Whether SIGUSR2 came in the middle of a call.
static IS_REQUESTED: AtomicBool = AtomicBool::new(false);

/// SIGUSR2 came: looks at all blocks and for leaks, or sees to it that it is done soon.
fn answer_request(registers: &Registers) {
    if is_inside() || telling::stream::is_busy_here() {
        return IS_REQUESTED.store(true, Relaxed);
    }
    while_inside(|| {
        look_now(&leaks::interrupted(registers));
    });
}

/// Whether something was asked for in the middle of a call, for [`after_call`].
#[inline(always)]
pub fn is_requested() -> bool {
    IS_REQUESTED.load(Relaxed)
}

/// Does at the end of a call what was asked for in the middle of it.
#[cold]
pub fn after_call() {
    if IS_REQUESTED.swap(false, AcqRel) {
        look_now(&Caller::here());
    }
}

/// How many errors were found.
pub fn error_count() -> u64 {
    telling::error_count().0
}

/// Takes a block out of the search for leaks. False if there is no such block.
pub fn ignore_block(address: usize) -> bool {
    table::hold(address).map(|mut held| held.record().is_ignored = true).is_some()
}

/// The checker's locks, in the order in which they are closed.
fn locks() -> impl Iterator<Item = &'static dyn Holdable> {
    let first = [thread::lock(), quarantine::PLAIN.lock(), quarantine::GUARDED.lock()];
    let last = [guard::lock(), watch::lock(), telling::seen_lock(), telling::stream::lock()];
    first.into_iter().chain(table::locks()).chain(last)
}

/// Closes the locks that keep the records as they are; this thread passes through them.
fn hold_locks() {
    table::locks().for_each(Holdable::hold);
    ForkHold::begin();
}

/// Opens what [`hold_locks`] closed.
fn release_locks() {
    ForkHold::end();
    // SAFETY: this thread closed them.
    table::locks().for_each(|lock| unsafe { lock.release() });
}

/// Before a fork: closes every lock of the checker.
pub fn hold_for_fork() {
    modules::hold_for_fork();
    locks().for_each(Holdable::hold);
}

/// After a fork, in the parent or in the child.
///
/// # Safety
/// [`hold_for_fork`] closed them, in this thread or the one that it is a copy of.
pub unsafe fn release_after_fork() {
    // SAFETY: the caller's promise.
    locks().for_each(|lock| unsafe { lock.release() });
    modules::release_after_fork();
}

/// After a fork, in the child, when all locks are open: it is a process of its own.
pub fn begin_child() {
    PROCESS.store(process::id(), Relaxed);
    HAS_ENDED.store(false, Relaxed);
    aligned_step::forget();
    watch::forget_all();
    modules::forget_readers();
    if let Some(mut checked) = thread::current() {
        // SAFETY: the thread's own.
        unsafe { checked.as_mut().number = process::thread_number() };
    }
    telling::begin(true);
}
