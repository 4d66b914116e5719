//! The scan's memory: one range, mapped before the threads are stopped and released afterwards, so
//! that one exclusion keeps all of it from being taken for the program's.

use super::index::{Extent, IndexParts, IndexPlan, PageTable};
use super::mappings::Region;
use super::reach::{Mark, Marks};
use super::Candidate;
use crate::os::memory::{ask_for_huge_pages, map_writable, page_bytes, release, Range};
use crate::os::peek;
use crate::os::stop_world::STACK_BYTES;
use crate::os::tasks::Task;
use core::ops::{Deref, DerefMut};

/// Each part begins at a multiple of this.
const ALIGNMENT: usize = 64;

/// How many of everything there is room for.
pub struct Plan {
    blocks: usize,
    tasks: usize,
    regions: usize,
    exclusions: usize,
    index: IndexPlan,
}

impl Plan {
    /// For these blocks, and as many other things as were counted; what is added between counting
    /// and stopping has room too.
    pub fn new(blocks: &[Candidate], own: usize, threads: usize, mappings: usize) -> Self {
        let tasks = 2 * threads + 256;
        Self {
            blocks: blocks.len(),
            tasks,
            regions: mappings + mappings / 4 + 1024,
            exclusions: own + 2 * tasks + 1024,
            index: IndexPlan::new(blocks),
        }
    }

    fn bytes(&self) -> usize {
        let parts = [
            self.tasks * size_of::<Task>(),
            self.regions * size_of::<Region>(),
            self.exclusions * size_of::<Range>(),
            self.index.extents * size_of::<Extent>(),
            self.index.entries * size_of::<u32>(),
            self.index.tables * size_of::<PageTable>(),
            self.index.blocks * size_of::<u32>(),
            self.blocks * size_of::<Mark>(),
            self.blocks * size_of::<u32>(),
            peek::PAGE_ENTRIES * size_of::<u64>(),
            peek::COPY_WORDS * size_of::<usize>(),
        ];
        let sum: usize = parts.iter().map(|part| part.next_multiple_of(ALIGNMENT)).sum();
        (STACK_BYTES + sum).next_multiple_of(page_bytes())
    }
}

/// The memory.
pub struct Workspace {
    range: Range,
}

/// What it is divided into.
pub struct Parts<'a> {
    /// The helper's stack.
    pub stack: Range,
    /// The threads.
    pub tasks: &'a mut [Task],
    /// The mappings that matter.
    pub regions: List<'a, Region>,
    /// What isn't searched.
    pub exclusions: List<'a, Range>,
    /// Room for the index.
    pub index: IndexParts<'a>,
    /// What is found.
    pub marks: Marks<'a>,
}

impl Workspace {
    /// Maps it. `None` without memory.
    pub fn map(plan: &Plan) -> Option<Self> {
        let range = map_writable(plan.bytes())?;
        // Marks are read in no order; with small pages each is a walk through the page tables too.
        ask_for_huge_pages(range);
        Some(Self { range })
    }

    /// Where it lies.
    pub fn range(&self) -> Range {
        self.range
    }

    /// Its parts; they hold zeros, or what they held the last time.
    pub fn parts(&mut self, plan: &Plan) -> Parts<'_> {
        let mut rest = Rest { at: self.range.start + STACK_BYTES, end: self.range.end() };
        // SAFETY: the parts don't overlap, `Rest` proves that they fit, and nothing else uses them
        // while `self` is borrowed. Zeros are valid for each type: its numbers and its enums have
        // one. The order is always the same, so what was left is of the same type.
        unsafe {
            Parts {
                stack: Range { start: self.range.start, length: STACK_BYTES },
                tasks: rest.take(plan.tasks),
                regions: List::new(rest.take(plan.regions)),
                exclusions: List::new(rest.take(plan.exclusions)),
                index: IndexParts {
                    extents: rest.take(plan.index.extents),
                    entries: rest.take(plan.index.entries),
                    tables: rest.take(plan.index.tables),
                    offsets: rest.take(plan.index.blocks),
                },
                marks: Marks {
                    states: rest.take(plan.blocks),
                    links: rest.take(plan.blocks),
                    entries: rest.take(peek::PAGE_ENTRIES),
                    copied: rest.take(peek::COPY_WORDS),
                },
            }
        }
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        // SAFETY: all parts have borrowed `self`, so none is in use.
        unsafe { release(self.range) };
    }
}

/// What isn't divided yet.
struct Rest {
    at: usize,
    end: usize,
}

impl Rest {
    /// # Safety
    /// The memory must be valid for `T` and belong to the result alone, for as long as it lives.
    unsafe fn take<'a, T: Copy>(&mut self, count: usize) -> &'a mut [T] {
        let start = self.at;
        self.at += (count * size_of::<T>()).next_multiple_of(ALIGNMENT);
        assert!(self.at <= self.end, "the plan has room for every part");
        // SAFETY: in the workspace, aligned to 64; the rest is the caller's promise.
        unsafe { core::slice::from_raw_parts_mut(start as *mut T, count) }
    }
}

/// A list in memory of fixed size.
pub struct List<'a, T> {
    slots: &'a mut [T],
    length: usize,
}

impl<'a, T: Copy> List<'a, T> {
    fn new(slots: &'a mut [T]) -> Self {
        Self { slots, length: 0 }
    }

    /// Appends an entry. False if the list is full.
    pub fn push(&mut self, entry: T) -> bool {
        let Some(slot) = self.slots.get_mut(self.length) else { return false };
        *slot = entry;
        self.length += 1;
        true
    }
}

impl<T> Deref for List<'_, T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.slots[..self.length]
    }
}

impl<T> DerefMut for List<'_, T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.slots[..self.length]
    }
}
