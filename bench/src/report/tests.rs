//! The tables of a small measurement, to the letter where it matters.

use super::*;
use crate::results::{Conditions, Run, Version};

fn measured(name: &str, group: &str, times: &[(&str, f64)]) -> Measured {
    let run = |time| vec![Run { time_ns: Some(time), peak_kib: 2048.0, ..Default::default() }];
    let runs = times.iter().map(|&(name, time)| (name.to_string(), run(time))).collect();
    Measured { name: name.into(), group: group.into(), runs, ..Default::default() }
}

fn small() -> Results {
    let version = |name: &str| Version { allocator: name.into(), version: "1.0".into() };
    let allocators = ["cairn", "one", "two"].map(version).to_vec();
    let rows = vec![
        measured("pair-16", "pair", &[("cairn", 5.0), ("one", 10.0), ("two", 20.0)]),
        measured("gcc", "programs", &[("cairn", 3e9), ("one", 2e9), ("two", 4e9)]),
    ];
    Results { conditions: Conditions { allocators, ..Default::default() }, rows }
}

#[test]
fn a_row_shows_the_best_and_everyones_multiple_of_it() {
    let results = small();
    let rows = compare(&results.rows, Metric::Time);
    let table = ratios(&rows, Metric::Time, &["cairn", "one", "two"]);
    assert_eq!(table[1], ["pair-16", "0.50", "cairn 5.0 ns", "1.00", "2.00", "4.00", "-"]);
    assert_eq!(table[2], ["gcc", "1.50", "one 2.000 s", "1.50", "1.00", "2.00", "-"]);
}

#[test]
fn means_count_the_best_peer_as_one() {
    let text = means(&small().rows, &["cairn", "one", "two"]);
    let line = |name: &str| text.lines().find(|line| line.contains(name)).expect("a line");
    assert!(line("cairn ").contains("| 0.87 ") && line("cairn ").contains("1 of 2"));
    assert!(line("one ").contains("| 1.00 ") && line("two ").contains("| 2.00 "));
}

#[test]
fn misses_and_what_was_left_out_are_named() {
    let mut results = small();
    results.rows[1].failed.insert("three".into(), "signal 11".into());
    results.conditions.skipped.insert("z3".into(), "not installed".into());
    let text = report(&results);
    let missed = text.split("## Rows that miss").nth(1).expect("a section");
    assert!(missed.contains("| gcc ") && !missed.contains("| pair-16 "));
    assert!(text.contains("signal 11") && text.contains("not installed"));
}

#[test]
fn cells_are_aligned() {
    let table = [words(&["row", "figure"]), words(&["longer", "1"])];
    let expected = "| row    | figure |\n|--------|--------|\n| longer | 1      |\n";
    assert_eq!(aligned(&table), expected);
}

#[test]
fn quantities_have_units() {
    assert_eq!(quantity(5.48, Metric::Time, "pair"), "5.5 ns");
    assert_eq!(quantity(6.8e6, Metric::Time, "realloc"), "6.80 ms");
    assert_eq!(quantity(2048.0, Metric::Peak, "pair"), "2048 KiB");
    assert_eq!(quantity(20480.0, Metric::Peak, "pair"), "20 MiB");
    assert_eq!(quantity(1.04, Metric::Resident, "memory"), "1.04");
}

#[test]
fn progress_says_how_ours_did() {
    let mut row = small().rows.remove(0);
    assert_eq!(progress(&row), "cairn 5.0 ns, best peer one 10.0 ns, ratio 0.50");
    row.failed.insert("cairn".into(), "signal 11".into());
    assert_eq!(progress(&row), "cairn FAILED: signal 11");
}
