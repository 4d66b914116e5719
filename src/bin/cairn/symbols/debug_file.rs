//! Debug information that stands apart from the program: where distributions and debuggers put it.

use object::{Object, ReadRef};
use std::ffi::OsStr;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

const DEBUG_FOLDER: &str = "/usr/lib/debug";

/// The file with the debug information of this one, by build id or by the name that it gives.
pub fn find<'data, R: ReadRef<'data>>(
    path: &Path,
    object: &object::File<'data, R>,
) -> Option<PathBuf> {
    let build_id = object.build_id().ok().flatten();
    build_id.and_then(by_build_id).or_else(|| by_link(path, object, build_id))
}

/// The file that several debug files share (made by dwz).
pub fn supplement<'data, R: ReadRef<'data>>(
    path: &Path,
    object: &object::File<'data, R>,
) -> Option<PathBuf> {
    let (name, build_id) = object.gnu_debugaltlink().ok().flatten()?;
    let named = path.parent()?.join(OsStr::from_bytes(name));
    Some(named).filter(|path| path.is_file()).or_else(|| by_build_id(build_id))
}

fn by_build_id(build_id: &[u8]) -> Option<PathBuf> {
    let id = hex(build_id);
    let (folder, name) = id.split_at_checked(2)?;
    let path = PathBuf::from(format!("{DEBUG_FOLDER}/.build-id/{folder}/{name}.debug"));
    path.is_file().then_some(path)
}

/// `.gnu_debuglink` names the file; it stands beside, in `.debug`, or under the debug folder.
fn by_link<'data, R: ReadRef<'data>>(
    path: &Path,
    object: &object::File<'data, R>,
    build_id: Option<&[u8]>,
) -> Option<PathBuf> {
    let (name, _) = object.gnu_debuglink().ok().flatten()?;
    let name = OsStr::from_bytes(name);
    let path = path.canonicalize().ok()?;
    let folder = path.parent()?;
    let global = Path::new(DEBUG_FOLDER).join(folder.strip_prefix("/").ok()?);
    [folder.join(name), folder.join(".debug").join(name), global.join(name)]
        .into_iter()
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
