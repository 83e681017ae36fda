//! Metadata and detections, on SQLite.

use super::{
    SqliteTransaction,
    rows::{self, Reader},
};
use crate::{
    model::{
        AppId, Detection, DetectionContent, DetectionCursor, DetectionId, InstallId, StoredDetection, UserId,
    },
    store::{Detections, MetadataChange, Page, StoreError, StoredBytes, UserMetadata, sql},
};
use futures_util::TryStreamExt;
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

    async fn newest_metadata_revision(
        &mut self,
        app: &AppId,
        user: &UserId,
        install: &InstallId,
    ) -> Result<u32, StoreError> {
        let row = query(sql::NEWEST_METADATA_REVISION)
            .bind(app.as_str())
            .bind(user.as_str())
            .bind(install.as_str())
            .fetch_one(&mut *self.connection)
            .await?;
        Reader::of("user_metadata", &row).count("revision")
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

    async fn delete_metadata(&mut self, app: &AppId, user: &UserId) -> Result<(), StoreError> {
        query(sql::DELETE_METADATA)
            .bind(app.as_str())
            .bind(user.as_str())
            .execute(&mut *self.connection)
            .await?;
        Ok(())
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
        page: Page,
    ) -> Result<(Vec<StoredDetection>, bool), StoreError> {
        let statement = if kind.is_some() { sql::LIST_DETECTIONS_OF_KIND } else { sql::LIST_DETECTIONS };
        let mut listing = query(statement)
            .bind(app.as_str())
            .bind(user.as_str())
            .bind(after.map_or(-1, |cursor| cursor.time.0))
            .bind(after.map_or("", |cursor| cursor.detection_id.as_str()))
            // One more tells whether there are more.
            .bind(page.limit.saturating_add(1));
        if let Some(kind) = kind {
            listing = listing.bind(kind.as_str());
        }
        // Row by row: what does not fit into the page is never in memory.
        let mut rows = listing.fetch(&mut *self.connection);
        let (mut listed, mut bytes) = (Vec::new(), 0);
        while let Some(row) = rows.try_next().await? {
            bytes += Reader::of("detections", &row).get::<&str>("content")?.len();
            if !listed.is_empty() && (listed.len() >= page.limit as usize || bytes > page.bytes) {
                return Ok((listed, true));
            }
            listed.push(rows::one(&row)?);
        }
        Ok((listed, false))
    }

    async fn count_stored(
        &mut self,
        app: &AppId,
        user: &UserId,
        bytes: i64,
        day: i64,
    ) -> Result<StoredBytes, StoreError> {
        let of_user = query(sql::COUNT_STORED_OF_USER)
            .bind(app.as_str())
            .bind(user.as_str())
            .bind(bytes)
            .bind(day)
            .fetch_one(&mut *self.connection)
            .await?;
        let of_application = query(sql::COUNT_STORED_OF_APPLICATION)
            .bind(app.as_str())
            .bind(bytes)
            .fetch_one(&mut *self.connection)
            .await?;
        let of_user = Reader::of("users", &of_user);
        Ok(StoredBytes {
            of_user: of_user.bytes("stored_bytes")?,
            of_user_today: of_user.bytes("bytes_of_day")?,
            of_application: Reader::of("applications", &of_application).bytes("stored_bytes")?,
        })
    }

    async fn stored_bytes(&mut self) -> Result<u64, StoreError> {
        let row = query(sql::SUM_STORED).fetch_one(&mut *self.connection).await?;
        Reader::of("applications", &row).bytes("stored_bytes")
    }

    async fn delete_detections(
        &mut self,
        app: &AppId,
        user: &UserId,
        batch: Page,
    ) -> Result<bool, StoreError> {
        let sizes = query(sql::SIZES_OF_DETECTIONS)
            .bind(app.as_str())
            .bind(user.as_str())
            .bind(batch.limit)
            .fetch_all(&mut *self.connection)
            .await?;
        let (mut last, mut count, mut bytes) = (None, 0, 0);
        for row in &sizes {
            let row = Reader::of("detections", row);
            if bytes > batch.bytes as u64 {
                break;
            }
            bytes += row.bytes("bytes")?;
            last = Some(row.get::<&str>("detection_id")?);
            count += 1;
        }
        let Some(last) = last else { return Ok(false) };
        query(sql::DELETE_DETECTIONS_UP_TO)
            .bind(app.as_str())
            .bind(user.as_str())
            .bind(last)
            .execute(&mut *self.connection)
            .await?;
        Ok(count < sizes.len() || sizes.len() >= batch.limit as usize)
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
