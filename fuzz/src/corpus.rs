//! Inputs that have led the heap where no input had before, and new ones made of them.

use std::collections::HashSet;

const LENGTH_MAX: usize = 4096;
const KEPT_MAX: usize = 2000;

/// A source of random numbers: xorshift.
pub struct Random(u64);

impl Random {
    /// One that gives the same numbers for the same seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `bound`, which isn't 0.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 33) as usize % bound
    }
}

/// The inputs that were kept.
pub struct Corpus {
    random: Random,
    kept: Vec<Vec<u8>>,
    seen: HashSet<u64>,
}

impl Corpus {
    /// An empty one.
    pub fn new(seed: u64) -> Self {
        Self { random: Random::new(seed), kept: Vec::new(), seen: HashSet::new() }
    }

    /// How many inputs it has.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// A fresh input, or a kept one with changes.
    pub fn next_input(&mut self) -> Vec<u8> {
        if self.kept.is_empty() || self.random.below(10) == 0 {
            let length = self.random.below(LENGTH_MAX);
            return (0..length).map(|_| self.random.next() as u8).collect();
        }
        let mut input = self.kept[self.random.below(self.kept.len())].clone();
        for _ in 0..=self.random.below(6) {
            self.change(&mut input);
        }
        input.truncate(LENGTH_MAX);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.random.below(input.len() + 1);
        let length = self.random.below(64).min(input.len() - at);
        match self.random.below(5) {
            0 => drop(input.drain(at..at + length)),
            1 => {
                // The same steps again, some times: what fills and empties magazines.
                let part = input[at..at + length].to_vec();
                let times = self.random.below(20);
                input.splice(at..at, part.repeat(times));
            }
            2 => {
                let other = &self.kept[self.random.below(self.kept.len())];
                input.splice(at..at, other.iter().copied().take(length + 4));
            }
            _ if at < input.len() => input[at] = self.random.next() as u8,
            _ => input.push(self.random.next() as u8),
        }
    }

    /// Keeps an input that showed something new; without room, in the place of another.
    pub fn learn(&mut self, input: Vec<u8>, features: &[u64]) {
        let mut is_new = false;
        for feature in features {
            is_new |= self.seen.insert(*feature);
        }
        if !is_new {
            return;
        }
        if self.kept.len() < KEPT_MAX {
            self.kept.push(input);
        } else {
            let place = self.random.below(KEPT_MAX);
            self.kept[place] = input;
        }
    }
}

/// Writes down what is about to be run, for when that ends the process.
pub fn note_input(input: &[u8]) {
    std::fs::write("target/fuzz/input", input).expect("target/fuzz can be written");
}
