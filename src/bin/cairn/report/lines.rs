//! Lines of a report: each begins with the process id, as valgrind's do.

use std::fmt::Write;

/// Whether the report is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Palette {
    pub is_coloured: bool,
}

/// How a line, or a part of one, is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    Plain,
    /// What went wrong.
    Title,
    /// The line of source that did it.
    Marked,
    /// What is less important than the rest.
    Dim,
    /// What is as it should be.
    Good,
}

impl Palette {
    /// The text in this style.
    pub fn paint(self, style: Style, text: &str) -> String {
        let code = match style {
            Style::Plain => return text.to_string(),
            Style::Title => "1;31",
            Style::Marked => "1;33",
            Style::Dim => "2",
            Style::Good => "32",
        };
        if self.is_coloured && !text.is_empty() {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_string()
        }
    }
}

/// The lines of one process.
pub struct Lines {
    pid: u32,
    palette: Palette,
    text: String,
}

impl Lines {
    pub fn new(pid: u32, palette: Palette) -> Self {
        Self { pid, palette, text: String::new() }
    }

    pub fn add(&mut self, line: impl AsRef<str>) {
        self.styled(Style::Plain, line);
    }

    pub fn styled(&mut self, style: Style, line: impl AsRef<str>) {
        let prefix = self.palette.paint(Style::Dim, &format!("=={}==", self.pid));
        // A program's own names may hold anything; a report's line is one line.
        let line = printable(line.as_ref());
        // Writing to a string doesn't fail.
        let _ = writeln!(self.text, "{prefix} {}", self.palette.paint(style, &line));
    }

    pub fn blank(&mut self) {
        self.add("");
    }

    /// Text that isn't a process's: an entry for a file of suppressions.
    pub fn raw(&mut self, text: &str) {
        self.text.push_str(text);
    }

    pub fn finish(self) -> String {
        self.text
    }
}

fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect()
}

/// A number with its thousands set apart, as in 12,345.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.char_indices() {
        if index != 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn colour_is_only_there_when_wanted() {
        assert_eq!(Palette { is_coloured: false }.paint(Style::Title, "x"), "x");
        assert_eq!(Palette { is_coloured: true }.paint(Style::Title, "x"), "\x1b[1;31mx\x1b[0m");
    }

    #[test]
    fn a_line_stays_one_line() {
        let mut lines = Lines::new(7, Palette::default());
        lines.add("a\nb\x1b[31m");
        assert_eq!(lines.finish(), "==7== a\u{fffd}b\u{fffd}[31m\n");
    }
}
