//! Our own workloads: the C program's table, and the start of many processes.

use crate::{
    arguments::Form,
    launch::Program,
    machine::{find_program, output_of},
    reading::Reading,
    rows::{Row, Rows},
};

/// The C program with the workloads.
const WORKLOADS: &str = env!("BENCH_WORKLOADS");

/// The part of the full form's operations that the quick form does is one in so many.
const QUICK_DIVISOR: &str = "50";

/// All of them, in the order of their table.
pub fn rows(form: Form) -> Result<Rows, String> {
    let table = output_of(WORKLOADS, &["--list"]);
    let parsed = table.lines().map(|line| row(line, form).ok_or_else(|| format!("no row: {line}")));
    let mut rows = Rows { rows: parsed.collect::<Result<_, _>>()?, ..Default::default() };
    if rows.rows.is_empty() {
        return Err(format!("{WORKLOADS} has no table"));
    }
    match find_program("true") {
        Some(program) => rows.rows.push(start_up(program, form)),
        None => rows.skip("start-up", "no program named true"),
    }
    Ok(rows)
}

/// A row from a line of the table: name, group, what it measures.
fn row(line: &str, form: Form) -> Option<Row> {
    let mut fields = line.split('\t');
    let (name, group, measures) = (fields.next()?, fields.next()?, fields.next()?);
    let mut program = Program::new(WORKLOADS, &[name, form.choose(QUICK_DIVISOR, "1")]);
    program.reading = Reading::PerOperation;
    Some(Row::new(name, group, measures, program))
}

/// Each measurement starts many processes; its time is that of one.
fn start_up(file: std::path::PathBuf, form: Form) -> Row {
    let mut program = Program::new(file, &[]);
    program.times = form.choose(50, 500);
    let measures =
        format!("the start and end of a process that does nothing, {} times", program.times);
    Row::new("start-up", "start", &measures, program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_workload_is_a_row_with_a_name_of_its_own() {
        let rows = rows(Form::Quick).expect("the table is readable").rows;
        let mut names: Vec<_> = rows.iter().map(|row| &row.name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), rows.len());
        assert!(rows.len() > 60 && rows.iter().all(|row| !row.measures.is_empty()));
    }
}
