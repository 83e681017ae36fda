//! What is remembered of the clock, on SQLite.

use super::{SqliteTransaction, rows};
use crate::{
    model::ClockWatch,
    store::{ClockMemory, StoreError, sql},
};
use sqlx::query;

impl ClockMemory for SqliteTransaction<'_> {
    async fn clock_watch(&mut self) -> Result<Option<ClockWatch>, StoreError> {
        rows::optional(query(sql::FIND_CLOCK_WATCH).fetch_optional(&mut *self.connection).await?)
    }

    async fn save_clock_watch(&mut self, watch: ClockWatch) -> Result<(), StoreError> {
        query(sql::SAVE_CLOCK_WATCH)
            .bind(watch.trusted_at.0)
            .bind(watch.seen_at.0)
            .bind(watch.doubted_since.map(|since| since.0))
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }
}
