//! A connection as the use cases see it, and how their statements run: prepared once, and on the thread that asks.

use crate::store::{
    StoreError,
    sql::{Cells, Engine, OneLine, STATEMENTS, Sql, Value},
};
use rusqlite::{
    CachedStatement, Connection, Row, ToSql, params_from_iter,
    types::{ToSqlOutput, ValueRef},
};
use std::{
    future::Future,
    ops::ControlFlow,
    pin::pin,
    task::{Context, Poll, Waker},
};

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

impl SqliteTransaction<'_> {
    fn prepare(&mut self, statement: &'static Sql) -> Result<CachedStatement<'_>, StoreError> {
        tracing::debug!(target: STATEMENTS, "{}", OneLine(statement.sqlite));
        Ok(self.connection.prepare_cached(statement.sqlite)?)
    }
}

impl Engine for SqliteTransaction<'_> {
    const HAS_OLD_ROWS: bool = true;
    /// It has run, and changed so many rows.
    type Started = u64;

    async fn start(&mut self, statement: &'static Sql, values: &[Value<'_>]) -> Result<u64, StoreError> {
        let changed = self.prepare(statement)?.execute(params_from_iter(values))?;
        Ok(changed as u64)
    }

    async fn changed(&mut self, started: u64) -> Result<u64, StoreError> {
        Ok(started)
    }

    async fn read<T: Send>(
        &mut self,
        statement: &'static Sql,
        values: &[Value<'_>],
        mut take: impl FnMut(&dyn Cells) -> Result<ControlFlow<T>, StoreError> + Send,
    ) -> Result<Option<T>, StoreError> {
        let mut prepared = self.prepare(statement)?;
        let mut rows = prepared.query(params_from_iter(values))?;
        while let Some(row) = rows.next()? {
            if let ControlFlow::Break(found) = take(row)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn note_recorded(&mut self) {
        self.recorded = true;
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match *self {
            Value::Null => ValueRef::Null,
            Value::Integer(number) => ValueRef::Integer(number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

impl Cells for Row<'_> {
    fn cell(&self, place: usize) -> Option<Value<'_>> {
        Some(match self.get_ref(place).ok()? {
            ValueRef::Null => Value::Null,
            ValueRef::Integer(number) => Value::Integer(number),
            ValueRef::Text(text) => Value::Text(str::from_utf8(text).ok()?),
            ValueRef::Blob(bytes) => Value::Bytes(bytes),
            ValueRef::Real(_) => return None,
        })
    }

    fn name(&self, place: usize) -> &str {
        self.as_ref().column_name(place).unwrap_or_default()
    }
}

/// The output of a use case, whose futures are all ready at once: a statement has run when it returns.
pub(super) fn run_now<F: Future>(use_case: F) -> F::Output {
    match pin!(use_case).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("a use case awaits something other than the database"),
    }
}
