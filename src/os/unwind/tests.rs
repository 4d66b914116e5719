//! Walks through this very program, compared with the C library's own.

use super::probe::{is_readable, recover};
use super::*;
use core::ffi::c_void;
use std::hint::black_box;
use std::sync::atomic::AtomicBool;

unsafe extern "C" {
    fn backtrace(buffer: *mut *mut c_void, size: i32) -> i32;
}

fn others_view() -> Vec<usize> {
    let mut buffer = [core::ptr::null_mut(); 64];
    // SAFETY: there is room for 64.
    let count = unsafe { backtrace(buffer.as_mut_ptr(), 64) } as usize;
    buffer[..count].iter().map(|address| *address as usize).collect()
}

fn own_view() -> Vec<Frame> {
    let mut frames = [Frame::default(); 64];
    let (count, _) = walk(&here(), &mut Window::EMPTY.clone(), &mut frames);
    frames[..count].to_vec()
}

fn addresses(frames: &[Frame]) -> Vec<usize> {
    frames.iter().map(|frame| frame.return_address).collect()
}

/// Calls `at_end` under `depth` frames of several kinds.
#[inline(never)]
fn nest<T>(depth: usize, at_end: &mut dyn FnMut() -> T) -> T {
    let padding = black_box(vec![depth; 3]);
    let result = match depth {
        0 => at_end(),
        _ if depth.is_multiple_of(3) => nest_aligned(depth - 1, at_end),
        _ => nest(depth - 1, at_end),
    };
    black_box(&padding);
    result
}

#[repr(align(64))]
struct Aligned([usize; 8]);

#[inline(never)]
fn nest_aligned<T>(depth: usize, at_end: &mut dyn FnMut() -> T) -> T {
    let padding = black_box(Aligned([depth; 8]));
    let result = nest(depth, at_end);
    black_box(&padding.0);
    result
}

#[test]
fn the_frames_are_those_that_the_c_library_sees() {
    let (own, other) = nest(9, &mut || (own_view(), others_view()));
    let own = addresses(&own);
    // The innermost frames are in different functions.
    let common = own.iter().position(|address| other.contains(address)).unwrap();
    let first = other.iter().position(|address| *address == own[common]).unwrap();
    assert!(common <= 3 && first <= 3, "{common} {first}");
    assert_eq!(own[common..], other[first..]);
    assert!(own.len() - common > 12);
}

#[test]
fn return_addresses_stand_where_the_frames_say() {
    for frame in nest(5, &mut own_view).into_iter().skip(2) {
        // SAFETY: the slot was on this thread's stack, and above it all still is.
        assert!(frame.slot != 0 && is_readable(frame.slot));
    }
    nest(5, &mut || {
        let frames = own_view();
        for frame in &frames[2..] {
            // SAFETY: the frames beyond this closure's are still there.
            let word = unsafe { *(frame.slot as *const usize) };
            assert_eq!(word, frame.return_address);
        }
    });
}

#[test]
fn what_a_walk_with_rules_finds_is_what_evaluation_finds() {
    nest(8, &mut || {
        let registers = here();
        let mut frames = [Frame::default(); 64];
        let (count, _) = walk(&registers, &mut Window::EMPTY.clone(), &mut frames);
        let mut window = Window::EMPTY;
        window.enter(registers.sp());
        let (mut known, mut address) = (registers, registers.pc);
        for frame in &frames[1..count] {
            let caller = description::evaluate(address, &known, &mut window).unwrap();
            known = caller.registers;
            address = known.pc - 1;
            let evaluated = Frame { return_address: known.pc, slot: caller.slot };
            assert_eq!(evaluated, *frame);
        }
        assert!(description::evaluate(address, &known, &mut window).is_none());
    });
}

#[test]
fn a_thread_s_stack_ends_where_the_thread_began() {
    let frames = std::thread::spawn(|| nest(3, &mut own_view)).join().unwrap();
    assert!((8..60).contains(&frames.len()), "{} frames", frames.len());
    let last = frames.last().unwrap().return_address;
    assert!(modules::with(last, |module| module.path.ends_with(b"libc.so.6")).unwrap());
}

#[test]
fn registers_that_make_no_sense_end_the_walk() {
    let mut real = here();
    let mut frames = [Frame::default(); 64];
    for (sp, bp) in [(0, 0), (8, usize::MAX), (usize::MAX - 7, 16), (1 << 46, 1 << 46)] {
        for pc in [0, 1 << 20, real.pc, usize::MAX, is_readable as fn(usize) -> bool as usize] {
            real.pc = pc;
            real.general[Registers::SP] = sp;
            real.general[Registers::BP] = bp;
            assert!(walk(&real, &mut Window::EMPTY.clone(), &mut frames).0 <= 1);
        }
    }
}

#[test]
fn stacks_full_of_random_words_end_the_walk() {
    let mut random = crate::arithmetic::random::Random::new(7);
    let code: Vec<usize> = addresses(&nest(9, &mut own_view));
    let mut words = vec![0usize; 4096];
    let start = words.as_ptr() as usize;
    let mut frames = [Frame::default(); 64];
    for _ in 0..20_000 {
        for index in 0..words.len() / 8 {
            let choice = random.below(4);
            words[index] = match choice {
                0 => code[random.below(code.len())],
                1 => start + random.below(8 * words.len()),
                2 => random.below(1 << 30) * random.below(1 << 30),
                _ => 8 * random.below(1 << 12),
            };
        }
        let mut registers = here();
        registers.pc = code[random.below(code.len())];
        registers.general[Registers::SP] = start + 8 * random.below(64);
        registers.general[Registers::BP] = start + random.below(4096);
        walk(&registers, &mut Window::EMPTY.clone(), &mut frames);
    }
}

#[test]
fn the_walk_crosses_a_signal_onto_another_stack() {
    static SEEN: AtomicBool = AtomicBool::new(false);
    static MARK: AtomicUsize = AtomicUsize::new(0);
    extern "C" fn handler(_signal: i32, _information: usize, context: *mut c_void) {
        let own = addresses(&own_view());
        // SAFETY: the kernel's own.
        let interrupted = unsafe { Registers::from_context(context) };
        let mut rest = [Frame::default(); 64];
        let (count, _) = walk(&interrupted, &mut Window::EMPTY.clone(), &mut rest);
        let rest = addresses(&rest[..count]);
        let begin = own.iter().position(|address| *address == interrupted.pc + 1).unwrap();
        assert_eq!(own[begin..], rest);
        assert!(rest.contains(&MARK.load(Relaxed)), "the test's own caller is among them");
        SEEN.store(true, Relaxed);
    }
    std::thread::spawn(|| {
        let mut stack = vec![0u8; 256 * 1024];
        nest(4, &mut || {
            let frames = own_view();
            MARK.store(frames.last().unwrap().return_address, Relaxed);
            // SAFETY: installs a handler with a stack of its own, and raises its signal.
            unsafe {
                let alternate = libc::stack_t {
                    ss_sp: stack.as_mut_ptr().cast(),
                    ss_flags: 0,
                    ss_size: stack.len(),
                };
                assert_eq!(libc::sigaltstack(&raw const alternate, core::ptr::null_mut()), 0);
                let mut action: libc::sigaction = core::mem::zeroed();
                action.sa_sigaction = handler as extern "C" fn(i32, usize, *mut c_void) as usize;
                action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
                libc::sigaction(libc::SIGUSR1, &raw const action, core::ptr::null_mut());
                libc::pthread_kill(libc::pthread_self(), libc::SIGUSR1);
                let off = libc::stack_t { ss_flags: libc::SS_DISABLE, ..alternate };
                libc::sigaltstack(&raw const off, core::ptr::null_mut());
            }
        });
    })
    .join()
    .unwrap();
    assert!(SEEN.load(Relaxed));
}

#[test]
fn a_read_of_a_stack_that_vanished_is_recovered() {
    extern "C" fn handler(_signal: i32, _information: usize, context: *mut c_void) {
        // SAFETY: the kernel's own.
        if !unsafe { recover(context) } {
            std::process::abort();
        }
    }
    let range = crate::os::memory::map_writable(8192).unwrap();
    let mut window = Window::EMPTY;
    window.enter(range.start);
    assert_eq!(window.word(range.start + 4096), Some(0));
    let mut trail = Trail::EMPTY;
    assert!(trail.push(range.start, range.start + 8) && trail.push(range.start, range.start + 512));
    assert!(trail.is_within(&window, range.start));
    // SAFETY: the window reaches so far.
    assert!(unsafe { trail.digest(range.start, 1) }.is_some());
    // SAFETY: nothing uses the range but the window, and the handler is the test's own for so long.
    unsafe {
        libc::mprotect(range.start as *mut c_void, range.length, libc::PROT_NONE);
        let mut action: libc::sigaction = core::mem::zeroed();
        let mut before: libc::sigaction = core::mem::zeroed();
        action.sa_sigaction = handler as extern "C" fn(i32, usize, *mut c_void) as usize;
        action.sa_flags = libc::SA_SIGINFO;
        libc::sigaction(libc::SIGSEGV, &raw const action, &raw mut before);
        assert_eq!(window.word(range.start), None);
        assert_eq!(trail.digest(range.start, 1), None);
        libc::sigaction(libc::SIGSEGV, &raw const before, core::ptr::null_mut());
        crate::os::memory::release(range);
    }
}

/// What it costs to read a description; `cargo test --release descriptions_cost -- --ignored
/// --nocapture`.
#[test]
#[ignore = "a measurement"]
fn descriptions_cost() {
    let code = addresses(&nest(9, &mut own_view));
    let different: std::collections::BTreeSet<usize> = code.into_iter().collect();
    let read_all = || {
        let start = std::time::Instant::now();
        for address in &different {
            black_box(description::find_rule(*address - 1).base());
        }
        start.elapsed().as_nanos() as usize / different.len()
    };
    let best_ns = (0..1000).map(|_| read_all()).min().unwrap();
    println!("a frame's description, read anew: {best_ns} ns");
}

#[test]
fn a_coroutine_s_stack_ends_where_it_was_made() {
    static SEEN: std::sync::Mutex<Vec<usize>> = std::sync::Mutex::new(Vec::new());
    extern "C" fn coroutine() {
        *SEEN.lock().unwrap() = nest(4, &mut || addresses(&own_view()));
    }
    let stack = crate::os::memory::map_writable(256 * 1024).unwrap();
    // SAFETY: the coroutine runs on a stack of its own until it returns to `back`.
    unsafe {
        let mut back: libc::ucontext_t = core::mem::zeroed();
        let mut context: libc::ucontext_t = core::mem::zeroed();
        libc::getcontext(&raw mut context);
        context.uc_stack.ss_sp = stack.start as *mut c_void;
        context.uc_stack.ss_size = stack.length;
        context.uc_link = &raw mut back;
        libc::makecontext(&raw mut context, coroutine, 0);
        libc::swapcontext(&raw mut back, &raw const context);
        crate::os::memory::release(stack);
    }
    let frames = SEEN.lock().unwrap();
    let start = coroutine as extern "C" fn() as usize;
    assert!((5..20).contains(&frames.len()), "{} frames", frames.len());
    // What a coroutine returns to has no description that holds for it.
    let last = *frames.last().unwrap();
    assert!((start..start + 4096).contains(&last));
}

#[test]
fn a_window_follows_a_stack_that_grows_and_leaves_one_that_is_far() {
    let range = crate::os::memory::map_writable(16 * 4096).unwrap();
    let mut window = Window::EMPTY;
    let middle = range.start + 8 * 4096;
    window.enter(middle);
    assert_eq!(window.known_word(middle + 4096), None, "only what was needed is looked at");
    assert_eq!(window.word(middle + 3 * 4096), Some(0));
    assert_eq!(window.known_word(middle + 2 * 4096), Some(0));
    window.enter(range.start + 8);
    assert_eq!(window.known_word(middle), Some(0), "the same stack, deeper");
    assert_eq!(window.word(range.start - 8), None, "below the stack pointer's page");
    assert_eq!(window.word(middle + 4), None, "no word begins there");
    let far = 0u64;
    window.enter(&raw const far as usize);
    assert_eq!(window.known_word(middle), None, "another stack");
    window.enter(8);
    assert_eq!(window.word(8), None, "no stack");
    // SAFETY: the window was the last to use it.
    unsafe { crate::os::memory::release(range) };
}
