//! Floor 1: the operating system. The only floor that names libc.
//!
//! Everything here can be called from inside `malloc`: nothing allocates, takes a lock of the C
//! library, or changes `errno` unless its name says so.

pub mod control_group;
pub mod environment;
pub mod files;
pub mod interposer;
pub mod libc_heap;
pub mod memory;
pub mod process;
pub mod processor;
pub mod thread;
