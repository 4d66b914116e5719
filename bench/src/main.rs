//! cairn-bench: measures Cairn against other allocators. `README.md` says what and how.

mod allocators;
mod arguments;
mod chart;
mod compare;
mod generate;
mod launch;
mod machine;
mod own;
mod programs;
mod reading;
mod redis;
mod report;
mod results;
mod rounds;
mod rows;
mod statistics;
mod suite;

use std::{fs, process::ExitCode};

use clap::Parser;

use crate::{
    allocators::Allocator,
    arguments::Arguments,
    launch::Place,
    results::{Conditions, Results},
    rounds::Bench,
    rows::Rows,
};

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cairn-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), String> {
    if !arguments.read.is_empty() {
        return show(arguments, &Results::read(&arguments.read)?);
    }
    let folder = tempfile::Builder::new().prefix("cairn-bench").tempdir();
    let folder = folder.map_err(|error| format!("temporary folder: {error}"))?;
    let allocators = allocators::find(arguments, folder.path())?;
    let rows = rows::gather(arguments, folder.path())?;
    if arguments.list {
        list(&allocators, &rows);
        return Ok(());
    }
    let limit_s = arguments.form().choose(30, 120);
    let place = Place { folder: folder.path().into(), limit_s };
    let results = measure(arguments, allocators, rows, place)?;
    show(arguments, &results)
}

fn list(allocators: &[Allocator], rows: &Rows) {
    println!("allocators:");
    for allocator in allocators {
        println!("  {:24} {}", allocator.name, allocator.version);
    }
    println!("rows:");
    for row in &rows.rows {
        println!("  {:24} {:15} {}", row.name, row.group, row.measures);
    }
    println!("left out:");
    for (name, reason) in &rows.skipped {
        println!("  {name:24} {reason}");
    }
}

/// Measures row by row. The JSON file is written after each, so that nothing is lost.
fn measure(
    arguments: &Arguments,
    allocators: Vec<Allocator>,
    rows: Rows,
    place: Place,
) -> Result<Results, String> {
    let form = arguments.form();
    let rounds = arguments.rounds as usize;
    let conditions = Conditions {
        date: machine::date(),
        machine: machine::machine(),
        form: form.name().into(),
        rounds,
        allocators: allocators.iter().map(Allocator::version).collect(),
        skipped: rows.skipped,
    };
    let mut results = Results { conditions, rows: Vec::new() };
    let bench = Bench { allocators, rounds, form, place };
    for (number, row) in rows.rows.iter().enumerate() {
        let measured = bench.measure(row);
        let (number, count) = (number + 1, rows.rows.len());
        eprintln!("[{number:3}/{count}] {:24} {}", row.name, report::progress(&measured));
        results.rows.push(measured);
        if let Some(path) = &arguments.json {
            results.write(path)?;
        }
    }
    Ok(results)
}

/// Prints the tables and writes what the arguments ask for.
fn show(arguments: &Arguments, results: &Results) -> Result<(), String> {
    let text = report::report(results);
    println!("{text}");
    if let Some(path) = &arguments.json {
        results.write(path)?;
    }
    if let Some(path) = &arguments.markdown {
        fs::write(path, &text).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    if let Some(path) = &arguments.svg {
        chart::draw(results, path)?;
    }
    Ok(())
}
