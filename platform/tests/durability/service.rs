//! A platform that is ended and started again, and is reached under another address each time.

use crate::{
    database,
    support::{Command, Running, SERVE, ServerKey},
};
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};
use tempfile::TempDir;
use tokio::{sync::watch, time::timeout};

/// Twice what the platform gives itself: 20 s for requests and 10 s for the database.
const END_DEADLINE: Duration = Duration::from_secs(60);

pub(crate) struct Service {
    pub(crate) command: Command,
    pub(crate) database: PathBuf,
    /// A key with every scope, for the address of the first start.
    pub(crate) server: ServerKey,
    running: Option<Running>,
    url: watch::Sender<String>,
    log: PathBuf,
    folder: TempDir,
    serve: &'static [&'static str],
}

impl Service {
    /// A new database in a new folder, and a server on it.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = database::create_in(folder.path());
        Self::start_in(folder, &database, &[], SERVE)
    }

    /// The same, and as it is told.
    pub(crate) fn start_serving(serve: &'static [&'static str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = database::create_in(folder.path());
        Self::start_in(folder, &database, &[], serve)
    }

    /// The same as that, on a database that lies elsewhere, and through another program.
    pub(crate) fn start_serving_on(
        database: &Path,
        starter: &[&str],
        serve: &'static [&'static str],
    ) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), database, starter, serve)
    }

    /// The same, on a database that lies elsewhere, and through another program.
    pub(crate) fn start_on(database: &Path, starter: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), database, starter, SERVE)
    }

    fn start_in(folder: TempDir, database: &Path, starter: &[&str], serve: &'static [&'static str]) -> Self {
        let (database, log) = (database.to_owned(), folder.path().join("log"));
        let command = Command::on(&database).through(starter).logging_to(&log);
        let app_id = command.create_app("Test", &[]);
        let secret = command.create_key(&app_id, &["user.link", "user.read", "user.delete"]);
        let running = command.start(serve);
        let server = ServerKey::new(&running.url, &secret);
        let url = watch::Sender::new(running.url.clone());
        Service { command, database, server, running: Some(running), url, log, folder, serve }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where it is reached now, and later.
    pub(crate) fn url(&self) -> watch::Receiver<String> {
        self.url.subscribe()
    }

    /// What a load calls.
    pub(crate) fn target(&self) -> (ServerKey, watch::Receiver<String>) {
        (self.server.clone(), self.url())
    }

    pub(crate) fn pid(&self) -> String {
        self.running.as_ref().unwrap().pid()
    }

    /// The present address.
    pub(crate) fn backend_url(&self) -> String {
        self.url.borrow().clone()
    }

    /// A server of the application, at the present address.
    pub(crate) fn backend(&self) -> ServerKey {
        self.server.at(&self.url.borrow())
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(&mut self) {
        self.running.take().unwrap().kill();
    }

    /// Asks it to end, and waits until it has; it must end well.
    pub(crate) async fn terminate(&mut self) {
        let running = self.running.take().unwrap();
        running.terminate();
        let ended = tokio::task::spawn_blocking(|| running.ends_well());
        assert!(timeout(END_DEADLINE, ended).await.expect("it ends in time").unwrap(), "{}", self.log());
    }

    /// Starts it again.
    pub(crate) fn restart(&mut self) {
        let running = self.command.start(self.serve);
        self.url.send_replace(running.url.clone());
        self.running = Some(running);
    }

    /// What all its processes wrote to their log.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Asserts that no thread of it has panicked.
    pub(crate) fn assert_calm(&self) {
        let log = self.log();
        let panic = log.lines().find(|line| line.contains("panic"));
        assert_eq!(panic, None, "{log}");
    }
}
