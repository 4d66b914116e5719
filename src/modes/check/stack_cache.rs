//! A thread's memory of the stacks that it captured lately. What a walk went by is read again, and
//! if it is all as it was, so is the stack: nothing is unwound.

use super::stacks::StackNumber;
use crate::os::unwind::{generation, Dependency, Key, Registers, Trail, Window};

const SETS: usize = 42;
const WAYS: usize = 4;

/// The cache: one for each thread, all zero at first. A thread that takes over another's must make
/// it new, because it lives on another stack.
pub struct Cache {
    window: Window,
    next_way: u32,
    sets: [[Entry; WAYS]; SETS],
}

const _: () = assert!(core::mem::size_of::<Cache>() <= 16 * 1024);

/// One stack, and what the walk to it went by.
#[derive(Clone, Copy)]
struct Entry {
    /// The stack pointer at the start; 0 in an empty entry.
    sp: usize,
    /// The digest of all that the walk went by.
    digest: u64,
    number: StackNumber,
    /// The lower half of the word of the trail that is the first return address in the program. It
    /// tells apart quickly what is called from different places at one depth.
    first_address: u32,
    trail: Trail,
    /// Which word of the trail that is.
    first_index: u8,
    uses_bp: bool,
}

impl Entry {
    const EMPTY: Self = Self {
        sp: 0,
        digest: 0,
        number: StackNumber::NONE,
        first_address: 0,
        trail: Trail::EMPTY,
        first_index: 0,
        uses_bp: false,
    };

    /// What the digest starts from.
    #[inline(always)]
    fn seed(key: Key, uses_bp: bool) -> u64 {
        let bp = if uses_bp { key.bp as u64 } else { 0 };
        (key.pc as u64)
            .wrapping_mul(0xd6e8_feb8_6659_fd93)
            .wrapping_add(bp.wrapping_mul(0xa076_1d64_78bd_642f))
            .wrapping_add(generation())
    }

    #[inline(always)]
    fn is_of(&self, key: Key, window: &Window) -> bool {
        if self.sp != key.sp || !self.trail.is_within(window, self.sp) {
            return false;
        }
        // SAFETY: the window reaches as far as the trail.
        unsafe {
            let first = self.trail.word(self.sp, self.first_index as usize);
            if first.is_none_or(|word| word as u32 != self.first_address) {
                return false;
            }
            let seed = Self::seed(key, self.uses_bp);
            self.trail.digest(self.sp, seed) == Some(self.digest)
        }
    }
}

impl Cache {
    /// An empty cache.
    pub const fn new() -> Self {
        Self { window: Window::EMPTY, next_way: 0, sets: [[Entry::EMPTY; WAYS]; SETS] }
    }

    /// Forgets everything: another thread takes it over.
    pub fn clear(&mut self) {
        self.window = Window::EMPTY;
        self.sets.as_flattened_mut().iter_mut().for_each(|entry| entry.sp = 0);
    }

    /// What the thread knows of its stack.
    pub fn window(&self) -> Window {
        self.window
    }

    #[inline(always)]
    fn set_index(sp: usize) -> usize {
        let mixed = (sp as u64 >> 3).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        (mixed as usize * SETS) >> 32
    }

    /// The stack at these registers, if it is one of those that were kept.
    #[inline(always)]
    pub fn find(&self, key: Key) -> Option<StackNumber> {
        for entry in &self.sets[Self::set_index(key.sp)] {
            if entry.is_of(key, &self.window) {
                return Some(entry.number);
            }
        }
        None
    }

    /// Keeps what was learned of the thread's stack, and the stack that a walk found.
    pub fn keep(&mut self, window: Window, finding: &Finding, number: StackNumber) {
        self.window = window;
        let Some(entry) = finding.entry(&window, number) else { return };
        let set = &mut self.sets[Self::set_index(entry.sp)];
        let free = set.iter().position(|other| other.sp == 0);
        set[free.unwrap_or(self.next_way as usize % WAYS)] = entry;
        self.next_way = self.next_way.wrapping_add(1);
    }
}

/// What a walk goes by, while it is walked.
pub struct Finding<'a> {
    registers: &'a Registers,
    trail: Trail,
    first_index: u8,
    uses_bp: bool,
    is_told: bool,
}

impl<'a> Finding<'a> {
    /// Of a walk that begins at `registers`.
    pub fn new(registers: &'a Registers) -> Self {
        Self { registers, trail: Trail::EMPTY, first_index: 0, uses_bp: false, is_told: true }
    }

    /// Takes note of what a step went by.
    pub fn note(&mut self, dependency: Dependency) {
        match dependency {
            Dependency::Slot(address) => {
                self.is_told &= self.trail.push(self.registers.sp(), address);
            }
            Dependency::Bp => self.uses_bp = true,
            Dependency::Untold => self.is_told = false,
        }
    }

    /// Takes note that the last step was the first into the program.
    pub fn note_first(&mut self) {
        self.first_index = self.trail.length().saturating_sub(1) as u8;
    }

    /// What is to be kept of it; nothing when there is more to compare than there is room for.
    fn entry(&self, window: &Window, number: StackNumber) -> Option<Entry> {
        if !self.is_told || number == StackNumber::NONE {
            return None;
        }
        let (sp, trail, uses_bp) = (self.registers.sp(), self.trail, self.uses_bp);
        if !trail.is_within(window, sp) {
            return None;
        }
        // SAFETY: the window reaches as far as the trail.
        let (first_address, digest) = unsafe {
            let first = trail.word(sp, self.first_index as usize)? as u32;
            (first, trail.digest(sp, Entry::seed(self.registers.key(), uses_bp))?)
        };
        let first_index = self.first_index;
        Some(Entry { sp, digest, number, first_address, trail, first_index, uses_bp })
    }
}
