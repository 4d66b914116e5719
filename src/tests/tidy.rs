//! The tree's own rules: short files, short lines, a header on each file.

use std::path::Path;

/// A source file of the library.
pub struct Source {
    /// Its path from the root.
    pub path: String,
    /// The folder of `src` that it is in, or nothing.
    pub folder: String,
    text: String,
}

impl Source {
    pub fn new(path: &str, text: String) -> Self {
        let parts: Vec<&str> = path.split('/').collect();
        let folder = if parts.len() > 2 { parts[1].to_string() } else { String::new() };
        Self { path: path.to_string(), folder, text }
    }

    /// Numbered lines that aren't comments, up to the file's own tests.
    pub fn code_lines(&self) -> Vec<(usize, &str)> {
        self.text
            .lines()
            .take_while(|line| *line != "#[cfg(test)]")
            .enumerate()
            .map(|(index, line)| (index + 1, line))
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
            .collect()
    }
}

/// The library's sources, without these tests and without the command.
pub fn library_sources() -> Vec<Source> {
    let mut sources = Vec::new();
    collect(Path::new("src"), &mut sources);
    assert!(sources.len() > 30, "the sources are found");
    sources
}

fn collect(folder: &Path, sources: &mut Vec<Source>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.to_str().unwrap();
        if path.is_dir() && name != "src/tests" && name != "src/bin" {
            collect(&path, sources);
        } else if name.ends_with(".rs") && path.is_file() {
            sources.push(Source::new(name, std::fs::read_to_string(&path).unwrap()));
        }
    }
}

#[test]
fn files_are_short_and_say_what_they_are() {
    let mut sources = library_sources();
    collect(Path::new("src/bin"), &mut sources);
    for source in sources {
        let lines = source.text.lines().take_while(|line| *line != "#[cfg(test)]").count();
        assert!(lines <= 500, "{} has {lines} lines", source.path);
        assert!(source.text.starts_with("//!"), "{} has no header", source.path);
        for (number, line) in source.text.lines().enumerate() {
            assert!(line.chars().count() <= 100, "{}:{} is too long", source.path, number + 1);
        }
    }
}
