//! The depot of stacks: each different stack is kept once, for ever, under a number.
//!
//! Looking up and adding take no lock, so that a signal's handler may do both. Memory is bounded;
//! when it is used up, new stacks get [`StackNumber::NONE`], and `dropped` says how often.

use super::stack_cache::{Cache, Finding};
use crate::os::record_store::RecordStore;
use crate::os::unwind::{here, is_own, Key, Registers, Walker};
use core::sync::atomic::{
    AtomicU32, AtomicUsize,
    Ordering::{AcqRel, Acquire, Relaxed},
};

/// The most frames that are kept of a stack.
pub const MAX_FRAMES: usize = 64;
/// How many are kept unless [`set_depth`] says otherwise.
const DEFAULT_FRAMES: usize = 12;

/// The number of a stack.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct StackNumber(u32);

impl StackNumber {
    /// No stack is known.
    pub const NONE: Self = Self(0);

    /// The number as it is stored in records.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// What [`StackNumber::get`] gave.
    pub const fn from_stored(number: u32) -> Self {
        Self(number)
    }
}

const BUCKETS_LOG2: u32 = 16;
/// At most 1 GiB.
static STORE: RecordStore<1024> = RecordStore::new();
/// For each hash, the record that was added last, or 0.
static BUCKETS: [AtomicU32; 1 << BUCKETS_LOG2] = [const { AtomicU32::new(0) }; 1 << BUCKETS_LOG2];
static COUNT: AtomicUsize = AtomicUsize::new(0);
static DROPPED: AtomicUsize = AtomicUsize::new(0);
static DEPTH: AtomicUsize = AtomicUsize::new(DEFAULT_FRAMES);

/// From now on keeps this many frames of a stack: 1 to [`MAX_FRAMES`].
pub fn set_depth(frames: usize) {
    DEPTH.store(frames.clamp(1, MAX_FRAMES), Relaxed);
}

/// Bounds the depot's memory, at least to 1 MiB and at most to 1 GiB.
pub fn set_limit(bytes: usize) {
    STORE.set_limit(bytes);
}

/// How many stacks are kept.
pub fn count() -> usize {
    COUNT.load(Relaxed)
}

/// How many stacks could not be kept.
pub fn dropped() -> usize {
    DROPPED.load(Relaxed)
}

/// The number of the stack of calls that led here, without Cairn's own. `cache` is the thread's.
#[inline(always)]
pub fn capture(cache: &mut Cache) -> StackNumber {
    let key = Key::here();
    match cache.find(key) {
        Some(number) => number,
        // The instruction is what the key has; the stack pointer is the same.
        None => capture_slow(&Registers { pc: key.pc, ..here() }, cache),
    }
}

/// The number of the stack of calls that led to where these registers are from.
#[inline]
pub fn capture_at(registers: &Registers, cache: &mut Cache) -> StackNumber {
    match cache.find(registers.key()) {
        Some(number) => number,
        None => capture_slow(registers, cache),
    }
}

#[cold]
fn capture_slow(registers: &Registers, cache: &mut Cache) -> StackNumber {
    let depth = DEPTH.load(Relaxed);
    let mut frames = [0; MAX_FRAMES];
    let mut count = 0;
    let mut finding = Finding::new(registers);
    let mut walker = Walker::new(registers, cache.window());
    let mut next = Some(walker.first());
    while let Some(frame) = next {
        if count > 0 || !is_own(frame.return_address) {
            if count == 0 {
                finding.note_first();
            }
            frames[count] = frame.return_address;
            count += 1;
        }
        if count == depth {
            break;
        }
        next = walker.step(|dependency| finding.note(dependency));
    }
    let number = find_or_add(&frames[..count]);
    cache.keep(walker.window(), &finding, number);
    number
}

/// The return addresses of a stack, the innermost first; each less one lies in the instruction that
/// called, or was interrupted. Nothing for [`StackNumber::NONE`].
pub fn frames(number: StackNumber) -> &'static [usize] {
    let Some(&head) = STORE.get(number.0, 1).first() else { return &[] };
    STORE.get(number.0, 1 + Head(head).length()).get(1..).unwrap_or(&[])
}

/// The first word of a record: the next record of its bucket, 24 bits of its hash, its length.
#[derive(Clone, Copy)]
struct Head(usize);

impl Head {
    fn new(next: u32, hash: u64, length: usize) -> Self {
        Self((next as usize) << 32 | (hash as usize & 0xff_ffff) << 8 | length)
    }

    fn next(self) -> u32 {
        (self.0 >> 32) as u32
    }

    fn length(self) -> usize {
        self.0 & 0xff
    }

    /// Whether the rest, apart from the next record, is that of `other`.
    fn is_like(self, other: Self) -> bool {
        self.0 as u32 == other.0 as u32
    }
}

fn hash_of(frames: &[usize]) -> u64 {
    let mut hash = frames.len() as u64;
    for frame in frames {
        hash = (hash.rotate_left(23) ^ *frame as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    hash ^ hash >> 29
}

fn find_or_add(frames: &[usize]) -> StackNumber {
    if frames.is_empty() {
        return StackNumber::NONE;
    }
    let hash = hash_of(frames);
    let bucket = &BUCKETS[(hash >> (64 - BUCKETS_LOG2)) as usize];
    let mut first = bucket.load(Acquire);
    let mut known = 0;
    loop {
        let head = Head::new(first, hash, frames.len());
        if let Some(number) = find(head, frames, known) {
            return number;
        }
        let Some(number) = STORE.add(head.0, frames) else {
            DROPPED.fetch_add(1, Relaxed);
            return StackNumber::NONE;
        };
        match bucket.compare_exchange(first, number, AcqRel, Acquire) {
            Ok(_) => {
                COUNT.fetch_add(1, Relaxed);
                return StackNumber(number);
            }
            // Another thread was faster, perhaps with this very stack: look at what is new. The
            // record just made is lost, some hundred bytes.
            Err(other) => (known, first) = (first, other),
        }
    }
}

/// The record of these frames, among those from `head`'s next on to before `known`.
fn find(head: Head, frames: &[usize], known: u32) -> Option<StackNumber> {
    let mut number = head.next();
    while number != known && number != 0 {
        let other = Head(*STORE.get(number, 1).first()?);
        if other.is_like(head) && STORE.get(number, 1 + frames.len()).get(1..)? == frames {
            return Some(StackNumber(number));
        }
        number = other.next();
    }
    None
}

#[cfg(test)]
#[path = "stacks_tests.rs"]
mod tests;
