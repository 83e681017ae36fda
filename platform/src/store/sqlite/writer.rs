//! The one writer, with group commit: it takes what waits, for some milliseconds, runs each use case in a savepoint of
//! one transaction, commits once, and only then tells the callers. Under load one disk flush thus serves many callers.
//!
//! It is a thread that owns its connection, and a use case runs on it from the first statement to the last.

use super::{
    BUSY_TIMEOUT, OpenedFiles, SqliteTransaction, Turnstile,
    queue::{Full, Queue},
    transaction::run_now,
};
use crate::{
    metrics::StoreMetrics,
    store::{StoreError, Work, health::Writes},
};
use rusqlite::Connection;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};
use tokio::{
    sync::{oneshot, watch},
    time::Instant,
};

/// How many use cases share a commit, at most.
const BATCH_SIZE: usize = 128;
/// How long a group works before its commit: bounds how long the first of it waits, and all that come after it. What is
/// under way then is finished; large use cases have bounds of their own.
const GROUP_TIME: Duration = Duration::from_millis(10);

#[derive(Debug)]
pub(super) struct Writer {
    inbox: Arc<Inbox>,
    /// Closed once the thread has ended.
    ended: watch::Receiver<()>,
    metrics: StoreMetrics,
}

/// What callers hand to the writer.
#[derive(Default)]
struct Inbox {
    waiting: Mutex<Waiting>,
    news: Condvar,
}

#[derive(Default)]
struct Waiting {
    queue: Queue<Box<dyn Job>>,
    /// Who wants the log emptied.
    emptying: Vec<oneshot::Sender<Result<bool, StoreError>>>,
    /// Nothing more is taken in.
    is_closed: bool,
}

impl std::fmt::Debug for Inbox {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Inbox").field("waiting", &self.lock().queue.len()).finish()
    }
}

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // No code that holds it can panic half way.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in nothing more.
    fn close(&self) {
        self.lock().is_closed = true;
        self.news.notify_one();
    }

    /// The next group: as many prompt ones as wait now, and the turns of shares between which time is looked at. It is
    /// empty where only the log is to be emptied. Nothing when it was closed and is empty.
    fn next_group(&self) -> Option<Group<'_>> {
        let idle = |waiting: &mut Waiting| {
            waiting.queue.len() == 0 && waiting.emptying.is_empty() && !waiting.is_closed
        };
        let waiting = self.news.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner);
        if waiting.queue.len() == 0 && waiting.emptying.is_empty() {
            return None;
        }
        let prompt = waiting.queue.prompt_len().min(BATCH_SIZE);
        Some(Group { inbox: self, prompt, shared: 0, count: 0, began: Instant::now() })
    }
}

/// Chooses the use cases of one group: prompt ones first, then shares in turn, until its time is over. Where both wait, at
/// least one of each gets its turn.
struct Group<'i> {
    inbox: &'i Inbox,
    /// How many prompt ones may still come: those that come later belong to the next group.
    prompt: usize,
    /// How many of the shares it has taken.
    shared: usize,
    count: usize,
    began: Instant,
}

impl Group<'_> {
    fn next(&mut self) -> Option<Box<dyn Job>> {
        let is_over = self.count >= BATCH_SIZE || self.began.elapsed() >= GROUP_TIME;
        let mut waiting = self.inbox.lock();
        loop {
            let next = if self.prompt > 0 && (!is_over || self.count == 0) {
                self.prompt -= 1;
                waiting.queue.pop_prompt()
            } else if !is_over || self.shared == 0 {
                self.shared += 1;
                waiting.queue.pop_shared()
            } else {
                None
            };
            match next {
                // A caller that gave up in the queue gets nothing written: it will ask again.
                Some(job) if job.is_abandoned() => {}
                Some(job) => {
                    self.count += 1;
                    return Some(job);
                }
                None => return None,
            }
        }
    }
}

impl Writer {
    /// Tells `recorded` after each commit in which an event was recorded.
    pub(super) fn start(
        connection: Connection,
        turnstile: Turnstile,
        files: OpenedFiles,
        writes: Writes,
        recorded: watch::Sender<()>,
        metrics: StoreMetrics,
    ) -> Result<Self, StoreError> {
        let inbox = Arc::new(Inbox::default());
        let database = Database { connection, turnstile, files, writes };
        let (alive, ended) = watch::channel(());
        let (inbox_of_thread, metrics_of_thread) = (inbox.clone(), metrics.clone());
        thread::Builder::new()
            .name("database writer".to_owned())
            .spawn(move || {
                run(database, &inbox_of_thread, &recorded, &metrics_of_thread);
                drop(alive);
            })
            .map_err(|error| StoreError::Disk(Arc::new(error)))?;
        Ok(Writer { inbox, ended, metrics })
    }

    pub(super) async fn submit<W: Work>(&self, work: W) -> Result<W::Output, W::Error> {
        let (reply, answer) = oneshot::channel();
        let turn = work.turn();
        let task = Task { work: Some(work), result: None, recorded: false, reply };
        {
            let mut waiting = self.inbox.lock();
            if waiting.is_closed {
                return Err(StoreError::Unavailable.into());
            }
            waiting.queue.push(turn, Box::new(task)).map_err(|full| match full {
                Full::All => StoreError::Unavailable,
                Full::Share => StoreError::Crowded,
            })?;
            self.metrics.queue_depth.set(length(waiting.queue.len()));
        }
        self.inbox.news.notify_one();
        answer.await.unwrap_or_else(|_| Err(StoreError::Unavailable.into()))
    }

    /// Writes the log into the database and cuts it off, so that nothing stays in it that was deleted; tells whether
    /// that was possible.
    pub(super) async fn empty_log(&self) -> Result<bool, StoreError> {
        let (reply, answer) = oneshot::channel();
        {
            let mut waiting = self.inbox.lock();
            if waiting.is_closed {
                return Err(StoreError::Unavailable);
            }
            waiting.emptying.push(reply);
        }
        self.inbox.news.notify_one();
        answer.await.unwrap_or(Err(StoreError::Unavailable))
    }

    /// How many use cases wait for their turn.
    pub(super) fn waiting(&self) -> usize {
        self.inbox.lock().queue.len()
    }

    /// Finishes what waits; whatever comes later is refused.
    pub(super) async fn stop(&self) {
        self.inbox.close();
        // Nothing is ever sent: this ends with the thread, also where that has panicked.
        let _ = self.ended.clone().changed().await;
    }
}

impl Drop for Writer {
    /// Without a writer no more can be submitted, and the thread ends when all is done.
    fn drop(&mut self) {
        self.inbox.close();
    }
}

/// What the writer has of the database.
struct Database {
    connection: Connection,
    turnstile: Turnstile,
    files: OpenedFiles,
    writes: Writes,
}

fn run(mut database: Database, inbox: &Inbox, recorded: &watch::Sender<()>, metrics: &StoreMetrics) {
    while let Some(mut group) = inbox.next_group() {
        let began = group.began;
        let mut batch = Vec::new();
        let mut outcome = run_group(&mut database, &mut group, &mut batch);
        // Between two groups nothing of this process but a reader is in the log's way.
        let emptying = std::mem::take(&mut inbox.lock().emptying);
        for reply in emptying {
            // Who has gone needs no answer.
            let _ = reply.send(empty_log(&database.connection));
        }
        metrics.queue_depth.set(length(inbox.lock().queue.len()));
        if batch.is_empty() {
            continue;
        }
        metrics.commit_seconds.observe(began.elapsed().as_secs_f64());
        metrics.group_size.observe(batch.len() as f64);
        if outcome.is_ok() && !database.files.are_in_place() {
            // What was written went into a file that nobody will find again.
            outcome = Err(StoreError::Moved);
        }
        match &outcome {
            Ok(()) if batch.iter().any(|job| job.has_recorded()) => recorded.send_modify(|()| {}),
            Ok(()) => {}
            Err(error) => tracing::error!(%error, "a group of writes was rolled back"),
        }
        database.writes.end(&outcome);
        for job in batch {
            job.acknowledge(outcome.clone());
        }
    }
    if let Err((_, error)) = database.connection.close() {
        tracing::warn!(%error, "the database was not closed cleanly; nothing is lost");
    }
}

/// Copies the whole log into the database and cuts it off, unless a reader is in the way; tells whether it did.
fn empty_log(connection: &Connection) -> Result<bool, StoreError> {
    // All writers would wait with it for the reader: it is tried again later instead.
    connection.busy_timeout(Duration::ZERO)?;
    let is_busy = connection.query_row("pragma wal_checkpoint(truncate)", (), |row| row.get::<_, bool>(0));
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(!is_busy?)
}

fn length(of_queue: usize) -> i64 {
    i64::try_from(of_queue).unwrap_or(i64::MAX)
}

/// Runs the group in one transaction; `batch` has all that were taken out of the queue, whatever comes of it.
fn run_group(
    database: &mut Database,
    group: &mut Group<'_>,
    batch: &mut Vec<Box<dyn Job>>,
) -> Result<(), StoreError> {
    let outcome = try_group(database, group, batch);
    if outcome.is_err() {
        // Whatever failed, be it the commit, no transaction may stay open: the next group could not begin. Where
        // SQLite has rolled back by itself, there is nothing left to roll back, and that is fine.
        let _ = execute(&database.connection, "rollback");
    }
    outcome
}

fn try_group(
    Database { connection, turnstile, writes, .. }: &mut Database,
    group: &mut Group<'_>,
    batch: &mut Vec<Box<dyn Job>>,
) -> Result<(), StoreError> {
    while let Some(job) = group.next() {
        let is_first = batch.is_empty();
        batch.push(job);
        if is_first {
            writes.begin();
            let turn = turnstile.pass();
            execute(connection, "begin immediate")?;
            // The database is this process's now: the next process may take its turn.
            drop(turn);
        }
        execute(connection, "savepoint use_case")?;
        if let Some(job) = batch.last_mut()
            && !job.run(connection)
        {
            // Where the disk fails in the middle of a statement, SQLite may have undone the whole transaction, and the
            // savepoint with it: then the use cases before this one are undone, too.
            execute(connection, "rollback to use_case").map_err(|_| StoreError::GivenUp)?;
        }
        execute(connection, "release use_case")?;
    }
    if !batch.is_empty() {
        execute(connection, "commit")?;
    }
    Ok(())
}

/// One of the statements that frame a use case; they are prepared once, like all others.
fn execute(connection: &Connection, statement: &'static str) -> Result<(), StoreError> {
    connection.prepare_cached(statement)?.execute(())?;
    Ok(())
}

/// A [`Work`] with its caller, its types hidden.
trait Job: Send {
    fn is_abandoned(&self) -> bool;
    /// Runs it; says whether its writes shall stay.
    fn run(&mut self, connection: &mut Connection) -> bool;
    /// Whether its writes stay, with an event among them.
    fn has_recorded(&self) -> bool;
    /// Tells the caller, after the commit or its failure.
    fn acknowledge(self: Box<Self>, outcome: Result<(), StoreError>);
}

struct Task<W: Work> {
    work: Option<W>,
    result: Option<Result<W::Output, W::Error>>,
    recorded: bool,
    reply: oneshot::Sender<Result<W::Output, W::Error>>,
}

impl<W: Work> Job for Task<W> {
    fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    fn run(&mut self, connection: &mut Connection) -> bool {
        let Some(work) = self.work.take() else { return false };
        let mut transaction = SqliteTransaction::on(connection);
        // One use case that panics must not take the writer, and with it everybody's writes, along.
        let result = catch_unwind(AssertUnwindSafe(|| run_now(work.run(&mut transaction))))
            .unwrap_or_else(|_| Err(StoreError::Panicked.into()));
        let keep = result.is_ok();
        self.recorded = keep && transaction.recorded;
        self.result = Some(result);
        keep
    }

    fn has_recorded(&self) -> bool {
        self.recorded
    }

    fn acknowledge(self: Box<Self>, outcome: Result<(), StoreError>) {
        let answer = match outcome {
            Ok(()) => self.result.unwrap_or_else(|| Err(StoreError::Unavailable.into())),
            Err(error) => Err(error.into()),
        };
        // A caller that has gone needs no answer.
        let _ = self.reply.send(answer);
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        clock::Timestamp,
        domain::{ListApplications, Refusal},
        model::{AppId, Application},
        random::OsRandomness,
        store::{Store, StoreError, Transaction, Turn, Work, sqlite::queue::LENGTH},
    };
    use std::sync::{Arc, Mutex, mpsc};
    use tempfile::TempDir;
    use tokio::task::spawn_blocking;

    /// Keeps the writer busy until it is released, so that what comes meanwhile waits in the queue.
    #[derive(Clone)]
    struct Hold {
        started: mpsc::Sender<()>,
        released: Arc<Mutex<mpsc::Receiver<()>>>,
    }

    impl Work for Hold {
        type Output = ();
        type Error = StoreError;

        async fn run<T: Transaction>(self, _: &mut T) -> Result<(), StoreError> {
            let _ = self.started.send(());
            // Also where the test has ended.
            let _ = self.released.lock().unwrap().recv();
            Ok(())
        }
    }

    /// A writer that is busy until what this gives is dropped.
    async fn hold(store: &Store) -> mpsc::Sender<()> {
        let (started, has_started) = mpsc::channel();
        let (release, released) = mpsc::channel();
        let (store, released) = (store.clone(), Arc::new(Mutex::new(released)));
        tokio::spawn(async move { store.write(Hold { started, released }).await });
        spawn_blocking(move || has_started.recv()).await.unwrap().unwrap();
        release
    }

    /// Adds an application, and then ends as told.
    #[derive(Clone)]
    struct Add(&'static str, End);

    #[derive(Clone, Copy)]
    enum End {
        Well,
        Refused,
        Panicking,
    }

    impl Work for Add {
        type Output = ();
        type Error = Refusal;

        async fn run<T: Transaction>(self, tx: &mut T) -> Result<(), Refusal> {
            let app_id = AppId::generate(&OsRandomness);
            let name = self.0.to_owned();
            let application = Application { app_id, name, created_at: Timestamp(0), user_linking: true };
            tx.insert_application(&application).await?;
            match self.1 {
                End::Well => Ok(()),
                End::Refused => Err(Refusal::UserNotFound),
                End::Panicking => panic!("on purpose"),
            }
        }
    }

    async fn new_store() -> (TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("platform.db")).await.unwrap();
        (folder, store)
    }

    async fn names(store: &Store) -> Vec<String> {
        let listed = store.read(ListApplications).await.unwrap();
        let mut names: Vec<_> = listed.into_iter().map(|(app, _)| app.name).collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn of_a_group_only_the_writes_of_those_that_succeed_stay() {
        let (_folder, store) = new_store().await;
        let busy = hold(&store).await;
        // All of these wait in the queue before the writer sees the first: they share a commit.
        let (first, refused, panicked, last, ()) = tokio::join!(
            store.write(Add("first", End::Well)),
            store.write(Add("refused", End::Refused)),
            store.write(Add("panicked", End::Panicking)),
            store.write(Add("last", End::Well)),
            async { drop(busy) },
        );
        assert!(first.is_ok() && last.is_ok());
        assert!(matches!(refused, Err(Refusal::UserNotFound)));
        assert!(matches!(panicked, Err(Refusal::Store(StoreError::Panicked))));
        assert_eq!(names(&store).await, ["first", "last"]);
    }

    #[tokio::test]
    async fn a_write_is_there_for_readers_as_soon_as_it_is_acknowledged() {
        let (_folder, store) = new_store().await;
        for _ in 0..20 {
            store.write(Add("one", End::Well)).await.unwrap();
        }
        assert_eq!(names(&store).await.len(), 20);
    }

    #[tokio::test]
    async fn more_than_the_queue_holds_are_refused_at_once() {
        let (_folder, store) = new_store().await;
        let writes = (0..LENGTH + 10).map(|_| store.write(Add("one", End::Well)));
        let busy = hold(&store).await;
        let writes = futures_util::future::join_all(writes);
        let (results, ()) = tokio::join!(writes, async { drop(busy) });
        let refused =
            results.iter().filter(|result| matches!(result, Err(Refusal::Store(StoreError::Unavailable))));
        assert_eq!(refused.count(), 10);
        assert_eq!(names(&store).await.len(), LENGTH);
    }

    /// Takes as long as it is told, as what a caller makes large does.
    #[derive(Clone)]
    struct Slow(u64);

    impl Work for Slow {
        type Output = ();
        type Error = StoreError;

        fn turn(&self) -> Turn {
            Turn::Shared { share: self.0, cost: 1 }
        }

        async fn run<T: Transaction>(self, _: &mut T) -> Result<(), StoreError> {
            std::thread::sleep(std::time::Duration::from_millis(20));
            Ok(())
        }
    }

    #[tokio::test]
    async fn what_is_prompt_waits_for_one_large_write_and_not_for_all() {
        let (_folder, store) = new_store().await;
        let done = std::cell::Cell::new(0);
        let slow = async |share| {
            store.write(Slow(share)).await.unwrap();
            done.set(done.get() + 1);
        };
        let large = futures_util::future::join_all((0..100).map(|number| slow(number % 20)));
        let prompt = async {
            // When the first large ones are under way.
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            let before = done.get();
            store.write(Add("prompt", End::Well)).await.unwrap();
            done.get() - before
        };
        let (_, passed) = tokio::join!(large, prompt);
        // The one that was under way, and one in the group of the prompt one.
        assert!(passed <= 4, "{passed} large writes were finished before the prompt one");
        assert_eq!(done.get(), 100, "and no large one is forgotten");
    }

    #[tokio::test]
    async fn one_caller_takes_few_places_and_is_told_to_come_back() {
        let (_folder, store) = new_store().await;
        let greedy = futures_util::future::join_all((0..50).map(|_| store.write(Slow(1))));
        let busy = hold(&store).await;
        let (greedy, other, ()) = tokio::join!(greedy, store.write(Slow(2)), async { drop(busy) });
        let refused = greedy.iter().filter(|result| matches!(result, Err(StoreError::Crowded))).count();
        assert_eq!(refused, 42);
        assert!(other.is_ok());
    }

    #[tokio::test]
    async fn what_waits_is_finished_before_the_end_and_what_comes_later_is_refused() {
        let (folder, store) = new_store().await;
        let (waiting, ()) = tokio::join!(store.write(Add("waiting", End::Well)), store.close());
        waiting.unwrap();
        let late = store.write(Add("late", End::Well)).await;
        assert!(matches!(late, Err(Refusal::Store(StoreError::Unavailable))));
        let reopened = Store::open(&folder.path().join("platform.db")).await.unwrap();
        assert_eq!(names(&reopened).await, ["waiting"]);
    }
}
