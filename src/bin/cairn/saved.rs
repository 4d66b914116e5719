//! `cairn report`: shows a saved record again.

use crate::arguments::Report;
use crate::record::reader::Reader;
use crate::report::output::Output;
use crate::{view, Outcome};
use std::fs::File;
use std::io::Read;
use std::path::Path;

const STEP_BYTES: usize = 1 << 16;

/// Shows the record of these arguments on standard output.
pub fn show(report: &Report) -> Outcome {
    let path = &report.record;
    let told = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut source: Box<dyn Read> = match path == Path::new("-") {
        true => Box::new(std::io::stdin()),
        false => Box::new(File::open(path).map_err(told)?),
    };
    let mut session = view::session(&report.view, Output::Standard)?;
    let (mut reader, mut packets) = (Reader::default(), Vec::new());
    let mut bytes = vec![0; STEP_BYTES];
    loop {
        let count = source.read(&mut bytes).map_err(told)?;
        if count == 0 {
            break;
        }
        reader.push(&bytes[..count], &mut packets);
        packets.drain(..).for_each(|packet| session.take(packet));
    }
    if !session.has_heard() {
        return Err(format!("{}: it isn't a record of cairn check", path.display()));
    }
    session.finish();
    Ok(if session.errors() == 0 { 0 } else { report.error_exitcode })
}
