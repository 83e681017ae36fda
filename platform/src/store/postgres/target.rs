//! A database into which another one is imported: rows are compared piece by piece, and written where they differ.
//!
//! References between tables, and indexes that only look-ups need, are set aside meanwhile and made again afterwards. A row
//! is then replaced without a word from those that refer to it, in any order of the tables, also where a server still
//! writes the source; and it is written several times as fast. Until the end is recorded no platform works on such a
//! database (see [`super::schema`]).

use super::{
    connections::{Connections, Lent},
    failure::store_error,
    schema,
};
use crate::{
    clock::Timestamp,
    store::{
        StoreError,
        import::{
            Changed, ImportError,
            row::{Chunk, HEADER, Key, Sum, TRAILER, fields, key_of, value_of},
            table::{CLOCK_WATCH, Column, Kind, Layout, TABLES, Table},
        },
        sql::{Sql, Value, texts},
    },
};
use futures_util::{SinkExt, Stream, TryStreamExt};
use std::{collections::HashMap, future::ready, io::Cursor, ops::Deref, pin::pin, time::Duration};
use tokio::time::{Instant, sleep};
use tokio_postgres::{
    Row,
    error::SqlState,
    types::{FromSqlOwned, ToSql, Type},
};

/// What is set on the connection, apart from what every one has.
const SETTINGS: &str = "
    set application_name = 'sentiance-platform-import';
    set statement_timeout = 0;
    set lock_timeout = 0;
    set idle_in_transaction_session_timeout = 0;
    -- What was begun for an import that was killed ends soon, also in the middle of a long statement: the next one waits.
    set client_connection_check_interval = 500;
    -- A crash of the database undoes the last rows, which are then written again. The end is recorded when it is durable.
    set synchronous_commit = off;
    set maintenance_work_mem = '256MB';
    -- All that is read is read in the order of an index. One that begins with the application only would do for the
    -- planner, and each piece of a table would cost as much as all of it.
    set enable_sort = off;
    set enable_incremental_sort = off;
    set enable_bitmapscan = off;";
/// References are checked by whole tables.
const FOR_WHOLE_TABLES: &str = "
    set enable_seqscan = on;
    set enable_hashjoin = on;
    set enable_mergejoin = on;
    set max_parallel_workers_per_gather = 2;
    set enable_sort = on;
    set synchronous_commit = on;";
/// How long others may go on that have ended already, as the server sees it: an import that was killed, and a platform.
const PATIENCE: Duration = Duration::from_secs(3);
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// How many rows are read at once, at most, where they are not those of a chunk.
const MOST_READ: usize = 10_000;
/// How often a long reading tells how far it is.
const TELL_ROWS: u64 = 10_000;

/// The database.
pub(in crate::store) struct PostgresTarget {
    client: Lent,
}

/// Rows of a chunk with their places in it.
type RowsByKey<'c> = HashMap<&'c [u8], (usize, &'c [u8])>;

impl PostgresTarget {
    /// Connects, brings the schema up to date, and keeps other imports away for as long as it lasts.
    pub(in crate::store) async fn connect(url: &str) -> Result<Self, ImportError> {
        let connections = Connections::to(url)?;
        let mut client = connections.lend().await?;
        if !client.is_own {
            return Err(ImportError::Pooled);
        }
        // What is set is not for others.
        client.set_clean(false);
        let target = PostgresTarget { client };
        target.run(SETTINGS).await?;
        target.until(&texts::LOCK_IMPORT, ImportError::Imported).await?;
        target.until(&texts::NO_PLATFORM, ImportError::Served).await?;
        schema::bring_up_to_date(&connections).await?;
        connections.close();
        Ok(target)
    }

    /// Waits until a statement says so.
    async fn until(&self, statement: &Sql, otherwise: ImportError) -> Result<(), ImportError> {
        let began = Instant::now();
        while !self.first::<bool>(statement, &[]).await?.unwrap_or(false) {
            if began.elapsed() > PATIENCE {
                return Err(otherwise);
            }
            sleep(LOOK_INTERVAL).await;
        }
        Ok(())
    }

    /// Begins to import a source, or goes on with it.
    pub(in crate::store) async fn begin(&self, source: &[u8], now: Timestamp) -> Result<(), ImportError> {
        let found = self.rows(&texts::FIND_IMPORT, &[]).await?;
        let goes_on = match found.first() {
            Some(row) if value::<Vec<u8>>(row, 0)? != source => return Err(ImportError::OtherSource),
            Some(row) if value::<Option<i64>>(row, 1)?.is_some() => return Err(ImportError::Finished),
            Some(_) => true,
            None => false,
        };
        self.run("begin").await?;
        if !goes_on {
            for Table { name, .. } in TABLES.iter().filter(|table| table.name != CLOCK_WATCH) {
                if !self.query(&format!("select from {name} limit 1")).await?.is_empty() {
                    return Err(ImportError::NotEmpty(name));
                }
            }
            let begun = [(&source as _, Type::BYTEA), (&now.0 as _, Type::INT8)];
            self.rows(&texts::BEGIN_IMPORT, &begun).await?;
            for table in TABLES {
                self.set_indexes_aside(table.name).await?;
            }
            for &(table, key) in ORDERS {
                self.run(&format!("create index {table}{ORDER} on {table} ({key})")).await?;
            }
        }
        // They are there again where an import was ended at its end.
        for row in self.rows(&texts::LIST_REFERENCES, &[]).await? {
            let (table, name, definition): (String, String, String) =
                (value(&row, 0)?, value(&row, 1)?, value(&row, 2)?);
            let again = format!("alter table {table} add constraint {name} {definition}");
            self.set_aside(&name, "reference", &again).await?;
            self.run(&format!("alter table {table} drop constraint {name}")).await?;
        }
        Ok(self.run("commit").await?)
    }

    /// Drops the indexes that the import does not read by, and remembers them.
    async fn set_indexes_aside(&self, table: &str) -> Result<(), StoreError> {
        for row in self.rows(&texts::LIST_INDEXES, &[(&table, Type::TEXT)]).await? {
            let (name, definition): (String, String) = (value(&row, 0)?, value(&row, 1)?);
            if !READ_BY.contains(&name.as_str()) {
                self.set_aside(&name, "index", &definition).await?;
                self.run(&format!("drop index {name}")).await?;
            }
        }
        Ok(())
    }

    async fn set_aside(&self, name: &str, kind: &str, definition: &str) -> Result<(), StoreError> {
        let values = [(&name as _, Type::TEXT), (&kind as _, Type::TEXT), (&definition as _, Type::TEXT)];
        self.rows(&texts::SET_ASIDE, &values).await.map(drop)
    }

    /// Makes the indexes again that were set aside.
    pub(in crate::store) async fn restore_indexes(&self) -> Result<(), StoreError> {
        self.restore("index").await
    }

    /// The same for references, which checks all of them.
    pub(in crate::store) async fn restore_references(&self) -> Result<(), StoreError> {
        self.run(FOR_WHOLE_TABLES).await?;
        self.restore("reference").await
    }

    async fn restore(&self, kind: &str) -> Result<(), StoreError> {
        for row in self.rows(&texts::LIST_SET_ASIDE, &[(&kind, Type::TEXT)]).await? {
            let (name, definition): (String, String) = (value(&row, 0)?, value(&row, 1)?);
            self.run("begin").await?;
            self.run(&definition).await?;
            self.rows(&texts::FORGET_SET_ASIDE, &[(&name, Type::TEXT)]).await?;
            self.run("commit").await?;
        }
        Ok(())
    }

    /// Records that everything is there: from now on it is a database like any other.
    pub(in crate::store) async fn finish(&self, now: Timestamp) -> Result<(), StoreError> {
        self.run("begin").await?;
        for &(table, _) in ORDERS {
            self.run(&format!("drop index {table}{ORDER}")).await?;
        }
        self.rows(&texts::FINISH_IMPORT, &[(&now.0, Type::INT8)]).await?;
        self.run("commit").await
    }

    /// Has the planner know the tables.
    pub(in crate::store) async fn analyze(&self) -> Result<(), StoreError> {
        let tables: Vec<_> = TABLES.iter().map(|table| table.name).collect();
        self.run(&format!("analyze {}", tables.join(", "))).await
    }

    /// The columns of a table.
    pub(in crate::store) async fn columns(&self, table: &str) -> Result<Vec<Column>, StoreError> {
        let rows = self.rows(&texts::COLUMNS_OF, &[(&table, Type::TEXT)]).await?;
        let column = |row: &Row| {
            Ok(Column { name: value(row, 0)?, kind: value(row, 1)?, place_in_key: value(row, 2)? })
        };
        rows.iter().map(column).collect()
    }

    /// Makes a part of a table what the chunk says.
    pub(in crate::store) async fn take(
        &self,
        layout: &Layout,
        chunk: &Chunk,
    ) -> Result<Changed, ImportError> {
        let (mut missing, deleted) = self.compare(layout, chunk).await?;
        if missing.is_empty() {
            return Ok(Changed { written: 0, deleted });
        }
        // In the order of the key.
        missing.sort_unstable();
        let changed = match self.copy_in(layout, layout.table.name, chunk, &missing).await {
            Ok(written) => Changed { written, deleted: 0 },
            Err(ImportError::Taken) => self.insert_by_stage(layout, chunk, &missing).await?,
            Err(error) => return Err(error),
        };
        Ok(Changed { deleted: changed.deleted + deleted, ..changed })
    }

    /// Deletes what is not in the chunk as it is in the table; gives the places in the chunk of those rows that are not in
    /// the table then, and how many were deleted.
    async fn compare(&self, layout: &Layout, chunk: &Chunk) -> Result<(Vec<usize>, u64), ImportError> {
        // The rows that were not found yet, with their places. Where nothing is there, as in most parts of a first run, it
        // is not needed.
        let mut missing: Option<RowsByKey<'_>> = None;
        let by_key = || {
            let keyed = |(place, row)| Some((key_of(row, layout.key_columns())?, (place, row)));
            chunk.rows().enumerate().filter_map(keyed).collect()
        };
        let (mut gone, mut deleted) = (Vec::new(), 0);
        // One more than are in the chunk, which tells that no further one is in this part.
        let mut limit = chunk.len() + 1;
        let mut after = chunk.after.clone();
        loop {
            let (mut rows_read, mut is_over) = (0, false);
            let statement = read_in_postgres(layout, after.as_ref(), Some(limit));
            let mut rows = pin!(self.copy_out(layout.table.name, statement).await?);
            let mut last = None;
            while let Some(row) = rows.try_next().await? {
                let key = key_of(&row, layout.key_columns()).ok_or(ImportError::NoRow(layout.table.name))?;
                rows_read += 1;
                is_over = is_over || chunk.up_to.as_ref().is_some_and(|up_to| layout.comes_after(key, up_to));
                if is_over {
                    continue;
                }
                let missing = missing.get_or_insert_with(by_key);
                match missing.get(key) {
                    Some((_, wanted)) if **wanted == *row => {
                        missing.remove(key);
                    }
                    // It is not wanted, or with other values: the row of this key is still missing then.
                    _ => gone.push(key.to_owned()),
                }
                last = Some(key.to_owned());
            }
            deleted += self.delete(layout, &gone).await?;
            gone.clear();
            match last {
                Some(last) if !is_over && rows_read == limit => after = Some(last),
                _ => break,
            }
            // There is much that goes.
            limit = (2 * limit).min(MOST_READ);
        }
        let missing = match missing {
            Some(missing) => missing.into_values().map(|(place, _)| place).collect(),
            None => (0..chunk.len()).collect(),
        };
        Ok((missing, deleted))
    }

    async fn delete(&self, layout: &Layout, keys: &[Vec<u8>]) -> Result<u64, ImportError> {
        if keys.is_empty() {
            return Ok(0);
        }
        let kinds: Vec<Kind> = layout.key_kinds().collect();
        // A list for each column of the key.
        let mut lists: Vec<List<'_>> = kinds.iter().map(|kind| List::of(*kind)).collect();
        for key in keys {
            for ((field, list), kind) in fields(key).zip(&mut lists).zip(&kinds) {
                list.push(value_of(field, *kind).ok_or(ImportError::NoRow(layout.table.name))?);
            }
        }
        let values: Vec<&(dyn ToSql + Sync)> = lists.iter().map(List::value).collect();
        Ok(self.client.execute(&delete_in_postgres(layout), &values).await.map_err(store_error)?)
    }

    /// The rows of a table in the order of the key, from the first one on or after a key: a message has one
    /// (<https://www.postgresql.org/docs/15/protocol-flow.html#PROTOCOL-COPY>).
    async fn copy_out(
        &self,
        table: &'static str,
        statement: String,
    ) -> Result<impl Stream<Item = Result<impl Deref<Target = [u8]>, ImportError>>, ImportError> {
        let messages = self.client.copy_out(&statement).await.map_err(store_error)?;
        let mut is_first = true;
        Ok(messages.map_err(|error| ImportError::Store(store_error(error))).try_filter_map(move |message| {
            let start = if is_first { HEADER.len() } else { 0 };
            let is_row = !is_first || message.starts_with(HEADER);
            is_first = false;
            ready(match is_row.then(|| message.slice(start..)) {
                None => Err(ImportError::NoRow(table)),
                Some(row) if *row == TRAILER => Ok(None),
                Some(row) => Ok(Some(row)),
            })
        }))
    }

    /// Copies the rows of a chunk that are at these places into a table.
    async fn copy_in(
        &self,
        layout: &Layout,
        table: &str,
        chunk: &Chunk,
        places: &[usize],
    ) -> Result<u64, ImportError> {
        let mut bytes = Vec::with_capacity(HEADER.len() + chunk.bytes() + TRAILER.len());
        bytes.extend(HEADER);
        let mut places = places.iter().peekable();
        for (place, row) in chunk.rows().enumerate() {
            if places.next_if(|next| **next == place).is_some() {
                bytes.extend(row);
            }
        }
        bytes.extend(TRAILER);
        let statement = format!("copy {table} ({}) from stdin (format binary)", layout.columns());
        let taken = |error: tokio_postgres::Error| match error.code() {
            Some(&SqlState::UNIQUE_VIOLATION) => ImportError::Taken,
            _ => ImportError::Store(store_error(error)),
        };
        let mut sink = pin!(self.client.copy_in(&statement).await.map_err(store_error)?);
        sink.send(Cursor::new(bytes)).await.map_err(taken)?;
        sink.finish().await.map_err(taken)
    }

    /// Inserts rows where others have something that only one row may have: an external id that has another user now, or
    /// the current pair of a session. They differ from the source and are still to be compared, or will be in the next run;
    /// they go first.
    async fn insert_by_stage(
        &self,
        layout: &Layout,
        chunk: &Chunk,
        places: &[usize],
    ) -> Result<Changed, ImportError> {
        let (table, columns) = (layout.table.name, layout.columns());
        let like = format!("(like {table})");
        self.run("begin").await?;
        self.run(&format!("create temporary table staged {like} on commit drop")).await?;
        self.copy_in(layout, "staged", chunk, places).await?;
        let mut deleted = 0;
        for row in self.rows(&texts::LIST_UNIQUE_INDEXES, &[(&table, Type::TEXT)]).await? {
            let (names, condition): (Vec<String>, String) = (value(&row, 0)?, value(&row, 1)?);
            let names = names.join(", ");
            let staged = format!("(select {names} from staged where {condition})");
            let has_one = format!("({names}) in {staged}");
            deleted += self.change(&format!("delete from {table} where {condition} and {has_one}")).await?;
        }
        let into = format!("{table} ({columns})");
        let written = self.change(&format!("insert into {into} select {columns} from staged")).await?;
        self.run("commit").await?;
        Ok(Changed { written, deleted })
    }

    /// Reads a whole table, as it is at one moment; tells now and then how many rows and bytes that were.
    pub(in crate::store) async fn sum(
        &self,
        layout: &Layout,
        mut tell: impl FnMut(u64, u64) + Send,
    ) -> Result<Sum, ImportError> {
        let (mut sum, mut bytes) = (Sum::default(), 0);
        let statement = read_in_postgres(layout, None, None);
        let mut rows = pin!(self.copy_out(layout.table.name, statement).await?);
        while let Some(row) = rows.try_next().await? {
            sum.add(&row);
            bytes += row.len() as u64;
            if sum.rows % TELL_ROWS == 0 {
                tell(sum.rows, bytes);
            }
        }
        tell(sum.rows, bytes);
        Ok(sum)
    }

    async fn run(&self, text: &str) -> Result<(), StoreError> {
        self.client.batch_execute(text).await.map_err(store_error)
    }

    /// Runs a statement; tells how many rows it changed.
    async fn change(&self, text: &str) -> Result<u64, StoreError> {
        self.client.execute(text, &[]).await.map_err(store_error)
    }

    async fn query(&self, text: &str) -> Result<Vec<Row>, StoreError> {
        self.client.query_typed(text, &[]).await.map_err(store_error)
    }

    async fn rows(
        &self,
        statement: &Sql,
        values: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Vec<Row>, StoreError> {
        self.client.query_typed(statement.postgres, values).await.map_err(store_error)
    }

    async fn first<T: FromSqlOwned>(
        &self,
        statement: &Sql,
        values: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Option<T>, StoreError> {
        self.rows(statement, values).await?.first().map(|row| value(row, 0)).transpose()
    }
}

/// An index that is no key, and by which a table is read in the order of SQLite's key.
const READ_BY: &[&str] = &["audit_events_by_seq"];
/// Tables of which no index has the order of SQLite's key, which only an import needs, and that key.
const ORDERS: &[(&str, &str)] = &[
    ("users", "app_id, user_id"),
    ("installs", "app_id, user_id, install_id"),
    ("token_pairs", "app_id, install_id, generation"),
    ("token_tombstones", "app_id, hash"),
    ("user_metadata", "app_id, user_id, key"),
    ("detection_blocks", "app_id, user_id, kind, first_time, first_id"),
    ("trips", "app_id, user_id, detection_id"),
];
/// What the name of such an index ends with.
const ORDER: &str = "_in_order";

/// The statement by which PostgreSQL gives rows in the order of the key. It has no bound but their number where they end: a
/// comparison of rows ends no search of an index before its first column does, which is the application.
pub(in crate::store) fn read_in_postgres(
    layout: &Layout,
    after: Option<&Key>,
    limit: Option<usize>,
) -> String {
    let (columns, table, key) = (layout.columns(), layout.table.name, layout.key());
    let condition = after.map_or("true".to_owned(), |after| layout.is_after(after));
    let limit = limit.map_or("all".to_owned(), |limit| limit.to_string());
    let rows = format!("select {columns} from {table} where {condition} order by {key} limit {limit}");
    format!("copy ({rows}) to stdout (format binary)")
}

/// The statement by which PostgreSQL deletes the rows of many keys, of which it takes a list for each column.
pub(in crate::store) fn delete_in_postgres(layout: &Layout) -> String {
    let table = layout.table.name;
    let places = (1..).zip(layout.key_kinds()).map(|(place, kind)| format!("${place}::{}[]", type_of(kind)));
    let places = places.collect::<Vec<_>>().join(", ");
    let equal = layout.key_names().map(|name| format!("{table}.{name} = gone.{name}"));
    let equal = equal.collect::<Vec<_>>().join(" and ");
    let gone = format!("unnest({places}) as gone ({})", layout.key());
    format!("delete from {table} using {gone} where {equal}")
}

fn value<T: FromSqlOwned>(row: &Row, place: usize) -> Result<T, StoreError> {
    row.try_get(place).map_err(store_error)
}

fn type_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Integer => "bigint",
        Kind::Text => "text",
        Kind::Bytes => "bytea",
    }
}

/// Values of one column.
#[derive(Debug)]
enum List<'v> {
    Integers(Vec<i64>),
    Texts(Vec<&'v str>),
    Bytes(Vec<&'v [u8]>),
}

impl<'v> List<'v> {
    fn of(kind: Kind) -> Self {
        match kind {
            Kind::Integer => List::Integers(Vec::new()),
            Kind::Text => List::Texts(Vec::new()),
            Kind::Bytes => List::Bytes(Vec::new()),
        }
    }

    /// Adds a value of its kind. No value of a key is null.
    fn push(&mut self, value: Value<'v>) {
        match (self, value) {
            (List::Integers(list), Value::Integer(number)) => list.push(number),
            (List::Texts(list), Value::Text(text)) => list.push(text),
            (List::Bytes(list), Value::Bytes(bytes)) => list.push(bytes),
            _ => {}
        }
    }

    fn value(&self) -> &(dyn ToSql + Sync) {
        match self {
            List::Integers(list) => list,
            List::Texts(list) => list,
            List::Bytes(list) => list,
        }
    }
}

#[cfg(test)]
impl PostgresTarget {
    /// How the import's connection would read what a query gives.
    pub(in crate::store) async fn explain(&self, query: &str) -> String {
        let plan = self.client.simple_query(&format!("explain {query}")).await.unwrap();
        let lines = plan.iter().filter_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}
