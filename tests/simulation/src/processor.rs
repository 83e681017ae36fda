//! Keeps what takes turns on one processor: the simulation waits for its database and the database for the simulation, so
//! that on two processors each turn only pays for waking the other one.

/// Keeps this thread, and those that it starts from now on, on one of the processors that it may use. Where that cannot be
/// done, everything is the same, and slower.
#[cfg(target_os = "linux")]
pub(crate) fn stay_on(number: usize) {
    use nix::{
        sched::{CpuSet, sched_getaffinity, sched_setaffinity},
        unistd::Pid,
    };
    let this_thread = Pid::from_raw(0);
    let Ok(allowed) = sched_getaffinity(this_thread) else { return };
    let mut processors = (0..CpuSet::count()).filter(|processor| allowed.is_set(*processor) == Ok(true));
    let mut one = CpuSet::new();
    if let Some(processor) = processors.nth(number)
        && one.set(processor).is_ok()
    {
        let _ = sched_setaffinity(this_thread, &one);
    }
}

/// There is no call for it.
#[cfg(not(target_os = "linux"))]
pub(crate) fn stay_on(_: usize) {}
