//! C and Rust agree on the header.

use crate::c::structures::cairn_stats;
use std::mem::{offset_of, size_of};

#[link(name = "cairn_layout", kind = "static")]
unsafe extern "C" {
    fn cairn_layout_stats_size() -> usize;
    fn cairn_layout_metadata_offset() -> usize;
}

#[test]
fn the_statistics_have_one_layout() {
    // SAFETY: the functions of `c_tests/layout.c` return constants.
    unsafe {
        assert_eq!(cairn_layout_stats_size(), size_of::<cairn_stats>());
        assert_eq!(cairn_layout_metadata_offset(), offset_of!(cairn_stats, metadata_bytes));
    }
}
