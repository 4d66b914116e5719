//! The fast paths: allocating a block from the thread's loaded magazine, and freeing one into it.
//! No lock, no system call, and no branch for modes: whatever isn't a hit is the caller's slow
//! path.

use super::fast::{self, current, Fast, Loaded};
use crate::arithmetic::size_class::{SizeClass, COARSE_MAX, FINE_MAX, TINY_MAX};
use crate::memory::block::Block;
use crate::memory::ledger::Entry;
use core::ffi::c_void;

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
    // that of no class, where no magazine ever is.
    let class = SizeClass::fine_index_for(size_bytes);
    let heap = current();
    // SAFETY: the thread's own heap; `pop` has found a block of the class in it.
    unsafe {
        match pop(heap, fast::entry_of_fine_byte(class as u8)) {
            Some(block) => {
                let is_tiny = size_bytes <= TINY_MAX;
                (*heap).fine.entry_of(block, is_tiny).set(class as u8);
                block.as_ptr().cast()
            }
            None => slow(size_bytes),
        }
    }
}

/// Allocates `size_bytes`, more than [`FINE_MAX`]; a miss, or a large size, goes to `slow`.
///
/// # Safety
/// As `slow`, with the same argument.
#[inline(always)]
pub unsafe fn allocate_coarse(size_bytes: usize, slow: Allocate) -> *mut c_void {
    if size_bytes > COARSE_MAX {
        // SAFETY: the caller's promise.
        return unsafe { slow(size_bytes) };
    }
    let byte = SizeClass::coarse_byte_for(size_bytes);
    let heap = current();
    // SAFETY: as in `allocate`.
    unsafe {
        match pop(heap, fast::entry_of_coarse_byte(byte)) {
            Some(block) => {
                (*heap).coarse.entry_of(block).set(byte);
                block.as_ptr().cast()
            }
            None => slow(size_bytes),
        }
    }
}

/// Takes a block of `class` if the thread's magazine has one.
#[inline(always)]
pub fn take(class: SizeClass) -> Option<Block> {
    let heap = current();
    // SAFETY: the thread's own heap; `pop` has found a block of the class in it.
    unsafe {
        let block = pop(heap, fast::entry_of(class))?;
        let byte = class.ledger_byte();
        match class.is_coarse() {
            true => (*heap).coarse.entry_of(block).set(byte),
            false => (*heap).fine.entry_of(block, class.is_tiny()).set(byte),
        }
        Some(block)
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
    // SAFETY: the thread's own heap; an entry's value indexes `loaded`.
    unsafe {
        match (*heap).fine.entry(address as usize) {
            Some(entry) => {
                let index = fast::entry_of_fine_byte(entry.get());
                if !push(heap, index, entry, address as usize) {
                    slow(address)
                }
            }
            None => coarse(address),
        }
    }
}

/// Frees a block of a coarse class; anything else goes to `slow`.
///
/// # Safety
/// As `slow`, with the same argument.
#[inline(always)]
pub unsafe fn free_coarse(address: *mut c_void, slow: Free) {
    let heap = current();
    // SAFETY: as in `free`.
    unsafe {
        if let Some(entry) = (*heap).coarse.entry(address as usize) {
            let index = fast::entry_of_coarse_byte(entry.get());
            if push(heap, index, entry, address as usize) {
                return;
            }
        }
        slow(address)
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
            let class = SizeClass::fine_index_for(size_bytes);
            let entry = (*heap).fine.entry(address as usize);
            return entry.is_some_and(|entry| {
                let index = fast::entry_of_fine_byte(class as u8);
                entry.get() as usize == class && push(heap, index, entry, address as usize)
            });
        }
        if size_bytes > COARSE_MAX {
            return false;
        }
        let byte = SizeClass::coarse_byte_for(size_bytes);
        let entry = (*heap).coarse.entry(address as usize);
        entry.is_some_and(|entry| {
            let index = fast::entry_of_coarse_byte(byte);
            entry.get() == byte && push(heap, index, entry, address as usize)
        })
    }
}

/// Takes the block on top of a loaded magazine.
///
/// # Safety
/// `heap` must be this thread's, `index` that of a class in [`Fast::loaded`].
#[inline(always)]
pub unsafe fn pop(heap: *mut Fast, index: usize) -> Option<Block> {
    // SAFETY: (F1): the word at `top` is a block's address or null, and below a block's slot there
    // is another slot or the null word.
    unsafe {
        let top = (*heap).loaded.get_unchecked(index).top;
        let address = *top;
        if address == 0 {
            return None;
        }
        (*heap).loaded.get_unchecked_mut(index).top = top.sub(1);
        Some(Block::at(address))
    }
}

/// Puts a live block on top of a loaded magazine and notes in the ledger that it is free; false if
/// there is no room, or no magazine because there is no such block.
///
/// # Safety
/// `heap` must be this thread's, `index` one of [`Fast::loaded`].
#[inline(always)]
unsafe fn push(heap: *mut Fast, index: usize, entry: Entry, address: usize) -> bool {
    // SAFETY: (F1): above `top` there is a slot unless it is `limit`.
    unsafe {
        let Loaded { top, limit } = *(*heap).loaded.get_unchecked(index);
        if top == limit {
            return false;
        }
        entry.clear();
        *top.add(1) = address;
        (*heap).loaded.get_unchecked_mut(index).top = top.add(1);
        true
    }
}
