//! The fast paths: allocating a block from a loaded magazine of the thread, and freeing one into
//! one. No lock, no system call, and no branch for modes: whatever isn't a hit is the caller's slow
//! path.

use super::fast::{current, Fast};
use super::{large_stock, slow};
use crate::arithmetic::size_class::{SizeClass, COARSE_MAX, FINE_MAX, LARGE_BYTE};
use crate::memory::block::Block;
use crate::memory::large;
use crate::memory::ledger::Entry;
use core::ffi::c_void;
use core::ptr;

/// A C function that allocates: the slow path of a fast one.
pub type Allocate = unsafe extern "C" fn(usize) -> *mut c_void;
/// A C function that frees: the slow path of a fast one.
pub type Free = unsafe extern "C" fn(*mut c_void);

/// Allocates `size_bytes`, at most [`FINE_MAX`]; a miss goes to `slow`, a larger size to `coarse`.
///
/// # Safety
/// As `slow` and `coarse`, with the same argument.
#[inline(always)]
pub unsafe fn allocate(size_bytes: usize, coarse: Allocate, slow: Allocate) -> *mut c_void {
    if size_bytes > FINE_MAX {
        // SAFETY: the caller's promise.
        return unsafe { coarse(size_bytes) };
    }
    // A fine class is its own ledger byte, and its own index in the heap. For 0 bytes the index is
    // that of no class, which never has a source.
    let class = SizeClass::fine_index_for(size_bytes);
    let heap = current();
    // SAFETY: the thread's own heap; `pop` has found a block of the class in it.
    unsafe {
        let Some(block) = pop(heap, class) else { return slow(size_bytes) };
        let entry = (*heap).fine.entry_of(block);
        match entry.try_set(class as u8) {
            true => block.as_ptr().cast(),
            false => slow(size_bytes),
        }
    }
}

/// Allocates `size_bytes`, more than [`FINE_MAX`]; a miss goes to `slow`.
///
/// # Safety
/// As `slow`, with the same argument.
#[inline(always)]
pub unsafe fn allocate_coarse(size_bytes: usize, slow: Allocate) -> *mut c_void {
    if size_bytes > COARSE_MAX {
        // SAFETY: the caller's promise.
        return unsafe { large_stock::allocate(size_bytes, slow) };
    }
    let byte = SizeClass::coarse_byte_for(size_bytes);
    let heap = current();
    // SAFETY: as in `allocate`.
    unsafe {
        let Some(block) = pop_coarse(heap, byte) else { return slow(size_bytes) };
        match (*heap).coarse.entry_of(block).try_set(byte) {
            true => block.as_ptr().cast(),
            false => slow(size_bytes),
        }
    }
}

/// Takes a block of `class` if the thread's magazine has one.
#[inline(always)]
pub fn take(class: SizeClass) -> Option<Block> {
    let heap = current();
    let byte = class.ledger_byte();
    // SAFETY: the thread's own heap; `pop` has found a block of the class in it.
    unsafe {
        if class.is_coarse() {
            let block = pop_coarse(heap, byte)?;
            return (*heap).coarse.entry_of(block).try_set(byte).then_some(block);
        }
        let block = pop(heap, byte as usize)?;
        (*heap).fine.entry_of(block).try_set(byte).then_some(block)
    }
}

/// Frees a block of a fine class; any other address goes to `coarse`, and one that the ledger
/// doesn't know, or for which there is no room, to `slow`.
///
/// # Safety
/// As `coarse` and `slow`, with the same argument.
#[inline(always)]
pub unsafe fn free(address: *mut c_void, coarse: Free, slow: Free) {
    let heap = current();
    // SAFETY: the thread's own heap; an entry's value indexes `sinks`.
    unsafe {
        match (*heap).fine.entry(address as usize) {
            Some(entry) => {
                if !push(heap, entry.get(), entry, address as usize) {
                    slow(address)
                }
            }
            None => coarse(address),
        }
    }
}

/// Frees a block of a coarse class or a large one; anything else goes to `slow`.
///
/// # Safety
/// As `slow`, with the same argument.
#[inline(always)]
pub unsafe fn free_coarse(address: *mut c_void, slow: Free) {
    let heap = current();
    // SAFETY: as in `free`.
    unsafe {
        if let Some(entry) = (*heap).coarse.entry(address as usize) {
            let byte = entry.get();
            if push_coarse(heap, byte, entry, address as usize) {
                return;
            }
            if byte == LARGE_BYTE {
                return large_stock::free(address, slow);
            }
        }
        slow(address)
    }
}

/// Changes the size of a block to `size_bytes`, which isn't 0; where it was is given to `free` if
/// it moves. Null, and nothing is done, if it is no block, or can't be done with what the thread
/// has at hand.
///
/// # Safety
/// As `free`, with the same address.
#[inline(always)]
pub unsafe fn resize(address: *mut c_void, size_bytes: usize, free: Free) -> *mut c_void {
    // SAFETY: the thread's own heap.
    let (fine, coarse) = unsafe { (&(*current()).fine, &(*current()).coarse) };
    let class = match fine.entry(address as usize).map(Entry::get) {
        Some(byte @ 1..64) => SizeClass::from_index(byte as usize),
        Some(_) => return ptr::null_mut(),
        None => match coarse.entry(address as usize).map_or(0, Entry::get) {
            0 => return ptr::null_mut(),
            LARGE_BYTE => return resize_large(address, size_bytes),
            byte => SizeClass::from_coarse_byte(byte),
        },
    };
    let usable = class.size_bytes();
    if slow::stays_in_place(usable, size_bytes) {
        return address;
    }
    if size_bytes >= slow::GROWN_LARGE_FROM_BYTES {
        return ptr::null_mut();
    }
    let Some(new) = SizeClass::for_size(size_bytes).and_then(take) else { return ptr::null_mut() };
    // SAFETY: both blocks have that many bytes, and are apart; the caller's promise.
    unsafe {
        ptr::copy_nonoverlapping(address.cast(), new.as_ptr(), usable.min(size_bytes));
        free(address);
    }
    new.as_ptr().cast()
}

/// As [`resize`], of a large block, which doesn't move.
fn resize_large(address: *mut c_void, size_bytes: usize) -> *mut c_void {
    // SAFETY: the ledger says that a large block starts there.
    let block = unsafe { Block::at(address as usize) };
    let remains_large = size_bytes >= slow::GROWN_LARGE_FROM_BYTES;
    match remains_large && large::resize_in_run(block, size_bytes) {
        true => address,
        false => ptr::null_mut(),
    }
}

/// Frees a block of the class that `size_bytes` has. False, and nothing is done, if it isn't one or
/// there is no room.
///
/// # Safety
/// The block must be alive, if there is one, and nothing may use it any more.
#[inline(always)]
pub unsafe fn free_sized(address: *mut c_void, size_bytes: usize) -> bool {
    let heap = current();
    // SAFETY: the thread's own heap; the class is that of the block's size and of its ledger byte.
    unsafe {
        if size_bytes <= FINE_MAX {
            let byte = SizeClass::fine_index_for(size_bytes) as u8;
            let entry = (*heap).fine.entry(address as usize);
            return entry.is_some_and(|entry| {
                entry.get() == byte && push(heap, byte, entry, address as usize)
            });
        }
        if size_bytes > COARSE_MAX {
            return false;
        }
        let byte = SizeClass::coarse_byte_for(size_bytes);
        let entry = (*heap).coarse.entry(address as usize);
        entry.is_some_and(|entry| {
            entry.get() == byte && push_coarse(heap, byte, entry, address as usize)
        })
    }
}

/// Takes the block on top of a fine class's source.
///
/// # Safety
/// `heap` must be this thread's, `class` below 64.
#[inline(always)]
pub unsafe fn pop(heap: *mut Fast, class: usize) -> Option<Block> {
    // SAFETY: (F2): the word at `top` is a block's address or null, and below a block's slot there
    // is another slot or the null word.
    unsafe {
        let top = *(*heap).sources.get_unchecked(class);
        let address = *top;
        if address == 0 {
            return None;
        }
        *(*heap).sources.get_unchecked_mut(class) = top.sub(1);
        Some(Block::at(address))
    }
}

/// Puts a live block on top of a fine class's sink and notes in the ledger that it is free; false
/// if there is no room, or no sink because there is no such block.
///
/// # Safety
/// `heap` must be this thread's.
#[inline(always)]
unsafe fn push(heap: *mut Fast, entry_says: u8, entry: Entry, address: usize) -> bool {
    let index = entry_says as usize;
    // SAFETY: (F1): above `top` there is a slot unless it is the limit.
    unsafe {
        let top = *(*heap).sinks.get_unchecked(index);
        if top == *(*heap).sink_limits.get_unchecked(index) {
            return false;
        }
        entry.clear();
        *top.add(1) = address;
        *(*heap).sinks.get_unchecked_mut(index) = top.add(1);
        true
    }
}

/// As [`pop`], from a coarse class's magazine.
///
/// # Safety
/// `heap` must be this thread's, `byte` the ledger byte of a coarse class.
#[inline(always)]
pub unsafe fn pop_coarse(heap: *mut Fast, byte: u8) -> Option<Block> {
    // SAFETY: (F1), as in `pop`.
    unsafe {
        let top = *(*heap).coarse_tops.get_unchecked(byte as usize);
        let address = *top;
        if address == 0 {
            return None;
        }
        *(*heap).coarse_tops.get_unchecked_mut(byte as usize) = top.sub(1);
        Some(Block::at(address))
    }
}

/// As [`push`], into a coarse class's magazine.
///
/// # Safety
/// `heap` must be this thread's, `entry_says` at most 62.
#[inline(always)]
unsafe fn push_coarse(heap: *mut Fast, entry_says: u8, entry: Entry, address: usize) -> bool {
    let index = entry_says as usize;
    // SAFETY: (F1), as in `push`.
    unsafe {
        let top = *(*heap).coarse_tops.get_unchecked(index);
        if top == *(*heap).coarse_limits.get_unchecked(index) {
            return false;
        }
        entry.clear();
        *top.add(1) = address;
        *(*heap).coarse_tops.get_unchecked_mut(index) = top.add(1);
        true
    }
}
