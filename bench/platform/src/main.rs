//! `npm run bench -- platform`: what a request costs the platform in processor time, and how that grows with the number
//! of users in the application. Every figure is compared with `GET /healthz` of the same server in the same run.

mod accounting;
mod caller;
mod clean_up;
mod commands;
mod database;
mod flows;
mod report;
mod seed;
#[path = "../../../platform/tests/api/support/serve.rs"]
mod serve;
mod server;
mod streams;

use accounting::Cost;
use anyhow::Context;
use clap::{Parser, ValueEnum};
use database::Engine;
use flows::{Flow, Pace};
use report::{Growth, Row};
use server::Server;
use std::{path::PathBuf, time::Duration};
use streams::Streams;

/// What a deleted user has left is removed afterwards, some fifty users a second.
const MOST_DELETIONS: usize = 1000;

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
    /// How many connections send requests at the same time, each as soon as it has its response.
    #[arg(long, value_delimiter = ',', default_value = "1,32")]
    connections: Vec<usize>,
    /// How many requests are measured in each flow.
    #[arg(long, default_value_t = 4000)]
    requests: usize,
    /// How many requests a second are sent in a further measurement, whether the responses come or not; 0 for none.
    #[arg(long, default_value_t = 500)]
    rate: u32,
    /// How many streams are open in a further measurement; 0 for none.
    #[arg(long, default_value_t = 10_000)]
    streams: usize,
    /// How many changes of state a second are told on them.
    #[arg(long, default_value_t = 100)]
    changes: u32,
    /// Which flows are measured, beside `GET /healthz` [default: all, and what is no request].
    #[arg(long, value_enum, value_delimiter = ',')]
    flows: Vec<Flow>,
}

impl Options {
    fn flows(&self) -> Vec<Flow> {
        let is_wanted = |flow: &&Flow| self.is_all() || **flow == Flow::Health || self.flows.contains(flow);
        Flow::value_variants().iter().filter(is_wanted).copied().collect()
    }

    fn is_all(&self) -> bool {
        self.flows.is_empty()
    }
}

// One thread, so that the load leaves the other processor to the server.
#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let mut growth = Growth::default();
    for &users in &options.users {
        measure(&options, users, &mut growth).await?;
    }
    if options.users.len() > 1 {
        report::print_growth(&growth);
    }
    Ok(())
}

/// All that is measured with so many users.
async fn measure(options: &Options, users: u32, growth: &mut Growth) -> anyhow::Result<()> {
    let Options { binary, engine, requests, rate, streams, changes, .. } = options;
    let server = Server::start(binary, *engine, |database| seed::users(database, users)).await?;
    let most = options.connections.iter().max().copied().unwrap_or(1);
    let mut healthz = Duration::ZERO;
    for &connections in &options.connections {
        report::heading(&format!(
            "{users} users, {connections} connections, {requests} requests of each kind"
        ));
        let rows = measure_requests(&server, options, connections, Pace::Closed).await?;
        healthz = print_requests(&rows);
        for row in rows.iter().filter(|_| connections == most) {
            growth.add(row.name, users, &row.cost);
        }
    }
    if *rate > 0 {
        report::heading(&format!("{users} users, {most} connections, {rate} requests a second of each kind"));
        print_requests(&measure_requests(&server, options, most, Pace::Fixed(*rate)).await?);
    }
    if options.is_all() {
        report::heading(&format!("{users} users, what is no request"));
        let disabling = Row {
            name: "platform user disable",
            cost: commands::disable(&server, *requests).await?,
            grown: None,
            megabytes: None,
        };
        let cleaning = Row {
            name: "clean-up of a row",
            cost: clean_up::measure(binary, *engine, users).await?,
            grown: None,
            megabytes: None,
        };
        let rows = [disabling, cleaning];
        rows.iter().for_each(|row| growth.add(row.name, users, &row.cost));
        report::print_costs(&rows, healthz);
    }
    if options.is_all() && *streams > 0 {
        report::heading(&format!("{users} users, {streams} open streams, {changes} changes a second"));
        let Streams { cost, share, share_of_rest, bytes_of_one } =
            streams::measure(&server, *streams, *changes).await?;
        growth.add("change on a stream", users, &cost);
        let megabytes = Some(server.resident_megabytes()?);
        report::print_costs(&[Row { name: "change", cost, grown: None, megabytes }], healthz);
        report::line(&format!(
            "\n{:.1} % of a processor, {:.1} % while nothing changed; {bytes_of_one:.0} bytes of memory a stream",
            share * 100.0,
            share_of_rest * 100.0,
        ));
    }
    server.stop().await
}

/// Gives what `GET /healthz` has cost, which is measured first.
fn print_requests(rows: &[Row]) -> Duration {
    let healthz = rows.first().map(|row| row.cost.cpu).unwrap_or_default();
    report::print_costs(rows, healthz);
    healthz
}

async fn measure_requests(
    server: &Server,
    options: &Options,
    connections: usize,
    pace: Pace,
) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for flow in options.flows() {
        let requests =
            if flow == Flow::Deletion { options.requests.min(MOST_DELETIONS) } else { options.requests };
        let before = server.database().bytes()?;
        let cost = cost_of(flow, server, connections, requests, pace).await.context(flow.name())?;
        let grown = server.database().bytes()?.saturating_sub(before) as f64 / requests as f64;
        rows.push(Row {
            name: flow.name(),
            cost,
            grown: Some(grown),
            megabytes: Some(server.resident_megabytes()?),
        });
    }
    Ok(rows)
}

async fn cost_of(
    flow: Flow,
    server: &Server,
    connections: usize,
    requests: usize,
    pace: Pace,
) -> anyhow::Result<Cost> {
    let callers = flow.prepare(server, connections, requests).await?;
    server.settle().await?;
    let before = server.usage()?;
    let waited = flows::run(callers, pace).await?;
    let after = server.usage()?;
    if flow == Flow::Deletion {
        // What a deleted user leaves is removed afterwards: it counts, but its callers do not wait for it.
        server.settle().await?;
        let all = Cost::of_many(&before, &server.usage()?, waited.len());
        let requests = Cost::of_requests(&before, &after, waited);
        return Ok(Cost { cpu: all.cpu, database_cpu: all.database_cpu, switches: all.switches, ..requests });
    }
    Ok(Cost::of_requests(&before, &after, waited))
}
