//! Metadata and detections, on SQLite.

use super::{
    SqliteTransaction,
    rows::{self, Reader},
};
use crate::{
    model::{
        AppId, Detection, DetectionContent, DetectionCursor, DetectionId, InstallId, StoredDetection, UserId,
    },
    store::{Detections, MetadataChange, StoreError, UserMetadata, sql},
};
use sentiance_protocol::DetectionType;
use sqlx::query;
use std::collections::BTreeMap;

impl UserMetadata for SqliteTransaction<'_> {
    async fn change_metadata(
        &mut self,
        app: &AppId,
        user: &UserId,
        change: MetadataChange<'_>,
    ) -> Result<(), StoreError> {
        query(sql::CHANGE_METADATA)
            .bind(app.as_str())
            .bind(user.as_str())
            .bind(change.entry.key.as_bytes())
            .bind(change.entry.value.as_deref().map(str::as_bytes))
            .bind(change.install_id.as_str())
            .bind(change.revision)
            .bind(change.now.0)
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }

    async fn metadata_of(
        &mut self,
        app: &AppId,
        user: &UserId,
    ) -> Result<BTreeMap<String, String>, StoreError> {
        let rows = query(sql::METADATA_OF)
            .bind(app.as_str())
            .bind(user.as_str())
            .fetch_all(&mut *self.connection)
            .await?;
        rows.iter()
            .map(|row| Reader::of("user_metadata", row))
            .map(|row| Ok((row.utf8("key")?, row.utf8("value")?)))
            .collect()
    }

    async fn forget_removed_metadata(
        &mut self,
        app: &AppId,
        user: &UserId,
        kept: u32,
    ) -> Result<(), StoreError> {
        query(sql::FORGET_REMOVED_METADATA)
            .bind(app.as_str())
            .bind(user.as_str())
            .bind(kept)
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }
}

impl Detections for SqliteTransaction<'_> {
    async fn insert_detection_if_new(
        &mut self,
        app: &AppId,
        user: &UserId,
        install: &InstallId,
        detection: &Detection,
    ) -> Result<bool, StoreError> {
        let inserted = query(sql::INSERT_DETECTION_IF_NEW)
            .bind(app.as_str())
            .bind(user.as_str())
            .bind(detection.detection_id.as_str())
            .bind(install.as_str())
            .bind(detection.kind().as_str())
            .bind(detection.time.0)
            .bind(content_of(detection)?)
            .execute(&mut *self.connection)
            .await?;
        Ok(inserted.rows_affected() > 0)
    }

    async fn find_detection(
        &mut self,
        app: &AppId,
        user: &UserId,
        detection: &DetectionId,
    ) -> Result<Option<StoredDetection>, StoreError> {
        rows::optional(
            query(sql::FIND_DETECTION)
                .bind(app.as_str())
                .bind(user.as_str())
                .bind(detection.as_str())
                .fetch_optional(&mut *self.connection)
                .await?,
        )
    }

    async fn replace_detection(
        &mut self,
        app: &AppId,
        user: &UserId,
        detection: &Detection,
    ) -> Result<(), StoreError> {
        query(sql::REPLACE_DETECTION)
            .bind(app.as_str())
            .bind(user.as_str())
            .bind(detection.detection_id.as_str())
            .bind(content_of(detection)?)
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }

    async fn list_detections(
        &mut self,
        app: &AppId,
        user: &UserId,
        kind: Option<DetectionType>,
        after: Option<&DetectionCursor>,
        limit: u32,
    ) -> Result<Vec<StoredDetection>, StoreError> {
        let statement = if kind.is_some() { sql::LIST_DETECTIONS_OF_KIND } else { sql::LIST_DETECTIONS };
        let mut listing = query(statement)
            .bind(app.as_str())
            .bind(user.as_str())
            .bind(after.map_or(-1, |cursor| cursor.time.0))
            .bind(after.map_or("", |cursor| cursor.detection_id.as_str()))
            .bind(limit);
        if let Some(kind) = kind {
            listing = listing.bind(kind.as_str());
        }
        rows::all(listing.fetch_all(&mut *self.connection).await?)
    }
}

/// What was recorded, as JSON.
fn content_of(detection: &Detection) -> Result<String, StoreError> {
    let json = match &detection.content {
        DetectionContent::Position(position) => serde_json::to_string(position),
        DetectionContent::Motion(motion) => serde_json::to_string(motion),
        DetectionContent::Trip(trip) => serde_json::to_string(trip),
    };
    json.map_err(|_| StoreError::Inconsistent { table: "detections", column: "content" })
}
