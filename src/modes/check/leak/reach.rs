//! Which blocks are reached, and from where.
//!
//! Three rounds. The first follows pointers to starts from what is found in the roots, and notes
//! blocks that only a pointer into their middle leads to; the second goes on from those, and all it
//! reaches is possibly lost. In the third each block that is left, in the order of addresses, is
//! taken for the leader of what can be reached from it; a leader that a later one reaches is no
//! leader any more.
//!
//! (M1) A block is on the stack of work at most once, so the stack is a list through `links`.
//! (M2) `links` of a block that isn't on the stack is its leader, if it is indirectly lost.

use super::heuristics;
use super::index::{Index, BATCH, NOTHING};
use super::mappings::Mappings;
use super::Kind;
use crate::os::memory::Range;
use crate::os::peek::{self, Peek};
use crate::os::processor::prefetch;

const WORD: usize = size_of::<usize>();
/// Ends the list of work.
const NONE: u32 = u32::MAX;

/// What is known of a block. Memory that is all zero says nothing is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Mark {
    /// Nothing was found: in the end definitely lost.
    Unreached = 0,
    /// A pointer into its middle was found; what it holds wasn't searched yet.
    Seed,
    /// Possibly lost.
    Possible,
    /// Reachable.
    Reachable,
    /// Indirectly lost.
    Indirect,
}

impl Mark {
    /// The kind of block that it means when all rounds are done.
    pub fn kind(self) -> Kind {
        match self {
            Self::Unreached => Kind::Definite,
            Self::Seed | Self::Possible => Kind::Possible,
            Self::Reachable => Kind::Reachable,
            Self::Indirect => Kind::Indirect,
        }
    }
}

/// Room for what is found.
pub struct Marks<'a> {
    /// One for each block.
    pub states: &'a mut [Mark],
    /// One for each block, see (M1) and (M2).
    pub links: &'a mut [u32],
    /// Room for [`Peek`].
    pub entries: &'a mut [u64],
    /// Room for [`Peek`].
    pub copied: &'a mut [usize],
}

/// The search.
pub struct Reach<'a> {
    index: &'a Index<'a>,
    mappings: &'a Mappings<'a>,
    states: &'a mut [Mark],
    links: &'a mut [u32],
    top: u32,
    /// Words that may be pointers and weren't looked up yet.
    batch: [usize; BATCH],
    gathered: usize,
    peek: Option<Peek<'a>>,
    /// How much of blocks was read as memory.
    read_bytes: usize,
    /// No memory is read but by the kernel.
    is_careful: bool,
}

impl<'a> Reach<'a> {
    /// Nothing reached yet; the marks must be zero.
    pub fn new(
        index: &'a Index<'a>,
        mappings: &'a Mappings<'a>,
        marks: &'a mut Marks,
        is_careful: bool,
    ) -> Self {
        let peek = Some(Peek::new(marks.entries, marks.copied));
        let (states, links) = (&mut *marks.states, &mut *marks.links);
        Self {
            index,
            mappings,
            states,
            links,
            top: NONE,
            batch: [0; BATCH],
            gathered: 0,
            peek,
            read_bytes: 0,
            is_careful,
        }
    }

    /// How many bytes were searched for pointers.
    pub fn read_bytes(&self) -> usize {
        self.read_bytes + self.peek.as_ref().map_or(0, |peek| peek.read_bytes)
    }

    /// Takes all words in `range` for pointers that the program has.
    pub fn search_root(&mut self, range: Range) {
        self.search(range, Self::reach_from_reachable);
    }

    /// Takes a word for a pointer that the program has.
    pub fn take_pointer(&mut self, word: usize) {
        self.gather(word, Self::reach_from_reachable);
    }

    fn reach_from_reachable(&mut self, block: usize, pointer: usize) {
        match self.states[block] {
            Mark::Unreached | Mark::Seed if self.is_start(block, pointer) => {
                prefetch(pointer);
                self.push(block, Mark::Reachable);
            }
            Mark::Unreached => self.states[block] = Mark::Seed,
            _ => {}
        }
    }

    /// Takes the block that `address` lies in as reachable, wherever in it that is.
    pub fn take_block_at(&mut self, address: usize) {
        if let Some(block) = self.index.find(address) {
            if self.states[block] != Mark::Reachable {
                self.push(block, Mark::Reachable);
            }
        }
    }

    /// All that follows from the roots.
    pub fn find_all(&mut self) {
        for candidate in self.index.blocks {
            if candidate.flags & super::Candidate::ROOT != 0 {
                self.take_block_at(candidate.start);
            }
        }
        self.follow(Self::reach_from_reachable, |_, _| {});
        self.find_possible();
        self.find_indirect();
    }

    fn find_possible(&mut self) {
        let reach = |reach: &mut Self, block: usize, _| {
            if matches!(reach.states[block], Mark::Unreached | Mark::Seed) {
                reach.push(block, Mark::Possible);
            }
        };
        for seed in 0..self.states.len() {
            if self.states[seed] == Mark::Seed {
                self.push(seed, Mark::Possible);
                self.follow(reach, |_, _| {});
            }
        }
    }

    fn find_indirect(&mut self) {
        for leader in 0..self.states.len() {
            if self.states[leader] != Mark::Unreached {
                continue;
            }
            let reach = |reach: &mut Self, block: usize, _| {
                if reach.states[block] != Mark::Unreached || block == leader {
                    return;
                }
                if block < leader {
                    // It has been a leader, and everything it leads to is known.
                    reach.states[block] = Mark::Indirect;
                    reach.links[block] = leader as u32;
                } else {
                    reach.push(block, Mark::Indirect);
                }
            };
            self.search_block(leader, reach);
            self.follow(reach, |reach, block| reach.links[block] = leader as u32);
        }
    }

    /// Searches blocks until none is left on the stack. Calls `reach` for what they lead to, and
    /// `leave` with each.
    fn follow(
        &mut self,
        reach: impl Fn(&mut Self, usize, usize) + Copy,
        leave: impl Fn(&mut Self, usize),
    ) {
        loop {
            while let Some(block) = self.pop() {
                leave(self, block);
                self.search_block(block, reach);
            }
            self.look_up(reach);
            if self.top == NONE {
                return;
            }
        }
    }

    /// Keeps a word that may be a pointer; looks all of them up when they are enough.
    #[inline(always)]
    fn gather(&mut self, word: usize, reach: impl Fn(&mut Self, usize, usize)) {
        if self.index.may_hold(word) {
            self.batch[self.gathered] = word;
            self.gathered += 1;
            if self.gathered == BATCH {
                self.look_up(reach);
            }
        }
    }

    /// Calls `reach` with the blocks that the gathered words lead to, and the words.
    #[inline(never)]
    fn look_up(&mut self, reach: impl Fn(&mut Self, usize, usize)) {
        let mut found = [NOTHING; BATCH];
        let words = self.batch;
        let words = &words[..core::mem::take(&mut self.gathered)];
        self.index.find_all(words, &mut found);
        let found = &found[..words.len()];
        for block in found {
            prefetch(self.states.as_ptr().wrapping_add(*block as usize) as usize);
        }
        for (block, word) in found.iter().zip(words) {
            if *block != NOTHING {
                reach(self, *block as usize, *word);
            }
        }
    }

    fn is_start(&self, block: usize, pointer: usize) -> bool {
        let candidate = &self.index.blocks[block];
        pointer == candidate.start
            || heuristics::is_as_good_as_start(candidate, pointer, self.mappings, |address| {
                self.word(address)
            })
    }

    fn word(&self, address: usize) -> Option<usize> {
        if self.is_careful {
            return peek::word(address);
        }
        // SAFETY: the heuristics read inside of live blocks and of mapped files. Should that fault
        // nevertheless, it ends the helper, and the search is made again with care.
        Some(unsafe { (address as *const usize).read_volatile() })
    }

    fn push(&mut self, block: usize, mark: Mark) {
        let candidate = &raw const self.index.blocks[block];
        prefetch(candidate as usize);
        self.states[block] = mark;
        self.links[block] = self.top;
        self.top = block as u32;
    }

    fn pop(&mut self) -> Option<usize> {
        let block = self.top;
        if block == NONE {
            return None;
        }
        self.top = self.links[block as usize];
        Some(block as usize)
    }

    /// Gathers the words in a block. Large blocks are read by the kernel, because a
    /// program may have protected pages of them, and may never have touched most.
    fn search_block(&mut self, block: usize, reach: impl Fn(&mut Self, usize, usize) + Copy) {
        const DIRECT_BYTES_MAX: usize = 4096;
        let block = &self.index.blocks[block];
        let range = Range { start: block.start, length: block.size_bytes };
        if self.is_careful || range.length >= DIRECT_BYTES_MAX {
            return self.search(range, reach);
        }
        let end = range.end() & !(WORD - 1);
        for address in (range.start.next_multiple_of(WORD)..end).step_by(WORD) {
            // SAFETY: inside of a live block; should that fault nevertheless, see `word`.
            let word = unsafe { (address as *const usize).read_volatile() };
            self.gather(word, reach);
        }
        self.read_bytes += range.length;
    }

    fn search(&mut self, range: Range, reach: impl Fn(&mut Self, usize, usize) + Copy) {
        let Some(mut peek) = self.peek.take() else { return };
        peek.words(range, |_, words| words.iter().for_each(|word| self.gather(*word, reach)));
        self.peek = Some(peek);
    }

    /// Calls `visit` with the pieces of a range, each with its address.
    pub fn look_at(&mut self, range: Range, visit: impl FnMut(usize, &[usize])) {
        if let Some(peek) = &mut self.peek {
            peek.words(range, visit);
        }
    }
}
