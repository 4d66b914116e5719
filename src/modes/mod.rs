//! Floor 6: modes, which the heap doesn't know. When one is on, a thread's word leads to an empty
//! heap, so that every call takes the slow path, and the front routes it here.

pub mod check;
