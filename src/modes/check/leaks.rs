//! When leaks are looked for, and among which blocks.

use super::leak::{self, Caller, Candidate, LossRecord, NotRun, Totals};
use super::quarantine::{GUARDED, PLAIN};
use super::record::Record;
use super::table;
use super::telling::Occasion;
use super::{budget, guard, hold_locks, release_locks, stacks, telling, thread};
use crate::memory::arena::ARENA;
use crate::os::memory::{self, Range};
use crate::os::modules;
use crate::os::processor::RED_ZONE_BYTES;
use crate::os::unwind::{self, Frame, Registers, Window};
use crate::services::metadata;
use core::slice;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Ranges that are Cairn's own: at most these many.
const OWN_MAX: usize = 192;

/// Where the program was when a signal came.
pub fn interrupted(registers: &Registers) -> Caller {
    let kept = [Registers::BX, Registers::BP, 12, 13, 14, 15];
    Caller {
        stack_pointer: registers.sp() - RED_ZONE_BYTES,
        registers: kept.map(|register| registers.general[register]),
    }
}

/// Where the program's stack begins when its `main` has returned: nothing below is in use but by
/// the C library's exit. `None` if `exit` was called from within the program.
pub fn after_main(registers: &Registers) -> Option<Caller> {
    let mut frames = [Frame::default(); 16];
    let (count, is_whole) = unwind::walk(registers, &mut { Window::EMPTY }, &mut frames);
    let is_program = |frame: &&Frame| {
        let in_runtime = |module: &modules::Module| {
            let has = |name: &[u8]| module.path.windows(name.len()).any(|part| part == name);
            has(b"/libc.so") || has(b"/ld-linux")
        };
        modules::with(frame.return_address - 1, in_runtime) == Some(false)
    };
    let place = frames[..count].iter().position(|frame| is_program(&frame))?;
    // The outermost frame is the one that called main.
    (is_whole && place + 1 == count && place > 0).then(|| Caller {
        stack_pointer: frames[place].slot + size_of::<usize>(),
        registers: [0; 6],
    })
}

/// Looks for leaks and tells of them. `caller` is where the program called: what lies below on the
/// stack is Cairn's, and full of what the program had there earlier. `None` if it can't be done.
pub fn look(occasion: Occasion, caller: &Caller) -> Option<Totals> {
    // The loader's list is looked at before any lock is held.
    let loader = loader_range();
    telling::tell_leaks(occasion, |visit| scan(caller, loader, visit))
}

fn scan(
    caller: &Caller,
    loader: Option<Range>,
    visit: &mut dyn FnMut(&LossRecord),
) -> Result<Totals, NotRun> {
    const NO_MEMORY: NotRun = NotRun("no memory for the list of blocks");
    // SAFETY: released below, by this thread.
    hold_locks();
    let result = (|| {
        let bytes =
            (table::count().max(1) * size_of::<Candidate>()).next_multiple_of(memory::page_bytes());
        let room = memory::map_writable(bytes).ok_or(NO_MEMORY)?;
        // SAFETY: fresh memory for as many candidates as there are records.
        let blocks = unsafe { collect(room, loader) };
        let mut own = [Range { start: 0, length: 0 }; OWN_MAX];
        let count = collect_own(&mut own, room);
        let result = leak::scan(blocks, &own[..count], caller, visit);
        // SAFETY: nothing refers to it any more.
        unsafe { memory::release(room) };
        result
    })();
    release_locks();
    result
}

/// Lists the live blocks.
///
/// # Safety
/// `room` must be fresh, with room for all of them; the table holds still.
unsafe fn collect<'a>(room: Range, loader: Option<Range>) -> &'a mut [Candidate] {
    let first = room.start as *mut Candidate;
    let mut count = 0;
    table::for_each(|record| {
        if !record.is_live() || is_stream_buffer(record) {
            return;
        }
        let is_loaders = stacks::frames(record.allocated)
            .first()
            .is_some_and(|caller| loader.is_some_and(|loader| loader.contains(*caller)));
        let flags = if is_loaders || record.is_ignored { Candidate::ROOT } else { 0 };
        let candidate = Candidate {
            start: record.address,
            size_bytes: record.size_bytes,
            stack: record.allocated.get(),
            function: record.function as u8,
            flags,
        };
        // SAFETY: the caller's promise.
        unsafe { first.add(count).write(candidate) };
        count += 1;
    });
    // SAFETY: as many were written.
    unsafe { slice::from_raw_parts_mut(first, count) }
}

/// The loader: what it allocates is its own business, and found only through its thread-local
/// storage.
fn loader_range() -> Option<Range> {
    let mut found = None;
    modules::for_each(|module| {
        if module.path.windows(8).any(|part| part == b"/ld-linu") {
            found = Some(Range { start: module.start, length: module.end - module.start });
        }
    });
    found
}

/// Lists all memory of Cairn's own: blocks in it are not found by scanning it, and its tables hold
/// addresses of blocks without being a use of them.
fn collect_own(own: &mut [Range; OWN_MAX], room: Range) -> usize {
    let mut count = 0;
    let mut add = |range: Range| {
        if range.length > 0 && count < OWN_MAX {
            own[count] = range;
            count += 1;
        }
    };
    ARENA.for_each_range(&mut add);
    add(metadata::pool_range());
    table::for_each_range(&mut add);
    [PLAIN.range(), GUARDED.range(), budget::range()].into_iter().flatten().for_each(&mut add);
    guard::tables().into_iter().for_each(&mut add);
    add(guard::region());
    add(room);
    count
}

/// Whether a block is a buffer of the C library's streams, which it frees at the very end.
pub fn is_stream_buffer(record: &Record) -> bool {
    /// Longer than the function that allocates them.
    const FUNCTION_BYTES: usize = 512;
    let start = BUFFERS_FUNCTION.load(Relaxed);
    let caller = stacks::frames(record.allocated).first();
    start != 0 && caller.is_some_and(|caller| caller.wrapping_sub(start) < FUNCTION_BYTES)
}

/// Where the C library allocates its streams' buffers; 0 if that isn't known.
static BUFFERS_FUNCTION: AtomicUsize = AtomicUsize::new(0);

/// Finds out what has to be asked of the loader. It may allocate and free, so this is done at the
/// start, not while anything is looked at.
pub fn ask_loader() {
    BUFFERS_FUNCTION.store(modules::function(c"_IO_file_doallocate"), Relaxed);
}

/// Begins (`true`) or ends a stretch in which this thread's blocks are no leaks. They nest.
pub fn ignore_here(begins: bool) {
    if let Some(mut checked) = thread::current() {
        // SAFETY: the thread's own.
        let depth = unsafe { &mut checked.as_mut().ignores_leaks };
        *depth = if begins { *depth + 1 } else { depth.saturating_sub(1) };
    }
}
