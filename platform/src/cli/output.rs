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
    let obeyed = |c: char| (c.is_control() && c != '\t') || turns_direction(c);
    text.chars().fold(String::with_capacity(text.len()), |mut harmless, c| {
        if obeyed(c) {
            harmless.extend(c.escape_unicode())
        } else {
            harmless.push(c)
        }
        harmless
    })
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
