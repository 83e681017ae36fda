//! Pairs of tokens and tombstones, on SQLite.

use super::{
    SqliteTransaction,
    rows::{self, Reader},
};
use crate::{
    clock::Timestamp,
    model::{AppId, InstallId, Session, TokenPair},
    secret::{AccessToken, Family, Hashed, IdempotencyKey, RefreshToken},
    store::{StoreError, Tokens, sql},
};
use sqlx::query;

impl SqliteTransaction<'_> {
    async fn session_by<K>(
        &mut self,
        statement: &'static str,
        hash: Hashed<K>,
    ) -> Result<Option<Session>, StoreError> {
        rows::optional(query(statement).bind(hash.as_bytes()).fetch_optional(&mut *self.connection).await?)
    }

    async fn change_pairs(
        &mut self,
        statement: &'static str,
        app: &AppId,
        install: &InstallId,
    ) -> Result<(), StoreError> {
        query(statement).bind(app.as_str()).bind(install.as_str()).execute(&mut *self.connection).await?;
        Ok(())
    }

    /// The install's newest pair has this generation.
    async fn count_pair(
        &mut self,
        app: &AppId,
        install: &InstallId,
        generation: u32,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        query(sql::COUNT_PAIR)
            .bind(app.as_str())
            .bind(install.as_str())
            .bind(generation)
            .bind(now.0)
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }
}

impl Tokens for SqliteTransaction<'_> {
    async fn insert_current_pair(&mut self, pair: &TokenPair, now: Timestamp) -> Result<(), StoreError> {
        query(sql::INSERT_CURRENT_PAIR)
            .bind(pair.app_id.as_str())
            .bind(pair.install_id.as_str())
            .bind(pair.generation)
            .bind(pair.access.as_bytes())
            .bind(pair.refresh.as_bytes())
            .bind(pair.access_expires_at.0)
            .bind(pair.refresh_expires_at.0)
            .execute(&mut *self.connection)
            .await?;
        self.count_pair(&pair.app_id, &pair.install_id, pair.generation, now).await
    }

    async fn find_by_access(&mut self, hash: Hashed<AccessToken>) -> Result<Option<Session>, StoreError> {
        self.session_by(sql::FIND_BY_ACCESS, hash).await
    }

    async fn find_by_refresh(&mut self, hash: Hashed<RefreshToken>) -> Result<Option<Session>, StoreError> {
        self.session_by(sql::FIND_BY_REFRESH, hash).await
    }

    async fn find_by_family(&mut self, hash: Hashed<Family>) -> Result<Option<Session>, StoreError> {
        self.session_by(sql::FIND_BY_FAMILY, hash).await
    }

    async fn find_current(
        &mut self,
        app: &AppId,
        install: &InstallId,
    ) -> Result<Option<Session>, StoreError> {
        rows::optional(
            query(sql::FIND_CURRENT)
                .bind(app.as_str())
                .bind(install.as_str())
                .fetch_optional(&mut *self.connection)
                .await?,
        )
    }

    async fn mark_used(&mut self, hash: Hashed<AccessToken>, now: Timestamp) -> Result<(), StoreError> {
        query(sql::MARK_USED).bind(hash.as_bytes()).bind(now.0).execute(&mut *self.connection).await?;
        Ok(())
    }

    async fn supersede_current(&mut self, app: &AppId, install: &InstallId) -> Result<(), StoreError> {
        self.change_pairs(sql::SUPERSEDE_CURRENT, app, install).await
    }

    async fn is_alternative(
        &mut self,
        app: &AppId,
        install: &InstallId,
        generation: u32,
    ) -> Result<bool, StoreError> {
        let found = query(sql::IS_ALTERNATIVE)
            .bind(app.as_str())
            .bind(install.as_str())
            .bind(generation)
            .fetch_optional(&mut *self.connection)
            .await?;
        Ok(found.is_some())
    }

    async fn make_current(
        &mut self,
        app: &AppId,
        install: &InstallId,
        generation: u32,
        new_generation: u32,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        query(sql::MAKE_CURRENT)
            .bind(app.as_str())
            .bind(install.as_str())
            .bind(generation)
            .bind(new_generation)
            .execute(&mut *self.connection)
            .await?;
        self.count_pair(app, install, new_generation, now).await
    }

    async fn mark_exchanged(
        &mut self,
        app: &AppId,
        install: &InstallId,
        generation: u32,
        key: Hashed<IdempotencyKey>,
    ) -> Result<(), StoreError> {
        query(sql::MARK_EXCHANGED)
            .bind(app.as_str())
            .bind(install.as_str())
            .bind(generation)
            .bind(key.as_bytes())
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }

    async fn delete_exchanged(&mut self, app: &AppId, install: &InstallId) -> Result<(), StoreError> {
        self.change_pairs(sql::DELETE_EXCHANGED, app, install).await
    }

    async fn delete_superseded(
        &mut self,
        app: &AppId,
        install: &InstallId,
        up_to_generation: u32,
    ) -> Result<(), StoreError> {
        query(sql::DELETE_SUPERSEDED)
            .bind(app.as_str())
            .bind(install.as_str())
            .bind(up_to_generation)
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }

    async fn delete_pairs(&mut self, app: &AppId, install: &InstallId) -> Result<(), StoreError> {
        self.change_pairs(sql::DELETE_PAIRS, app, install).await
    }

    async fn bury_tokens(
        &mut self,
        app: &AppId,
        install: &InstallId,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        query(sql::BURY_TOKENS)
            .bind(app.as_str())
            .bind(install.as_str())
            .bind(until.0)
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }

    async fn bury<K: Send>(
        &mut self,
        app: &AppId,
        hash: Hashed<K>,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        query(sql::BURY)
            .bind(app.as_str())
            .bind(hash.as_bytes())
            .bind(until.0)
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }

    async fn find_tombstone<K: Send>(&mut self, hash: Hashed<K>) -> Result<Option<AppId>, StoreError> {
        let row =
            query(sql::FIND_TOMBSTONE).bind(hash.as_bytes()).fetch_optional(&mut *self.connection).await?;
        row.as_ref().map(|row| Reader::of("token_tombstones", row).app_id()).transpose()
    }

    async fn delete_tombstones_before(&mut self, time: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.delete_before(sql::DELETE_TOMBSTONES_BEFORE, time, limit).await
    }
}
