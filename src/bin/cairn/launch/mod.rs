//! Starts a program with the library preloaded.
//!
//! `library.rs` finds the library, `program.rs` finds the program and says why one can't be
//! preloaded, `child.rs` runs it and stays out of its way, `system.rs` holds the system calls that
//! Rust's own library lacks.

pub mod child;
pub mod library;
pub mod program;
#[allow(unsafe_code)]
pub mod system;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// What the dynamic loader looks at.
const PRELOAD: &str = "LD_PRELOAD";

/// What the library looks at.
const OPTIONS: &str = "CAIRN_OPTIONS";

/// A program that is ready to be started on the library.
pub struct Launch {
    pub path: PathBuf,
    /// Its name as the user gave it, and its arguments.
    pub arguments: Vec<OsString>,
    pub environment: Vec<(&'static str, OsString)>,
}

impl Launch {
    /// Looks for the program and the library.
    ///
    /// # Errors
    /// What is wrong with either, in words for the user.
    pub fn prepare(arguments: &[OsString]) -> Result<Self, String> {
        let name = arguments.first().ok_or("there is no program to run")?;
        let library = library::find()?;
        let path = program::find(name)?;
        program::examine(&path)?;
        let preload = preloaded(&library, std::env::var_os(PRELOAD))?;
        Ok(Self { path, arguments: arguments.to_vec(), environment: vec![(PRELOAD, preload)] })
    }

    /// Adds options for the library behind those that the user has set, so that these count.
    pub fn add_options(&mut self, options: &str) {
        let mut all = std::env::var_os(OPTIONS).unwrap_or_default();
        if !all.is_empty() {
            all.push(":");
        }
        all.push(options);
        self.environment.push((OPTIONS, all));
    }
}

/// The library in front of what is preloaded already.
fn preloaded(library: &Path, already: Option<OsString>) -> Result<OsString, String> {
    let path = library.as_os_str();
    if path.as_bytes().iter().any(|byte| matches!(byte, b' ' | b':')) {
        return Err(format!(
            "{}: LD_PRELOAD can't hold a path with a space or a colon; put the library elsewhere \
             and name it in CAIRN_LIBRARY",
            library.display()
        ));
    }
    let mut all = path.to_os_string();
    if let Some(already) = already.filter(|already| !already.is_empty()) {
        all.push(OsStr::new(":"));
        all.push(already);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_comes_first() {
        let library = Path::new("/lib/libcairn.so");
        assert_eq!(preloaded(library, None).unwrap(), "/lib/libcairn.so");
        assert_eq!(preloaded(library, Some("".into())).unwrap(), "/lib/libcairn.so");
        assert_eq!(
            preloaded(library, Some("a.so b.so".into())).unwrap(),
            "/lib/libcairn.so:a.so b.so"
        );
        assert!(preloaded(Path::new("/a b/libcairn.so"), None).is_err());
    }
}
