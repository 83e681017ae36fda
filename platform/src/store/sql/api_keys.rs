//! API keys.

use super::{Engine, engine::Ask, texts, values::values};
use crate::{
    clock::Timestamp,
    model::{ApiKeyRecord, AppId, KeyId, Scope},
    secret::{ApiKey, Hashed},
    store::{ApiKeys, StoreError},
};

impl<E: Engine> ApiKeys for E {
    async fn insert_api_key(&mut self, key: &ApiKeyRecord, hash: Hashed<ApiKey>) -> Result<(), StoreError> {
        let scopes: Vec<_> = key.scopes.iter().copied().map(Scope::as_str).collect();
        let ApiKeyRecord { app_id, key_id, name, hint, created_at, expires_at, .. } = key;
        self.post(
            &texts::INSERT_API_KEY,
            values![app_id, key_id, hash, name, scopes.join(" "), hint, created_at, expires_at],
        )
        .await
    }

    async fn find_api_key(&mut self, hash: Hashed<ApiKey>) -> Result<Option<ApiKeyRecord>, StoreError> {
        self.first(&texts::FIND_API_KEY, values![hash]).await
    }

    async fn list_api_keys(&mut self, app: &AppId) -> Result<Vec<ApiKeyRecord>, StoreError> {
        self.list(&texts::LIST_API_KEYS, values![app]).await
    }

    async fn revoke_api_key(&mut self, app: &AppId, key: &KeyId, now: Timestamp) -> Result<bool, StoreError> {
        Ok(self.change(&texts::REVOKE_API_KEY, values![app, key, now]).await? > 0)
    }
}
