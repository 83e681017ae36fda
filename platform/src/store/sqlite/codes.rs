//! Authentication codes, on SQLite.

use super::SqliteTransaction;
use crate::{
    clock::Timestamp,
    model::{AppId, CodeUse, ExternalId, InstallId, Redemption},
    secret::{Code, Hashed},
    store::{AuthenticationCodes, StoreError, sql},
};

impl AuthenticationCodes for SqliteTransaction<'_> {
    async fn insert_code(
        &mut self,
        app: &AppId,
        hash: Hashed<Code>,
        external_id: &ExternalId,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        self.change(sql::INSERT_CODE, (app, hash, external_id, expires_at))?;
        Ok(())
    }

    async fn consume_code(
        &mut self,
        hash: Hashed<Code>,
        now: Timestamp,
    ) -> Result<Option<(AppId, ExternalId)>, StoreError> {
        self.first(sql::CONSUME_CODE, (hash, now))
    }

    async fn record_redemption(
        &mut self,
        hash: Hashed<Code>,
        redemption: &Redemption,
    ) -> Result<(), StoreError> {
        let Redemption { app_id, install_id, idempotency_key, generation, created_user } = redemption;
        let values = (app_id, hash, install_id, idempotency_key, generation, created_user);
        self.change(sql::RECORD_REDEMPTION, values)?;
        Ok(())
    }

    async fn find_redemption(
        &mut self,
        hash: Hashed<Code>,
        not_expired_before: Timestamp,
    ) -> Result<Option<Redemption>, StoreError> {
        self.first(sql::FIND_REDEMPTION, (hash, not_expired_before))
    }

    async fn has_code(&mut self, hash: Hashed<Code>) -> Result<bool, StoreError> {
        self.exists(sql::HAS_CODE, (hash,))
    }

    async fn record_code_link(
        &mut self,
        app: &AppId,
        hash: Hashed<Code>,
        install: &InstallId,
    ) -> Result<(), StoreError> {
        self.change(sql::RECORD_CODE_LINK, (app, hash, install))?;
        Ok(())
    }

    async fn find_code_link(
        &mut self,
        app: &AppId,
        hash: Hashed<Code>,
        install: &InstallId,
    ) -> Result<Option<ExternalId>, StoreError> {
        self.first_of(sql::FIND_CODE_LINK, (app, hash, install), "authentication_codes", |row| {
            row.take("external_id")
        })
    }

    async fn find_code_use(
        &mut self,
        hash: Hashed<Code>,
        not_expired_before: Timestamp,
    ) -> Result<Option<CodeUse>, StoreError> {
        self.first(sql::FIND_CODE_USE, (hash, not_expired_before))
    }

    async fn delete_codes_before(
        &mut self,
        expired_before: Timestamp,
        limit: u32,
    ) -> Result<u64, StoreError> {
        self.delete_before(sql::DELETE_CODES_BEFORE, expired_before, limit)
    }

    async fn delete_codes_of(
        &mut self,
        app: &AppId,
        external_id: &ExternalId,
        last_expiry: Timestamp,
        limit: u32,
    ) -> Result<u64, StoreError> {
        self.change(sql::DELETE_CODES_OF, (app, external_id, last_expiry, limit))
    }
}
