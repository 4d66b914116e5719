//! The report as JSON: one object a line. `docs/json.md` describes them.

use super::finding::{Finding, Stack};
use super::leaks::{LeakReport, LeakSettings, NamedLoss};
use super::{Fault, Form, Summary};
use crate::record::{Amount, Direction, LossKind, Side, Start};
use crate::symbols::{names, Frame};
use serde::Serialize;

/// Writes JSON.
pub struct Json {
    pub demangles: bool,
    /// More frames of a stack aren't written.
    pub frames_max: usize,
}

#[derive(Serialize)]
struct FrameObject<'a> {
    address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    build_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    module: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<u32>,
    inlined: bool,
}

#[derive(Serialize)]
struct StackObject<'a> {
    role: &'static str,
    /// The function of the allocator that was called.
    #[serde(skip_serializing_if = "Option::is_none")]
    call: Option<&'a str>,
    frames: Vec<FrameObject<'a>>,
}

#[derive(Serialize)]
struct AccessObject {
    direction: &'static str,
    address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
}

#[derive(Serialize)]
struct BlockObject<'a> {
    address: String,
    size: u64,
    state: &'static str,
    allocated_by: &'a str,
    number: u64,
    thread: u32,
    guarded: bool,
    /// How the address lies to the block: inside, after or before, and by how many bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    side: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<u64>,
}

#[derive(Serialize)]
struct ChangedObject {
    /// From the block's start.
    offset: i64,
    bytes: String,
}

#[derive(Serialize)]
struct ThreadObject<'a> {
    id: u32,
    name: &'a str,
}

#[derive(Serialize)]
struct SignalObject {
    number: i32,
    name: &'static str,
    code: i32,
    address: String,
}

#[derive(Serialize)]
struct ErrorObject<'a> {
    kind: String,
    pid: u32,
    sequence: u64,
    cwe: Option<u32>,
    certainty: &'static str,
    message: String,
    address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    thread: Option<ThreadObject<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    access: Option<AccessObject>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signal: Option<SignalObject>,
    #[serde(skip_serializing_if = "Option::is_none")]
    block: Option<BlockObject<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changed: Option<ChangedObject>,
    #[serde(skip_serializing_if = "Option::is_none")]
    leads_to: Option<&'a str>,
    stacks: Vec<StackObject<'a>>,
}

#[derive(Serialize)]
struct LeakObject<'a> {
    kind: &'static str,
    pid: u32,
    cwe: Option<u32>,
    certainty: &'static str,
    message: String,
    leak: &'static str,
    bytes: u64,
    blocks: u64,
    indirect_bytes: u64,
    indirect_blocks: u64,
    stacks: Vec<StackObject<'a>>,
}

#[derive(Serialize)]
struct AmountObject {
    bytes: u64,
    blocks: u64,
}

#[derive(Serialize)]
struct LeakSummaryObject<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    not_run: Option<&'a str>,
    definite: AmountObject,
    indirect: AmountObject,
    possible: AmountObject,
    reachable: AmountObject,
    suppressed: AmountObject,
}

#[derive(Serialize)]
struct HeapObject {
    allocations: u64,
    frees: u64,
    allocated_bytes: u64,
    live_bytes: u64,
    live_blocks: u64,
}

#[derive(Serialize)]
struct CoverageObject {
    guarded: u64,
    allocations: u64,
    guarded_stacks: u64,
    stacks: u64,
}

#[derive(Serialize)]
struct LeakCheckObject<'a> {
    kind: &'static str,
    pid: u32,
    leaks: LeakSummaryObject<'a>,
}

#[derive(Serialize)]
struct SummaryObject<'a> {
    kind: &'static str,
    pid: u32,
    errors: u64,
    contexts: u64,
    suppressed_errors: u64,
    suppressed_contexts: u64,
    /// Whether the process said that it ends.
    ended: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    signal: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    heap: Option<HeapObject>,
    #[serde(skip_serializing_if = "Option::is_none")]
    leaks: Option<LeakSummaryObject<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    coverage: Option<CoverageObject>,
}

#[derive(Serialize)]
struct StartObject<'a> {
    kind: &'static str,
    pid: u32,
    parent: u32,
    program: &'a str,
    arguments: &'a [String],
    library: &'a str,
    forked: bool,
}

#[derive(Serialize)]
struct NoteObject<'a> {
    kind: &'static str,
    pid: u32,
    text: &'a str,
}

impl Json {
    fn stacks<'a>(&self, stacks: &[(&'static str, &'a Stack)]) -> Vec<StackObject<'a>> {
        let filled = stacks.iter().filter(|(_, stack)| !stack.is_empty());
        filled
            .map(|(role, stack)| StackObject {
                role,
                call: stack.function.as_deref(),
                frames: stack.frames.iter().take(self.frames_max).map(|f| self.frame(f)).collect(),
            })
            .collect()
    }

    fn frame<'a>(&self, frame: &'a Frame) -> FrameObject<'a> {
        let module = frame.module.as_ref();
        FrameObject {
            address: hex(frame.address),
            build_id: module.and_then(|module| module.build_id.as_deref()),
            offset: module.map(|module| hex(module.offset)),
            module: module.map(|module| module.path.as_str()),
            function: frame.symbol.as_ref().map(|symbol| match self.demangles {
                true => names::readable(symbol),
                false => symbol.clone(),
            }),
            file: frame.file.as_ref().map(|file| file.to_string_lossy().into_owned()),
            line: frame.line,
            column: frame.column,
            inlined: frame.is_inlined,
        }
    }

    fn losses(&mut self, pid: u32, report: &LeakReport, settings: &LeakSettings) -> String {
        let mut text = String::new();
        for named in report.losses.iter().filter(|named| named.is_shown(settings)) {
            text.push_str(&self.loss(pid, named));
            if let Some(entry) = &named.entry {
                text.push_str(&self.suppression(entry));
            }
        }
        text
    }

    fn loss(&self, pid: u32, named: &NamedLoss) -> String {
        let loss = &named.loss;
        let name = loss_name(loss.kind);
        line(&LeakObject {
            kind: "leak",
            pid,
            cwe: (loss.kind != LossKind::Reachable).then_some(401),
            certainty: named.certainty().name(),
            message: format!("{} bytes in {} blocks: {name}", loss.bytes, loss.blocks),
            leak: name,
            bytes: loss.bytes,
            blocks: loss.blocks,
            indirect_bytes: loss.indirect_bytes,
            indirect_blocks: loss.indirect_blocks,
            stacks: self.stacks(&[("alloc", &named.stack)]),
        })
    }
}

impl Form for Json {
    fn begin(&mut self, pid: u32, start: &Start) -> String {
        line(&StartObject {
            kind: "start",
            pid,
            parent: start.parent,
            program: &start.program,
            arguments: &start.arguments,
            library: &start.library,
            forked: start.is_forked,
        })
    }

    fn finding(&mut self, pid: u32, finding: &Finding) -> String {
        let record = &finding.record;
        line(&ErrorObject {
            kind: record.kind.to_string(),
            pid,
            sequence: record.sequence,
            cwe: finding.cwe(),
            certainty: finding.certainty().name(),
            message: finding.title(),
            address: hex(finding.address()),
            thread: record.thread.as_ref().map(|t| ThreadObject { id: t.id, name: &t.name }),
            access: finding.access.map(|access| AccessObject {
                direction: match access.direction {
                    Direction::Read => "read",
                    Direction::Write => "write",
                    Direction::Unknown => "unknown",
                },
                address: hex(access.address),
                size: Some(access.size).filter(|size| *size != 0),
            }),
            signal: record.signal.map(|signal| SignalObject {
                number: signal.number,
                name: super::text::signal_name(signal.number),
                code: signal.code,
                address: hex(signal.address),
            }),
            block: block(finding),
            changed: record.changed.as_ref().map(|changed| ChangedObject {
                offset: changed.offset,
                bytes: crate::symbols::debug_file::hex(&changed.bytes),
            }),
            leads_to: record.foreign.as_ref().map(|foreign| foreign.kind.as_str()),
            stacks: self.stacks(&[
                ("at", &finding.at),
                ("free", &finding.release),
                ("alloc", &finding.allocation),
            ]),
        })
    }

    fn notes(&mut self, pid: u32, notes: &[String]) -> String {
        notes.iter().map(|text| line(&NoteObject { kind: "note", pid, text })).collect()
    }

    fn suppression(&mut self, entry: &str) -> String {
        line(&NoteObject { kind: "suppression", pid: 0, text: entry })
    }

    fn death(&mut self, _: u32, _: i32, _: Option<&Fault>) -> String {
        String::new()
    }

    fn leaks(&mut self, pid: u32, report: &LeakReport, settings: &LeakSettings) -> String {
        let losses = self.losses(pid, report, settings);
        let leaks = leak_summary(report);
        losses + &line(&LeakCheckObject { kind: "leak-check", pid, leaks })
    }

    fn summary(&mut self, pid: u32, summary: &Summary) -> String {
        let mut text = String::new();
        if let Some(report) = &summary.leaks {
            text = self.losses(pid, report, &summary.leak_settings);
        }
        text.push_str(&line(&SummaryObject {
            kind: "summary",
            pid,
            errors: summary.errors,
            contexts: summary.contexts,
            suppressed_errors: summary.suppressed_errors,
            suppressed_contexts: summary.suppressed_contexts,
            ended: summary.has_ended,
            signal: summary.signal,
            heap: summary.heap.map(|heap| HeapObject {
                allocations: heap.allocations,
                frees: heap.frees,
                allocated_bytes: heap.allocated_bytes,
                live_bytes: heap.live.bytes,
                live_blocks: heap.live.blocks,
            }),
            leaks: summary.leaks.as_ref().map(leak_summary),
            coverage: summary.coverage.map(|coverage| CoverageObject {
                guarded: coverage.guarded,
                allocations: coverage.allocations,
                guarded_stacks: coverage.guarded_stacks,
                stacks: coverage.stacks,
            }),
        }));
        text
    }
}

fn block(finding: &Finding) -> Option<BlockObject<'_>> {
    let block = finding.record.block.as_ref()?;
    let place = finding.place();
    Some(BlockObject {
        address: hex(block.address),
        size: block.size,
        state: if block.is_freed { "freed" } else { "live" },
        allocated_by: &block.function,
        number: block.number,
        thread: block.thread,
        guarded: block.is_guarded,
        side: place.map(|(side, _)| match side {
            Side::Inside => "inside",
            Side::After => "after",
            Side::Before => "before",
        }),
        offset: place.map(|(_, offset)| offset),
    })
}

fn leak_summary(report: &LeakReport) -> LeakSummaryObject<'_> {
    let [definite, indirect, possible, reachable] = report.totals.map(amount);
    LeakSummaryObject {
        not_run: report.not_run.as_deref(),
        definite,
        indirect,
        possible,
        reachable,
        suppressed: amount(report.suppressed),
    }
}

fn amount(amount: Amount) -> AmountObject {
    AmountObject { bytes: amount.bytes, blocks: amount.blocks }
}

fn loss_name(kind: LossKind) -> &'static str {
    match kind {
        LossKind::Definite => "definite",
        LossKind::Indirect => "indirect",
        LossKind::Possible => "possible",
        LossKind::Reachable => "reachable",
    }
}

fn hex(number: u64) -> String {
    format!("0x{number:x}")
}

fn line(object: &impl Serialize) -> String {
    // No map with keys that aren't text, and no number that isn't finite: it can't fail.
    let mut text = serde_json::to_string(object).unwrap_or_default();
    text.push('\n');
    text
}
