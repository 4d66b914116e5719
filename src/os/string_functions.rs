//! Which code may read beside what it was asked to: the C library's and the loader's string
//! functions look at aligned pieces, which stay within a page.

use super::{modules, unwind};
use core::ffi::c_void;

extern "C" {
    fn mempcpy(to: *mut c_void, from: *const c_void, length: usize) -> *mut c_void;
}

/// Whether the instruction that `pc` points into may read bytes beside those it was asked to: it is
/// the loader's, or the C library's and in none of the functions that copy or fill.
pub fn may_read_beside(pc: usize) -> bool {
    let exact = [
        libc::memmove as *const () as usize,
        libc::memcpy as *const () as usize,
        libc::memset as *const () as usize,
        mempcpy as *const () as usize,
    ];
    // SAFETY: has no effect.
    let loader = unsafe { libc::getauxval(libc::AT_BASE) } as usize;
    if are_in_one_module(pc, loader) {
        return true;
    }
    let function = unwind::function_start(pc);
    are_in_one_module(pc, exact[0])
        && !exact.iter().any(|exact| unwind::function_start(*exact) == function)
}

fn are_in_one_module(address: usize, other: usize) -> bool {
    let range = modules::with(other, |module| module.start..module.end);
    range.is_some_and(|range| range.contains(&address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_exact_and_searches_are_not() {
        assert!(!may_read_beside(libc::memmove as *const () as usize + 1));
        assert!(may_read_beside(libc::strlen as *const () as usize + 1));
        assert!(!may_read_beside(may_read_beside as *const () as usize + 1));
    }
}
