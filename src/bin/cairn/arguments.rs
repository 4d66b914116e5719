//! The command line. Options have the names that valgrind's users know.

use crate::record::LossKind;
use crate::suppressions::loss_kinds;
use clap::builder::styling::{AnsiColor, Styles};
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;
use std::ffi::OsString;
use std::path::PathBuf;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Yellow.on_default().bold())
    .usage(AnsiColor::Yellow.on_default().bold())
    .literal(AnsiColor::Green.on_default())
    .placeholder(AnsiColor::Cyan.on_default());

const EXAMPLES: &str = "\
Examples:
  cairn check ./program arguments
      find out what it does wrong
  cairn check --error-exitcode=9 --trace-children=yes make test
      in CI: fail when errors were found
  cairn check --suppressions=known.supp --gen-suppressions=all ./program
      leave out what is known, and print entries for the rest
  cairn run redis-server
      just run it on Cairn's malloc";

const CHECK_EXAMPLES: &str = "\
Examples:
  cairn check ./program
      report to standard error
  cairn check -q --leak-check=no ./program
      errors only: no leaks, no sums
  cairn check --trace-children=yes --log-file=check.%p.txt make test
      every process, each with a file of its own
  cairn check --format=json --log-file=check.json ./program
      for other programs to read
  cairn check --save-record=run.record ./program; cairn report -v run.record
      keep what was found, and look at it later

The exit status is the program's own; with --error-exitcode=N it is N if errors
were found. It is 2 when the program can't be run or checked: because it is
missing, statically linked, setuid, or for another processor. Compile with -g
to get files and lines.

Words of the report: \"definitely lost\" is a block to which no pointer is left;
\"indirectly lost\" one to which only lost blocks point; \"possibly lost\" one with
pointers into its middle only; \"still reachable\" one to which a pointer was
left at the end.";

const RUN_EXAMPLES: &str = "\
Example:
  CAIRN_OPTIONS=stats=1 cairn run python3 script.py

The program takes the place of this command, so its process id and exit status
are its own.";

/// Finds memory errors in programs as they are, and runs programs on Cairn's malloc.
#[derive(Parser)]
#[command(name = "cairn", version, styles = STYLES, after_help = EXAMPLES)]
#[command(disable_help_subcommand = true)]
pub struct Arguments {
    #[command(subcommand)]
    pub action: Action,
}

#[derive(Subcommand)]
pub enum Action {
    /// Run a program and report its memory errors and leaks
    #[command(after_help = CHECK_EXAMPLES, visible_alias = "memcheck")]
    #[command(override_usage = "cairn check [OPTIONS] [--] <PROGRAM> [ARGUMENT]...")]
    Check(Box<Check>),
    /// Run a program on Cairn's malloc, without the costly checks
    #[command(after_help = RUN_EXAMPLES)]
    #[command(override_usage = "cairn run <PROGRAM> [ARGUMENT]...")]
    Run {
        /// The program and its arguments
        #[command(flatten)]
        program: Program,
    },
    /// Show a saved record again
    Report(Report),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page
    Man,
}

#[derive(Args)]
pub struct Program {
    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    #[arg(value_name = "PROGRAM", value_hint = ValueHint::CommandWithArguments)]
    pub words: Vec<OsString>,
}

#[derive(Args)]
pub struct Check {
    #[command(flatten)]
    pub view: View,

    /// Exit with this status if errors were found; 0 keeps the program's own
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Result")]
    pub error_exitcode: u8,

    /// Write the report to this file; %p is the process id, %q{NAME} a variable
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Result")]
    #[arg(conflicts_with = "log_fd")]
    pub log_file: Option<String>,

    /// Write the report to this open file descriptor
    #[arg(long, value_name = "FD", help_heading = "Result")]
    pub log_fd: Option<i32>,

    /// Keep the record, for cairn report
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Result")]
    pub save_record: Option<PathBuf>,

    #[command(flatten)]
    pub checker: Checker,

    #[command(flatten)]
    pub program: Program,
}

/// What the library is to do.
#[derive(Args)]
#[command(next_help_heading = "Checking")]
pub struct Checker {
    /// Check the processes that the program starts, too
    #[arg(long, value_name = "YES|NO", value_enum, default_value_t = Answer::No)]
    pub trace_children: Answer,

    /// Look at all blocks and for leaks whenever SIGUSR2 comes
    #[arg(long, value_name = "YES|NO", value_enum, default_value_t = Answer::No)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "yes")]
    pub check_on_signal: Answer,

    /// End the program at its first error
    #[arg(long, value_name = "YES|NO", value_enum, default_value_t = Answer::No)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "yes")]
    pub exit_on_first_error: Answer,

    /// Report no more errors after this many different ones
    #[arg(long, value_name = "N", default_value_t = 1000)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    pub max_errors: u32,

    /// Whether --max-errors counts; no: report all errors
    #[arg(long, value_name = "YES|NO", value_enum, default_value_t = Answer::Yes)]
    pub error_limit: Answer,

    /// How much freed memory is kept back, to find writes to it. auto: up to 16M; less, down to 4M
    /// of small blocks, in a program that does little but allocate and free [default: auto]
    #[arg(long, value_name = "SIZE", value_parser = size_or_auto)]
    pub quarantine: Option<String>,

    /// How to guard blocks: auto takes the kernel's markers if it has them (6.13), else mprotect
    #[arg(long, value_name = "HOW", value_enum, default_value_t = Guard::Auto)]
    pub guard: Guard,

    /// Which guarded blocks end where their guard begins, so that a read just behind one is found;
    /// malloc then gives multiples of less than 16, which some programs don't expect. Without a
    /// word: bytes
    #[arg(long, value_name = "HOW", value_enum, default_value_t = Precise::Auto)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "bytes")]
    pub precise: Precise,

    /// How much more processor time guards may take, beyond the first 30 ms [default: 15]
    #[arg(long, value_name = "PERCENT")]
    pub guard_budget: Option<u32>,
}

#[derive(Args)]
pub struct Report {
    #[command(flatten)]
    pub view: View,

    /// Exit with this status if the record has errors
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub error_exitcode: u8,

    /// A record that check saved; - is standard input
    #[arg(value_name = "RECORD", value_hint = ValueHint::FilePath)]
    pub record: PathBuf,
}

/// What the report is to contain, and how it looks.
#[derive(Args)]
#[command(next_help_heading = "Report")]
pub struct View {
    /// Errors only: no heading, no sums
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,

    /// More about processes, suppressions and what wasn't checked
    #[arg(short, long)]
    pub verbose: bool,

    /// How much to say about leaks; yes is full
    #[arg(long, value_name = "HOW", value_enum, default_value_t = LeakCheck::Full)]
    pub leak_check: LeakCheck,

    /// Show all kinds of leaks, blocks that are still reachable included
    #[arg(long, value_name = "YES|NO", value_enum, default_value_t = Answer::No)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "yes")]
    pub show_reachable: Answer,

    /// Which kinds of leaks to show: of definite, indirect, possible, reachable; all; none
    #[arg(long, value_name = "KINDS", default_value = "definite,possible", value_parser = kinds)]
    pub show_leak_kinds: Kinds,

    /// Which kinds of leaks count as errors
    #[arg(long, value_name = "KINDS", default_value = "definite,possible", value_parser = kinds)]
    pub errors_for_leak_kinds: Kinds,

    /// Text, or JSON with one object a line
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,

    /// Leave out what this file describes, in valgrind's form or as leak:pattern lines
    #[arg(long, value_name = "FILE", action = ArgAction::Append, value_hint = ValueHint::FilePath)]
    pub suppressions: Vec<PathBuf>,

    /// Print an entry for a file of suppressions after each error; yes is all
    #[arg(long, value_name = "WHICH", value_enum, default_value_t = Generate::No)]
    pub gen_suppressions: Generate,

    /// Look for separate debug information here too, as under /usr/lib/debug
    #[arg(long, value_name = "FOLDER", action = ArgAction::Append, value_hint = ValueHint::DirPath)]
    pub extra_debuginfo_path: Vec<PathBuf>,

    /// Show at most this many frames of each stack
    #[arg(long, value_name = "N", default_value_t = 12)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=500))]
    pub num_callers: u32,

    /// Show the lines of source around an error; auto: on a terminal
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = When::Auto)]
    pub source: When,

    /// Colour the report; auto: on a terminal
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = When::Auto)]
    pub color: When,

    /// Show the names of C++ and Rust as in the source
    #[arg(long, value_name = "YES|NO", value_enum, default_value_t = Answer::Yes)]
    pub demangle: Answer,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Answer {
    Yes,
    No,
}

impl Answer {
    pub fn is_yes(self) -> bool {
        self == Answer::Yes
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LeakCheck {
    No,
    Summary,
    Yes,
    Full,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Text,
    Json,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Generate {
    No,
    Yes,
    All,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum When {
    Auto,
    #[value(alias = "yes")]
    Always,
    #[value(alias = "no")]
    Never,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Guard {
    Auto,
    Markers,
    Mprotect,
    #[value(alias = "none")]
    No,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Precise {
    /// ints if the program is in C, as its debug information says, and uses no library in C++ or
    /// Rust; else no
    Auto,
    /// Blocks lie at multiples of 16, as with the C library
    No,
    /// Blocks whose size is a multiple of 8 end at their guard
    Words,
    /// Blocks whose size is a multiple of 4 end at their guard
    Ints,
    /// All blocks end at their guard
    Bytes,
}

/// A list of kinds of leaks.
#[derive(Clone)]
pub struct Kinds(pub Vec<LossKind>);

fn kinds(text: &str) -> Result<Kinds, String> {
    loss_kinds(text).map(Kinds)
}

/// A size that the library understands, such as 64M.
fn size_or_auto(text: &str) -> Result<String, String> {
    match text {
        "auto" => Ok(text.to_string()),
        _ => size(text),
    }
}

fn size(text: &str) -> Result<String, String> {
    let digits = text.trim_end_matches(['K', 'M', 'G', 'T', 'k', 'm', 'g', 't']);
    let is_size = text.len() - digits.len() <= 1 && digits.parse::<u64>().is_ok();
    is_size
        .then(|| text.to_uppercase())
        .ok_or_else(|| "not a size such as 64K, 16M or 1G".to_string())
}
