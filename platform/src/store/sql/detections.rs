//! Blocks of detections, trips, and the rows of earlier versions.

use super::{
    Engine, Sql,
    engine::Ask,
    rows::{Columns, FromRow},
    texts::{self, Reading},
    values::values,
};
use crate::{
    clock::Timestamp,
    model::{AppId, DetectionContent, DetectionId, DetectionKey, StoredDetection, UserId},
    store::{
        Detections, OldRows, StoreError,
        detections::{Block, Conversion, Of, Page, Start, StoredBytes},
    },
};
use std::{future::Future, time::Duration};

impl<E: Engine> Detections for E {
    async fn list_blocks(
        &mut self,
        Of { app, user, kind }: Of<'_>,
        start: Start<'_>,
        limit: u32,
    ) -> Result<Vec<Block>, StoreError> {
        let DetectionKey { time, detection_id } = start.key;
        self.list(texts::BLOCKS.from(start), values![app, user, kind.as_str(), time, detection_id, limit])
            .await
    }

    async fn insert_block(
        &mut self,
        Of { app, user, kind }: Of<'_>,
        Block { first, last, count, content }: &Block,
        dated: Timestamp,
    ) -> Result<(), StoreError> {
        let (first_id, last_id) = (&first.detection_id, &last.detection_id);
        self.post(
            &texts::INSERT_BLOCK,
            values![
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
            ],
        )
        .await
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
        self.post(
            &texts::REPLACE_BLOCK,
            values![
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
            ],
        )
        .await
    }

    async fn find_trip(
        &mut self,
        app: &AppId,
        user: &UserId,
        trip: &DetectionId,
    ) -> Result<Option<StoredDetection>, StoreError> {
        self.first(&texts::FIND_TRIP, values![app, user, trip]).await
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
        self.post(
            &texts::SAVE_TRIP,
            values![app, user, &detection.detection_id, install_id, detection.time, content, dated],
        )
        .await
    }

    async fn list_trips(
        &mut self,
        of: Of<'_>,
        start: Start<'_>,
        page: Page,
    ) -> Result<(Vec<StoredDetection>, bool), StoreError> {
        self.list_page(&texts::TRIPS, of, start, page).await
    }

    async fn count_stored(
        &mut self,
        app: &AppId,
        user: &UserId,
        bytes: i64,
        day: Option<i64>,
    ) -> Result<StoredBytes, StoreError> {
        let of_user = self
            .first_of(&texts::COUNT_STORED_OF_USER, values![app, user, bytes, day], "users", |row| {
                Ok((row.bytes("stored_bytes")?, row.bytes("bytes_of_day")?))
            })
            .await;
        let of_application = self
            .first_of(&texts::COUNT_STORED_OF_APPLICATION, values![app, bytes], "applications", |row| {
                row.bytes("stored_bytes")
            })
            .await;
        let missing = |table| StoreError::Inconsistent { table, column: "stored_bytes" };
        let (of_user, of_user_today) = of_user?.ok_or(missing("users"))?;
        let of_application = of_application?.ok_or(missing("applications"))?;
        Ok(StoredBytes { of_user, of_user_today, of_application })
    }

    async fn stored_bytes(&mut self) -> Result<u64, StoreError> {
        let sum = self
            .first_of(&texts::SUM_STORED, values![], "applications", |row| row.bytes("stored_bytes"))
            .await?;
        Ok(sum.unwrap_or_default())
    }

    async fn delete_detections(
        &mut self,
        app: &AppId,
        user: &UserId,
        batch: Page,
    ) -> Result<Option<Page>, StoreError> {
        let key = |row: &mut Columns<'_>| {
            Ok((row.take::<String>("kind")?, row.take::<Timestamp>("first_time")?, row.take("first_id")?))
        };
        let (last, rest) = self.last_of_batch(&texts::SIZES_OF_BLOCKS, (app, user), batch, key).await?;
        if let Some((kind, time, id)) = last {
            let id: DetectionId = id;
            self.post(&texts::DELETE_BLOCKS_UP_TO, values![app, user, kind, time, id]).await?;
        }
        let Some(mut batch) = rest else { return Ok(None) };
        let old_rows = (&texts::SIZES_OF_OLD_ROWS, &texts::DELETE_OLD_ROWS_UP_TO);
        let trips = (&texts::SIZES_OF_TRIPS, &texts::DELETE_TRIPS_UP_TO);
        for (sizes, delete) in [trips].into_iter().chain(E::HAS_OLD_ROWS.then_some(old_rows)) {
            let key = |row: &mut Columns<'_>| row.take::<DetectionId>("detection_id");
            let (last, rest) = self.last_of_batch(sizes, (app, user), batch, key).await?;
            if let Some(last) = last {
                self.post(delete, values![app, user, last]).await?;
            }
            let Some(rest) = rest else { return Ok(None) };
            batch = rest;
        }
        Ok(Some(batch))
    }

    async fn detections_retentions(
        &mut self,
        default: Option<Duration>,
        after: Option<&AppId>,
        limit: u32,
    ) -> Result<Vec<(AppId, Duration)>, StoreError> {
        let default_ms = default.map(|span| i64::try_from(span.as_millis()).unwrap_or(i64::MAX));
        let mut retentions = Vec::new();
        self.each(
            &texts::LIST_RETENTIONS,
            values![default_ms, after.map_or("", AppId::as_str), limit],
            "applications",
            |row| {
                let app = row.take("app_id")?;
                let span =
                    row.take::<Option<i64>>("detections_retention")?.or(default_ms).unwrap_or_default();
                retentions.push((app, Duration::from_millis(u64::try_from(span).unwrap_or_default())));
                Ok(true)
            },
        )
        .await?;
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
            (&texts::DELETE_BLOCKS_BEFORE, "detection_blocks", Block::ROW_BYTES),
            (&texts::DELETE_TRIPS_BEFORE, "trips", StoredDetection::ROW_BYTES),
        ] {
            self.each(statement, values![app, time, limit], table, |row| {
                deleted.push((row.take("user_id")?, row.bytes("bytes")? + row_bytes as u64));
                Ok(true)
            })
            .await?;
        }
        Ok(deleted)
    }
}

impl<E: Engine> OldRows for E {
    async fn conversion(&mut self) -> Result<Conversion, StoreError> {
        if !E::HAS_OLD_ROWS {
            return Ok(Conversion::Done);
        }
        let next = self.first::<(AppId, UserId)>(&texts::FIND_CONVERSION, values![]).await?;
        Ok(next.map_or(Conversion::Done, |(app, user)| Conversion::At(app, user)))
    }

    async fn advance_conversion(&mut self, is_finished: bool) -> Result<Option<(AppId, UserId)>, StoreError> {
        if !E::HAS_OLD_ROWS {
            return Ok(None);
        }
        let Some(now) = self.first::<(AppId, UserId)>(&texts::FIND_CONVERSION, values![]).await? else {
            return Ok(None);
        };
        let statement = if is_finished { &texts::NEXT_OLD_ROW_AFTER } else { &texts::NEXT_OLD_ROW };
        let next = self.first::<(AppId, UserId)>(statement, values![now.0, now.1]).await?;
        match &next {
            Some(next) if *next == now => {}
            Some((app, user)) => {
                self.post(&texts::ADVANCE_CONVERSION, values![app, user]).await?;
            }
            None => {
                self.post(&texts::END_CONVERSION, values![]).await?;
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
        self.first(&texts::FIND_OLD_ROW, values![app, user, detection]).await
    }

    async fn list_old_rows(
        &mut self,
        of: Of<'_>,
        start: Start<'_>,
        page: Page,
    ) -> Result<(Vec<StoredDetection>, bool), StoreError> {
        self.list_page(&texts::OLD_ROWS, of, start, page).await
    }

    async fn delete_old_row(
        &mut self,
        app: &AppId,
        user: &UserId,
        detection: &DetectionId,
    ) -> Result<(), StoreError> {
        self.post(&texts::DELETE_OLD_ROW, values![app, user, detection]).await
    }
}

/// The place of the content in what [`StoredDetection::read`] reads.
const CONTENT: usize = 4;

/// Pages and batches.
trait Pages: Engine + Sized {
    /// Rows until the page is full, and whether there are more. What does not fit is never in memory, but for one row.
    fn list_page(
        &mut self,
        statements: &Reading,
        Of { app, user, kind }: Of<'_>,
        start: Start<'_>,
        page: Page,
    ) -> impl Future<Output = Result<(Vec<StoredDetection>, bool), StoreError>> + Send {
        async move {
            // One more tells whether there are more.
            let limit = page.limit.saturating_add(1);
            let (mut listed, mut bytes, mut has_more) = (Vec::new(), 0, false);
            let take = |row: &mut Columns<'_>| {
                bytes += row.length_at(CONTENT);
                has_more = !listed.is_empty() && (listed.len() >= page.limit as usize || bytes > page.bytes);
                if !has_more {
                    listed.push(StoredDetection::read(row)?);
                }
                Ok(!has_more)
            };
            let DetectionKey { time, detection_id } = start.key;
            let kind = kind.as_str();
            let most = i64::try_from(page.bytes).unwrap_or(i64::MAX);
            let values = values![app, user, kind, time, detection_id, limit, most];
            self.each(statements.from(start), values, StoredDetection::TABLE, take).await?;
            Ok((listed, has_more))
        }
    }

    /// The key of the last row that fits into a batch, and what is left of the batch; nothing where there may be more rows.
    fn last_of_batch<K: Send>(
        &mut self,
        statement: &'static Sql,
        (app, user): (&AppId, &UserId),
        batch: Page,
        key: impl Fn(&mut Columns<'_>) -> Result<K, StoreError> + Send + Sync,
    ) -> impl Future<Output = Result<(Option<K>, Option<Page>), StoreError>> + Send {
        async move {
            let mut last = None;
            let (mut count, mut bytes, mut is_full) = (0, 0, false);
            let take = |row: &mut Columns<'_>| {
                is_full = bytes > batch.bytes as u64;
                if !is_full {
                    last = Some(key(row)?);
                    bytes += row.bytes("bytes")?;
                    count += 1;
                }
                Ok(!is_full)
            };
            self.each(statement, values![app, user, batch.limit], "detections", take).await?;
            let limit = batch.limit.saturating_sub(count);
            let taken = usize::try_from(bytes).unwrap_or(usize::MAX);
            let rest = Page { limit, bytes: batch.bytes.saturating_sub(taken) };
            Ok((last, (!is_full && limit > 0).then_some(rest)))
        }
    }
}

impl<E: Engine> Pages for E {}
