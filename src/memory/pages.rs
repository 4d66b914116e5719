//! Pages of a slab in which no block is alive. Freed blocks hold nothing of Cairn's, so such pages
//! can go back to the kernel while their neighbours are in use.
//!
//! Each stretch of pages takes a call of about 2 us, a page fault when it is wanted again, and a
//! huge page. A program that frees and allocates the same blocks in turn would pay for all of it
//! each time, so calls are made on credit: one for each page of memory that is new, and one for so
//! many ticks of the processor's counter that they take some two percent of the time.

use super::arena::ARENA;
use super::copies;
use super::crowd;
use super::slab::Slab;
use super::unit::{Unit, NO_UNIT};
use crate::arithmetic::size_class::{SizeClass, UNIT_BYTES};
use crate::os::clock;
use crate::os::memory::{self, Range};
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

/// How many calls may be made.
static CREDIT: AtomicUsize = AtomicUsize::new(0);
/// When credit was last given for the time that had passed; 0 if that time hasn't begun.
static CREDITED_AT: AtomicU64 = AtomicU64::new(0);
/// Ticks for which there is a call: 70 to 130 us on the processors of today. In a crowd of threads
/// there are as many calls for them as [`crowd::hands`] says.
const TICKS_PER_CALL: u64 = 1 << 18;
/// The most that is given at once: what takes about a second.
const CREDIT_MAX: u64 = 1 << 19;

/// Gives credit for `bytes` of memory that were never used before.
pub fn grant(bytes: usize) {
    CREDIT.fetch_add(bytes / memory::page_bytes(), Relaxed);
}

/// Whether there is credit for giving pages back.
pub fn has_credit() -> bool {
    if CREDIT.load(Relaxed) > 0 {
        return true;
    }
    let (now, before) = (clock::ticks(), CREDITED_AT.load(Relaxed));
    let calls = now.wrapping_sub(before) / (TICKS_PER_CALL / crowd::hands().min(TICKS_PER_CALL));
    if calls == 0 {
        return false;
    }
    // Of two threads here at once both may get it.
    CREDITED_AT.store(now, Relaxed);
    if before != 0 {
        CREDIT.store(calls.min(CREDIT_MAX) as usize, Relaxed);
    }
    before != 0
}

fn spend_credit() {
    let _ = CREDIT.fetch_update(Relaxed, Relaxed, |calls| calls.checked_sub(1));
}

/// Slabs of one class whose free pages are to go back, linked through `next`. They are in no list
/// of their bin, so that no block is taken from them meanwhile.
pub struct Sparse {
    class: SizeClass,
    head: Unit,
}

impl Sparse {
    /// None yet.
    pub fn none(class: SizeClass) -> Self {
        Self { class, head: NO_UNIT }
    }

    /// Adds a slab whose `going_pages` have been found. The caller holds the bin's lock and has
    /// taken the slab out of its list.
    pub fn add(&mut self, slab: Slab) {
        let record = slab.record();
        record.next = self.head;
        self.head = slab.unit;
    }

    /// Takes a slab out.
    pub fn pop(&mut self) -> Option<Slab> {
        if self.head == NO_UNIT {
            return None;
        }
        let slab = Slab { class: self.class, unit: self.head };
        self.head = slab.record().next;
        Some(slab)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.head == NO_UNIT
    }

    /// Gives the pages back. The caller doesn't hold the bin's lock.
    pub fn purge(&self) {
        let mut unit = self.head;
        while unit != NO_UNIT {
            let slab = Slab { class: self.class, unit };
            purge(slab);
            unit = slab.record().next;
        }
    }
}

/// Notes in `going_pages` which pages of a slab of one unit could go, and returns how many they
/// are. The caller holds the bin's lock.
pub fn find_going(slab: Slab) -> u32 {
    let record = slab.record();
    record.purged_at = record.free_blocks;
    record.going_pages = free_pages(slab) & !record.purged_pages;
    record.going_pages.count_ones()
}

/// The pages whose blocks are all free, a bit for each.
fn free_pages(slab: Slab) -> u16 {
    let (page, size) = (memory::page_bytes(), slab.class.size_bytes());
    let (start, capacity) = (slab.start(), slab.record().capacity as usize);
    let words = slab.words(capacity);
    let is_free = |block: usize| words[block / 64] >> (block % 64) & 1 == 1;
    let mut mask = 0;
    for number in 0..UNIT_BYTES / page {
        let first = number * page / size;
        let last = (((number + 1) * page - 1) / size).min(capacity - 1);
        if first <= last && (first..=last).all(is_free) {
            let blocks = Range { start: start + first * size, length: (last + 1 - first) * size };
            copies::require_none_alive(ARENA.zone(slab.class.zone()), blocks);
            mask |= 1 << number;
        }
    }
    mask
}

/// Gives the slab's `going_pages` back, and notes which it could.
fn purge(slab: Slab) {
    let start = ARENA.zone(slab.class.zone()).range(slab.run()).start;
    let page = memory::page_bytes();
    let record = slab.record();
    let mut rest = record.going_pages;
    while rest != 0 {
        let first = rest.trailing_zeros();
        let count = (rest >> first).trailing_ones();
        let stretch = (u16::MAX >> (16 - count)) << first;
        rest &= !stretch;
        spend_credit();
        let range = Range { start: start + first as usize * page, length: count as usize * page };
        // SAFETY: pages of the slab that hold no live block, nor can a block in them be taken.
        if !unsafe { memory::purge(range) } {
            record.going_pages &= !stretch;
        }
    }
}

/// Notes that `pages` of the slab have gone, or with `is_back` that they are used again.
fn count(slab: Slab, pages: u16, is_back: bool) {
    let bytes = (pages.count_ones() as usize * memory::page_bytes()) as isize;
    ARENA.count_purged_in_slabs(if is_back { -bytes } else { bytes });
    let record = slab.record();
    match is_back {
        true => record.purged_pages &= !pages,
        false => record.purged_pages |= pages,
    }
}

/// Notes that the slab's `going_pages` have gone. The caller holds the bin's lock.
pub fn note_gone(slab: Slab) {
    count(slab, slab.record().going_pages, false);
    slab.record().going_pages = 0;
}

/// Notes that the pages from byte `from` to before byte `to` of the slab are used again. The caller
/// holds the bin's lock.
pub fn note_used(slab: Slab, from: usize, to: usize) {
    let pages = slab.record().purged_pages;
    if pages != 0 {
        let page = memory::page_bytes();
        let reached = u16::MAX >> (15 - (to - 1) / page);
        count(slab, pages & reached & (u16::MAX << (from / page)), true);
    }
}
