//! Metadata, on SQLite.

use super::SqliteTransaction;
use crate::{
    model::{AppId, InstallId, UserId},
    store::{MetadataChange, StoreError, UserMetadata, sql},
};
use rusqlite::params;
use std::collections::BTreeMap;

impl UserMetadata for SqliteTransaction<'_> {
    async fn change_metadata(
        &mut self,
        app: &AppId,
        user: &UserId,
        change: MetadataChange<'_>,
    ) -> Result<(), StoreError> {
        let (key, value) = (change.entry.key.as_bytes(), change.entry.value.as_deref().map(str::as_bytes));
        let values = params![app, user, key, value, change.install_id, change.revision, change.now];
        self.change(sql::CHANGE_METADATA, values)?;
        Ok(())
    }

    async fn newest_metadata_revision(
        &mut self,
        app: &AppId,
        user: &UserId,
        install: &InstallId,
    ) -> Result<u32, StoreError> {
        let newest =
            self.first_of(sql::NEWEST_METADATA_REVISION, (app, user, install), "user_metadata", |row| {
                row.take("revision")
            });
        Ok(newest?.unwrap_or_default())
    }

    async fn metadata_of(
        &mut self,
        app: &AppId,
        user: &UserId,
    ) -> Result<BTreeMap<String, String>, StoreError> {
        let mut metadata = BTreeMap::new();
        self.each(sql::METADATA_OF, (app, user), "user_metadata", |row| -> Result<_, StoreError> {
            metadata.insert(row.utf8("key")?, row.utf8("value")?);
            Ok(true)
        })?;
        Ok(metadata)
    }

    async fn delete_metadata(&mut self, app: &AppId, user: &UserId) -> Result<(), StoreError> {
        self.change(sql::DELETE_METADATA, (app, user))?;
        Ok(())
    }

    async fn forget_removed_metadata(
        &mut self,
        app: &AppId,
        user: &UserId,
        kept: u32,
    ) -> Result<(), StoreError> {
        self.change(sql::FORGET_REMOVED_METADATA, (app, user, kept))?;
        Ok(())
    }
}
