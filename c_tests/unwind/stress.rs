//! A library to be preloaded into real programs: it walks their stacks from a signal's handler, many
//! thousand times a second at whatever moment it comes, and from every `malloc`, where some of the
//! stacks are compared with those that the `backtrace` of the C library finds. At the end it prints
//! what came out. It uses the sources of the allocator, but is no allocator.

#![allow(dead_code, unused_imports, missing_docs, clippy::missing_safety_doc)]

#[path = "../../src/arithmetic/mod.rs"]
mod arithmetic;
#[path = "../../src/os/mod.rs"]
mod os;
#[path = "../../src/modes/check/stack_cache.rs"]
mod stack_cache;
#[path = "../../src/modes/check/stacks.rs"]
mod stacks;

use os::unwind::{here, recover, walk, Frame, Registers, Walker, Window};
use stack_cache::Cache;
use std::cell::UnsafeCell;
use std::ffi::c_void;
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed, Ordering::*};

/// Counters, and their names in what is printed.
static COUNTS: [(&str, AtomicUsize); 10] = [
    ("signals", AtomicUsize::new(0)),
    ("frames in signals", AtomicUsize::new(0)),
    ("walks in signals that ended early", AtomicUsize::new(0)),
    ("mallocs", AtomicUsize::new(0)),
    ("stacks found in the cache", AtomicUsize::new(0)),
    ("stacks compared", AtomicUsize::new(0)),
    ("compared stacks that are equal", AtomicUsize::new(0)),
    ("faults recovered", AtomicUsize::new(0)),
    ("compared stacks that are longer than the C library's", AtomicUsize::new(0)),
    ("compared stacks that are shorter", AtomicUsize::new(0)),
];
const SIGNALS: usize = 0;
const SIGNAL_FRAMES: usize = 1;
const EARLY: usize = 2;
const MALLOCS: usize = 3;
const HITS: usize = 4;
const COMPARED: usize = 5;
const EQUAL: usize = 6;
const RECOVERED: usize = 7;
const LONGER: usize = 8;
const SHORTER: usize = 9;

fn add(counter: usize, number: usize) -> usize {
    COUNTS[counter].1.fetch_add(number, Relaxed)
}

/// A cache that one thread at a time has.
struct Slot {
    taken: AtomicBool,
    owner: AtomicUsize,
    cache: UnsafeCell<Cache>,
}
// SAFETY: `taken` guards the cache.
unsafe impl Sync for Slot {}
static SLOTS: [Slot; 64] = [const {
    Slot {
        taken: AtomicBool::new(false),
        owner: AtomicUsize::new(0),
        cache: UnsafeCell::new(Cache::new()),
    }
}; 64];

fn with_cache(work: impl FnOnce(&mut Cache)) {
    let id = os::thread::id();
    let slot = &SLOTS[(id >> 12) % SLOTS.len()];
    if slot.taken.swap(true, Acquire) {
        return;
    }
    // SAFETY: taken by this call.
    let cache = unsafe { &mut *slot.cache.get() };
    if slot.owner.swap(id, Relaxed) != id {
        *cache = Cache::new();
    }
    work(cache);
    slot.taken.store(false, Release);
}

extern "C" fn on_timer(_signal: i32, _information: usize, context: *mut c_void) {
    add(SIGNALS, 1);
    // SAFETY: the kernel's own.
    let interrupted = unsafe { Registers::from_context(context) };
    let mut walker = Walker::new(&interrupted, Window::EMPTY);
    let mut frames = 1;
    while frames < 256 && walker.step(|_| {}).is_some() {
        frames += 1;
    }
    add(SIGNAL_FRAMES, frames);
    if frames < 256 && !walker.is_at_end() {
        let early = add(EARLY, 1);
        if early < SHOWN.load(Relaxed) {
            show(&interrupted, frames);
        }
    }
    // Once more, over the signal's own frame.
    let mut through = [Frame::default(); 64];
    let (count, _) = walk(&here(), &mut Window::EMPTY.clone(), &mut through);
    let reached = through[..count].iter().any(|f| f.return_address == interrupted.pc + 1);
    assert!(reached || count == 64, "the walk gets over the signal");
    with_cache(|cache| {
        stacks::capture(cache);
    });
}

static SHOWN: AtomicUsize = AtomicUsize::new(0);

/// Prints a stack as module and offset.
fn show(registers: &Registers, ended_after: usize) {
    let mut frames = [Frame::default(); 64];
    let (count, _) = walk(registers, &mut Window::EMPTY.clone(), &mut frames);
    let addresses = frames.map(|frame| frame.return_address);
    show_frames(format_args!("ends after {ended_after}"), &addresses[..count]);
}

/// Without allocating, because the program may be in the middle of that.
fn show_frames(what: std::fmt::Arguments, frames: &[usize]) {
    let mut text = [0u8; 4096];
    let mut rest = &mut text[..];
    let _ = write!(rest, "{what}:");
    for address in frames {
        let found = os::modules::with(*address, |module| {
            let name = module.path.rsplit(|byte| *byte == b'/').next().unwrap_or(b"");
            let _ = rest.write_all(b" ").and_then(|()| rest.write_all(name));
            let _ = write!(rest, "+{:#x}", address - module.bias);
        });
        if found.is_none() {
            let _ = write!(rest, " {address:#x}");
        }
    }
    let _ = rest.write_all(b"\n");
    let length = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
    os::files::write_error(&text[..length]);
}

extern "C" fn on_fault(signal: i32, _information: usize, context: *mut c_void) {
    // SAFETY: the kernel's own.
    if unsafe { recover(context) } {
        add(RECOVERED, 1);
        return;
    }
    // SAFETY: the kernel's own.
    let interrupted = unsafe { Registers::from_context(context) };
    show(&interrupted, 0);
    // SAFETY: the fault happens again, without this handler.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
}

unsafe extern "C" {
    fn __libc_malloc(size: usize) -> *mut c_void;
    fn backtrace(buffer: *mut *mut c_void, size: i32) -> i32;
}

static IS_READY: AtomicBool = AtomicBool::new(false);
static COMPARING: AtomicUsize = AtomicUsize::new(0);

#[unsafe(no_mangle)]
pub unsafe extern "C" fn malloc(size: usize) -> *mut c_void {
    if IS_READY.load(Relaxed) && COMPARING.load(Relaxed) != os::thread::id() {
        let round = add(MALLOCS, 1);
        let registers = here();
        let mut number = stacks::StackNumber::NONE;
        with_cache(|cache| {
            add(HITS, usize::from(cache.find(registers.key()).is_some()));
            number = stacks::capture_at(&registers, cache);
        });
        let is_free = || COMPARING.compare_exchange(0, os::thread::id(), Relaxed, Relaxed).is_ok();
        if round.is_multiple_of(61) && number != stacks::StackNumber::NONE && is_free() {
            compare(stacks::frames(number));
            COMPARING.store(0, Relaxed);
        }
    }
    // SAFETY: the C library's own.
    unsafe { __libc_malloc(size) }
}

/// Compares with what the C library finds, from the first frame that both have on.
fn compare(own: &[usize]) {
    let mut buffer = [core::ptr::null_mut(); 64];
    // SAFETY: there is room for 64.
    let count = unsafe { backtrace(buffer.as_mut_ptr(), 64) } as usize;
    let other: Vec<usize> = buffer[..count].iter().map(|address| *address as usize).collect();
    add(COMPARED, 1);
    let Some(first) = other.iter().position(|address| Some(address) == own.first()) else {
        show_different(own, &other);
        return;
    };
    let other = &other[first..];
    let other = &other[..other.len().min(own.len().max(12))];
    if own == other {
        add(EQUAL, 1);
    } else {
        add(if own.len() > other.len() { LONGER } else { SHORTER }, 1);
        show_different(own, other);
    }
}

fn show_different(own: &[usize], other: &[usize]) {
    if SHOWN.load(Relaxed) > 0 {
        SHOWN.fetch_sub(1, Relaxed);
        show_frames(format_args!("own"), own);
        show_frames(format_args!("other"), other);
    }
}

/// # Safety
/// Called by the loader.
unsafe extern "C" fn begin() {
    let value = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    SHOWN.store(value("UNWIND_SHOW").unwrap_or(0), Relaxed);
    // SAFETY: sets up handlers and a timer; `backtrace` loads what it needs at its first call.
    unsafe {
        let mut buffer = [core::ptr::null_mut(); 4];
        backtrace(buffer.as_mut_ptr(), 4);
        for signal in [libc::SIGSEGV, libc::SIGBUS] {
            set_handler(signal, on_fault);
        }
        set_handler(libc::SIGPROF, on_timer);
        let mut event: libc::sigevent = core::mem::zeroed();
        event.sigev_notify = libc::SIGEV_SIGNAL;
        event.sigev_signo = libc::SIGPROF;
        let mut timer = core::mem::zeroed();
        libc::timer_create(libc::CLOCK_MONOTONIC, &raw mut event, &raw mut timer);
        let period_ns = value("UNWIND_PERIOD_NS").unwrap_or(50_000) as i64;
        let period = libc::timespec { tv_sec: 0, tv_nsec: period_ns };
        let setting = libc::itimerspec { it_interval: period, it_value: period };
        libc::timer_settime(timer, 0, &raw const setting, core::ptr::null_mut());
        libc::atexit(end);
    }
    IS_READY.store(true, Relaxed);
}

unsafe fn set_handler(signal: i32, handler: extern "C" fn(i32, usize, *mut c_void)) {
    // SAFETY: the caller's wish.
    unsafe {
        let mut action: libc::sigaction = core::mem::zeroed();
        action.sa_sigaction = handler as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
        libc::sigaction(signal, &raw const action, core::ptr::null_mut());
    }
}

extern "C" fn end() {
    IS_READY.store(false, Relaxed);
    let counts = COUNTS.iter().map(|(name, count)| format!("{} {name}", count.load(Relaxed)));
    let kept = format!("{} different stacks, {} dropped", stacks::count(), stacks::dropped());
    eprintln!("unwind: {}; {kept}", counts.collect::<Vec<_>>().join(", "));
}

#[used]
#[unsafe(link_section = ".init_array")]
static BEGIN: unsafe extern "C" fn() = begin;
