//! The report as text, in valgrind's form and words.

mod summary;

use super::finding::{Finding, Stack};
use super::leaks::{LeakReport, LeakSettings, NamedLoss};
use super::lines::{grouped, Lines, Palette, Style};
use super::source::Sources;
use super::{dump, Fault, Form, Summary};
use crate::record::{Block, Kind, LossKind, Side, Signal, Start, SI_KERNEL};
use crate::symbols::{names, Frame};

/// What the text is to contain.
#[derive(Debug, Clone, Default)]
pub struct TextSettings {
    pub palette: Palette,
    pub is_quiet: bool,
    pub is_verbose: bool,
    pub shows_source: bool,
    pub demangles: bool,
    /// More frames of a stack aren't shown.
    pub frames_max: usize,
}

/// Writes text.
#[derive(Default)]
pub struct Text {
    settings: TextSettings,
    sources: Sources,
    /// The process and thread of which the report speaks.
    thread: Option<(u32, u32)>,
}

impl Text {
    pub fn new(settings: TextSettings) -> Self {
        Self { settings, ..Self::default() }
    }

    fn lines(&self, pid: u32) -> Lines {
        Lines::new(pid, self.settings.palette)
    }

    fn stack(&self, lines: &mut Lines, stack: &Stack) {
        let mut word = "at";
        if let Some(function) = &stack.function {
            lines.add(format!("   at {function}"));
            word = "by";
        }
        for frame in stack.frames.iter().take(self.settings.frames_max) {
            lines.add(format!("   {word} 0x{:X}: {}", frame.address, self.frame(frame)));
            word = "by";
        }
    }

    /// A frame as `function (file.c:12)` or `function (in /path)`.
    fn frame(&self, frame: &Frame) -> String {
        let name = match &frame.symbol {
            Some(symbol) if self.settings.demangles => names::readable(symbol),
            Some(symbol) => symbol.clone(),
            None => "???".to_string(),
        };
        let file = frame.file.as_ref().and_then(|file| file.file_name());
        match (file, frame.line, &frame.module) {
            (Some(file), Some(line), _) => format!("{name} ({}:{line})", file.to_string_lossy()),
            (Some(file), None, _) => format!("{name} ({})", file.to_string_lossy()),
            (None, _, Some(module)) => format!("{name} (in {})", module.path),
            (None, _, None) => name,
        }
    }

    fn source(&mut self, lines: &mut Lines, stack: &Stack) {
        if self.settings.shows_source {
            for (style, line) in self.sources.excerpt(&stack.frames) {
                lines.styled(style, line);
            }
        }
    }

    /// Says which thread it was, when that isn't the main one nor the one before.
    fn thread(&mut self, lines: &mut Lines, pid: u32, finding: &Finding) {
        let Some(thread) = &finding.record.thread else { return };
        let is_new = match self.thread.replace((pid, thread.id)) {
            Some(before) => before != (pid, thread.id),
            None => thread.id != pid,
        };
        if is_new && thread.name.is_empty() {
            lines.add(format!("Thread {}:", thread.id));
        } else if is_new {
            lines.add(format!("Thread {} {}:", thread.id, thread.name));
        }
    }

    fn block(&self, lines: &mut Lines, finding: &Finding) {
        let Some(block) = &finding.record.block else {
            lines.add(format!(" {}", elsewhere(finding)));
            return;
        };
        let ending = if block.is_freed { "free'd" } else { "alloc'd" };
        lines.add(format!(
            " Address 0x{:x} {} {ending}",
            finding.address(),
            relation(finding, block)
        ));
        if block.is_freed {
            self.stack(lines, &finding.release);
            if !finding.allocation.is_empty() {
                lines.add(" Block was alloc'd at");
            }
        }
        self.stack(lines, &finding.allocation);
        let thread = finding.record.thread.as_ref().map_or(block.thread, |thread| thread.id);
        if thread != block.thread && block.thread != 0 {
            lines.add(format!(" Block was alloc'd by thread {}", block.thread));
        }
    }

    fn changed(&self, lines: &mut Lines, finding: &Finding) {
        let Some(changed) = &finding.record.changed else { return };
        lines.add(" These bytes were written:");
        for line in dump::lines(finding.address(), &changed.bytes) {
            lines.add(format!("   {line}"));
        }
    }

    fn loss(&mut self, lines: &mut Lines, loss: &NamedLoss, count: usize) {
        lines.styled(Style::Title, loss_title(loss, count));
        self.stack(lines, &loss.stack);
        self.source(lines, &loss.stack);
        lines.blank();
        lines.raw(loss.entry.as_deref().unwrap_or(""));
    }
}

impl Form for Text {
    fn begin(&mut self, pid: u32, start: &Start) -> String {
        let mut lines = self.lines(pid);
        if start.is_forked {
            if self.settings.is_verbose {
                lines.add(format!("Forked from process {}", start.parent));
                lines.blank();
            }
        } else if !self.settings.is_quiet {
            lines.add(format!("Cairn {}, checking memory", start.library));
            let command = match start.arguments.is_empty() {
                true => start.program.clone(),
                false => start.arguments.join(" "),
            };
            lines.add(format!("Command: {command}"));
            if self.settings.is_verbose {
                lines.add(format!("Program: {}", start.program));
                lines.add(format!("Parent process: {}", start.parent));
            }
            lines.blank();
        }
        lines.finish()
    }

    fn finding(&mut self, pid: u32, finding: &Finding) -> String {
        let mut lines = self.lines(pid);
        self.thread(&mut lines, pid, finding);
        if finding.record.kind == Kind::DoubleFree {
            lines.styled(Style::Title, "Double free: the block was freed before");
        }
        lines.styled(Style::Title, finding.title());
        if let Some(at) = finding.shown_at() {
            self.stack(&mut lines, at);
            self.source(&mut lines, at);
        }
        self.changed(&mut lines, finding);
        self.block(&mut lines, finding);
        lines.blank();
        lines.finish()
    }

    fn notes(&mut self, pid: u32, notes: &[String]) -> String {
        let mut lines = self.lines(pid);
        for note in notes {
            lines.add(format!("Note: {note}"));
        }
        lines.finish()
    }

    fn suppression(&mut self, entry: &str) -> String {
        entry.to_string()
    }

    fn death(&mut self, pid: u32, number: i32, fault: Option<&Fault>) -> String {
        let mut lines = self.lines(pid);
        lines.blank();
        let name = signal_name(number);
        let title = format!("Process terminating with default action of signal {number} ({name})");
        lines.styled(Style::Title, title);
        if let Some(fault) = fault {
            if let Some(reason) = reason(&fault.signal, fault.address) {
                lines.add(format!(" {reason}"));
            }
            self.stack(&mut lines, &fault.stack);
        }
        lines.finish()
    }

    fn leaks(&mut self, pid: u32, report: &LeakReport, settings: &LeakSettings) -> String {
        let mut lines = self.lines(pid);
        self.search(&mut lines, report, settings);
        lines.finish()
    }

    fn summary(&mut self, pid: u32, summary: &Summary) -> String {
        self.summary_lines(pid, summary).finish()
    }
}

/// What an address has to do with a block.
fn relation(finding: &Finding, block: &Block) -> String {
    let size = grouped(block.size);
    if finding.record.kind == Kind::PoisonPointer {
        return format!(
            "is what such memory is filled with; it was read from a block of size {size}"
        );
    }
    let (side, offset) = finding.place().unwrap_or((Side::Inside, 0));
    let side = match side {
        Side::Inside => "inside",
        Side::After => "after",
        Side::Before => "before",
    };
    format!("is {} bytes {side} a block of size {size}", grouped(offset))
}

/// Where an address leads that belongs to no block.
fn elsewhere(finding: &Finding) -> String {
    let foreign = finding.record.foreign.as_ref();
    let rest = match foreign.map(|foreign| (foreign.kind.as_str(), foreign.name.as_str())) {
        Some(("stack", _)) => "is on a thread's stack".to_string(),
        Some(("data", name)) if !name.is_empty() => format!("is in the data of {name}"),
        Some(("libc-heap", _)) => "is in the C library's own heap".to_string(),
        _ => "is not stack'd, malloc'd or (recently) free'd".to_string(),
    };
    format!("Address 0x{:x} {rest}", finding.address())
}

fn loss_title(named: &NamedLoss, count: usize) -> String {
    let loss = &named.loss;
    let bytes = match loss.indirect_bytes {
        0 => grouped(loss.bytes),
        indirect => format!(
            "{} ({} direct, {} indirect)",
            grouped(loss.bytes.saturating_add(indirect)),
            grouped(loss.bytes),
            grouped(indirect)
        ),
    };
    let kind = match loss.kind {
        LossKind::Definite => "definitely lost",
        LossKind::Indirect => "indirectly lost",
        LossKind::Possible => "possibly lost",
        LossKind::Reachable => "still reachable",
    };
    format!(
        "{bytes} bytes in {} blocks are {kind} in loss record {} of {}",
        grouped(loss.blocks),
        grouped(named.number as u64),
        grouped(count as u64)
    )
}

/// Why a signal came, in valgrind's words; nothing if a process sent it. The numbers are Linux's
/// `si_code`s.
fn reason(signal: &Signal, address: u64) -> Option<String> {
    let words = match (signal.number, signal.code) {
        (_, SI_KERNEL) => return Some("General Protection Fault".to_string()),
        (libc::SIGSEGV, 1) => "Access not within mapped region",
        (libc::SIGSEGV, 2) => "Bad permissions for mapped region",
        (libc::SIGBUS, 1) => "Invalid address alignment",
        (libc::SIGBUS, 2) => "Non-existent physical address",
        (libc::SIGFPE, 1) => "Integer divide by zero",
        (libc::SIGFPE, 2) => "Integer overflow",
        (libc::SIGILL, 1) => "Illegal opcode",
        (libc::SIGILL, 2) => "Illegal operand",
        _ => return None,
    };
    Some(format!("{words} at address 0x{address:X}"))
}

/// The name of a signal, such as SIGSEGV.
pub fn signal_name(number: i32) -> &'static str {
    const NAMES: [&str; 31] = [
        "SIGHUP",
        "SIGINT",
        "SIGQUIT",
        "SIGILL",
        "SIGTRAP",
        "SIGABRT",
        "SIGBUS",
        "SIGFPE",
        "SIGKILL",
        "SIGUSR1",
        "SIGSEGV",
        "SIGUSR2",
        "SIGPIPE",
        "SIGALRM",
        "SIGTERM",
        "SIGSTKFLT",
        "SIGCHLD",
        "SIGCONT",
        "SIGSTOP",
        "SIGTSTP",
        "SIGTTIN",
        "SIGTTOU",
        "SIGURG",
        "SIGXCPU",
        "SIGXFSZ",
        "SIGVTALRM",
        "SIGPROF",
        "SIGWINCH",
        "SIGIO",
        "SIGPWR",
        "SIGSYS",
    ];
    let index = usize::try_from(number - 1).unwrap_or(usize::MAX);
    NAMES.get(index).copied().unwrap_or("unknown")
}
