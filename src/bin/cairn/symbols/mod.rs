//! From addresses to functions, files and lines.
//!
//! A stack of the record is a list of addresses; the modules that were mapped at the time say which
//! file each lies in. `file.rs` reads one such file and its debug information, `debug_file.rs`
//! finds the debug information that stands apart, `mapped.rs` holds files in memory, `names.rs`
//! makes mangled names readable.

pub mod debug_file;
mod file;
#[allow(unsafe_code)]
mod mapped;
pub mod names;

use crate::record::Module;
use debug_file::Folders;
use file::SymbolFile;
use std::collections::HashMap;
use std::path::PathBuf;
use std::rc::Rc;

/// A function at an address. Inlining makes several of one address, the innermost first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frame {
    /// The address of the instruction: that of the call, for all but the place of a fault.
    pub address: u64,
    /// Nothing if the address lies in no file.
    pub module: Option<Place>,
    /// As the symbol table or the debug information has it.
    pub symbol: Option<String>,
    pub file: Option<PathBuf>,
    pub line: Option<u32>,
    pub column: Option<u32>,
    /// Whether its code stands inside that of the next frame.
    pub is_inlined: bool,
}

/// A place in a file, by which it can be found again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    pub path: String,
    pub build_id: Option<String>,
    /// The address as the file knows it.
    pub offset: u64,
}

/// Names addresses.
pub trait Symbols {
    /// The frames at an address of the file that has this place.
    fn look_up(&mut self, place: &Place) -> Vec<Frame>;
}

/// Names addresses with the files on this machine.
#[derive(Default)]
pub struct Files {
    folders: Folders,
    files: HashMap<(String, Option<String>), Option<SymbolFile>>,
    frames: HashMap<(String, u64), Vec<Frame>>,
}

impl Files {
    /// As usual, but debug information is looked for in these folders first.
    pub fn with_debug_folders(extra: &[PathBuf]) -> Self {
        Self { folders: Folders::with(extra), ..Self::default() }
    }
}

impl Symbols for Files {
    fn look_up(&mut self, place: &Place) -> Vec<Frame> {
        let key = (place.path.clone(), place.offset);
        if let Some(frames) = self.frames.get(&key) {
            return frames.clone();
        }
        let file =
            self.files.entry((place.path.clone(), place.build_id.clone())).or_insert_with(|| {
                SymbolFile::open(&place.path, place.build_id.as_deref(), &self.folders)
            });
        let frames = file.as_ref().map_or_else(Vec::new, |file| file.frames(place.offset));
        self.frames.insert(key, frames.clone());
        frames
    }
}

/// A stack of addresses as frames, down to `main`: what calls it isn't even looked up. Where there
/// is no `main`, the C library's start is one frame.
///
/// `is_fault` says that the first address is an instruction's own; all others are the addresses
/// that calls return to, and the call stands right before.
pub fn stack(
    symbols: &mut dyn Symbols,
    modules: &Rc<Vec<Module>>,
    addresses: &[u64],
    is_fault: bool,
) -> Vec<Frame> {
    let mut frames = Vec::new();
    for (index, address) in addresses.iter().enumerate() {
        let own = is_fault && index == 0;
        let address = if own { *address } else { address.wrapping_sub(1) };
        for mut frame in frames_at(symbols, modules, address) {
            let symbol = frame.symbol.as_deref();
            let is_main = symbol == Some("main");
            let is_below_main = symbol.is_some_and(|symbol| names::BELOW_MAIN.contains(&symbol));
            if is_below_main {
                frame.symbol = Some("(below main)".to_string());
            }
            frames.push(frame);
            if is_main || is_below_main {
                return frames;
            }
        }
    }
    frames
}

fn frames_at(symbols: &mut dyn Symbols, modules: &[Module], address: u64) -> Vec<Frame> {
    let bare = Frame { address, ..Frame::default() };
    let Some(module) = modules.iter().find(|m| (m.start..m.end).contains(&address)) else {
        return vec![bare];
    };
    let place = Place {
        path: module.path.clone(),
        build_id: module.build_id.clone(),
        offset: address.wrapping_sub(module.bias),
    };
    let mut frames = symbols.look_up(&place);
    if frames.is_empty() {
        frames.push(bare);
    }
    for frame in &mut frames {
        frame.address = address;
        frame.module = Some(place.clone());
    }
    frames
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names address N by the Nth of its names.
    struct Named<'a>(&'a [&'a str]);

    impl Symbols for Named<'_> {
        fn look_up(&mut self, place: &Place) -> Vec<Frame> {
            let symbol = Some(self.0[place.offset as usize].to_string());
            vec![Frame { symbol, ..Frame::default() }]
        }
    }

    /// The names in the stack that has these frames.
    fn kept(names: &[&str]) -> Vec<String> {
        let everything = Module { end: u64::MAX, ..Module::default() };
        let returns: Vec<u64> = (1..=names.len() as u64).collect();
        let frames = stack(&mut Named(names), &Rc::new(vec![everything]), &returns, false);
        frames.into_iter().filter_map(|frame| frame.symbol).collect()
    }

    #[test]
    fn what_calls_main_is_left_out() {
        assert_eq!(kept(&["f", "main", "__libc_start_call_main", "_start"]), ["f", "main"]);
        assert_eq!(kept(&["f", "__libc_start_main_impl", "_start"]), ["f", "(below main)"]);
        assert_eq!(kept(&["f", "start_thread"]), ["f", "start_thread"]);
    }
}
