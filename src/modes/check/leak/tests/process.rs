//! The scan of this test program itself, with threads that hold blocks in every place.

use super::*;
use std::arch::asm;
use std::cell::Cell;
use std::hint::black_box;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{mpsc, Arc, Barrier};
use std::thread;

/// Scans the process and tells the kinds of the heap's blocks, by what is lost.
#[inline(never)]
fn lost(heap: &mut Heap) -> (Vec<u32>, Totals) {
    let mut lost = Vec::new();
    let mut told = |record: &LossRecord| {
        if record.kind != Reachable {
            lost.push(record.stack);
        }
    };
    let totals = scan(heap.blocks(), &heap.own(), &Caller::here(), &mut told).unwrap();
    lost.sort_unstable();
    (lost, totals)
}

/// A thread that runs `hold` with a barrier: `hold` waits twice while it holds what it holds.
struct Holder {
    barrier: Arc<Barrier>,
    thread: thread::JoinHandle<()>,
}

impl Holder {
    fn new(hold: impl FnOnce(&Barrier) + Send + 'static) -> Self {
        let barrier = Arc::new(Barrier::new(2));
        let theirs = barrier.clone();
        let thread = thread::spawn(move || hold(&theirs));
        barrier.wait();
        Self { barrier, thread }
    }

    fn end(self) {
        self.barrier.wait();
        self.thread.join().unwrap();
    }
}

fn hold_on_stack(block: usize, barrier: &Barrier) {
    let held = [black_box(block) ^ MASK];
    black_box(&held);
    barrier.wait();
    barrier.wait();
    black_box(&held);
}

static GLOBAL: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static LOCAL: Cell<usize> = const { Cell::new(0) };
}

#[test]
fn globals_stacks_and_thread_locals_hold_blocks() {
    let _alone = alone();
    let mut heap = Heap::small();
    let blocks: Vec<usize> = (0..5).map(|_| heap.add(40)).collect();
    let (on_stack, in_local, in_main_local) = (blocks[1], blocks[2], blocks[3]);
    black_box(&GLOBAL).store(blocks[0] ^ MASK, Ordering::Relaxed);
    LOCAL.set(in_main_local ^ MASK);
    let stack_holder = Holder::new(move |barrier| hold_on_stack(on_stack, barrier));
    let local_holder = Holder::new(move |barrier| {
        LOCAL.set(in_local ^ MASK);
        barrier.wait();
        barrier.wait();
        LOCAL.set(0);
    });
    let (found, totals) = lost(&mut heap);
    assert_eq!(found, [4], "the one that nothing holds");
    assert!(totals.threads >= 2);
    assert_eq!(totals.running_threads, 0);
    stack_holder.end();
    local_holder.end();
    black_box(&GLOBAL).store(0, Ordering::Relaxed);
    LOCAL.set(0);
    assert_eq!(lost(&mut heap).0, [0, 1, 2, 3, 4], "nobody holds any more");
}

#[test]
fn registers_hold_blocks() {
    static MAY_END: AtomicUsize = AtomicUsize::new(0);
    static HOLDS: AtomicUsize = AtomicUsize::new(0);
    let _alone = alone();
    let mut heap = Heap::small();
    let block = heap.add(40);
    heap.add(40);
    let thread = thread::spawn(move || {
        // SAFETY: a loop that reads one word until it isn't zero, and writes another once.
        unsafe {
            asm!(
                "xor r13, {mask}",
                "mov qword ptr [{holds}], 1",
                "2:",
                "pause",
                "cmp qword ptr [{end}], 0",
                "je 2b",
                "xor r13d, r13d",
                mask = in(reg) MASK,
                holds = in(reg) HOLDS.as_ptr(),
                end = in(reg) MAY_END.as_ptr(),
                inout("r13") block => _,
            );
        }
    });
    while HOLDS.load(Ordering::Acquire) == 0 {
        thread::yield_now();
    }
    assert_eq!(lost(&mut heap).0, [1]);
    MAY_END.store(1, Ordering::Release);
    thread.join().unwrap();
    assert_eq!(lost(&mut heap).0, [0, 1]);
}

/// Leaves addresses in a part of the stack that is no longer in use when it returns, `DEPTH` words
/// below its caller's. Returns where.
#[inline(never)]
fn litter<const DEPTH: usize>(block: usize) -> usize {
    let mut words = MaybeUninit::<[usize; DEPTH]>::uninit();
    let start = black_box(&mut words).as_mut_ptr() as usize;
    for index in 0..512 {
        // SAFETY: inside of the array.
        unsafe { ((start + index * WORD) as *mut usize).write_volatile(block ^ MASK) };
    }
    start
}

/// Later calls don't make it a part of their frames, and leave it as it is.
const DEEP: usize = 16 * 1024;

#[test]
fn what_is_below_the_stack_pointer_does_not_count() {
    let _alone = alone();
    let mut heap = Heap::small();
    let block = heap.add(40);
    let other = Holder::new(move |barrier| {
        litter::<DEEP>(block);
        barrier.wait();
        barrier.wait();
    });
    litter::<DEEP>(block);
    assert_eq!(lost(&mut heap).0, [0]);
    other.end();
}

#[test]
fn stacks_of_ended_threads_do_not_count() {
    let _alone = alone();
    let mut heap = Heap::small();
    let block = heap.add(40);
    let litters: Vec<usize> =
        (0..4).map(|_| thread::spawn(move || litter::<1024>(block)).join().unwrap()).collect();
    let is_kept = |address: &usize| {
        let mapping = crate::os::files::find_mapping(|mapping| mapping.contains(*address));
        // SAFETY: one word of a mapped stack.
        mapping.is_some() && unsafe { (*address as *const usize).read_volatile() } == block ^ MASK
    };
    assert!(litters.iter().any(is_kept), "glibc keeps the stack, and what was on it");
    assert_eq!(lost(&mut heap).0, [0]);
}

#[test]
fn two_hundred_threads_hold_a_block_each() {
    const THREADS: usize = 200;
    let _alone = alone();
    let mut heap = Heap::small();
    let blocks: Vec<usize> = (0..2 * THREADS).map(|_| heap.add(40)).collect();
    let held = blocks[..THREADS].iter().map(|block| {
        let block = *block;
        Holder::new(move |barrier| hold_on_stack(block, barrier))
    });
    let holders: Vec<Holder> = held.collect();
    let (found, totals) = lost(&mut heap);
    assert_eq!(found, (THREADS as u32..2 * THREADS as u32).collect::<Vec<_>>());
    assert!(totals.threads >= THREADS);
    assert_eq!(totals.running_threads, 0);
    holders.into_iter().for_each(Holder::end);
}

#[test]
fn threads_that_come_and_go_meanwhile_do_no_harm() {
    let _alone = alone();
    let mut heap = Heap::small();
    heap.add(40);
    let (stop, is_stopped) = mpsc::channel::<()>();
    let maker = thread::spawn(move || {
        let mut made = 0;
        while is_stopped.try_recv() == Err(mpsc::TryRecvError::Empty) {
            thread::spawn(|| black_box(1)).join().unwrap();
            made += 1;
        }
        made
    });
    for _ in 0..50 {
        let (found, totals) = lost(&mut heap);
        assert_eq!((found, totals.running_threads), (vec![0], 0));
    }
    drop(stop);
    assert!(maker.join().unwrap() > 0);
}

#[test]
fn a_block_that_is_protected_altogether_costs_a_second_try() {
    let _alone = alone();
    let mut heap = Heap::small();
    let page = page_bytes();
    heap.add(page - 64 - 16);
    let protected = heap.add(100);
    heap.add(2 * page);
    let held = [black_box(protected) ^ MASK];
    black_box(&held);
    // SAFETY: a page of the heap that nothing but the scan reads.
    assert!(unsafe { forbid(Range { start: protected ^ MASK, length: page }) });
    let (found, totals) = lost(&mut heap);
    assert_eq!(found, [0, 2]);
    assert_eq!(totals.reachable.blocks, 1);
    black_box(&held);
}

#[test]
fn damaged_tables_are_refused() {
    let _alone = alone();
    let mut heap = Heap::small();
    heap.add(40);
    heap.add(40);
    heap.blocks()[0].size_bytes = 1000;
    let own = heap.own();
    let result = scan(heap.blocks(), &own, &Caller::here(), &mut |_| {});
    assert_eq!(result, Err(NotRun("the table of blocks is damaged")));
}
