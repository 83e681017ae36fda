//! The schema: which migrations a file has seen, and the rest of them.

use super::{
    BUSY_TIMEOUT, StoreError, UnusableDatabase,
    connect::{Mode, connect, prepare_to_write},
    free_bytes,
    turn::Turnstile,
};
use crate::store::sql::texts;
use rusqlite::Connection;
use sha2::{Digest, Sha384};
use std::{path::Path, time::Duration};
use tokio::time::Instant;

/// A version, its description, and its text.
type Migration = (i64, &'static str, &'static str);

const MIGRATIONS: [Migration; 12] = [
    (20260101000000, "schema", include_str!("../../../migrations/sqlite/20260101000000_schema.sql")),
    (20260201000000, "linking", include_str!("../../../migrations/sqlite/20260201000000_linking.sql")),
    (20260202000000, "uploads", include_str!("../../../migrations/sqlite/20260202000000_uploads.sql")),
    (20260301000000, "audit", include_str!("../../../migrations/sqlite/20260301000000_audit.sql")),
    (20260302000000, "clean-up", include_str!("../../../migrations/sqlite/20260302000000_clean_up.sql")),
    (20260401000000, "plans", include_str!("../../../migrations/sqlite/20260401000000_plans.sql")),
    (20260401000001, "forgetting", include_str!("../../../migrations/sqlite/20260401000001_forgetting.sql")),
    (20260402000000, "bounds", include_str!("../../../migrations/sqlite/20260402000000_bounds.sql")),
    (
        20260402000100,
        "unused users",
        include_str!("../../../migrations/sqlite/20260402000100_unused_users.sql"),
    ),
    (
        20260501000000,
        "fewer indexes",
        include_str!("../../../migrations/sqlite/20260501000000_fewer_indexes.sql"),
    ),
    (
        20260502000000,
        "detection blocks",
        include_str!("../../../migrations/sqlite/20260502000000_detection_blocks.sql"),
    ),
    (20260601000000, "checks", include_str!("../../../migrations/sqlite/20260601000000_checks.sql")),
];

/// What recognizes a migration that has run: a text that was changed later would leave two schemas behind.
fn checksum(text: &str) -> Vec<u8> {
    Sha384::digest(text.as_bytes()).to_vec()
}

/// Why the schema can't be brought up to date.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SchemaError {
    /// The migration was run with another text.
    #[error("migration {0} was changed after it had run")]
    Changed(i64),
    /// A migration began and did not end.
    #[error("migration {0} was left half-way")]
    Unfinished(i64),
}

/// Whether a file has the schema of this platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Schema {
    /// It has.
    Current,
    /// It is empty, or has an earlier one.
    Old,
}

/// Looks at the schema without any lock that others would wait for. The database of another program, or of a later
/// platform, is refused and left as it is: not even its journal mode changes.
pub(super) fn look(file: &Path) -> Result<Schema, StoreError> {
    let connection = connect(file, Mode::Write, BUSY_TIMEOUT)?;
    let is_foreign =
        connection.query_row(texts::HAS_FOREIGN_TABLES.sqlite, (), |row| row.get::<_, bool>(0))?;
    if is_foreign {
        return Err(UnusableDatabase::Foreign.into());
    }
    let missing = missing_migrations(&connection)?;
    connection.close().map_err(|(_, error)| error)?;
    Ok(if missing.is_empty() { Schema::Current } else { Schema::Old })
}

/// The migrations that the database has not seen.
fn missing_migrations(connection: &Connection) -> Result<Vec<Migration>, StoreError> {
    if !connection.query_row(texts::HAS_MIGRATIONS.sqlite, (), |row| row.get::<_, bool>(0))? {
        return Ok(MIGRATIONS.to_vec());
    }
    let mut listing = connection.prepare(texts::LIST_MIGRATIONS.sqlite)?;
    let applied = listing
        .query_map((), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<rusqlite::Result<Vec<(i64, Vec<u8>, bool)>>>()?;
    for (version, known_checksum, is_complete) in &applied {
        match MIGRATIONS.iter().find(|(known, ..)| known == version) {
            None => return Err(UnusableDatabase::Newer(*version).into()),
            Some(_) if !is_complete => {
                return Err(UnusableDatabase::Schema(SchemaError::Unfinished(*version)).into());
            }
            Some((.., text)) if checksum(text) != *known_checksum => {
                return Err(UnusableDatabase::Schema(SchemaError::Changed(*version)).into());
            }
            Some(_) => {}
        }
    }
    let is_missing = |(version, ..): &Migration| applied.iter().all(|(known, ..)| known != version);
    Ok(MIGRATIONS.into_iter().filter(is_missing).collect())
}

/// All migrations run in one transaction, so that two processes which start at once do not run one twice. Foreign keys
/// are off meanwhile: a table that is rebuilt would take along the rows that refer to it.
pub(super) fn migrate(file: &Path, patience: Duration, turnstile: &Turnstile) -> Result<(), StoreError> {
    let connection = connect(file, Mode::Write, patience)?;
    prepare_to_write(&connection, free_bytes(file))?;
    connection.execute_batch("pragma foreign_keys = off")?;
    let turn = turnstile.pass();
    connection.execute_batch("begin immediate")?;
    drop(turn);
    connection.execute_batch(texts::CREATE_MIGRATIONS.sqlite)?;
    for (version, description, text) in missing_migrations(&connection)? {
        let began = Instant::now();
        connection.execute_batch(text)?;
        let nanoseconds = i64::try_from(began.elapsed().as_nanos()).unwrap_or(i64::MAX);
        connection
            .execute(texts::RECORD_MIGRATION.sqlite, (version, description, checksum(text), nanoseconds))?;
    }
    connection.execute_batch("commit")?;
    Ok(connection.close().map_err(|(_, error)| error)?)
}
