//! `cairn check`: runs a program on the library in check mode and reports what it wrote down.

use crate::arguments::{Check, Checker, Guard, LeakCheck, Precise};
use crate::launch::child::{self, Running};
use crate::launch::system::{self, Copy};
use crate::launch::Launch;
use crate::record::reader::Reader;
use crate::report::output::Output;
use crate::report::Session;
use crate::{view, Outcome};
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// So much of a record is read at once.
const STEP_BYTES: usize = 1 << 16;

/// How often processes that outlive the program are looked after.
const STEP: Duration = Duration::from_millis(100);
/// So long a process may take to become another program and open the record.
const EXEC_TAKES: Duration = Duration::from_secs(1);

/// The record of a run, while it grows.
struct Record {
    folder: TempDir,
    file: File,
    reader: Reader,
}

/// Runs the program of these arguments, and comes back with the exit status.
pub fn run(check: &Check) -> Outcome {
    let mut launch = Launch::prepare(&check.program.words)?;
    let mut session = view::session(&check.view, output(check)?)?;
    let mut record = Record::create()?;
    launch.add_options(&options(check, &record.path()));
    let mut running = Running::start(&launch)?;
    let path = record.path();
    let status = running
        .wait(&path, || record.drain(&mut session))
        .map_err(|error| format!("waiting for the program: {error}"))?;
    record.drain(&mut session);
    if !session.has_heard() {
        eprintln!(
            "cairn: {}: the program ran, but its malloc wasn't Cairn's: nothing was checked",
            launch.path.display()
        );
    }
    session.end_of(running.pid(), status.signal());
    let follows_exec = check.checker.trace_children.is_yes();
    match record.is_awaited(&session, follows_exec).then(system::split) {
        // The other one goes on with the record.
        Some(Ok(Copy::First)) => {
            session.note_open();
            record.leave();
        }
        Some(Ok(Copy::Second)) => {
            record.follow(&mut session, follows_exec);
            record.end(&mut session, check)?;
            return Ok(0);
        }
        None | Some(Err(_)) => record.end(&mut session, check)?,
    }
    if session.errors() != 0 && check.error_exitcode != 0 {
        return Ok(check.error_exitcode);
    }
    Ok(child::end_as(status))
}

fn output(check: &Check) -> Result<Output, String> {
    if let Some(template) = &check.log_file {
        return Output::files(template).map_err(|error| format!("--log-file={template}: {error}"));
    }
    match check.log_fd {
        Some(2) | None => Ok(Output::Error),
        Some(number) => system::opened(number)
            .map(Output::Opened)
            .map_err(|error| format!("--log-fd={number}: {error}")),
    }
}

/// The library's options for this run.
fn options(check: &Check, record: &Path) -> String {
    let checker: &Checker = &check.checker;
    let switch = |name: &str, is_on: bool| format!("{name}={}", u8::from(is_on));
    let errors = if checker.error_limit.is_yes() { checker.max_errors } else { u32::MAX };
    let guard = match checker.guard {
        Guard::Auto => "auto",
        Guard::Markers => "markers",
        Guard::Mprotect => "mprotect",
        Guard::No => "none",
    };
    let precise = match checker.precise {
        Precise::Auto => "auto",
        Precise::No => "no",
        Precise::Words => "words",
        Precise::Ints => "ints",
        Precise::Bytes => "bytes",
    };
    let mut options = vec![
        "check=1".to_string(),
        format!("record={}", record.display()),
        switch("children", checker.trace_children.is_yes()),
        switch("leaks", check.view.leak_check != LeakCheck::No),
        switch("on_signal", checker.check_on_signal.is_yes()),
        switch("stop", checker.exit_on_first_error.is_yes()),
        format!("depth={}", check.view.num_callers),
        format!("errors={errors}"),
        format!("guard={guard}"),
        format!("precise={precise}"),
    ];
    options.extend(checker.quarantine.as_ref().map(|size| format!("quarantine={size}")));
    options.extend(checker.guard_budget.map(|percent| format!("budget={percent}")));
    options.join(":")
}

impl Record {
    /// A new record in a folder that only this user can look into.
    fn create() -> Result<Self, String> {
        let made = |error| format!("a folder for the record: {error}");
        let folder = tempfile::Builder::new().prefix("cairn.").tempdir_in(place()).map_err(made)?;
        let path = folder.path().join("record");
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self { folder, file, reader: Reader::default() })
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("record")
    }

    /// Whether processes may still write: one has the record open, or is one that has just become
    /// another program, which will open it.
    fn is_awaited(&self, session: &Session, follows_exec: bool) -> bool {
        system::is_open_elsewhere(&self.file) || follows_exec && session.processes().any(is_alive)
    }

    /// Reports what the processes that outlive the program find, until they have ended.
    fn follow(&mut self, session: &mut Session, follows_exec: bool) {
        let mut last_open = Instant::now();
        while self.is_awaited(session, follows_exec && last_open.elapsed() < EXEC_TAKES) {
            if system::is_open_elsewhere(&self.file) {
                last_open = Instant::now();
            }
            std::thread::sleep(STEP);
            self.drain(session);
        }
    }

    /// Leaves the record to another process.
    fn leave(self) {
        // What the destructor would do is remove the folder.
        std::mem::forget(self);
    }

    /// Closes the report, and keeps the record if that is wanted.
    fn end(mut self, session: &mut Session, check: &Check) -> Result<(), String> {
        self.drain(session);
        session.finish();
        let Some(target) = &check.save_record else { return Ok(()) };
        std::fs::copy(self.path(), target)
            .map(drop)
            .map_err(|error| format!("--save-record={}: {error}", target.display()))
    }

    /// Reports what was written since the last time.
    fn drain(&mut self, session: &mut Session) {
        let mut bytes = vec![0; STEP_BYTES];
        let mut packets = Vec::new();
        while let Ok(count @ 1..) = self.file.read(&mut bytes) {
            self.reader.push(&bytes[..count], &mut packets);
            packets.drain(..).for_each(|packet| session.take(packet));
        }
    }
}

/// Whether there is such a process, and it hasn't ended.
fn is_alive(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    // The state follows the name, which may hold anything.
    status.is_ok_and(|line| {
        let state = line.rsplit_once(')').and_then(|(_, rest)| rest.trim_start().chars().next());
        !matches!(state, Some('Z' | 'X'))
    })
}

/// Where temporary files go; a colon would end the option that names the record.
fn place() -> PathBuf {
    let usual = std::env::temp_dir();
    match usual.as_os_str().as_bytes().contains(&b':') || usual.to_str().is_none() {
        true => PathBuf::from("/tmp"),
        false => usual,
    }
}
