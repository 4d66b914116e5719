//! What was measured, as it stands in the JSON file: every single run, nothing computed.

use std::{collections::BTreeMap, fs, path::Path};

use serde::{Deserialize, Serialize};

/// One run of one program on one allocator.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Run {
    /// What the program said of itself, or else its wall time.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub time_ns: Option<f64>,
    /// Resident memory that the program reported, in the row's unit.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub resident: Option<f64>,
    /// From start to end, of all processes of the measurement.
    pub wall_ns: f64,
    /// User and system, of a process and those that it waited for.
    pub cpu_ns: f64,
    /// The largest resident set of the process and those that it waited for.
    pub peak_kib: f64,
    /// Page faults of a process, without input or output.
    pub faults: f64,
}

/// Runs by the allocator's name.
pub type Runs = BTreeMap<String, Vec<Run>>;

/// One row: a workload and all its runs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Measured {
    /// The row's name.
    pub name: String,
    /// Rows that belong together.
    pub group: String,
    /// What it measures, in words.
    pub measures: String,
    /// It runs for a fixed time, so that its processor time says nothing.
    pub is_fixed_time: bool,
    /// The interleaved rounds.
    pub runs: Runs,
    /// Ten rounds more, of a row that missed its bound.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub again: Runs,
    /// Why an allocator has no runs, or only some.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub failed: BTreeMap<String, String>,
}

/// An allocator and its version, as far as that is known.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Version {
    /// The column's name.
    pub allocator: String,
    /// From its package, its repository or a file beside it; may be empty.
    pub version: String,
}

/// When, where and how it was measured.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Conditions {
    /// Day, in UTC.
    pub date: String,
    /// Processor, number of cores, memory, kernel.
    pub machine: String,
    /// `quick` or `full`.
    pub form: String,
    /// Interleaved rounds of each row.
    pub rounds: usize,
    /// In the order of their runs.
    pub allocators: Vec<Version>,
    /// Rows that were left out, with the reason.
    pub skipped: BTreeMap<String, String>,
}

/// A whole measurement.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Results {
    /// How it came about.
    pub conditions: Conditions,
    /// In the order of their runs.
    pub rows: Vec<Measured>,
}

impl Results {
    /// Writes the JSON file.
    pub fn write(&self, path: &Path) -> Result<(), String> {
        let text = serde_json::to_string_pretty(self).map_err(|error| error.to_string())?;
        fs::write(path, text + "\n").map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Reads JSON files into one measurement. Of a row that stands in several, the last counts, so
    /// that rows can be measured again on their own.
    pub fn read(paths: &[impl AsRef<Path>]) -> Result<Self, String> {
        let mut all = Self::default();
        for path in paths {
            all.merge(read_one(path.as_ref())?);
        }
        Ok(all)
    }

    fn merge(&mut self, later: Self) {
        let known = std::mem::replace(&mut self.conditions, later.conditions);
        for version in known.allocators {
            let names = &mut self.conditions.allocators;
            if !names.iter().any(|other| other.allocator == version.allocator) {
                names.push(version);
            }
        }
        for row in later.rows {
            match self.rows.iter_mut().find(|other| other.name == row.name) {
                Some(other) => *other = row,
                None => self.rows.push(row),
            }
        }
        let skipped = known.skipped.into_iter().chain(self.conditions.skipped.clone());
        self.conditions.skipped =
            skipped.filter(|(name, _)| !self.rows.iter().any(|row| row.name == *name)).collect();
    }
}

fn read_one(path: &Path) -> Result<Results, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_row(name: &str, group: &str, allocator: &str) -> Results {
        let row = Measured { name: name.into(), group: group.into(), ..Default::default() };
        let version = Version { allocator: allocator.into(), version: String::new() };
        let conditions = Conditions { allocators: vec![version], ..Default::default() };
        Results { conditions, rows: vec![row] }
    }

    #[test]
    fn of_a_row_measured_twice_the_later_counts() {
        let mut all = Results::default();
        all.merge(one_row("pair", "old", "cairn"));
        all.merge(one_row("live", "old", "glibc"));
        all.merge(one_row("pair", "new", "cairn"));
        let rows: Vec<_> = all.rows.iter().map(|row| (&row.name[..], &row.group[..])).collect();
        assert_eq!(rows, [("pair", "new"), ("live", "old")]);
        assert_eq!(all.conditions.allocators.len(), 2);
    }

    #[test]
    fn json_keeps_every_run() {
        let mut row = Measured { name: "pair".into(), ..Default::default() };
        let run = Run { time_ns: Some(5.5), peak_kib: 1024.0, ..Default::default() };
        row.runs.insert("cairn".into(), vec![run]);
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("results.json");
        Results { rows: vec![row], ..Default::default() }.write(&path).expect("it is written");
        let again = Results::read(&[&path]).expect("it is read");
        assert_eq!(again.rows[0].runs["cairn"][0].time_ns, Some(5.5));
    }
}
