//! `cairn-fuzz interface SECONDS [SEED]` runs random scripts of C calls; `options SECONDS [SEED]`
//! starts programs with random `CAIRN_OPTIONS`; `once` runs the one script on standard input, which
//! is how AFL wants it, and how an input that failed is run again.
//!
//! A failure ends the process; the input that was being run is then in `target/fuzz/input`.

mod corpus;
mod crew;
mod model;
mod options;
mod script;
// The library's own, of which few are read here.
#[allow(dead_code)]
#[path = "../../src/c/structures.rs"]
mod structures;

use corpus::Corpus;
use std::io::Read;
use std::time::{Duration, Instant};

fn main() {
    end_at_panic();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |index: usize| arguments.get(index).and_then(|text| text.parse::<u64>().ok());
    match (arguments.first().map(String::as_str), number(1)) {
        (Some("interface"), Some(seconds)) => {
            fuzz_interface(Duration::from_secs(seconds), number(2).unwrap_or_else(seed_of_now))
        }
        (Some("options"), Some(seconds)) => {
            options::fuzz(Duration::from_secs(seconds), number(2).unwrap_or_else(seed_of_now))
        }
        (Some("once"), None) => {
            let mut input = Vec::new();
            std::io::stdin().read_to_end(&mut input).expect("standard input can be read");
            script::run(&input);
        }
        _ => {
            eprintln!(
                "usage: cairn-fuzz interface|options SECONDS [SEED], or cairn-fuzz once <FILE"
            );
            std::process::exit(2);
        }
    }
}

/// A failure in any thread is one.
fn end_at_panic() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        tell(panic);
        std::process::abort();
    }));
}

fn seed_of_now() -> u64 {
    std::time::UNIX_EPOCH.elapsed().map_or(1, |now| now.as_nanos() as u64)
}

fn fuzz_interface(time: Duration, seed: u64) {
    println!("interface: seed {seed}");
    let (start, mut corpus) = (Instant::now(), Corpus::new(seed));
    let (mut scripts, mut calls) = (0u64, 0u64);
    while start.elapsed() < time {
        let input = corpus.next_input();
        corpus::note_input(&input);
        let outcome = script::run(&input);
        corpus.learn(input, &outcome.features);
        scripts += 1;
        calls += outcome.calls;
    }
    println!("interface: {scripts} scripts, {calls} calls, {} kept in the corpus", corpus.len());
}
