//! What a program's own output says about its speed and memory.

/// Where a row's time comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// The wall time of the whole process.
    Wall,
    /// A line `ns_per_op N`; without one the row has no time.
    PerOperation,
    /// mimalloc-bench's larson: `relative time: N s`.
    Larson,
    /// mimalloc-bench's xmalloc-test: `rtime: N`.
    Xmalloc,
    /// mimalloc-bench's rptest: 2,000,000 by its `memory ops/CPU second`.
    Rptest,
    /// mimalloc-bench's glibc-thread: 1,000,000,000 by its `iterations`.
    GlibcThread,
}

impl Reading {
    /// The run's time. None means that the output isn't what it should be, unless the row reports
    /// memory.
    pub fn time_ns(self, output: &str, wall_ns: f64) -> Option<f64> {
        let seconds = match self {
            Self::Wall => return Some(wall_ns),
            Self::PerOperation => return number_after(output, "ns_per_op "),
            Self::Larson => number_after(output, "relative time: "),
            Self::Xmalloc => number_after(output, "rtime: "),
            Self::Rptest => number_before(output, " memory ops").map(|rate| 2e6 / rate),
            Self::GlibcThread => number_before(output, " iterations").map(|count| 1e9 / count),
        };
        seconds.map(|seconds| seconds * 1e9)
    }
}

/// The memory that a program of ours reports: a ratio, or MiB.
pub fn resident(output: &str) -> Option<f64> {
    number_after(output, "resident_ratio ").or_else(|| number_after(output, "resident_mib "))
}

/// The number that follows a label.
pub fn number_after(text: &str, label: &str) -> Option<f64> {
    let rest = &text[text.find(label)? + label.len()..];
    let end = rest.find(|letter| !is_of_number(letter)).unwrap_or(rest.len());
    rest[..end].trim_end_matches('.').parse().ok()
}

fn number_before(text: &str, label: &str) -> Option<f64> {
    let before = &text[..text.find(label)?];
    let start = before.rfind(|letter: char| !letter.is_ascii_digit()).map_or(0, |place| place + 1);
    before[start..].parse().ok()
}

fn is_of_number(letter: char) -> bool {
    letter.is_ascii_digit() || letter == '.'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(reading: Reading, output: &str) -> Option<f64> {
        reading.time_ns(output, 5e9).map(|ns| ns / 1e9)
    }

    #[test]
    fn each_program_is_read_as_its_suite_reads_it() {
        let larson = "Throughput = 34844220 operations per second, relative time: 28.699s.\nDone";
        assert_eq!(seconds(Reading::Larson, larson), Some(28.699));
        let xmalloc = "rtime: 3.797, free/sec: 26.335 M\n";
        assert_eq!(seconds(Reading::Xmalloc, xmalloc), Some(3.797));
        let rptest = "100 ops: ........4000000 memory ops/CPU second (40MiB peak)";
        assert_eq!(seconds(Reading::Rptest, rptest), Some(0.5));
        assert_eq!(seconds(Reading::GlibcThread, "500000000 iterations\n"), Some(2.0));
        assert_eq!(seconds(Reading::Wall, ""), Some(5.0));
    }

    #[test]
    fn our_own_lines_are_read() {
        assert_eq!(Reading::PerOperation.time_ns("ns_per_op 5.480\n", 1.0), Some(5.48));
        assert_eq!(resident("resident_ratio 1.0400\n"), Some(1.04));
        assert_eq!(resident("resident_mib 24.0\n"), Some(24.0));
        assert_eq!(resident("ns_per_op 5.480\n"), None);
    }

    #[test]
    fn other_output_is_no_figure() {
        assert_eq!(Reading::Larson.time_ns("Segmentation fault", 1.0), None);
        assert_eq!(Reading::PerOperation.time_ns("", 1.0), None);
        assert_eq!(Reading::Rptest.time_ns("x memory ops", 1.0), None);
    }
}
