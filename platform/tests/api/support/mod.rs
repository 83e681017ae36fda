//! A platform for one test: its own database, application and key, and a clock that the test can move.

#![allow(dead_code, unused_imports, reason = "several test binaries share this, and none uses all of it")]

mod clients;
mod command;
mod database;
mod first_version;
mod serve;
mod stream;

pub(crate) use clients::{Answer, Sdk, ServerKey, key, phone, tablet};
pub(crate) use command::{Command, Running};
pub(crate) use database::{Database, empty_database, is_on_postgres, new_database};
pub(crate) use first_version::database_of_the_first_version;
pub(crate) use serve::SERVE;
pub(crate) use stream::{Block, EventStream};

use sentiance_platform::{
    clock::{Clock, SystemClock, Timestamp},
    http::{Platform, Settings, server},
    random::OsRandomness,
    store::Store,
};
use serde_json::{Value, json};
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};
use tempfile::TempDir;
use tokio::{net::TcpListener, runtime::Builder, sync::oneshot};

/// The origin that the test's application lists.
pub(crate) const LISTED_ORIGIN: &str = "https://app.example.com";

pub(crate) struct TestPlatform {
    pub(crate) url: String,
    pub(crate) app_id: String,
    pub(crate) app_secret: String,
    /// A key with every scope.
    pub(crate) server: ServerKey,
    pub(crate) store: Store,
    pub(crate) database: Database,
    clock: MovedClock,
    stop: oneshot::Sender<()>,
    _folder: TempDir,
}

impl TestPlatform {
    pub(crate) async fn start() -> Self {
        Self::start_with(Settings::default()).await
    }

    pub(crate) async fn start_with(settings: Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = new_database(&folder);
        let command = Command::on(database.name());
        let created = command.run(&["app", "create", "--name", "Test", "--origin", LISTED_ORIGIN]);
        let app_id = Command::value_of(&created, "app id: ");
        let app_secret = Command::value_of(&created, "app secret: ");
        let api_key = command.create_key(&app_id, &["user.link", "user.read", "user.delete"]);

        let clock = MovedClock::default();
        let (started, start) = oneshot::channel();
        let (stop, stopped) = oneshot::channel();
        let (name, its_clock) = (database.name().to_owned(), clock.clone());
        // On a thread of its own: a test that waits for a command holds its own thread up, and must not hold up a
        // transaction of the platform on which that command waits.
        std::thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(serve(&name, its_clock, settings, started, stopped));
        });
        let (url, store) = start.await.unwrap();
        let server = ServerKey::new(&url, &api_key);
        TestPlatform { url, app_id, app_secret, server, store, database, clock, stop, _folder: folder }
    }

    /// Asks the server to end.
    pub(crate) fn stop(self) {
        let _ = self.stop.send(());
    }

    /// The command line on this platform's database.
    pub(crate) fn command(&self) -> Command {
        Command::on(self.database.name())
    }

    /// An SDK on a new phone.
    pub(crate) fn sdk(&self) -> Sdk {
        Sdk::new(&self.url)
    }

    /// An SDK on a new phone that has a user.
    pub(crate) async fn sdk_with_user(&self, external_id: &str) -> Sdk {
        let mut sdk = self.sdk();
        let code = self.server.code(external_id).await;
        sdk.create_user(&code).await.ok();
        sdk
    }

    /// What the application ships to its users' devices; `linking` where it has a linker.
    pub(crate) fn credentials(&self, linking: bool) -> Value {
        json!({ "id": self.app_id, "secret": self.app_secret, "linking": linking })
    }

    /// An SDK on a new phone that has a user who is not linked.
    pub(crate) async fn sdk_with_unlinked_user(&self, linking: bool) -> Sdk {
        let mut sdk = self.sdk();
        sdk.create_unlinked_user(&self.credentials(linking)).await.ok();
        sdk
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, span: Duration) {
        self.clock.ahead_ms.fetch_add(i64::try_from(span.as_millis()).unwrap(), Ordering::SeqCst);
    }

    /// Sets the platform's clock wrong by so much, though no time passes; nothing sets it right.
    pub(crate) fn set_clock_wrong(&self, by: Duration) {
        self.clock.wrong_ms.store(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }

    /// The platform's clock.
    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(self.clock.clone())
    }

    /// What the platform's clock says.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Changes the database behind the platform's back.
    pub(crate) async fn tamper(&self, sql: &str) {
        self.database.tamper(sql).await;
    }

    /// Waits until that many rows are left, as they are when the platform has cleaned up.
    pub(crate) async fn until_rows(&self, count: &str, expected: i64) {
        let counted = async {
            while self.count_rows(count).await != expected {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(30), counted).await;
        assert!(in_time.is_ok(), "{count} gives {}, not {expected}", self.count_rows(count).await);
    }

    /// What the command line tells of the audit log.
    pub(crate) fn audit(&self, options: &[&str]) -> Vec<Value> {
        let mut arguments = vec!["audit", "list", "--json", "--app", &self.app_id];
        arguments.extend(options);
        let listed = self.command().run(&arguments);
        listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// How many rows a table has.
    pub(crate) async fn count_rows(&self, count: &str) -> i64 {
        self.database.count(count).await
    }
}

/// Serves until it is told to stop, or the test has ended.
async fn serve(
    database: &Path,
    clock: MovedClock,
    settings: Settings,
    started: oneshot::Sender<(String, Store)>,
    stopped: oneshot::Receiver<()>,
) {
    let store = Store::open(database).await.unwrap();
    let platform = Platform::new(store.clone(), clock, OsRandomness, settings);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let _ = started.send((url, store));
    let stop = async {
        let _ = stopped.await;
    };
    server::serve(listener, Arc::new(platform), stop).await;
}

/// The machine's clock, some time ahead: commands, which read the machine's own, agree with it at the start.
#[derive(Clone, Default)]
struct MovedClock {
    /// The time that has passed.
    ahead_ms: Arc<AtomicI64>,
    /// By how much it was set wrong.
    wrong_ms: Arc<AtomicI64>,
}

impl Clock for MovedClock {
    fn now(&self) -> Timestamp {
        let ahead = self.ahead_ms.load(Ordering::SeqCst) + self.wrong_ms.load(Ordering::SeqCst);
        Timestamp(SystemClock.now().0 + ahead)
    }

    fn elapsed(&self) -> Duration {
        SystemClock.elapsed() + Duration::from_millis(self.ahead_ms.load(Ordering::SeqCst).unsigned_abs())
    }
}
