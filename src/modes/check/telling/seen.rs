//! Which errors were told already: an error is its kind, where it was found, and where its block
//! was allocated.

use crate::modes::check::finding::Kind;
use crate::modes::check::stacks::StackNumber;
use crate::services::options::{self, Choice};
use crate::sync::lock::{Holdable, Lock};

/// Errors that are kept apart at most.
const ROWS: usize = 4096;

#[derive(Clone, Copy)]
struct Row {
    /// `None` in an unused row.
    kind: Option<Kind>,
    at: StackNumber,
    allocated: StackNumber,
    times: u32,
}

struct Seen {
    rows: [Row; ROWS],
    /// How many rows are used: the first ones.
    used: usize,
    /// How often an error was found.
    found: u64,
}

const UNUSED: Row =
    Row { kind: None, at: StackNumber::NONE, allocated: StackNumber::NONE, times: 0 };

static SEEN: Lock<Seen> = Lock::new(Seen { rows: [UNUSED; ROWS], used: 0, found: 0 });

/// Notes an error. Returns its number, from 1, if it is to be told: it is new, and not too many
/// were told.
pub fn note(kind: Kind, at: StackNumber, allocated: StackNumber) -> Option<u32> {
    let mut seen = SEEN.lock();
    seen.found += 1;
    let used = seen.used;
    let is_same =
        |row: &&mut Row| row.kind == Some(kind) && row.at == at && row.allocated == allocated;
    if let Some(row) = seen.rows[..used].iter_mut().find(is_same) {
        row.times = row.times.saturating_add(1);
        return None;
    }
    if used >= ROWS.min(options::value(Choice::Errors)) {
        return None;
    }
    seen.rows[used] = Row { kind: Some(kind), at, allocated, times: 1 };
    seen.used += 1;
    Some(seen.used as u32)
}

/// Forgets what was found: a fork's child begins anew.
pub fn forget() {
    let mut seen = SEEN.lock();
    (seen.used, seen.found) = (0, 0);
}

/// How often an error was found, equal ones included, and how many different ones were told.
pub fn count() -> (u64, usize) {
    let seen = SEEN.lock();
    (seen.found, seen.used)
}

/// Calls `visit` with each error's number and how often it was found, if more than once.
pub fn for_each_repeated(mut visit: impl FnMut(u32, u32)) {
    let mut next = 0;
    loop {
        // Not held while something is told.
        let row = {
            let seen = SEEN.lock();
            if next == seen.used {
                return;
            }
            seen.rows[next].times
        };
        next += 1;
        if row > 1 {
            visit(next as u32, row);
        }
    }
}

/// Its lock.
pub fn lock() -> &'static dyn Holdable {
    &SEEN
}
