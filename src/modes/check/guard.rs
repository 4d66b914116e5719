//! The guarded region: each block has pages of its own, a page behind them that faults, and so has
//! its neighbour before them; when it is freed its pages fault too.
//!
//! The region is cut into chunks, and chunks into slots: the pages of a block, and a guard. Pages
//! are made to fault by guard markers where the kernel has them (Linux 6.13), which cost no
//! mapping; else by `mprotect`, two mappings for each live block. Slots are taken one after the
//! other and not used again before their whole chunk has been left.

use crate::os::memory::{self, Range};
use crate::services::metadata::Table;
use crate::services::options::Guards;
use crate::sync::lock::{Holdable, Lock};
use core::sync::atomic::{
    AtomicBool, AtomicUsize,
    Ordering::{Acquire, Relaxed, Release},
};

/// A chunk: what page tables are given back by.
const CHUNK_BYTES: usize = 2 << 20;
/// The region, where address space is plenty, and the least that is worth having.
const REGION_BYTES: usize = 64 << 30;
const REGION_LEAST_BYTES: usize = 16 << 20;
const NO_CHUNK: u32 = u32::MAX;

/// By `mprotect` a slot takes up to two of the 65,530 mappings that Linux allows a process by
/// default, until its whole chunk has been left: after a fork the kernel doesn't join those of
/// freed blocks. The program and its heap need mappings too.
const SPLIT_SLOTS_MAX: usize = 20_000;

/// Where the region lies; both are 0 before it is there.
static START: AtomicUsize = AtomicUsize::new(0);
static END: AtomicUsize = AtomicUsize::new(0);
/// Whether guards are the kernel's markers.
static HAS_MARKERS: AtomicBool = AtomicBool::new(false);
/// Whether the kernel refused a guard for good: it has no more mappings for them.
static IS_EXHAUSTED: AtomicBool = AtomicBool::new(false);

/// How many slots there are in chunks that have not been left.
static SLOTS: AtomicUsize = AtomicUsize::new(0);

/// For each page of the region: the address of the block that it belongs to, or 0.
static OWNERS: Table = Table::new(false);
/// For each chunk a [`Chunk`].
static CHUNKS: Table = Table::new(false);

static CURSOR: Lock<Cursor> =
    Lock::new(Cursor { chunk: NO_CHUNK, page: 0, frontier: 0, free: NO_CHUNK });

/// Where the next slot is taken from.
///
/// (G1) Chunks from `frontier` on were never used. (G2) Chunks in the list that begins with `free`
/// are inaccessible and hold no block. (G3) Of `chunk`, pages before `page` belong to slots; the
/// page before it is a guard.
struct Cursor {
    chunk: u32,
    page: usize,
    frontier: u32,
    free: u32,
}

/// What is known of a chunk.
#[repr(C)]
struct Chunk {
    /// How many of its slots are not left; the chunk that slots are taken from counts one more.
    slots: u32,
    /// How many slots were taken from it.
    taken: u32,
    /// The next chunk in the list of free ones.
    next: u32,
    /// How many chunks from this one on its slot takes: more than one for a large block.
    count: u32,
}

/// Reserves the region. False if there is none: no guards then.
pub fn begin(guards: Guards) -> bool {
    if guards == Guards::Off {
        return false;
    }
    let Some(region) = reserve_region() else { return false };
    let page_bytes = memory::page_bytes();
    let owners_bytes = region.length / page_bytes * size_of::<usize>();
    let chunks_bytes = (region.length / CHUNK_BYTES * size_of::<Chunk>()).next_multiple_of(1 << 16);
    let tables = memory::reserve(0, owners_bytes.next_multiple_of(1 << 16) + chunks_bytes);
    let Some(tables) = tables else { return false };
    let owners = Range { length: tables.length - chunks_bytes, ..tables };
    OWNERS.place(owners);
    CHUNKS.place(Range { start: owners.end(), length: chunks_bytes });
    memory::refuse_huge_pages(region);
    let has_markers = guards != Guards::Mprotect && probe_markers(region);
    HAS_MARKERS.store(has_markers, Relaxed);
    if guards == Guards::Markers && !has_markers {
        return false;
    }
    START.store(region.start, Relaxed);
    END.store(region.end(), Release);
    true
}

fn reserve_region() -> Option<Range> {
    let mut length = REGION_BYTES;
    if memory::is_claimed() {
        // Address space counts: the program needs most of it.
        length = memory::address_space_limit()? / 8 / CHUNK_BYTES * CHUNK_BYTES;
    }
    while length >= REGION_LEAST_BYTES {
        if let Some(region) = memory::reserve(0, length + CHUNK_BYTES) {
            let start = region.start.next_multiple_of(CHUNK_BYTES);
            return Some(Range { start, length });
        }
        length = (length / 2).next_multiple_of(CHUNK_BYTES);
    }
    None
}

/// Whether the kernel has guard markers: tried on the region's first chunk.
fn probe_markers(region: Range) -> bool {
    let page = Range { length: memory::page_bytes(), ..region };
    // SAFETY: nothing is in the region yet.
    unsafe {
        let has_markers = memory::allow(page) && memory::install_guard(page);
        memory::reserve_anew(page);
        has_markers
    }
}

/// Whether `address` lies in the region.
#[inline]
pub fn contains(address: usize) -> bool {
    let end = END.load(Acquire);
    address < end && address >= START.load(Relaxed)
}

/// Whether guards are the kernel's markers; else they are made by `mprotect`.
pub fn has_markers() -> bool {
    HAS_MARKERS.load(Relaxed)
}

/// Whether there is a region, and the kernel still gives guards.
pub fn is_on() -> bool {
    END.load(Relaxed) != 0 && !IS_EXHAUSTED.load(Relaxed)
}

/// Whether the kernel refused a guard.
pub fn is_exhausted() -> bool {
    IS_EXHAUSTED.load(Relaxed)
}

/// The region, for those who walk through memory.
pub fn region() -> Range {
    let start = START.load(Relaxed);
    Range { start, length: END.load(Relaxed) - start }
}

/// Its tables, which hold blocks' addresses without being a use of them.
pub fn tables() -> [Range; 2] {
    [OWNERS.committed(), CHUNKS.committed()]
}

/// How many bytes of slots may belong to freed blocks that wait.
pub fn waiting_max_bytes() -> usize {
    let half = region().length / 2;
    match has_markers() {
        true => half,
        false => half.min(SPLIT_SLOTS_MAX / 2 * slot_bytes(1)),
    }
}

/// How many bytes of address space the slot of a block takes.
pub fn slot_bytes(size_bytes: usize) -> usize {
    let page_bytes = memory::page_bytes();
    size_bytes.max(1).next_multiple_of(page_bytes) + page_bytes
}

/// Takes a slot for a block of `size_bytes` at a multiple of `alignment`, at the end of its pages
/// or (`is_left`) at their start. The pages read as zero. `None` when there is none to be had.
pub fn allocate(size_bytes: usize, alignment: usize, is_left: bool) -> Option<usize> {
    let page_bytes = memory::page_bytes();
    let is_split_too_often = !has_markers() && SLOTS.load(Relaxed) >= SPLIT_SLOTS_MAX;
    if !is_on() || is_split_too_often || size_bytes > region().length || alignment > page_bytes {
        return None;
    }
    let pages = size_bytes.max(1).div_ceil(page_bytes);
    let first = take_pages(pages)?;
    let data = Range { start: first, length: pages * page_bytes };
    // A block of no bytes lies at the start of its guard.
    let address = match is_left && size_bytes > 0 {
        true => data.start,
        false => (data.end() - size_bytes) & !(alignment - 1),
    };
    if !open_slot(data) {
        IS_EXHAUSTED.store(true, Relaxed);
        leave_chunk(data.start);
        return None;
    }
    for page in 0..pages {
        set_owner(data.start + page * page_bytes, address);
    }
    Some(address)
}

/// Makes the pages of a slot usable, and what is behind them fault.
fn open_slot(data: Range) -> bool {
    let guard = Range { start: data.end(), length: memory::page_bytes() };
    // SAFETY: the slot was just taken.
    unsafe {
        match has_markers() {
            true => memory::install_guard(guard),
            false => memory::allow(data),
        }
    }
}

/// Takes pages in a row with a guard page behind them; returns where they start.
fn take_pages(pages: usize) -> Option<usize> {
    let pages_in_chunk = CHUNK_BYTES / memory::page_bytes();
    let mut cursor = CURSOR.lock();
    let fits = cursor.chunk != NO_CHUNK && cursor.page + pages < pages_in_chunk;
    if !fits {
        // A chunk's first page is a guard, so that each slot has one before it.
        let chunks = (1 + pages + 1).div_ceil(pages_in_chunk) as u32;
        let chunk = cursor.take_chunks(chunks)?;
        let left = cursor.chunk;
        (cursor.chunk, cursor.page) = (chunk, 1);
        if chunks > 1 {
            // The rest of its last chunk stays unused.
            cursor.chunk = NO_CHUNK;
        }
        let start = chunk_start(chunk) + memory::page_bytes();
        chunk_of(chunk).count = chunks;
        chunk_of(chunk).slots += u32::from(chunks == 1);
        count_slot(chunk);
        drop_if_left(&mut cursor, left);
        cursor.page += pages + 1;
        return Some(start);
    }
    let start = chunk_start(cursor.chunk) + cursor.page * memory::page_bytes();
    cursor.page += pages + 1;
    count_slot(cursor.chunk);
    Some(start)
}

/// Counts a slot that was taken from a chunk. The caller holds the cursor's lock.
fn count_slot(chunk: u32) {
    chunk_of(chunk).slots += 1;
    chunk_of(chunk).taken += 1;
    SLOTS.fetch_add(1, Relaxed);
}

/// Notes that slots are no longer taken from a chunk.
fn drop_if_left(cursor: &mut Cursor, chunk: u32) {
    if chunk != NO_CHUNK {
        chunk_of(chunk).slots -= 1;
        cursor.free_if_left(chunk);
    }
}

impl Cursor {
    /// Takes chunks in a row and makes them ready.
    fn take_chunks(&mut self, count: u32) -> Option<u32> {
        if count == 1 && self.free != NO_CHUNK {
            let chunk = self.free;
            if !prepare(chunk, 1) {
                return None;
            }
            self.free = chunk_of(chunk).next;
            return Some(chunk);
        }
        let (first, end) = (self.frontier, self.frontier.checked_add(count)?);
        if chunk_start(end) > END.load(Relaxed) {
            return None;
        }
        let pages = end as usize * CHUNK_BYTES / memory::page_bytes();
        let has_tables = OWNERS.ensure(pages * size_of::<usize>())
            && CHUNKS.ensure(end as usize * size_of::<Chunk>());
        if !has_tables || !prepare(first, count) {
            return None;
        }
        self.frontier = end;
        Some(first)
    }

    fn free_if_left(&mut self, chunk: u32) {
        if chunk_of(chunk).slots > 0 {
            return;
        }
        let count = chunk_of(chunk).count;
        let range = Range { start: chunk_start(chunk), length: count as usize * CHUNK_BYTES };
        // SAFETY: no slot of it is used.
        if unsafe { memory::reserve_anew(range) } {
            SLOTS.fetch_sub(core::mem::take(&mut chunk_of(chunk).taken) as usize, Relaxed);
            memory::refuse_huge_pages(range);
            for chunk in chunk..chunk + count {
                chunk_of(chunk).next = self.free;
                self.free = chunk;
            }
        }
    }
}

/// Makes inaccessible chunks ready for slots.
fn prepare(chunk: u32, count: u32) -> bool {
    if !has_markers() {
        return true;
    }
    let range = Range { start: chunk_start(chunk), length: count as usize * CHUNK_BYTES };
    let first_page = Range { length: memory::page_bytes(), ..range };
    // SAFETY: nothing is in them.
    unsafe { memory::allow(range) && memory::install_guard(first_page) }
}

/// Makes the pages of a freed block fault, and gives them back. False when the kernel refuses: they
/// can be used as before then.
pub fn free(address: usize, size_bytes: usize) -> bool {
    let data = data_of(address, size_bytes);
    // SAFETY: the block was freed.
    unsafe {
        match has_markers() {
            true => memory::install_guard(data),
            false => memory::forbid(data) && memory::purge(data),
        }
    }
}

/// Forgets a freed block: its slot may be used again once its chunk has been left.
pub fn leave(address: usize, size_bytes: usize) {
    let data = data_of(address, size_bytes);
    for page in 0..data.length / memory::page_bytes() {
        set_owner(data.start + page * memory::page_bytes(), 0);
    }
    leave_chunk(data.start);
}

fn leave_chunk(first_page: usize) {
    let chunk = ((first_page - START.load(Relaxed)) / CHUNK_BYTES) as u32;
    let mut cursor = CURSOR.lock();
    chunk_of(chunk).slots -= 1;
    cursor.free_if_left(chunk);
}

/// Makes the page at `address`, which faulted, usable: the program is to go on after a report.
pub fn open_page(address: usize) -> bool {
    let page_bytes = memory::page_bytes();
    let page = Range { start: address & !(page_bytes - 1), length: page_bytes };
    // SAFETY: the page lies in the region. In a chunk that has been left it isn't usable either.
    unsafe { memory::allow(page) && (!has_markers() || memory::remove_guard(page)) }
}

/// The pages of a block.
pub fn data_of(address: usize, size_bytes: usize) -> Range {
    let page_bytes = memory::page_bytes();
    // A block of no bytes lies at the start of its guard page.
    let start = if size_bytes == 0 { address - 1 } else { address } & !(page_bytes - 1);
    let end = (address + size_bytes).next_multiple_of(page_bytes).max(start + page_bytes);
    Range { start, length: end - start }
}

/// The blocks that an address in the region may be said to belong to: the one whose page it is, or
/// for a guard page the one before and the one behind it.
pub fn neighbours(address: usize) -> [usize; 2] {
    let page_bytes = memory::page_bytes();
    match owner_of(address) {
        0 => [owner_of(address - page_bytes), owner_of(address + page_bytes)],
        owner => [owner, 0],
    }
}

fn chunk_start(chunk: u32) -> usize {
    START.load(Relaxed) + chunk as usize * CHUNK_BYTES
}

/// A chunk's counts. The caller holds the cursor's lock.
fn chunk_of<'a>(chunk: u32) -> &'a mut Chunk {
    // SAFETY: (G1): below the frontier its row is committed; behind the lock it is the caller's.
    unsafe { &mut *(CHUNKS.origin() as *mut Chunk).add(chunk as usize) }
}

/// The row of [`OWNERS`] for the page at `address`, if it is committed.
fn owner_row(address: usize) -> Option<&'static AtomicUsize> {
    if !contains(address) {
        return None;
    }
    let offset = (address - START.load(Relaxed)) / memory::page_bytes() * size_of::<usize>();
    // SAFETY: a committed row of the table, only used as an atomic.
    (offset < OWNERS.committed_bytes())
        .then(|| unsafe { &*((OWNERS.origin() + offset) as *const AtomicUsize) })
}

fn owner_of(address: usize) -> usize {
    owner_row(address).map_or(0, |row| row.load(Relaxed))
}

fn set_owner(address: usize, owner: usize) {
    if let Some(row) = owner_row(address) {
        row.store(owner, Relaxed);
    }
}

/// The region's lock.
pub fn lock() -> &'static dyn Holdable {
    &CURSOR
}
