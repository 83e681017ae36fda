//! Whose turn it is to write, among the processes on one database.
//!
//! SQLite's own lock is not fair: who waits for it looks again every 100 ms, and a server under load holds it but for
//! moments (<https://sqlite.org/c3ref/busy_timeout.html>). So a process that wants to write first takes this lock, keeps
//! it until it has SQLite's, and then gives it back: a server that has just written waits here for the one that is next.

use std::{
    fs::{File, OpenOptions, TryLockError},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    thread::sleep,
    time::Duration,
};
use tokio::time::Instant;

/// How often it is looked whether another process has given the lock back.
const LOOK_INTERVAL: Duration = Duration::from_millis(1);

/// The lock. Where there can be none, SQLite's alone decides.
#[derive(Debug)]
pub(super) struct Turnstile {
    file: Option<File>,
    /// A process that was stopped while it had the lock delays the others by at most this.
    patience: Duration,
}

impl Turnstile {
    /// The lock of a database, in a file beside it.
    pub(super) fn beside(database: &Path, patience: Duration) -> Self {
        let mut name = database.as_os_str().to_owned();
        name.push("-turn");
        // Nothing is ever written into it.
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(name).ok();
        Turnstile { file, patience }
    }

    /// Waits until no other process is about to write, and keeps the others waiting until what this gives is dropped.
    pub(super) fn pass(&self) -> Option<Turn<'_>> {
        let file = self.file.as_ref()?;
        let deadline = Instant::now() + self.patience;
        loop {
            match file.try_lock() {
                Ok(()) => return Some(Turn(file)),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => sleep(LOOK_INTERVAL),
                Err(_) => return None,
            }
        }
    }
}

/// The lock, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn<'f>(&'f File);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // It fails for no lock that is held; and the end of the process gives it back, too.
        let _ = self.0.unlock();
    }
}
