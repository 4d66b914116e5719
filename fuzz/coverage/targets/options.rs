//! The text of `CAIRN_OPTIONS`, with what must hold of any: values stay in their range, and the
//! whole is as its pairs one after the other.

#![no_main]
// The sources have more than this target uses.
#![allow(dead_code, unused_imports)]

#[path = "../../../src/arithmetic/mod.rs"]
mod arithmetic;
#[path = "../../../src/os/mod.rs"]
mod os;
#[path = "../../../src/services/mod.rs"]
mod services;
#[path = "../../../src/sync/mod.rs"]
mod sync;

use services::options::{self, Choice, TABLE};
use std::os::fd::AsRawFd;

libfuzzer_sys::fuzz_target!(init: be_silent(), |text: &[u8]| {
    let whole = outcome(|| options::apply(text));
    let pairs = outcome(|| text.split(|byte| *byte == b':').for_each(options::apply));
    assert_eq!(whole, pairs);
    for (row, value) in TABLE.iter().zip(whole.values) {
        assert!(value <= row.most, "{} is {value}", row.name);
        let is_named = text.windows(row.name.len()).any(|part| part == row.name.as_bytes());
        assert!(is_named || value == row.default, "{} is {value} unasked", row.name);
    }
});

#[derive(Debug, PartialEq)]
struct Outcome {
    values: Vec<usize>,
    paths: [Vec<u8>; 2],
}

/// The options after `apply`, which begins with the defaults.
fn outcome(apply: impl FnOnce()) -> Outcome {
    for row in &TABLE {
        options::set(row.choice, row.default);
    }
    apply();
    let path = |choice| match options::is_on(choice) {
        true => options::path(choice).as_bytes().to_vec(),
        false => Vec::new(),
    };
    Outcome {
        values: TABLE.iter().map(|row| options::value(row.choice)).collect(),
        paths: [Choice::Record, Choice::Log].map(path),
    }
}

/// Warnings, and `help`, would fill the terminal: they go to nothing, and libFuzzer's words don't.
fn be_silent() {
    let nothing = std::fs::File::options().write(true).open("/dev/null");
    let nothing = nothing.expect("there is a /dev/null");
    // SAFETY: the descriptors are open; the library goes on with a copy of what 2 is in between.
    unsafe {
        let terminal = libc::dup(2);
        libc::dup2(nothing.as_raw_fd(), 2);
        os::files::keep_error_stream();
        libc::dup2(terminal, 2);
        libc::close(terminal);
    }
}
