//! How fast memory is searched. Not a test: `cargo test --release leak::tests::speed -- --ignored
//! --nocapture`.

use super::*;
use crate::arithmetic::random::Random;
use std::time::Instant;

/// Searches 1 GiB of blocks of one size from 10,000 places; one word in eight of them is a pointer
/// to one of the next `spread` blocks.
fn measure(size_bytes: usize, spread: usize) {
    const BYTES: usize = 1 << 30;
    let _alone = alone();
    let count = BYTES / (size_bytes + 16);
    let mut heap = Heap::new(BYTES + 64, count);
    let blocks: Vec<usize> = (0..count).map(|_| heap.add(size_bytes)).collect();
    heap.blocks().iter_mut().for_each(|block| block.stack %= 10_000);
    let mut random = Random::new(1);
    for (number, block) in blocks.iter().enumerate() {
        for index in 0..size_bytes / WORD {
            match index % 8 {
                0 => {
                    let other = (number + 1 + random.below(spread)) % count;
                    heap.point(*block, index, blocks[other], 0);
                }
                _ => store(*block, index, random.next() as usize),
            }
        }
    }
    let first = [blocks[0] ^ MASK];
    std::hint::black_box(&first);
    let begin = Instant::now();
    let own = heap.own();
    let totals = scan(heap.blocks(), &own, &Caller::here(), &mut |_| {}).unwrap();
    let seconds = begin.elapsed().as_secs_f64();
    let mib = totals.read_bytes as f64 / (1 << 20) as f64;
    println!(
        "{count} of {size_bytes} B, {} reachable: {mib:.0} MiB, {seconds:.2} s, {:.0} MiB/s",
        totals.reachable.blocks,
        mib / seconds,
    );
}

#[test]
#[ignore = "a measurement"]
fn of_blocks_that_point_to_near_ones() {
    [48, 256, 1024, 4096, 65536, 16 << 20].into_iter().for_each(|size| measure(size, 1000));
}

/// Every look-up meets memory that isn't at hand.
#[test]
#[ignore = "a measurement"]
fn of_blocks_that_point_anywhere() {
    [48, 256, 1024, 4096].into_iter().for_each(|size| measure(size, usize::MAX >> 8));
}
