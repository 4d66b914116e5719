//! Floor 6: modes, which do more with each block than production does.

pub mod check;
