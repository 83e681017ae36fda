//! The schema: which migrations a file has seen, and the rest of them.

use super::{StoreError, UnusableDatabase, turn::Turnstile};
use crate::store::sql;
use sqlx::{
    Connection, SqlSafeStr, SqliteConnection,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
    query_as, query_scalar,
    sqlite::SqliteConnectOptions,
};
use std::sync::Arc;

const MIGRATIONS: [(i64, &str, &str); 9] = [
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
];

fn migrations() -> Vec<Migration> {
    let migration = |(version, description, sql): (i64, &'static str, &'static str)| {
        Migration::new(version, description.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    MIGRATIONS.map(migration).to_vec()
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
pub(super) async fn look(options: &SqliteConnectOptions) -> Result<Schema, StoreError> {
    let mut connection = SqliteConnection::connect_with(options).await?;
    let schema = look_at(&mut connection).await;
    connection.close().await?;
    schema
}

async fn look_at(connection: &mut SqliteConnection) -> Result<Schema, StoreError> {
    if query_scalar(sql::HAS_FOREIGN_TABLES).fetch_one(&mut *connection).await? {
        return Err(UnusableDatabase::Foreign.into());
    }
    if !query_scalar::<_, bool>(sql::HAS_MIGRATIONS).fetch_one(&mut *connection).await? {
        return Ok(Schema::Old);
    }
    let applied: Vec<(i64, Vec<u8>, bool)> = query_as(sql::LIST_MIGRATIONS).fetch_all(connection).await?;
    let known = migrations();
    for (version, checksum, is_complete) in &applied {
        match known.iter().find(|migration| migration.version == *version) {
            None => return Err(MigrateError::VersionMissing(*version).into()),
            Some(migration) if *migration.checksum != **checksum => {
                return Err(MigrateError::VersionMismatch(*version).into());
            }
            Some(_) if !is_complete => return Err(MigrateError::Dirty(*version).into()),
            Some(_) => {}
        }
    }
    Ok(if applied.len() == known.len() { Schema::Current } else { Schema::Old })
}

/// All migrations run in one transaction, so that two processes which start at once do not run one twice. Foreign keys
/// are off meanwhile: a table that is rebuilt would take along the rows that refer to it.
pub(super) async fn migrate(options: &SqliteConnectOptions, turnstile: &Turnstile) -> Result<(), StoreError> {
    let mut connection = SqliteConnection::connect_with(&options.clone().foreign_keys(false)).await?;
    let turn = turnstile.pass().await;
    let mut transaction = connection.begin_with("begin immediate").await?;
    drop(turn);
    Migrator::with_migrations(migrations()).run(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(connection.close().await?)
}

impl From<MigrateError> for StoreError {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
            MigrateError::VersionMissing(version) => UnusableDatabase::Newer(version).into(),
            error => UnusableDatabase::Schema(Arc::new(error)).into(),
        }
    }
}
