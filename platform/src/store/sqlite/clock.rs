//! What is remembered of the clock, on SQLite.

use super::SqliteTransaction;
use crate::{
    model::ClockWatch,
    store::{ClockMemory, StoreError, sql},
};

impl ClockMemory for SqliteTransaction<'_> {
    async fn clock_watch(&mut self) -> Result<Option<ClockWatch>, StoreError> {
        self.first(sql::FIND_CLOCK_WATCH, ())
    }

    async fn save_clock_watch(&mut self, watch: ClockWatch) -> Result<(), StoreError> {
        self.change(sql::SAVE_CLOCK_WATCH, (watch.trusted_at, watch.seen_at, watch.doubted_since))?;
        Ok(())
    }
}
