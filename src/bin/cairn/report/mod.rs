//! The report: takes the packets of a record and writes what they mean.
//!
//! `Session` keeps what is known of each process. A finding (`finding.rs`) is written as soon as
//! its packet came; leaks (`leaks.rs`) and sums follow when the process ends. What a report looks
//! like is a `Form`: `text.rs` or `json.rs`.

mod dump;
pub mod finding;
pub mod json;
pub mod leaks;
pub mod lines;
pub mod output;
mod source;
pub mod text;

use crate::record::{
    Body, Coverage, End, Ending, ErrorRecord, Heap, Kind, Leaks, Module, Packet, Signal, Start,
};
use crate::suppressions::{self, Suppressions};
use crate::symbols::Symbols;
use finding::{Finding, Stack};
use leaks::{Gathered, LeakReport, LeakSettings};
use output::Output;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

/// The last fault of a process, which may be what it dies of.
#[derive(Debug, Clone)]
pub struct Fault {
    pub signal: Signal,
    pub address: u64,
    pub stack: Stack,
}

/// Everything that is said when a process ends.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    pub heap: Option<Heap>,
    pub leaks: Option<LeakReport>,
    pub leak_settings: LeakSettings,
    pub errors: u64,
    pub contexts: u64,
    pub suppressed_errors: u64,
    pub suppressed_contexts: u64,
    pub used_suppressions: Vec<(String, u64)>,
    pub coverage: Option<Coverage>,
    /// Whether the process itself said that it ends.
    pub has_ended: bool,
    /// The signal that it died of.
    pub signal: Option<i32>,
}

/// What a report looks like. Each function gives the text for one occasion.
pub trait Form {
    fn begin(&mut self, pid: u32, start: &Start) -> String;
    fn finding(&mut self, pid: u32, finding: &Finding) -> String;
    fn notes(&mut self, pid: u32, notes: &[String]) -> String;
    /// An entry for a file of suppressions.
    fn suppression(&mut self, entry: &str) -> String;
    /// A process dies of a signal.
    fn death(&mut self, pid: u32, signal: i32, fault: Option<&Fault>) -> String;
    /// A search for leaks while the process goes on.
    fn leaks(&mut self, pid: u32, report: &LeakReport, settings: &LeakSettings) -> String;
    fn summary(&mut self, pid: u32, summary: &Summary) -> String;
}

/// How often an error was seen, and whether it counts.
struct Seen {
    count: u64,
    is_suppressed: bool,
}

/// What is known of a process.
#[derive(Default)]
struct Process {
    modules: Rc<Vec<Module>>,
    seen: HashMap<u64, Seen>,
    /// The faults that were told: what they were, where, and where their blocks came from. The
    /// library counts one twice that a guard showed once and a watchpoint another time.
    faults: HashMap<(Kind, Vec<u64>, Vec<u64>), u64>,
    leaks: Option<Gathered>,
    fault: Option<Fault>,
    has_started: bool,
    program: String,
}

/// The library can't ask for the program's path at every moment; this always leads to it, but only
/// from inside.
const OWN_PROGRAM: &str = "/proc/self/exe";

/// What the reader wants.
pub struct Settings {
    pub leaks: LeakSettings,
    pub generates_suppressions: bool,
}

/// Takes packets and writes a report.
pub struct Session {
    settings: Settings,
    form: Box<dyn Form>,
    output: Output,
    symbols: Box<dyn Symbols>,
    suppressions: Suppressions,
    processes: BTreeMap<u32, Process>,
    errors: u64,
}

impl Session {
    pub fn new(
        settings: Settings,
        form: Box<dyn Form>,
        output: Output,
        symbols: Box<dyn Symbols>,
        suppressions: Suppressions,
    ) -> Self {
        let processes = BTreeMap::new();
        Self { settings, form, output, symbols, suppressions, processes, errors: 0 }
    }

    /// How many errors all processes had, those not counted that were suppressed.
    pub fn errors(&self) -> u64 {
        self.errors
    }

    /// Whether any process has written anything.
    pub fn has_heard(&self) -> bool {
        !self.processes.is_empty()
    }

    /// Takes the next packet.
    pub fn take(&mut self, packet: Packet) {
        let pid = packet.pid;
        match packet.body {
            Body::Start(start) => self.start(pid, &start),
            Body::Modules(modules) => self.modules(pid, modules),
            Body::Error(error) => self.error(pid, *error),
            Body::Again(again) => {
                if let Some(seen) = self.process(pid).seen.get_mut(&again.sequence) {
                    let more = again.count.saturating_sub(seen.count);
                    seen.count += more;
                    if !seen.is_suppressed {
                        self.errors = self.errors.saturating_add(more);
                    }
                }
            }
            Body::Leaks(leaks) => self.leaks(pid, leaks),
            Body::End(end) => self.end(pid, &end),
            Body::Notes(notes) => {
                let text = self.form.notes(pid, &notes);
                self.output.write(pid, &text);
            }
        }
    }

    /// The processes that have written anything.
    pub fn processes(&self) -> impl Iterator<Item = u32> + '_ {
        self.processes.keys().copied()
    }

    /// The process has ended, of `signal` if it is one. Closes its report, if it said nothing of
    /// its end.
    pub fn end_of(&mut self, pid: u32, signal: Option<i32>) {
        if self.processes.get(&pid).is_some_and(|process| process.has_started) {
            let why = "the process ended without a word: leaks were not searched for";
            self.close_early(pid, why, signal);
        }
    }

    /// Says of the processes that are still open that their reports come later.
    pub fn note_open(&mut self) {
        for pid in self.open_processes() {
            let why = "the process outlives the program: its report follows when it ends";
            let text = self.form.notes(pid, &[why.to_string()]);
            self.output.write(pid, &text);
        }
    }

    fn open_processes(&self) -> Vec<u32> {
        let open = self.processes.iter().filter(|(_, process)| process.has_started);
        open.map(|(pid, _)| *pid).collect()
    }

    /// Nothing more comes: closes all reports that are open.
    pub fn finish(&mut self) {
        for pid in self.open_processes() {
            self.close_early(pid, "the record doesn't have the end of this process", None);
        }
    }

    fn close_early(&mut self, pid: u32, why: &str, signal: Option<i32>) {
        let text = self.form.notes(pid, &[why.to_string()]);
        self.output.write(pid, &text);
        self.close(pid, None, signal);
    }

    fn process(&mut self, pid: u32) -> &mut Process {
        self.processes.entry(pid).or_default()
    }

    /// A process begins, or the same process with another program.
    fn start(&mut self, pid: u32, start: &Start) {
        let program = start.program.clone();
        let process = Process { has_started: true, program, ..Process::default() };
        self.processes.insert(pid, process);
        let text = self.form.begin(pid, start);
        self.output.write(pid, &text);
    }

    fn modules(&mut self, pid: u32, mut modules: Vec<Module>) {
        let process = self.process(pid);
        for module in modules.iter_mut().filter(|module| module.path == OWN_PROGRAM) {
            module.path.clone_from(&process.program);
        }
        process.modules = Rc::new(modules);
    }

    fn error(&mut self, pid: u32, error: ErrorRecord) {
        let modules = Rc::clone(&self.process(pid).modules);
        let (kind, sequence) = (error.kind, error.sequence);
        let finding = Finding::new(error, &modules, self.symbols.as_mut());
        if self.is_told(pid, &finding) {
            return;
        }
        if let (Some(signal), None) = (finding.record.signal, &finding.record.watched) {
            let (address, stack) = (finding.address(), finding.at.clone());
            self.process(pid).fault = Some(Fault { signal, address, stack });
        }
        // A signal that no access to memory raised is told when the process dies of it.
        if kind == Kind::FatalSignal && !is_access(&finding) {
            return;
        }
        let subject = finding.subject();
        let is_suppressed = self.suppressions.suppress(&subject, finding.culprit());
        self.process(pid).seen.insert(sequence, Seen { count: 1, is_suppressed });
        if is_suppressed {
            return;
        }
        self.errors = self.errors.saturating_add(1);
        let mut text = self.form.finding(pid, &finding);
        if self.settings.generates_suppressions {
            let entry = suppressions::entry(&subject, finding.culprit());
            text.push_str(&self.form.suppression(&entry));
        }
        self.output.write(pid, &text);
    }

    /// Whether a fault was told before; then it counts once more.
    fn is_told(&mut self, pid: u32, finding: &Finding) -> bool {
        let record = &finding.record;
        if !record.is_fault() {
            return false;
        }
        let key = (record.kind, record.stack_with_instruction(), record.allocation.clone());
        let process = self.process(pid);
        let first = *process.faults.entry(key).or_insert(record.sequence);
        match process.seen.get_mut(&first) {
            Some(seen) if first != record.sequence => seen.count += 1,
            _ => return false,
        }
        true
    }

    fn leaks(&mut self, pid: u32, leaks: Leaks) {
        let process = self.process(pid);
        let modules = Rc::clone(&process.modules);
        let is_whole = leaks.is_last || leaks.not_run.is_some();
        let on_demand = !leaks.is_at_exit;
        process.leaks.get_or_insert_default().add(leaks, &modules);
        if !(is_whole && on_demand) {
            return;
        }
        if let Some(report) = self.take_leaks(pid) {
            let text = self.form.leaks(pid, &report, &self.settings.leaks);
            self.output.write(pid, &text);
        }
    }

    /// The leaks that were gathered for a process, with their names.
    fn take_leaks(&mut self, pid: u32) -> Option<LeakReport> {
        let gathered = self.process(pid).leaks.take()?;
        let mut report =
            gathered.name(&self.settings.leaks, self.symbols.as_mut(), &mut self.suppressions);
        if self.settings.generates_suppressions {
            report.add_entries(&self.settings.leaks);
        }
        Some(report)
    }

    fn end(&mut self, pid: u32, end: &End) {
        if !end.notes.is_empty() {
            let text = self.form.notes(pid, &end.notes);
            self.output.write(pid, &text);
        }
        let signal = match end.ending {
            Ending::Signal(number) => Some(number),
            Ending::Abort => Some(libc::SIGABRT),
            _ => None,
        };
        if let Ending::Exec(_) = end.ending {
            // The process goes on with another program, which starts a report of its own.
            if self.process(pid).seen.is_empty() {
                self.process(pid).has_started = false;
                return;
            }
        }
        self.close(pid, Some(end), signal);
    }

    /// The last words on a process.
    fn close(&mut self, pid: u32, end: Option<&End>, signal: Option<i32>) {
        if let Some(number) = signal {
            let fault = self.process(pid).fault.take();
            let fault = fault.filter(|fault| fault.signal.number == number);
            let text = self.form.death(pid, number, fault.as_ref());
            self.output.write(pid, &text);
        }
        self.write_summary(pid, end, signal);
        self.process(pid).has_started = false;
    }

    fn write_summary(&mut self, pid: u32, end: Option<&End>, signal: Option<i32>) {
        let leaks = self.take_leaks(pid);
        let mut summary = Summary {
            heap: end.and_then(|end| end.heap),
            coverage: end.and_then(|end| end.coverage),
            leak_settings: self.settings.leaks.clone(),
            has_ended: end.is_some(),
            signal,
            used_suppressions: self
                .suppressions
                .used()
                .map(|(name, count)| (name.to_string(), count))
                .collect(),
            leaks,
            ..Summary::default()
        };
        for seen in self.process(pid).seen.values() {
            summary.count(seen.count, seen.is_suppressed);
        }
        let counted_before = summary.errors;
        summary.count_leaks();
        self.errors = self.errors.saturating_add(summary.errors - counted_before);
        let text = self.form.summary(pid, &summary);
        self.output.write(pid, &text);
    }
}

impl Summary {
    fn count(&mut self, errors: u64, is_suppressed: bool) {
        if is_suppressed {
            self.suppressed_errors = self.suppressed_errors.saturating_add(errors);
            self.suppressed_contexts += 1;
        } else {
            self.errors = self.errors.saturating_add(errors);
            self.contexts += 1;
        }
    }

    /// Each loss record that is an error counts as one.
    fn count_leaks(&mut self) {
        let losses = self.leaks.iter().flat_map(|report| &report.losses);
        let settings = &self.leak_settings;
        let suppressed = losses.clone().filter(|loss| loss.is_suppressed).count();
        let errors = losses.filter(|loss| loss.is_error(settings)).count();
        for _ in 0..suppressed {
            self.count(1, true);
        }
        for _ in 0..errors {
            self.count(1, false);
        }
    }
}

fn is_access(finding: &Finding) -> bool {
    let number = finding.record.signal.map(|signal| signal.number);
    matches!(number, Some(libc::SIGSEGV | libc::SIGBUS))
}
