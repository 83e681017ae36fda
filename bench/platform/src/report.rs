//! The tables that are printed, in Markdown.

use crate::accounting::Cost;
use std::{collections::BTreeMap, time::Duration};

/// What was measured of one kind of requests.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) cost: Cost,
    /// By how much the database has grown, in bytes for each request, where that is known.
    pub(crate) grown: Option<f64>,
    /// The platform's memory afterwards, where it still runs.
    pub(crate) megabytes: Option<f64>,
}

/// The processor time of each kind, with the database's, for each number of users.
#[derive(Default)]
pub(crate) struct Growth(Vec<(&'static str, BTreeMap<u32, Duration>)>);

impl Growth {
    pub(crate) fn add(&mut self, name: &'static str, users: u32, cost: &Cost) {
        let whole = cost.whole_cpu();
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, costs)) => drop(costs.insert(users, whole)),
            None => self.0.push((name, BTreeMap::from([(users, whole)]))),
        }
    }
}

pub(crate) fn heading(text: &str) {
    line(&format!("\n### {text}\n"));
}

/// Each cost also as a multiple of that of `GET /healthz` in the same run.
pub(crate) fn print_costs(rows: &[Row], healthz: Duration) {
    line("| | per s | CPU µs | × healthz | DB CPU µs | switches | p50 ms | p99 ms | disk B | memory MB |");
    line("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    for Row { name, cost, grown, megabytes } in rows {
        let millis = |span: Duration| format!("{:.2}", span.as_secs_f64() * 1e3);
        let whole = |number: &Option<f64>| number.map_or_else(String::new, |number| format!("{number:.0}"));
        let (p50, p99) = cost.waited.map_or_else(Default::default, |(p50, p99)| (millis(p50), millis(p99)));
        line(&format!(
            "| {name} | {:.0} | {:.1} | {:.2} | {:.1} | {:.2} | {p50} | {p99} | {} | {} |",
            cost.per_second,
            micros(cost.cpu),
            cost.cpu.div_duration_f64(healthz),
            micros(cost.database_cpu),
            cost.switches,
            whole(grown),
            whole(megabytes),
        ));
    }
}

/// What each kind costs with more users, as a multiple of what it costs with the fewest.
pub(crate) fn print_growth(growth: &Growth) {
    let users: Vec<u32> =
        growth.0.first().map(|(_, costs)| costs.keys().copied().collect()).unwrap_or_default();
    heading("Processor time of one, with the database's, compared with the first column");
    line(&users.iter().fold("| users |".to_owned(), |row, users| format!("{row} {users} |")));
    line(&users.iter().fold("| --- |".to_owned(), |row, _| format!("{row} ---: |")));
    for (name, costs) in &growth.0 {
        let first = costs.values().next().copied().unwrap_or_default();
        let row = costs.values().enumerate().fold(format!("| {name} |"), |row, (place, cost)| match place {
            0 => format!("{row} {:.1} µs |", micros(*cost)),
            _ => format!("{row} {:.2} |", cost.div_duration_f64(first)),
        });
        line(&row);
    }
}

fn micros(span: Duration) -> f64 {
    span.as_secs_f64() * 1e6
}

#[expect(clippy::print_stdout, reason = "the result")]
pub(crate) fn line(text: &str) {
    println!("{text}");
}
