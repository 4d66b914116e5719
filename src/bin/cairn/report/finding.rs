//! A finding: an error of the record with its stacks named and its instruction decoded, and what
//! that means: its title, its CWE number, how certain it is, what suppresses it.

use crate::record::{Access, Block, Direction, ErrorRecord, Kind, Module, Side};
use crate::suppressions::Subject;
use crate::symbols::{self, Frame, Symbols};
use crate::{executed, instruction};
use std::rc::Rc;

/// The function of the library that was called, if any, and the frames that led to it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stack {
    pub function: Option<String>,
    pub frames: Vec<Frame>,
}

impl Stack {
    pub fn is_empty(&self) -> bool {
        self.function.is_none() && self.frames.is_empty()
    }
}

/// How certain it is that the program has this fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certainty {
    Certain,
    Likely,
    Possible,
}

impl Certainty {
    pub fn name(self) -> &'static str {
        match self {
            Certainty::Certain => "certain",
            Certainty::Likely => "likely",
            Certainty::Possible => "possible",
        }
    }
}

/// An error with everything that can be said about it.
#[derive(Debug, Clone)]
pub struct Finding {
    pub record: ErrorRecord,
    pub access: Option<Access>,
    pub at: Stack,
    pub allocation: Stack,
    pub release: Stack,
}

/// Further from a block than this, a fault need not have anything to do with it.
const NEAR_BYTES: u64 = 4096;

impl Finding {
    /// Names the stacks of an error with the modules of the moment.
    pub fn new(
        mut record: ErrorRecord,
        modules: &Rc<Vec<Module>>,
        symbols: &mut dyn Symbols,
    ) -> Self {
        executed::resolve(&mut record);
        let mut named = |function: Option<String>, addresses: &[u64], is_fault| Stack {
            function: function.filter(|name| !name.is_empty()),
            frames: symbols::stack(symbols, modules, addresses, is_fault),
        };
        let at = record.stack_with_instruction();
        let block = record.block.as_ref();
        let called = record.call.as_ref().map(|call| call.function.clone());
        Self {
            access: instruction::access(&record),
            at: named(called.filter(|name| !is_a_moment(name)), &at, record.is_fault()),
            allocation: named(block.map(|b| b.function.clone()), &record.allocation, false),
            release: named(record.freed_by.clone(), &record.release, false),
            record,
        }
    }

    /// Whether it was noticed only later, in a place that has nothing to do with it.
    fn is_late(&self) -> bool {
        self.record.changed.is_some()
            && self.record.call.as_ref().is_none_or(|call| is_a_moment(&call.function))
    }

    /// Where it was found, if that means anything.
    pub fn shown_at(&self) -> Option<&Stack> {
        (!self.is_late()).then_some(&self.at)
    }

    /// The stack by which the error is known: suppressions are compared with it. Of a write that
    /// was found by what it changed, nobody knows where it happened, but where its block came from.
    pub fn culprit(&self) -> &Stack {
        if self.record.changed.is_some() {
            &self.allocation
        } else {
            &self.at
        }
    }

    /// The address that the error is about.
    pub fn address(&self) -> u64 {
        let record = &self.record;
        match (&record.block, &record.changed) {
            (Some(block), Some(changed)) => block.address.wrapping_add_signed(changed.offset),
            _ => self
                .access
                .map(|access| access.address)
                .or(record.call.as_ref().map(|call| call.address))
                .or(record.signal.map(|signal| signal.address))
                .unwrap_or(0),
        }
    }

    /// How the address lies to the block; nothing if it doesn't, because a pointer that was loaded
    /// from the block led there.
    pub fn place(&self) -> Option<(Side, u64)> {
        let record = &self.record;
        if record.kind == Kind::PoisonPointer {
            return None;
        }
        if let Some(place) = record.place {
            return Some((place.side, place.offset));
        }
        record.block.as_ref().map(|block| side_of(block, self.address()))
    }

    /// What happened, in valgrind's words where it has any.
    pub fn title(&self) -> String {
        let record = &self.record;
        match record.kind {
            Kind::InvalidRead | Kind::InvalidWrite | Kind::InvalidAccess => self.access_title(),
            Kind::FatalSignal if self.is_jump() => {
                "Jump to the invalid address stated on the next line".to_string()
            }
            Kind::FatalSignal => self.access_title(),
            Kind::Overrun | Kind::Underrun | Kind::WriteAfterFree => self.change_title(),
            Kind::DoubleFree | Kind::InvalidFree | Kind::InvalidRealloc => {
                "Invalid free() / delete / delete[] / realloc()".to_string()
            }
            Kind::InvalidUsableSize => "Invalid malloc_usable_size()".to_string(),
            Kind::MismatchedFree => "Mismatched free() / delete / delete []".to_string(),
            Kind::WrongSize => {
                let given = record.call.as_ref().and_then(|call| call.size);
                let given = given.map_or("unknown".to_string(), |size| size.to_string());
                format!("Mismatched size value given when a block was freed: {given}")
            }
            Kind::PoisonPointer => {
                let source = if self.is_block_freed() { "freed" } else { "uninitialised" };
                format!("Use of a pointer that was loaded from {source} memory")
            }
            Kind::SystemCall => {
                format!("Syscall param {} points to unaddressable byte(s)", self.parameter())
            }
        }
    }

    fn access_title(&self) -> String {
        let access = self.access;
        let direction = match (self.record.kind, access.map(|access| access.direction)) {
            (Kind::InvalidRead, _) | (_, Some(Direction::Read)) => "read",
            (Kind::InvalidWrite, _) | (_, Some(Direction::Write)) => "write",
            _ => "access",
        };
        match access.map_or(0, |access| access.size) {
            0 => format!("Invalid {direction}"),
            size => format!("Invalid {direction} of size {size}"),
        }
    }

    fn change_title(&self) -> String {
        let count = self.record.changed.as_ref().map_or(0, |changed| changed.bytes.len());
        let size = self.record.block.as_ref().map_or(0, |block| block.size);
        let found = self.found_when();
        match self.record.kind {
            Kind::Overrun => format!(
                "Heap block overrun: {count} bytes written past the end of a block of size \
                 {size}, {found}"
            ),
            Kind::Underrun => format!(
                "Heap block underrun: {count} bytes written before the start of a block of size \
                 {size}, {found}"
            ),
            _ => format!(
                "Write after free: {count} bytes written in a freed block of size {size}, {found}"
            ),
        }
    }

    fn found_when(&self) -> String {
        match self.record.call.as_ref().map(|call| call.function.as_str()) {
            Some("quarantine") => "found when it left the quarantine".to_string(),
            Some("exit") => "found at exit".to_string(),
            Some("check") => "found by a check of the heap".to_string(),
            Some("realloc") => "found when it was reallocated".to_string(),
            Some(_) => "found when it was freed".to_string(),
            None => "found later".to_string(),
        }
    }

    /// Whether the processor was to execute the address.
    pub fn is_jump(&self) -> bool {
        let (pointer, signal) = (self.record.instruction(), self.record.signal);
        pointer.is_some() && pointer == signal.map(|signal| signal.address)
    }

    fn is_block_freed(&self) -> bool {
        self.record.block.as_ref().is_some_and(|block| block.is_freed)
    }

    /// The system call's parameter, as valgrind names it.
    pub fn parameter(&self) -> String {
        let function = self.record.call.as_ref().map_or("", |call| call.function.as_str());
        // The kernel's own names, which valgrind's files of suppressions have.
        let (function, parameter) = match function {
            "recv" => ("recvfrom", "buf"),
            "send" | "sendto" => ("sendto", "msg"),
            "pread" => ("pread64", "buf"),
            "pwrite" => ("pwrite64", "buf"),
            "sendmsg" | "recvmsg" | "sendmmsg" | "recvmmsg" => (function, "msg"),
            "writev" | "readv" | "preadv" | "pwritev" | "preadv2" | "pwritev2" => {
                (function, "vector[...]")
            }
            "open" | "openat" | "stat" | "access" => (function, "filename"),
            _ => (function, "buf"),
        };
        format!("{function}({parameter})")
    }

    /// The number of the weakness in the Common Weakness Enumeration.
    pub fn cwe(&self) -> Option<u32> {
        let writes = self.access.is_some_and(|access| access.direction == Direction::Write);
        match self.record.kind {
            Kind::DoubleFree => Some(415),
            Kind::InvalidFree | Kind::InvalidRealloc | Kind::InvalidUsableSize => {
                Some(match self.place() {
                    _ if self.is_block_freed() => 416,
                    Some((Side::Inside, offset)) if offset != 0 => 761,
                    _ => 590,
                })
            }
            Kind::MismatchedFree => Some(762),
            Kind::WrongSize => Some(687),
            Kind::Overrun => Some(122),
            Kind::Underrun => Some(124),
            Kind::WriteAfterFree => Some(416),
            Kind::PoisonPointer if self.is_block_freed() => Some(416),
            Kind::PoisonPointer => Some(457),
            Kind::FatalSignal => (self.address() < NEAR_BYTES && !self.is_jump()).then_some(476),
            _ if self.is_block_freed() => Some(416),
            _ => match self.place()?.0 {
                Side::Before if writes => Some(124),
                Side::Before => Some(127),
                _ if writes => Some(122),
                _ => Some(126),
            },
        }
    }

    pub fn certainty(&self) -> Certainty {
        let is_far = self.place().is_some_and(|(_, offset)| offset > NEAR_BYTES);
        match self.record.kind {
            Kind::PoisonPointer => Certainty::Likely,
            Kind::InvalidRead | Kind::InvalidWrite | Kind::InvalidAccess
                if is_far && !self.is_block_freed() =>
            {
                Certainty::Likely
            }
            _ => Certainty::Certain,
        }
    }

    /// What it is, for the suppressions.
    pub fn subject(&self) -> Subject {
        let size = self.access.map(|access| access.size).filter(|size| *size != 0);
        match self.record.kind {
            Kind::PoisonPointer => Subject::Value,
            Kind::SystemCall => Subject::Parameter(self.parameter()),
            Kind::InvalidRead
            | Kind::InvalidWrite
            | Kind::InvalidAccess
            | Kind::FatalSignal
            | Kind::Overrun
            | Kind::Underrun
            | Kind::WriteAfterFree => Subject::Address(size),
            _ => Subject::Free,
        }
    }
}

/// A word of the record that says when, rather than in which call, something was noticed.
fn is_a_moment(function: &str) -> bool {
    matches!(function, "quarantine" | "check" | "exit")
}

fn side_of(block: &Block, address: u64) -> (Side, u64) {
    let distance = address.wrapping_sub(block.address);
    if address < block.address {
        (Side::Before, block.address - address)
    } else if distance < block.size {
        (Side::Inside, distance)
    } else {
        (Side::After, distance - block.size)
    }
}
