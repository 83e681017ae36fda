//! What a process has used so far, by the kernel's own accounting, and what that comes to for one request.

use anyhow::Context;
use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

/// What all threads of some processes have used since their start.
pub(crate) struct Usage {
    at: Instant,
    cpu: Duration,
    switches: u64,
}

impl Usage {
    #[expect(clippy::disallowed_methods, reason = "it measures time")]
    pub(crate) fn of(pids: &[u32]) -> anyhow::Result<Self> {
        let mut usage = Usage { at: Instant::now(), cpu: Duration::ZERO, switches: 0 };
        for pid in pids {
            for task in fs::read_dir(format!("/proc/{pid}/task"))? {
                let folder = task?.path();
                // A thread that ends meanwhile is left out, in both measurements.
                if let Ok((cpu, switches)) = of_thread(&folder) {
                    usage.cpu += cpu;
                    usage.switches += switches;
                }
            }
        }
        Ok(usage)
    }

    /// What was used since another moment.
    pub(crate) fn cpu_since(&self, before: &Usage) -> Duration {
        self.cpu.saturating_sub(before.cpu)
    }
}

fn of_thread(folder: &Path) -> anyhow::Result<(Duration, u64)> {
    // Nanoseconds on a processor come first (docs.kernel.org/scheduler/sched-stats.html).
    let schedule = fs::read_to_string(folder.join("schedstat"))?;
    let on_processor = schedule.split(' ').next().context("schedstat is empty")?.parse()?;
    let status = fs::read_to_string(folder.join("status"))?;
    let switches = status.lines().filter_map(|line| line.split_once("ctxt_switches:"));
    let switches = switches.map(|(_, count)| count.trim().parse::<u64>()).sum::<Result<u64, _>>()?;
    Ok((Duration::from_nanos(on_processor), switches))
}

/// What one request cost.
pub(crate) struct Cost {
    pub(crate) per_second: f64,
    pub(crate) cpu: Duration,
    /// In the processes of the database.
    pub(crate) database_cpu: Duration,
    pub(crate) switches: f64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
}

impl Cost {
    /// Of the requests whose callers have waited so long, all between these two moments.
    pub(crate) fn between(
        (before, database_before): (Usage, Usage),
        (after, database_after): (Usage, Usage),
        mut waited: Vec<Duration>,
    ) -> Self {
        waited.sort_unstable();
        let count = waited.len().max(1);
        let quantile = |percent: usize| waited.get(waited.len() * percent / 100).copied().unwrap_or_default();
        Cost {
            per_second: count as f64 / (after.at - before.at).as_secs_f64(),
            cpu: after.cpu_since(&before).div_f64(count as f64),
            database_cpu: database_after.cpu_since(&database_before).div_f64(count as f64),
            switches: (after.switches - before.switches) as f64 / count as f64,
            p50: quantile(50),
            p99: quantile(99),
        }
    }
}
