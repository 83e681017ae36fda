//! The one writer, with group commit: it takes everything that waits, runs each use case in a savepoint of one
//! transaction, commits once, and only then tells the callers. Under load one disk flush thus serves many callers.

use super::SqliteTransaction;
use crate::store::{StoreError, Work};
use futures_util::{FutureExt, future::BoxFuture};
use sqlx::{Connection, Executor, SqliteConnection};
use std::panic::AssertUnwindSafe;
use tokio::{
    sync::{Mutex, mpsc, oneshot},
    task::JoinHandle,
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
}

enum Message {
    Run(Box<dyn Job>),
    Stop,
}

impl Writer {
    pub(super) fn start(connection: SqliteConnection) -> Self {
        let (queue, messages) = mpsc::channel(QUEUE_LENGTH);
        Writer { queue, task: Mutex::new(Some(tokio::spawn(run(connection, messages)))) }
    }

    pub(super) async fn submit<W: Work>(&self, work: W) -> Result<W::Output, W::Error> {
        let (reply, answer) = oneshot::channel();
        let task = Task { work: Some(work), result: None, reply };
        self.queue.try_send(Message::Run(Box::new(task))).map_err(|_| StoreError::Unavailable)?;
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

async fn run(mut connection: SqliteConnection, mut messages: mpsc::Receiver<Message>) {
    let mut waiting = Vec::with_capacity(BATCH_SIZE);
    while messages.recv_many(&mut waiting, BATCH_SIZE).await > 0 {
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
        let outcome = run_batch(&mut connection, &mut batch).await.map_err(StoreError::from);
        if let Err(error) = &outcome {
            tracing::error!(%error, "a group of writes was rolled back");
        }
        for job in batch {
            job.acknowledge(outcome.clone());
        }
    }
    if let Err(error) = connection.close().await {
        tracing::warn!(%error, "the database was not closed cleanly; nothing is lost");
    }
}

async fn run_batch(connection: &mut SqliteConnection, batch: &mut [Box<dyn Job>]) -> Result<(), sqlx::Error> {
    connection.execute("begin immediate").await?;
    let outcome = run_each(connection, batch).await;
    let end = if outcome.is_ok() { "commit" } else { "rollback" };
    let ended = connection.execute(end).await;
    if ended.is_err() && outcome.is_ok() {
        // A failed commit leaves the transaction open, and the next batch could not begin. Where SQLite has rolled
        // back by itself, there is nothing left to roll back, and that is fine.
        let _ = connection.execute("rollback").await;
    }
    outcome.and(ended.map(|_| ()))
}

async fn run_each(connection: &mut SqliteConnection, batch: &mut [Box<dyn Job>]) -> Result<(), sqlx::Error> {
    for job in batch {
        connection.execute("savepoint use_case").await?;
        if !job.run(connection).await {
            connection.execute("rollback to use_case").await?;
        }
        connection.execute("release use_case").await?;
    }
    Ok(())
}

/// A [`Work`] with its caller, its types hidden.
trait Job: Send {
    fn is_abandoned(&self) -> bool;
    /// Runs it; says whether its writes shall stay.
    fn run<'a>(&'a mut self, connection: &'a mut SqliteConnection) -> BoxFuture<'a, bool>;
    /// Tells the caller, after the commit or its failure.
    fn acknowledge(self: Box<Self>, outcome: Result<(), StoreError>);
}

struct Task<W: Work> {
    work: Option<W>,
    result: Option<Result<W::Output, W::Error>>,
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
            self.result = Some(result);
            keep
        })
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
