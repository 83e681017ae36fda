//! The command: so many seeds, or seeds for so many minutes, or one seed again.
#![expect(clippy::print_stdout, reason = "a command-line tool talks on its standard streams")]

use clap::Parser;
use simulation::{Engine, Tally, campaign};
use std::{
    process::ExitCode,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant, SystemTime},
};

/// How often a long run says how far it is.
const PROGRESS: Duration = Duration::from_secs(10);

#[derive(Parser)]
#[command(about = "Simulates devices, network and platform, and everything that goes wrong")]
struct Options {
    /// How many seeds to run.
    #[arg(long, default_value_t = 10_000, env = "SIMULATION_SEEDS")]
    seeds: u64,
    /// The first of them; without it 0, and new ones each time for a run of minutes.
    #[arg(long)]
    from: Option<u64>,
    /// Run new seeds for so many minutes instead.
    #[arg(long)]
    minutes: Option<f64>,
    /// Where the platform keeps its data.
    #[arg(long, value_enum, default_value_t)]
    engine: Engine,
    /// Run this seed only, and tell it.
    #[arg(long)]
    seed: Option<u64>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let (first, count) = match options.seed {
        Some(seed) => (seed, 1),
        None => (options.from.unwrap_or_else(|| options.minutes.map_or(0, |_| new_seed())), options.seeds),
    };
    println!("from seed {first} on, on {threads} threads");
    let started = now();
    let told = AtomicU64::new(0);
    let goes_on = |begun: u64, tally: &Tally| {
        let passed = now() - started;
        let Some(minutes) = options.minutes else { return begun < count };
        let mark = passed.as_secs() / PROGRESS.as_secs();
        if told.fetch_max(mark, Ordering::SeqCst) < mark {
            let (seeds, steps, requests) = (tally.seeds, tally.steps, tally.requests);
            println!("{:>6} s: {seeds} seeds, {steps} steps, {requests} requests", passed.as_secs());
        }
        passed.as_secs_f64() < minutes * 60.0
    };
    let (tally, failure) = campaign(options.engine, first, threads, &goes_on);
    println!("{tally}in {:.1} s", (now() - started).as_secs_f64());
    if let Some(failure) = failure {
        println!("\n{}", failure.story);
        return ExitCode::FAILURE;
    }
    // So few seeds need not meet everything.
    let missing = if tally.seeds >= 1_000 { tally.missing() } else { Vec::new() };
    if missing.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("never occurred: {}", missing.join(", "));
    ExitCode::FAILURE
}

/// One that no run before has reached.
#[expect(clippy::disallowed_methods, reason = "each long run tries others")]
fn new_seed() -> u64 {
    let passed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    passed.as_secs() * 1_000_000
}

#[expect(clippy::disallowed_methods, reason = "the report says how long it took")]
fn now() -> Instant {
    Instant::now()
}
