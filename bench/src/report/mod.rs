//! The tables, as Markdown that is also readable in a terminal.

use std::fmt::Write;

use crate::{
    compare::{compare, mean_to_best_peer, Compared, Metric, BOUND, OURS},
    results::{Measured, Results},
};

/// Everything that is to be said of a measurement.
pub fn report(results: &Results) -> String {
    let names: Vec<&str> =
        results.conditions.allocators.iter().map(|version| &version.allocator[..]).collect();
    let mut text = conditions(results);
    text += &means(&results.rows, &names);
    for (metric, title) in
        [(Metric::Time, "Time"), (Metric::Cpu, "Processor time"), (Metric::Peak, "Peak memory")]
    {
        let note = "Each figure is a multiple of the row's best.";
        text += &section(title, note, &ratios(&compare(&results.rows, metric), metric, &names));
    }
    for (metric, title, note) in [
        (
            Metric::Resident,
            "What stays resident",
            "Resident to live bytes, or MiB, as the row says.",
        ),
        (Metric::Growth, "Growing big blocks", "The time itself."),
    ] {
        text += &section(title, note, &absolutes(&compare(&results.rows, metric), metric, &names));
    }
    text + &misses(&results.rows) + &left_out(results)
}

fn section(title: &str, note: &str, table: &[Vec<String>]) -> String {
    if table.len() < 2 {
        return String::new();
    }
    format!("\n## {title}\n\n{note}\n\n{}", aligned(table))
}

fn conditions(results: &Results) -> String {
    let conditions = &results.conditions;
    let named = conditions.allocators.iter().map(|one| {
        let version =
            if one.version.is_empty() { String::new() } else { format!(" {}", one.version) };
        format!("{}{version}", one.allocator)
    });
    format!(
        "# Measured on {}\n\n{}; {} form, {} rounds.\n\nAllocators: {}.\n",
        conditions.date,
        conditions.machine,
        conditions.form,
        conditions.rounds,
        named.collect::<Vec<_>>().join(", "),
    )
}

/// One line for each allocator: its geometric means, and in how many rows it is among the best.
fn means(rows: &[Measured], names: &[&str]) -> String {
    let tables = [Metric::Time, Metric::Cpu, Metric::Peak].map(|metric| compare(rows, metric));
    let mut table = vec![words(&["", "time", "processor time", "peak memory", "time within 1.05"])];
    for name in names {
        let mut line = vec![name.to_string()];
        line.extend(tables.iter().map(|table| ratio(mean_to_best_peer(table, name))));
        let times: Vec<_> = tables[0].iter().filter_map(|row| row.to_best_peer(name)).collect();
        let within = times.iter().filter(|&&ratio| ratio <= BOUND).count();
        line.push(format!("{within} of {}", times.len()));
        table.push(line);
    }
    let note = "Of the multiples of each row's best peer (any but cairn), which counts as 1.00.";
    section("Geometric means", note, &table)
}

fn ratios(rows: &[Compared], metric: Metric, names: &[&str]) -> Vec<Vec<String>> {
    let mut table = vec![words(&["row", "cairn / best peer", "best"])];
    table[0].extend(names.iter().map(|name| name.to_string()));
    table[0].push("noise".into());
    for row in rows {
        let mark = if row.is_again { " *" } else { "" };
        let best = row
            .best()
            .map(|best| format!("{} {}", best.allocator, quantity(best.value, metric, &row.group)));
        let ours = ratio(row.to_best_peer(OURS));
        let mut line = vec![format!("{}{mark}", row.name), ours, best.unwrap_or_default()];
        line.extend(names.iter().map(|name| ratio(row.to_best(name))));
        line.push(row.noise().map_or("-".into(), |noise| format!("{:.0} %", noise * 100.0)));
        table.push(line);
    }
    table
}

fn absolutes(rows: &[Compared], metric: Metric, names: &[&str]) -> Vec<Vec<String>> {
    let mut table = vec![words(&["row"])];
    table[0].extend(names.iter().map(|name| name.to_string()));
    for row in rows {
        let mut line = vec![row.name.clone()];
        let figures = names.iter().map(|name| row.value(name));
        line.extend(
            figures
                .map(|value| value.map_or("-".into(), |value| quantity(value, metric, &row.group))),
        );
        table.push(line);
    }
    table
}

/// The rows that miss their bound, worst first.
fn misses(rows: &[Measured]) -> String {
    let mut missed: Vec<_> = compare(rows, Metric::Time);
    missed.retain(Compared::is_missed);
    let factor = |row: &Compared| row.to_best_peer(OURS).unwrap_or_default();
    missed.sort_by(|one, other| factor(other).total_cmp(&factor(one)));
    let mut table = vec![words(&["row", "cairn / best peer", "best peer", "what it measures"])];
    for row in &missed {
        let measured = rows.iter().find(|other| other.name == row.name);
        let peer = row.best_peer().map(|peer| peer.allocator.clone()).unwrap_or_default();
        let measures = measured.map(|row| row.measures.clone()).unwrap_or_default();
        table.push(vec![row.name.clone(), ratio(row.to_best_peer(OURS)), peer, measures]);
    }
    section("Rows that miss their bound", &format!("Time beyond {BOUND} of the best peer."), &table)
}

fn left_out(results: &Results) -> String {
    let mut table = vec![words(&["row", "allocator", "reason"])];
    for row in &results.rows {
        let failed = row.failed.iter();
        table.extend(failed.map(|(who, why)| vec![row.name.clone(), who.clone(), why.clone()]));
    }
    let skipped = results.conditions.skipped.iter();
    table.extend(skipped.map(|(row, why)| vec![row.clone(), "all".into(), why.clone()]));
    section("Left out", "Rows without all their runs.", &table)
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| word.to_string()).collect()
}

fn ratio(ratio: Option<f64>) -> String {
    ratio.map_or("-".into(), |ratio| format!("{ratio:.2}"))
}

/// A figure with its unit.
pub fn quantity(value: f64, metric: Metric, group: &str) -> String {
    match metric {
        Metric::Resident => format!("{value:.2}"),
        Metric::Peak if value < 10240.0 => format!("{value:.0} KiB"),
        Metric::Peak => format!("{:.0} MiB", value / 1024.0),
        Metric::Time if group == "mimalloc-bench" || group == "programs" => seconds(value),
        Metric::Cpu => seconds(value),
        Metric::Time | Metric::Growth => nanoseconds(value),
    }
}

fn seconds(ns: f64) -> String {
    format!("{:.3} s", ns / 1e9)
}

fn nanoseconds(ns: f64) -> String {
    match ns {
        ns if ns < 1e3 => format!("{ns:.1} ns"),
        ns if ns < 1e6 => format!("{:.1} us", ns / 1e3),
        ns => format!("{:.2} ms", ns / 1e6),
    }
}

/// A Markdown table whose columns are as wide as their widest cell.
fn aligned(table: &[Vec<String>]) -> String {
    let columns = table.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        table.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<_> = (0..columns).map(|column| width(column).unwrap_or(0).max(3)).collect();
    let mut text = String::new();
    for (number, row) in table.iter().enumerate() {
        for (column, &width) in widths.iter().enumerate() {
            let cell = row.get(column).map_or("", |cell| cell);
            write!(text, "| {cell:width$} ").expect("a string takes all");
        }
        text += "|\n";
        if number == 0 {
            let rules: Vec<_> = widths.iter().map(|width| "-".repeat(width + 2)).collect();
            writeln!(text, "|{}|", rules.join("|")).expect("a string takes all");
        }
    }
    text
}

/// One line on a row that has just been measured.
pub fn progress(row: &Measured) -> String {
    if let Some(reason) = row.failed.get(OURS) {
        return format!("cairn FAILED: {reason}");
    }
    let metrics = [Metric::Time, Metric::Resident, Metric::Growth];
    let compared = metrics.iter().find_map(|&metric| Some((metric, Compared::of(row, metric)?)));
    let Some((metric, compared)) = compared else {
        return "no figures".into();
    };
    let show = |value: f64| quantity(value, metric, &row.group);
    let ours = compared.value(OURS).map_or("-".into(), show);
    let peer = compared.best_peer().map(|peer| format!("{} {}", peer.allocator, show(peer.value)));
    let ratio = ratio(compared.to_best_peer(OURS));
    format!("cairn {ours}, best peer {}, ratio {ratio}", peer.unwrap_or("-".into()))
}

#[cfg(test)]
mod tests;
