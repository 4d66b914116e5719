//! Tests of the whole command but for the start of programs: records on one side, reports on the
//! other. `rendering.rs` compares them word by word, `robustness.rs` feeds nonsense, `files.rs`
//! names addresses of programs that it compiles.

mod files;
mod rendering;
mod robustness;

use crate::record::reader::Reader;
use crate::report::json::Json;
use crate::report::leaks::{Detail, LeakSettings};
use crate::report::output::Output;
use crate::report::text::{Text, TextSettings};
use crate::report::{Form, Session, Settings};
use crate::suppressions::{loss_kinds, Suppressions};
use crate::symbols::{Frame, Place, Symbols};
use std::io::{Read, Seek};
use std::path::PathBuf;

/// Names for the program of the fixtures, so that no file has to be there.
struct Table;

impl Symbols for Table {
    fn look_up(&mut self, place: &Place) -> Vec<Frame> {
        let frame = |symbol: &str, file: Option<&str>, is_inlined| Frame {
            symbol: Some(symbol.to_string()),
            file: file.map(PathBuf::from),
            line: file.map(|_| (place.offset & 0xff) as u32),
            column: file.map(|_| 5),
            is_inlined,
            ..Frame::default()
        };
        let source = Some("/home/me/test.c");
        match (place.path.as_str(), place.offset >> 8) {
            ("/home/me/program", 0x11) => vec![frame("main", source, false)],
            ("/home/me/program", 0x12) => {
                vec![frame("inner", source, true), frame("outer", source, false)]
            }
            ("/home/me/program", 0x13) => vec![frame("_ZN3foo3barEi", source, false)],
            ("/lib/libplain.so", 0x20) => vec![frame("plain_call", None, false)],
            ("/lib/libc.so.6", 0x40) => vec![frame("__libc_start_call_main", None, false)],
            _ => Vec::new(),
        }
    }
}

/// A report of a record: what was written, and how many errors were counted.
struct Told {
    text: String,
    errors: u64,
}

/// What may differ from one report to another.
struct Wish {
    form: Box<dyn Form>,
    leaks: LeakSettings,
    generates_suppressions: bool,
    suppressions: &'static str,
}

fn leak_settings(detail: Detail, shown: &str) -> LeakSettings {
    let kinds = |text| loss_kinds(text).unwrap();
    LeakSettings { detail, shown: kinds(shown), errors: kinds("definite,possible") }
}

fn wish(form: Box<dyn Form>) -> Wish {
    Wish {
        form,
        leaks: leak_settings(Detail::Full, "definite,possible"),
        generates_suppressions: false,
        suppressions: "",
    }
}

fn text_settings() -> TextSettings {
    TextSettings { demangles: true, frames_max: 12, ..TextSettings::default() }
}

fn text() -> Wish {
    wish(Box::new(Text::new(text_settings())))
}

fn json() -> Wish {
    wish(Box::new(Json { demangles: true, frames_max: 12 }))
}

fn tell(record: &[u8], wish: Wish) -> Told {
    let mut file = tempfile::tempfile().unwrap();
    let mut suppressions = Suppressions::default();
    suppressions.add(wish.suppressions).unwrap();
    let settings =
        Settings { leaks: wish.leaks, generates_suppressions: wish.generates_suppressions };
    let output = Output::Opened(file.try_clone().unwrap());
    let mut session = Session::new(settings, wish.form, output, Box::new(Table), suppressions);
    let (mut reader, mut packets) = (Reader::default(), Vec::new());
    reader.push(record, &mut packets);
    packets.into_iter().for_each(|packet| session.take(packet));
    session.end_of(42, None);
    session.finish();
    let errors = session.errors();
    let mut text = String::new();
    file.rewind().unwrap();
    file.read_to_string(&mut text).unwrap();
    Told { text, errors }
}
