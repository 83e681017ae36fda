//! What is remembered of the clock.

use super::{Engine, engine::Ask, texts, values::values};
use crate::{
    model::ClockWatch,
    store::{ClockMemory, StoreError},
};

impl<E: Engine> ClockMemory for E {
    async fn clock_watch(&mut self) -> Result<Option<ClockWatch>, StoreError> {
        self.first(&texts::FIND_CLOCK_WATCH, values![]).await
    }

    async fn save_clock_watch(&mut self, watch: ClockWatch) -> Result<(), StoreError> {
        self.post(&texts::SAVE_CLOCK_WATCH, values![watch.trusted_at, watch.seen_at, watch.doubted_since])
            .await
    }
}
