//! How exactly guarded blocks end at their guard. What lies between is a canary, which a read
//! doesn't change. So a block that ends at the guard finds more, but it can't lie at a multiple of
//! 16 then unless its size is one, and some programs insist on that of `malloc`: debug builds with
//! C++'s Eigen or Rust's hashbrown. C programs hardly do.

use super::budget;
use super::stacks::StackNumber;
use crate::os::{language, modules};
use crate::services::options::{self, Choice, Precise};
use core::sync::atomic::{
    AtomicBool, AtomicU64, AtomicUsize,
    Ordering::{Acquire, Relaxed, Release},
};

/// What a guarded block's address is a multiple of at least, if its size is: see [`Precise`].
static LEAST: AtomicUsize = AtomicUsize::new(NATURAL);
/// The C library's alignment.
const NATURAL: usize = 16;
/// Whether it depends on the modules that are loaded.
static DEPENDS_ON_MODULES: AtomicBool = AtomicBool::new(false);
/// How many modules had been loaded when they were looked at.
static LOOKED_AT: AtomicU64 = AtomicU64::new(0);

/// Libraries that come with code in C++ or Rust.
const LIBRARIES_OF_OTHERS: [&[u8]; 3] = [b"/libstdc++.so", b"/libgcc_s.so", b"/libc++.so"];

/// Finds out how exactly blocks are to end.
pub fn begin() {
    let precise = Precise::from_value(options::value(Choice::Precise));
    let is_by_language = precise == Precise::Auto && language::is_in_c(c"/proc/self/exe");
    DEPENDS_ON_MODULES.store(is_by_language, Relaxed);
    let least = match precise {
        Precise::Auto if !is_by_language => NATURAL,
        Precise::No => NATURAL,
        Precise::Words => 8,
        Precise::Ints | Precise::Auto => 4,
        Precise::Bytes => 1,
    };
    LEAST.store(least, Release);
}

/// What the address of a guarded block that `stack` allocates is to be a multiple of.
pub fn alignment_for(size_bytes: usize, stack: StackNumber) -> usize {
    let natural = natural_alignment(size_bytes);
    if LEAST.load(Acquire) < NATURAL && DEPENDS_ON_MODULES.load(Relaxed) {
        look_at_modules();
    }
    let least = LEAST.load(Relaxed);
    if least == NATURAL || !budget::may_misalign(stack) {
        return natural;
    }
    // The largest with which the block can end where its guard begins.
    let exact = 1 << size_bytes.trailing_zeros().min(4);
    exact.max(least).min(natural)
}

/// The alignment that an object of up to `size_bytes` can need (C11, 7.22.3).
fn natural_alignment(size_bytes: usize) -> usize {
    match size_bytes {
        0 => 1,
        1..16 => 1 << size_bytes.ilog2(),
        _ => NATURAL,
    }
}

/// Blocks lie where others expect them as soon as there is code in another language than C.
fn look_at_modules() {
    let loaded = modules::changes().loaded;
    if LOOKED_AT.swap(loaded, Relaxed) == loaded {
        return;
    }
    modules::for_each(|module| {
        let is_named = |name: &&[u8]| module.path.windows(name.len()).any(|part| part == *name);
        if LIBRARIES_OF_OTHERS.iter().any(is_named) {
            LEAST.store(NATURAL, Relaxed);
        }
    });
}
