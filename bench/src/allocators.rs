//! Finds the allocators: ours, the C library's, those of a folder, those of Debian's packages.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{arguments::Arguments, compare::OURS, machine::output_of, results::Version};

/// The C library's own allocator: no library is preloaded.
pub const GLIBC: &str = "glibc";

/// Debian's packages: allocator, package, file.
const PACKAGED: [(&str, &str, &str); 3] = [
    ("jemalloc", "libjemalloc2", "libjemalloc.so.2"),
    ("tcmalloc", "libtcmalloc-minimal4", "libtcmalloc_minimal.so.4"),
    ("mimalloc", "libmimalloc2.0", "libmimalloc.so.2"),
];

/// One column of the tables.
#[derive(Clone, Debug, PartialEq)]
pub struct Allocator {
    /// The column's name.
    pub name: String,
    /// What is preloaded; nothing for the C library's own.
    pub library: Option<PathBuf>,
    /// Its version, as far as that can be found out.
    pub version: String,
}

impl Allocator {
    /// Its name and version, for the results.
    pub fn version(&self) -> Version {
        Version { allocator: self.name.clone(), version: self.version.clone() }
    }
}

/// All that the arguments ask for, ours first. Ours is a copy in the folder: the measurement isn't
/// to notice that the library is built anew meanwhile.
pub fn find(arguments: &Arguments, folder: &Path) -> Result<Vec<Allocator>, String> {
    let library = folder.join("libcairn.so");
    fs::copy(&arguments.library, &library)
        .map_err(|error| format!("{}: {error}", arguments.library.display()))?;
    let version =
        output_of("git", &["-C", env!("CARGO_MANIFEST_DIR"), "describe", "--always", "--dirty"]);
    let mut all = vec![
        Allocator { name: OURS.into(), library: Some(library), version },
        Allocator {
            name: GLIBC.into(),
            library: None,
            version: output_of("getconf", &["GNU_LIBC_VERSION"]).replace("glibc ", ""),
        },
    ];
    if let Some(folder) = arguments.peers() {
        all.extend(in_folder(folder)?);
    }
    let families: Vec<_> = all.iter().map(|allocator| allocator.name.clone()).collect();
    all.extend(packaged().into_iter().filter(|one| !is_of_family(&families, &one.name)));
    choose(all, &arguments.allocators, &arguments.without)
}

/// Whether one of the names belongs to the family: `mimalloc2` does to `mimalloc`.
fn is_of_family(names: &[String], family: &str) -> bool {
    names.iter().any(|name| name.starts_with(family))
}

fn in_folder(folder: &Path) -> Result<Vec<Allocator>, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut files: Vec<_> =
        entries.filter_map(|entry| entry.ok()?.path().canonicalize().ok()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "so"));
    files.sort();
    Ok(files.iter().filter_map(|file| peer(file)).collect())
}

fn peer(file: &Path) -> Option<Allocator> {
    let name = file.file_stem()?.to_str()?.to_string();
    let version = fs::read_to_string(file.with_extension("version")).unwrap_or_default();
    Some(Allocator { name, library: Some(file.into()), version: version.trim().into() })
}

fn packaged() -> Vec<Allocator> {
    let find = |(name, package, file): &(&str, &str, &str)| {
        let version = output_of("dpkg-query", &["--show", "--showformat=${Version}", package]);
        let library = installed(file)?;
        Some(Allocator { name: name.to_string(), library: Some(library), version })
    };
    PACKAGED.iter().filter_map(find).collect()
}

/// A shared library in one of the system's folders.
fn installed(file: &str) -> Option<PathBuf> {
    let machine = std::env::consts::ARCH;
    let folders = [format!("/usr/lib/{machine}-linux-gnu"), "/usr/lib64".into(), "/usr/lib".into()];
    folders.iter().map(|folder| Path::new(folder).join(file)).find(|path| path.is_file())
}

/// Keeps what is asked for, in the order in which it is asked for.
fn choose(
    all: Vec<Allocator>,
    wanted: &[String],
    unwanted: &[String],
) -> Result<Vec<Allocator>, String> {
    let find = |name: &String| {
        let names: Vec<_> = all.iter().map(|one| &one.name[..]).collect();
        let found = all.iter().find(|one| one.name == *name).cloned();
        found.ok_or_else(|| format!("no allocator {name} here, but {}", names.join(", ")))
    };
    unwanted.iter().try_for_each(|name| find(name).map(drop))?;
    let chosen = match wanted {
        [] => all.clone(),
        _ => wanted.iter().map(find).collect::<Result<_, _>>()?,
    };
    Ok(chosen.into_iter().filter(|one| !unwanted.contains(&one.name)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &[&str]) -> Vec<Allocator> {
        let make = |name: &&str| Allocator {
            name: name.to_string(),
            library: None,
            version: String::new(),
        };
        names.iter().map(make).collect()
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| name.to_string()).collect()
    }

    #[test]
    fn the_wanted_come_in_their_order() {
        let all = named(&["cairn", "glibc", "snmalloc"]);
        let chosen = choose(all.clone(), &names(&["snmalloc", "cairn"]), &[]);
        assert_eq!(chosen, Ok(named(&["snmalloc", "cairn"])));
        assert_eq!(choose(all.clone(), &[], &names(&["glibc"])), Ok(named(&["cairn", "snmalloc"])));
        assert!(choose(all.clone(), &names(&["hoard"]), &[]).is_err());
        assert!(choose(all, &[], &names(&["hoard"])).is_err());
    }

    #[test]
    fn a_package_gives_way_to_a_peer_of_its_family() {
        let known = names(&["cairn", "mimalloc3"]);
        assert!(is_of_family(&known, "mimalloc"));
        assert!(!is_of_family(&known, "jemalloc"));
    }
}
