//! What an engine can do, and the usual ways to ask it for something.

use super::{
    Sql, Value,
    rows::{Columns, FromRow},
    values::values,
};
use crate::{clock::Timestamp, store::StoreError};
use std::{fmt, future::Future, ops::ControlFlow};

type Stored<T> = Result<T, StoreError>;

/// What the log calls the statements of use cases.
pub(in crate::store) const STATEMENTS: &str = "sentiance_platform::statements";

/// A statement on one line of the log. Its values, which may be personal data, are never there.
pub(in crate::store) struct OneLine(pub(in crate::store) &'static str);

impl fmt::Display for OneLine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = self.0.split_whitespace();
        words.try_for_each(|word| write!(formatter, "{word} "))
    }
}

/// The values in a row.
pub(in crate::store) trait Cells {
    /// The value at a place, counted from 0; none where the engine has one that is of no kind known here.
    fn cell(&self, place: usize) -> Option<Value<'_>>;
    /// The name of that column.
    fn name(&self, place: usize) -> &str;
}

/// A connection to a database, in a transaction.
pub(in crate::store) trait Engine: Send {
    /// Whether there may be rows of a version that stored one row for each detection.
    const HAS_OLD_ROWS: bool;
    /// A statement that was started.
    type Started: Send;

    /// Starts a statement that gives no rows: an engine may wait for it later. What goes wrong with it, the next
    /// statement tells, or the commit.
    fn start(
        &mut self,
        statement: &'static Sql,
        values: &[Value<'_>],
    ) -> impl Future<Output = Stored<Self::Started>> + Send;

    /// How many rows a started statement changed.
    fn changed(&mut self, started: Self::Started) -> impl Future<Output = Stored<u64>> + Send;

    /// Hands each row to `take` until it has enough.
    fn read<T: Send>(
        &mut self,
        statement: &'static Sql,
        values: &[Value<'_>],
        take: impl FnMut(&dyn Cells) -> Stored<ControlFlow<T>> + Send,
    ) -> impl Future<Output = Stored<Option<T>>> + Send;

    /// An event was recorded: those who wait for changes are told after the commit.
    fn note_recorded(&mut self);
}

/// The usual ways to ask.
pub(in crate::store) trait Ask: Engine {
    /// Hands each row to `take` until it says that it needs no more.
    fn each(
        &mut self,
        statement: &'static Sql,
        values: &[Value<'_>],
        table: &'static str,
        mut take: impl FnMut(&mut Columns<'_>) -> Stored<bool> + Send,
    ) -> impl Future<Output = Stored<()>> + Send {
        async move {
            let take = move |row: &dyn Cells| {
                let goes_on = take(&mut Columns::of(table, row))?;
                Ok(if goes_on { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
            };
            self.read(statement, values, take).await?;
            Ok(())
        }
    }

    /// Runs a statement that gives no rows; tells how many it changed.
    fn change(
        &mut self,
        statement: &'static Sql,
        values: &[Value<'_>],
    ) -> impl Future<Output = Stored<u64>> + Send {
        async move {
            let started = self.start(statement, values).await?;
            self.changed(started).await
        }
    }

    /// Starts a statement of which it does not matter how many rows it changes.
    fn post(
        &mut self,
        statement: &'static Sql,
        values: &[Value<'_>],
    ) -> impl Future<Output = Stored<()>> + Send {
        async move { self.start(statement, values).await.map(drop) }
    }

    /// The record in the first row, if there is one.
    fn first<T: FromRow + Send>(
        &mut self,
        statement: &'static Sql,
        values: &[Value<'_>],
    ) -> impl Future<Output = Stored<Option<T>>> + Send {
        self.first_of(statement, values, T::TABLE, T::read)
    }

    /// What `read` finds in the first row, if there is one.
    fn first_of<T: Send>(
        &mut self,
        statement: &'static Sql,
        values: &[Value<'_>],
        table: &'static str,
        read: impl Fn(&mut Columns<'_>) -> Stored<T> + Send,
    ) -> impl Future<Output = Stored<Option<T>>> + Send {
        self.read(statement, values, move |row| Ok(ControlFlow::Break(read(&mut Columns::of(table, row))?)))
    }

    /// The records in all rows.
    fn list<T: FromRow + Send>(
        &mut self,
        statement: &'static Sql,
        values: &[Value<'_>],
    ) -> impl Future<Output = Stored<Vec<T>>> + Send {
        async move {
            let mut listed = Vec::new();
            let take = |row: &mut Columns<'_>| {
                listed.push(T::read(row)?);
                Ok(true)
            };
            self.each(statement, values, T::TABLE, take).await?;
            Ok(listed)
        }
    }

    /// Whether there is a row.
    fn exists(
        &mut self,
        statement: &'static Sql,
        values: &[Value<'_>],
    ) -> impl Future<Output = Stored<bool>> + Send {
        async move {
            let found = self.read(statement, values, |_| Ok(ControlFlow::Break(()))).await?;
            Ok(found.is_some())
        }
    }

    /// Deletes what is older than that time, at most so many rows; tells how many.
    fn delete_before(
        &mut self,
        statement: &'static Sql,
        time: Timestamp,
        limit: u32,
    ) -> impl Future<Output = Stored<u64>> + Send {
        async move { self.change(statement, values![time, limit]).await }
    }
}

impl<E: Engine> Ask for E {}
