//! Control groups: how much memory the kernel lets the process's container or service have.

use super::files;
use crate::arithmetic::text::Text;
use core::ffi::CStr;

/// Where the hierarchies are mounted, and the file in each group that holds its limit.
struct Hierarchy {
    mount: &'static str,
    file: &'static str,
}

const VERSION_2: [Hierarchy; 2] = [
    Hierarchy { mount: "/sys/fs/cgroup", file: "memory.max" },
    // Where version 1 is in use beside it.
    Hierarchy { mount: "/sys/fs/cgroup/unified", file: "memory.max" },
];
const VERSION_1: [Hierarchy; 1] =
    [Hierarchy { mount: "/sys/fs/cgroup/memory", file: "memory.limit_in_bytes" }];

/// Version 1 says "no limit" by a number near 2^63.
const NO_LIMIT_FROM: usize = 1 << 60;

/// The smallest memory limit of the groups that the process is in, and of those above them, in
/// bytes; `None` if there is none.
pub fn memory_limit() -> Option<usize> {
    let mut least = None;
    files::scan_file(c"/proc/self/cgroup", |line| {
        least = smaller(least, limit_of_line(line, read_limit));
        None::<()>
    });
    least
}

/// The smallest limit that holds for a group as a line of `/proc/self/cgroup` names it.
fn limit_of_line(line: &[u8], mut read: impl FnMut(&CStr) -> Option<usize>) -> Option<usize> {
    let mut parts = line.splitn(3, |byte| *byte == b':');
    let (number, controllers, group) = (parts.next()?, parts.next()?, parts.next()?);
    let group = core::str::from_utf8(group).ok()?;
    let hierarchies: &[Hierarchy] = match number {
        b"0" if controllers.is_empty() => &VERSION_2,
        _ if controllers.split(|byte| *byte == b',').any(|name| name == b"memory") => &VERSION_1,
        _ => return None,
    };
    let along = |hierarchy| limit_along(hierarchy, group, &mut read);
    hierarchies.iter().map(along).fold(None, smaller)
}

/// The smallest limit of a group and those above it. Inside a container the group's path may be the
/// host's, which leads nowhere here: then what is found is the limit at the top, the container's.
fn limit_along(
    hierarchy: &Hierarchy,
    mut group: &str,
    read: &mut impl FnMut(&CStr) -> Option<usize>,
) -> Option<usize> {
    let mut least = None;
    loop {
        group = group.trim_end_matches('/');
        let mut path = Text::<1024>::new();
        path.push(format_args!("{}{group}/{}\0", hierarchy.mount, hierarchy.file));
        if let Ok(path) = CStr::from_bytes_until_nul(path.as_bytes()) {
            least = smaller(least, read(path));
        }
        match group.rfind('/') {
            Some(end) => group = &group[..end],
            None => return least,
        }
    }
}

fn read_limit(path: &CStr) -> Option<usize> {
    // "max" is no number.
    files::scan_file(path, |line| core::str::from_utf8(line).ok()?.parse().ok())
        .filter(|limit| *limit < NO_LIMIT_FROM)
}

fn smaller(one: Option<usize>, other: Option<usize>) -> Option<usize> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<'a>(
        files: &'a [(&'static str, usize)],
    ) -> impl FnMut(&CStr) -> Option<usize> + use<'a> {
        |path| files.iter().find(|file| file.0.as_bytes() == path.to_bytes()).map(|file| file.1)
    }

    #[test]
    fn the_smallest_limit_on_the_way_up_counts() {
        let files = [("/sys/fs/cgroup/a/memory.max", 500), ("/sys/fs/cgroup/a/b/memory.max", 900)];
        assert_eq!(limit_of_line(b"0::/a/b/c", read(&files)), Some(500));
        assert_eq!(limit_of_line(b"0::/", read(&files)), None);
    }

    #[test]
    fn version_1_is_found_by_its_controller() {
        let files = [("/sys/fs/cgroup/memory/memory.limit_in_bytes", 300)];
        assert_eq!(limit_of_line(b"4:cpu,memory:/docker/0123", read(&files)), Some(300));
        assert_eq!(limit_of_line(b"4:memory_other:/docker/0123", read(&files)), None);
        assert_eq!(limit_of_line(b"nonsense", read(&files)), None);
    }
}
