//! The command line.

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

use clap::Parser;
use regex_lite::Regex;

/// What the crate beside this one builds.
const LIBRARY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/release/libcairn.so");

/// Measures Cairn against other allocators: time, processor time and memory.
///
/// Every workload runs in a fresh process for each allocator in turn (A B C, A B C, ...). The
/// tables go to stdout, progress to stderr.
#[derive(Debug, Parser)]
#[command(name = "cairn-bench")]
pub struct Arguments {
    /// The short form, which is the default: less of everything, under two minutes
    #[arg(long, conflicts_with = "full")]
    pub quick: bool,

    /// The long form: hours with many peers; rows that miss their bound are measured again
    #[arg(long)]
    pub full: bool,

    /// Interleaved rounds
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: u32,

    /// Only the rows whose name or group matches
    #[arg(long, value_name = "REGEX")]
    pub only: Option<Regex>,

    /// Only these allocators, in this order
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub allocators: Vec<String>,

    /// All allocators but these
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub without: Vec<String>,

    /// List allocators and rows, and measure nothing
    #[arg(long)]
    pub list: bool,

    /// Write every run to this file, after each row
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Draw the chart into this file
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,

    /// Write the tables to this file too
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,

    /// Measure nothing: show what these JSON files hold (of a row in several, the last counts)
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub read: Vec<PathBuf>,

    /// Cairn's library
    #[arg(long, value_name = "FILE", default_value = LIBRARY)]
    pub library: PathBuf,

    /// A folder whose every .so is a peer; NAME.version beside NAME.so may hold its version
    #[arg(long, env = "PEERS", value_name = "DIR")]
    pub peers: Option<OsString>,

    /// The folder of mimalloc-bench, with its programs built
    #[arg(long, env = "MIMALLOC_BENCH", value_name = "DIR")]
    pub mimalloc_bench: Option<OsString>,
}

impl Arguments {
    /// How much of everything.
    pub fn form(&self) -> Form {
        if self.full {
            Form::Full
        } else {
            Form::Quick
        }
    }

    /// The peers' folder. make hands on a variable that is empty.
    pub fn peers(&self) -> Option<&Path> {
        given(self.peers.as_deref())
    }

    /// The folder of mimalloc-bench.
    pub fn mimalloc_bench(&self) -> Option<&Path> {
        given(self.mimalloc_bench.as_deref())
    }
}

fn given(folder: Option<&OsStr>) -> Option<&Path> {
    folder.filter(|folder| !folder.is_empty()).map(Path::new)
}

/// How much of everything is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// To see that nothing has gone wrong.
    Quick,
    /// To publish.
    Full,
}

impl Form {
    /// Its name in the results.
    pub fn name(self) -> &'static str {
        self.choose("quick", "full")
    }

    /// One of two.
    pub fn choose<T>(self, quick: T, full: T) -> T {
        match self {
            Self::Quick => quick,
            Self::Full => full,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_folder_is_none() {
        let arguments = ["cairn-bench", "--peers", "", "--mimalloc-bench", "dir"];
        let arguments = Arguments::try_parse_from(arguments).expect("they are valid");
        assert_eq!(arguments.peers(), None);
        assert_eq!(arguments.mimalloc_bench(), Some(Path::new("dir")));
        assert_eq!((arguments.form(), arguments.rounds), (Form::Quick, 5));
    }
}
