//! The platform, as one process: its real router on a real SQLite file, called without sockets. It can be stopped and
//! started again on the same file, and it can crash: then the next process finds the file as the crash left it.
//!
//! Many seeds share one file, one after the other, since opening one costs more than a seed does. Everything of the
//! platform belongs to an application, and goes with it when the next seed begins.

use crate::random::{Random, SeededRandomness};
use axum::{Router, body::Body, http};
use http_body_util::BodyExt;
use sentiance_platform::{
    clock::{Clock, Timestamp},
    domain::{Lifetimes, Refusal},
    http::{Platform, Settings, router},
    model::{AppId, Application, DetectionId, DetectionKey},
    store::{Store, Transaction, Work, detections::Block},
};
use sentiance_protocol::DetectionType;
use sqlx::{Connection, Executor, SqliteConnection, sqlite::SqliteConnectOptions};
use std::{
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

/// The platform, and the file that it works on.
pub(crate) struct Server {
    folder: TempDir,
    file: PathBuf,
    files: u32,
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
    /// Looks at the tables behind the platform's back.
    census: SqliteConnection,
}

impl Server {
    /// A platform on a new file, whose tables are changed as `sabotage` says.
    pub(crate) fn start(sabotage: &'static str) -> Self {
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        let folder = folder.expect("a folder for the database");
        let file = folder.path().join("platform-0.db");
        let clock = SimulatedClock(Arc::default());
        let random = SeededRandomness::new();
        let process = Process::start(&file, &clock, &random);
        let next_process = Random::stream(0, 0);
        let mut server = Server { folder, file, files: 1, clock, random, next_process, process };
        if !sabotage.is_empty() {
            let Process { runtime, census, .. } = &mut server.process;
            runtime.block_on(census.execute(sabotage)).expect("the tables can be changed");
        }
        server
    }

    /// A seed begins. What the one before has left goes: the same seed makes the same ids.
    pub(crate) fn begin(&mut self, seed: u64) {
        self.next_process = Random::stream(seed, u64::MAX);
        self.restart_randomness();
        let Process { runtime, census, .. } = &mut self.process;
        runtime.block_on(census.execute("delete from applications")).expect("the tables can be emptied");
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
        self.process = Process::start(&self.file, &self.clock, &self.random);
    }

    /// The process ends at once; the next one finds the file as it is at this moment. A request is under way, if one is
    /// given: its writes are done, and not committed.
    pub(crate) fn crash(&mut self, under_way: Option<http::Request<Body>>) {
        let Process { runtime, store, router, .. } = &self.process;
        let crashed = self.folder.path().join(format!("platform-{}.db", self.files));
        self.files += 1;
        let (file, store, router) = (self.file.clone(), store.clone(), router.clone());
        let reaped = crashed.clone();
        let (release_first, first) = Hang::until_released();
        let (release_last, last) = Hang::until_released();
        runtime.block_on(async move {
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
            copy(&file, &reaped);
        });
        let next = Process::start(&crashed, &self.clock, &self.random);
        let dead = std::mem::replace(&mut self.process, next);
        drop(release_last);
        dead.runtime.shutdown_background();
        remove(&self.file);
        self.file = crashed;
        self.restart_randomness();
    }

    /// The users and installs of an application, as the tables have them. What a deletion has still to remove in the
    /// background is not among them.
    pub(crate) fn census(&mut self, app_id: &str) -> Census {
        let Process { runtime, census, .. } = &mut self.process;
        // One statement for both: most of its price is that the database has a thread of its own.
        let query = "
            select false, user_id, external_id, iif(disabled_at is null, null, 'disabled'), null
                from users where app_id = $1 and deleted_at is null
            union all select true, install_id, user_id, status, end_reason
                from installs i where app_id = $1 and exists (select 1 from users u
                    where u.app_id = i.app_id and u.user_id = i.user_id and u.deleted_at is null)
            order by 1, 2";
        let rows = sqlx::query_as(query).bind(app_id).fetch_all(&mut *census);
        let rows: Vec<CensusRow> = runtime.block_on(rows).expect("users and installs");
        let mut census = Census { users: Vec::new(), installs: Vec::new() };
        for (is_install, id, of, status, end_reason) in rows {
            if is_install {
                census.installs.push((id, of.unwrap_or_default(), status.unwrap_or_default(), end_reason));
            } else {
                census.users.push((id, of, status.is_some()));
            }
        }
        census
    }

    /// The ids of the detections of an application.
    pub(crate) fn detections(&mut self, app_id: &str) -> Vec<String> {
        let Process { runtime, census, .. } = &mut self.process;
        let query = "
            select detection_id, kind, time, count, content from (
                select detection_id, 'trip' as kind, time, 1 as count, x'' as content, app_id from trips
                union all select first_id, kind, first_time, count, content, app_id from detection_blocks)
            where app_id = $1 order by kind, time, detection_id";
        let rows = sqlx::query_as(query).bind(app_id).fetch_all(&mut *census);
        let rows: Vec<(String, String, i64, u32, Vec<u8>)> = runtime.block_on(rows).expect("detections");
        let mut ids = Vec::new();
        for (first, kind, time, count, content) in rows {
            let kind = DetectionType::parse(&kind).expect("a kind");
            if kind == DetectionType::Trip {
                ids.push(first);
                continue;
            }
            let first = DetectionId::parse(&first).expect("an id");
            let first = DetectionKey { time: Timestamp(time), detection_id: first };
            let block = Block { last: first.clone(), first, count, content };
            let entries = block.entries(kind).expect("a block that can be read");
            ids.extend(entries.into_iter().map(|entry| entry.detection.detection_id.to_string()));
        }
        ids
    }

    /// The metadata of a user.
    pub(crate) fn metadata(&mut self, app_id: &str, user_id: &str) -> Vec<(String, String)> {
        let Process { runtime, census, .. } = &mut self.process;
        let query = "select cast(key as text), cast(value as text) from user_metadata
            where app_id = $1 and user_id = $2 and value is not null order by key";
        let rows = sqlx::query_as(query).bind(app_id).bind(user_id).fetch_all(&mut *census);
        runtime.block_on(rows).expect("metadata")
    }
}

/// Whether it is an install, its id, whose it is, its status, and why it ended. A user's status is null or `disabled`.
type CensusRow = (bool, String, Option<String>, Option<String>, Option<String>);

/// What the tables say.
#[derive(Debug)]
pub(crate) struct Census {
    /// Id, external id, and whether disabled.
    pub(crate) users: Vec<(String, Option<String>, bool)>,
    /// Id, user, status, and the reason of the end.
    pub(crate) installs: Vec<(String, String, String, Option<String>)>,
}

impl Process {
    fn start(file: &Path, clock: &SimulatedClock, random: &SeededRandomness) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let (store, census) = runtime.block_on(async {
            let store = Store::open(file).await.expect("the database opens");
            let options = SqliteConnectOptions::new().filename(file);
            (store, SqliteConnection::connect_with(&options).await.expect("the database opens"))
        });
        let lifetimes = Lifetimes { access_token: TOKEN_LIFE, ..Lifetimes::default() };
        let mut settings = Settings { lifetimes, ..Settings::default() };
        settings.sdk.status_poll_seconds = POLL_SECONDS;
        let platform = Platform::new(store.clone(), clock.clone(), random.clone(), settings);
        Process { runtime, store, router: router(Arc::new(platform)), census }
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
