//! What a use case may ask of the database about installs.

use super::StoreError;
use crate::{
    clock::Timestamp,
    model::{AppId, EndReason, ExpiredSession, Install, InstallId, InstallStatus, UserId},
    secret::{Hashed, IdempotencyKey},
};
use sentiance_protocol::DeviceClass;
use std::future::Future;

type Stored<T> = Result<T, StoreError>;

/// Installs.
pub trait Installs: Send {
    /// The install of that id.
    fn find_install(
        &mut self,
        app: &AppId,
        install: &InstallId,
    ) -> impl Future<Output = Stored<Option<Install>>> + Send;
    /// Whether any application has an install of that id.
    fn any_has_install(&mut self, install: &InstallId) -> impl Future<Output = Stored<bool>> + Send;
    /// The class of the user's active install, other than this one, if its session has not expired.
    fn find_other_active_class(
        &mut self,
        app: &AppId,
        user: &UserId,
        install: &InstallId,
        now: Timestamp,
    ) -> impl Future<Output = Stored<Option<DeviceClass>>> + Send;
    /// The installs of a user, newest first, at most so many.
    fn list_installs(
        &mut self,
        app: &AppId,
        user: &UserId,
        limit: u32,
    ) -> impl Future<Output = Stored<Vec<Install>>> + Send;
    /// Adds an install, or replaces what is known of it. Its tokens are good until `expires_at`.
    fn save_install(
        &mut self,
        install: &Install,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> impl Future<Output = Stored<()>> + Send;
    /// Remembers how an application's credentials were exchanged on this install.
    fn record_creation(
        &mut self,
        app: &AppId,
        install: &InstallId,
        key: Hashed<IdempotencyKey>,
        generation: u32,
    ) -> impl Future<Output = Stored<()>> + Send;
    /// How an application's credentials were exchanged on this install: the key, and the pair that the newest answer
    /// handed out.
    fn find_creation(
        &mut self,
        app: &AppId,
        install: &InstallId,
    ) -> impl Future<Output = Stored<Option<(Hashed<IdempotencyKey>, u32)>>> + Send;
    /// Brings an install to another user. Its tokens stay good.
    fn move_install(
        &mut self,
        app: &AppId,
        install: &InstallId,
        user: &UserId,
        status: InstallStatus,
        now: Timestamp,
    ) -> impl Future<Output = Stored<()>> + Send;
    /// From now on the install stays with its user.
    fn confirm_link(&mut self, app: &AppId, install: &InstallId) -> impl Future<Output = Stored<()>> + Send;
    /// Makes every active install of the user inactive, and tells which that were.
    fn deactivate_installs(
        &mut self,
        app: &AppId,
        user: &UserId,
        now: Timestamp,
    ) -> impl Future<Output = Stored<Vec<InstallId>>> + Send;
    /// Ends the install's session, unless it has ended; says whether it did.
    fn end_install(
        &mut self,
        app: &AppId,
        install: &InstallId,
        reason: EndReason,
        now: Timestamp,
    ) -> impl Future<Output = Stored<bool>> + Send;
    /// Sessions that have not ended though their tokens have expired, at most so many.
    fn expired_sessions(
        &mut self,
        now: Timestamp,
        limit: u32,
    ) -> impl Future<Output = Stored<Vec<ExpiredSession>>> + Send;
    /// Forgets installs whose session ended before this time, at most so many; tells how many.
    fn delete_ended_installs(
        &mut self,
        ended_before: Timestamp,
        limit: u32,
    ) -> impl Future<Output = Stored<u64>> + Send;
    /// Forgets installs of the user that are not active: those that were last changed before this time, and of more than
    /// `kept` some that have been unchanged the longest.
    fn delete_old_installs(
        &mut self,
        app: &AppId,
        user: &UserId,
        unchanged_since: Timestamp,
        kept: u32,
    ) -> impl Future<Output = Stored<()>> + Send;
    /// Forgets an install with its tokens.
    fn delete_install(&mut self, app: &AppId, install: &InstallId)
    -> impl Future<Output = Stored<()>> + Send;
}
