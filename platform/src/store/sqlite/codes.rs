//! Authentication codes, on SQLite.

use super::{
    SqliteTransaction,
    rows::{self, Reader},
};
use crate::{
    clock::Timestamp,
    model::{AppId, CodeUse, ExternalId, InstallId, Redemption},
    secret::{Code, Hashed},
    store::{AuthenticationCodes, StoreError, sql},
};
use sqlx::query;

impl AuthenticationCodes for SqliteTransaction<'_> {
    async fn insert_code(
        &mut self,
        app: &AppId,
        hash: Hashed<Code>,
        external_id: &ExternalId,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        query(sql::INSERT_CODE)
            .bind(app.as_str())
            .bind(hash.as_bytes())
            .bind(external_id.as_str())
            .bind(expires_at.0)
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }

    async fn consume_code(
        &mut self,
        hash: Hashed<Code>,
        now: Timestamp,
    ) -> Result<Option<(AppId, ExternalId)>, StoreError> {
        let row = query(sql::CONSUME_CODE)
            .bind(hash.as_bytes())
            .bind(now.0)
            .fetch_optional(&mut *self.connection)
            .await?;
        row.as_ref()
            .map(|row| Reader::of("authentication_codes", row))
            .map(|row| Ok((row.app_id()?, row.external_id()?)))
            .transpose()
    }

    async fn record_redemption(
        &mut self,
        hash: Hashed<Code>,
        redemption: &Redemption,
    ) -> Result<(), StoreError> {
        query(sql::RECORD_REDEMPTION)
            .bind(redemption.app_id.as_str())
            .bind(hash.as_bytes())
            .bind(redemption.install_id.as_str())
            .bind(redemption.idempotency_key.as_bytes())
            .bind(redemption.generation)
            .bind(redemption.created_user)
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }

    async fn find_redemption(
        &mut self,
        hash: Hashed<Code>,
        not_expired_before: Timestamp,
    ) -> Result<Option<Redemption>, StoreError> {
        rows::optional(
            query(sql::FIND_REDEMPTION)
                .bind(hash.as_bytes())
                .bind(not_expired_before.0)
                .fetch_optional(&mut *self.connection)
                .await?,
        )
    }

    async fn has_code(&mut self, hash: Hashed<Code>) -> Result<bool, StoreError> {
        let row = query(sql::HAS_CODE).bind(hash.as_bytes()).fetch_optional(&mut *self.connection).await?;
        Ok(row.is_some())
    }

    async fn record_code_link(
        &mut self,
        app: &AppId,
        hash: Hashed<Code>,
        install: &InstallId,
    ) -> Result<(), StoreError> {
        query(sql::RECORD_CODE_LINK)
            .bind(app.as_str())
            .bind(hash.as_bytes())
            .bind(install.as_str())
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }

    async fn find_code_link(
        &mut self,
        app: &AppId,
        hash: Hashed<Code>,
        install: &InstallId,
    ) -> Result<Option<ExternalId>, StoreError> {
        let row = query(sql::FIND_CODE_LINK)
            .bind(app.as_str())
            .bind(hash.as_bytes())
            .bind(install.as_str())
            .fetch_optional(&mut *self.connection)
            .await?;
        row.as_ref().map(|row| Reader::of("authentication_codes", row).external_id()).transpose()
    }

    async fn find_code_use(
        &mut self,
        hash: Hashed<Code>,
        not_expired_before: Timestamp,
    ) -> Result<Option<CodeUse>, StoreError> {
        rows::optional(
            query(sql::FIND_CODE_USE)
                .bind(hash.as_bytes())
                .bind(not_expired_before.0)
                .fetch_optional(&mut *self.connection)
                .await?,
        )
    }

    async fn delete_codes_before(
        &mut self,
        expired_before: Timestamp,
        limit: u32,
    ) -> Result<u64, StoreError> {
        self.delete_before(sql::DELETE_CODES_BEFORE, expired_before, limit).await
    }

    async fn delete_codes_of(
        &mut self,
        app: &AppId,
        external_id: &ExternalId,
        last_expiry: Timestamp,
        limit: u32,
    ) -> Result<u64, StoreError> {
        let deleted = query(sql::DELETE_CODES_OF)
            .bind(app.as_str())
            .bind(external_id.as_str())
            .bind(last_expiry.0)
            .bind(limit)
            .execute(&mut *self.connection)
            .await?;
        Ok(deleted.rows_affected())
    }
}
