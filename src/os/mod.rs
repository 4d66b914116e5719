//! Floor 1: the operating system. The only floor that names libc.
//!
//! Everything here can be called from inside `malloc`: nothing allocates, takes a lock of the C
//! library, or changes `errno` unless its name says so.

pub mod aligned_step;
pub mod appender;
pub mod clock;
pub mod control_group;
pub mod environment;
pub mod fault;
pub mod files;
pub mod handlers;
pub mod imports;
pub mod interposer;
pub mod language;
pub mod libc_heap;
pub mod memory;
pub mod modules;
pub mod operand;
pub mod pattern;
pub mod peek;
pub mod process;
pub mod processor;
pub mod record_store;
pub mod signal_mask;
pub mod signals;
pub mod stop_world;
pub mod string_functions;
pub mod tasks;
pub mod thread;
pub mod unwind;
pub mod watchpoint;
