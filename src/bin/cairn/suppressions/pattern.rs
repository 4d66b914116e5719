//! Names with wildcards: `*` stands for any characters, `?` for one.

/// Whether the pattern describes the whole text.
pub fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    // Where to go on when what follows the last star didn't fit.
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p, t));
                p += 1;
            }
            Some(byte) if *byte == b'?' || *byte == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((star, taken)) = retry else { return false };
                retry = Some((star, taken + 1));
                p = star + 1;
                t = taken + 1;
            }
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// Whether the text contains the pattern; `^` and `$` tie it to the text's ends.
pub fn contains(pattern: &str, text: &str) -> bool {
    let open_end = pattern.strip_suffix('$');
    let pattern = open_end.unwrap_or(pattern);
    let open_start = pattern.strip_prefix('^');
    let inner = open_start.unwrap_or(pattern);
    let before = if open_start.is_some() { "" } else { "*" };
    let after = if open_end.is_some() { "" } else { "*" };
    !text.is_empty() && glob(&format!("{before}{inner}{after}"), text)
}

/// Whether a list of patterns describes the beginning of a list of things. `takes` says of one
/// pattern and one thing whether they fit, and gives nothing for a pattern that stands for any
/// number of things, also none.
pub fn prefix<P, T>(patterns: &[P], things: &[T], takes: fn(&P, &T) -> Option<bool>) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while p < patterns.len() {
        let Some(thing) = things.get(t) else {
            // Only patterns for any number may be left; they are asked with any thing.
            return things.last().is_some_and(|last| {
                patterns[p..].iter().all(|pattern| takes(pattern, last).is_none())
            });
        };
        match takes(&patterns[p], thing) {
            None => {
                retry = Some((p, t));
                p += 1;
            }
            Some(true) => {
                p += 1;
                t += 1;
            }
            Some(false) => {
                let Some((any, taken)) = retry else { return false };
                retry = Some((any, taken + 1));
                p = any + 1;
                t = taken + 1;
            }
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_stand_for_what_they_say() {
        for (pattern, text) in
            [("", ""), ("*", ""), ("a*", "abc"), ("*c", "abc"), ("a?c", "abc"), ("a*b*c", "axbxbc")]
        {
            assert!(glob(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("", "a"), ("?", ""), ("a", "ab"), ("b*", "ab"), ("a*b", "abc")] {
            assert!(!glob(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn many_stars_take_no_exponential_time() {
        assert!(!glob(&"*a".repeat(50), &"a".repeat(20_000).replace("aa", "ab")[..49]));
        assert!(!glob(&"a*".repeat(40), &"b".repeat(10_000)));
    }

    #[test]
    fn parts_are_found() {
        assert!(contains("b", "abc") && contains("^ab", "abc") && contains("bc$", "abc"));
        assert!(!contains("^b", "abc") && !contains("b$", "abc") && !contains("b", ""));
        assert!(contains("^abc$", "abc") && contains("a*c", "xabcx"));
    }

    #[test]
    fn a_list_of_patterns_describes_a_beginning() {
        let takes = |pattern: &&str, thing: &&str| (*pattern != "...").then_some(pattern == thing);
        let fits = |patterns: &[&str], things: &[&str]| prefix(patterns, things, takes);
        assert!(fits(&["a"], &["a", "b"]) && fits(&["a", "b"], &["a", "b"]));
        assert!(fits(&["...", "c"], &["a", "b", "c", "d"]) && fits(&["...", "a"], &["a"]));
        assert!(fits(&["a", "..."], &["a"]) && fits(&["a", "...", "b"], &["a", "b"]));
        assert!(!fits(&["a", "b"], &["a"]) && !fits(&["b"], &["a", "b"]) && !fits(&["a"], &[]));
        assert!(!fits(&["...", "x"], &["a", "b"]));
    }
}
