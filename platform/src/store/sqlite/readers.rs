//! The readers: a few connections, of which one is lent to each use case that reads.

use super::{
    SqliteTransaction, UnusableDatabase,
    connect::{Mode, connect},
    files,
    schema::{self, Schema},
    transaction::run_now,
};
use crate::store::{StoreError, Work};
use rusqlite::Connection;
use std::{
    ops::{Deref, DerefMut},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::spawn_blocking,
    time::timeout,
};

/// How long a use case waits for a connection.
const DEADLINE: Duration = Duration::from_secs(5);

/// A database that is only read: no lock of it keeps a writer waiting, and its schema stays as it is.
///
/// A use case runs on the thread that asks, since most read a few rows that are in memory, which costs less than handing
/// them to another thread. One that [reads much](Work::reads_much) runs on a thread for such work.
#[derive(Clone, Debug)]
pub struct SqliteReader(Arc<Pool>);

#[derive(Debug)]
struct Pool {
    /// Those that are not in use. `None` after the pool was closed.
    idle: Mutex<Option<Vec<Connection>>>,
    free: Arc<Semaphore>,
}

impl Pool {
    fn idle(&self) -> MutexGuard<'_, Option<Vec<Connection>>> {
        // Nothing in here can panic half-way.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SqliteReader {
    /// Opens a file that is there and up to date.
    pub async fn open(file: &Path) -> Result<Self, StoreError> {
        files::refuse_unspeakable(file)?;
        match schema::look(file)? {
            Schema::Current => Self::connect(file, 1),
            Schema::Old => Err(UnusableDatabase::Old.into()),
        }
    }

    pub(super) fn connect(file: &Path, connections: usize) -> Result<Self, StoreError> {
        // Opened now and kept: later there may be no file descriptor left.
        let open = (0..connections).map(|_| {
            let connection = connect(file, Mode::Read, super::BUSY_TIMEOUT)?;
            // The file itself is opened by the first reading.
            connection.query_row("pragma schema_version", (), |_| Ok(()))?;
            Ok(connection)
        });
        let idle = Mutex::new(Some(open.collect::<rusqlite::Result<_>>()?));
        Ok(SqliteReader(Arc::new(Pool { idle, free: Arc::new(Semaphore::new(connections)) })))
    }

    /// Runs a use case that only reads. All its statements see one committed state, the newest as of the first of them.
    pub async fn read<W: Work>(&self, work: W) -> Result<W::Output, W::Error> {
        let mut connection = self.lend().await?;
        let reads_much = work.reads_much();
        let read = move || {
            connection.execute_batch("begin").map_err(StoreError::from)?;
            let result = run_now(work.run(&mut SqliteTransaction::on(&mut connection)));
            // It wrote nothing: this only lets go of the state that it saw.
            connection.execute_batch("rollback").map_err(StoreError::from)?;
            result
        };
        if !reads_much {
            return read();
        }
        spawn_blocking(read).await.unwrap_or_else(|_| Err(StoreError::Panicked.into()))
    }

    /// Runs a use case that reads, and of which no two statements must agree: each sees the newest committed state.
    pub(super) async fn look_up<W: Work>(&self, work: W) -> Result<W::Output, W::Error> {
        let mut connection = self.lend().await?;
        run_now(work.run(&mut SqliteTransaction::on(&mut connection)))
    }

    /// A connection, once there is one.
    pub(super) async fn lend(&self) -> Result<Lent, StoreError> {
        let SqliteReader(pool) = self;
        let permit = match pool.free.clone().try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => match timeout(DEADLINE, pool.free.clone().acquire_owned()).await {
                Ok(Ok(permit)) => permit,
                _ => return Err(StoreError::Unavailable),
            },
        };
        let connection = pool.idle().as_mut().and_then(Vec::pop);
        let connection = connection.ok_or(StoreError::Unavailable)?;
        Ok(Lent { connection: Some(connection), pool: pool.clone(), _permit: permit })
    }

    /// Closes the file; a use case that reads still does so at its end.
    pub async fn close(&self) {
        self.0.free.close();
        drop(self.0.idle().take());
    }
}

/// A connection that goes back to the others when it is dropped.
pub(super) struct Lent {
    connection: Option<Connection>,
    pool: Arc<Pool>,
    _permit: OwnedSemaphorePermit,
}

impl Deref for Lent {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        let Some(connection) = &self.connection else { unreachable!("it is there until the drop") };
        connection
    }
}

impl DerefMut for Lent {
    fn deref_mut(&mut self) -> &mut Connection {
        let Some(connection) = &mut self.connection else { unreachable!("it is there until the drop") };
        connection
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        // A use case that panicked has left its transaction open. Without one there is nothing to roll back.
        let is_usable = connection.is_autocommit() || connection.execute_batch("rollback").is_ok();
        if let Some(idle) = &mut *self.pool.idle()
            && is_usable
        {
            idle.push(connection);
        }
    }
}
