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
use super::index::Index;
use super::mappings::Mappings;
use super::Kind;
use crate::os::memory::Range;
use crate::os::peek::{self, Peek};

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
        Self { index, mappings, states, links, top: NONE, peek, read_bytes: 0, is_careful }
    }

    /// How many bytes were searched for pointers.
    pub fn read_bytes(&self) -> usize {
        self.read_bytes + self.peek.as_ref().map_or(0, |peek| peek.read_bytes)
    }

    /// Takes all words in `range` for pointers that the program has.
    pub fn search_root(&mut self, range: Range) {
        self.search(range, Self::take_pointer);
    }

    /// Takes a word for a pointer that the program has.
    pub fn take_pointer(&mut self, word: usize) {
        if !self.index.may_hold(word) {
            return;
        }
        let Some(block) = self.index.find(word) else { return };
        match self.states[block] {
            Mark::Unreached | Mark::Seed if self.is_start(block, word) => {
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
        for (block, candidate) in self.index.blocks.iter().enumerate() {
            if candidate.flags & super::Candidate::ROOT != 0 {
                self.take_block_at(self.index.blocks[block].start);
            }
        }
        while let Some(block) = self.pop() {
            self.search_block(block, Self::take_pointer);
        }
        self.find_possible();
        self.find_indirect();
    }

    fn find_possible(&mut self) {
        for seed in 0..self.states.len() {
            if self.states[seed] != Mark::Seed {
                continue;
            }
            self.push(seed, Mark::Possible);
            while let Some(block) = self.pop() {
                self.search_block(block, |reach, word| {
                    if let Some(block) = reach.block_at(word) {
                        if matches!(reach.states[block], Mark::Unreached | Mark::Seed) {
                            reach.push(block, Mark::Possible);
                        }
                    }
                });
            }
        }
    }

    fn find_indirect(&mut self) {
        for leader in 0..self.states.len() {
            if self.states[leader] != Mark::Unreached {
                continue;
            }
            let take = |reach: &mut Self, word| {
                let Some(block) = reach.block_at(word) else { return };
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
            self.search_block(leader, take);
            while let Some(block) = self.pop() {
                self.links[block] = leader as u32;
                self.search_block(block, take);
            }
        }
    }

    #[inline(always)]
    fn block_at(&self, word: usize) -> Option<usize> {
        if self.index.may_hold(word) {
            self.index.find(word)
        } else {
            None
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

    /// Calls `take` with the words in a block. Large blocks are read by the kernel, because a
    /// program may have protected pages of them, and may never have touched most.
    fn search_block(&mut self, block: usize, take: impl Fn(&mut Self, usize)) {
        const DIRECT_BYTES_MAX: usize = 4096;
        let block = &self.index.blocks[block];
        let range = Range { start: block.start, length: block.size_bytes };
        if self.is_careful || range.length >= DIRECT_BYTES_MAX {
            return self.search(range, take);
        }
        let end = range.end() & !(WORD - 1);
        for address in (range.start.next_multiple_of(WORD)..end).step_by(WORD) {
            // SAFETY: inside of a live block; should that fault nevertheless, see `word`.
            let word = unsafe { (address as *const usize).read_volatile() };
            take(self, word);
        }
        self.read_bytes += range.length;
    }

    fn search(&mut self, range: Range, take: impl Fn(&mut Self, usize)) {
        let Some(mut peek) = self.peek.take() else { return };
        peek.words(range, |_, words| words.iter().for_each(|word| take(self, *word)));
        self.peek = Some(peek);
    }

    /// Calls `visit` with the pieces of a range, each with its address.
    pub fn look_at(&mut self, range: Range, visit: impl FnMut(usize, &[usize])) {
        if let Some(peek) = &mut self.peek {
            peek.words(range, visit);
        }
    }
}
