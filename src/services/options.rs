//! Options: `CAIRN_OPTIONS="key=value:key=value"`, read once at the start from one table.
//!
//! Unknown keys and bad values are warned of and ignored, so that one variable can serve several
//! versions. A process with privileges that its user lacks ignores the variable.

use crate::arithmetic::text::{parse_size, Text};
use crate::os::control_group;
use crate::os::files::write_error;
use crate::sync::lock::Lock;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// An option; its number is its row in [`TABLE`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Choice {
    /// Print the table of options at the start.
    Help,
    /// Print a summary at exit.
    Stats,
    /// `realloc(p, 0)` shrinks the block to the smallest, as on BSD, instead of freeing it.
    ReallocZeroKeeps,
    /// Harden mode: `modes/harden`.
    Harden,
    /// How much freed memory may stay resident.
    DirtyMax,
    /// How much a thread may keep in full magazines.
    ThreadCache,
    /// The most memory that the heap may have; 0 for no limit.
    Limit,
    /// Check every block: `src/modes/check`.
    Check,
    /// The file that findings are appended to, for the command `cairn`.
    Record,
    /// The file that findings are written to as text.
    Log,
    /// Whether programs that this one starts are checked too.
    Children,
    /// Whether leaks are looked for at the end.
    Leaks,
    /// Whether leaks are looked for when SIGUSR2 comes.
    OnSignal,
    /// Whether the program ends at the first error.
    Stop,
    /// How freed blocks are kept from being used again: how many bytes, or [`QUARANTINE_AUTO`].
    Quarantine,
    /// By which means blocks are guarded: a [`Guards`].
    Guard,
    /// How much of the processor's time guards may take, in percent.
    Budget,
    /// Which guarded blocks end where their guard begins: a [`Precise`].
    Precise,
    /// How many frames a stack has at most.
    Depth,
    /// How many different errors are told at most.
    Errors,
}

/// The values of [`Choice::Guard`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(usize)]
pub enum Guards {
    /// The kernel's guard markers, or `mprotect` where it has none.
    Auto,
    /// The kernel's guard markers only.
    Markers,
    /// `mprotect` only.
    Mprotect,
    /// None.
    Off,
}

/// The names of [`Guards`].
const GUARDS: &[&str] = &["auto", "markers", "mprotect", "none"];

/// The values of [`Choice::Precise`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(usize)]
pub enum Precise {
    /// [`Precise::Ints`] if the program is in C, as its debug information says, else
    /// [`Precise::No`].
    Auto,
    /// Those whose size is a multiple of their alignment: 16 from 16 bytes on.
    No,
    /// Those whose size is a multiple of 8 as well, at multiples of 8.
    Words,
    /// Those whose size is a multiple of 4 as well, at multiples of 4.
    Ints,
    /// All.
    Bytes,
}

impl Precise {
    /// What a value of the option means.
    pub fn from_value(value: usize) -> Self {
        match value {
            0 => Self::Auto,
            1 => Self::No,
            2 => Self::Words,
            3 => Self::Ints,
            _ => Self::Bytes,
        }
    }
}

/// The names of [`Precise`].
const PRECISE: &[&str] = &["auto", "no", "words", "ints", "bytes"];

/// What kind of value an option takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// 0 or 1.
    Switch,
    /// A number of bytes, with K, M, G or T behind it.
    Size,
    /// The same, 0 for none, or `auto`: what the control group leaves to the heap.
    Limit,
    /// The same, or `auto`, the default: what the program's pace makes of it.
    Quarantine,
    /// A number.
    Number,
    /// One of several words; the value is its place among them.
    Word(&'static [&'static str]),
    /// The path of a file, with the process's number for each `%p` in it. The value says whether
    /// it was given; [`path`] is the text.
    Path,
}

/// One row of the table.
pub struct Row {
    /// The option.
    pub choice: Choice,
    /// Its name in `CAIRN_OPTIONS`.
    pub name: &'static str,
    kind: Kind,
    /// Its value unless it is given.
    pub default: usize,
    /// The largest value that it can have.
    pub most: usize,
    sentence: &'static str,
}

const TIB: usize = 1 << 40;

/// The value of [`Choice::Quarantine`] that stands for no size: beyond the largest.
pub const QUARANTINE_AUTO: usize = TIB + 1;

/// Every option there is, in the order of [`Choice`].
pub const TABLE: [Row; 20] = [
    Row {
        choice: Choice::Help,
        name: "help",
        kind: Kind::Switch,
        default: 0,
        most: 1,
        sentence: "print this table at the start",
    },
    Row {
        choice: Choice::Stats,
        name: "stats",
        kind: Kind::Switch,
        default: 0,
        most: 1,
        sentence: "print a summary of the heap at exit",
    },
    Row {
        choice: Choice::ReallocZeroKeeps,
        name: "realloc_zero_keeps",
        kind: Kind::Switch,
        default: 0,
        most: 1,
        sentence: "realloc(p, 0) returns a smallest block (BSD) instead of freeing p (glibc)",
    },
    Row {
        choice: Choice::Harden,
        name: "harden",
        kind: Kind::Switch,
        default: 0,
        most: 1,
        sentence: "withstand attackers: every call checked, freed memory zeroed and kept back",
    },
    Row {
        choice: Choice::DirtyMax,
        name: "dirty_max",
        kind: Kind::Size,
        default: 16 << 20,
        most: TIB,
        sentence:
            "freed memory that may stay resident; an eighth of the live memory if that is more",
    },
    Row {
        choice: Choice::ThreadCache,
        name: "thread_cache",
        kind: Kind::Size,
        default: 256 << 10,
        most: TIB,
        sentence: "what a thread may keep in full magazines",
    },
    Row {
        choice: Choice::Limit,
        name: "limit",
        kind: Kind::Limit,
        default: 0,
        most: TIB,
        sentence: "the most memory for the heap, ENOMEM beyond it; auto: 15/16 of the cgroup's",
    },
    Row {
        choice: Choice::Check,
        name: "check",
        kind: Kind::Switch,
        default: 0,
        most: 1,
        sentence: "find the program's errors on the heap, as \"cairn check\" does",
    },
    Row {
        choice: Choice::Record,
        name: "record",
        kind: Kind::Path,
        default: 0,
        most: 1,
        sentence: "check: append what is found to this file, for \"cairn report\"",
    },
    Row {
        choice: Choice::Log,
        name: "log",
        kind: Kind::Path,
        default: 0,
        most: 1,
        sentence: "check: append what is found to this file as text, not to standard error",
    },
    Row {
        choice: Choice::Children,
        name: "children",
        kind: Kind::Switch,
        default: 1,
        most: 1,
        sentence: "check: check the programs that this one starts, too",
    },
    Row {
        choice: Choice::Leaks,
        name: "leaks",
        kind: Kind::Switch,
        default: 1,
        most: 1,
        sentence: "check: look for leaks at the end",
    },
    Row {
        choice: Choice::OnSignal,
        name: "on_signal",
        kind: Kind::Switch,
        default: 0,
        most: 1,
        sentence: "check: look at all blocks and for leaks when SIGUSR2 comes",
    },
    Row {
        choice: Choice::Stop,
        name: "stop",
        kind: Kind::Switch,
        default: 0,
        most: 1,
        sentence: "check: end the program at its first error",
    },
    Row {
        choice: Choice::Quarantine,
        name: "quarantine",
        kind: Kind::Quarantine,
        default: QUARANTINE_AUTO,
        most: QUARANTINE_AUTO,
        sentence: "check: how much freed memory is kept from being used again; auto: 4M to 16M",
    },
    Row {
        choice: Choice::Guard,
        name: "guard",
        kind: Kind::Word(GUARDS),
        default: Guards::Auto as usize,
        most: GUARDS.len() - 1,
        sentence: "check: how blocks are guarded against wrong accesses",
    },
    Row {
        choice: Choice::Budget,
        name: "budget",
        kind: Kind::Number,
        default: 15,
        most: 1_000_000,
        sentence: "check: how much of the processor's time guards may take, in percent",
    },
    Row {
        choice: Choice::Precise,
        name: "precise",
        kind: Kind::Word(PRECISE),
        default: Precise::Auto as usize,
        most: PRECISE.len() - 1,
        sentence: "check: which guarded blocks end at their guard, not at a multiple of 16",
    },
    Row {
        choice: Choice::Depth,
        name: "depth",
        kind: Kind::Number,
        default: 12,
        most: 64,
        sentence: "check: how many callers are shown at most",
    },
    Row {
        choice: Choice::Errors,
        name: "errors",
        kind: Kind::Number,
        default: 1000,
        most: u32::MAX as usize,
        sentence: "check: how many different errors are shown at most",
    },
];

static VALUES: [AtomicUsize; TABLE.len()] = defaults();

const fn defaults() -> [AtomicUsize; TABLE.len()] {
    let mut values = [const { AtomicUsize::new(0) }; TABLE.len()];
    let mut row = 0;
    while row < TABLE.len() {
        assert!(TABLE[row].choice as usize == row);
        values[row] = AtomicUsize::new(TABLE[row].default);
        row += 1;
    }
    values
}

/// The value of an option: 0 or 1 for a switch, bytes for a size.
#[inline]
pub fn value(choice: Choice) -> usize {
    VALUES[choice as usize].load(Relaxed)
}

/// Whether a switch is on.
pub fn is_on(choice: Choice) -> bool {
    value(choice) != 0
}

/// What a path may be long, in bytes.
const PATH_BYTES: usize = 1024;

static RECORD_PATH: Lock<Text<PATH_BYTES>> = Lock::new(Text::new());
static LOG_PATH: Lock<Text<PATH_BYTES>> = Lock::new(Text::new());

fn path_of(choice: Choice) -> &'static Lock<Text<PATH_BYTES>> {
    match choice {
        Choice::Log => &LOG_PATH,
        _ => &RECORD_PATH,
    }
}

/// The path that [`Choice::Record`] or [`Choice::Log`] has, as it was given.
pub fn path(choice: Choice) -> Text<PATH_BYTES> {
    path_of(choice).lock().copy()
}

/// Sets an option from the program itself (`mallopt`); what is beyond the range becomes its end.
pub fn set(choice: Choice, value: usize) {
    VALUES[choice as usize].store(value.min(TABLE[choice as usize].most), Relaxed);
}

/// Sets options from the text of `CAIRN_OPTIONS`, warns of what it can't take, and prints the table
/// if `help` is among them.
pub fn apply(text: &[u8]) {
    for pair in text.split(|byte| *byte == b':').filter(|pair| !pair.is_empty()) {
        let mut parts = pair.splitn(2, |byte| *byte == b'=');
        let (name, given) = (parts.next().unwrap_or(b""), parts.next());
        let Some(row) = TABLE.iter().find(|row| row.name.as_bytes() == name) else {
            warn(pair, "no such option; CAIRN_OPTIONS=help=1 lists them");
            continue;
        };
        match given.and_then(|value| row.parse(value)) {
            Some(value) => VALUES[row.choice as usize].store(value, Relaxed),
            None => warn(pair, row.kind.demand()),
        }
    }
    if is_on(Choice::Help) {
        print_table();
    }
}

impl Row {
    fn parse(&self, text: &[u8]) -> Option<usize> {
        let value = match self.kind {
            Kind::Switch if text.len() != 1 => return None,
            Kind::Limit if text == b"auto" => limit_by_control_group().min(self.most),
            Kind::Quarantine if text == b"auto" => QUARANTINE_AUTO,
            Kind::Quarantine => parse_size(text).filter(|bytes| *bytes < QUARANTINE_AUTO)?,
            Kind::Number if !text.iter().all(u8::is_ascii_digit) => return None,
            Kind::Word(words) => words.iter().position(|word| word.as_bytes() == text)?,
            Kind::Path if text.is_empty() || text.len() >= PATH_BYTES => return None,
            Kind::Path => {
                let mut path = path_of(self.choice).lock();
                *path = Text::new();
                path.push_bytes(text);
                1
            }
            _ => parse_size(text)?,
        };
        (value <= self.most).then_some(value)
    }
}

/// What the control group's limit leaves to the heap: stacks, code, page tables and the program's
/// own mappings need some of it. 0 without a limit.
fn limit_by_control_group() -> usize {
    control_group::memory_limit().map_or(0, |bytes| bytes - bytes / 16)
}

impl Kind {
    /// What a value has to be.
    fn demand(self) -> &'static str {
        match self {
            Self::Switch => "the value has to be 0 or 1",
            Self::Size => "the value has to be a size such as 64K, 16M or 1G, up to 1T",
            Self::Limit | Self::Quarantine => {
                "the value has to be auto or a size such as 512M or 1G, up to 1T"
            }
            Self::Number => "the value has to be a number in its range",
            Self::Word(_) => "the value has to be one of its words",
            Self::Path => "the value has to be the path of a file",
        }
    }
}

fn warn(pair: &[u8], what: &str) {
    let mut line = Text::<256>::new();
    let shown = core::str::from_utf8(&pair[..pair.len().min(80)]).unwrap_or("?");
    line.push(format_args!("cairn: CAIRN_OPTIONS: \"{shown}\" is ignored: {what}"));
    line.end_line();
    write_error(line.as_bytes());
}

fn print_table() {
    write_error(b"cairn: options, as in CAIRN_OPTIONS=\"stats=1:dirty_max=64M\":\n");
    for row in &TABLE {
        let mut line = Text::<256>::new();
        let name = row.name;
        match row.kind {
            Kind::Switch => line.push(format_args!("  {name}=0|1 (default {})", row.default)),
            Kind::Limit => line.push(format_args!("  {name}=SIZE|auto (up to 1T, default none)")),
            Kind::Quarantine => {
                line.push(format_args!("  {name}=SIZE|auto (0 to 1T, default auto)"))
            }
            Kind::Number => {
                line.push(format_args!("  {name}=N (0 to {}, default {})", row.most, row.default))
            }
            Kind::Path => line.push(format_args!("  {name}=PATH")),
            Kind::Word(words) => {
                line.push(format_args!("  {name}="));
                for (index, word) in words.iter().enumerate() {
                    let bar = if index == 0 { "" } else { "|" };
                    line.push(format_args!("{bar}{word}"));
                }
                line.push(format_args!(" (default {})", words[row.default]));
            }
            Kind::Size => {
                let (number, unit) = match row.default >> 20 {
                    0 => (row.default >> 10, 'K'),
                    mebibytes => (mebibytes, 'M'),
                };
                line.push(format_args!("  {name}=SIZE (0 to 1T, default {number}{unit})"))
            }
        }
        line.push(format_args!("\n      {}", row.sentence));
        line.end_line();
        write_error(line.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_taken_in_their_range_only() {
        let switch = &TABLE[Choice::Stats as usize];
        assert_eq!(switch.parse(b"1"), Some(1));
        for bad in [&b"2"[..], b"", b"yes", b"01", b"K"] {
            assert_eq!(switch.parse(bad), None);
        }
        let size = &TABLE[Choice::DirtyMax as usize];
        assert_eq!(size.parse(b"64M"), Some(64 << 20));
        assert_eq!(size.parse(b"2T"), None);
        let quarantine = &TABLE[Choice::Quarantine as usize];
        assert_eq!(quarantine.parse(b"auto"), Some(QUARANTINE_AUTO));
        assert_eq!(quarantine.parse(b"1T"), Some(TIB));
        assert_eq!(quarantine.parse(b"1099511627777"), None);
    }

    #[test]
    fn good_pairs_count_beside_bad_ones() {
        apply(b"nonsense:thread_cache=12x::thread_cache=128K:dirty_max");
        assert_eq!(value(Choice::ThreadCache), 128 << 10);
        set(Choice::ThreadCache, TABLE[Choice::ThreadCache as usize].default);
    }
}
