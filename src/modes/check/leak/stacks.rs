//! Which part of the memory for thread stacks is in use.
//!
//! glibc puts a thread's descriptor at the end of its stack, and its thread-local storage between
//! the two. It keeps stacks of ended threads for later ones, and what they still hold must not
//! count. A descriptor is known by its first and third word, which are its own address (x86-64
//! psABI and glibc's `tcbhead_t`); among its words are the address and the size of the memory that
//! the stack was made in (`stackblock` and `stackblock_size`), at places that differ from version
//! to version, one behind the other.

use crate::os::memory::Range;
use crate::os::peek;

const WORD: usize = size_of::<usize>();
/// Descriptors are aligned to this (`TCB_ALIGNMENT`).
const ALIGNMENT: usize = 64;
/// How many words of a descriptor are looked at: glibc 2.36's has 2,304 bytes.
const WORDS: usize = 512;
/// Longer than any stack, and no address.
const BYTES_MAX: usize = 1 << 40;

/// Where descriptors seem to be among `words`, which are those at `address`.
pub fn descriptors(address: usize, words: &[usize]) -> impl Iterator<Item = usize> + '_ {
    let first = (address.next_multiple_of(ALIGNMENT) - address) / WORD;
    (first..words.len().saturating_sub(2)).step_by(ALIGNMENT / WORD).filter_map(move |at| {
        let descriptor = address + at * WORD;
        (words[at] == descriptor && words[at + 2] == descriptor).then_some(descriptor)
    })
}

/// The memory of the stack whose thread has its descriptor at `thread_pointer`, with the
/// descriptor. `None` for the main thread, whose stack is the kernel's.
pub fn of_thread(thread_pointer: usize) -> Option<Range> {
    let mut words = [0; WORDS];
    let known = peek::copy(thread_pointer, &mut words) / WORD;
    let is_block = |range: &Range| {
        let end = range.start.checked_add(range.length);
        // The descriptor is the last thing in it.
        end.is_some_and(|end| {
            range.length <= BYTES_MAX
                && range.start < thread_pointer
                && thread_pointer < end
                && end - thread_pointer <= WORDS * WORD + ALIGNMENT
        })
    };
    let pairs = words[..known].windows(2).skip(3);
    pairs.map(|pair| Range { start: pair[0], length: pair[1] }).find(is_block)
}

/// Whether the thread with number `id` may be the one that the descriptor is of: while a thread
/// lives, its number stands there (the kernel clears it at the thread's end).
pub fn may_name(descriptor: usize, id: i32) -> bool {
    let mut words = [0; WORDS];
    let known = peek::copy(descriptor, &mut words) / WORD;
    let halves = words[..known].iter().flat_map(|word| [*word as u32, (*word >> 32) as u32]);
    halves.into_iter().any(|half| half == id as u32)
}
