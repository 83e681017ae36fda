//! API keys, on SQLite.

use super::SqliteTransaction;
use crate::{
    clock::Timestamp,
    model::{ApiKeyRecord, AppId, KeyId, Scope},
    secret::{ApiKey, Hashed},
    store::{ApiKeys, StoreError, sql},
};

impl ApiKeys for SqliteTransaction<'_> {
    async fn insert_api_key(&mut self, key: &ApiKeyRecord, hash: Hashed<ApiKey>) -> Result<(), StoreError> {
        let scopes: Vec<_> = key.scopes.iter().copied().map(Scope::as_str).collect();
        let ApiKeyRecord { app_id, key_id, name, hint, created_at, expires_at, .. } = key;
        let values = (app_id, key_id, hash, name, scopes.join(" "), hint, created_at, expires_at);
        self.change(sql::INSERT_API_KEY, values)?;
        Ok(())
    }

    async fn find_api_key(&mut self, hash: Hashed<ApiKey>) -> Result<Option<ApiKeyRecord>, StoreError> {
        self.first(sql::FIND_API_KEY, (hash,))
    }

    async fn list_api_keys(&mut self, app: &AppId) -> Result<Vec<ApiKeyRecord>, StoreError> {
        self.list(sql::LIST_API_KEYS, (app,))
    }

    async fn revoke_api_key(&mut self, app: &AppId, key: &KeyId, now: Timestamp) -> Result<bool, StoreError> {
        Ok(self.change(sql::REVOKE_API_KEY, (app, key, now))? > 0)
    }
}
