//! Pairs of tokens and tombstones.

use super::{Engine, engine::Ask, texts, values::values};
use crate::{
    clock::Timestamp,
    model::{AppId, InstallId, Session, TokenPair},
    secret::{AccessToken, Family, Hashed, IdempotencyKey, RefreshToken},
    store::{StoreError, Tokens},
};

impl<E: Engine> Tokens for E {
    async fn insert_current_pair(&mut self, pair: &TokenPair) -> Result<(), StoreError> {
        let TokenPair { app_id, install_id, generation, access, refresh, .. } = pair;
        let (access_expires_at, refresh_expires_at) = (pair.access_expires_at, pair.refresh_expires_at);
        self.post(
            &texts::INSERT_CURRENT_PAIR,
            values![app_id, install_id, generation, access, refresh, access_expires_at, refresh_expires_at],
        )
        .await
    }

    async fn count_pair(
        &mut self,
        app: &AppId,
        install: &InstallId,
        generation: u32,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.post(&texts::COUNT_PAIR, values![app, install, generation, now]).await
    }

    async fn find_by_access(&mut self, hash: Hashed<AccessToken>) -> Result<Option<Session>, StoreError> {
        let app = hash.app();
        let (statement, values) = texts::BY_ACCESS.of(&app, values![hash]);
        self.first(statement, &values).await
    }

    async fn find_by_refresh(&mut self, hash: Hashed<RefreshToken>) -> Result<Option<Session>, StoreError> {
        let app = hash.app();
        let (statement, values) = texts::BY_REFRESH.of(&app, values![hash]);
        self.first(statement, &values).await
    }

    async fn find_by_family(&mut self, hash: Hashed<Family>) -> Result<Option<Session>, StoreError> {
        let app = hash.app();
        let (statement, values) = texts::BY_FAMILY.of(&app, values![hash]);
        self.first(statement, &values).await
    }

    async fn find_current(
        &mut self,
        app: &AppId,
        install: &InstallId,
    ) -> Result<Option<Session>, StoreError> {
        self.first(&texts::FIND_CURRENT, values![app, install]).await
    }

    async fn mark_used(&mut self, hash: Hashed<AccessToken>, now: Timestamp) -> Result<(), StoreError> {
        let app = hash.app();
        let (statement, values) = texts::MARKING_USED.of(&app, values![hash, now]);
        self.post(statement, &values).await
    }

    async fn supersede_current(&mut self, app: &AppId, install: &InstallId) -> Result<(), StoreError> {
        self.post(&texts::SUPERSEDE_CURRENT, values![app, install]).await
    }

    async fn is_alternative(
        &mut self,
        app: &AppId,
        install: &InstallId,
        generation: u32,
    ) -> Result<bool, StoreError> {
        self.exists(&texts::IS_ALTERNATIVE, values![app, install, generation]).await
    }

    async fn make_current(
        &mut self,
        app: &AppId,
        install: &InstallId,
        generation: u32,
        new_generation: u32,
    ) -> Result<(), StoreError> {
        self.post(&texts::MAKE_CURRENT, values![app, install, generation, new_generation]).await
    }

    async fn mark_exchanged(
        &mut self,
        app: &AppId,
        install: &InstallId,
        generation: u32,
        key: Hashed<IdempotencyKey>,
    ) -> Result<(), StoreError> {
        self.post(&texts::MARK_EXCHANGED, values![app, install, generation, key]).await
    }

    async fn delete_exchanged(&mut self, app: &AppId, install: &InstallId) -> Result<(), StoreError> {
        self.post(&texts::DELETE_EXCHANGED, values![app, install]).await
    }

    async fn delete_superseded(
        &mut self,
        app: &AppId,
        install: &InstallId,
        up_to_generation: u32,
    ) -> Result<(), StoreError> {
        self.post(&texts::DELETE_SUPERSEDED, values![app, install, up_to_generation]).await
    }

    async fn delete_pairs(&mut self, app: &AppId, install: &InstallId) -> Result<(), StoreError> {
        self.post(&texts::DELETE_PAIRS, values![app, install]).await
    }

    async fn bury_tokens(
        &mut self,
        app: &AppId,
        install: &InstallId,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        self.post(&texts::BURY_TOKENS, values![app, install, until]).await
    }

    async fn bury<K: Send>(
        &mut self,
        app: &AppId,
        hash: Hashed<K>,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        self.post(&texts::BURY, values![app, hash, until]).await
    }

    async fn find_tombstone<K: Send>(&mut self, hash: Hashed<K>) -> Result<Option<AppId>, StoreError> {
        let app = hash.app();
        let (statement, values) = texts::TOMBSTONE.of(&app, values![hash]);
        self.first_of(statement, &values, "token_tombstones", |row| row.take("app_id")).await
    }

    async fn delete_tombstones_before(&mut self, time: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.delete_before(&texts::DELETE_TOMBSTONES_BEFORE, time, limit).await
    }
}
