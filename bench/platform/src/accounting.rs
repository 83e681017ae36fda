//! What a process has used so far, by the kernel's own accounting, and what that comes to for one request.

use anyhow::Context;
use nix::sys::{
    resource::{UsageWho, getrusage},
    time::TimeValLike,
};
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
    pub(crate) fn of(pids: &[u32]) -> anyhow::Result<Self> {
        let mut usage = Usage { at: now(), cpu: Duration::ZERO, switches: 0 };
        for pid in pids {
            // A process or a thread that ends meanwhile is left out: databases start some for a moment.
            for task in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten() {
                if let Ok((cpu, switches)) = task.map_err(Into::into).and_then(|task| of_thread(&task.path()))
                {
                    usage.cpu += cpu;
                    usage.switches += switches;
                }
            }
        }
        Ok(usage)
    }

    /// What processes have used that have ended, and for which this one has waited.
    pub(crate) fn of_children() -> anyhow::Result<Self> {
        let used = getrusage(UsageWho::RUSAGE_CHILDREN)?;
        let micros = (used.user_time() + used.system_time()).num_microseconds();
        let switches = used.voluntary_context_switches() + used.involuntary_context_switches();
        Ok(Usage {
            at: now(),
            cpu: Duration::from_micros(micros.try_into()?),
            switches: switches.try_into()?,
        })
    }

    /// The same moment, before anything was used.
    pub(crate) fn of_nothing(&self) -> Self {
        Usage { at: self.at, cpu: Duration::ZERO, switches: 0 }
    }

    /// The share of one processor that was used since another moment.
    pub(crate) fn share_since(&self, before: &Usage) -> f64 {
        self.cpu_since(before).as_secs_f64() / (self.at - before.at).as_secs_f64()
    }

    /// What was used since another moment.
    pub(crate) fn cpu_since(&self, before: &Usage) -> Duration {
        self.cpu.saturating_sub(before.cpu)
    }
}

/// The one clock of the measurements.
#[expect(clippy::disallowed_methods, reason = "it measures time")]
pub(crate) fn now() -> Instant {
    Instant::now()
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

/// What the platform has used so far, and what the processes of its database have.
pub(crate) type Usages = (Usage, Usage);

/// What one request cost, or one of what the platform does by itself.
pub(crate) struct Cost {
    pub(crate) per_second: f64,
    pub(crate) cpu: Duration,
    /// In the processes of the database.
    pub(crate) database_cpu: Duration,
    pub(crate) switches: f64,
    /// How long half of the callers have waited at most, and 99 in a hundred; nothing where there was no caller.
    pub(crate) waited: Option<(Duration, Duration)>,
}

impl Cost {
    /// Of so many, all between these two moments.
    pub(crate) fn of_many(
        (before, database_before): &Usages,
        (after, database_after): &Usages,
        count: usize,
    ) -> Self {
        let count = count.max(1) as f64;
        Cost {
            per_second: count / (after.at - before.at).as_secs_f64(),
            cpu: after.cpu_since(before).div_f64(count),
            database_cpu: database_after.cpu_since(database_before).div_f64(count),
            switches: (after.switches - before.switches) as f64 / count,
            waited: None,
        }
    }

    /// Of the requests whose callers have waited so long.
    pub(crate) fn of_requests(before: &Usages, after: &Usages, mut waited: Vec<Duration>) -> Self {
        waited.sort_unstable();
        let quantile = |percent: usize| waited.get(waited.len() * percent / 100).copied().unwrap_or_default();
        Cost { waited: Some((quantile(50), quantile(99))), ..Self::of_many(before, after, waited.len()) }
    }

    /// With the database's.
    pub(crate) fn whole_cpu(&self) -> Duration {
        self.cpu + self.database_cpu
    }
}
