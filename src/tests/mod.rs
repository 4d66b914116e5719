//! Tests of the whole, and of the tree itself. Tests of one file stand in that file.

mod carving;
mod floors;
mod layout;
mod model;
mod threads;
mod tidy;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The tests that work on the process's one arena run one after the other.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}
