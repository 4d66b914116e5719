//! One file with code: its symbols and its debug information.

use super::{debug_file, Frame};
use addr2line::Loader;
use object::{Object, ReadCache};
use std::fs::File;
use std::path::{Path, PathBuf};

/// A file whose addresses can be named.
pub struct SymbolFile {
    /// The file itself.
    own: Loader,
    /// The file that holds its debug information, where that stands apart.
    debug: Option<Loader>,
}

impl SymbolFile {
    /// The file at this path, if it still is the one with this build id.
    pub fn open(path: &str, build_id: Option<&str>) -> Option<Self> {
        let path = Path::new(path);
        let cache = ReadCache::new(File::open(path).ok()?);
        let object = object::File::parse(&cache).ok()?;
        let found = object.build_id().ok().flatten().map(debug_file::hex);
        if build_id.is_some() && build_id != found.as_deref() {
            return None;
        }
        let debug_path = match object.section_by_name(".debug_info") {
            Some(_) => None,
            None => debug_file::find(path, &object),
        };
        let own_supplement =
            if debug_path.is_none() { debug_file::supplement(path, &object) } else { None };
        let own = Loader::new_with_sup(path, own_supplement).ok()?;
        Some(Self { own, debug: debug_path.and_then(open_debug_file) })
    }

    /// The frames at an address as the file knows it, innermost first; none if it has no name.
    pub fn frames(&self, address: u64) -> Vec<Frame> {
        let mut frames =
            self.debug_loader().map_or_else(Vec::new, |loader| debug_frames(loader, address));
        let symbol = self.symbol(address);
        match frames.last_mut() {
            // The symbol is mangled in full; the debug information may have the bare name only.
            Some(outermost) if symbol.is_some() => outermost.symbol = symbol,
            None if symbol.is_some() => frames.push(Frame { symbol, ..Frame::default() }),
            _ => {}
        }
        frames
    }

    fn debug_loader(&self) -> Option<&Loader> {
        self.debug.as_ref().or(Some(&self.own))
    }

    fn symbol(&self, address: u64) -> Option<String> {
        let debug = self.debug.as_ref().and_then(|loader| loader.find_symbol(address));
        debug.or_else(|| self.own.find_symbol(address)).map(without_version)
    }
}

fn open_debug_file(path: PathBuf) -> Option<Loader> {
    let cache = ReadCache::new(File::open(&path).ok()?);
    let object = object::File::parse(&cache).ok()?;
    Loader::new_with_sup(&path, debug_file::supplement(&path, &object)).ok()
}

fn debug_frames(loader: &Loader, address: u64) -> Vec<Frame> {
    let Ok(mut found) = loader.find_frames(address) else { return Vec::new() };
    let mut frames = Vec::new();
    while let Ok(Some(frame)) = found.next() {
        let name = frame.function.as_ref().and_then(|f| f.raw_name().ok().map(|n| n.to_string()));
        let location = frame.location.as_ref();
        frames.push(Frame {
            symbol: name,
            file: location.and_then(|l| l.file).map(PathBuf::from),
            line: location.and_then(|l| l.line),
            column: location.and_then(|l| l.column),
            is_inlined: true,
            ..Frame::default()
        });
    }
    if let Some(outermost) = frames.last_mut() {
        outermost.is_inlined = false;
    }
    // A line table without a function tells nothing that the symbol doesn't, but the line.
    frames.retain(|frame| frame.symbol.is_some() || frame.line.is_some());
    frames
}

/// `memcpy@@GLIBC_2.14` is `memcpy`.
fn without_version(symbol: &str) -> String {
    symbol.split('@').next().unwrap_or(symbol).to_string()
}
