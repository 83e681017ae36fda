//! What a use case may ask of the database about the keys of applications' servers.

use super::StoreError;
use crate::{
    clock::Timestamp,
    model::{ApiKeyRecord, AppId, KeyId},
    secret::{ApiKey, Hashed},
};
use std::future::Future;

type Stored<T> = Result<T, StoreError>;

/// API keys.
pub trait ApiKeys: Send {
    /// Adds a key.
    fn insert_api_key(
        &mut self,
        key: &ApiKeyRecord,
        hash: Hashed<ApiKey>,
    ) -> impl Future<Output = Stored<()>> + Send;
    /// The key with this secret.
    fn find_api_key(
        &mut self,
        hash: Hashed<ApiKey>,
    ) -> impl Future<Output = Stored<Option<ApiKeyRecord>>> + Send;
    /// The keys of an application, oldest first.
    fn list_api_keys(&mut self, app: &AppId) -> impl Future<Output = Stored<Vec<ApiKeyRecord>>> + Send;
    /// Revokes a key; `false` where there is none. Revoking twice keeps the first time.
    fn revoke_api_key(
        &mut self,
        app: &AppId,
        key: &KeyId,
        now: Timestamp,
    ) -> impl Future<Output = Stored<bool>> + Send;
}
