//! Ratios, bounds and means on rows made up for it.

use super::*;

fn runs_of(times: &[f64]) -> Vec<Run> {
    let run = |&time| Run { time_ns: Some(time), cpu_ns: time * 2.0, ..Default::default() };
    times.iter().map(run).collect()
}

fn row(figures: &[(&str, &[f64])]) -> Measured {
    let runs = figures.iter().map(|(name, times)| (name.to_string(), runs_of(times))).collect();
    Measured { name: "pair".into(), group: "pair".into(), runs, ..Default::default() }
}

fn compared(figures: &[(&str, &[f64])]) -> Compared {
    Compared::of(&row(figures), Metric::Time).expect("there are figures")
}

#[test]
fn ratios_are_of_medians_to_the_best() {
    let row = compared(&[("cairn", &[5.0, 4.0, 90.0]), ("one", &[10.0]), ("two", &[20.0])]);
    assert_eq!(row.best().map(|best| &best.allocator[..]), Some("cairn"));
    assert_eq!(row.best_peer().map(|best| &best.allocator[..]), Some("one"));
    assert_eq!(row.to_best("two"), Some(4.0));
    assert_eq!(row.to_best_peer("cairn"), Some(0.5));
    assert_eq!(row.to_best_peer("absent"), None);
}

#[test]
fn a_row_is_missed_beyond_its_bound() {
    assert!(!compared(&[("cairn", &[10.5]), ("one", &[10.0])]).is_missed());
    assert!(compared(&[("cairn", &[10.6]), ("one", &[10.0])]).is_missed());
    assert!(!compared(&[("cairn", &[10.6])]).is_missed());
}

#[test]
fn a_row_measured_again_counts_by_the_best_of_each() {
    let mut row = row(&[("cairn", &[12.0, 12.0, 12.0]), ("one", &[10.0, 10.0, 11.0])]);
    row.again = [("cairn".into(), runs_of(&[10.2, 12.0])), ("one".into(), runs_of(&[10.5]))].into();
    let time = Compared::of(&row, Metric::Time).expect("there are figures");
    assert!(time.is_again && !time.is_missed());
    assert_eq!(time.value("cairn"), Some(10.2));
    assert_eq!(time.value("one"), Some(10.0));
}

#[test]
fn what_runs_for_a_fixed_time_has_no_processor_time() {
    let mut row = row(&[("cairn", &[1.0]), ("one", &[1.0])]);
    assert!(Compared::of(&row, Metric::Cpu).is_some());
    row.is_fixed_time = true;
    assert!(Compared::of(&row, Metric::Cpu).is_none());
}

#[test]
fn memory_rows_stay_out_of_the_times() {
    let mut row = row(&[("cairn", &[1.0]), ("one", &[1000.0])]);
    row.group = "memory".into();
    assert!(Compared::of(&row, Metric::Time).is_none());
    assert!(Compared::of(&row, Metric::Growth).is_some());
}

#[test]
fn nothing_resident_gives_no_ratio() {
    let row = compared(&[("cairn", &[1.0]), ("one", &[0.0])]);
    assert_eq!(row.to_best("cairn"), None);
}

#[test]
fn the_mean_of_the_best_peers_is_one() {
    let rows = [
        compared(&[("cairn", &[1.0]), ("one", &[2.0]), ("two", &[4.0])]),
        compared(&[("cairn", &[8.0]), ("one", &[8.0]), ("two", &[2.0])]),
    ];
    assert_eq!(mean_to_best_peer(&rows, "cairn"), geometric_mean(&[0.5, 4.0]));
    assert_eq!(mean_to_best_peer(&rows, "one"), geometric_mean(&[1.0, 4.0]));
    assert_eq!(mean_to_best_peer(&rows, "absent"), None);
}

#[test]
fn noise_is_the_median_of_the_allocators_spreads() {
    let calm: &[f64] = &[10.0, 10.0, 10.0];
    let row = compared(&[("cairn", calm), ("one", calm), ("two", &[5.0, 10.0, 15.0])]);
    assert_eq!(row.noise(), Some(0.0));
}
