//! Memory that the program gives to the kernel. A wrong buffer doesn't fault there: the kernel says
//! `EFAULT`, and few programs look.

use super::finding::{Finding, Kind};
use super::{capture, search, tell};
use crate::os::peek;
use core::mem::size_of;

/// What the kernel takes of a vector at most.
const PARTS_MAX: usize = 1024;

/// Words of `struct iovec`: where, how much.
const PART_WORDS: usize = 2;

/// Words of `struct msghdr`: the address's place and length, the vector's, the ancillary data's.
const MESSAGE_WORDS: usize = 7;

/// Words of `struct mmsghdr`: a message, and how much was sent or received of it.
const COUNTED_MESSAGE_WORDS: usize = 8;

const WORD_BYTES: usize = size_of::<usize>();

/// Looks at a buffer that the program gives to the kernel by `call`: all of it has to be within a
/// live block, if any of it is near one. Returns whether it is.
pub fn look_at_buffer(call: &'static str, address: usize, length: usize) -> bool {
    let Some(wrong) = search::first_wrong(address, length) else { return true };
    let finding = Finding::new(Kind::SystemCall, capture(), wrong);
    tell(&search::with_place(Finding { noticed: Some(call), ..finding }));
    false
}

/// Looks at an array of `count` buffers (`struct iovec`), and at each of them.
pub fn look_at_vector(call: &'static str, address: usize, count: usize) {
    if count > PARTS_MAX || !look_at_buffer(call, address, count * PART_WORDS * WORD_BYTES) {
        return;
    }
    for index in 0..count {
        let mut part = [0; PART_WORDS];
        if !read(address + index * size_of_val(&part), &mut part) {
            return;
        }
        look_at_buffer(call, part[0], part[1]);
    }
}

/// Looks at a message (`struct msghdr`): its address, its buffers, its ancillary data.
pub fn look_at_message(call: &'static str, address: usize) {
    let mut message = [0; MESSAGE_WORDS];
    if !look_at_buffer(call, address, size_of_val(&message)) || !read(address, &mut message) {
        return;
    }
    let [name, name_length, vector, count, ancillary, ancillary_length, _] = message;
    // The length of the address has 32 bits; what follows it is padding.
    look_at_buffer(call, name, name_length as u32 as usize);
    look_at_vector(call, vector, count);
    look_at_buffer(call, ancillary, ancillary_length);
}

/// Looks at an array of `count` messages (`struct mmsghdr`).
pub fn look_at_messages(call: &'static str, address: usize, count: usize) {
    for index in 0..count.min(PARTS_MAX) {
        look_at_message(call, address + index * COUNTED_MESSAGE_WORDS * WORD_BYTES);
    }
}

fn read(address: usize, into: &mut [usize]) -> bool {
    peek::copy(address, into) == size_of_val(into)
}
