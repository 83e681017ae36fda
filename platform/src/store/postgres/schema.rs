//! The schema: which migrations a database has seen, and the rest of them.

use super::{connections::Connections, failure::store_error};
use crate::store::{StoreError, UnusableDatabase, sql::texts};
use tokio_postgres::{
    Row,
    types::{ToSql, Type},
};

/// A step of the schema.
#[derive(Clone, Copy, Debug)]
struct Migration {
    version: i64,
    /// The oldest version whose platforms still work after this step, while replicas are replaced one by one. A step only
    /// adds what they can do without; what none of them needs any more goes in a later release.
    works_since: i64,
    text: &'static str,
}

const MIGRATIONS: &[Migration] = &[Migration {
    version: 20260601000000,
    works_since: 20260601000000,
    text: include_str!("../../../migrations/postgres/20260601000000_schema.sql"),
}];

/// Whether a platform may work on a database whose schema it does not change.
pub(super) async fn look(connections: &Connections) -> Result<(), StoreError> {
    look_at_schema(connections).await?;
    refuse_half_imported(connections).await
}

/// Whether the schema is that of this platform.
async fn look_at_schema(connections: &Connections) -> Result<(), StoreError> {
    let client = connections.lend().await?;
    let exists = client.query_typed(texts::HAS_MIGRATIONS.postgres, &[]).await.map_err(store_error)?;
    let exists = exists.first().is_some_and(|row| row.try_get(0).unwrap_or(false));
    if !exists || !missing(&applied(&client).await?)?.is_empty() {
        return Err(UnusableDatabase::Old.into());
    }
    Ok(())
}

/// Brings it up to date for a platform.
pub(super) async fn migrate(connections: &Connections) -> Result<(), StoreError> {
    bring_up_to_date(connections).await?;
    refuse_half_imported(connections).await
}

/// A platform would show half of what there is, and the import would undo what it writes.
async fn refuse_half_imported(connections: &Connections) -> Result<(), StoreError> {
    let client = connections.lend().await?;
    let found = client.query_typed(texts::FIND_IMPORT.postgres, &[]).await.map_err(store_error)?;
    let end = found.first().map(|row| row.try_get::<_, Option<i64>>(1).map_err(store_error)).transpose()?;
    if end == Some(None) { Err(UnusableDatabase::HalfImported.into()) } else { Ok(()) }
}

/// Brings it up to date, whatever the database is for.
pub(super) async fn bring_up_to_date(connections: &Connections) -> Result<(), StoreError> {
    if look_at_schema(connections).await.is_ok() {
        return Ok(());
    }
    let mut client = connections.lend().await?;
    // An error leaves its transaction open, which ends with the connection.
    client.set_clean(false);
    client
        .batch_execute("begin; set local statement_timeout = 0; set local lock_timeout = 0")
        .await
        .map_err(store_error)?;
    client.batch_execute(texts::LOCK_SCHEMA.postgres).await.map_err(store_error)?;
    client.batch_execute(texts::CREATE_MIGRATIONS.postgres).await.map_err(store_error)?;
    for Migration { version, works_since, text } in missing(&applied(&client).await?)? {
        client.batch_execute(text).await.map_err(store_error)?;
        let values: [(&(dyn ToSql + Sync), Type); 2] = [(&version, Type::INT8), (&works_since, Type::INT8)];
        let recorded = client.query_typed(texts::RECORD_MIGRATION.postgres, &values).await;
        recorded.map_err(store_error)?;
    }
    client.batch_execute("commit").await.map_err(store_error)?;
    client.set_clean(true);
    Ok(())
}

/// The steps that a database has seen: the version of each, and since which version platforms work after it.
async fn applied(client: &super::connections::Lent) -> Result<Vec<(i64, i64)>, StoreError> {
    let rows = client.query_typed(texts::LIST_MIGRATIONS.postgres, &[]).await.map_err(store_error)?;
    let read = |row: &Row| Ok((row.try_get(0).map_err(store_error)?, row.try_get(1).map_err(store_error)?));
    rows.iter().map(read).collect()
}

/// The steps that it has not seen.
fn missing(applied: &[(i64, i64)]) -> Result<Vec<Migration>, StoreError> {
    let own = MIGRATIONS.iter().map(|known| known.version).max().unwrap_or_default();
    if let Some((newer, _)) = applied.iter().find(|(_, works_since)| *works_since > own) {
        return Err(UnusableDatabase::Newer(*newer).into());
    }
    let is_missing = |known: &&Migration| applied.iter().all(|(version, _)| *version != known.version);
    Ok(MIGRATIONS.iter().filter(is_missing).copied().collect())
}
