//! Standard output and standard error, the only places where this crate prints.

use super::Problem;
use std::{
    fmt,
    io::{self, Write},
};

/// Prints a line at once, so that a script that waits for it sees it.
pub(super) fn line(text: impl fmt::Display) -> Result<(), Problem> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush())?;
    Ok(())
}

/// Says in one line why the command failed.
pub(super) fn complain(problem: &Problem) {
    let text = problem.to_string().replace('\n', " ");
    // Where even standard error is closed, the exit code has to do.
    let _ = writeln!(io::stderr(), "platform: {text}");
}
