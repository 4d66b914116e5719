//! Tests of the depot and of the cache before it.

use super::*;
use std::hint::black_box;
use std::time::Instant;

#[inline(never)]
fn nest<T>(depth: usize, at_end: &mut dyn FnMut() -> T) -> T {
    let padding = black_box([depth; 5]);
    let result = if depth == 0 { at_end() } else { nest(depth - 1, at_end) };
    black_box(&padding);
    result
}

#[test]
fn equal_stacks_have_one_number_and_different_ones_have_two() {
    let mut cache = Cache::new();
    let mut numbers = [StackNumber::NONE; 3];
    let mut rounds = 0..3;
    // Not a loop that the compiler could unroll.
    while let Some(round) = black_box(&mut rounds).next() {
        numbers[round] = nest(4, &mut || capture(&mut cache));
    }
    assert!(numbers[0] != StackNumber::NONE && numbers == [numbers[0]; 3]);
    let other = nest(4, &mut || capture(&mut cache));
    assert_ne!(other, numbers[0]);
    nest(4, &mut || {
        let registers = here();
        let known = capture_at(&registers, &mut cache);
        assert_eq!(capture_at(&registers, &mut Cache::new()), known, "with and without the cache");
    });
}

#[test]
fn a_number_gives_back_the_frames() {
    let mut cache = Cache::new();
    let number = nest(20, &mut || capture(&mut cache));
    let kept = frames(number);
    assert_eq!(kept.len(), DEFAULT_FRAMES);
    let repeated = kept.windows(2).filter(|pair| pair[0] == pair[1]).count();
    assert!(repeated >= 8, "nest calls itself: {kept:x?}");
    assert!(frames(StackNumber::NONE).is_empty());
    assert_eq!(StackNumber::from_stored(number.get()), number);
    assert!(count() > 0);
}

#[test]
fn the_cache_hits_only_while_every_word_is_as_it_was() {
    let mut cache = Cache::new();
    let mut slots = [crate::os::unwind::Frame::default(); 8];
    nest(6, &mut || {
        let registers = here();
        let number = capture_at(&registers, &mut cache);
        assert_eq!(cache.find(registers.key()), Some(number));
        let mut elsewhere = registers;
        elsewhere.general[Registers::SP] += 16;
        assert_eq!(cache.find(elsewhere.key()), None);
        let mut window = cache.window();
        let (count, _) = crate::os::unwind::walk(&registers, &mut window, &mut slots);
        // Another return address on the stack, which is put back before anybody returns to it.
        let slot = slots[count - 1].slot as *mut usize;
        // SAFETY: a word of this thread's stack.
        unsafe {
            slot.write_volatile(slots[count - 1].return_address + 1);
            assert_eq!(cache.find(registers.key()), None);
            slot.write_volatile(slots[count - 1].return_address);
        }
        assert_eq!(cache.find(registers.key()), Some(number));
    });
}

#[test]
fn many_threads_find_and_add_the_same_stacks() {
    fn numbers() -> Vec<StackNumber> {
        (0..40).map(|depth| nest(depth, &mut || capture(&mut Cache::new()))).collect()
    }
    let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(numbers)).collect();
    let all: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    for other in &all[1..] {
        assert_eq!(all[0][12..], other[12..], "stacks that are cut at the same depth are equal");
    }
}

#[test]
fn stacks_of_every_length_are_kept() {
    for length in 1..=MAX_FRAMES {
        let stack: Vec<usize> = (0..length).map(|index| 0x1000 * length + index).collect();
        let number = find_or_add(&stack);
        assert_eq!(frames(number), stack);
        assert_eq!(find_or_add(&stack), number);
    }
    assert_eq!(find_or_add(&[]), StackNumber::NONE);
}

/// What a stack costs; `cargo test --release stacks_cost -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn stacks_cost() {
    const ROUNDS: u32 = 200_000;
    fn best_ns(mut work: impl FnMut(u32)) -> f64 {
        let time = |work: &mut dyn FnMut(u32)| {
            let start = Instant::now();
            (0..ROUNDS / 10).for_each(work);
            start.elapsed().as_nanos() as f64 / f64::from(ROUNDS / 10)
        };
        (0..10).map(|_| time(&mut work)).fold(f64::MAX, f64::min)
    }
    nest(20, &mut || {
        let mut cache = Cache::new();
        let hit = best_ns(|_| {
            black_box(capture(&mut cache));
        });
        let window = cache.window();
        let rules = best_ns(|_| {
            let mut cache = black_box(window);
            let mut frames = [crate::os::unwind::Frame::default(); 12];
            black_box(crate::os::unwind::walk(&here(), &mut cache, &mut frames));
        });
        let kept = best_ns(|_| {
            black_box(capture_slow(&here(), &mut cache));
        });
        println!(
            "12 frames: hit {hit:.1} ns, by rules {rules:.1} ns, by rules and kept {kept:.1} ns"
        );
    });
}
