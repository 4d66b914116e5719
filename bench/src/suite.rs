//! mimalloc-bench: its programs with the arguments of its bench.sh, read as that script reads them.

use std::path::{Path, PathBuf};

use crate::{
    arguments::Form,
    launch::Program,
    machine::cores,
    reading::Reading,
    rows::{Row, Rows},
};

/// One program of the suite. `{n}` stands for the number of cores (16 at most), `{bench}` for the
/// suite's folder of inputs.
struct Entry {
    name: &'static str,
    command: &'static str,
    /// In the quick form; empty where the program can't be made short.
    quick: &'static str,
    measures: &'static str,
    reading: Reading,
}

const fn entry(
    name: &'static str,
    command: &'static str,
    quick: &'static str,
    measures: &'static str,
) -> Entry {
    Entry { name, command, quick, measures, reading: Reading::Wall }
}

const fn timed(entry: Entry, reading: Reading) -> Entry {
    Entry { reading, ..entry }
}

const ENTRIES: [Entry; 19] = [
    entry(
        "cfrac",
        "cfrac 17545186520507317056371138836327483792789528",
        "cfrac 175451865205073170563711388363",
        "factors a number: many small blocks, one thread",
    ),
    entry("espresso", "espresso {bench}/espresso/largest.espresso", "", "optimises a logic array"),
    entry("barnes", "barnes < {bench}/barnes/input", "", "simulates bodies: few blocks, all live"),
    entry("alloc-test1", "alloc-test 1", "", "real programs' sizes and lifetimes, one thread"),
    entry("alloc-testN", "alloc-test {n}", "", "the same on every core"),
    timed(
        entry(
            "larsonN",
            "larson 5 8 1000 5000 100 4141 {n}",
            "",
            "a server: threads pass blocks on",
        ),
        Reading::Larson,
    ),
    timed(
        entry("larsonN-sized", "larson-sized 5 8 1000 5000 100 4141 {n}", "", "with sized delete"),
        Reading::Larson,
    ),
    timed(
        entry("xmalloc-testN", "xmalloc-test -w {n} -t 5 -s 64", "", "some allocate, others free"),
        Reading::Xmalloc,
    ),
    entry(
        "cache-scratch1",
        "cache-scratch 1 1000 1 2000000 {n}",
        "cache-scratch 1 1000 1 200000 {n}",
        "false sharing that the program brings, one thread",
    ),
    entry(
        "cache-scratchN",
        "cache-scratch {n} 1000 1 2000000 {n}",
        "cache-scratch {n} 1000 1 200000 {n}",
        "the same on every core",
    ),
    entry(
        "cache-thrash1",
        "cache-thrash 1 1000 1 2000000 {n}",
        "cache-thrash 1 1000 1 200000 {n}",
        "false sharing that the allocator brings, one thread",
    ),
    entry(
        "cache-thrashN",
        "cache-thrash {n} 1000 1 2000000 {n}",
        "cache-thrash {n} 1000 1 200000 {n}",
        "the same on every core",
    ),
    entry("glibc-simple", "glibc-simple", "", "glibc's own benchmark, one thread"),
    timed(
        entry("glibc-thread", "glibc-thread {n}", "", "the same on every core, by its iterations"),
        Reading::GlibcThread,
    ),
    entry("malloc-large", "malloc-large", "", "live blocks of 5 to 25 MiB"),
    entry("mleak10", "mleak 5", "mleak 5", "threads that come and go"),
    entry("mleak100", "mleak 50", "", "the same, ten times as long"),
    // bench.sh has 25 iterations: a tenth of a second here, too short to tell peers apart.
    entry(
        "mstressN",
        "mstress {n} 50 250",
        "mstress {n} 50 25",
        "threads that exchange blocks; ten times the iterations of bench.sh",
    ),
    timed(
        entry("rptestN", "rptest {n} 0 1 2 500 1000 100 8 16000", "", "by operations a CPU second"),
        Reading::Rptest,
    ),
];

/// The suite's rows whose programs are there.
pub fn rows(form: Form, folder: &Path) -> Rows {
    let mut rows = Rows::default();
    // Programs run in a folder of their own, so a relative one would mean something else there.
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.into());
    for entry in &ENTRIES {
        match entry.row(form, &folder) {
            Ok(row) => rows.rows.push(row),
            Err(reason) => rows.skip(entry.name, reason),
        }
    }
    rows
}

impl Entry {
    fn row(&self, form: Form, folder: &Path) -> Result<Row, String> {
        let command = form.choose(self.quick, self.command);
        if command.is_empty() {
            return Err("takes long: only in the full form".into());
        }
        let bench = find(folder, "bench").unwrap_or_default();
        let command = command
            .replace("{n}", &cores().min(16).to_string())
            .replace("{bench}", &bench.to_string_lossy());
        let (command, input) = match command.split_once(" < ") {
            Some((command, input)) => (command, Some(PathBuf::from(input))),
            None => (&command[..], None),
        };
        let mut words = command.split(' ');
        let program = words.next().and_then(|name| find_program(folder, name));
        let program = program.ok_or("its program is not built")?;
        let mut program = Program::new(program, &words.collect::<Vec<_>>());
        (program.stdin, program.reading) = (input, self.reading);
        let is_fixed_time =
            matches!(self.reading, Reading::Larson | Reading::Xmalloc | Reading::GlibcThread);
        let row = Row::new(self.name, "mimalloc-bench", self.measures, program);
        Ok(Row { is_fixed_time, ..row })
    }
}

/// In the folder itself or beside it, so that it may be the suite's or the one with its programs.
fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    folder.ancestors().take(3).map(|folder| folder.join(name)).find(|path| path.is_dir())
}

fn find_program(folder: &Path, name: &str) -> Option<PathBuf> {
    let folders = ["out/bench", "bin", "."].iter().map(|part| folder.join(part));
    folders.map(|folder| folder.join(name)).find(|program| program.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn programs_and_inputs_are_found_from_the_suites_folder() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = |name: &str| folder.path().join(name);
        fs::create_dir_all(path("out/bench")).expect("a folder");
        fs::create_dir_all(path("bench/barnes")).expect("a folder");
        fs::write(path("out/bench/barnes"), "").expect("a file");
        let rows = rows(Form::Full, folder.path());
        assert_eq!(rows.rows.len(), 1);
        assert_eq!(rows.skipped.len(), ENTRIES.len() - 1);
        let crate::rows::Job::Program(program) = &rows.rows[0].job else { panic!("a program") };
        let input = program.stdin.as_ref().expect("it reads a file");
        assert!(input.ends_with("bench/barnes/input") && program.arguments.is_empty());
    }
}
