//! The rows: what is measured, gathered from where it comes from.

use std::{collections::BTreeMap, path::Path};

use crate::{
    arguments::{Arguments, Form},
    launch::{Place, Program},
    own, programs,
    redis::Redis,
    results::{Measured, Run},
    suite,
};

/// How a row is measured once.
#[derive(Clone, Debug)]
pub enum Job {
    /// A program that ends by itself.
    Program(Program),
    /// A server, measured while a client uses it.
    Redis(Redis),
}

impl Job {
    /// Runs it once on an allocator.
    pub fn run(&self, place: &Place, library: Option<&Path>) -> Result<Run, String> {
        match self {
            Self::Program(program) => place.run(program, library),
            Self::Redis(redis) => redis.run(place, library),
        }
    }

    /// Whether it needs the C library preloaded to be measured on that library's allocator.
    pub fn has_own_allocator(&self) -> bool {
        match self {
            Self::Program(program) => program.has_own_allocator,
            Self::Redis(redis) => redis.server.has_own_allocator,
        }
    }
}

/// A row that can be measured.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// Rows that belong together.
    pub group: String,
    /// What it measures, in words.
    pub measures: String,
    /// How.
    pub job: Job,
    /// It runs for a fixed time, so that its processor time says nothing.
    pub is_fixed_time: bool,
}

impl Row {
    /// A row of a program that does a fixed amount of work.
    pub fn new(name: &str, group: &str, measures: &str, program: Program) -> Self {
        Self {
            name: name.into(),
            group: group.into(),
            measures: measures.into(),
            job: Job::Program(program),
            is_fixed_time: false,
        }
    }

    /// The row of the results, still without runs.
    pub fn empty(&self) -> Measured {
        Measured {
            name: self.name.clone(),
            group: self.group.clone(),
            measures: self.measures.clone(),
            is_fixed_time: self.is_fixed_time,
            ..Default::default()
        }
    }
}

/// Rows, and those left out with the reason.
#[derive(Debug, Default)]
pub struct Rows {
    /// To be measured, in this order.
    pub rows: Vec<Row>,
    /// Left out.
    pub skipped: BTreeMap<String, String>,
}

impl Rows {
    /// Leaves a row out.
    pub fn skip(&mut self, name: &str, reason: impl Into<String>) {
        self.skipped.insert(name.into(), reason.into());
    }

    fn append(&mut self, more: Self) {
        self.rows.extend(more.rows);
        self.skipped.extend(more.skipped);
    }
}

/// Gathers all rows that the arguments ask for; inputs are generated in the folder.
pub fn gather(arguments: &Arguments, folder: &Path) -> Result<Rows, String> {
    let form = arguments.form();
    let mut all = own::rows(form)?;
    all.append(programs::rows(form, folder)?);
    all.append(suite_rows(arguments, form));
    if let Some(pattern) = &arguments.only {
        all.rows.retain(|row| pattern.is_match(&row.name) || pattern.is_match(&row.group));
        all.skipped.retain(|name, _| pattern.is_match(name));
    }
    Ok(all)
}

fn suite_rows(arguments: &Arguments, form: Form) -> Rows {
    let mut rows = Rows::default();
    match arguments.mimalloc_bench() {
        Some(folder) => rows = suite::rows(form, folder),
        None => rows.skip("mimalloc-bench", "MIMALLOC_BENCH=dir is not given"),
    }
    rows
}
