//! Floor 0: pure calculation. No I/O, no unsafe, nothing of the operating system.

#![forbid(unsafe_code)]

pub mod function;
pub mod random;
pub mod size_class;
pub mod text;
