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
