//! `npm run bench -- platform`: what a request costs the platform in processor time, and how that grows with the number
//! of users in the application. Every figure is compared with `GET /healthz` of the same server in the same run.

mod accounting;
mod caller;
mod flows;
mod seed;
mod server;

use accounting::Cost;
use anyhow::Context;
use clap::{Parser, ValueEnum};
use flows::Flow;
use server::{Engine, Server};
use std::{path::PathBuf, time::Duration};

#[derive(Parser)]
struct Options {
    /// The platform to measure, built for release.
    #[arg(long, default_value = "target/release/platform")]
    binary: PathBuf,
    /// Where the platform keeps its data.
    #[arg(long, value_enum, default_value_t)]
    engine: Engine,
    /// How many users the application has before the measurement; several are measured one after the other.
    #[arg(long, value_delimiter = ',', default_value = "0,100000")]
    users: Vec<u32>,
    /// How many connections send requests at the same time.
    #[arg(long, value_delimiter = ',', default_value = "1,32")]
    connections: Vec<usize>,
    /// How many requests are measured in each flow.
    #[arg(long, default_value_t = 4000)]
    requests: usize,
    /// Which flows are measured, beside `GET /healthz` [default: all].
    #[arg(long, value_enum, value_delimiter = ',')]
    flows: Vec<Flow>,
}

// One thread, so that the load leaves the other processor to the server.
#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    for &users in &options.users {
        let server = Server::start(&options.binary, options.engine, users).await?;
        for &connections in &options.connections {
            measure(&server, users, connections, &options).await?;
        }
        server.stop().await?;
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the result")]
async fn measure(server: &Server, users: u32, connections: usize, options: &Options) -> anyhow::Result<()> {
    let Options { requests, flows, .. } = options;
    let requests = *requests;
    println!("\n{users} users, {connections} connections, {requests} requests of each kind");
    println!(
        "{:<12} {:>9} {:>10} {:>9} {:>9} {:>9} {:>9} {:>9} {:>8} {:>8}",
        "", "per s", "CPU µs", "/healthz", "DB µs", "switches", "p50 ms", "p99 ms", "disk B", "MB"
    );
    let mut baseline = None;
    let is_wanted = |flow: &&Flow| flows.is_empty() || **flow == Flow::Health || flows.contains(flow);
    for &flow in Flow::value_variants().iter().filter(is_wanted) {
        let before = server.bytes_on_disk()?;
        let Cost { per_second, cpu, database_cpu, switches, p50, p99 } =
            cost_of(flow, server, connections, requests).await?;
        let grown = server.bytes_on_disk()?.saturating_sub(before) as f64 / requests as f64;
        let baseline = *baseline.get_or_insert(cpu);
        println!(
            "{:<12} {per_second:>9.0} {:>10.1} {:>9.2} {:>9.1} {switches:>9.2} {:>9.2} {:>9.2} {grown:>8.0} {:>8.1}",
            flow.name(),
            micros(cpu),
            micros(cpu) / micros(baseline),
            micros(database_cpu),
            micros(p50) / 1000.0,
            micros(p99) / 1000.0,
            server.resident_megabytes()?,
        );
    }
    Ok(())
}

async fn cost_of(flow: Flow, server: &Server, connections: usize, requests: usize) -> anyhow::Result<Cost> {
    let callers = flow.prepare(server, connections, requests).await.context(flow.name())?;
    let before = server.usage()?;
    let waited = flows::run(callers).await.context(flow.name())?;
    let after = server.usage()?;
    Ok(Cost::between(before, after, waited))
}

fn micros(span: Duration) -> f64 {
    span.as_secs_f64() * 1e6
}
