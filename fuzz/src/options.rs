//! Random `CAIRN_OPTIONS` for a program that does little: it must end as it does without, and
//! nothing but lines of Cairn's may appear on its standard error.

use crate::corpus::{note_input, Random};
use std::os::unix::ffi::OsStringExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Keys and values that mean something, and what only looks like it. A file named here is never
/// written: its folder doesn't exist.
const WORDS: [&str; 54] = [
    "help",
    "stats",
    "realloc_zero_keeps",
    "harden",
    "dirty_max",
    "thread_cache",
    "limit",
    "check",
    "record",
    "log",
    "children",
    "leaks",
    "on_signal",
    "stop",
    "quarantine",
    "guard",
    "budget",
    "precise",
    "depth",
    "errors",
    "=",
    "=",
    "=",
    "=",
    "=",
    ":",
    ":",
    ":",
    ":",
    "0",
    "1",
    "2",
    "64K",
    "1M",
    "16G",
    "-1",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999999",
    "K",
    "auto",
    "markers",
    "mprotect",
    "none",
    "no",
    "words",
    "bytes",
    "/none/x.%p",
    "%p%p%%",
    " ",
    ",",
    "::",
    "==",
    "\u{e9}",
];

/// Starts programs for so long.
pub fn fuzz(time: Duration, seed: u64) {
    println!("options: seed {seed}");
    let (start, mut random, mut runs) = (Instant::now(), Random::new(seed), 0u64);
    let library = library_path();
    while start.elapsed() < time {
        let text = random_text(&mut random);
        note_input(&text);
        run(&library, text);
        runs += 1;
    }
    println!("options: {runs} programs");
}

fn library_path() -> std::path::PathBuf {
    std::path::absolute("target/release/libcairn.so").expect("the current folder is known")
}

fn random_text(random: &mut Random) -> Vec<u8> {
    let mut text = Vec::new();
    for _ in 0..random.below(24) {
        text.extend_from_slice(WORDS[random.below(WORDS.len())].as_bytes());
    }
    for _ in 0..random.below(4).saturating_sub(1) {
        let at = random.below(text.len() + 1);
        text.insert(at, 1 + random.below(255) as u8);
    }
    if random.below(50) == 0 {
        text = text.repeat(1 + random.below(2000));
        text.truncate(100_000);
    }
    text
}

fn run(library: &std::path::Path, text: Vec<u8>) {
    let output = Command::new("/bin/echo")
        .arg("done")
        .env("LD_PRELOAD", library)
        .env("CAIRN_OPTIONS", std::ffi::OsString::from_vec(text.clone()))
        .stdin(Stdio::null())
        .output()
        .expect("/bin/echo can be started");
    let shown = String::from_utf8_lossy(&text);
    let said = String::from_utf8_lossy(&output.stderr);
    // A limit may be too small for the program; then it says so itself.
    let is_served = output.status.success() && output.stdout == b"done\n";
    let is_refused = shown.contains("limit") && said.contains("memory");
    assert!(is_served || is_refused, "{:?} with {shown:?}: {said}", output.status);
}
