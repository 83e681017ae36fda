//! A connection as the use cases see it, and how their statements run: prepared once, and on the thread that asks.

use super::rows::{Columns, FromRow};
use crate::{clock::Timestamp, store::StoreError};
use rusqlite::{CachedStatement, Connection, Params};
use std::{
    fmt,
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
};

/// What the log calls the statements of use cases.
const STATEMENTS: &str = "sentiance_platform::statements";

/// A connection, as the use cases see it.
pub(super) struct SqliteTransaction<'c> {
    // Exclusive, though statements need it shared only: a connection can be sent to another thread, but not shared.
    connection: &'c mut Connection,
    /// Whether an event was recorded.
    pub(super) recorded: bool,
}

impl<'c> SqliteTransaction<'c> {
    pub(super) fn on(connection: &'c mut Connection) -> Self {
        SqliteTransaction { connection, recorded: false }
    }
}

/// A statement on one line of the log. Its values, which may be personal data, are never there.
struct OneLine(&'static str);

impl fmt::Display for OneLine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = self.0.split_whitespace();
        words.try_for_each(|word| write!(formatter, "{word} "))
    }
}

impl SqliteTransaction<'_> {
    fn prepare(&mut self, statement: &'static str) -> Result<CachedStatement<'_>, StoreError> {
        tracing::debug!(target: STATEMENTS, "{}", OneLine(statement));
        Ok(self.connection.prepare_cached(statement)?)
    }

    /// Runs a statement that gives no rows; tells how many it changed.
    pub(super) fn change(&mut self, statement: &'static str, values: impl Params) -> Result<u64, StoreError> {
        let changed = self.prepare(statement)?.execute(values)?;
        Ok(changed as u64)
    }

    /// Hands each row to `take` until it says that it needs no more.
    pub(super) fn each<E: From<StoreError>>(
        &mut self,
        statement: &'static str,
        values: impl Params,
        table: &'static str,
        mut take: impl FnMut(&mut Columns<'_>) -> Result<bool, E>,
    ) -> Result<(), E> {
        let mut prepared = self.prepare(statement)?;
        let mut rows = prepared.query(values).map_err(StoreError::from)?;
        while let Some(row) = rows.next().map_err(StoreError::from)? {
            if !take(&mut Columns::of(table, row))? {
                break;
            }
        }
        Ok(())
    }

    /// The record in the first row, if there is one.
    pub(super) fn first<T: FromRow>(
        &mut self,
        statement: &'static str,
        values: impl Params,
    ) -> Result<Option<T>, StoreError> {
        self.first_of(statement, values, T::TABLE, T::read)
    }

    /// What `read` finds in the first row, if there is one.
    pub(super) fn first_of<T>(
        &mut self,
        statement: &'static str,
        values: impl Params,
        table: &'static str,
        read: impl FnOnce(&mut Columns<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let mut prepared = self.prepare(statement)?;
        let mut rows = prepared.query(values)?;
        rows.next()?.map(|row| read(&mut Columns::of(table, row))).transpose()
    }

    /// The records in all rows.
    pub(super) fn list<T: FromRow>(
        &mut self,
        statement: &'static str,
        values: impl Params,
    ) -> Result<Vec<T>, StoreError> {
        let mut listed = Vec::new();
        self.each(statement, values, T::TABLE, |row| -> Result<_, StoreError> {
            listed.push(T::read(row)?);
            Ok(true)
        })?;
        Ok(listed)
    }

    /// Whether there is a row.
    pub(super) fn exists(
        &mut self,
        statement: &'static str,
        values: impl Params,
    ) -> Result<bool, StoreError> {
        Ok(self.prepare(statement)?.exists(values)?)
    }

    /// Deletes what is older than that time, at most so many rows; tells how many.
    pub(super) fn delete_before(
        &mut self,
        statement: &'static str,
        time: Timestamp,
        limit: u32,
    ) -> Result<u64, StoreError> {
        self.change(statement, (time, limit))
    }
}

/// The output of a use case, whose futures are all ready at once: a statement has run when it returns.
pub(super) fn run_now<F: Future>(use_case: F) -> F::Output {
    match pin!(use_case).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("a use case awaits something other than the database"),
    }
}
