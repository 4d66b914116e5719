//! A Rust program as people write them: its allocator calls malloc, realloc and posix_memalign, so
//! it runs on whatever heap is there. The output is user_rs.output, on any heap.

use std::collections::{BTreeMap, HashMap};
use std::sync::{mpsc, Arc, Mutex};
use std::thread;

fn vectors() {
    let mut numbers: Vec<u64> = Vec::with_capacity(10);
    println!("capacity {} of {}", numbers.capacity(), numbers.len());
    for number in 0..1_000_000 {
        numbers.push(number);
    }
    println!("sum {}", numbers.iter().sum::<u64>());
    numbers.truncate(1000);
    numbers.shrink_to_fit();
    println!("capacity {} after shrink_to_fit", numbers.capacity());
    let zeros = vec![0u8; 50_000_000];
    println!("zeros: {}", zeros.iter().all(|&byte| byte == 0));
}

fn maps() {
    let mut words: HashMap<String, Vec<usize>> = HashMap::new();
    for index in 0..50_000 {
        words
            .entry(format!("word number {}", index % 997))
            .or_default()
            .push(index);
    }
    words.retain(|_, places| places[0] % 2 == 0);
    let sorted: BTreeMap<_, _> = words.iter().collect();
    let (first, places) = sorted.iter().next().expect("the map isn't empty");
    println!(
        "{} words, first \"{first}\" {} times",
        sorted.len(),
        places.len()
    );
}

#[repr(align(4096))]
struct Page([u8; 4096]);

fn over_aligned() {
    let pages: Vec<Box<Page>> = (0..100).map(|_| Box::new(Page([7; 4096]))).collect();
    let aligned = pages
        .iter()
        .all(|page| &raw const **page as usize % 4096 == 0);
    println!(
        "pages aligned: {aligned}, sum {}",
        pages.iter().map(|page| u64::from(page.0[0])).sum::<u64>()
    );
}

fn threads() {
    let (sender, receiver) = mpsc::channel::<String>();
    let total = Arc::new(Mutex::new(0usize));
    let workers: Vec<_> = (0..4)
        .map(|worker| {
            let (sender, total) = (sender.clone(), Arc::clone(&total));
            thread::spawn(move || {
                for index in 0..10_000 {
                    let text = "x".repeat(index % 300);
                    *total.lock().expect("no thread panics") += text.len();
                    sender
                        .send(format!("{worker}: {text}"))
                        .expect("the receiver lives");
                }
            })
        })
        .collect();
    drop(sender);
    let received: usize = receiver.iter().map(|text| text.len()).sum();
    for worker in workers {
        worker.join().expect("no thread panics");
    }
    println!(
        "total {}, received {received}",
        total.lock().expect("no thread panics")
    );
}

fn too_much() {
    let mut bytes: Vec<u8> = Vec::new();
    let refused = bytes.try_reserve_exact(isize::MAX as usize - 100).is_err();
    println!(
        "an impossible reservation is {}",
        if refused { "refused" } else { "granted" }
    );
}

fn main() {
    vectors();
    maps();
    over_aligned();
    threads();
    too_much();
}
