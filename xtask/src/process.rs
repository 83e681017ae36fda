//! Runs child processes: with a time limit, with their output streamed line by line, and without leaving anything
//! behind when the time is up or the developer presses Ctrl-C.

use anyhow::{Context, anyhow, bail};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How many lines may wait between a child and this process; a child that writes faster is slowed down.
const LINE_QUEUE: usize = 1024;
/// How often a silent child is looked at.
const POLL: Duration = Duration::from_millis(100);
/// How long a child's own children may keep its output open after it has ended.
const STRAGGLER_GRACE: Duration = Duration::from_secs(3);

/// The process groups that run now: what Ctrl-C has to end.
static RUNNING: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Exit code 0.
    Success,
    /// Any other exit code, or a signal.
    Failure,
    /// It was still running when its time was up, and was killed.
    TimedOut,
}

/// Makes Ctrl-C end the children too: each runs in a process group of its own, which the terminal does not reach.
///
/// # Errors
/// The handler could not be installed.
pub(crate) fn end_children_on_interrupt() -> anyhow::Result<()> {
    ctrlc::set_handler(|| {
        for group in RUNNING.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            // A group that has just ended is what we want anyway.
            let _ = killpg(*group, Signal::SIGTERM);
        }
        std::process::exit(130);
    })
    .context("cannot watch for Ctrl-C")
}

/// Runs `command` to its end or for `limit` at most, and hands every line of its two output streams to `on_line`.
///
/// # Errors
/// The command could not be started.
pub(crate) fn stream(
    command: &mut Command,
    limit: Duration,
    on_line: &mut dyn FnMut(&str),
) -> anyhow::Result<Ending> {
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .with_context(|| format!("cannot start `{program}`"))?;
    let group = Group::of(&child)?;
    let (sender, lines) = sync_channel(LINE_QUEUE);
    if let Some(stdout) = child.stdout.take() {
        read_lines(stdout, sender.clone());
    }
    if let Some(stderr) = child.stderr.take() {
        read_lines(stderr, sender);
    }
    let ending = follow(&mut child, &lines, now() + limit, on_line)?;
    drop(group);
    child.wait()?;
    Ok(ending)
}

/// Runs `command` and prints its output as it comes.
///
/// # Errors
/// It could not be started, failed, or took longer than `limit`; the message names `what`.
pub(crate) fn run(what: &str, command: &mut Command, limit: Duration) -> anyhow::Result<()> {
    match stream(command, limit, &mut |line| println!("{line}"))? {
        Ending::Success => Ok(()),
        Ending::Failure => bail!("{what} failed; its output is above"),
        Ending::TimedOut => bail!("{what} took longer than {} minutes", limit.as_secs() / 60),
    }
}

/// Whether `program` is on the search path.
pub(crate) fn is_installed(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}

/// Follows a child until it has ended and its output is closed, or its time is up.
fn follow(
    child: &mut Child,
    lines: &Receiver<String>,
    deadline: Instant,
    on_line: &mut dyn FnMut(&str),
) -> anyhow::Result<Ending> {
    let mut closed = false;
    let mut ended: Option<(Ending, Instant)> = None;
    loop {
        match lines.recv_timeout(POLL) {
            Ok(line) => on_line(&line),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) if closed => std::thread::sleep(POLL),
            Err(RecvTimeoutError::Disconnected) => closed = true,
        }
        if ended.is_none()
            && let Some(status) = child.try_wait()?
        {
            ended = Some((if status.success() { Ending::Success } else { Ending::Failure }, now()));
        }
        match ended {
            Some((ending, at)) if closed || now() > at + STRAGGLER_GRACE => return Ok(ending),
            None if now() > deadline => return Ok(Ending::TimedOut),
            _ => {}
        }
    }
}

fn read_lines(stream: impl Read + Send + 'static, sender: SyncSender<String>) {
    std::thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut bytes = Vec::new();
        // Not `lines()`: it would give up at the first byte that is not UTF-8.
        while reader.read_until(b'\n', &mut bytes).is_ok_and(|count| count > 0) {
            let line = String::from_utf8_lossy(&bytes).trim_end().to_owned();
            bytes.clear();
            if sender.send(line).is_err() {
                break;
            }
        }
    });
}

/// A child's process group while it runs. Dropping it kills whatever is left of the group.
struct Group(Pid);

impl Group {
    fn of(child: &Child) -> anyhow::Result<Self> {
        let pid =
            i32::try_from(child.id()).map_err(|_| anyhow!("process id {} is out of range", child.id()))?;
        let group = Pid::from_raw(pid);
        RUNNING.lock().unwrap_or_else(PoisonError::into_inner).push(group);
        Ok(Group(group))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        RUNNING.lock().unwrap_or_else(PoisonError::into_inner).retain(|group| *group != self.0);
        let _ = killpg(self.0, Signal::SIGKILL);
    }
}

#[expect(clippy::disallowed_methods, reason = "a time limit on a real process needs the real clock")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::{Ending, stream};
    use std::process::Command;
    use std::time::Duration;

    fn shell(script: &str, limit: Duration) -> (Ending, Vec<String>) {
        let mut lines = Vec::new();
        let ending =
            stream(Command::new("sh").args(["-c", script]), limit, &mut |line| lines.push(line.to_owned()))
                .unwrap();
        (ending, lines)
    }

    #[test]
    fn every_line_of_both_streams_arrives() {
        let (ending, mut lines) = shell("echo one; echo two >&2; printf three", Duration::from_secs(60));
        lines.sort();
        assert_eq!((ending, lines), (Ending::Success, vec!["one".into(), "three".into(), "two".into()]));
    }

    #[test]
    fn a_failing_child_is_told_from_a_successful_one() {
        assert_eq!(shell("exit 3", Duration::from_secs(60)).0, Ending::Failure);
    }

    #[test]
    fn a_child_that_never_ends_is_killed_with_its_own_children() {
        let (ending, lines) = shell("sleep 1000 & echo $!; wait", Duration::from_millis(300));
        assert_eq!(ending, Ending::TimedOut);
        // The signal is sent, but its effect is not instant; killed, the process may stay as a zombie for a while.
        let is_gone = || {
            std::fs::read_to_string(format!("/proc/{}/stat", lines[0]))
                .map_or(true, |stat| stat.contains(") Z"))
        };
        assert!((0..600).any(|_| is_gone() || {
            std::thread::sleep(Duration::from_millis(100));
            false
        }));
    }

    #[test]
    fn a_child_that_leaves_one_running_is_not_waited_for() {
        let (ending, _) = shell("sleep 1000 & exit 0", Duration::from_secs(60));
        assert_eq!(ending, Ending::Success);
    }
}
