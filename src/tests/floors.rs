//! A file imports only from floors below its own; one floor names libc and one file names spin.

use super::tidy::{library_sources, Source};

/// From the bottom up. The same order stands in `src/README.md`.
const FLOORS: [&str; 9] =
    ["arithmetic", "os", "sync", "services", "memory", "heap", "modes", "front", "c"];

fn floor_of(name: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| *floor == name)
}

/// The floors that a source names as `crate::floor`, a `use` of several in braces included.
fn named_floors(source: &Source) -> Vec<(usize, &'static str)> {
    let mut named = Vec::new();
    for (number, line) in source.code_lines() {
        for floor in FLOORS {
            if line.contains(&format!("crate::{floor}::"))
                || line.contains(&format!("crate::{floor};"))
            {
                named.push((number, floor));
            }
        }
        assert!(!line.contains("use crate::{"), "{}:{number}: name the floor", source.path);
        assert!(!line.contains("super::super"), "{}:{number}: name the floor", source.path);
    }
    named
}

#[test]
fn imports_go_down_only() {
    let mut imports = 0;
    for source in library_sources() {
        let Some(own) = floor_of(&source.folder) else { continue };
        for (number, floor) in named_floors(&source) {
            imports += 1;
            let other = floor_of(floor).unwrap();
            assert!(other <= own, "{}:{number}: `{floor}` is above", source.path);
        }
    }
    assert!(imports > 50, "the test finds imports");
}

#[test]
fn an_upward_import_would_be_found() {
    let text = "use crate::memory::arena::ARENA;\n// crate::c::in_a_comment\n";
    let source = Source::new("src/os/x.rs", text.into());
    assert_eq!(named_floors(&source), [(1, "memory")]);
    assert!(floor_of("memory") > floor_of(&source.folder));
}

#[test]
fn only_one_floor_names_libc_and_one_file_spin() {
    for source in library_sources() {
        for (number, line) in source.code_lines() {
            if line.contains("libc::") {
                assert_eq!(source.folder, "os", "{}:{number} names libc", source.path);
            }
            if line.contains("spin::") {
                assert_eq!(source.path, "src/sync/lock.rs", "{number} names spin");
            }
        }
    }
}

#[test]
fn every_folder_is_a_floor_and_the_map_has_their_order() {
    let folders: std::collections::BTreeSet<String> = library_sources()
        .iter()
        .map(|source| source.folder.clone())
        .filter(|folder| !folder.is_empty())
        .collect();
    assert_eq!(folders, FLOORS.iter().map(|floor| floor.to_string()).collect());
    let map = std::fs::read_to_string("src/README.md").unwrap();
    let order: Vec<&str> = map
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split('|').nth(1)?.trim().strip_prefix('`'))
        .filter_map(|cell| cell.strip_suffix('`'))
        .filter(|name| floor_of(name).is_some())
        .collect();
    assert_eq!(order, FLOORS, "the table of floors in src/README.md");
}
