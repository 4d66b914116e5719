//! One file with code: its symbols and its debug information.
//!
//! Symbols come first, because they are cheap: debug information is large and often compressed, so
//! it is read for the first address that it can say more of.

use super::debug_file::{self, Folders};
use super::{mapped, names, Frame};
use addr2line::Loader;
use object::{Object, SymbolMap, SymbolMapName};
use std::cell::OnceCell;
use std::path::{Path, PathBuf};

/// A file whose addresses can be named.
pub struct SymbolFile {
    symbols: SymbolMap<SymbolMapName<'static>>,
    /// The file that holds its debug information, if there is any: the file itself or another.
    debug: Option<DebugFile>,
}

/// Debug information.
struct DebugFile {
    path: PathBuf,
    /// What it shares with others (made by dwz).
    supplement: Option<PathBuf>,
    /// The symbols of a file that stands apart.
    symbols: Option<SymbolMap<SymbolMapName<'static>>>,
    loader: OnceCell<Option<Loader>>,
}

impl SymbolFile {
    /// The file at this path, if it still is the one with this build id.
    pub fn open(path: &str, build_id: Option<&str>, folders: &Folders) -> Option<Self> {
        let path = Path::new(path);
        let object = parse(path)?;
        let found = object.build_id().ok().flatten().map(debug_file::hex);
        if build_id.is_some() && build_id != found.as_deref() {
            return None;
        }
        let debug = match object.section_by_name(".debug_info") {
            Some(_) => Some(DebugFile::new(path.to_path_buf(), &object, None, folders)),
            None => debug_file::find(path, &object, folders)
                .and_then(|path| DebugFile::open(path, folders)),
        };
        Some(Self { symbols: object.symbol_map(), debug })
    }

    /// The frames at an address as the file knows it, innermost first; none if it has no name.
    pub fn frames(&self, address: u64) -> Vec<Frame> {
        let symbol = self.symbol(address);
        // Nobody wants to know more of what calls `main`.
        let is_below_main = symbol.as_deref().is_some_and(|name| names::BELOW_MAIN.contains(&name));
        let debug = self.debug.as_ref().filter(|_| !is_below_main);
        let mut frames = debug.map_or_else(Vec::new, |debug| debug.frames(address));
        match frames.last_mut() {
            // The symbol is mangled in full; the debug information may have the bare name only.
            Some(outermost) if symbol.is_some() => outermost.symbol = symbol,
            None if symbol.is_some() => frames.push(Frame { symbol, ..Frame::default() }),
            _ => {}
        }
        frames
    }

    fn symbol(&self, address: u64) -> Option<String> {
        let apart = self.debug.as_ref().and_then(|debug| debug.symbols.as_ref());
        let found = apart.and_then(|symbols| symbols.containing(address));
        let symbol = found.or_else(|| self.symbols.containing(address))?;
        Some(without_version(symbol.name()))
    }
}

impl DebugFile {
    fn open(path: PathBuf, folders: &Folders) -> Option<Self> {
        let object = parse(&path)?;
        let symbols = object.symbol_map();
        Some(Self::new(path, &object, Some(symbols), folders))
    }

    fn new(
        path: PathBuf,
        object: &object::File<'static>,
        symbols: Option<SymbolMap<SymbolMapName<'static>>>,
        folders: &Folders,
    ) -> Self {
        let supplement = debug_file::supplement(&path, object, folders);
        Self { path, supplement, symbols, loader: OnceCell::new() }
    }

    fn frames(&self, address: u64) -> Vec<Frame> {
        let open = || Loader::new_with_sup(&self.path, self.supplement.as_ref()).ok();
        let loader = self.loader.get_or_init(open).as_ref();
        loader.map_or_else(Vec::new, |loader| debug_frames(loader, address))
    }
}

fn parse(path: &Path) -> Option<object::File<'static>> {
    object::File::parse(mapped::bytes(path)?).ok()
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
