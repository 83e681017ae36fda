//! Applications, their origins and their API keys.

use super::{
    Refusal,
    acting::{ByKey, Credential},
    audit::record_operation,
};
use crate::{
    clock::Timestamp,
    model::{ApiKeyRecord, AppId, Application, AuditKind, KeyId, Origin, Retention},
    secret::{ApiKey, AppSecret, Hashed},
    store::{StoreError, Transaction, Work},
};

/// Adds an application with the origins of its pages.
#[derive(Clone, Debug)]
pub struct CreateApplication {
    /// The application.
    pub application: Application,
    /// Its secret.
    pub secret: Hashed<AppSecret>,
    /// The pages that may call the SDK's endpoints for it.
    pub origins: Vec<Origin>,
}

impl Work for CreateApplication {
    type Output = ();
    type Error = Refusal;

    async fn run<T: Transaction>(self, tx: &mut T) -> Result<(), Refusal> {
        tx.insert_application(&self.application).await?;
        tx.set_app_secret(&self.application.app_id, self.secret).await?;
        for origin in &self.origins {
            tx.insert_origin(&self.application.app_id, origin).await?;
        }
        let Application { app_id, created_at, .. } = &self.application;
        Ok(record_operation(tx, AuditKind::ApplicationCreated, app_id, None, *created_at).await?)
    }
}

/// Gives an application another secret: from now on the one before creates no users.
#[derive(Clone, Debug)]
pub struct SetAppSecret {
    /// The application.
    pub app_id: AppId,
    /// The secret.
    pub secret: Hashed<AppSecret>,
    /// The present.
    pub now: Timestamp,
}

impl Work for SetAppSecret {
    type Output = ();
    type Error = Refusal;

    async fn run<T: Transaction>(self, tx: &mut T) -> Result<(), Refusal> {
        if !tx.set_app_secret(&self.app_id, self.secret).await? {
            return Err(Refusal::ApplicationNotFound);
        }
        Ok(record_operation(tx, AuditKind::ApplicationSecretChanged, &self.app_id, None, self.now).await?)
    }
}

/// Sets how long an application's detections are kept. What is older goes with the next clean-up of a server.
#[derive(Clone, Debug)]
pub struct SetRetention {
    /// The application.
    pub app_id: AppId,
    /// How long.
    pub retention: Retention,
    /// The present.
    pub now: Timestamp,
}

impl Work for SetRetention {
    type Output = ();
    type Error = Refusal;

    async fn run<T: Transaction>(self, tx: &mut T) -> Result<(), Refusal> {
        let before = tx.retention(&self.app_id).await?.ok_or(Refusal::ApplicationNotFound)?;
        if before == self.retention {
            return Ok(());
        }
        tx.set_retention(&self.app_id, self.retention).await?;
        let kind = AuditKind::ApplicationRetentionChanged;
        Ok(record_operation(tx, kind, &self.app_id, None, self.now).await?)
    }
}

/// Gives an application a secret if it has none yet; tells whether it did.
#[derive(Clone, Debug)]
pub struct SetFirstAppSecret {
    /// The application.
    pub app_id: AppId,
    /// The secret.
    pub secret: Hashed<AppSecret>,
    /// The present.
    pub now: Timestamp,
}

impl Work for SetFirstAppSecret {
    type Output = bool;
    type Error = Refusal;

    async fn run<T: Transaction>(self, tx: &mut T) -> Result<bool, Refusal> {
        let is_first = tx.set_first_app_secret(&self.app_id, self.secret).await?;
        if is_first {
            let kind = AuditKind::ApplicationSecretChanged;
            record_operation(tx, kind, &self.app_id, None, self.now).await?;
        }
        Ok(is_first)
    }
}

/// Lists all applications with their origins, oldest first.
#[derive(Clone, Debug)]
pub struct ListApplications;

impl Work for ListApplications {
    type Output = Vec<(Application, Vec<String>)>;
    type Error = Refusal;

    async fn run<T: Transaction>(self, tx: &mut T) -> Result<Self::Output, Refusal> {
        let mut listed = Vec::new();
        for application in tx.list_applications().await? {
            let origins = tx.list_origins(&application.app_id).await?;
            listed.push((application, origins));
        }
        Ok(listed)
    }
}

/// Whether any application lists the origin: what a preflight asks, which carries no credential.
#[derive(Clone, Debug)]
pub struct IsOriginListed(pub Origin);

impl Work for IsOriginListed {
    type Output = bool;
    type Error = StoreError;

    async fn run<T: Transaction>(self, tx: &mut T) -> Result<bool, StoreError> {
        tx.any_lists_origin(&self.0).await
    }
}

/// Whether the database answers.
#[derive(Clone, Debug)]
pub struct Ping;

impl Work for Ping {
    type Output = ();
    type Error = StoreError;

    fn is_probe(&self) -> bool {
        true
    }

    async fn run<T: Transaction>(self, tx: &mut T) -> Result<(), StoreError> {
        tx.ping().await
    }
}

/// Adds an API key.
#[derive(Clone, Debug)]
pub struct CreateApiKey {
    /// The key without its secret.
    pub record: ApiKeyRecord,
    /// The secret.
    pub hash: Hashed<ApiKey>,
}

impl Work for CreateApiKey {
    type Output = ();
    type Error = Refusal;

    async fn run<T: Transaction>(self, tx: &mut T) -> Result<(), Refusal> {
        require_application(tx, &self.record.app_id).await?;
        tx.insert_api_key(&self.record, self.hash).await?;
        let ApiKeyRecord { app_id, key_id, created_at, .. } = &self.record;
        Ok(record_operation(tx, AuditKind::ApiKeyCreated, app_id, Some(key_id), *created_at).await?)
    }
}

/// Lists the API keys of an application, oldest first.
#[derive(Clone, Debug)]
pub struct ListApiKeys(pub AppId);

impl Work for ListApiKeys {
    type Output = Vec<ApiKeyRecord>;
    type Error = Refusal;

    async fn run<T: Transaction>(self, tx: &mut T) -> Result<Vec<ApiKeyRecord>, Refusal> {
        require_application(tx, &self.0).await?;
        Ok(tx.list_api_keys(&self.0).await?)
    }
}

/// Revokes an API key, at once.
#[derive(Clone, Debug)]
pub struct RevokeApiKey {
    /// The application.
    pub app_id: AppId,
    /// The key.
    pub key_id: KeyId,
    /// The present.
    pub now: Timestamp,
}

impl Work for RevokeApiKey {
    type Output = ();
    type Error = Refusal;

    async fn run<T: Transaction>(self, tx: &mut T) -> Result<(), Refusal> {
        let RevokeApiKey { app_id, key_id, now } = &self;
        if !tx.revoke_api_key(app_id, key_id, *now).await? {
            return Err(Refusal::ApiKeyUnknown);
        }
        Ok(record_operation(tx, AuditKind::ApiKeyRevoked, app_id, Some(key_id), *now).await?)
    }
}

/// Finds the API key of a secret, if it is good for a call. Whatever then acts for it looks again.
#[derive(Clone, Debug)]
pub struct AuthorizeApiKey {
    /// What was presented.
    pub by: ByKey,
    /// The present.
    pub now: Timestamp,
}

impl Work for AuthorizeApiKey {
    type Output = ApiKeyRecord;
    type Error = Refusal;

    async fn run<T: Transaction>(self, tx: &mut T) -> Result<ApiKeyRecord, Refusal> {
        self.by.resolve(tx, self.now).await
    }
}

async fn require_application<T: Transaction>(tx: &mut T, app_id: &AppId) -> Result<(), Refusal> {
    tx.find_application(app_id).await?.map(|_| ()).ok_or(Refusal::ApplicationNotFound)
}
