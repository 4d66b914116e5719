//! Floor 6: modes that watch the program. Production pays nothing for them.

pub mod check;
