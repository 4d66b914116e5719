//! Where the report goes.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, IsTerminal, Write};

/// The report's destination.
pub enum Output {
    Error,
    Standard,
    /// A descriptor that whoever started the command has opened.
    Opened(File),
    /// Files, named by a template with `%p` for the process id.
    Files {
        template: String,
        open: HashMap<String, File>,
    },
}

impl Output {
    /// Files by this template. Without a process id in it, the one file is made at once, so that a
    /// path that can't be written to is told before anything runs.
    ///
    /// # Errors
    /// The file can't be made.
    pub fn files(template: &str) -> io::Result<Self> {
        let mut open = HashMap::new();
        let path = expand(template, 0);
        if path == expand(template, 1) {
            let file = File::create(&path)?;
            open.insert(path, file);
        }
        Ok(Output::Files { template: template.to_string(), open })
    }

    pub fn is_terminal(&self) -> bool {
        match self {
            Output::Error => io::stderr().is_terminal(),
            Output::Standard => io::stdout().is_terminal(),
            Output::Opened(file) => file.is_terminal(),
            Output::Files { .. } => false,
        }
    }

    /// Writes what concerns a process. A reader who went away doesn't disturb the program.
    pub fn write(&mut self, pid: u32, text: &str) {
        let result = match self {
            Output::Error => io::stderr().write_all(text.as_bytes()),
            Output::Standard => io::stdout().write_all(text.as_bytes()),
            Output::Opened(file) => file.write_all(text.as_bytes()),
            Output::Files { template, open } => write_file(&expand(template, pid), open, text),
        };
        // There is nowhere left to tell it.
        let _ = result;
    }
}

fn write_file(path: &str, open: &mut HashMap<String, File>, text: &str) -> io::Result<()> {
    if let Some(file) = open.get_mut(path) {
        return file.write_all(text.as_bytes());
    }
    let mut file = File::create(path)?;
    file.write_all(text.as_bytes())?;
    open.insert(path.to_string(), file);
    Ok(())
}

/// The template with the process id for `%p`, and an environment variable for `%q{NAME}`.
fn expand(template: &str, pid: u32) -> String {
    let mut path = String::new();
    let mut rest = template;
    while let Some(at) = rest.find('%') {
        path.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('p') {
            path.push_str(&pid.to_string());
            rest = after;
        } else if let Some((name, after)) =
            rest.strip_prefix("q{").and_then(|inner| inner.split_once('}'))
        {
            path.push_str(&std::env::var(name).unwrap_or_default());
            rest = after;
        } else {
            path.push('%');
            rest = rest.strip_prefix('%').unwrap_or(rest);
        }
    }
    path + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_filled_in() {
        assert_eq!(expand("run.%p.txt", 42), "run.42.txt");
        assert_eq!(expand("100%%-%p%", 7), "100%-7%");
        assert_eq!(expand("%q{CAIRN_NO_SUCH_NAME}x%q{open", 7), "x%q{open");
    }
}
