//! The chart: geometric means over all rows, and of the times by group of rows, as bars.

use std::{error::Error, path::Path};

use plotters::{coord::Shift, prelude::*, style::text_anchor};

use crate::{
    compare::{compare, mean_to_best_peer, Compared, Metric, OURS},
    results::Results,
};

const WIDTH: u32 = 1200;
const PANEL_HEIGHT: u32 = 340;
/// Bars end here, with their figure beside the cut.
const HIGHEST: f64 = 2.5;

/// Bars side by side: a label and each allocator's value.
struct Cluster {
    label: String,
    values: Vec<Option<f64>>,
}

/// Draws the chart into an SVG file.
pub fn draw(results: &Results, path: &Path) -> Result<(), String> {
    draw_panels(results, path).map_err(|error| format!("{}: {error}", path.display()))
}

fn draw_panels(results: &Results, path: &Path) -> Result<(), Box<dyn Error>> {
    let times = compare(&results.rows, Metric::Time);
    let names = by_time(results, &times);
    let groups = by_group(&times, &names);
    let root = SVGBackend::new(path, (WIDTH, 40 + 2 * PANEL_HEIGHT)).into_drawing_area();
    root.fill(&WHITE)?;
    let (legend, panels) = root.split_vertically(40);
    draw_legend(&legend, &names)?;
    let (above, below) = panels.split_vertically(PANEL_HEIGHT);
    let title = "Geometric means over all rows; the best peer of each row is 1 (less is better)";
    draw_panel(&above, title, &overall(results, &names), &names)?;
    draw_panel(&below, "Time by group of rows", &groups, &names)?;
    root.present()?;
    Ok(())
}

/// The allocators that have times, the fastest first.
fn by_time(results: &Results, times: &[Compared]) -> Vec<String> {
    let names = results.conditions.allocators.iter().map(|version| version.allocator.clone());
    let mut means: Vec<_> =
        names.filter_map(|name| Some((mean_to_best_peer(times, &name)?, name))).collect();
    means.sort_by(|one, other| one.0.total_cmp(&other.0));
    means.into_iter().map(|(_, name)| name).collect()
}

fn cluster(label: &str, rows: &[Compared], names: &[String]) -> Cluster {
    let values = names.iter().map(|name| mean_to_best_peer(rows, name)).collect();
    Cluster { label: label.into(), values }
}

fn overall(results: &Results, names: &[String]) -> Vec<Cluster> {
    let metrics =
        [(Metric::Time, "time"), (Metric::Cpu, "processor time"), (Metric::Peak, "peak memory")];
    metrics
        .iter()
        .map(|&(metric, label)| cluster(label, &compare(&results.rows, metric), names))
        .collect()
}

/// A cluster for each group, in the order of the rows.
fn by_group(times: &[Compared], names: &[String]) -> Vec<Cluster> {
    let mut groups: Vec<(&str, Vec<Compared>)> = Vec::new();
    for row in times {
        match groups.iter_mut().find(|(group, _)| *group == row.group) {
            Some((_, rows)) => rows.push(row.clone()),
            None => groups.push((&row.group, vec![row.clone()])),
        }
    }
    groups.iter().map(|(group, rows)| cluster(group, rows, names)).collect()
}

fn color(index: usize, name: &str) -> RGBColor {
    const PEERS: [RGBColor; 10] = [
        RGBColor(66, 106, 160),
        RGBColor(120, 170, 210),
        RGBColor(90, 150, 90),
        RGBColor(160, 200, 130),
        RGBColor(140, 100, 160),
        RGBColor(190, 170, 210),
        RGBColor(150, 120, 90),
        RGBColor(205, 185, 150),
        RGBColor(110, 110, 110),
        RGBColor(180, 180, 180),
    ];
    if name == OURS {
        RGBColor(214, 69, 45)
    } else {
        PEERS[index % PEERS.len()]
    }
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

fn draw_legend(area: &Area, names: &[String]) -> Result<(), Box<dyn Error>> {
    let step = (WIDTH as i32 - 60) / names.len().max(1) as i32;
    for (index, name) in names.iter().enumerate() {
        let left = 40 + index as i32 * step;
        area.draw(&Rectangle::new([(left, 14), (left + 12, 26)], color(index, name).filled()))?;
        area.draw(&Text::new(name.clone(), (left + 17, 13), ("sans-serif", 14)))?;
    }
    Ok(())
}

fn draw_panel(
    area: &Area,
    title: &str,
    clusters: &[Cluster],
    names: &[String],
) -> Result<(), Box<dyn Error>> {
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 17))
        .margin(10)
        .set_label_area_size(LabelAreaPosition::Left, 40)
        .build_cartesian_2d(0.0..clusters.len().max(1) as f64, 0.0..HIGHEST)?;
    chart.configure_mesh().disable_x_mesh().disable_x_axis().light_line_style(WHITE).draw()?;
    let center = TextStyle::from(("sans-serif", 13))
        .pos(text_anchor::Pos::new(text_anchor::HPos::Center, text_anchor::VPos::Top));
    for (place, cluster) in clusters.iter().enumerate() {
        let middle = place as f64 + 0.5;
        chart.draw_series([Text::new(cluster.label.clone(), (middle, HIGHEST), center.clone())])?;
        let width = 0.84 / names.len().max(1) as f64;
        for (index, value) in cluster.values.iter().enumerate() {
            let Some(value) = *value else { continue };
            let left = place as f64 + 0.08 + index as f64 * width;
            let corners = [(left, 0.0), (left + width * 0.92, value.min(HIGHEST - 0.2))];
            chart.draw_series([Rectangle::new(corners, color(index, &names[index]).filled())])?;
            if value > HIGHEST - 0.2 || names[index] == OURS {
                let at = (left, value.min(HIGHEST - 0.2) + 0.1);
                chart.draw_series([Text::new(format!("{value:.2}"), at, ("sans-serif", 11))])?;
            }
        }
    }
    let line = [(0.0, 1.0), (clusters.len() as f64, 1.0)];
    chart.draw_series([PathElement::new(line, BLACK.mix(0.5))])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::{Conditions, Measured, Run, Version};

    #[test]
    fn every_allocator_and_group_is_drawn() {
        let run = |time| {
            vec![Run { time_ns: Some(time), cpu_ns: 1.0, peak_kib: 1.0, ..Default::default() }]
        };
        let runs = [("cairn".into(), run(5.0)), ("peer".into(), run(50.0))].into();
        let row = Measured { name: "r".into(), group: "pairs".into(), runs, ..Default::default() };
        let version = |name: &str| Version { allocator: name.into(), version: String::new() };
        let allocators = ["cairn", "peer"].map(version).to_vec();
        let conditions = Conditions { allocators, ..Default::default() };
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("chart.svg");
        draw(&Results { conditions, rows: vec![row] }, &path).expect("it is drawn");
        let text = std::fs::read_to_string(path).expect("it is there");
        assert!(["cairn", "peer", "pairs", "peak memory"].iter().all(|word| text.contains(word)));
    }
}
