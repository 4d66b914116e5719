//! Blocks that go from thread to thread, and threads that end with blocks of others.

use crate::c::standard;
use std::sync::mpsc;
use std::thread;

#[test]
fn blocks_are_freed_by_other_threads_than_their_own() {
    let _alone = super::alone();
    let (send, receive) = mpsc::channel::<Vec<usize>>();
    let consumer = thread::spawn(move || {
        for batch in receive {
            for address in batch {
                // SAFETY: the producer gave up a live block, which says its own address.
                unsafe {
                    assert_eq!((address as *const usize).read(), address);
                    standard::free(address as *mut _);
                }
            }
        }
    });
    let producers: Vec<_> = (0..3)
        .map(|producer| {
            let send = send.clone();
            thread::spawn(move || {
                for batch in 0..200 {
                    let size = |index: usize| 8 + (index * 37 + batch * 11 + producer) % 3_000;
                    let blocks = (0..100).map(|index| allocate_self_naming(size(index)));
                    send.send(blocks.collect()).unwrap();
                }
            })
        })
        .collect();
    drop(send);
    for producer in producers {
        producer.join().unwrap();
    }
    consumer.join().unwrap();
}

fn allocate_self_naming(size: usize) -> usize {
    // SAFETY: the block has at least eight bytes.
    unsafe {
        let address = standard::malloc(size) as usize;
        (address as *mut usize).write(address);
        address
    }
}

#[test]
fn many_short_threads_leave_nothing_behind() {
    let _alone = super::alone();
    let count = || {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                thread::spawn(|| {
                    let blocks: Vec<usize> =
                        (0..500).map(|i| allocate_self_naming(16 + i)).collect();
                    for address in blocks {
                        // SAFETY: a live block of this thread.
                        unsafe { standard::free(address as *mut _) };
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        crate::heap::registry::made()
    };
    count();
    let after_warm_up = count();
    for _ in 0..20 {
        count();
    }
    // A thread may still be ending when the next ones begin; without reuse there would be 160 more.
    assert!(count() < after_warm_up + 32, "heaps of ended threads are used again");
}
