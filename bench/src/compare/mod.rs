//! From runs to ratios: each allocator's figure by the best of a row, and Cairn's by the best
//! peer's.

use crate::{
    results::{Measured, Run, Runs},
    statistics::{geometric_mean, least, median, spread},
};

/// The allocator that the others are peers of.
pub const OURS: &str = "cairn";

/// A row's time may be this many times the best peer's.
pub const BOUND: f64 = 1.05;

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Nanoseconds by operation, or the wall time of a whole program.
    Time,
    /// Processor time, user and system.
    Cpu,
    /// Peak of the resident memory.
    Peak,
    /// What stays resident: the rows of the group `memory`.
    Resident,
    /// Times of the group `memory`. Apart, because one big factor would outweigh all other rows.
    Growth,
}

impl Metric {
    /// The figure of one run; none where the metric says nothing about the row.
    fn figure(self, row: &Measured, run: &Run) -> Option<f64> {
        let is_memory = row.group == "memory";
        match self {
            Self::Time => run.time_ns.filter(|_| !is_memory),
            Self::Cpu => (!is_memory && !row.is_fixed_time).then_some(run.cpu_ns),
            Self::Peak => (!is_memory).then_some(run.peak_kib),
            Self::Resident => run.resident,
            Self::Growth => run.time_ns.filter(|_| is_memory && run.resident.is_none()),
        }
    }
}

/// An allocator's figure in a row.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Whose.
    pub allocator: String,
    /// The median of its runs; of a row that was measured again, the best of its runs.
    pub value: f64,
    /// Its noise, as a share.
    pub spread: Option<f64>,
}

/// One row of a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Compared {
    /// The row's name.
    pub name: String,
    /// Rows that belong together.
    pub group: String,
    /// Of each allocator that has one.
    pub figures: Vec<Figure>,
    /// It missed its bound at first: the figures are the best of all rounds.
    pub is_again: bool,
}

impl Compared {
    /// The table row of a metric; none if no allocator has a figure.
    pub fn of(row: &Measured, metric: Metric) -> Option<Self> {
        let is_again = metric == Metric::Time && !row.again.is_empty();
        let figures: Vec<_> = row
            .runs
            .iter()
            .filter_map(|(allocator, runs)| {
                let mut values = figures_of(row, metric, runs);
                let spread = spread(&values);
                values.extend(more_figures(row, metric, allocator, &row.again));
                let value = if is_again { least(&values) } else { median(&values) }?;
                Some(Figure { allocator: allocator.clone(), value, spread })
            })
            .collect();
        let (name, group) = (row.name.clone(), row.group.clone());
        (!figures.is_empty()).then_some(Self { name, group, figures, is_again })
    }

    /// An allocator's figure.
    pub fn value(&self, allocator: &str) -> Option<f64> {
        self.figures.iter().find(|figure| figure.allocator == allocator).map(|figure| figure.value)
    }

    /// The best of all, ours included.
    pub fn best(&self) -> Option<&Figure> {
        self.figures.iter().min_by(|one, other| one.value.total_cmp(&other.value))
    }

    /// The best of the others.
    pub fn best_peer(&self) -> Option<&Figure> {
        let peers = self.figures.iter().filter(|figure| figure.allocator != OURS);
        peers.min_by(|one, other| one.value.total_cmp(&other.value))
    }

    /// An allocator's figure as a multiple of the row's best.
    pub fn to_best(&self, allocator: &str) -> Option<f64> {
        divide(self.value(allocator)?, self.best()?.value)
    }

    /// An allocator's figure as a multiple of the best peer's.
    pub fn to_best_peer(&self, allocator: &str) -> Option<f64> {
        divide(self.value(allocator)?, self.best_peer()?.value)
    }

    /// Whether ours is worse than the bound allows.
    pub fn is_missed(&self) -> bool {
        self.to_best_peer(OURS).is_some_and(|ratio| ratio > BOUND)
    }

    /// The row's noise: the median of its allocators'.
    pub fn noise(&self) -> Option<f64> {
        let spreads: Vec<_> = self.figures.iter().filter_map(|figure| figure.spread).collect();
        median(&spreads)
    }
}

fn divide(value: f64, by: f64) -> Option<f64> {
    (by > 0.0).then_some(value / by)
}

fn figures_of(row: &Measured, metric: Metric, runs: &[Run]) -> Vec<f64> {
    runs.iter().filter_map(|run| metric.figure(row, run)).collect()
}

fn more_figures(row: &Measured, metric: Metric, allocator: &str, again: &Runs) -> Vec<f64> {
    again.get(allocator).map(|runs| figures_of(row, metric, runs)).unwrap_or_default()
}

/// The table of a metric: every row that has figures.
pub fn compare(rows: &[Measured], metric: Metric) -> Vec<Compared> {
    rows.iter().filter_map(|row| Compared::of(row, metric)).collect()
}

/// The geometric mean of an allocator's multiples of the best peer, over the rows where it has any.
pub fn mean_to_best_peer(rows: &[Compared], allocator: &str) -> Option<f64> {
    let ratios: Vec<_> = rows.iter().filter_map(|row| row.to_best_peer(allocator)).collect();
    geometric_mean(&ratios)
}

#[cfg(test)]
mod tests;
