//! The record: packets of text lines, one write each, that the command `cairn` reads. The format is
//! in `docs/record.md`.

use super::stream::{self, Stream, PACKET_BYTES};
use super::{program_path, read_bytes, seen, thread_name, Figures, Occasion};
use crate::memory::find;
use crate::modes::check::finding::{Finding, Where};
use crate::modes::check::leak::{Kind as LossKind, LossRecord, NotRun, Sum, Totals};
use crate::modes::check::stacks::{self, StackNumber};
use crate::modes::check::{budget, function_of};
use crate::os::modules::{self, Changes};
use crate::os::{files, process};
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What the modules' changes added up to when they were last told, plus 1; 0 before.
static MODULES_TOLD: AtomicU64 = AtomicU64::new(0);

pub fn begin(is_forked: bool) {
    MODULES_TOLD.store(0, Relaxed);
    if is_forked {
        seen::forget();
    }
    stream::begin();
    stream::write(|packet| {
        let (process, parent) = (process::id(), process::parent_id());
        let thread = process::thread_number();
        packet.push(format_args!("@ {process} start 1 {parent} {thread}\nprogram "));
        packet.push_name(program_path(&mut [0; 1024]));
        packet.push(format_args!("\nlibrary {}\n", env!("CARGO_PKG_VERSION")));
        if is_forked {
            packet.push(format_args!("forked\n"));
        } else {
            push_arguments(packet);
        }
        packet.push(format_args!(".\n"));
    });
}

fn push_arguments(packet: &mut Stream) {
    /// More are of no use to a reader.
    const ARGUMENTS_BYTES: usize = 8 << 10;
    let mut arguments = [0; ARGUMENTS_BYTES];
    let length = files::read_file(c"/proc/self/cmdline", &mut arguments);
    for argument in arguments[..length].split_inclusive(|byte| *byte == 0) {
        packet.push(format_args!("argument "));
        packet.push_name(argument.strip_suffix(b"\0").unwrap_or(argument));
        packet.push(format_args!("\n"));
    }
}

/// Tells where the modules lie, if that has changed since it was last told.
fn tell_modules() {
    let Changes { loaded, unloaded } = modules::changes();
    let changes = loaded + unloaded + 1;
    if MODULES_TOLD.swap(changes, Relaxed) == changes {
        return;
    }
    // Its lock before that of what is written: another thread may find something in `dlclose`.
    modules::keep_still(write_modules);
}

fn write_modules() {
    stream::write(|packet| {
        packet.push(format_args!("@ {} modules\n", process::id()));
        modules::for_each(|module| {
            let modules::Module { start, end, bias, path, .. } = *module;
            packet.push(format_args!("module {start:x} {end:x} {bias:x} "));
            match module.build_id() {
                [] => packet.push(format_args!("-")),
                bytes => packet.push_hex(bytes),
            }
            packet.push(format_args!(" "));
            match path {
                b"" => packet.push_name(program_path(&mut [0; 1024])),
                _ => packet.push_name(path),
            }
            packet.push(format_args!("\n"));
        });
        packet.push(format_args!(".\n"));
    });
}

pub fn tell(finding: &Finding, number: u32) {
    tell_modules();
    stream::write(|packet| {
        let process = process::id();
        packet.push(format_args!("@ {process} error {} {number}\n", finding.kind.name()));
        packet.push(format_args!("thread {} ", process::thread_number()));
        packet.push_name(thread_name(&mut [0; 16]));
        packet.push(format_args!("\n"));
        push_fault(packet, finding);
        push_call(packet, finding);
        push_block(packet, finding);
        push_stack_at(packet, finding);
        packet.push(format_args!(".\n"));
    });
}

fn push_fault(packet: &mut Stream, finding: &Finding) {
    let Some(fault) = finding.fault else { return };
    let access = match fault.is_write {
        Some(true) => "write",
        Some(false) => "read",
        None => "unknown",
    };
    packet.push(format_args!("access {access} {:x} 0\n", finding.address));
    packet.push(format_args!("signal {} {} {:x}\n", fault.number, fault.code, fault.address));
    let mut code = [0; 16];
    let (name, length) = match finding.watched {
        Some(_) => ("executed", fault.executed_bytes(&mut code)),
        None => ("code", fault.code_bytes(&mut code)),
    };
    if length > 0 {
        packet.push(format_args!("{name} "));
        packet.push_hex(&code[..length]);
        packet.push(format_args!("\n"));
    }
    if let Some(watched) = finding.watched {
        packet.push(format_args!("watched {:x} ", watched.address));
        packet.push_hex(watched.bytes());
        packet.push(format_args!("\n"));
    }
    packet.push(format_args!("registers"));
    const NAMES: [&str; 16] = [
        "rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12",
        "r13", "r14", "r15",
    ];
    for (name, value) in NAMES.iter().zip(fault.registers.general) {
        packet.push(format_args!(" {name}={value:x}"));
    }
    packet.push(format_args!(" rip={:x}\n", fault.registers.pc));
}

fn push_call(packet: &mut Stream, finding: &Finding) {
    if let Some(call) = finding.call {
        packet.push(format_args!("call "));
        packet.push_name(call.function.name().as_bytes());
        packet.push(format_args!(" {:x}", call.address));
        for number in [call.size, call.alignment].into_iter().flatten() {
            packet.push(format_args!(" {number}"));
        }
        packet.push(format_args!("\n"));
    } else if let Some(noticed) = finding.noticed {
        packet.push(format_args!("call {noticed} {:x}\n", finding.address));
    }
    if let Some(foreign) = finding.foreign {
        packet.push(format_args!("foreign {} ", foreign.name()));
        let (_, module) = find::foreign(finding.address);
        packet.push_name(module.as_ref().map_or(b"", |module| module.name()));
        packet.push(format_args!("\n"));
    }
}

fn push_block(packet: &mut Stream, finding: &Finding) {
    let Some(record) = finding.record else { return };
    let state = if record.is_live() { "live" } else { "freed" };
    packet.push(format_args!("block {:x} {} {state} ", record.address, record.size_bytes));
    packet.push_name(record.function.name().as_bytes());
    let guarded = if record.is_guarded() { "guarded" } else { "unguarded" };
    packet.push(format_args!(" {} {} {guarded}\n", record.number, record.thread));
    match finding.place() {
        Some(Where::Inside(bytes)) => packet.push(format_args!("where inside {bytes}\n")),
        Some(Where::After(bytes)) => packet.push(format_args!("where after {bytes}\n")),
        Some(Where::Before(bytes)) => packet.push(format_args!("where before {bytes}\n")),
        None => {}
    }
    if let Some(change) = finding.change {
        let offset = change.start as isize - record.address as isize;
        let mut bytes = [0; 64];
        let length = read_bytes(change.start, change.end, &mut bytes);
        packet.push(format_args!("changed {offset} "));
        packet.push_hex(&bytes[..length]);
        packet.push(format_args!("\n"));
    }
    if let Some(function) = record.freed_by {
        packet.push(format_args!("freed-by "));
        packet.push_name(function.name().as_bytes());
        packet.push(format_args!(" {}\n", record.freed_thread));
    }
    push_stack(packet, "alloc", record.allocated);
    if !record.is_live() {
        push_stack(packet, "free", record.freed);
    }
}

/// Where a finding was: of a fault, the first address is that of the instruction itself.
fn push_stack_at(packet: &mut Stream, finding: &Finding) {
    packet.push(format_args!("stack at"));
    for (index, address) in stacks::frames(finding.at).iter().enumerate() {
        let is_instruction = index == 0 && finding.fault.is_some();
        packet.push(format_args!(" {:x}", address - usize::from(is_instruction)));
    }
    packet.push(format_args!("\n"));
}

fn push_stack(packet: &mut Stream, role: &str, stack: StackNumber) {
    packet.push(format_args!("stack {role}"));
    for address in stacks::frames(stack) {
        packet.push(format_args!(" {address:x}"));
    }
    packet.push(format_args!("\n"));
}

pub fn tell_leaks(
    occasion: Occasion,
    scan: impl FnOnce(&mut dyn FnMut(&LossRecord)) -> Result<Totals, NotRun>,
) -> Option<Totals> {
    tell_modules();
    let name = match occasion {
        Occasion::Exit => "exit",
        Occasion::Demand => "demand",
    };
    let mut totals = None;
    stream::write(|packet| {
        let process = process::id();
        packet.push(format_args!("@ {process} leaks {name}\n"));
        let result = scan(&mut |loss| {
            if packet.length() > PACKET_BYTES - 2048 {
                packet.push(format_args!(".\n"));
                packet.flush();
                packet.push(format_args!("@ {process} leaks {name}\n"));
            }
            push_loss(packet, loss);
        });
        match &result {
            Ok(sums) => push_totals(packet, sums),
            Err(NotRun(reason)) => {
                packet.push(format_args!("not-run "));
                packet.push_name(reason.as_bytes());
                packet.push(format_args!("\n"));
            }
        }
        packet.push(format_args!("end\n.\n"));
        totals = result.ok();
    });
    totals
}

fn push_loss(packet: &mut Stream, loss: &LossRecord) {
    let kind = match loss.kind {
        LossKind::Definite => "definite",
        LossKind::Indirect => "indirect",
        LossKind::Possible => "possible",
        LossKind::Reachable => "reachable",
    };
    let (direct, indirect) = (loss.direct, loss.indirect);
    packet.push(format_args!(
        "loss {kind} {} {} {} {} ",
        direct.bytes, direct.blocks, indirect.bytes, indirect.blocks
    ));
    packet.push_name(function_of(loss.function).name().as_bytes());
    for address in stacks::frames(StackNumber::from_stored(loss.stack)) {
        packet.push(format_args!(" {address:x}"));
    }
    packet.push(format_args!("\n"));
}

fn push_totals(packet: &mut Stream, totals: &Totals) {
    packet.push(format_args!("totals"));
    for sum in [totals.definite, totals.indirect, totals.possible, totals.reachable] {
        let Sum { bytes, blocks } = sum;
        packet.push(format_args!(" {bytes} {blocks}"));
    }
    packet.push(format_args!("\n"));
}

pub fn end(status: &str, figures: &Figures) {
    seen::for_each_repeated(|number, times| {
        let process = process::id();
        stream::write(|packet| {
            packet.push(format_args!("@ {process} again {number} {times}\n.\n"));
        });
    });
    stream::write(|packet| {
        packet.push(format_args!("@ {} end {status}\n", process::id()));
        let Figures { allocations, frees, allocated_bytes, live_bytes, live_blocks } = *figures;
        packet.push(format_args!(
            "heap {allocations} {frees} {allocated_bytes} {live_bytes} {live_blocks}\n"
        ));
        let coverage = budget::coverage(allocations);
        packet.push(format_args!(
            "coverage {} {} {} {}\n.\n",
            coverage.guarded,
            coverage.all,
            coverage.guarded_stacks,
            stacks::count()
        ));
    });
}

pub fn note(text: &str) {
    stream::write(|packet| {
        packet.push(format_args!("@ {} note\nnote ", process::id()));
        packet.push_name(text.as_bytes());
        packet.push(format_args!("\n.\n"));
    });
}
