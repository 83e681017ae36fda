//! Blocks of detections, trips, and the rows of earlier versions, on SQLite.

use super::{
    SqliteTransaction,
    rows::{Columns, FromRow},
};
use crate::{
    clock::Timestamp,
    model::{AppId, DetectionContent, DetectionId, DetectionKey, StoredDetection, UserId},
    store::{
        Detections, OldRows, StoreError,
        detections::{Block, Conversion, Of, Page, Start, StoredBytes},
        sql,
    },
};
use rusqlite::{Params, params};
use std::time::Duration;

impl Detections for SqliteTransaction<'_> {
    async fn list_blocks(
        &mut self,
        Of { app, user, kind }: Of<'_>,
        start: Start<'_>,
        limit: u32,
    ) -> Result<Vec<Block>, StoreError> {
        let DetectionKey { time, detection_id } = start.key;
        self.list(sql::BLOCKS.from(start), (app, user, kind.as_str(), time, detection_id, limit))
    }

    async fn insert_block(
        &mut self,
        Of { app, user, kind }: Of<'_>,
        Block { first, last, count, content }: &Block,
        dated: Timestamp,
    ) -> Result<(), StoreError> {
        let (first_id, last_id) = (&first.detection_id, &last.detection_id);
        let values = params![
            app,
            user,
            kind.as_str(),
            first.time,
            first_id,
            last.time,
            last_id,
            count,
            content,
            dated
        ];
        self.change(sql::INSERT_BLOCK, values)?;
        Ok(())
    }

    async fn replace_block(
        &mut self,
        Of { app, user, kind }: Of<'_>,
        replaced: &DetectionKey,
        Block { first, last, count, content }: &Block,
        dated: Timestamp,
    ) -> Result<(), StoreError> {
        let (first_id, last_id) = (&first.detection_id, &last.detection_id);
        let (time, id) = (replaced.time, &replaced.detection_id);
        let values = params![
            app,
            user,
            kind.as_str(),
            first.time,
            first_id,
            last.time,
            last_id,
            count,
            content,
            dated,
            time,
            id
        ];
        self.change(sql::REPLACE_BLOCK, values)?;
        Ok(())
    }

    async fn find_trip(
        &mut self,
        app: &AppId,
        user: &UserId,
        trip: &DetectionId,
    ) -> Result<Option<StoredDetection>, StoreError> {
        self.first(sql::FIND_TRIP, (app, user, trip))
    }

    async fn save_trip(
        &mut self,
        app: &AppId,
        user: &UserId,
        StoredDetection { install_id, detection }: &StoredDetection,
        dated: Timestamp,
    ) -> Result<(), StoreError> {
        let impossible = StoreError::Inconsistent { table: "trips", column: "content" };
        let DetectionContent::Trip(trip) = &detection.content else { return Err(impossible) };
        let content = serde_json::to_string(trip).map_err(|_| impossible)?;
        let values = (app, user, &detection.detection_id, install_id, detection.time, content, dated);
        self.change(sql::SAVE_TRIP, values)?;
        Ok(())
    }

    async fn list_trips(
        &mut self,
        of: Of<'_>,
        start: Start<'_>,
        page: Page,
    ) -> Result<(Vec<StoredDetection>, bool), StoreError> {
        self.list_page(&sql::TRIPS, of, start, page)
    }

    async fn count_stored(
        &mut self,
        app: &AppId,
        user: &UserId,
        bytes: i64,
        day: Option<i64>,
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
        let key = |row: &mut Columns<'_>| {
            Ok((row.take::<String>("kind")?, row.take::<Timestamp>("first_time")?, row.take("first_id")?))
        };
        let (last, has_more) =
            self.last_of_batch(sql::SIZES_OF_BLOCKS, (app, user, batch.limit), batch, key)?;
        if let Some((kind, time, id)) = last {
            let id: DetectionId = id;
            self.change(sql::DELETE_BLOCKS_UP_TO, (app, user, kind, time, id))?;
        }
        if has_more {
            return Ok(true);
        }
        for (sizes, delete) in [
            (sql::SIZES_OF_TRIPS, sql::DELETE_TRIPS_UP_TO),
            (sql::SIZES_OF_OLD_ROWS, sql::DELETE_OLD_ROWS_UP_TO),
        ] {
            let key = |row: &mut Columns<'_>| row.take::<DetectionId>("detection_id");
            let (last, has_more) = self.last_of_batch(sizes, (app, user, batch.limit), batch, key)?;
            if let Some(last) = last {
                self.change(delete, (app, user, last))?;
            }
            if has_more {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn detections_retentions(
        &mut self,
        default: Option<Duration>,
        after: Option<&AppId>,
        limit: u32,
    ) -> Result<Vec<(AppId, Duration)>, StoreError> {
        let default = default.map(|span| i64::try_from(span.as_millis()).unwrap_or(i64::MAX));
        let values = (default, after.map_or("", AppId::as_str), limit);
        let mut retentions = Vec::new();
        self.each(sql::LIST_RETENTIONS, values, "applications", |row| -> Result<_, StoreError> {
            let app = row.take("app_id")?;
            let span = row.take::<Option<i64>>("detections_retention")?.or(default).unwrap_or_default();
            retentions.push((app, Duration::from_millis(u64::try_from(span).unwrap_or_default())));
            Ok(true)
        })?;
        Ok(retentions)
    }

    async fn delete_detections_before(
        &mut self,
        app: &AppId,
        time: Timestamp,
        limit: u32,
    ) -> Result<Vec<(UserId, u64)>, StoreError> {
        let mut deleted = Vec::new();
        for (statement, table, row_bytes) in [
            (sql::DELETE_BLOCKS_BEFORE, "detection_blocks", Block::ROW_BYTES),
            (sql::DELETE_TRIPS_BEFORE, "trips", StoredDetection::ROW_BYTES),
        ] {
            self.each(statement, (app, time, limit), table, |row| -> Result<_, StoreError> {
                deleted.push((row.take("user_id")?, row.bytes("bytes")? + row_bytes as u64));
                Ok(true)
            })?;
        }
        Ok(deleted)
    }
}

impl OldRows for SqliteTransaction<'_> {
    async fn conversion(&mut self) -> Result<Conversion, StoreError> {
        let next = self.first::<(AppId, UserId)>(sql::FIND_CONVERSION, ())?;
        Ok(next.map_or(Conversion::Done, |(app, user)| Conversion::At(app, user)))
    }

    async fn advance_conversion(&mut self, is_finished: bool) -> Result<Option<(AppId, UserId)>, StoreError> {
        let Some(now) = self.first::<(AppId, UserId)>(sql::FIND_CONVERSION, ())? else { return Ok(None) };
        let statement = if is_finished { sql::NEXT_OLD_ROW_AFTER } else { sql::NEXT_OLD_ROW };
        let next = self.first::<(AppId, UserId)>(statement, (&now.0, &now.1))?;
        match &next {
            Some(next) if *next == now => {}
            Some((app, user)) => {
                self.change(sql::ADVANCE_CONVERSION, (app, user))?;
            }
            None => {
                self.change(sql::END_CONVERSION, ())?;
            }
        }
        Ok(next)
    }

    async fn find_old_row(
        &mut self,
        app: &AppId,
        user: &UserId,
        detection: &DetectionId,
    ) -> Result<Option<StoredDetection>, StoreError> {
        self.first(sql::FIND_OLD_ROW, (app, user, detection))
    }

    async fn list_old_rows(
        &mut self,
        of: Of<'_>,
        start: Start<'_>,
        page: Page,
    ) -> Result<(Vec<StoredDetection>, bool), StoreError> {
        self.list_page(&sql::OLD_ROWS, of, start, page)
    }

    async fn delete_old_row(
        &mut self,
        app: &AppId,
        user: &UserId,
        detection: &DetectionId,
    ) -> Result<(), StoreError> {
        self.change(sql::DELETE_OLD_ROW, (app, user, detection))?;
        Ok(())
    }
}

impl SqliteTransaction<'_> {
    /// Rows until the page is full, and whether there are more. Row by row: what does not fit is never in memory.
    fn list_page(
        &mut self,
        statements: &sql::Reading,
        Of { app, user, kind }: Of<'_>,
        start: Start<'_>,
        page: Page,
    ) -> Result<(Vec<StoredDetection>, bool), StoreError> {
        // One more tells whether there are more.
        let limit = page.limit.saturating_add(1);
        let DetectionKey { time, detection_id } = start.key;
        let values = (app, user, kind.as_str(), time, detection_id, limit);
        let (mut listed, mut bytes, mut has_more) = (Vec::new(), 0, false);
        self.each(
            statements.from(start),
            values,
            StoredDetection::TABLE,
            |row| -> Result<bool, StoreError> {
                bytes += row.length_of("content");
                has_more = !listed.is_empty() && (listed.len() >= page.limit as usize || bytes > page.bytes);
                if !has_more {
                    listed.push(StoredDetection::read(row)?);
                }
                Ok(!has_more)
            },
        )?;
        Ok((listed, has_more))
    }

    /// The key of the last row that fits into a batch, and whether there may be more.
    fn last_of_batch<K>(
        &mut self,
        statement: &'static str,
        values: impl Params,
        batch: Page,
        key: impl Fn(&mut Columns<'_>) -> Result<K, StoreError>,
    ) -> Result<(Option<K>, bool), StoreError> {
        let mut last = None;
        let (mut count, mut bytes, mut has_more) = (0, 0, false);
        self.each(statement, values, "detections", |row| -> Result<bool, StoreError> {
            has_more = bytes > batch.bytes as u64;
            if !has_more {
                last = Some(key(row)?);
                bytes += row.bytes("bytes")?;
                count += 1;
            }
            Ok(!has_more)
        })?;
        Ok((last, has_more || count >= batch.limit))
    }
}
