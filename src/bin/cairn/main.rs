//! `cairn`: runs programs on Cairn's malloc and reports their memory errors.
//!
//! The library writes down what it finds (`record`); everything that takes time or memory is done
//! here, outside of the program: names for addresses (`symbols`), decoding of instructions
//! (`instruction`), what the user doesn't want to see (`suppressions`), the words (`report`).
//! `check` and `launch` start the program.

#![deny(unsafe_code)]

mod arguments;
mod check;
mod executed;
mod instruction;
mod launch;
mod manual;
mod record;
mod report;
mod saved;
mod suppressions;
mod symbols;
mod view;

use arguments::{Action, Arguments};
use clap::{CommandFactory, Parser};
use launch::{child, Launch};
use std::io::Write;
use std::process::ExitCode;

/// An exit status, or what the user has to hear instead.
type Outcome = Result<u8, String>;

/// The status when nothing was run: bad usage, or a program that can't be checked.
const REFUSED: u8 = 2;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match act(&arguments.action) {
        Ok(status) => ExitCode::from(status),
        Err(why) => {
            eprintln!("cairn: {why}");
            ExitCode::from(REFUSED)
        }
    }
}

fn act(action: &Action) -> Outcome {
    match action {
        Action::Check(check) => check::run(check),
        Action::Run { program } => Err(child::become_program(&Launch::prepare(&program.words)?)),
        Action::Report(report) => saved::show(report),
        Action::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(*shell, &mut Arguments::command(), "cairn", &mut text);
            print(&text)
        }
        Action::Man => {
            let mut text = Vec::new();
            manual::write(&mut text).map_err(|error| format!("the manual page: {error}"))?;
            print(&text)
        }
    }
}

fn print(text: &[u8]) -> Outcome {
    std::io::stdout().write_all(text).map_err(|error| format!("standard output: {error}"))?;
    Ok(0)
}

#[cfg(test)]
mod tests;
