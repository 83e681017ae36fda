//! What is said of a seed that failed.

use crate::{device::Make, run::Run, server::Engine};
use sentiance_protocol::DeviceClass;
use std::fmt::Write;

/// The story of a failing schedule, and how to see it again.
pub(crate) fn story(run: &Run, engine: Engine) -> String {
    let mut text = String::new();
    // Writing to a `String` cannot fail.
    let seed = run.schedule.circumstances.seed;
    let _ = writeln!(text, "seed {seed} fails; shrunk to {} steps:\n", run.schedule.steps.len());
    for (at, make) in run.schedule.circumstances.devices.iter().enumerate() {
        let _ = writeln!(text, "  device {}: {}", at + 1, describe(make));
    }
    let _ = writeln!(text);
    for line in &run.words {
        let _ = writeln!(text, "  {line}");
    }
    if let Some(violation) = &run.violation {
        let _ = writeln!(text, "\n{violation}");
    }
    let option = if engine == Engine::Postgresql { " --engine postgresql" } else { "" };
    let _ = writeln!(text, "\nto see it again: npm run soak -- --seed {seed}{option}");
    text
}

fn describe(make: &Make) -> String {
    let class = match make.class {
        DeviceClass::Phone => "a phone",
        DeviceClass::Tablet => "a tablet",
        DeviceClass::Desktop => "a desktop",
    };
    let locks = if make.with_locks { "with" } else { "without" };
    let clock = match make.clock_error {
        0.0 => "its clock is right".to_owned(),
        error => format!("its clock is {:.0} minutes off", error / 60_000.0),
    };
    format!("{class}, {} tabs, {locks} Web Locks, {clock}", make.tabs)
}
