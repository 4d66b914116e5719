//! Threads that do the library's work.

fn main() {
    let count = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1000);
    let threads: Vec<_> =
        (0..4).map(|own| std::thread::spawn(move || library::work(count + own))).collect();
    for thread in threads {
        println!("{}", thread.join().expect("the thread has a result"));
    }
}
