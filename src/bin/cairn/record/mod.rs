//! The record: what the library in a checked program writes, as packets of text lines.
//!
//! `reader.rs` cuts the bytes of a growing file into packets, `parse.rs` makes them into the types
//! of this file, `words.rs` reads single words. Everything here takes any bytes: what isn't
//! understood is skipped, because a program that broke its memory may write nonsense, and a newer
//! library may know more than this command.

mod parse;
pub mod reader;
mod words;

use std::fmt;

/// One packet: what one process said at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Packet {
    /// The process that wrote it.
    pub pid: u32,
    /// What it says.
    pub body: Body,
}

/// What a packet can say.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// A process begins.
    Start(Start),
    /// All modules that are mapped now.
    Modules(Vec<Module>),
    /// An error was found.
    Error(Box<ErrorRecord>),
    /// How often an error was seen in all.
    Again(Again),
    /// A part of a list of leaks.
    Leaks(Leaks),
    /// A process ends.
    End(End),
    /// Remarks about the checking itself.
    Notes(Vec<String>),
}

/// A process begins.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Start {
    /// The version of the record's format.
    pub version: u32,
    /// The parent's process id.
    pub parent: u32,
    /// The path of the program.
    pub program: String,
    /// The program's arguments, its own name first.
    pub arguments: Vec<String>,
    /// The library's version.
    pub library: String,
    /// Whether this is a fork's child of a process that the record knows.
    pub is_forked: bool,
}

/// A file that is mapped into the process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Module {
    /// The first address.
    pub start: u64,
    /// The address after the last one.
    pub end: u64,
    /// What to subtract from an address to get the one that the file knows.
    pub bias: u64,
    /// The build id in hex, or nothing.
    pub build_id: Option<String>,
    /// The file.
    pub path: String,
}

/// What kind of error was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    InvalidRead,
    InvalidWrite,
    InvalidAccess,
    Overrun,
    Underrun,
    WriteAfterFree,
    DoubleFree,
    InvalidFree,
    InvalidRealloc,
    InvalidUsableSize,
    MismatchedFree,
    WrongSize,
    PoisonPointer,
    FatalSignal,
    SystemCall,
}

/// Every kind with its name in the record.
pub const KINDS: [(Kind, &str); 15] = [
    (Kind::InvalidRead, "invalid-read"),
    (Kind::InvalidWrite, "invalid-write"),
    (Kind::InvalidAccess, "invalid-access"),
    (Kind::Overrun, "overrun"),
    (Kind::Underrun, "underrun"),
    (Kind::WriteAfterFree, "write-after-free"),
    (Kind::DoubleFree, "double-free"),
    (Kind::InvalidFree, "invalid-free"),
    (Kind::InvalidRealloc, "invalid-realloc"),
    (Kind::InvalidUsableSize, "invalid-usable-size"),
    (Kind::MismatchedFree, "mismatched-free"),
    (Kind::WrongSize, "wrong-size"),
    (Kind::PoisonPointer, "poison-pointer"),
    (Kind::FatalSignal, "fatal-signal"),
    (Kind::SystemCall, "system-call"),
];

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = KINDS.iter().find(|(kind, _)| kind == self);
        f.write_str(row.map_or("unknown", |(_, name)| name))
    }
}

/// Whether memory was read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Read,
    Write,
    Unknown,
}

/// An access to memory; a size of 0 is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    pub direction: Direction,
    pub address: u64,
    pub size: u64,
}

/// The kernel's code for a fault whose address it doesn't know: a pointer that no memory can have.
pub const SI_KERNEL: i32 = 128;

/// The signal that a fault raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signal {
    pub number: i32,
    pub code: i32,
    pub address: u64,
}

/// The call in which an error was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Call {
    pub function: String,
    pub address: u64,
    pub size: Option<u64>,
}

/// The block that an error is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Block {
    pub address: u64,
    pub size: u64,
    pub is_freed: bool,
    pub function: String,
    pub number: u64,
    pub thread: u32,
    pub is_guarded: bool,
}

/// On which side of a block an address lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Inside,
    After,
    Before,
}

/// How an address lies to the block: bytes inside, after its end, before its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub side: Side,
    pub offset: u64,
}

/// Bytes that should not have changed, with their distance from the block's start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changed {
    pub offset: i64,
    pub bytes: Vec<u8>,
}

/// Where a pointer to no block leads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Foreign {
    pub kind: String,
    pub name: String,
}

/// Bytes before a block that were accessed, or some of them, and what they held.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Watched {
    pub address: u64,
    pub bytes: Vec<u8>,
}

/// A thread and its name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Thread {
    pub id: u32,
    pub name: String,
}

/// An error as the library saw it.
#[derive(Debug, Clone, PartialEq)]
pub struct ErrorRecord {
    pub kind: Kind,
    pub sequence: u64,
    pub thread: Option<Thread>,
    pub access: Option<Access>,
    pub signal: Option<Signal>,
    /// The bytes at the faulting instruction.
    pub code: Vec<u8>,
    /// The bytes of code of which the last instruction accessed what is watched.
    pub executed: Vec<u8>,
    pub watched: Option<Watched>,
    pub registers: Vec<(String, u64)>,
    pub call: Option<Call>,
    pub block: Option<Block>,
    pub place: Option<Place>,
    pub changed: Option<Changed>,
    /// The function that freed the block.
    pub freed_by: Option<String>,
    pub foreign: Option<Foreign>,
    /// Where it was found, innermost first.
    pub at: Vec<u64>,
    /// Where the block was allocated.
    pub allocation: Vec<u64>,
    /// Where the block was freed.
    pub release: Vec<u64>,
}

impl ErrorRecord {
    /// An error of which nothing is known yet.
    pub fn new(kind: Kind, sequence: u64) -> Self {
        Self {
            kind,
            sequence,
            thread: None,
            access: None,
            signal: None,
            code: Vec::new(),
            executed: Vec::new(),
            watched: None,
            registers: Vec::new(),
            call: None,
            block: None,
            place: None,
            changed: None,
            freed_by: None,
            foreign: None,
            at: Vec::new(),
            allocation: Vec::new(),
            release: Vec::new(),
        }
    }

    /// Whether the first address of `at` is the faulting instruction itself.
    pub fn is_fault(&self) -> bool {
        self.signal.is_some()
    }

    /// The address of the faulting instruction.
    pub fn instruction(&self) -> Option<u64> {
        let pointer = self.registers.iter().find(|(name, _)| name == "rip");
        pointer.map(|(_, value)| *value).or_else(|| self.at.first().copied())
    }

    /// Where it was found; of a fault, from the instruction that the registers name.
    pub fn stack_with_instruction(&self) -> Vec<u64> {
        let mut stack = self.at.clone();
        if let (true, Some(first), Some(pointer)) =
            (self.is_fault(), stack.first_mut(), self.instruction())
        {
            *first = pointer;
        }
        stack
    }
}

/// How often an error was seen in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Again {
    pub sequence: u64,
    pub count: u64,
}

/// How a block was lost, or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LossKind {
    Definite,
    Indirect,
    Possible,
    Reachable,
}

/// Blocks of one kind that one stack allocated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    pub kind: LossKind,
    pub bytes: u64,
    pub blocks: u64,
    pub indirect_bytes: u64,
    pub indirect_blocks: u64,
    pub function: String,
    pub stack: Vec<u64>,
}

/// Bytes in blocks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amount {
    pub bytes: u64,
    pub blocks: u64,
}

/// A part of a list of leaks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Leaks {
    /// Whether the program's end was the reason, rather than a demand.
    pub is_at_exit: bool,
    pub losses: Vec<Loss>,
    /// Of definite, indirect, possible and reachable blocks, in this order.
    pub totals: Option<[Amount; 4]>,
    pub not_run: Option<String>,
    /// Whether the list ends here.
    pub is_last: bool,
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    Exit,
    Abort,
    Signal(i32),
    Exec(String),
    Other(String),
}

/// What the heap was used for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Heap {
    pub allocations: u64,
    pub frees: u64,
    pub allocated_bytes: u64,
    pub live: Amount,
}

/// How much was guarded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Coverage {
    pub guarded: u64,
    pub allocations: u64,
    pub guarded_stacks: u64,
    pub stacks: u64,
}

/// A process ends.
#[derive(Debug, Clone, PartialEq)]
pub struct End {
    pub ending: Ending,
    pub heap: Option<Heap>,
    pub coverage: Option<Coverage>,
    pub notes: Vec<String>,
}
