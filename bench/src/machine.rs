//! Where and when: what a reader of the results has to know.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

/// What a command prints, without the end of its line; empty if it can't.
pub fn output_of(program: &str, arguments: &[&str]) -> String {
    let command = Command::new(program).args(arguments).stderr(Stdio::null()).output();
    let output = command.ok().filter(|output| output.status.success());
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().into()).unwrap_or_default()
}

/// The day, in UTC.
pub fn date() -> String {
    output_of("date", &["-u", "+%Y-%m-%d"])
}

/// Processor, cores, memory and kernel.
pub fn machine() -> String {
    let processor = field("/proc/cpuinfo", "model name").unwrap_or_else(|| "processor".into());
    let memory = field("/proc/meminfo", "MemTotal").unwrap_or_default();
    let memory_gib = memory.split(' ').next().and_then(|kib| kib.parse::<f64>().ok());
    let memory_gib = memory_gib.unwrap_or_default() / f64::from(1 << 20);
    let kernel = output_of("uname", &["-sr"]);
    format!("{processor}, {} cores, {memory_gib:.0} GiB, {kernel}", cores())
}

/// How many threads run at once.
pub fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().into())
}

/// The C library's own file, for a program that would otherwise use another allocator.
pub fn c_library() -> Option<PathBuf> {
    let maps = fs::read_to_string("/proc/self/maps").ok()?;
    let path = maps.lines().filter_map(|line| line.split_whitespace().nth(5));
    path.map(Path::new).find(|path| path.ends_with("libc.so.6")).map(Path::to_path_buf)
}

/// Where a program is: the distribution's own first, because a wrapper of the same name may come
/// earlier in PATH (pyenv's is a shell script).
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders =
        ["/usr/bin", "/bin"].iter().map(PathBuf::from).chain(std::env::split_paths(&path));
    folders.map(|folder| folder.join(name)).find(|program| program.is_file())
}
