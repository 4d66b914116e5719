//! Forks: every lock is closed before one and opened after it, in the parent and in the child, so
//! that the child never inherits a lock that a thread which it doesn't have had closed.

use super::life;
use crate::arithmetic::size_class::SizeClass;
use crate::heap::registry;
use crate::memory::arena::ARENA;
use crate::memory::bin::bin;
use crate::memory::carve;
use crate::memory::magazine;
use crate::modes::check;
use crate::services::metadata;
use crate::sync::lock::ForkHold;

/// Before a fork: closes every lock, in the order that `src/README.md` gives.
pub extern "C" fn before() {
    // A handler that interrupts this must not wait for what is closed already.
    let _inside = life::enter();
    check::hold_for_fork();
    registry::hold_for_fork();
    for class in SizeClass::all() {
        bin(class).hold_for_fork();
    }
    carve::carver().hold_for_fork();
    for zone in ARENA.zones() {
        zone.hold_for_fork();
    }
    for lock in magazine::spare_locks() {
        lock.hold_for_fork();
    }
    metadata::pool_lock().hold_for_fork();
    // From here on, handlers of other libraries that allocate in this thread pass.
    ForkHold::begin();
}

/// After a fork, in the parent.
pub extern "C" fn in_parent() {
    release();
}

/// After a fork, in the child. What other threads had in their magazines is out of its reach.
pub extern "C" fn in_child() {
    ARENA.forget_purging();
    release();
    if check::is_on() {
        check::begin_child();
    }
}

fn release() {
    let _inside = life::enter();
    ForkHold::end();
    // SAFETY: `before` closed them, in this thread or the one that it is a copy of.
    unsafe {
        metadata::pool_lock().release_after_fork();
        for lock in magazine::spare_locks() {
            lock.release_after_fork();
        }
        for zone in ARENA.zones() {
            zone.release_after_fork();
        }
        carve::carver().release_after_fork();
        for class in SizeClass::all() {
            bin(class).release_after_fork();
        }
        registry::release_after_fork();
        check::release_after_fork();
    }
}
