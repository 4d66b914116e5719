//! The summary that `stats=1` and `malloc_stats` print.

use crate::arithmetic::size_class::SizeClass;
use crate::arithmetic::text::Text;
use crate::heap::registry;
use crate::memory::census::Census;
use crate::os::{files::write_error, memory, process};
use core::fmt;

/// Prints the summary to standard error.
pub fn print() {
    let census = Census::take();
    let process = process::id();
    line(format_args!("cairn[{process}]: the heap"));
    let live = census.live_bytes();
    line(format_args!("  live       {} in {} blocks", Size(live), census.live_blocks()));
    line(format_args!("             {live} bytes"));
    if census.large_blocks > 0 {
        let (bytes, blocks) = (Size(census.large_bytes), census.large_blocks);
        line(format_args!("             {bytes} of it in {blocks} large blocks"));
    }
    let (committed, reserved) = (Size(census.committed_bytes), Size(census.reserved_bytes));
    line(format_args!("  committed  {committed} of {reserved} of address space"));
    line(format_args!("  free       {} in magazines", Size(census.cached_bytes)));
    line(format_args!("             {} in slabs", Size(census.slab_free_bytes)));
    line(format_args!("             {} in runs, resident at most", Size(census.dirty_bytes)));
    line(format_args!("             {} without pages", Size(census.purged_bytes)));
    line(format_args!("             {} of it in slabs", Size(census.slab_purged_bytes)));
    line(format_args!("  metadata   {}", Size(census.metadata_bytes)));
    if census.limit_bytes > 0 {
        let (charged, limit) = (Size(census.charged_bytes), Size(census.limit_bytes));
        line(format_args!("  limit      {charged} of {limit} in use"));
    }
    line(format_args!("  refused    {} requests", census.refused_requests));
    line(format_args!("  slabs      {}", census.slabs));
    line(format_args!("  magazines  {} filled, {} emptied", census.refills, census.spills));
    line(format_args!("  threads    {} at most with a heap at one time", registry::made()));
    line(format_args!("  kernel     {} calls for memory", memory::system_calls()));
    print_classes(&census);
}

fn print_classes(census: &Census) {
    line(format_args!("  live blocks by size class (bytes x blocks):"));
    let mut text = Text::<128>::new();
    let mut in_line = 0;
    for class in SizeClass::all() {
        let blocks = census.class(class).live_blocks;
        if blocks == 0 {
            continue;
        }
        text.push(format_args!("{:>9} x {:<8}", class.size_bytes(), blocks));
        in_line += 1;
        if in_line == 4 {
            text.end_line();
            write_error(text.as_bytes());
            (text, in_line) = (Text::new(), 0);
        }
    }
    if in_line > 0 {
        text.end_line();
        write_error(text.as_bytes());
    }
}

fn line(arguments: fmt::Arguments) {
    let mut text = Text::<128>::new();
    text.push(arguments);
    text.end_line();
    write_error(text.as_bytes());
}

/// A size in bytes, shown in the unit that fits, with one decimal.
struct Size(usize);

impl fmt::Display for Size {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        let (shift, unit) = match self.0 {
            0..=0x3ff => return write!(out, "{} B", self.0),
            0x400..=0xf_ffff => (10, "KiB"),
            0x10_0000..=0x3fff_ffff => (20, "MiB"),
            _ => (30, "GiB"),
        };
        let tenths = (self.0 as u128 * 10) >> shift;
        write!(out, "{}.{} {unit}", tenths / 10, tenths % 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_shown_in_the_unit_that_fits() {
        assert_eq!(Size(1023).to_string(), "1023 B");
        assert_eq!(Size(1536).to_string(), "1.5 KiB");
        assert_eq!(Size(5 << 30).to_string(), "5.0 GiB");
    }
}
