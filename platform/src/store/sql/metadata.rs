//! Metadata.

use super::{Engine, engine::Ask, texts, values::values};
use crate::{
    model::{AppId, InstallId, UserId},
    store::{MetadataChange, StoreError, UserMetadata},
};
use std::collections::BTreeMap;

impl<E: Engine> UserMetadata for E {
    async fn change_metadata(
        &mut self,
        app: &AppId,
        user: &UserId,
        change: MetadataChange<'_>,
    ) -> Result<(), StoreError> {
        let (key, value) = (change.entry.key.as_bytes(), change.entry.value.as_deref().map(str::as_bytes));
        self.post(
            &texts::CHANGE_METADATA,
            values![app, user, key, value, change.install_id, change.revision, change.now],
        )
        .await
    }

    async fn newest_metadata_revision(
        &mut self,
        app: &AppId,
        user: &UserId,
        install: &InstallId,
    ) -> Result<u32, StoreError> {
        let newest = self
            .first_of(&texts::NEWEST_METADATA_REVISION, values![app, user, install], "user_metadata", |row| {
                row.take("revision")
            })
            .await;
        Ok(newest?.unwrap_or_default())
    }

    async fn metadata_of(
        &mut self,
        app: &AppId,
        user: &UserId,
    ) -> Result<BTreeMap<String, String>, StoreError> {
        let mut metadata = BTreeMap::new();
        self.each(&texts::METADATA_OF, values![app, user], "user_metadata", |row| {
            metadata.insert(row.utf8("key")?, row.utf8("value")?);
            Ok(true)
        })
        .await?;
        Ok(metadata)
    }

    async fn delete_metadata(&mut self, app: &AppId, user: &UserId) -> Result<(), StoreError> {
        self.post(&texts::DELETE_METADATA, values![app, user]).await
    }

    async fn forget_removed_metadata(
        &mut self,
        app: &AppId,
        user: &UserId,
        kept: u32,
    ) -> Result<(), StoreError> {
        self.post(&texts::FORGET_REMOVED_METADATA, values![app, user, kept]).await
    }
}
