//! What the checker finds: one type for every error, whatever found it and however it is told.

use super::marks::Change;
use super::record::Record;
use super::stacks::StackNumber;
use super::watch::Watched;
use crate::memory::find::Foreign;
use crate::os::fault::Fault;
use crate::services::report::Call;

/// The kinds of errors, by the names that the record has for them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Kind {
    /// A read that faulted in or near a guarded block.
    InvalidRead,
    /// Likewise a write.
    InvalidWrite,
    /// The canary behind a block was changed.
    Overrun,
    /// The canary before a block was changed.
    Underrun,
    /// The poison in a freed block was changed.
    WriteAfterFree,
    /// A freed block was freed.
    DoubleFree,
    /// Something that is no block was freed.
    InvalidFree,
    /// A freed block, or something that is none, was given to `realloc`.
    InvalidRealloc,
    /// Likewise to `malloc_usable_size`.
    InvalidUsableSize,
    /// A block was freed by a function of another family than the one that allocated it.
    MismatchedFree,
    /// A block was freed with a size or an alignment that it doesn't have.
    WrongSize,
    /// A fault on a pointer that is poison: it was loaded from fresh or freed memory.
    PoisonPointer,
    /// A signal that ends the program, and isn't about a block.
    FatalSignal,
    /// A buffer that the kernel was given lies in a freed block, or past the end of one.
    SystemCall,
}

impl Kind {
    /// The name in the record.
    pub fn name(self) -> &'static str {
        match self {
            Self::InvalidRead => "invalid-read",
            Self::InvalidWrite => "invalid-write",
            Self::Overrun => "overrun",
            Self::Underrun => "underrun",
            Self::WriteAfterFree => "write-after-free",
            Self::DoubleFree => "double-free",
            Self::InvalidFree => "invalid-free",
            Self::InvalidRealloc => "invalid-realloc",
            Self::InvalidUsableSize => "invalid-usable-size",
            Self::MismatchedFree => "mismatched-free",
            Self::WrongSize => "wrong-size",
            Self::PoisonPointer => "poison-pointer",
            Self::FatalSignal => "fatal-signal",
            Self::SystemCall => "system-call",
        }
    }

    /// A sentence for it, in valgrind's words where it has them.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::InvalidRead => "Invalid read",
            Self::InvalidWrite => "Invalid write",
            Self::Overrun => "Bytes behind a block were overwritten",
            Self::Underrun => "Bytes before a block were overwritten",
            Self::WriteAfterFree => "A freed block was written to",
            Self::DoubleFree => "Invalid free() / delete / delete[] / realloc(): double free",
            Self::InvalidFree | Self::InvalidRealloc => {
                "Invalid free() / delete / delete[] / realloc()"
            }
            Self::InvalidUsableSize => "Invalid malloc_usable_size()",
            Self::MismatchedFree => "Mismatched free() / delete / delete []",
            Self::WrongSize => "Mismatched free() / delete: wrong size",
            Self::PoisonPointer => "Use of a pointer from fresh or freed memory",
            Self::FatalSignal => "Process terminating by a signal",
            Self::SystemCall => "Syscall param points to unaddressable byte(s)",
        }
    }
}

/// How an address lies to a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Where {
    /// So many bytes into it.
    Inside(usize),
    /// So many bytes behind its end.
    After(usize),
    /// So many bytes before its start.
    Before(usize),
}

impl Where {
    /// How `address` lies to a block.
    pub fn of(address: usize, record: &Record) -> Self {
        if address < record.address {
            Self::Before(record.address - address)
        } else if address < record.end() || address == record.address {
            Self::Inside(address - record.address)
        } else {
            Self::After(address - record.end())
        }
    }
}

/// An error.
pub struct Finding<'a> {
    /// What it is.
    pub kind: Kind,
    /// Where it was found.
    pub at: StackNumber,
    /// The address that it is about.
    pub address: usize,
    /// The block that it is about.
    pub record: Option<Record>,
    /// The call in which it was found, if a wrong argument is the error.
    pub call: Option<Call>,
    /// When it was found, if that is later than it happened.
    pub noticed: Option<&'static str>,
    /// The signal.
    pub fault: Option<&'a Fault>,
    /// What the bytes held that were accessed, if the fault is that they are watched.
    pub watched: Option<Watched>,
    /// What was overwritten.
    pub change: Option<Change>,
    /// Where `address` lies, if in no block.
    pub foreign: Option<Foreign>,
}

impl Finding<'_> {
    /// How the address lies to the block; `None` where it says nothing, because a pointer that was
    /// loaded from the block led there.
    pub fn place(&self) -> Option<Where> {
        let record = self.record.as_ref()?;
        (self.kind != Kind::PoisonPointer).then(|| Where::of(self.address, record))
    }

    /// An error of which nothing more is known yet.
    pub fn new(kind: Kind, at: StackNumber, address: usize) -> Self {
        Self {
            kind,
            at,
            address,
            record: None,
            call: None,
            noticed: None,
            fault: None,
            watched: None,
            change: None,
            foreign: None,
        }
    }
}
