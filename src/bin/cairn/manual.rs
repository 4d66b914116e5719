//! The manual page: one for the command and all that it can do, from the same source as `--help`.

use crate::arguments::Arguments;
use clap::CommandFactory;
use clap_mangen::Man;
use std::io::{self, Write};

/// What stands in no option's help.
const SECTIONS: &str = r#".SH EXIT STATUS
.B cairn check
ends as the program ends: with its exit status, or by the signal that it died of. With
.B \-\-error\-exitcode=N
it ends with N if errors were found. Status 2 means that nothing was run: bad usage, or a program
that is missing, not executable, statically linked, setuid, setgid, privileged by file capabilities,
or made for another processor.
.SH ENVIRONMENT
.TP
.B CAIRN_LIBRARY
The path of libcairn.so, if it isn't beside the command, in ../lib or in ../lib/cairn.
.TP
.B CAIRN_OPTIONS
Options of the library, as key=value joined by colons. What the command sets comes after them.
.TP
.B NO_COLOR
If it isn't empty, the report is coloured only with
.BR \-\-color=always .
.TP
.B TMPDIR
Where the record of a run is kept while it runs.
.SH FILES
.TP
.I /usr/lib/debug/.build\-id
Debug information that stands apart from its program is found here by its build id, or beside the
program by the name that the program gives.
.SH SEE ALSO
.BR valgrind (1),
.BR gcc (1)
"#;

/// Writes the page.
pub fn write(text: &mut Vec<u8>) -> io::Result<()> {
    let mut command = Arguments::command();
    command.build();
    let page = Man::new(command.clone());
    page.render_title(text)?;
    page.render_name_section(text)?;
    page.render_synopsis_section(text)?;
    page.render_description_section(text)?;
    write_examples(&page, text)?;
    for part in command.get_subcommands().filter(|part| !part.is_hide_set()) {
        writeln!(text, ".SH {}", part.get_name().to_uppercase())?;
        write_part(part.clone(), text)?;
    }
    text.write_all(SECTIONS.as_bytes())?;
    page.render_version_section(text)
}

/// What one of the command's words does; its sections are subsections of the page.
fn write_part(part: clap::Command, text: &mut Vec<u8>) -> io::Result<()> {
    let page = Man::new(part);
    let mut sections = Vec::new();
    page.render_description_section(&mut sections)?;
    page.render_synopsis_section(&mut sections)?;
    page.render_options_section(&mut sections)?;
    write_examples(&page, &mut sections)?;
    for line in String::from_utf8_lossy(&sections).lines() {
        match line.strip_prefix(".SH ") {
            Some("DESCRIPTION") => {}
            Some(title) => writeln!(text, ".SS {title}")?,
            None => writeln!(text, "{line}")?,
        }
    }
    Ok(())
}

/// The examples that stand below the help, with their line breaks.
fn write_examples(page: &Man, text: &mut Vec<u8>) -> io::Result<()> {
    let mut section = Vec::new();
    page.render_extra_section(&mut section)?;
    let section = String::from_utf8_lossy(&section);
    let mut lines = section.lines().filter(|line| !line.starts_with(".SH") && *line != "Examples:");
    let Some(first) = lines.next() else { return Ok(()) };
    writeln!(text, ".SH EXAMPLES\n.nf\n{first}")?;
    lines.try_for_each(|line| writeln!(text, "{line}"))?;
    writeln!(text, ".fi")
}
