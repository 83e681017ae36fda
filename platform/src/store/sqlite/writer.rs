//! The one writer, with group commit: it takes everything that waits, runs each use case in a savepoint of one
//! transaction, commits once, and only then tells the callers. Under load one disk flush thus serves many callers.

use super::{OpenedFiles, SqliteTransaction};
use crate::{
    metrics::StoreMetrics,
    store::{StoreError, Work},
};
use futures_util::{FutureExt, future::BoxFuture};
use sqlx::{Connection, Executor, SqliteConnection};
use std::panic::AssertUnwindSafe;
use tokio::{
    sync::{Mutex, mpsc, oneshot, watch},
    task::JoinHandle,
    time::Instant,
};

/// How many use cases may wait. More are refused: a caller that is told to come back is better off than one that
/// waits until its deadline.
const QUEUE_LENGTH: usize = 1024;
/// How many use cases share a commit, at most: bounds how long the first of them waits.
const BATCH_SIZE: usize = 128;

#[derive(Debug)]
pub(super) struct Writer {
    queue: mpsc::Sender<Message>,
    task: Mutex<Option<JoinHandle<()>>>,
    metrics: StoreMetrics,
}

enum Message {
    Run(Box<dyn Job>),
    Stop,
}

impl Writer {
    /// Tells `recorded` after each commit in which an event was recorded.
    pub(super) fn start(
        connection: SqliteConnection,
        files: OpenedFiles,
        recorded: watch::Sender<()>,
        metrics: StoreMetrics,
    ) -> Self {
        let (queue, messages) = mpsc::channel(QUEUE_LENGTH);
        let task = tokio::spawn(run(connection, files, messages, recorded, metrics.clone()));
        Writer { queue, task: Mutex::new(Some(task)), metrics }
    }

    pub(super) async fn submit<W: Work>(&self, work: W) -> Result<W::Output, W::Error> {
        let (reply, answer) = oneshot::channel();
        let task = Task { work: Some(work), result: None, recorded: false, reply };
        self.queue.try_send(Message::Run(Box::new(task))).map_err(|_| StoreError::Unavailable)?;
        // It may be taken out before it is counted: the writer sets the number anew for each group.
        self.metrics.queue_depth.set(length(self.queue.max_capacity() - self.queue.capacity()));
        answer.await.unwrap_or_else(|_| Err(StoreError::Unavailable.into()))
    }

    /// Finishes what waits; whatever comes later is refused.
    pub(super) async fn stop(&self) {
        // Both fail only where the writer has already stopped.
        let _ = self.queue.send(Message::Stop).await;
        if let Some(task) = self.task.lock().await.take() {
            let _ = task.await;
        }
    }
}

async fn run(
    mut connection: SqliteConnection,
    files: OpenedFiles,
    mut messages: mpsc::Receiver<Message>,
    recorded: watch::Sender<()>,
    metrics: StoreMetrics,
) {
    let mut waiting = Vec::with_capacity(BATCH_SIZE);
    while messages.recv_many(&mut waiting, BATCH_SIZE).await > 0 {
        metrics.queue_depth.set(length(messages.len()));
        let mut batch = Vec::with_capacity(waiting.len());
        for message in waiting.drain(..) {
            match message {
                // A caller that gave up in the queue gets nothing written: it will ask again.
                Message::Run(job) if job.is_abandoned() => {}
                Message::Run(job) => batch.push(job),
                Message::Stop => messages.close(),
            }
        }
        if batch.is_empty() {
            continue;
        }
        let began = Instant::now();
        let mut outcome = run_batch(&mut connection, &mut batch).await;
        metrics.commit_seconds.observe(began.elapsed().as_secs_f64());
        metrics.group_size.observe(batch.len() as f64);
        if outcome.is_ok() && !files.are_in_place() {
            // What was written went into a file that nobody will find again.
            outcome = Err(StoreError::Moved);
        }
        match &outcome {
            Ok(()) if batch.iter().any(|job| job.has_recorded()) => recorded.send_modify(|()| {}),
            Ok(()) => {}
            Err(error) => tracing::error!(%error, "a group of writes was rolled back"),
        }
        for job in batch {
            job.acknowledge(outcome.clone());
        }
    }
    if let Err(error) = connection.close().await {
        tracing::warn!(%error, "the database was not closed cleanly; nothing is lost");
    }
}

fn length(of_queue: usize) -> i64 {
    i64::try_from(of_queue).unwrap_or(i64::MAX)
}

async fn run_batch(connection: &mut SqliteConnection, batch: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
    let outcome = try_batch(connection, batch).await;
    if outcome.is_err() {
        // Whatever failed, be it the commit, no transaction may stay open: the next batch could not begin. Where
        // SQLite has rolled back by itself, there is nothing left to roll back, and that is fine.
        let _ = connection.execute("rollback").await;
    }
    outcome
}

async fn try_batch(connection: &mut SqliteConnection, batch: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
    // What comes between two use cases is handed to SQLite's thread at once: each hand-over costs as much as a statement.
    let mut before = "begin immediate; savepoint use_case";
    for job in batch {
        connection.execute(before).await?;
        if !job.run(connection).await {
            // Where the disk fails in the middle of a statement, SQLite may have undone the whole transaction, and the
            // savepoint with it: then the use cases before this one are undone, too.
            connection.execute("rollback to use_case").await.map_err(|_| StoreError::GivenUp)?;
        }
        before = "release use_case; savepoint use_case";
    }
    connection.execute("release use_case; commit").await?;
    Ok(())
}

/// A [`Work`] with its caller, its types hidden.
trait Job: Send {
    fn is_abandoned(&self) -> bool;
    /// Runs it; says whether its writes shall stay.
    fn run<'a>(&'a mut self, connection: &'a mut SqliteConnection) -> BoxFuture<'a, bool>;
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

    fn run<'a>(&'a mut self, connection: &'a mut SqliteConnection) -> BoxFuture<'a, bool> {
        Box::pin(async move {
            let Some(work) = self.work.take() else { return false };
            let mut transaction = SqliteTransaction::on(connection);
            // One use case that panics must not take the writer, and with it everybody's writes, along.
            let result = AssertUnwindSafe(work.run(&mut transaction))
                .catch_unwind()
                .await
                .unwrap_or_else(|_| Err(StoreError::Panicked.into()));
            let keep = result.is_ok();
            self.recorded = keep && transaction.recorded;
            self.result = Some(result);
            keep
        })
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
        store::{Store, StoreError, Transaction, Work},
    };
    use tempfile::TempDir;

    /// Adds an application, and then ends as told.
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
        // On one thread all of these wait in the queue before the writer sees the first: they share a commit.
        let (first, refused, panicked, last) = tokio::join!(
            store.write(Add("first", End::Well)),
            store.write(Add("refused", End::Refused)),
            store.write(Add("panicked", End::Panicking)),
            store.write(Add("last", End::Well)),
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
        let writes = (0..super::QUEUE_LENGTH + 10).map(|_| store.write(Add("one", End::Well)));
        let results = futures_util::future::join_all(writes).await;
        let refused =
            results.iter().filter(|result| matches!(result, Err(Refusal::Store(StoreError::Unavailable))));
        assert_eq!(refused.count(), 10);
        assert_eq!(names(&store).await.len(), super::QUEUE_LENGTH);
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
