//! Floor 7: the slow side of every call, and the life cycle: start, a thread's first call and its
//! end, forks, exit.

pub mod checked;
pub mod fork;
pub mod hardened;
pub mod interruption;
pub mod life;
pub mod route;
pub mod summary;
