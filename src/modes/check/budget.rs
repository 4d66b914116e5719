//! Which blocks are guarded: every one as long as guards have taken less than their share of the
//! processor's time, after that the first few of each stack of allocation (a new stack finds the
//! most: TCMalloc's `guarded_page_allocator.cc`), and then a sample.

use super::guard;
use super::pace;
use super::stacks::StackNumber;
use super::table;
use crate::os::{clock, memory, modules, unwind};
use crate::services::options::{self, Choice};
use crate::sync::counter::Counter;
use core::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU64, AtomicU8, AtomicUsize,
    Ordering::{Acquire, Relaxed, Release},
};

/// What guards may take in any case: 1,500 blocks, and twice as many of stacks that are new. That
/// is all that a small program allocates, and a compile may take no more than a tenth of a second
/// longer (`bench/check/run`).
const GRACE_NS: u64 = 30_000_000;
/// What a guarded block costs beside the time that is measured: page faults of the program, cleared
/// pages, flushed address translations. On a virtual machine with two processors and Linux 6.18,
/// 60,000 guarded blocks among 2,000,000 took 1.2 s, of which a quarter was measured.
const UNMEASURED_NS: u64 = 15_000;
/// How many blocks of a stack are guarded when the budget is spent, unless it is by far.
const FIRST_OF_STACK: u8 = 4;
/// One block in this many is guarded then.
const SAMPLE_ONE_IN: u64 = 1024;
/// How many pages of small live blocks may be resident for their guards' sake: a page each.
const LIVE_SMALL_MAX: usize = 16 << 10;
/// From this size on a page more doesn't matter.
const SMALL_BELOW_BYTES: usize = 64 << 10;
/// How often the time is looked at: once in so many guards, and in so many blocks.
const LOOK_EVERY: u64 = 64;
const LOOK_EVERY_BLOCKS: u64 = 4096;
/// A stack's count goes back by four from here.
const COUNT_MAX: u8 = 127;
const NEEDS_ALIGNMENT: u8 = 128;
/// How many instructions may meet a block that isn't where they demand, before all new blocks are.
const MISALIGNED_MAX: u64 = 64;
/// Stacks beyond share their counts with others.
const COUNTED_STACKS: usize = 1 << 20;

/// Ticks that guards have taken.
static TICKS: AtomicU64 = AtomicU64::new(0);
/// Whether there is time left, and whether even twice the budget is spent.
static HAS_TIME: AtomicBool = AtomicBool::new(true);
static IS_SPENT: AtomicBool = AtomicBool::new(false);
static LIVE_SMALL: AtomicUsize = AtomicUsize::new(0);
/// For each stack how many of its blocks were guarded; beyond [`COUNT_MAX`] only modulo four. The
/// highest bit is set if one of them had to be at a multiple of 16.
static COUNTS: AtomicPtr<AtomicU8> = AtomicPtr::new(core::ptr::null_mut());

static GUARDED: Counter = Counter::new();
static GUARDED_STACKS: Counter = Counter::new();
static MISALIGNED: AtomicU64 = AtomicU64::new(0);
/// The last such block that hasn't been looked up, or 0.
static MET: AtomicUsize = AtomicUsize::new(0);

/// Makes room for the counts. Without memory each stack counts as new.
pub fn begin() {
    if let Some(range) = memory::map_writable(COUNTED_STACKS) {
        COUNTS.store(range.start as *mut AtomicU8, Release);
    }
}

/// The counts, for those who walk through memory.
pub fn range() -> Option<memory::Range> {
    let start = COUNTS.load(Relaxed) as usize;
    (start != 0).then_some(memory::Range { start, length: COUNTED_STACKS })
}

/// How a block is to be guarded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// At the end of its pages: what is behind it faults.
    Right,
    /// At the start of its pages: what is before it faults.
    Left,
}

/// Whether, and how, a block of `size_bytes` that `stack` allocates as the `number`th is guarded.
#[inline(always)]
pub fn side_for(stack: StackNumber, size_bytes: usize, number: u64) -> Option<Side> {
    if number.is_multiple_of(LOOK_EVERY_BLOCKS) {
        look_at_time();
    }
    if IS_SPENT.load(Relaxed) && !number.is_multiple_of(SAMPLE_ONE_IN) {
        return None;
    }
    choose(stack, size_bytes, number)
}

#[inline(never)]
fn choose(stack: StackNumber, size_bytes: usize, number: u64) -> Option<Side> {
    if !guard::is_on() || !is_chosen(stack, size_bytes, number) {
        return None;
    }
    // The first block of a stack is guarded behind: overruns are more common.
    let earlier = note_guarded(stack);
    Some(if earlier % 4 == 3 { Side::Left } else { Side::Right })
}

fn is_chosen(stack: StackNumber, size_bytes: usize, number: u64) -> bool {
    let is_small = size_bytes < SMALL_BELOW_BYTES;
    if is_small && LIVE_SMALL.load(Relaxed) >= LIVE_SMALL_MAX {
        return false;
    }
    HAS_TIME.load(Relaxed)
        || !IS_SPENT.load(Relaxed) && count_of(stack).load(Relaxed) & COUNT_MAX < FIRST_OF_STACK
        || number.is_multiple_of(SAMPLE_ONE_IN)
}

fn count_of(stack: StackNumber) -> &'static AtomicU8 {
    static NONE: AtomicU8 = AtomicU8::new(0);
    let counts = COUNTS.load(Acquire);
    if counts.is_null() {
        return &NONE;
    }
    // SAFETY: within the counts, which stay.
    unsafe { &*counts.add(stack.get() as usize % COUNTED_STACKS) }
}

/// Counts a guarded block; returns how many its stack had before.
fn note_guarded(stack: StackNumber) -> u8 {
    let guarded = GUARDED.add(1);
    if guarded.is_multiple_of(LOOK_EVERY) {
        look_at_time();
    }
    let count = count_of(stack);
    let value = count.load(Relaxed);
    let (earlier, need) = (value & COUNT_MAX, value & NEEDS_ALIGNMENT);
    if earlier == 0 {
        GUARDED_STACKS.add(1);
    }
    let next = if earlier == COUNT_MAX { COUNT_MAX - 3 } else { earlier + 1 };
    count.store(next | need, Relaxed);
    earlier
}

/// Notes that an instruction demanded of the block at `address` to be at a multiple of 16. Takes no
/// lock: whose block it was is looked up when a block is allocated next.
pub fn note_misaligned(address: usize) {
    MISALIGNED.fetch_add(1, Relaxed);
    MET.store(address, Relaxed);
}

fn look_at_met() {
    if MET.load(Relaxed) == 0 {
        return;
    }
    if let Some(record) = table::get(MET.swap(0, Relaxed)) {
        count_of(record.allocated).fetch_or(NEEDS_ALIGNMENT, Relaxed);
    }
}

/// Whether a block of `stack` may lie elsewhere than at a multiple of 16.
pub fn may_misalign(stack: StackNumber) -> bool {
    look_at_met();
    MISALIGNED.load(Relaxed) < MISALIGNED_MAX
        && count_of(stack).load(Relaxed) & NEEDS_ALIGNMENT == 0
}

/// Notes that a block that was to be guarded could not be.
pub fn note_failed() {
    GUARDED.add(1u64.wrapping_neg());
}

/// Counts the page of a guarded block that lives, or (`false`) no longer lives.
pub fn note_live(size_bytes: usize, is_live: bool) {
    if size_bytes < SMALL_BELOW_BYTES {
        let pages = size_bytes.max(1).div_ceil(memory::page_bytes());
        match is_live {
            true => LIVE_SMALL.fetch_add(pages, Relaxed),
            false => LIVE_SMALL.fetch_sub(pages, Relaxed),
        };
    }
}

/// Counts the time from `since` on, a [`clock::ticks`], as taken by guards.
pub fn spend(since: u64) {
    TICKS.fetch_add(clock::ticks().wrapping_sub(since), Relaxed);
}

fn look_at_time() {
    forget_unloaded();
    let unmeasured_ns = GUARDED.get() * UNMEASURED_NS;
    let spent_ns = clock::ns_of_ticks(TICKS.load(Relaxed)) + unmeasured_ns;
    let percent = options::value(Choice::Budget) as u64;
    let process_ns = clock::process_ns();
    let allowed_ns = GRACE_NS + process_ns / 100 * percent;
    HAS_TIME.store(spent_ns < allowed_ns, Relaxed);
    IS_SPENT.store(spent_ns >= 2 * allowed_ns, Relaxed);
    pace::look(process_ns);
}

/// Where modules were unloaded others may lie now, whose functions have other frames.
fn forget_unloaded() {
    static UNLOADED: AtomicU64 = AtomicU64::new(0);
    let unloaded = modules::changes().unloaded;
    if UNLOADED.swap(unloaded, Relaxed) != unloaded {
        unwind::forget();
    }
}

/// What was guarded.
pub struct Coverage {
    /// Blocks that were guarded.
    pub guarded: u64,
    /// All blocks.
    pub all: u64,
    /// Stacks of allocation of which a block was guarded.
    pub guarded_stacks: u64,
}

/// What was guarded so far of `all` blocks that were allocated.
pub fn coverage(all: u64) -> Coverage {
    Coverage { guarded: GUARDED.get(), all, guarded_stacks: GUARDED_STACKS.get() }
}
