//! Floor 8: C. The rules of the C standard, POSIX, glibc and C++ for each exported name, and the
//! names themselves. Nothing else in the library exports a name.

pub mod aligned;
pub mod cairn;
pub mod calls;
pub mod end;
pub mod glibc_names;
pub mod handlers;
pub mod information;
pub mod leak_sanitizer;
pub mod loader;
pub mod operators_delete;
pub mod operators_new;
pub mod signal_masks;
pub mod sized;
pub mod standard;
pub mod structures;
