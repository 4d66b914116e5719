//! Finds libcairn.so: where the variable says, or near the command.

use super::program;
use std::path::{Path, PathBuf};

/// Names the library, for those who have it elsewhere.
const VARIABLE: &str = "CAIRN_LIBRARY";

const NAME: &str = "libcairn.so";

/// Folders that may hold the library, from that of the command.
const FOLDERS: [&str; 5] = ["", "../lib", "../lib/cairn", "../lib/x86_64-linux-gnu", "../lib64"];

/// The path of the library.
///
/// # Errors
/// Where it was looked for, if it isn't there.
pub fn find() -> Result<PathBuf, String> {
    if let Some(path) = std::env::var_os(VARIABLE).filter(|path| !path.is_empty()) {
        let path = PathBuf::from(path);
        return usable(&path).map_err(|why| format!("{VARIABLE}: {why}"));
    }
    let command = std::env::current_exe().map_err(|error| format!("/proc/self/exe: {error}"))?;
    let folder = command.parent().unwrap_or(Path::new("/"));
    let candidates = FOLDERS.map(|relative| folder.join(relative).join(NAME));
    match candidates.iter().find(|candidate| candidate.is_file()) {
        Some(candidate) => usable(candidate),
        None => Err(format!(
            "{NAME} isn't in {}, nor in ../lib or ../lib/cairn from there; name it in {VARIABLE}",
            folder.display()
        )),
    }
}

/// The library's full path, if it is one.
fn usable(path: &Path) -> Result<PathBuf, String> {
    let full = path.canonicalize().map_err(|error| format!("{}: {error}", path.display()))?;
    match program::is_native_library(&full) {
        true => Ok(full),
        false => Err(format!("{}: it isn't a shared library for this machine", path.display())),
    }
}
