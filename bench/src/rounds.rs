//! The order of runs: every allocator once, then all again, so that what disturbs the machine for a
//! while disturbs all of them.

use crate::{
    allocators::{Allocator, GLIBC},
    arguments::Form,
    compare::{Compared, Metric},
    launch::Place,
    machine::c_library,
    results::{Measured, Runs},
    rows::Row,
};

/// More rounds for a row that missed its bound.
const MORE_ROUNDS: usize = 10;

/// An allocator that takes so many times the fastest's time, and so many seconds, isn't run again:
/// it is no match, and others wait.
const HOPELESS_FACTOR: f64 = 20.0;
const HOPELESS_NS: f64 = 2e9;

/// How rows are measured.
#[derive(Debug)]
pub struct Bench {
    /// In the order of their runs.
    pub allocators: Vec<Allocator>,
    /// Interleaved rounds.
    pub rounds: usize,
    /// In the full form, what misses is measured again.
    pub form: Form,
    /// Where.
    pub place: Place,
}

impl Bench {
    /// Measures a row. A run that isn't counted comes first: it finds the program's files not yet
    /// in memory.
    pub fn measure(&self, row: &Row) -> Measured {
        let mut measured = row.empty();
        if let Some(first) = self.allocators.first() {
            let _ = self.run(row, first);
        }
        measured.runs = self.run_rounds(row, self.rounds, &mut measured.failed);
        let time = Compared::of(&measured, Metric::Time);
        if self.form == Form::Full && time.is_some_and(|time| time.is_missed()) {
            let mut failed = measured.failed.clone();
            measured.again = self.run_rounds(row, MORE_ROUNDS, &mut failed);
            measured.failed = failed;
        }
        measured
    }

    fn run_rounds(&self, row: &Row, rounds: usize, failed: &mut Failures) -> Runs {
        let mut runs = Runs::new();
        for _ in 0..rounds {
            for allocator in &self.allocators {
                if failed.contains_key(&allocator.name) {
                    continue;
                }
                match self.run(row, allocator) {
                    Ok(run) => runs.entry(allocator.name.clone()).or_default().push(run),
                    Err(reason) => drop(failed.insert(allocator.name.clone(), reason)),
                }
            }
            note_hopeless(&runs, failed);
        }
        // Figures of an allocator that failed later would be those of its lucky runs.
        runs.retain(|name, _| failed.get(name).is_none_or(|reason| reason.starts_with(ONE_RUN)));
        runs
    }

    fn run(&self, row: &Row, allocator: &Allocator) -> Result<crate::results::Run, String> {
        let needs_c_library = allocator.name == GLIBC && row.job.has_own_allocator();
        let c_library = needs_c_library.then(c_library).flatten();
        row.job.run(&self.place, allocator.library.as_deref().or(c_library.as_deref()))
    }
}

type Failures = std::collections::BTreeMap<String, String>;

/// How the reason begins why an allocator has one run only.
const ONE_RUN: &str = "one run only";

/// Takes out of the next rounds who is far behind.
fn note_hopeless(runs: &Runs, failed: &mut Failures) {
    let walls = runs.iter().filter_map(|(name, runs)| Some((name, runs.last()?.wall_ns)));
    let fastest = walls.clone().map(|(_, wall_ns)| wall_ns).min_by(f64::total_cmp);
    let limit_ns = fastest.map_or(0.0, |fastest| HOPELESS_NS.max(fastest * HOPELESS_FACTOR));
    for (name, wall_ns) in walls.filter(|(_, wall_ns)| *wall_ns > limit_ns) {
        let reason = format!("{ONE_RUN}: it takes {:.0} s", wall_ns / 1e9);
        failed.entry(name.clone()).or_insert(reason);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{launch::Program, results::Run};

    fn bench(folder: &std::path::Path, form: Form) -> Bench {
        let named =
            |name: &str| Allocator { name: name.into(), library: None, version: String::new() };
        let place = Place { folder: folder.into(), limit_s: 5 };
        Bench { allocators: vec![named("cairn"), named("other")], rounds: 3, form, place }
    }

    /// A row whose time is what the script prints.
    fn row(script: &str) -> Row {
        let mut program = Program::new("/bin/sh", &["-c", script]);
        program.reading = crate::reading::Reading::PerOperation;
        Row::new("row", "group", "nothing", program)
    }

    #[test]
    fn rounds_are_interleaved() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        // Each run counts on, from 0 for the one that isn't counted.
        let script = "echo >>count; echo ns_per_op $(($(wc -l <count) - 1))";
        let measured = bench(folder.path(), Form::Quick).measure(&row(script));
        let times = |name: &str| measured.runs[name].iter().filter_map(|run| run.time_ns).collect();
        let (ours, others): (Vec<_>, Vec<_>) = (times("cairn"), times("other"));
        assert_eq!((ours, others), (vec![1.0, 3.0, 5.0], vec![2.0, 4.0, 6.0]));
        assert!(measured.again.is_empty());
    }

    #[test]
    fn in_the_full_form_a_row_that_misses_is_measured_again() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let script = "echo >>count; echo ns_per_op $((2 - $(wc -l <count) % 2))";
        let measured = bench(folder.path(), Form::Full).measure(&row(script));
        assert_eq!(measured.again["cairn"].len(), MORE_ROUNDS);
    }

    #[test]
    fn what_fails_is_named_and_not_run_again() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let script = "echo >>count; [ $(wc -l <count) != 5 ] || exit 9; echo ns_per_op 1";
        let measured = bench(folder.path(), Form::Quick).measure(&row(script));
        assert_eq!(measured.failed["other"], "exit 9");
        assert_eq!(measured.runs.keys().collect::<Vec<_>>(), ["cairn"]);
    }

    #[test]
    fn who_is_far_behind_runs_once() {
        let run = |wall_ns| vec![Run { wall_ns, ..Default::default() }];
        let runs =
            [("a".into(), run(1e8)), ("b".into(), run(1.9e9)), ("c".into(), run(3e9))].into();
        let mut failed = Failures::new();
        note_hopeless(&runs, &mut failed);
        assert_eq!(failed.keys().collect::<Vec<_>>(), ["c"]);
    }
}
