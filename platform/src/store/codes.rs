//! What a use case may ask of the database about authentication codes.

use super::StoreError;
use crate::{
    clock::Timestamp,
    model::{AppId, CodeUse, ExternalId, InstallId, Redemption},
    secret::{Code, Hashed},
};
use std::future::Future;

type Stored<T> = Result<T, StoreError>;

/// Authentication codes.
pub trait AuthenticationCodes: Send {
    /// Adds a code.
    fn insert_code(
        &mut self,
        app: &AppId,
        hash: Hashed<Code>,
        external_id: &ExternalId,
        expires_at: Timestamp,
    ) -> impl Future<Output = Stored<()>> + Send;
    /// Consumes a code in one statement: of any number of callers, one gets its application and external id.
    fn consume_code(
        &mut self,
        hash: Hashed<Code>,
        now: Timestamp,
    ) -> impl Future<Output = Stored<Option<(AppId, ExternalId)>>> + Send;
    /// Remembers how a consumed code was exchanged.
    fn record_redemption(
        &mut self,
        hash: Hashed<Code>,
        redemption: &Redemption,
    ) -> impl Future<Output = Stored<()>> + Send;
    /// How a consumed code was exchanged, if it did not expire before this time.
    fn find_redemption(
        &mut self,
        hash: Hashed<Code>,
        not_expired_before: Timestamp,
    ) -> impl Future<Output = Stored<Option<Redemption>>> + Send;
    /// Whether there is such a code, however old or used.
    fn has_code(&mut self, hash: Hashed<Code>) -> impl Future<Output = Stored<bool>> + Send;
    /// Remembers which install a consumed code linked.
    fn record_code_link(
        &mut self,
        app: &AppId,
        hash: Hashed<Code>,
        install: &InstallId,
    ) -> impl Future<Output = Stored<()>> + Send;
    /// The external id of a code that linked this install.
    fn find_code_link(
        &mut self,
        app: &AppId,
        hash: Hashed<Code>,
        install: &InstallId,
    ) -> impl Future<Output = Stored<Option<ExternalId>>> + Send;
    /// What a consumed code was used for, if it did not expire before this time.
    fn find_code_use(
        &mut self,
        hash: Hashed<Code>,
        not_expired_before: Timestamp,
    ) -> impl Future<Output = Stored<Option<CodeUse>>> + Send;
    /// Forgets codes that expired before this time, at most so many; tells how many.
    fn delete_codes_before(
        &mut self,
        expired_before: Timestamp,
        limit: u32,
    ) -> impl Future<Output = Stored<u64>> + Send;
    /// Forgets codes of this external id, used or not, that expire until then; the latest first, and at most so many. Tells
    /// how many.
    fn delete_codes_of(
        &mut self,
        app: &AppId,
        external_id: &ExternalId,
        last_expiry: Timestamp,
        limit: u32,
    ) -> impl Future<Output = Stored<u64>> + Send;
}
