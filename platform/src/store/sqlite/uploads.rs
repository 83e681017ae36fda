//! Metadata and detections, on SQLite.

use super::{
    SqliteTransaction,
    rows::{Columns, FromRow},
};
use crate::{
    model::{
        AppId, Detection, DetectionContent, DetectionCursor, DetectionId, InstallId, StoredDetection, UserId,
    },
    store::{Detections, MetadataChange, Page, StoreError, StoredBytes, UserMetadata, sql},
};
use rusqlite::params;
use sentiance_protocol::DetectionType;
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

impl Detections for SqliteTransaction<'_> {
    async fn insert_detection_if_new(
        &mut self,
        app: &AppId,
        user: &UserId,
        install: &InstallId,
        detection: &Detection,
    ) -> Result<bool, StoreError> {
        let (id, kind, time) = (&detection.detection_id, detection.kind().as_str(), detection.time);
        let values = (app, user, id, install, kind, time, content_of(detection)?);
        Ok(self.change(sql::INSERT_DETECTION_IF_NEW, values)? > 0)
    }

    async fn find_detection(
        &mut self,
        app: &AppId,
        user: &UserId,
        detection: &DetectionId,
    ) -> Result<Option<StoredDetection>, StoreError> {
        self.first(sql::FIND_DETECTION, (app, user, detection))
    }

    async fn replace_detection(
        &mut self,
        app: &AppId,
        user: &UserId,
        detection: &Detection,
    ) -> Result<(), StoreError> {
        let values = (app, user, &detection.detection_id, content_of(detection)?);
        self.change(sql::REPLACE_DETECTION, values)?;
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
        let after_time = after.map_or(-1, |cursor| cursor.time.0);
        let after_id = after.map_or("", |cursor| cursor.detection_id.as_str());
        // One more tells whether there are more.
        let limit = page.limit.saturating_add(1);
        let (mut listed, mut bytes, mut has_more) = (Vec::new(), 0, false);
        // Row by row: what does not fit into the page is never in memory.
        let take = |row: &mut Columns<'_>| -> Result<bool, StoreError> {
            bytes += row.length_of("content");
            has_more = !listed.is_empty() && (listed.len() >= page.limit as usize || bytes > page.bytes);
            if !has_more {
                listed.push(StoredDetection::read(row)?);
            }
            Ok(!has_more)
        };
        match kind {
            None => {
                let values = (app, user, after_time, after_id, limit);
                self.each(sql::LIST_DETECTIONS, values, StoredDetection::TABLE, take)?;
            }
            Some(kind) => {
                let values = (app, user, after_time, after_id, limit, kind.as_str());
                self.each(sql::LIST_DETECTIONS_OF_KIND, values, StoredDetection::TABLE, take)?;
            }
        }
        Ok((listed, has_more))
    }

    async fn count_stored(
        &mut self,
        app: &AppId,
        user: &UserId,
        bytes: i64,
        day: i64,
    ) -> Result<StoredBytes, StoreError> {
        let of_user = self.first_of(sql::COUNT_STORED_OF_USER, (app, user, bytes, day), "users", |row| {
            Ok((row.bytes("stored_bytes")?, row.bytes("bytes_of_day")?))
        });
        let of_application =
            self.first_of(sql::COUNT_STORED_OF_APPLICATION, (app, bytes), "applications", |row| {
                row.bytes("stored_bytes")
            });
        let missing = |table| StoreError::Inconsistent { table, column: "stored_bytes" };
        let (of_user, of_user_today) = of_user?.ok_or(missing("users"))?;
        let of_application = of_application?.ok_or(missing("applications"))?;
        Ok(StoredBytes { of_user, of_user_today, of_application })
    }

    async fn stored_bytes(&mut self) -> Result<u64, StoreError> {
        let sum = self.first_of(sql::SUM_STORED, (), "applications", |row| row.bytes("stored_bytes"))?;
        Ok(sum.unwrap_or_default())
    }

    async fn delete_detections(
        &mut self,
        app: &AppId,
        user: &UserId,
        batch: Page,
    ) -> Result<bool, StoreError> {
        let mut last: Option<DetectionId> = None;
        let (mut count, mut bytes, mut has_more) = (0, 0, false);
        self.each(
            sql::SIZES_OF_DETECTIONS,
            (app, user, batch.limit),
            "detections",
            |row| -> Result<bool, StoreError> {
                has_more = bytes > batch.bytes as u64;
                if !has_more {
                    last = Some(row.take("detection_id")?);
                    bytes += row.bytes("bytes")?;
                    count += 1;
                }
                Ok(!has_more)
            },
        )?;
        let Some(last) = last else { return Ok(false) };
        self.change(sql::DELETE_DETECTIONS_UP_TO, (app, user, last))?;
        Ok(has_more || count >= batch.limit)
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
