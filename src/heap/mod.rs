//! Floor 5: heaps, one for each thread: its loaded magazines, the fast paths through them, and what
//! happens when a magazine is empty or full.

pub mod fast;
pub mod hit;
pub mod large_stock;
pub mod registry;
pub mod slow;
pub mod thread_heap;
