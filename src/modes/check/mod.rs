//! Check mode.

#[allow(dead_code)]
pub mod leak;
