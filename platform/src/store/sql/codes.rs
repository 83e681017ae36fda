//! Authentication codes.

use super::{Engine, engine::Ask, texts, values::values};
use crate::{
    clock::Timestamp,
    model::{AppId, CodeUse, ExternalId, InstallId, Redemption},
    secret::{Code, Hashed},
    store::{AuthenticationCodes, StoreError},
};

impl<E: Engine> AuthenticationCodes for E {
    async fn insert_code(
        &mut self,
        app: &AppId,
        hash: Hashed<Code>,
        external_id: &ExternalId,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        self.post(&texts::INSERT_CODE, values![app, hash, external_id, expires_at]).await
    }

    async fn consume_code(
        &mut self,
        hash: Hashed<Code>,
        now: Timestamp,
    ) -> Result<Option<(AppId, ExternalId)>, StoreError> {
        let app = hash.app();
        let (statement, values) = texts::CONSUMING.of(&app, values![hash, now]);
        self.first(statement, &values).await
    }

    async fn record_redemption(
        &mut self,
        hash: Hashed<Code>,
        redemption: &Redemption,
    ) -> Result<(), StoreError> {
        let Redemption { app_id, install_id, idempotency_key, generation, created_user } = redemption;
        self.post(
            &texts::RECORD_REDEMPTION,
            values![app_id, hash, install_id, idempotency_key, generation, created_user],
        )
        .await
    }

    async fn find_redemption(
        &mut self,
        hash: Hashed<Code>,
        not_expired_before: Timestamp,
    ) -> Result<Option<Redemption>, StoreError> {
        let app = hash.app();
        let (statement, values) = texts::REDEMPTION.of(&app, values![hash, not_expired_before]);
        self.first(statement, &values).await
    }

    async fn has_code(&mut self, hash: Hashed<Code>) -> Result<bool, StoreError> {
        let app = hash.app();
        let (statement, values) = texts::CODE.of(&app, values![hash]);
        self.exists(statement, &values).await
    }

    async fn record_code_link(
        &mut self,
        app: &AppId,
        hash: Hashed<Code>,
        install: &InstallId,
    ) -> Result<(), StoreError> {
        self.post(&texts::RECORD_CODE_LINK, values![app, hash, install]).await
    }

    async fn find_code_link(
        &mut self,
        app: &AppId,
        hash: Hashed<Code>,
        install: &InstallId,
    ) -> Result<Option<ExternalId>, StoreError> {
        self.first_of(&texts::FIND_CODE_LINK, values![app, hash, install], "authentication_codes", |row| {
            row.take("external_id")
        })
        .await
    }

    async fn find_code_use(
        &mut self,
        hash: Hashed<Code>,
        not_expired_before: Timestamp,
    ) -> Result<Option<CodeUse>, StoreError> {
        let app = hash.app();
        let (statement, values) = texts::CODE_USE.of(&app, values![hash, not_expired_before]);
        self.first(statement, &values).await
    }

    async fn delete_codes_before(
        &mut self,
        expired_before: Timestamp,
        limit: u32,
    ) -> Result<u64, StoreError> {
        self.delete_before(&texts::DELETE_CODES_BEFORE, expired_before, limit).await
    }

    async fn delete_codes_of(
        &mut self,
        app: &AppId,
        external_id: &ExternalId,
        last_expiry: Timestamp,
        limit: u32,
    ) -> Result<u64, StoreError> {
        self.change(&texts::DELETE_CODES_OF, values![app, external_id, last_expiry, limit]).await
    }
}
