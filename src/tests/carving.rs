//! Slabs carved anew: blocks of many classes between those that live, at random, and every
//! invariant checked along the way.

use crate::arithmetic::random::Random;
use crate::c::{aligned, standard};
use crate::memory::{carve, find, validate};
use crate::services::options::{self, Choice};

/// Live blocks, each filled with a byte of its own.
struct Blocks {
    blocks: Vec<(usize, usize)>,
    random: Random,
}

fn pattern(address: usize, size: usize) -> u8 {
    ((address >> 4) ^ size) as u8
}

impl Blocks {
    fn add(&mut self, size: usize, alignment: usize) {
        // SAFETY: allocating needs nothing; the block has that many bytes.
        unsafe {
            let address = match alignment {
                0..=16 => standard::malloc(size),
                _ => aligned::memalign(alignment, size),
            } as usize;
            assert!(address != 0 && address.is_multiple_of(alignment.max(16)));
            (address as *mut u8).write_bytes(pattern(address, size), size);
            self.blocks.push((address, size));
        }
    }

    fn free_one(&mut self) {
        let index = self.random.below(self.blocks.len());
        let (address, size) = self.blocks.swap_remove(index);
        // SAFETY: a live block of that size.
        unsafe {
            let bytes = std::slice::from_raw_parts(address as *const u8, size);
            assert!(bytes.iter().all(|byte| *byte == pattern(address, size)), "{size} bytes");
            standard::free(address as *mut _);
        }
        assert_eq!(find::live(address), None);
    }

    fn free_down_to(&mut self, count: usize) {
        while self.blocks.len() > count {
            self.free_one();
        }
    }
}

#[test]
fn carved_slabs_serve_many_classes_and_go_back() {
    let _alone = super::alone();
    let dirty_max = options::value(Choice::DirtyMax);
    options::set(Choice::DirtyMax, 1 << 20);
    let mut all = Blocks { blocks: Vec::new(), random: Random::new(5) };
    let before = carve::totals().0;
    let mut most = before;
    for (first, others) in [(48, [64, 16, 200]), (80, [96, 64, 500]), (32, [1008, 112, 48])] {
        (0..100_000).for_each(|_| all.add(first, 16));
        all.free_down_to(12_000);
        validate::validate();
        for round in 0..9 {
            let size = others[round % 3] - round;
            let alignment = if size.is_power_of_two() { size } else { 16 };
            (0..8_000).for_each(|_| all.add(size, alignment));
            validate::validate();
            most = most.max(carve::totals().0);
            let left = all.blocks.len() - 3_000;
            all.free_down_to(left);
        }
        validate::validate();
    }
    assert!(most > before + 100, "slabs are carved: {most}");
    all.free_down_to(0);
    // SAFETY: allocates nothing.
    unsafe { crate::c::information::malloc_trim(0) };
    validate::validate();
    assert!(carve::totals().0 < before + 64, "but for what classes still carve");
    options::set(Choice::DirtyMax, dirty_max);
}
