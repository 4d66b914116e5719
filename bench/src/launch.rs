//! Runs one program once and measures it, through the C program `launch` (which says why).

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use crate::{
    reading::{number_after, resident, Reading},
    results::Run,
};

/// A program to be measured.
#[derive(Clone, Debug)]
pub struct Program {
    /// Its file.
    pub file: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// What it reads from stdin.
    pub stdin: Option<PathBuf>,
    /// What is in its environment besides PATH, HOME, TMPDIR and LC_ALL.
    pub environment: Vec<(&'static str, &'static str)>,
    /// How often it runs in one measurement.
    pub times: u32,
    /// Where its time comes from.
    pub reading: Reading,
    /// Where it is installed, it brings an allocator that isn't the C library's.
    pub has_own_allocator: bool,
}

impl Program {
    /// A program that runs once, reads nothing, and is measured by its wall time.
    pub fn new(file: impl Into<PathBuf>, arguments: &[&str]) -> Self {
        Self {
            file: file.into(),
            arguments: arguments.iter().map(|argument| argument.to_string()).collect(),
            stdin: None,
            environment: Vec::new(),
            times: 1,
            reading: Reading::Wall,
            has_own_allocator: false,
        }
    }
}

/// Where runs take place, and how long one may take.
#[derive(Debug)]
pub struct Place {
    /// A temporary folder: the programs' working directory.
    pub folder: PathBuf,
    /// After so many seconds a run is killed.
    pub limit_s: u32,
}

impl Place {
    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Starts the program under an allocator: its library, or none for the C library's.
    pub fn start(&self, program: &Program, library: Option<&Path>) -> io::Result<Child> {
        let stdin = match &program.stdin {
            Some(path) => Stdio::from(File::open(path)?),
            None => Stdio::null(),
        };
        let _ = fs::remove_file(self.file("figures"));
        let mut command = Command::new(env!("BENCH_LAUNCH"));
        command
            .arg(self.file("figures"))
            .args([self.limit_s.to_string(), program.times.to_string()])
            .arg(&program.file)
            .args(&program.arguments)
            .current_dir(&self.folder)
            .stdin(stdin)
            .stdout(File::create(self.file("output"))?)
            .stderr(File::create(self.file("errors"))?);
        self.set_environment(&mut command, program, library);
        command.spawn()
    }

    /// A small environment, the same for all; but Cairn's own options are handed on.
    fn set_environment(&self, command: &mut Command, program: &Program, library: Option<&Path>) {
        let options = std::env::vars().filter(|(name, _)| name.starts_with("CAIRN"));
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", &self.folder)
            .env("TMPDIR", &self.folder)
            .env("LC_ALL", "C.UTF-8")
            .envs(options)
            .envs(program.environment.iter().copied());
        if let Some(library) = library {
            command.env("LD_PRELOAD", library);
        }
    }

    /// Waits for a started program; the figures, or what went wrong.
    pub fn finish(&self, mut child: Child, program: &Program) -> Result<Run, String> {
        child.wait().map_err(|error| error.to_string())?;
        let figures = fs::read_to_string(self.file("figures")).unwrap_or_default();
        if figures.contains("\nlate") {
            return Err(format!("longer than {} s", self.limit_s));
        }
        if !figures.contains("\nexit 0") {
            return Err(self.explain(figures.lines().last().unwrap_or("not started")));
        }
        if self.errors().contains("cannot be preloaded") {
            return Err(self.explain("not preloaded"));
        }
        let output =
            String::from_utf8_lossy(&fs::read(self.file("output")).unwrap_or_default()).into();
        run_of(&figures, output, program).ok_or_else(|| self.explain("no figure in its output"))
    }

    /// Runs the program from start to end.
    pub fn run(&self, program: &Program, library: Option<&Path>) -> Result<Run, String> {
        let child = self.start(program, library).map_err(|error| error.to_string())?;
        self.finish(child, program)
    }

    fn errors(&self) -> String {
        let bytes = fs::read(self.file("errors")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into()
    }

    /// How it ended, with the first line of its errors.
    fn explain(&self, end: &str) -> String {
        match self.errors().lines().find(|line| !line.trim().is_empty()) {
            Some(line) => format!("{end}: {}", line.chars().take(100).collect::<String>()),
            None => end.into(),
        }
    }
}

/// Puts together what `launch` counted and what the program said.
fn run_of(figures: &str, output: String, program: &Program) -> Option<Run> {
    let wall_ns = number_after(figures, "wall_ns ")?;
    let resident = resident(&output);
    let times = f64::from(program.times);
    let time_ns = program.reading.time_ns(&output, wall_ns / times);
    if time_ns.is_none() && resident.is_none() {
        return None;
    }
    let cpu_ns = number_after(figures, "cpu_ns ")? / times;
    let peak_kib = number_after(figures, "peak_kib ")?;
    let faults = number_after(figures, "faults ")? / times;
    Some(Run { time_ns, resident, wall_ns, cpu_ns, peak_kib, faults })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(file: &str, arguments: &[&str]) -> Result<Run, String> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let place = Place { folder: folder.path().into(), limit_s: 1 };
        place.run(&Program::new(file, arguments), None)
    }

    #[test]
    fn a_run_is_measured() {
        let run = run("/bin/sh", &["-c", "sleep 0.1"]).expect("it runs");
        assert!(run.wall_ns >= 1e8 && run.time_ns == Some(run.wall_ns));
        assert!(run.cpu_ns < run.wall_ns && run.peak_kib > 100.0);
    }

    #[test]
    fn a_small_program_shows_its_own_peak_and_not_the_benchs() {
        let ours = vec![1u8; 64 << 20];
        let run = run("/bin/true", &[]).expect("it runs");
        assert!(run.peak_kib < 16384.0 && ours.len() > 1);
    }

    #[test]
    fn what_went_wrong_is_said() {
        assert_eq!(
            run("/bin/sh", &["-c", "echo why >&2; exit 3"]).err(),
            Some("exit 3: why".into())
        );
        assert_eq!(run("/bin/sh", &["-c", "kill -SEGV $$"]).err(), Some("signal 11".into()));
        assert_eq!(run("/bin/sleep", &["9"]).err(), Some("longer than 1 s".into()));
        assert_eq!(run("/no/such/program", &[]).err(), Some("exit 127".into()));
    }

    #[test]
    fn a_library_that_is_not_loaded_is_no_measurement() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let place = Place { folder: folder.path().into(), limit_s: 1 };
        let run = place.run(&Program::new("/bin/true", &[]), Some(Path::new("/no/such.so")));
        assert!(run.is_err_and(|why| why.starts_with("not preloaded")));
    }
}
