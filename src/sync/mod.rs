//! Floor 2: locks. The only floor that names spin.

pub mod lock;
