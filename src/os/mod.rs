//! Floor 1: the operating system. The only floor that names libc.
//!
//! Everything here can be called from inside `malloc`: nothing allocates, takes a lock of the C
//! library, or changes `errno` unless its name says so.

pub mod environment;
pub mod files;
pub mod interposer;
pub mod libc_heap;
pub mod memory;
#[allow(dead_code)]
pub mod modules;
pub mod process;
pub mod processor;
#[allow(dead_code)]
pub mod record_store;
pub mod thread;
#[allow(dead_code, unused_imports)]
pub mod unwind;
