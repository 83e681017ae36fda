//! Standard output and standard error, the only places where this crate prints.

use super::Problem;
use std::{
    fmt,
    io::{self, Write},
};

/// Prints a line at once, so that a script that waits for it sees it. It stays one line, and a terminal does not obey it:
/// some of what is shown was written by users of apps.
pub(super) fn line(text: impl fmt::Display) -> Result<(), Problem> {
    let text = harmless(&text.to_string());
    let mut out = io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush())?;
    Ok(())
}

/// The text with control characters, and those that turn the direction of writing, in the form `\u{1b}`. A tab parts
/// columns, and stays.
fn harmless(text: &str) -> String {
    escape(text, |c| c != '\t' && breaks_a_line(c))
}

/// A text for one column of a line: also without tabs, which would part it in two.
pub(super) fn in_one_column(text: &str) -> String {
    escape(text, breaks_a_line)
}

fn escape(text: &str, is_odd: impl Fn(char) -> bool) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut escaped, c| {
        if is_odd(c) {
            escaped.extend(c.escape_unicode())
        } else {
            escaped.push(c)
        }
        escaped
    })
}

/// Whether a line with the character is more than the line that it looks like, or another one.
pub(super) fn breaks_a_line(c: char) -> bool {
    c.is_control() || turns_direction(c) || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Whether a terminal writes what follows the character in another direction.
pub(super) fn turns_direction(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Says in one line why the command failed.
pub(super) fn complain(problem: &Problem) {
    let text = problem.to_string().replace('\n', " ");
    // Where even standard error is closed, the exit code has to do.
    let _ = writeln!(io::stderr(), "platform: {text}");
}
