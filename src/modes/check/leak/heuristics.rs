//! Pointers into a block that are as good as pointers to its start, because of how C++ lays out
//! what it allocates (valgrind's manual, "--leak-check-heuristics"; all of them are on there too).

use super::mappings::Mappings;
use super::Candidate;

const WORD: usize = size_of::<usize>();

/// Whether `pointer`, which leads into the middle of `block`, is one of those. `read` reads a word.
pub fn is_as_good_as_start(
    block: &Candidate,
    pointer: usize,
    mappings: &Mappings,
    read: impl Fn(usize) -> Option<usize>,
) -> bool {
    if !block.start.is_multiple_of(WORD) || !pointer.is_multiple_of(WORD) {
        return false;
    }
    let offset = pointer - block.start;
    if offset + WORD > block.size_bytes {
        return false;
    }
    let Some(first) = read(block.start) else { return false };
    match offset {
        // An array whose elements have destructors has their number in front; or the block's
        // remaining size stands there.
        8 if first == block.size_bytes - WORD => true,
        8 if first > 0 && (block.size_bytes - WORD).is_multiple_of(first) => true,
        // An old string has length, capacity and a counter in front of its text and its null.
        24 if is_string(block, first, &read) => true,
        // An object with several bases has a table of virtual functions at its start, and so has
        // each base in it.
        _ => {
            mappings.is_file(first)
                && is_function_table(first, mappings, &read)
                && read(pointer).is_some_and(|base| {
                    mappings.is_file(base) && is_function_table(base, mappings, &read)
                })
        }
    }
}

fn is_string(block: &Candidate, length: usize, read: &impl Fn(usize) -> Option<usize>) -> bool {
    let Some(capacity) = read(block.start + WORD) else { return false };
    capacity.checked_add(3 * WORD + 1) == Some(block.size_bytes) && length <= capacity
}

/// Whether nulls and pointers to code stand at `address`, two of the latter at least.
fn is_function_table(
    address: usize,
    mappings: &Mappings,
    read: &impl Fn(usize) -> Option<usize>,
) -> bool {
    const WORDS_MAX: usize = 20;
    const FUNCTIONS: usize = 2;
    if !address.is_multiple_of(WORD) {
        return false;
    }
    let mut functions = 0;
    for word in (address..address + WORDS_MAX * WORD).step_by(WORD) {
        if !mappings.is_file(word) {
            return false;
        }
        match read(word) {
            Some(0) => {}
            Some(function) if mappings.is_code(function) => functions += 1,
            _ => return false,
        }
        if functions == FUNCTIONS {
            return true;
        }
    }
    false
}
