//! The model test: random calls of all functions and sizes beside a plain map of what must be
//! alive, in several threads, with every invariant checked along the way.
//!
//! A failure prints the seed; `CAIRN_MODEL_SEED=n` runs with it again.

use crate::arithmetic::random::Random;
use crate::c::{aligned, sized, standard};
use crate::memory::{find, validate};
use std::collections::BTreeMap;
use std::sync::{Arc, Barrier};

/// What must be true of one block.
struct Expected {
    size: usize,
    alignment: usize,
    usable: usize,
    /// Each byte at a sampled place is this.
    pattern: u8,
    from_malloc: bool,
}

struct Model {
    random: Random,
    alive: BTreeMap<usize, Expected>,
    live_bytes: usize,
}

const LIVE_BYTES_MAX: usize = 64 << 20;

impl Model {
    fn new(seed: u64) -> Self {
        Self { random: Random::new(seed), alive: BTreeMap::new(), live_bytes: 0 }
    }

    fn size(&mut self) -> usize {
        let bound = match self.random.below(100) {
            0..=59 => 300,
            60..=84 => 2_000,
            85..=94 => 40_000,
            95..=98 => 400_000,
            _ => 5_000_000,
        };
        self.random.below(bound)
    }

    fn step(&mut self) {
        let must_shrink = self.live_bytes > LIVE_BYTES_MAX;
        match self.random.below(10) {
            0..=3 if !must_shrink => self.allocate(),
            4 if !must_shrink => self.allocate_zeroed(),
            5 if !must_shrink => self.allocate_aligned(),
            6 => self.resize(),
            _ => self.free(),
        }
    }

    fn allocate(&mut self) {
        let size = self.size();
        // SAFETY: allocating needs nothing.
        let block = unsafe { standard::malloc(size) };
        self.add(block as usize, size, 16, true);
    }

    fn allocate_zeroed(&mut self) {
        let size = self.size();
        // SAFETY: allocating needs nothing.
        let block = unsafe { standard::calloc(1, size) };
        // SAFETY: a block of that size.
        let bytes = unsafe { std::slice::from_raw_parts(block.cast::<u8>(), size) };
        assert!(bytes.iter().all(|byte| *byte == 0), "calloc({size})");
        self.add(block as usize, size, 16, true);
    }

    fn allocate_aligned(&mut self) {
        let (size, alignment) = (self.size(), 1 << self.random.below(22));
        // SAFETY: allocating needs nothing.
        let block = unsafe { aligned::memalign(alignment, size) };
        self.add(block as usize, size, alignment, false);
    }

    fn add(&mut self, address: usize, size: usize, alignment: usize, from_malloc: bool) {
        assert_ne!(address, 0, "{size} bytes");
        assert_eq!(address % alignment.max(16), 0, "{size} bytes aligned to {alignment}");
        // SAFETY: a live block.
        let usable = unsafe { standard::malloc_usable_size(address as *mut _) };
        assert!(usable >= size);
        if let Some((before, expected)) = self.alive.range(..=address).next_back() {
            assert!(before + expected.usable <= address, "two blocks overlap");
        }
        if let Some((after, _)) = self.alive.range(address..).next() {
            assert!(address + usable <= *after, "two blocks overlap");
        }
        let pattern = self.random.next() as u8;
        write_pattern(address, usable, pattern);
        self.live_bytes += usable;
        self.alive.insert(address, Expected { size, alignment, usable, pattern, from_malloc });
    }

    fn pick(&mut self) -> Option<usize> {
        let (first, last) = (self.alive.keys().next()?, self.alive.keys().next_back()?);
        let target = first + self.random.below(last - first + 1);
        self.alive.range(target..).next().map(|(address, _)| *address)
    }

    fn take(&mut self) -> Option<(usize, Expected)> {
        let address = self.pick()?;
        let expected = self.alive.remove(&address)?;
        check_pattern(address, expected.usable, expected.pattern);
        // SAFETY: a live block.
        let usable = unsafe { standard::malloc_usable_size(address as *mut _) };
        assert_eq!(usable, expected.usable, "the usable size changed");
        self.live_bytes -= expected.usable;
        Some((address, expected))
    }

    fn resize(&mut self) {
        let Some((address, old)) = self.take() else { return };
        let size = self.size().max(1);
        // SAFETY: a live block, which the model gives up.
        let new = unsafe { standard::realloc(address as *mut _, size) } as usize;
        check_pattern(new, old.usable.min(size), old.pattern);
        self.add(new, size, 16, true);
    }

    fn free(&mut self) {
        let Some((address, expected)) = self.take() else { return };
        let pointer = address as *mut std::ffi::c_void;
        // SAFETY: a live block, which the model gives up.
        unsafe {
            match (self.random.below(3), expected.from_malloc) {
                (0, true) => sized::free_sized(pointer, expected.size),
                (0, false) => sized::free_aligned_sized(pointer, expected.alignment, expected.size),
                _ => standard::free(pointer),
            }
        }
        // Another thread may have got the block again; in this one it is dead at once.
        assert!(!self.alive.contains_key(&address));
    }

    fn free_all(&mut self) {
        while !self.alive.is_empty() {
            self.free();
        }
    }
}

/// Writes at the block's start, its end and some places between.
fn write_pattern(address: usize, length: usize, pattern: u8) {
    for place in sampled(length) {
        // SAFETY: inside a live block.
        unsafe { ((address + place) as *mut u8).write(pattern ^ place as u8) };
    }
}

fn check_pattern(address: usize, length: usize, pattern: u8) {
    for place in sampled(length) {
        // SAFETY: inside a live block.
        let byte = unsafe { ((address + place) as *const u8).read() };
        assert_eq!(byte, pattern ^ place as u8, "byte {place} of {length} at {address:#x}");
    }
}

/// The first bytes, powers of two and what is before them: the places in a part from the start are
/// among those in the whole.
fn sampled(length: usize) -> impl Iterator<Item = usize> {
    let powers = (9..48).flat_map(|shift| [(1usize << shift) - 1, 1 << shift]);
    (0..length.min(512)).chain(powers.filter(move |place| *place < length))
}

fn run(seed: u64, threads: usize, rounds: usize, steps: usize) {
    let _alone = super::alone();
    let barrier = Arc::new(Barrier::new(threads));
    let worker = |thread: usize| {
        let barrier = barrier.clone();
        std::thread::spawn(move || {
            let mut model = Model::new(seed.wrapping_add(thread as u64 * 977));
            for round in 0..rounds {
                (0..steps).for_each(|_| model.step());
                barrier.wait();
                if thread == 0 {
                    validate::validate();
                }
                barrier.wait();
                if round % 4 == 3 {
                    model.free_all();
                }
            }
            model.free_all();
        })
    };
    let workers: Vec<_> = (0..threads).map(worker).collect();
    for worker in workers {
        if let Err(panic) = worker.join() {
            eprintln!("model: CAIRN_MODEL_SEED={seed}");
            std::panic::resume_unwind(panic);
        }
    }
    validate::validate();
}

fn seed() -> u64 {
    let chosen = std::env::var("CAIRN_MODEL_SEED").ok().and_then(|text| text.parse().ok());
    let seed = chosen.unwrap_or_else(|| {
        let now = std::time::UNIX_EPOCH.elapsed().unwrap();
        now.as_nanos() as u64
    });
    println!("model: CAIRN_MODEL_SEED={seed}");
    seed
}

#[test]
fn one_thread_agrees_with_the_model() {
    run(seed(), 1, 12, 20_000);
}

#[test]
fn four_threads_agree_with_their_models() {
    run(seed(), 4, 8, 10_000);
}

#[test]
fn a_freed_block_is_not_alive() {
    let _alone = super::alone();
    for size in [1, 40, 64, 900, 1_100, 70_000, 300_000] {
        // SAFETY: allocated here, freed once.
        unsafe {
            let block = standard::malloc(size);
            let live = find::live(block as usize).unwrap();
            assert!(live.usable_bytes() >= size);
            assert_eq!(find::live(block as usize + 16), None);
            assert_eq!(find::live(block as usize + 1), None);
            standard::free(block);
        }
    }
}
