//! Records as `cairn report FILE` reads them: any bytes give a report without a panic, cut wherever
//! they may, and what comes out as JSON can be read.

#![no_main]
// The sources have more than this target uses.
#![allow(dead_code, unused_imports)]

#[path = "../../../src/bin/cairn/executed.rs"]
mod executed;
#[path = "../../../src/bin/cairn/instruction.rs"]
mod instruction;
#[path = "../../../src/bin/cairn/record/mod.rs"]
mod record;
#[path = "../../../src/bin/cairn/report/mod.rs"]
mod report;
#[path = "../../../src/bin/cairn/suppressions/mod.rs"]
mod suppressions;
#[path = "../../../src/bin/cairn/symbols/mod.rs"]
mod symbols;

use record::reader::Reader;
use record::LossKind;
use report::json::Json;
use report::leaks::{Detail, LeakSettings};
use report::output::Output;
use report::text::{Text, TextSettings};
use report::{Form, Session, Settings};
use std::io::{Read, Seek};
use symbols::{Frame, Place, Symbols};

libfuzzer_sys::fuzz_target!(|record: &[u8]| {
    let text_settings = TextSettings { demangles: true, frames_max: 12, ..TextSettings::default() };
    let at_once = tell(record, record.len().max(1), Box::new(Text::new(text_settings)));
    let text_settings = TextSettings { demangles: true, frames_max: 12, ..TextSettings::default() };
    assert_eq!(at_once, tell(record, 7, Box::new(Text::new(text_settings))));
    let lines = tell(record, 1 << 16, Box::new(Json { demangles: true, frames_max: 12 }));
    for line in lines.lines() {
        serde_json::from_str::<serde_json::Value>(line).expect("each line is JSON");
    }
});

/// Every place is in one function, so that no file is read.
struct Everywhere;

impl Symbols for Everywhere {
    fn look_up(&mut self, place: &Place) -> Vec<Frame> {
        let symbol = ["_ZN3foo3barEi", "main", "_RNvC4name4work"][place.offset as usize % 3];
        vec![Frame { symbol: Some(symbol.to_string()), ..Frame::default() }]
    }
}

/// The report of a record that comes in steps of so many bytes.
fn tell(record: &[u8], step: usize, form: Box<dyn Form>) -> String {
    let mut file = tempfile::tempfile().expect("a file can be made");
    let all = vec![LossKind::Definite, LossKind::Indirect, LossKind::Possible, LossKind::Reachable];
    let leaks = LeakSettings { detail: Detail::Full, shown: all.clone(), errors: all };
    let settings = Settings { leaks, generates_suppressions: true };
    let output = Output::Opened(file.try_clone().expect("a file has handles"));
    let suppressions = suppressions::Suppressions::default();
    let mut session = Session::new(settings, form, output, Box::new(Everywhere), suppressions);
    let (mut reader, mut packets) = (Reader::default(), Vec::new());
    for part in record.chunks(step) {
        reader.push(part, &mut packets);
        packets.drain(..).for_each(|packet| session.take(packet));
    }
    session.finish();
    let mut text = String::new();
    file.rewind().expect("a file can be read again");
    file.read_to_string(&mut text).expect("a report is text");
    text
}
