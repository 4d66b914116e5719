//! Floor 6: modes, which the heap doesn't know. When one is on, a thread's word leads to a heap
//! without magazines whose maps hold no address, so that every call takes the slow path, and the
//! front routes it here.

pub mod check;
pub mod harden;
