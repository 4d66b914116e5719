//! Floor 2: locks. The only floor that names spin.

pub mod counter;
pub mod lock;
