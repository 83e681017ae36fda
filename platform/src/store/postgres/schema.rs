//! The schema: which migrations a database has seen, and the rest of them.

use super::{connections::Connections, failure::store_error};
use crate::store::{StoreError, UnusableDatabase, sql::texts};
use tokio_postgres::types::Type;

/// A version, and its text.
const MIGRATIONS: &[(i64, &str)] =
    &[(20260601000000, include_str!("../../../migrations/postgres/20260601000000_schema.sql"))];

/// Whether the schema is that of this platform.
pub(super) async fn look(connections: &Connections) -> Result<(), StoreError> {
    let client = connections.lend().await?;
    let exists = client.query_typed(texts::HAS_MIGRATIONS.postgres, &[]).await.map_err(store_error)?;
    let exists = exists.first().is_some_and(|row| row.try_get(0).unwrap_or(false));
    if !exists || !missing(&applied(&client).await?)?.is_empty() {
        return Err(UnusableDatabase::Old.into());
    }
    Ok(())
}

/// Brings it up to date.
pub(super) async fn migrate(connections: &Connections) -> Result<(), StoreError> {
    if look(connections).await.is_ok() {
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
    for (version, text) in missing(&applied(&client).await?)? {
        client.batch_execute(text).await.map_err(store_error)?;
        let recorded = client.query_typed(texts::RECORD_MIGRATION.postgres, &[(&version, Type::INT8)]).await;
        recorded.map_err(store_error)?;
    }
    client.batch_execute("commit").await.map_err(store_error)?;
    client.set_clean(true);
    Ok(())
}

async fn applied(client: &super::connections::Lent) -> Result<Vec<i64>, StoreError> {
    let rows = client.query_typed(texts::LIST_MIGRATIONS.postgres, &[]).await;
    rows.map_err(store_error)?.iter().map(|row| row.try_get(0).map_err(store_error)).collect()
}

fn missing(applied: &[i64]) -> Result<Vec<(i64, &'static str)>, StoreError> {
    if let Some(newer) = applied.iter().find(|version| MIGRATIONS.iter().all(|(known, _)| known != *version))
    {
        return Err(UnusableDatabase::Newer(*newer).into());
    }
    Ok(MIGRATIONS.iter().filter(|(version, _)| !applied.contains(version)).copied().collect())
}
