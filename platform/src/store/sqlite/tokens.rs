//! Pairs of tokens and tombstones, on SQLite.

use super::SqliteTransaction;
use crate::{
    clock::Timestamp,
    model::{AppId, InstallId, Session, TokenPair},
    secret::{AccessToken, Family, Hashed, IdempotencyKey, RefreshToken},
    store::{StoreError, Tokens, sql},
};

impl Tokens for SqliteTransaction<'_> {
    async fn insert_current_pair(&mut self, pair: &TokenPair) -> Result<(), StoreError> {
        let TokenPair { app_id, install_id, generation, access, refresh, .. } = pair;
        let (access_expires_at, refresh_expires_at) = (pair.access_expires_at, pair.refresh_expires_at);
        let values = (app_id, install_id, generation, access, refresh, access_expires_at, refresh_expires_at);
        self.change(sql::INSERT_CURRENT_PAIR, values)?;
        Ok(())
    }

    async fn count_pair(
        &mut self,
        app: &AppId,
        install: &InstallId,
        generation: u32,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.change(sql::COUNT_PAIR, (app, install, generation, now))?;
        Ok(())
    }

    async fn find_by_access(&mut self, hash: Hashed<AccessToken>) -> Result<Option<Session>, StoreError> {
        self.first(sql::FIND_BY_ACCESS, (hash,))
    }

    async fn find_by_refresh(&mut self, hash: Hashed<RefreshToken>) -> Result<Option<Session>, StoreError> {
        self.first(sql::FIND_BY_REFRESH, (hash,))
    }

    async fn find_by_family(&mut self, hash: Hashed<Family>) -> Result<Option<Session>, StoreError> {
        self.first(sql::FIND_BY_FAMILY, (hash,))
    }

    async fn find_current(
        &mut self,
        app: &AppId,
        install: &InstallId,
    ) -> Result<Option<Session>, StoreError> {
        self.first(sql::FIND_CURRENT, (app, install))
    }

    async fn mark_used(&mut self, hash: Hashed<AccessToken>, now: Timestamp) -> Result<(), StoreError> {
        self.change(sql::MARK_USED, (hash, now))?;
        Ok(())
    }

    async fn supersede_current(&mut self, app: &AppId, install: &InstallId) -> Result<(), StoreError> {
        self.change(sql::SUPERSEDE_CURRENT, (app, install))?;
        Ok(())
    }

    async fn is_alternative(
        &mut self,
        app: &AppId,
        install: &InstallId,
        generation: u32,
    ) -> Result<bool, StoreError> {
        self.exists(sql::IS_ALTERNATIVE, (app, install, generation))
    }

    async fn make_current(
        &mut self,
        app: &AppId,
        install: &InstallId,
        generation: u32,
        new_generation: u32,
    ) -> Result<(), StoreError> {
        self.change(sql::MAKE_CURRENT, (app, install, generation, new_generation))?;
        Ok(())
    }

    async fn mark_exchanged(
        &mut self,
        app: &AppId,
        install: &InstallId,
        generation: u32,
        key: Hashed<IdempotencyKey>,
    ) -> Result<(), StoreError> {
        self.change(sql::MARK_EXCHANGED, (app, install, generation, key))?;
        Ok(())
    }

    async fn delete_exchanged(&mut self, app: &AppId, install: &InstallId) -> Result<(), StoreError> {
        self.change(sql::DELETE_EXCHANGED, (app, install))?;
        Ok(())
    }

    async fn delete_superseded(
        &mut self,
        app: &AppId,
        install: &InstallId,
        up_to_generation: u32,
    ) -> Result<(), StoreError> {
        self.change(sql::DELETE_SUPERSEDED, (app, install, up_to_generation))?;
        Ok(())
    }

    async fn delete_pairs(&mut self, app: &AppId, install: &InstallId) -> Result<(), StoreError> {
        self.change(sql::DELETE_PAIRS, (app, install))?;
        Ok(())
    }

    async fn bury_tokens(
        &mut self,
        app: &AppId,
        install: &InstallId,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        self.change(sql::BURY_TOKENS, (app, install, until))?;
        Ok(())
    }

    async fn bury<K: Send>(
        &mut self,
        app: &AppId,
        hash: Hashed<K>,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        self.change(sql::BURY, (app, hash, until))?;
        Ok(())
    }

    async fn find_tombstone<K: Send>(&mut self, hash: Hashed<K>) -> Result<Option<AppId>, StoreError> {
        self.first_of(sql::FIND_TOMBSTONE, (hash,), "token_tombstones", |row| row.take("app_id"))
    }

    async fn delete_tombstones_before(&mut self, time: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.delete_before(sql::DELETE_TOMBSTONES_BEFORE, time, limit)
    }
}
