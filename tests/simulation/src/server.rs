//! The platform, as one process: its real router on a real SQLite file or a real PostgreSQL database, called without
//! sockets. It can be stopped and started again on the same one, and it can crash: then the next process finds the file as
//! the crash left it, or the database without what was not committed.
//!
//! Many seeds share one, one after the other, since opening one costs more than a seed does. Everything of the platform
//! belongs to an application, and goes with it when the next seed begins.

use crate::{
    random::{Random, SeededRandomness},
    tables::{Census, Tables},
};
use axum::{Router, body::Body, http};
use clap::ValueEnum;
use http_body_util::BodyExt;
use postgres_cluster::Cluster;
use sentiance_platform::{
    clock::{Clock, Timestamp},
    domain::{Lifetimes, Refusal},
    http::{Platform, Settings, router},
    model::{AppId, Application},
    store::{Store, Transaction, Work},
};
use std::{
    mem,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
        mpsc,
    },
    time::Duration,
};
use tempfile::TempDir;
use tokio::{runtime::Runtime, sync::Notify};
use tower::ServiceExt;

/// How long an access token lives: short, so that refreshing is a common thing.
pub(crate) const TOKEN_LIFE: Duration = Duration::from_secs(60 * 60);

/// How often a device with a listener asks for its state: seldom, lest nothing else happens in an hour.
const POLL_SECONDS: u32 = 900;

/// An answer as it leaves the platform.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// The platform's clock: the simulation's time.
#[derive(Clone, Debug)]
struct SimulatedClock(Arc<AtomicI64>);

impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }

    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.now().0.unsigned_abs())
    }
}

/// Where the platform keeps its data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Engine {
    /// In a file of SQLite.
    #[default]
    Sqlite,
    /// In PostgreSQL, which is started for this process: a seed takes about ten times as long.
    Postgresql,
}

enum Database {
    /// A crash leaves a copy of the file, which is the next one.
    File {
        folder: TempDir,
        file: PathBuf,
        files: u32,
    },
    Url(PathBuf),
}

impl Database {
    fn new(engine: Engine) -> Self {
        match engine {
            Engine::Sqlite => {
                let memory = Path::new("/dev/shm");
                let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
                let folder = folder.expect("a folder for the database");
                Database::File { file: folder.path().join("platform-0.db"), folder, files: 1 }
            }
            Engine::Postgresql => {
                Database::Url(Cluster::shared().create_database().expect("a database").into())
            }
        }
    }

    /// What the platform is told.
    fn name(&self) -> &Path {
        match self {
            Database::File { file, .. } => file,
            Database::Url(url) => url,
        }
    }
}

/// The platform, and the database that it works on.
pub(crate) struct Server {
    database: Database,
    clock: SimulatedClock,
    random: SeededRandomness,
    /// Chooses where each process of a seed begins to draw.
    next_process: Random,
    process: Process,
}

/// What ends with a crash.
struct Process {
    runtime: Runtime,
    store: Store,
    router: Router,
    tables: Tables,
}

impl Server {
    /// A platform on a new database, whose tables are changed as `sabotage` says, in SQLite's words.
    pub(crate) fn start(engine: Engine, sabotage: &'static str) -> Self {
        let database = Database::new(engine);
        let clock = SimulatedClock(Arc::default());
        let random = SeededRandomness::new();
        let mut process = Process::start(database.name(), &clock, &random);
        let Process { runtime, tables, .. } = &mut process;
        runtime.block_on(async {
            tables.prepare_to_hold_commits().await;
            tables.run(sabotage).await;
        });
        let next_process = Random::stream(0, 0);
        Server { database, clock, random, next_process, process }
    }

    /// A seed begins. What the one before has left goes: the same seed makes the same ids.
    pub(crate) fn begin(&mut self, seed: u64) {
        self.next_process = Random::stream(seed, u64::MAX);
        self.restart_randomness();
        let Process { runtime, tables, .. } = &mut self.process;
        runtime.block_on(tables.run("delete from applications"));
    }

    /// How far a request had come that a crash ended is nobody's choice, and must change nothing that comes after.
    fn restart_randomness(&mut self) {
        self.random.restart(Random::stream(self.next_process.next(), 0));
    }

    pub(crate) fn random(&self) -> &SeededRandomness {
        &self.random
    }

    pub(crate) fn set_time(&self, now: f64) {
        self.clock.0.store(now as i64, Ordering::SeqCst);
    }

    pub(crate) fn answer(&self, request: http::Request<Body>) -> Answer {
        self.process.runtime.block_on(answer(self.process.router.clone(), request))
    }

    /// A use case of the platform's command line.
    pub(crate) fn operate<W: Work>(&self, work: W) -> Result<W::Output, W::Error> {
        self.process.runtime.block_on(self.process.store.write(work))
    }

    /// The platform finishes what is under way, ends, and is started again.
    pub(crate) fn restart(&mut self) {
        let Process { runtime, store, .. } = &self.process;
        runtime.block_on(store.close());
        self.process = Process::start(self.database.name(), &self.clock, &self.random);
    }

    /// The process ends at once. A request is under way, if one is given: its writes are done, and not committed.
    pub(crate) fn crash(&mut self, under_way: Option<http::Request<Body>>) {
        match &mut self.database {
            Database::File { folder, file, files } => {
                let crashed = folder.path().join(format!("platform-{files}.db"));
                *files += 1;
                let writes = self.process.leave_file(file, &crashed, under_way);
                let next = Process::start(&crashed, &self.clock, &self.random);
                let dead = mem::replace(&mut self.process, next);
                drop(writes);
                dead.runtime.shutdown_background();
                remove(file);
                *file = crashed;
            }
            Database::Url(url) => {
                self.process.leave_database(under_way);
                let next = Process::start(url, &self.clock, &self.random);
                mem::replace(&mut self.process, next).runtime.shutdown_background();
            }
        }
        self.restart_randomness();
    }

    /// The users and installs of an application.
    pub(crate) fn census(&mut self, app_id: &str) -> Census {
        let Process { runtime, tables, .. } = &mut self.process;
        runtime.block_on(tables.census(app_id))
    }

    /// The ids of the detections of an application.
    pub(crate) fn detections(&mut self, app_id: &str) -> Vec<String> {
        let Process { runtime, tables, .. } = &mut self.process;
        runtime.block_on(tables.detections(app_id))
    }

    /// The metadata of a user.
    pub(crate) fn metadata(&mut self, app_id: &str, user_id: &str) -> Vec<(String, String)> {
        let Process { runtime, tables, .. } = &mut self.process;
        runtime.block_on(tables.metadata(app_id, user_id))
    }
}

impl Process {
    fn start(database: &Path, clock: &SimulatedClock, random: &SeededRandomness) -> Self {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_all().build().expect("a runtime");
        let (store, tables) = runtime.block_on(async {
            (Store::open(database).await.expect("the database opens"), Tables::open(database).await)
        });
        let lifetimes = Lifetimes { access_token: TOKEN_LIFE, ..Lifetimes::default() };
        let mut settings = Settings { lifetimes, ..Settings::default() };
        settings.sdk.status_poll_seconds = POLL_SECONDS;
        let platform = Platform::new(store.clone(), clock.clone(), random.clone(), settings);
        Process { runtime, store, router: router(Arc::new(platform)), tables }
    }

    /// Copies the file as it is in the middle of a transaction; that one is over when what comes back is dropped.
    fn leave_file(
        &self,
        file: &Path,
        copied: &Path,
        under_way: Option<http::Request<Body>>,
    ) -> mpsc::Sender<()> {
        let (store, router) = (self.store.clone(), self.router.clone());
        let (release_first, first) = Hang::until_released();
        let (release_last, last) = Hang::until_released();
        self.runtime.block_on(async move {
            let (first, is_busy) = first;
            let (last, at_the_end) = last;
            let writer = store.clone();
            tokio::spawn(async move { writer.write(first).await });
            is_busy.notified().await;
            // While the writer is busy both come into its queue, so that they share a transaction.
            let request = async move {
                if let Some(request) = under_way {
                    answer(router, request).await;
                }
                std::future::pending::<()>().await;
            };
            tokio::select! {
                biased;
                () = request => {}
                _ = store.write(last) => {}
                () = async { drop(release_first); at_the_end.notified().await; } => {}
            }
            // What a killed process leaves: the file and its log.
            copy(file, copied);
        });
        release_last
    }

    /// Ends the process's connections, as its end would; that of a request that is under way while it waits to commit.
    fn leave_database(&mut self, under_way: Option<http::Request<Body>>) {
        let Process { runtime, router, tables, .. } = self;
        runtime.block_on(async {
            tables.hold_commits().await;
            if let Some(request) = under_way {
                // What writes nothing is not held.
                tokio::select! {
                    _ = answer(router.clone(), request) => {}
                    () = tables.until_held() => {}
                }
            }
            tables.end_others().await;
            tables.release_commits().await;
        });
    }
}

async fn answer(router: Router, request: http::Request<Body>) -> Answer {
    let Ok(response) = router.oneshot(request).await;
    let (parts, body) = response.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes().to_vec()).unwrap_or_default();
    Answer { status: parts.status.as_u16(), headers: parts.headers, body }
}

/// Writes, tells that it has, and keeps the writer until it is released: what shares its transaction is not committed
/// before. What it has written itself is undone.
#[derive(Clone)]
struct Hang {
    reached: Arc<Notify>,
    released: Arc<Mutex<mpsc::Receiver<()>>>,
}

impl Hang {
    /// Such a use case with what tells that it was reached; and what releases it when it is dropped.
    fn until_released() -> (mpsc::Sender<()>, (Self, Arc<Notify>)) {
        let reached = Arc::new(Notify::new());
        let (release, released) = mpsc::channel();
        let released = Arc::new(Mutex::new(released));
        (release, (Hang { reached: reached.clone(), released }, reached))
    }
}

impl Work for Hang {
    type Output = ();
    type Error = Refusal;

    async fn run<T: Transaction>(self, tx: &mut T) -> Result<(), Refusal> {
        let app_id = AppId::parse(&"0".repeat(24)).expect("an id");
        let name = "never committed".to_owned();
        tx.insert_application(&Application { app_id, name, created_at: Timestamp(0), user_linking: true })
            .await?;
        self.reached.notify_one();
        // Nothing is sent: this is the end of the sender.
        let _ = self.released.lock().map(|released| released.recv());
        Err(Refusal::UserNotFound)
    }
}

const SUFFIXES: [&str; 2] = ["", "-wal"];

fn beside(file: &Path, suffix: &str) -> PathBuf {
    PathBuf::from(format!("{}{suffix}", file.display()))
}

fn copy(from: &Path, to: &Path) {
    for suffix in SUFFIXES {
        let source = beside(from, suffix);
        if source.exists() {
            std::fs::copy(source, beside(to, suffix)).expect("the database can be copied");
        }
    }
}

fn remove(file: &Path) {
    for suffix in SUFFIXES.into_iter().chain(["-shm"]) {
        // The dead process may have been faster.
        let _ = std::fs::remove_file(beside(file, suffix));
    }
}
