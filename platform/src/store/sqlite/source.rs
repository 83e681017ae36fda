//! A database that is imported into another one: read table by table in pieces, and never written.

use super::{
    StoreError, UnusableDatabase,
    connect::{Mode, connect},
    files,
    schema::{self, Schema},
};
use crate::store::{
    import::{
        ImportError,
        row::{Chunk, Key, fields, value_of},
        table::{Column, Layout},
    },
    sql::{Cells, Value, texts},
};
use rusqlite::{Connection, params_from_iter};
use sha2::{Digest, Sha256};
use std::{path::Path, time::Duration};

/// How long a command that uses the file for a moment is waited for.
const PATIENCE: Duration = Duration::from_secs(1);
/// How much is read at once: as many rows, and what they have together, until it is as much.
const CHUNK_ROWS: usize = 10_000;
const CHUNK_BYTES: usize = 4 * 1024 * 1024;

/// The database.
#[derive(Debug)]
pub(in crate::store) struct SqliteSource {
    connection: Connection,
    is_alone: bool,
}

impl SqliteSource {
    /// Opens a file that is there and up to date. Where no other process has it open, none can open it from now on;
    /// otherwise the others go on, and each piece is read as it is at that moment.
    pub(in crate::store) fn open(file: &Path) -> Result<Self, StoreError> {
        files::refuse_unspeakable(file)?;
        if schema::look(file)? == Schema::Old {
            return Err(UnusableDatabase::Old.into());
        }
        let connection = connect(file, Mode::Read, PATIENCE)?;
        // With its log, a file is locked by all who have it open. A connection that is to have it alone locks it when it
        // reads for the first time (<https://sqlite.org/pragma.html#pragma_locking_mode>). What that pragma tells is the
        // mode.
        connection.query_row("pragma locking_mode = exclusive", (), |_| Ok(()))?;
        match connection.query_row("pragma schema_version", (), |_| Ok(())).map_err(StoreError::from) {
            Ok(()) => Ok(SqliteSource { connection, is_alone: true }),
            Err(StoreError::Unavailable) => {
                drop(connection);
                let connection = connect(file, Mode::Read, super::BUSY_TIMEOUT)?;
                Ok(SqliteSource { connection, is_alone: false })
            }
            Err(error) => Err(error),
        }
    }

    /// Whether no other process can have the file open.
    pub(in crate::store) fn is_alone(&self) -> bool {
        self.is_alone
    }

    /// What no other database has, except for copies of this one: when its schema was made, and how many nanoseconds that
    /// took.
    pub(in crate::store) fn fingerprint(&self) -> Result<[u8; 32], StoreError> {
        Ok(self.connection.query_row(texts::FIRST_MIGRATION.sqlite, (), |row| {
            let (version, at, took): (i64, String, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(Sha256::digest(format!("{version} {at} {took}")).into())
        })?)
    }

    /// Whether detections of an earlier version are still to be brought over into the form of this one.
    pub(in crate::store) fn has_old_rows(&self) -> Result<bool, StoreError> {
        Ok(self.connection.query_row(texts::HAS_OLD_ROWS.sqlite, (), |row| row.get(0))?)
    }

    /// The columns of a table.
    pub(in crate::store) fn columns(&self, table: &str) -> Result<Vec<Column>, StoreError> {
        let mut listing = self.connection.prepare(texts::COLUMNS_OF.sqlite)?;
        let columns = listing.query_map((table,), |row| {
            Ok(Column { name: row.get(0)?, kind: row.get(1)?, place_in_key: row.get(2)? })
        })?;
        Ok(columns.collect::<rusqlite::Result<_>>()?)
    }

    /// The rows after a key, or the first ones.
    pub(in crate::store) fn read(&self, layout: &Layout, after: Option<Key>) -> Result<Chunk, ImportError> {
        let statement = layout.read_in_sqlite(after.is_some(), CHUNK_ROWS);
        let mut statement = self.connection.prepare_cached(&statement).map_err(StoreError::from)?;
        let key: Vec<Value<'_>> = fields(after.as_deref().unwrap_or_default())
            .zip(layout.key_kinds())
            .filter_map(|(field, kind)| value_of(field, kind))
            .collect();
        let columns = statement.column_count();
        let mut rows = statement.query(params_from_iter(&key)).map_err(StoreError::from)?;
        let mut chunk = Chunk::after(after.clone());
        while let Some(row) = rows.next().map_err(StoreError::from)? {
            chunk.begin_row(columns);
            for place in 0..columns {
                // PostgreSQL has no NUL in a text.
                let value = row
                    .cell(place)
                    .filter(|value| !matches!(value, Value::Text(text) if text.contains('\0')));
                let column = || layout.column(place).to_owned();
                chunk.push(
                    value
                        .ok_or_else(|| ImportError::Value { table: layout.table.source, column: column() })?,
                );
            }
            chunk.end_row();
            if chunk.len() == CHUNK_ROWS || chunk.bytes() >= CHUNK_BYTES {
                chunk.end_with_last(layout.key_columns());
                break;
            }
        }
        Ok(chunk)
    }

    /// How many rows a table has, apart from reading them.
    pub(in crate::store) fn count(&self, layout: &Layout) -> Result<u64, StoreError> {
        let count = "count(*)";
        let statement = format!("select {count} from {}", layout.table.source);
        let rows: i64 = self.connection.query_row(&statement, (), |row| row.get(0))?;
        Ok(rows.unsigned_abs())
    }
}
