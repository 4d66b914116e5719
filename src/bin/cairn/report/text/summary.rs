//! The end of a process's report: heap, leaks, errors, coverage.

use super::Text;
use crate::record::{Amount, Coverage, LossKind};
use crate::report::leaks::{Detail, LeakReport, LeakSettings};
use crate::report::lines::{grouped, Lines, Style};
use crate::report::Summary;

/// What a report without errors doesn't prove.
const NOT_PROMISED: [&str; 3] = [
    "Not found by any coverage: values that were never written, accesses that go from one live",
    "block into another, overflows inside a block, and objects on the stack or in globals. Reads",
    "outside of blocks are found in guarded blocks only, writes there later, by what they changed.",
];

impl Text {
    pub(super) fn summary_lines(&mut self, pid: u32, summary: &Summary) -> Lines {
        let mut lines = self.lines(pid);
        let is_quiet = self.settings.is_quiet;
        if !is_quiet {
            lines.blank();
        }
        if let Some(heap) = summary.heap.filter(|_| !is_quiet) {
            lines.add("HEAP SUMMARY:");
            lines.add(format!("    in use at exit: {}", amount(heap.live)));
            lines.add(format!(
                "  total heap usage: {} allocs, {} frees, {} bytes allocated",
                grouped(heap.allocations),
                grouped(heap.frees),
                grouped(heap.allocated_bytes)
            ));
            lines.blank();
        }
        self.final_leaks(&mut lines, summary);
        if !is_quiet {
            self.errors(&mut lines, summary);
        }
        lines
    }

    fn final_leaks(&mut self, lines: &mut Lines, summary: &Summary) {
        let is_all_freed = summary.heap.is_some_and(|heap| heap.live.blocks == 0);
        match &summary.leaks {
            Some(report) if !(is_all_freed && report.losses.is_empty()) => {
                self.search(lines, report, &summary.leak_settings);
                return;
            }
            _ if self.settings.is_quiet => return,
            _ if is_all_freed => {
                lines.styled(Style::Good, "All heap blocks were freed -- no leaks are possible");
            }
            _ if summary.leak_settings.detail == Detail::No => {
                lines.add("For a detailed leak analysis, rerun with: --leak-check=full");
            }
            _ => return,
        }
        lines.blank();
    }

    /// The result of a search for leaks.
    pub(super) fn search(
        &mut self,
        lines: &mut Lines,
        report: &LeakReport,
        settings: &LeakSettings,
    ) {
        if let Some(why) = &report.not_run {
            lines.add(format!("The search for leaks did not run: {why}"));
            lines.blank();
            return;
        }
        for loss in report.losses.iter().filter(|loss| loss.is_shown(settings)) {
            self.loss(lines, loss, report.losses.len());
        }
        if !self.settings.is_quiet {
            leak_summary(lines, report, settings);
        }
    }

    fn errors(&self, lines: &mut Lines, summary: &Summary) {
        for (name, count) in summary.used_suppressions.iter().filter(|_| self.settings.is_verbose) {
            lines.add(format!("used_suppression: {count:>6} {name}"));
        }
        let style = if summary.errors == 0 { Style::Good } else { Style::Title };
        lines.styled(
            style,
            format!(
                "ERROR SUMMARY: {} errors from {} contexts (suppressed: {} from {})",
                grouped(summary.errors),
                grouped(summary.contexts),
                grouped(summary.suppressed_errors),
                grouped(summary.suppressed_contexts)
            ),
        );
        if let Some(coverage) = summary.coverage.filter(|coverage| coverage.allocations != 0) {
            self.coverage(lines, &coverage);
        }
    }

    fn coverage(&self, lines: &mut Lines, coverage: &Coverage) {
        lines.add(format!(
            "coverage: guarded {} % of {} allocations",
            percent(coverage.guarded, coverage.allocations),
            grouped(coverage.allocations)
        ));
        if self.settings.is_verbose {
            lines.add(format!(
                "          and blocks of {} of {} allocation stacks ({} %)",
                grouped(coverage.guarded_stacks),
                grouped(coverage.stacks),
                percent(coverage.guarded_stacks, coverage.stacks)
            ));
            for line in NOT_PROMISED {
                lines.add(line);
            }
        }
    }
}

fn leak_summary(lines: &mut Lines, report: &LeakReport, settings: &LeakSettings) {
    let [definite, indirect, possible, reachable] = report.totals;
    lines.add("LEAK SUMMARY:");
    lines.add(format!("   definitely lost: {}", amount(definite)));
    lines.add(format!("   indirectly lost: {}", amount(indirect)));
    lines.add(format!("     possibly lost: {}", amount(possible)));
    lines.add(format!("   still reachable: {}", amount(reachable)));
    lines.add(format!("        suppressed: {}", amount(report.suppressed)));
    if settings.detail != Detail::Full {
        lines.add("Rerun with --leak-check=full to see details of leaked memory");
    } else if reachable.blocks != 0 && !settings.shown.contains(&LossKind::Reachable) {
        lines.add("Reachable blocks (those to which a pointer was found) are not shown.");
        lines.add("To see them, rerun with: --leak-check=full --show-leak-kinds=all");
    }
    lines.blank();
}

fn amount(amount: Amount) -> String {
    format!("{} bytes in {} blocks", grouped(amount.bytes), grouped(amount.blocks))
}

/// Rounded down, so that 100 means all; small shares to a part that isn't zero.
fn percent(part: u64, whole: u64) -> String {
    let scaled = |scale: u128| (u128::from(part) * scale).checked_div(u128::from(whole));
    match scaled(100_000).unwrap_or(100_000).min(100_000) {
        0 if part > 0 => "less than 0.001".to_string(),
        0 => "0".to_string(),
        thousandths @ 1..100 => format!("0.{thousandths:03}"),
        thousandths @ 100..10_000 => {
            format!("{}.{}", thousandths / 1000, thousandths / 100 % 10)
        }
        thousandths => (thousandths / 1000).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::percent;

    #[test]
    fn shares_say_no_more_than_is_true() {
        for (part, whole, told) in [
            (12, 12, "100"),
            (0, 0, "100"),
            (99_999, 100_000, "99"),
            (1, 10, "10"),
            (999, 10_000, "9.9"),
            (4, 1000, "0.4"),
            (9, 100_000, "0.009"),
            (1, 10_000_000, "less than 0.001"),
            (0, 5, "0"),
            (u64::MAX, u64::MAX, "100"),
        ] {
            assert_eq!(percent(part, whole), told, "{part} of {whole}");
        }
    }
}
