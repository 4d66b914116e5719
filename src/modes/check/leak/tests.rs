//! Tests of the whole scan: each kind of block on a heap made up here, and real threads.
//!
//! Addresses of blocks are kept XORed with a mask wherever the scan looks, so that nothing but what
//! a test arranges leads to a block.

use super::reach::Reach;
use super::*;
use crate::os::memory::{forbid, map_writable, page_bytes, release};
use std::sync::{Mutex, MutexGuard, PoisonError};

mod process;
mod speed;

const MASK: usize = 0x5555_5555_5555_5555;
const WORD: usize = size_of::<usize>();

/// One scan at a time: two would stop each other's threads.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Blocks in memory of their own, which isn't a root.
struct Heap {
    memory: Range,
    used: usize,
    /// In memory that isn't a root either.
    table: Range,
    blocks: usize,
}

impl Heap {
    fn new(bytes: usize, blocks_max: usize) -> Self {
        let page = page_bytes();
        let table = (blocks_max * size_of::<Candidate>()).next_multiple_of(page);
        Self {
            memory: map_writable(bytes.next_multiple_of(page)).unwrap(),
            // The range's start is known to the tests, and must not be a block's.
            used: 64,
            table: map_writable(table).unwrap(),
            blocks: 0,
        }
    }

    fn small() -> Self {
        Self::new(1 << 20, 1000)
    }

    /// A block, 16 bytes apart from the last; its address is masked. Its stack's number is its own.
    fn add(&mut self, size_bytes: usize) -> usize {
        let start = self.memory.start + self.used;
        self.used += size_bytes.next_multiple_of(16) + 16;
        assert!(self.used <= self.memory.length);
        let (stack, capacity) = (self.blocks as u32, self.table.length / size_of::<Candidate>());
        assert!(self.blocks < capacity);
        self.blocks += 1;
        *self.blocks().last_mut().unwrap() =
            Candidate { start, size_bytes, stack, function: 0, flags: 0 };
        start ^ MASK
    }

    fn blocks(&mut self) -> &'static mut [Candidate] {
        // SAFETY: memory that was mapped for it, zero at first; tests use it in one place at once.
        unsafe { std::slice::from_raw_parts_mut(self.table.start as *mut Candidate, self.blocks) }
    }

    fn own(&self) -> [Range; 2] {
        [self.memory, self.table]
    }

    /// Stores in block `from`, at a word's index, the address of `to` and so many bytes more.
    fn point(&self, from: usize, index: usize, to: usize, offset: usize) {
        store(from, index, (to ^ MASK) + offset);
    }

    /// Finds the kinds of all blocks if `roots` (masked) are all that the program has.
    fn kinds(&mut self, roots: &[usize]) -> Vec<Kind> {
        self.search(roots, false).0
    }

    fn search(
        &mut self,
        roots: &[usize],
        is_careful: bool,
    ) -> (Vec<Kind>, Totals, Vec<LossRecord>) {
        let blocks = &*self.blocks();
        let plan = Plan::new(blocks, 0, 0, mappings::count());
        let mut memory = Workspace::map(&plan).unwrap();
        let mut parts = memory.parts(&plan);
        let index = parts.index.build(blocks);
        let mappings = Mappings::read(&mut parts.regions, &[]).unwrap();
        let mut reach = Reach::new(&index, &mappings, &mut parts.marks, is_careful);
        roots.iter().for_each(|root| reach.take_pointer(root ^ MASK));
        reach.find_all();
        let kinds = parts.marks.states.iter().map(|mark| mark.kind()).collect();
        let (mut totals, mut told) = (Totals::default(), Vec::new());
        records::tell(blocks, &mut parts.marks, &mut totals, &mut |record| told.push(*record))
            .unwrap();
        (kinds, totals, told)
    }
}

impl Drop for Heap {
    fn drop(&mut self) {
        // SAFETY: mapped by `new`; tests end before their heap does.
        unsafe {
            release(self.memory);
            release(self.table);
        }
    }
}

/// Stores a word in a block (its address is masked).
fn store(block: usize, index: usize, word: usize) {
    // SAFETY: tests name words inside of their blocks.
    unsafe { (((block ^ MASK) + index * WORD) as *mut usize).write_volatile(word) };
}

use Kind::{Definite, Indirect, Possible, Reachable};

#[test]
fn a_chain_from_a_root_is_reachable_and_one_from_nothing_is_lost() {
    let mut heap = Heap::small();
    let blocks: Vec<usize> = (0..6).map(|_| heap.add(32)).collect();
    for chain in [[0, 1, 2], [5, 4, 3]] {
        heap.point(blocks[chain[0]], 0, blocks[chain[1]], 0);
        heap.point(blocks[chain[1]], 3, blocks[chain[2]], 0);
    }
    let expected = [Reachable, Reachable, Reachable, Indirect, Indirect, Definite];
    assert_eq!(heap.kinds(&[blocks[0]]), expected);
    // An address behind the end is no pointer to the block.
    let end = ((blocks[0] ^ MASK) + 32) ^ MASK;
    let expected = [Definite, Indirect, Indirect, Indirect, Indirect, Definite];
    assert_eq!(heap.kinds(&[end]), expected);
}

#[test]
fn a_pointer_into_the_middle_makes_possibly_lost_all_that_follows() {
    let mut heap = Heap::small();
    let blocks: Vec<usize> = (0..4).map(|_| heap.add(100)).collect();
    let middle = ((blocks[0] ^ MASK) + 40) ^ MASK;
    heap.point(blocks[0], 2, blocks[1], 0);
    heap.point(blocks[1], 11, blocks[2], 4);
    // The last four bytes of 100 hold no pointer.
    heap.point(blocks[2], 12, blocks[3], 0);
    assert_eq!(heap.kinds(&[middle]), [Possible, Possible, Possible, Definite]);
    // A start pointer to the second outweighs that.
    assert_eq!(heap.kinds(&[middle, blocks[1]]), [Possible, Reachable, Possible, Definite]);
    assert_eq!(heap.kinds(&[blocks[1], middle]), [Possible, Reachable, Possible, Definite]);
}

#[test]
fn cycles_and_self_pointers_have_one_leader() {
    let mut heap = Heap::small();
    let blocks: Vec<usize> = (0..5).map(|_| heap.add(64)).collect();
    heap.point(blocks[0], 0, blocks[0], 0);
    heap.point(blocks[1], 0, blocks[2], 0);
    heap.point(blocks[2], 0, blocks[1], 8);
    heap.point(blocks[2], 1, blocks[3], 0);
    // A later block that leads into the cycle takes it over.
    assert_eq!(heap.kinds(&[]), [Definite, Definite, Indirect, Indirect, Definite]);
    heap.point(blocks[4], 0, blocks[2], 0);
    let (kinds, totals, told) = heap.search(&[], false);
    // As in valgrind, which goes by addresses too: the cycle's own leader is found again from it.
    assert_eq!(kinds, [Definite, Definite, Indirect, Indirect, Definite]);
    heap.point(blocks[4], 1, blocks[1], 0);
    let (kinds, later, told_later) = heap.search(&[], false);
    assert_eq!(kinds, [Definite, Indirect, Indirect, Indirect, Definite]);
    assert_eq!((totals.indirect.blocks, later.indirect.blocks), (2, 3));
    let of = |told: &[LossRecord], stack| *told.iter().find(|r| r.stack == stack).unwrap();
    assert_eq!(of(&told, 1).indirect, Sum { bytes: 128, blocks: 2 });
    assert_eq!(of(&told_later, 4).indirect, Sum { bytes: 192, blocks: 3 });
}

#[test]
fn a_long_list_against_the_order_of_addresses_has_its_head_for_leader() {
    let mut heap = Heap::new(64 << 20, 300_000);
    let blocks: Vec<usize> = (0..300_000).map(|_| heap.add(16)).collect();
    blocks.windows(2).for_each(|pair| heap.point(pair[1], 0, pair[0], 0));
    let (kinds, totals, told) = heap.search(&[], false);
    assert_eq!(kinds.last(), Some(&Definite));
    assert_eq!(totals.indirect, Sum { bytes: 16 * 299_999, blocks: 299_999 });
    let last = told.last().unwrap();
    assert_eq!((last.kind, last.stack, last.indirect.blocks), (Definite, 299_999, 299_999));
    // And the other way round, where the first block finds all others.
    assert_eq!(heap.kinds(&[blocks[299_999]]), vec![Reachable; 300_000]);
}

#[test]
fn records_are_by_kind_and_place_and_the_largest_comes_last() {
    let mut heap = Heap::small();
    let blocks: Vec<usize> = [10, 20, 30, 40, 25, 0].map(|size| heap.add(size)).into();
    for (block, (stack, function)) in
        heap.blocks().iter_mut().zip([(7, 1), (7, 1), (7, 2), (8, 1), (9, 1), (7, 1)])
    {
        (block.stack, block.function) = (stack, function);
    }
    heap.point(blocks[2], 0, blocks[4], 0);
    let (_, totals, told) = heap.search(&[blocks[3]], false);
    let sum = |bytes, blocks| Sum { bytes, blocks };
    let record = |kind, stack, function, direct, indirect| LossRecord {
        kind,
        stack,
        function,
        direct,
        indirect,
    };
    let expected = [
        record(Indirect, 9, 1, sum(25, 1), sum(0, 0)),
        record(Definite, 7, 1, sum(30, 3), sum(0, 0)),
        record(Reachable, 8, 1, sum(40, 1), sum(0, 0)),
        record(Definite, 7, 2, sum(30, 1), sum(25, 1)),
    ];
    assert_eq!(told, expected);
    assert_eq!((totals.definite, totals.reachable), (sum(60, 4), sum(40, 1)));
    assert_eq!((totals.indirect, totals.possible), (sum(25, 1), sum(0, 0)));
}

#[test]
fn thousands_of_places_have_a_record_each() {
    let mut heap = Heap::new(1 << 20, 5000);
    for _ in 0..5000 {
        heap.add(16);
    }
    let (_, totals, told) = heap.search(&[], false);
    assert_eq!((totals.definite.blocks, told.len()), (5000, 5000));
    assert!(told.windows(2).all(|pair| pair[0].stack < pair[1].stack));
}

#[test]
fn declared_roots_are_reachable_and_empty_blocks_are_found() {
    let mut heap = Heap::small();
    let blocks: Vec<usize> = [48, 0, 0].map(|size| heap.add(size)).into();
    heap.point(blocks[0], 1, blocks[1], 0);
    assert_eq!(heap.kinds(&[]), [Definite, Indirect, Definite]);
    heap.blocks()[0].flags = Candidate::ROOT;
    assert_eq!(heap.kinds(&[]), [Reachable, Reachable, Definite]);
}

#[test]
fn what_cpp_lays_in_front_is_no_middle() {
    let mut heap = Heap::small();
    let blocks: Vec<usize> = (0..5).map(|_| heap.add(120)).collect();
    let inside = |block: usize, offset: usize| ((blocks[block] ^ MASK) + offset) ^ MASK;
    store(blocks[0], 0, 112); // the size of what follows
    store(blocks[1], 0, 7); // seven elements of 16 bytes
    store(blocks[2], 0, 60); // a string of 60 characters,
    store(blocks[2], 1, 95); // of 95 that fit behind its 24 bytes
    store(blocks[3], 0, 97); // longer than its capacity
    store(blocks[3], 1, 95);
    store(blocks[4], 0, 9); // nine elements don't fill 112 bytes
    let roots = [(0, 8), (1, 8), (2, 24), (3, 24), (4, 8)].map(|(b, offset)| inside(b, offset));
    assert_eq!(heap.kinds(&roots), [Reachable, Reachable, Reachable, Possible, Possible]);
    // The same places are a middle when something else stands there.
    (0..5).for_each(|block| store(blocks[block], 0, MASK));
    assert_eq!(heap.kinds(&roots), [Possible; 5]);
}

/// Two functions, as a table of virtual functions has them: in memory that is mapped from a file.
static TABLE: [Option<fn() -> u8>; 4] = [None, Some(|| 1), None, Some(|| 2)];

#[test]
fn a_base_of_an_object_is_no_middle() {
    let mut heap = Heap::small();
    let blocks: Vec<usize> = (0..2).map(|_| heap.add(80)).collect();
    let table = TABLE.as_ptr() as usize;
    assert_eq!(TABLE.iter().flatten().map(|function| function()).sum::<u8>(), 3);
    store(blocks[0], 0, table);
    store(blocks[0], 4, table);
    store(blocks[1], 0, table);
    let roots = [0, 1].map(|block| ((blocks[block] ^ MASK) + 32) ^ MASK);
    assert_eq!(heap.kinds(&roots), [Reachable, Possible]);
}

#[test]
fn large_blocks_with_protected_pages_are_read_around_them() {
    let mut heap = Heap::small();
    let page = page_bytes();
    heap.add(page - 64 - 16);
    let large = heap.add(5 * page);
    let others: Vec<usize> = (0..2).map(|_| heap.add(16)).collect();
    heap.point(large, 4 * page / WORD + 1, others[0], 0);
    heap.point(large, 2 * page / WORD + 1, others[1], 0);
    assert_eq!(heap.kinds(&[large])[1..], [Reachable; 3]);
    // SAFETY: a page of the heap that nothing but the scan reads.
    assert!(unsafe { forbid(Range { start: (large ^ MASK) + 2 * page, length: page }) });
    for is_careful in [false, true] {
        let (kinds, ..) = heap.search(&[large], is_careful);
        assert_eq!(kinds[1..], [Reachable, Reachable, Definite]);
    }
}
