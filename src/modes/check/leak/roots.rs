//! What the program can start from: all of its writable memory but heap blocks, dead parts of
//! stacks, and what is Cairn's; and its threads' registers.

use super::mappings::{Mappings, Region};
use super::reach::Reach;
use super::stacks;
use super::workspace::List;
use super::Caller;
use crate::os::memory::{page_bytes, Range};
use crate::os::processor::{thread_pointer, RED_ZONE_BYTES};
use crate::os::tasks::{State, Task};

const WORD: usize = size_of::<usize>();

/// Takes everything that the roots hold for pointers. `exclusions` are ranges that aren't the
/// program's; dead parts of stacks are added.
pub fn search(
    reach: &mut Reach,
    mappings: &Mappings,
    exclusions: &mut List<Range>,
    tasks: &[Task],
    caller: &Caller,
) {
    let this =
        Thread { id: 0, stack_pointer: caller.stack_pointer, thread_pointer: thread_pointer() };
    caller.registers.iter().for_each(|word| reach.take_pointer(*word));
    let alive = tasks.iter().filter(|task| task.state != State::Gone);
    for task in alive.clone() {
        task.registers.iter().for_each(|word| reach.take_pointer(*word));
    }
    let threads = || alive.clone().map(Thread::of).chain([this]);
    for thread in threads() {
        // A stack in a heap block is used for as long as its thread runs on it.
        reach.take_block_at(thread.stack_pointer);
        if let Some(dead) = thread.dead_part(mappings, threads()) {
            exclusions.push(dead);
        }
    }
    exclude_dead_stacks(reach, mappings, exclusions, threads);
    exclusions.sort_unstable_by_key(|range| range.start);
    for region in mappings.regions.iter().filter(|region| region.is_writable()) {
        each_outside(region.range, exclusions, |part| reach.search_root(part));
    }
}

/// What matters of a thread here. Zero is unknown.
#[derive(Clone, Copy)]
struct Thread {
    id: i32,
    stack_pointer: usize,
    thread_pointer: usize,
}

impl Thread {
    fn of(task: &Task) -> Self {
        Self {
            id: task.id,
            stack_pointer: task.stack_pointer(),
            thread_pointer: task.thread_pointer(),
        }
    }

    /// The part of its stack that is below its stack pointer. `None` if the stack pointer isn't
    /// known or is on another stack (a signal handler's, a coroutine's): then all of it counts.
    fn dead_part(self, mappings: &Mappings, all: impl Iterator<Item = Thread>) -> Option<Range> {
        let end = self.stack_pointer.checked_sub(RED_ZONE_BYTES)? & !(WORD - 1);
        let own = (self.thread_pointer != 0).then(|| stacks::of_thread(self.thread_pointer));
        let start = match own.flatten() {
            Some(stack) if (stack.start..stack.end()).contains(&end) => stack.start,
            Some(_) => return None,
            None => {
                let region = mappings.find(end)?;
                if region.is_main_stack() {
                    region.range.start
                } else {
                    above_others(region, end, all)?
                }
            }
        };
        Some(Range { start, length: end - start })
    }
}

/// Where a stack in `region` begins at the lowest, if all that is known of it is that `end` lies in
/// it, and other threads' stacks may lie below it in the same mapping. `None` when nothing says
/// that the mapping is for stacks at all.
fn above_others(region: &Region, end: usize, all: impl Iterator<Item = Thread>) -> Option<usize> {
    let is_between = |address: &usize| (region.range.start..end).contains(address);
    let mut has_own = false;
    let mut highest = region.range.start;
    for thread in all {
        has_own |= (end..region.range.end()).contains(&thread.thread_pointer);
        for address in
            [thread.stack_pointer, thread.thread_pointer].iter().filter(|a| is_between(a))
        {
            // What lies above its stack pointer or its descriptor is the other thread's still.
            highest = highest.max((address + page_bytes()).next_multiple_of(page_bytes()));
        }
    }
    (has_own && highest <= end).then_some(highest)
}

/// Finds stacks by the descriptors in them. Those of ended threads, which glibc keeps, are excluded
/// altogether; those of threads that couldn't be asked for their descriptors, below their stack
/// pointers.
fn exclude_dead_stacks<I: Iterator<Item = Thread>>(
    reach: &mut Reach,
    mappings: &Mappings,
    exclusions: &mut List<Range>,
    threads: impl Fn() -> I,
) {
    let dead_part = |descriptor: usize| {
        let stack = stacks::of_thread(descriptor)?;
        let holds = stack.start..stack.end();
        let is_on = |thread: &Thread| {
            holds.contains(&thread.thread_pointer) || holds.contains(&thread.stack_pointer)
        };
        match threads().find(is_on) {
            None => {
                let mut unknown = threads().filter(|thread| thread.thread_pointer == 0);
                let is_dead = unknown.all(|thread| !stacks::may_name(descriptor, thread.id));
                is_dead.then_some(stack)
            }
            Some(thread) if thread.thread_pointer == 0 => {
                let end = (thread.stack_pointer - RED_ZONE_BYTES).max(stack.start);
                Some(Range { length: end - stack.start, ..stack })
            }
            Some(_) => None,
        }
    };
    let known = exclusions.len();
    for region in mappings.regions.iter().filter(|region| region.is_anonymous()) {
        each_piece_outside(region.range, exclusions, known, |part, exclusions| {
            reach.look_at(part, |address, words| {
                let descriptors = stacks::descriptors(address, words);
                descriptors.filter_map(dead_part).for_each(|range| {
                    exclusions.push(range);
                });
            });
        });
    }
}

/// Calls `visit` with the parts of `range` that none of the first `known` exclusions holds, which
/// may be in any order; more may be added meanwhile.
fn each_piece_outside(
    range: Range,
    exclusions: &mut List<Range>,
    known: usize,
    mut visit: impl FnMut(Range, &mut List<Range>),
) {
    let mut at = range.start;
    while at < range.end() {
        let holder = exclusions[..known].iter().find(|e| e.start <= at && at < e.end());
        if let Some(holder) = holder {
            at = holder.end();
            continue;
        }
        let starts = exclusions[..known].iter().map(|e| e.start).filter(|start| *start > at);
        let end = starts.min().unwrap_or(usize::MAX).min(range.end());
        visit(Range { start: at, length: end - at }, exclusions);
        at = end;
    }
}

/// Calls `visit` with the parts of `range` outside of the exclusions, which are sorted by address.
fn each_outside(range: Range, exclusions: &[Range], mut visit: impl FnMut(Range)) {
    let mut at = range.start;
    for exclusion in exclusions {
        if exclusion.start >= range.end() {
            break;
        }
        if exclusion.start > at {
            visit(Range { start: at, length: exclusion.start - at });
        }
        at = at.max(exclusion.end());
    }
    if at < range.end() {
        visit(Range { start: at, length: range.end() - at });
    }
}
