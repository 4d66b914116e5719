//! A script: four bytes for each step, which say what is done, by which thread, and with which size
//! or block. Every input is a script.

use crate::crew::{Call, Crew};
use crate::model::{check_zero, Model};
use crate::structures::cairn_stats;

const LIVE_BYTES_MAX: usize = 48 << 20;
const STEPS_BETWEEN_VALIDATIONS: usize = 128;

/// What a run has shown.
pub struct Outcome {
    /// How many calls it made.
    pub calls: u64,
    /// States of the heap that it has gone through.
    pub features: Vec<u64>,
}

extern "C" {
    fn cairn_validate();
    fn cairn_stats_read(out: *mut cairn_stats);
}

/// Runs a script, with every rule checked, to its end, where all blocks are freed.
pub fn run(input: &[u8]) -> Outcome {
    let mut run = Run { crew: Crew::new(), model: Model::default(), calls: 0 };
    let mut features = Vec::new();
    for (number, step) in input.chunks_exact(4).enumerate() {
        run.step(step[0] & 15, usize::from(step[0] >> 4), [step[1], step[2], step[3]]);
        if number % STEPS_BETWEEN_VALIDATIONS == STEPS_BETWEEN_VALIDATIONS - 1 {
            features.push(run.validate());
        }
    }
    while run.model.len() > 0 {
        run.free(0, 0, run.model.len() - 1);
    }
    features.push(run.validate());
    Outcome { calls: run.calls, features }
}

struct Run {
    crew: Crew,
    model: Model,
    calls: u64,
}

impl Run {
    fn step(&mut self, what: u8, who: usize, [a, b, c]: [u8; 3]) {
        let thread = who % Crew::SIZE;
        // Large sizes are rare, since touching their pages takes most of the time.
        let shift = (a & 15).min(a >> 4).min(14);
        let size = (usize::from(b) << shift) + usize::from(c);
        let alignment = 1usize << (who / Crew::SIZE * 5 + usize::from(a >> 5));
        let number = usize::from(b) << 8 | usize::from(c);
        let is_full = self.model.usable_bytes() + size > LIVE_BYTES_MAX;
        match what {
            0..=5 | 10 if is_full => self.free(thread, a, number),
            0..=2 => self.allocate(thread, Call::Malloc { size }, size, 16),
            3 => self.allocate(thread, Call::Calloc { count: 1, size }, size, 16),
            4 => self.allocate(thread, Call::AlignedAlloc { alignment, size }, size, alignment),
            5 => {
                let alignment = alignment.max(size_of::<usize>());
                self.allocate(thread, Call::PosixMemalign { alignment, size }, size, alignment)
            }
            6..=9 => self.free(thread, a, number),
            10 | 11 => self.resize(thread, number, size),
            12 => self.grow(thread, number),
            13 => self.shrink(thread, number),
            14 => self.crew.replace(thread),
            // Seldom: it empties all that would be looked at.
            _ if a < 16 => drop(self.call(thread, Call::Trim)),
            _ => self.allocate(thread, Call::Malloc { size: size % 1500 }, size % 1500, 16),
        }
    }

    fn call(&mut self, thread: usize, call: Call) -> usize {
        self.calls += 1;
        self.crew.call(thread, call)
    }

    fn allocate(&mut self, thread: usize, call: Call, size: usize, alignment: usize) {
        let address = self.call(thread, call);
        assert_ne!(address, 0, "{call:?} gave nothing");
        if let Call::Calloc { .. } = call {
            check_zero(address, size);
        }
        self.model.add(address, size, alignment);
    }

    fn free(&mut self, thread: usize, how: u8, number: usize) {
        let Some((address, block)) = self.model.take(number) else { return };
        let (size, alignment) = (block.size, block.alignment);
        let call = match (how % 4, alignment) {
            (0, 16) => Call::FreeSized { address, size },
            (0, _) => Call::FreeAlignedSized { address, alignment, size },
            _ => Call::Free { address },
        };
        self.call(thread, call);
    }

    fn resize(&mut self, thread: usize, number: usize, size: usize) {
        let Some((address, block)) = self.model.take(number) else { return };
        let call = match size % 2 {
            0 => Call::ReallocArray { address, count: size / 2, size: 2 },
            _ => Call::Realloc { address, size },
        };
        let new = self.call(thread, call);
        if size == 0 {
            return assert_eq!(new, 0, "realloc to nothing");
        }
        assert_ne!(new, 0, "{call:?} gave nothing");
        block.check(new, block.usable().min(size));
        self.model.add(new, size, 16);
    }

    fn grow(&mut self, thread: usize, number: usize) {
        let Some((address, block)) = self.model.take(number) else { return };
        let size = block.size * 2 + 1;
        self.model.add_again(address, block);
        if self.model.usable_bytes() + size < LIVE_BYTES_MAX {
            self.resize(thread, self.model.len() - 1, size);
        }
    }

    fn shrink(&mut self, thread: usize, number: usize) {
        let Some((address, block)) = self.model.take(number) else { return };
        let size = block.size / 2 + 1;
        self.model.add_again(address, block);
        self.resize(thread, self.model.len() - 1, size);
    }

    /// Checks every invariant; returns a number for the heap's state, roughly.
    fn validate(&mut self) -> u64 {
        let mut stats = cairn_stats::default();
        // SAFETY: the crew waits; `stats` is such a structure.
        unsafe {
            cairn_validate();
            cairn_stats_read(&mut stats);
        }
        assert!(stats.live_blocks >= self.model.len(), "live blocks are missing");
        assert!(stats.live_bytes >= self.model.usable_bytes(), "live bytes are missing");
        let magnitudes = [
            stats.live_blocks,
            stats.large_blocks,
            stats.live_bytes >> 12,
            stats.committed_bytes >> 16,
            stats.dirty_bytes >> 16,
            stats.purged_bytes >> 16,
        ];
        magnitudes.iter().fold(0, |sum, value| sum << 8 | u64::from(roughly(*value)))
    }
}

/// A value's magnitude, in steps of a quarter of a doubling.
fn roughly(value: usize) -> u8 {
    match value.checked_ilog2() {
        Some(log) if log >= 2 => (log * 4) as u8 + (value >> (log - 2) & 3) as u8,
        _ => value as u8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::Corpus;

    #[test]
    fn figures_fill_their_structure() {
        // No figure is as large.
        const UNTOUCHED: usize = usize::MAX;
        let mut words = [UNTOUCHED; 64];
        // SAFETY: room for several times as many.
        unsafe { cairn_stats_read(words.as_mut_ptr().cast()) };
        let written = words.iter().take_while(|word| **word != UNTOUCHED).count();
        assert_eq!(written * size_of::<usize>(), size_of::<cairn_stats>());
    }

    #[test]
    fn scripts_run_to_their_ends() {
        let mut corpus = Corpus::new(1);
        let calls: u64 = (0..8).map(|_| run(&corpus.next_input()).calls).sum();
        assert!(calls > 1000, "only {calls} calls");
    }
}
