//! Stacks of calls, through code without frame pointers, at any moment.
//!
//! Nothing here allocates, takes a lock, or calls the C library but for `_dl_find_object`, which
//! doesn't either. So a stack can be walked inside `malloc` and in a signal's handler, on any
//! stack. A walk that meets nonsense ends. It can't fault: see `window.rs`.
//!
//! A frame costs a look into a table of rules (`rule.rs`) once its address has been met; the first
//! time its description is read (`description.rs`).

mod description;
pub mod probe;
mod rule;
#[cfg(test)]
mod tests;
mod trail;
mod walker;
mod window;

pub use description::function_start;
pub use probe::{here, recover, Key, Registers};
pub use rule::{forget, generation};
pub use trail::Trail;
pub use walker::{Dependency, Frame, Walker};
pub use window::Window;

use super::modules;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Fills `frames` with the frames from `registers` on, the innermost first. Returns how many there
/// are, and whether the last is where the thread began. Cairn's own frames at the beginning are
/// left out.
pub fn walk(registers: &Registers, window: &mut Window, frames: &mut [Frame]) -> (usize, bool) {
    let mut count = 0;
    let mut walker = Walker::new(registers, *window);
    let mut next = Some(walker.first());
    while let (Some(frame), true) = (next, count < frames.len()) {
        if count > 0 || !is_own(frame.return_address) {
            frames[count] = frame;
            count += 1;
        }
        next = walker.step(|_| {});
    }
    *window = walker.window();
    (count, next.is_none() && walker.is_at_end())
}

/// Whether `address` is in the library. Never where the library is a part of the program, because
/// then its own frames can't be told from the program's.
#[inline(always)]
pub fn is_own(address: usize) -> bool {
    let length = match OWN_LENGTH.load(Relaxed) {
        0 => find_own(),
        length => length,
    };
    address.wrapping_sub(OWN_START.load(Relaxed)) < length
}

/// Whether [`is_own`] can tell: the library isn't a part of the program.
pub fn knows_own() -> bool {
    is_own(find_own as fn() -> usize as usize)
}

static OWN_START: AtomicUsize = AtomicUsize::new(0);
static OWN_LENGTH: AtomicUsize = AtomicUsize::new(0);

#[cold]
fn find_own() -> usize {
    let own = find_own as fn() -> usize as usize;
    let range = modules::with(own, |module| match module.path {
        [] => (0, 1),
        _ => (module.start, module.end - module.start),
    });
    let (start, length) = range.unwrap_or((0, 1));
    OWN_START.store(start, Relaxed);
    OWN_LENGTH.store(length, Relaxed);
    length
}
