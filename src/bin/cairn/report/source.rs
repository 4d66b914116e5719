//! The lines of source around a frame.

use super::lines::Style;
use crate::symbols::Frame;
use std::collections::HashMap;
use std::path::PathBuf;

/// So many lines are shown before and after the one that counts.
const LINES_AROUND: usize = 2;

/// Larger files aren't read: they were generated.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// Source files that were read already.
#[derive(Default)]
pub struct Sources {
    files: HashMap<PathBuf, Option<Vec<String>>>,
}

impl Sources {
    /// The lines around the innermost frame whose file can be read, the line itself marked.
    pub fn excerpt(&mut self, frames: &[Frame]) -> Vec<(Style, String)> {
        frames.iter().find_map(|frame| self.around(frame)).unwrap_or_default()
    }

    fn around(&mut self, frame: &Frame) -> Option<Vec<(Style, String)>> {
        let (path, line) = (frame.file.as_ref()?, frame.line? as usize);
        let lines = self.files.entry(path.clone()).or_insert_with(|| read(path)).as_ref()?;
        if line == 0 || line > lines.len() {
            return None;
        }
        let first = line.saturating_sub(LINES_AROUND).max(1);
        let last = (line + LINES_AROUND).min(lines.len());
        let width = last.to_string().len();
        let shown = (first..=last).map(|number| {
            let text = lines[number - 1].replace('\t', "    ");
            if number == line {
                (Style::Marked, format!("  > {number:width$} | {text}"))
            } else {
                (Style::Dim, format!("    {number:width$} | {text}"))
            }
        });
        Some(shown.collect())
    }
}

fn read(path: &PathBuf) -> Option<Vec<String>> {
    let size = std::fs::metadata(path).ok().filter(|metadata| metadata.is_file())?.len();
    if size > FILE_BYTES_MAX {
        return None;
    }
    let text = std::fs::read(path).ok()?;
    Some(String::from_utf8_lossy(&text).lines().map(str::to_string).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_stands_among_its_neighbours() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("a.c");
        std::fs::write(&path, "one\ntwo\n\tthree\nfour\n").unwrap();
        let at = |line| Frame { file: Some(path.clone()), line: Some(line), ..Frame::default() };
        let mut sources = Sources::default();
        let mut excerpt = |frames: &[Frame]| -> Vec<String> {
            sources.excerpt(frames).into_iter().map(|(_, line)| line).collect()
        };
        let third = ["    1 | one", "    2 | two", "  > 3 |     three", "    4 | four"];
        assert_eq!(excerpt(&[at(3)]), third);
        assert_eq!(excerpt(&[Frame::default(), at(1)])[0], "  > 1 | one");
        assert!(excerpt(&[at(5)]).is_empty() && excerpt(&[at(0)]).is_empty());
        let gone = Frame { file: Some(path.with_extension("h")), line: Some(1), ..at(1) };
        assert!(excerpt(&[gone]).is_empty());
    }
}
