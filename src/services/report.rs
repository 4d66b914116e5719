//! Reports: one function for each fault that is found, each with constant wording. A report is one
//! line on standard error, then the process ends by `SIGABRT`. Nothing here allocates or waits.

use crate::arithmetic::function::Function;
use crate::arithmetic::text::Text;
use crate::os::{files::write_error, process};
use core::fmt::{self, Display};

/// The call in which a fault was found, as it is shown: its name and arguments.
#[derive(Clone, Copy)]
pub struct Call {
    /// The function that was called.
    pub function: Function,
    /// The pointer that it was given.
    pub address: usize,
    /// The size that it was given, where the fault may be in that.
    pub size: Option<usize>,
    /// The alignment that it was given, likewise.
    pub alignment: Option<usize>,
}

impl Display for Call {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        write!(out, "{}({:#x}", self.function.name(), self.address)?;
        // In C the alignment stands first, in C++ the size.
        let (first, second) = match self.function.is_operator() {
            true => (self.size, self.alignment),
            false => (self.alignment, self.size),
        };
        for number in [first, second].into_iter().flatten() {
            write!(out, ", {number}")?;
        }
        out.write_str(")")
    }
}

/// The block that a wrong pointer points into.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// Where the block starts.
    pub block: usize,
    /// How many bytes it has.
    pub size_bytes: usize,
    /// Whether it is allocated.
    pub is_live: bool,
}

/// A block is freed that is free already.
pub fn double_free(call: Call, size_bytes: usize) -> ! {
    fail(call, format_args!("double free of a block of {size_bytes} bytes"))
}

/// Something other than `free` is done with a block that is free.
pub fn use_of_freed_block(call: Call, size_bytes: usize) -> ! {
    fail(call, format_args!("use of a freed block of {size_bytes} bytes"))
}

/// The pointer leads into memory that Cairn has taken back altogether.
pub fn stale_pointer(call: Call) -> ! {
    fail(call, format_args!("double free or stale pointer: that memory is free"))
}

/// The pointer leads into a block, past its start.
pub fn interior_pointer(call: Call, place: Place) -> ! {
    let kind = if call.address.is_multiple_of(16) { "invalid" } else { "misaligned" };
    let state = if place.is_live { "live" } else { "freed" };
    let Place { block, size_bytes, .. } = place;
    let offset = call.address - block;
    fail(
        call,
        format_args!(
            "{kind} pointer, {offset} bytes into the {state} block {block:#x} of {size_bytes} bytes"
        ),
    )
}

/// The pointer leads into Cairn's address space, where no block is.
pub fn pointer_to_no_block(call: Call) -> ! {
    fail(call, format_args!("invalid pointer, inside the heap but in no block"))
}

/// The pointer leads into a stack.
pub fn pointer_into_stack(call: Call) -> ! {
    fail(call, format_args!("invalid pointer, into the stack"))
}

/// The pointer leads into a variable of the module `path`.
pub fn pointer_into_static_data(call: Call, path: &[u8]) -> ! {
    let path = core::str::from_utf8(path).unwrap_or("a module");
    fail(call, format_args!("invalid pointer, into the static data of {path}"))
}

/// The pointer leads somewhere else.
pub fn foreign_pointer(call: Call) -> ! {
    fail(call, format_args!("invalid pointer, not from this allocator"))
}

/// The size (or alignment) that was given isn't the block's.
pub fn wrong_size(call: Call, size_bytes: usize) -> ! {
    fail(call, format_args!("wrong size for a block of {size_bytes} bytes"))
}

/// The bytes behind the block have changed: in harden mode. `bound` stands before the size.
pub fn overrun(call: Call, bound: &str, size_bytes: usize) -> ! {
    fail(call, format_args!("a block of {bound}{size_bytes} bytes was written to past its end"))
}

/// A free block has changed: in harden mode.
pub fn write_after_free(block: usize, size_bytes: usize, offset: usize) -> ! {
    let mut line = Text::<512>::new();
    let process = process::id();
    line.push(format_args!(
        "cairn[{process}]: the freed block {block:#x} of {size_bytes} bytes was"
    ));
    line.push(format_args!(" written to after free, at byte {offset}; {ADVICE}"));
    finish(line)
}

/// The C++ runtime is missing where an exception has to be thrown.
pub fn no_exception_runtime() -> ! {
    let mut line = Text::<512>::new();
    let process = process::id();
    line.push(format_args!("cairn[{process}]: operator new: out of memory, and no C++ runtime"));
    line.push(format_args!(" to throw std::bad_alloc with"));
    finish(line)
}

/// Cairn's own code has panicked; says where.
#[cfg(not(test))]
pub fn panicked(information: &dyn Display) -> ! {
    let mut line = Text::<512>::new();
    line.push(format_args!("cairn[{}]: internal error: {information}", process::id()));
    finish(line)
}

const ADVICE: &str = "run it under \"cairn check\" to see where";

#[cold]
fn fail(call: Call, what: fmt::Arguments) -> ! {
    let mut line = Text::<512>::new();
    let process = process::id();
    line.push(format_args!("cairn[{process}]: {call}: {what}; {ADVICE}"));
    finish(line)
}

fn finish(mut line: Text<512>) -> ! {
    line.end_line();
    write_error(line.as_bytes());
    process::abort()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(function: Function, size: Option<usize>, alignment: Option<usize>) -> String {
        Call { function, address: 0x7f10, size, alignment }.to_string()
    }

    #[test]
    fn calls_read_as_in_the_program() {
        assert_eq!(shown(Function::Free, None, None), "free(0x7f10)");
        assert_eq!(shown(Function::FreeSized, Some(9), None), "free_sized(0x7f10, 9)");
        let aligned = shown(Function::FreeAlignedSized, Some(9), Some(64));
        assert_eq!(aligned, "free_aligned_sized(0x7f10, 64, 9)");
        let delete = shown(Function::Delete, Some(9), Some(64));
        assert_eq!(delete, "operator delete(0x7f10, 9, 64)");
    }
}
