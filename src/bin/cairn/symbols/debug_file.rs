//! Debug information that stands apart from the program: where distributions and debuggers put it.

use object::{Object, ReadRef};
use std::ffi::OsStr;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

const DEBUG_FOLDER: &str = "/usr/lib/debug";

/// The folders in which debug information is kept, the first one first.
pub struct Folders(Vec<PathBuf>);

impl Folders {
    /// These, and then the one of distributions.
    pub fn with(extra: &[PathBuf]) -> Self {
        let usual = PathBuf::from(DEBUG_FOLDER);
        Self(extra.iter().cloned().chain([usual]).collect())
    }

    fn by_build_id(&self, build_id: &[u8]) -> Option<PathBuf> {
        let id = hex(build_id);
        let (folder, name) = id.split_at_checked(2)?;
        let inner = format!(".build-id/{folder}/{name}.debug");
        self.0.iter().map(|folder| folder.join(&inner)).find(|path| path.is_file())
    }
}

impl Default for Folders {
    fn default() -> Self {
        Self::with(&[])
    }
}

/// The file with the debug information of this one, by build id or by the name that it gives.
pub fn find<'data, R: ReadRef<'data>>(
    path: &Path,
    object: &object::File<'data, R>,
    folders: &Folders,
) -> Option<PathBuf> {
    let build_id = object.build_id().ok().flatten();
    let found = build_id.and_then(|build_id| folders.by_build_id(build_id));
    found.or_else(|| by_link(path, object, build_id, folders))
}

/// The file that several debug files share (made by dwz).
pub fn supplement<'data, R: ReadRef<'data>>(
    path: &Path,
    object: &object::File<'data, R>,
    folders: &Folders,
) -> Option<PathBuf> {
    let (name, build_id) = object.gnu_debugaltlink().ok().flatten()?;
    let named = path.parent()?.join(OsStr::from_bytes(name));
    Some(named).filter(|path| path.is_file()).or_else(|| folders.by_build_id(build_id))
}

/// `.gnu_debuglink` names the file; it stands beside, in `.debug`, or under one of the folders.
fn by_link<'data, R: ReadRef<'data>>(
    path: &Path,
    object: &object::File<'data, R>,
    build_id: Option<&[u8]>,
    folders: &Folders,
) -> Option<PathBuf> {
    let (name, _) = object.gnu_debuglink().ok().flatten()?;
    let name = OsStr::from_bytes(name);
    let path = path.canonicalize().ok()?;
    let folder = path.parent()?;
    let below_root = folder.strip_prefix("/").ok()?;
    let beside = [folder.join(name), folder.join(".debug").join(name)];
    let kept = folders.0.iter().map(|kept| kept.join(below_root).join(name));
    beside
        .into_iter()
        .chain(kept)
        .find(|candidate| *candidate != path && is_of(candidate, build_id))
}

/// Whether the file exists and has this build id, if one is known.
fn is_of(path: &Path, build_id: Option<&[u8]>) -> bool {
    let Ok(file) = std::fs::File::open(path) else { return false };
    let cache = object::ReadCache::new(file);
    let Ok(object) = object::File::parse(&cache) else { return false };
    build_id.is_none() || object.build_id().ok().flatten() == build_id
}

/// Bytes as hex digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string doesn't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
