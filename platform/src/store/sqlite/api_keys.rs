//! API keys, on SQLite.

use super::{SqliteTransaction, rows};
use crate::{
    clock::Timestamp,
    model::{ApiKeyRecord, AppId, KeyId, Scope},
    secret::{ApiKey, Hashed},
    store::{ApiKeys, StoreError, sql},
};
use sqlx::query;

impl ApiKeys for SqliteTransaction<'_> {
    async fn insert_api_key(&mut self, key: &ApiKeyRecord, hash: Hashed<ApiKey>) -> Result<(), StoreError> {
        let scopes: Vec<_> = key.scopes.iter().copied().map(Scope::as_str).collect();
        query(sql::INSERT_API_KEY)
            .bind(key.app_id.as_str())
            .bind(key.key_id.as_str())
            .bind(hash.as_bytes())
            .bind(&key.name)
            .bind(scopes.join(" "))
            .bind(&key.hint)
            .bind(key.created_at.0)
            .bind(key.expires_at.0)
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }

    async fn find_api_key(&mut self, hash: Hashed<ApiKey>) -> Result<Option<ApiKeyRecord>, StoreError> {
        rows::optional(
            query(sql::FIND_API_KEY).bind(hash.as_bytes()).fetch_optional(&mut *self.connection).await?,
        )
    }

    async fn list_api_keys(&mut self, app: &AppId) -> Result<Vec<ApiKeyRecord>, StoreError> {
        rows::all(query(sql::LIST_API_KEYS).bind(app.as_str()).fetch_all(&mut *self.connection).await?)
    }

    async fn revoke_api_key(&mut self, app: &AppId, key: &KeyId, now: Timestamp) -> Result<bool, StoreError> {
        let revoked = query(sql::REVOKE_API_KEY)
            .bind(app.as_str())
            .bind(key.as_str())
            .bind(now.0)
            .execute(&mut *self.connection)
            .await?;
        Ok(revoked.rows_affected() > 0)
    }
}
