//! Real programs, on inputs of our own that are written into the bench's temporary folder.

use std::{fs, path::Path};

use crate::{
    arguments::Form,
    generate::{c_program, schedule},
    launch::Program,
    machine::find_program,
    redis::Redis,
    rows::{Job, Row, Rows},
};

const GROUP: &str = "programs";

/// A program's row: its name, the program, Debian's package, what it does.
type Known = (&'static str, &'static str, &'static str, &'static str);

const PYTHON: Known = ("python", "python3", "python3", "words, trees, JSON; PYTHONMALLOC=malloc");
const PERL: Known = ("perl", "perl", "perl", "hashes, arrays, patterns");
const SQLITE: Known = ("sqlite", "sqlite3", "sqlite3", "tables and indices in memory");
const GCC: Known = ("gcc", "gcc", "gcc", "compiles a large C file, -O1");
const CLANG: Known = ("clang", "clang", "clang", "compiles the same file, -O1");
const Z3: Known = ("z3", "z3", "z3", "solves a timetable");
const GHOSTSCRIPT: Known = ("ghostscript", "gs", "ghostscript", "draws pages of curves as PDF");

/// The rows of the programs that are installed.
pub fn rows(form: Form, folder: &Path) -> Result<Rows, String> {
    let mut rows = Rows::default();
    add_redis(&mut rows, form);
    add_scripts(&mut rows, form, folder)?;
    add_compilers(&mut rows, form, folder)?;
    let (jobs, deadline) = form.choose((15, 90), (40, 250));
    write(folder, "work.smt2", &schedule(jobs, 10, deadline))?;
    add(&mut rows, Z3, &["work.smt2"]);
    let pages = form.choose("4", "120");
    write(folder, "work.ps", &include_str!("../programs/work.ps").replace("PAGES", pages))?;
    let options = ["-q", "-dBATCH", "-dNOPAUSE", "-sDEVICE=pdfwrite", "-sOutputFile=work.pdf"];
    add(&mut rows, GHOSTSCRIPT, &[&options[..], &["work.ps"]].concat());
    Ok(rows)
}

fn write(folder: &Path, name: &str, text: &str) -> Result<(), String> {
    fs::write(folder.join(name), text).map_err(|error| format!("{name}: {error}"))
}

/// Adds a program's row, which the caller may change; or notes that it isn't installed.
fn add<'a>(rows: &'a mut Rows, known: Known, arguments: &[&str]) -> Option<&'a mut Program> {
    let (name, program, package, measures) = known;
    let Some(file) = find_program(program) else {
        rows.skip(name, format!("not installed: Debian's package {package}"));
        return None;
    };
    rows.rows.push(Row::new(name, GROUP, measures, Program::new(file, arguments)));
    match &mut rows.rows.last_mut()?.job {
        Job::Program(program) => Some(program),
        Job::Redis(_) => None,
    }
}

fn add_redis(rows: &mut Rows, form: Form) {
    let (server, client) = (find_program("redis-server"), find_program("redis-benchmark"));
    let (Some(server), Some(client)) = (server, client) else {
        rows.skip("redis", "not installed: Debian's packages redis-server, redis-tools");
        return;
    };
    let measures = "a server of strings, lists, sets and hashes, busy with a client";
    let mut row = Row::new("redis", GROUP, measures, Program::new(&server, &[]));
    row.job = Job::Redis(Redis::new(server, client, form.choose(5_000, 80_000)));
    rows.rows.push(row);
}

fn add_scripts(rows: &mut Rows, form: Form, folder: &Path) -> Result<(), String> {
    write(folder, "work.py", include_str!("../programs/work.py"))?;
    if let Some(python) = add(rows, PYTHON, &["work.py", form.choose("1", "20")]) {
        python.environment = vec![("PYTHONMALLOC", "malloc"), ("PYTHONHASHSEED", "0")];
    }
    write(folder, "work.pl", include_str!("../programs/work.pl"))?;
    if let Some(perl) = add(rows, PERL, &["work.pl", form.choose("1", "12")]) {
        perl.environment = vec![("PERL_HASH_SEED", "0")];
    }
    let count = form.choose("10000", "200000");
    write(folder, "work.sql", &include_str!("../programs/work.sql").replace("ROWS", count))?;
    if let Some(sqlite) = add(rows, SQLITE, &["-batch", ":memory:"]) {
        sqlite.stdin = Some(folder.join("work.sql"));
    }
    Ok(())
}

fn add_compilers(rows: &mut Rows, form: Form, folder: &Path) -> Result<(), String> {
    write(folder, "work.c", &c_program(form.choose(15, 150)))?;
    for compiler in [GCC, CLANG] {
        add(rows, compiler, &["-O1", "-S", "-o", "work.s", "work.c"]);
    }
    Ok(())
}
