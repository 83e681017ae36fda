//! The store on PostgreSQL: any number of platforms on one database, none of which holds a state of its own.
//!
//! SQLite has one writer. What that gave for free is here by locks of rows: a transaction that writes locks the rows by
//! which it decides ([`Sql::postgres_locking`]), and runs again where another one was first.

mod changes;
mod connections;
mod failure;
#[cfg(test)]
mod plans;
mod schema;
mod target;
mod tls;
mod transaction;
mod url;

use super::{
    Attendance, StoreError, Work,
    health::{LastReading, Writes},
    sql::{Ask, texts, values},
};
use crate::{
    metrics::StoreMetrics,
    random::{OsRandomness, bytes, fraction, hex},
};
use connections::Connections;
use failure::{Verdict, silence};
use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    spawn,
    sync::watch,
    time::{Instant, sleep, timeout},
};
use transaction::{Access, PostgresTransaction};

pub(super) use changes::PostgresChanges;
pub(super) use target::PostgresTarget;
#[cfg(test)]
pub(super) use target::{delete_in_postgres, read_in_postgres};

/// For how long a use case that meets others is run again.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long it rests before the second time, at most; twice as long before each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
/// How long one run may take: longer than the server lets a statement run, so that this is for connections on which
/// nothing comes any more.
const DEADLINE: Duration = Duration::from_secs(8);
/// How long the transactions of other platforms are waited for, and how often it is looked.
const OTHERS_DEADLINE: Duration = Duration::from_secs(20);
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// How long a platform that ends takes to say so.
const LEAVE_DEADLINE: Duration = Duration::from_secs(1);

/// A PostgreSQL database. Clones share its connections.
#[derive(Clone, Debug)]
pub struct PostgresStore {
    connections: Arc<Connections>,
    /// By which others know this platform.
    name: Arc<str>,
    attends: Arc<AtomicBool>,
    writes: Writes,
    reading: Arc<LastReading>,
    /// Told after each commit that recorded an event.
    recorded: watch::Sender<()>,
    metrics: StoreMetrics,
}

impl PostgresStore {
    /// Connects for a server, and brings the schema up to date.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let store = Self::connect(url)?;
        schema::migrate(&store.connections).await?;
        Ok(store)
    }

    /// Connects to a database whose schema is up to date already.
    pub async fn open_to_read(url: &str) -> Result<Self, StoreError> {
        let store = Self::connect(url)?;
        schema::look(&store.connections).await?;
        Ok(store)
    }

    fn connect(url: &str) -> Result<Self, StoreError> {
        let connections = Arc::new(Connections::to(url)?);
        Ok(PostgresStore {
            connections,
            name: hex(&bytes::<8>(&OsRandomness)).into(),
            attends: Arc::default(),
            writes: Writes::default(),
            reading: Arc::default(),
            recorded: watch::Sender::default(),
            metrics: StoreMetrics::default(),
        })
    }

    pub fn metrics(&self) -> &StoreMetrics {
        &self.metrics
    }

    /// Runs a use case that writes. Returns after its writes are durable.
    pub async fn write<W: Work>(&self, work: W) -> Result<W::Output, W::Error> {
        let store = self.clone();
        to_the_end(async move { store.write_now(work).await }).await
    }

    async fn write_now<W: Work>(&self, work: W) -> Result<W::Output, W::Error> {
        let (began, mut pause) = (Instant::now(), FIRST_PAUSE);
        loop {
            match self.run(work.clone(), Access::Write).await {
                Verdict::Again(_) if began.elapsed() + pause <= PATIENCE => {
                    self.metrics.repeated.inc();
                    sleep(pause.mul_f64(fraction(&OsRandomness))).await;
                    pause *= 2;
                }
                verdict => return verdict.result(),
            }
        }
    }

    /// Runs a use case that only reads. All its statements see one committed state.
    pub async fn read<W: Work>(&self, work: W) -> Result<W::Output, W::Error> {
        let store = self.clone();
        to_the_end(async move {
            // Connections that were not in use may have been cut long ago; the second one is new.
            match store.run(work.clone(), Access::Read).await {
                Verdict::Again(_) => store.run(work, Access::Read).await.result(),
                verdict => verdict.result(),
            }
        })
        .await
    }

    /// Runs a use case that reads, and of which no two statements must agree.
    pub async fn look_up<W: Work>(&self, work: W) -> Result<W::Output, W::Error> {
        let (result, was_cut) = self.look_up_once(work.clone()).await;
        if was_cut { self.look_up_once(work).await.0 } else { result }
    }

    /// Whether it must be tried on another connection, too.
    async fn look_up_once<W: Work>(&self, work: W) -> (Result<W::Output, W::Error>, bool) {
        let mut client = match self.connections.lend().await {
            Ok(client) => client,
            Err(error) => return (Err(error.into()), false),
        };
        let mut transaction = PostgresTransaction::begin(&client, Access::LookUp);
        let looked_up = timeout(DEADLINE, work.run(&mut transaction)).await;
        let was_cut = transaction.was_cut();
        drop(transaction);
        if was_cut {
            self.connections.drop_idle();
        }
        (client.in_time(looked_up), was_cut)
    }

    /// Runs a use case once.
    async fn run<W: Work>(&self, work: W, access: Access) -> Verdict<W::Output, W::Error> {
        let (writes, is_probe, began) = (access == Access::Write, work.is_probe(), Instant::now());
        let mut client = match self.connections.lend().await {
            Ok(client) => client,
            Err(error) => {
                // That all connections are in use tells nothing of the database.
                if writes && !matches!(error, StoreError::Unavailable) {
                    self.writes.end(&Err(error.clone()));
                }
                return Verdict::Refused(error.into());
            }
        };
        client.set_clean(false);
        let attempt = async {
            let mut transaction = PostgresTransaction::begin(&client, access);
            let result = work.run(&mut transaction).await;
            transaction.end(result).await
        };
        let Ok(ended) = timeout(DEADLINE, attempt).await else {
            if writes {
                self.writes.end(&Err(silence()));
            }
            return Verdict::Refused(silence().into());
        };
        client.set_clean(ended.is_over);
        if ended.was_cut {
            self.connections.drop_idle();
        }
        if writes {
            self.metrics.commit_seconds.observe(began.elapsed().as_secs_f64());
            match &ended.can_write {
                // It waited for a row that another one has had for long. Others may be free.
                Some(Err(StoreError::Unavailable)) if !is_probe => self.writes.doubt(),
                Some(outcome) => self.writes.end(outcome),
                None => {}
            }
        }
        if ended.recorded && matches!(ended.verdict, Verdict::Done(_)) {
            self.recorded.send_replace(());
        }
        ended.verdict
    }

    /// How long ago something was written, unless the last attempt failed.
    pub fn last_success(&self) -> Option<Duration> {
        self.writes.last_success()
    }

    /// Whether it can be read and written now. Writes nothing, and asks the database once a second at most.
    pub async fn health(&self) -> Result<(), StoreError> {
        self.writes.verdict()?;
        self.reading.or(self.connections.try_one()).await
    }

    /// How many use cases wait for a connection.
    pub fn waiting(&self) -> usize {
        self.connections.waiting()
    }

    /// Waits, from now on, for what this and other platforms record.
    pub async fn changes(&self) -> Result<PostgresChanges, StoreError> {
        PostgresChanges::on(self.connections.clone(), self.name.clone(), self.recorded.subscribe()).await
    }

    /// Returns when the transactions have ended that other platforms have begun. A transaction reads keys and secrets without
    /// locking them: such a lock is written to the row, and every request of an application would write to the same one.
    pub async fn until_others_ended(&self) -> Result<(), StoreError> {
        let client = self.connections.lend().await?;
        let mut tx = PostgresTransaction::begin(&client, Access::LookUp);
        let begun: Option<String> =
            tx.first_of(&texts::UNDER_WAY, values![], "pg_locks", |row| row.take("transactions")).await?;
        let begun = begun.unwrap_or_default();
        let ended = async {
            loop {
                let left: Option<i64> = tx
                    .first_of(&texts::IS_UNDER_WAY, values![*begun], "pg_locks", |row| row.take("count"))
                    .await?;
                if left.unwrap_or_default() == 0 {
                    return Ok(());
                }
                sleep(LOOK_INTERVAL).await;
            }
        };
        // None lasts longer: by then its platform has given up, and the server ends what it left.
        timeout(OTHERS_DEADLINE, ended).await.unwrap_or(Err(StoreError::Unavailable))
    }

    /// Tells others that this platform serves, and finds out about them.
    pub async fn attend(&self) -> Result<Attendance, StoreError> {
        self.attends.store(true, Ordering::Relaxed);
        let mut client = self.connections.lend().await?;
        let attendance = timeout(DEADLINE, async {
            let mut tx = PostgresTransaction::begin(&client, Access::LookUp);
            tx.first_of(&texts::ATTEND, values![*self.name], "replicas", |row| {
                let others: u32 = row.take("others")?;
                Ok(Attendance { replicas: others.saturating_add(1), is_first: row.take("is_first")? })
            })
            .await
        });
        let attendance: Result<_, StoreError> = client.in_time(attendance.await);
        attendance?.ok_or(StoreError::Unavailable)
    }

    /// Closes the connections that are not in use; the others follow.
    pub async fn close(&self) {
        if self.attends.load(Ordering::Relaxed) {
            let leave = async {
                let client = self.connections.lend().await?;
                let mut tx = PostgresTransaction::begin(&client, Access::LookUp);
                tx.change(&texts::LEAVE, values![*self.name]).await
            };
            // Otherwise it is missed after a while.
            let _ = timeout(LEAVE_DEADLINE, leave).await;
        }
        self.connections.close();
    }
}

/// Runs it to its end, also where the caller goes away: a connection that is left in the middle of a transaction would
/// have to be made anew.
async fn to_the_end<T: Send + 'static, E: From<StoreError> + Send + 'static>(
    run: impl Future<Output = Result<T, E>> + Send + 'static,
) -> Result<T, E> {
    spawn(run).await.unwrap_or_else(|_| Err(StoreError::Panicked.into()))
}
