//! Leaks: which live blocks nothing leads to any more, and where they came from.
//!
//! All other threads are stopped, and everything that the program can start from is searched for
//! pointers: its writable memory, its threads' stacks and registers (`roots.rs`, `stacks.rs`). From
//! there, block by block, `reach.rs` finds what is reachable. The kinds are valgrind's (its manual,
//! "Memory leak detection"): a block is still reachable by pointers to starts of blocks, possibly
//! lost if only a pointer into a middle leads to it, definitely lost if nothing does, indirectly
//! lost if only lost blocks do. `records.rs` adds up what is told.
//!
//! Nothing here allocates, takes a lock or panics on purpose; whoever calls [`scan`] has closed the
//! locks that guard the blocks, so that no stopped thread is in the middle of a change.

mod heuristics;
mod index;
mod mappings;
mod reach;
mod records;
mod roots;
mod stacks;
mod workspace;

#[cfg(test)]
mod tests;

use crate::os::memory::Range;
pub use crate::os::processor::Caller;
use crate::os::stop_world::{self, Failure};
use crate::os::tasks::{State, Task};
use core::sync::atomic::{AtomicBool, Ordering};
use mappings::Mappings;
use reach::{Mark, Reach};
use workspace::{Plan, Workspace};

/// A live block.
#[derive(Clone, Copy)]
pub struct Candidate {
    /// Its address.
    pub start: usize,
    /// How much was asked for, in bytes.
    pub size_bytes: usize,
    /// The number of the stack that it was allocated with.
    pub stack: u32,
    /// What allocated it.
    pub function: u8,
    /// [`Candidate::ROOT`] or nothing.
    pub flags: u8,
}

impl Candidate {
    /// The block counts as reachable, and so does what it leads to: the loader's own blocks, and
    /// what the program declared to be no leak.
    pub const ROOT: u8 = 1;

    /// The address behind its last byte. An empty block has one byte, so that it can be found.
    fn end(&self) -> usize {
        self.start + self.size_bytes.max(1)
    }
}

/// How far a block is lost. The order is the one in which equally large records are told.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Kind {
    /// Still reachable.
    Reachable,
    /// Only pointers into the middle of it, or of a block on the way to it, are left.
    Possible,
    /// Nothing leads to it.
    Definite,
    /// Only lost blocks lead to it.
    Indirect,
}

/// Blocks together.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Sum {
    /// Their sizes, as asked for.
    pub bytes: usize,
    /// How many they are.
    pub blocks: usize,
}

impl Sum {
    fn add(&mut self, size_bytes: usize) {
        self.bytes += size_bytes;
        self.blocks += 1;
    }
}

/// The blocks of one kind that were allocated at one place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LossRecord {
    /// How far they are lost.
    pub kind: Kind,
    /// The number of the stack of allocation.
    pub stack: u32,
    /// What allocated them.
    pub function: u8,
    /// The blocks themselves.
    pub direct: Sum,
    /// For definitely lost ones: what is lost with them.
    pub indirect: Sum,
}

/// What a scan found, by kind, and how it went.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Totals {
    /// Definitely lost.
    pub definite: Sum,
    /// Indirectly lost.
    pub indirect: Sum,
    /// Possibly lost.
    pub possible: Sum,
    /// Still reachable.
    pub reachable: Sum,
    /// How many other threads the process has.
    pub threads: usize,
    /// How many of them could not be stopped: they ran on, and what only their registers led to
    /// may be told as lost.
    pub running_threads: usize,
    /// How much memory was searched.
    pub read_bytes: usize,
}

/// Why there is no result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotRun(pub &'static str);

const NO_MEMORY: NotRun = NotRun("no memory for the leak check");

/// Searches the whole process for pointers to `blocks`, and tells of each loss record, the smallest
/// first.
///
/// `blocks` are all that live, in any order (they will be sorted by address); `own` is memory of
/// Cairn's that isn't the program's: its heap and its metadata. `caller` says where the program's
/// part of this thread's stack begins. No two scans run at once.
pub fn scan(
    blocks: &mut [Candidate],
    own: &[Range],
    caller: &Caller,
    visit: &mut dyn FnMut(&LossRecord),
) -> Result<Totals, NotRun> {
    static IS_RUNNING: AtomicBool = AtomicBool::new(false);
    if IS_RUNNING.swap(true, Ordering::Acquire) {
        return Err(NotRun("another leak check is running"));
    }
    let result = scan_alone(blocks, own, caller, visit);
    IS_RUNNING.store(false, Ordering::Release);
    result
}

fn scan_alone(
    blocks: &mut [Candidate],
    own: &[Range],
    caller: &Caller,
    visit: &mut dyn FnMut(&LossRecord),
) -> Result<Totals, NotRun> {
    blocks.sort_unstable_by_key(|block| block.start);
    let blocks = &*blocks;
    if blocks.len() > index::BLOCKS_MAX {
        return Err(NotRun("too many blocks"));
    }
    if blocks.windows(2).any(|pair| pair[0].end() > pair[1].start) {
        return Err(NotRun("the table of blocks is damaged"));
    }
    let threads = stop_world::count_tasks().ok_or(NotRun("the threads can't be listed"))?;
    let plan = Plan::new(blocks, own.len(), threads, mappings::count());
    let mut memory = Workspace::map(&plan).ok_or(NO_MEMORY)?;
    let totals = match search(&mut memory, &plan, blocks, own, caller, false) {
        // Some block can't be read as memory: once more, with all reads by the kernel.
        Err(Failure::Fault) => search(&mut memory, &plan, blocks, own, caller, true),
        result => result,
    };
    let mut totals = totals.map_err(describe)?.ok_or(NotRun("too many mappings"))?;
    records::tell(blocks, &mut memory.parts(&plan).marks, &mut totals, visit)?;
    Ok(totals)
}

fn describe(failure: Failure) -> NotRun {
    NotRun(match failure {
        Failure::NoHelper => "no task could be made for the leak check",
        Failure::NoList => "the threads can't be listed",
        Failure::Fault => "memory can't be read",
        Failure::Killed => "the task of the leak check was killed",
    })
}

/// One try. `Ok(None)`: there are more mappings than there is room for.
fn search(
    memory: &mut Workspace,
    plan: &Plan,
    blocks: &[Candidate],
    own: &[Range],
    caller: &Caller,
    is_careful: bool,
) -> Result<Option<Totals>, Failure> {
    let range = memory.range();
    let mut parts = memory.parts(plan);
    let index = parts.index.build(blocks);
    let blocks_range = Range { start: blocks.as_ptr() as usize, length: size_of_val(blocks) };
    for excluded in own.iter().chain([&range, &blocks_range]) {
        parts.exclusions.push(*excluded);
    }
    parts.marks.states.fill(Mark::Unreached);
    let mut totals = None;
    let mut job = |tasks: &[Task]| {
        let Some(mappings) = Mappings::read(&mut parts.regions, &parts.exclusions) else { return };
        let mut reach = Reach::new(&index, &mappings, &mut parts.marks, is_careful);
        roots::search(&mut reach, &mappings, &mut parts.exclusions, tasks, caller);
        reach.find_all();
        let is_running = |task: &&Task| task.state == State::Running;
        totals = Some(Totals {
            threads: tasks.iter().filter(|task| task.state != State::Gone).count(),
            running_threads: tasks.iter().filter(is_running).count(),
            read_bytes: reach.read_bytes(),
            ..Totals::default()
        });
    };
    // SAFETY: the stack is a part of the workspace that nothing else uses.
    unsafe { stop_world::with_world_stopped(parts.tasks, parts.stack, &mut job)? };
    Ok(totals)
}
