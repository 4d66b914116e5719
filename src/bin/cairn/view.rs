//! From the options of the command line to a session that reports.

use crate::arguments::{Format, Generate, LeakCheck, View, When};
use crate::record::LossKind;
use crate::report::json::Json;
use crate::report::leaks::{Detail, LeakSettings};
use crate::report::lines::Palette;
use crate::report::output::Output;
use crate::report::text::{Text, TextSettings};
use crate::report::{Form, Session, Settings};
use crate::suppressions::Suppressions;
use crate::symbols::Files;

/// A session that reports to this output.
///
/// # Errors
/// A file of suppressions can't be read or understood.
pub fn session(view: &View, output: Output) -> Result<Session, String> {
    let mut suppressions = Suppressions::default();
    for path in &view.suppressions {
        let told = |why: String| format!("--suppressions={}: {why}", path.display());
        let text = std::fs::read(path).map_err(|error| told(error.to_string()))?;
        suppressions.add(&String::from_utf8_lossy(&text)).map_err(told)?;
    }
    let settings = Settings {
        leaks: leak_settings(view),
        generates_suppressions: view.gen_suppressions != Generate::No,
    };
    let symbols = Box::new(Files::with_debug_folders(&view.extra_debuginfo_path));
    let form = form(view, output.is_terminal());
    Ok(Session::new(settings, form, output, symbols, suppressions))
}

fn leak_settings(view: &View) -> LeakSettings {
    let all = [LossKind::Definite, LossKind::Indirect, LossKind::Possible, LossKind::Reachable];
    LeakSettings {
        detail: match view.leak_check {
            LeakCheck::No => Detail::No,
            LeakCheck::Summary => Detail::Summary,
            LeakCheck::Yes | LeakCheck::Full => Detail::Full,
        },
        shown: if view.show_reachable.is_yes() {
            all.to_vec()
        } else {
            view.show_leak_kinds.0.clone()
        },
        errors: view.errors_for_leak_kinds.0.clone(),
    }
}

fn form(view: &View, is_terminal: bool) -> Box<dyn Form> {
    let wants = |when: When| match when {
        When::Auto => is_terminal,
        When::Always => true,
        When::Never => false,
    };
    let frames_max = view.num_callers as usize;
    let demangles = view.demangle.is_yes();
    if view.format == Format::Json {
        return Box::new(Json { demangles, frames_max });
    }
    // https://no-color.org: a word from the environment, which the option overrules.
    let is_plain = view.color == When::Auto
        && std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    Box::new(Text::new(TextSettings {
        palette: Palette { is_coloured: wants(view.color) && !is_plain },
        is_quiet: view.quiet,
        is_verbose: view.verbose,
        shows_source: wants(view.source),
        demangles,
        frames_max,
    }))
}
