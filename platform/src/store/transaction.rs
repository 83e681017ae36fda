//! What a use case may ask of the database inside its transaction, by capability.

use super::{ApiKeys, Applications, AuditLog, ClockMemory, Detections, StoreError, UserMetadata};
use crate::{
    clock::Timestamp,
    model::{
        AppId, CodeUse, DeletedUser, EndReason, ExpiredSession, ExternalId, Install, InstallId,
        InstallStatus, Redemption, Session, TokenPair, User, UserId, UserState,
    },
    secret::{AccessToken, Code, Family, Hashed, IdempotencyKey, RefreshToken},
};
use sentiance_protocol::DeviceClass;
use std::future::Future;

type Stored<T> = Result<T, StoreError>;

/// All capabilities.
pub trait Transaction:
    Applications
    + ApiKeys
    + AuthenticationCodes
    + Users
    + Installs
    + Tokens
    + UserMetadata
    + Detections
    + AuditLog
    + ClockMemory
{
}

impl<T> Transaction for T where
    T: Applications
        + ApiKeys
        + AuthenticationCodes
        + Users
        + Installs
        + Tokens
        + UserMetadata
        + Detections
        + AuditLog
        + ClockMemory
{
}

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

/// Users.
pub trait Users: Send {
    /// Adds the user unless the external id has one; says whether it did.
    fn insert_user_if_new(&mut self, user: &User) -> impl Future<Output = Stored<bool>> + Send;
    /// The user of that id.
    fn find_user(&mut self, app: &AppId, user: &UserId) -> impl Future<Output = Stored<Option<User>>> + Send;
    /// The user of that external id.
    fn find_user_by_external_id(
        &mut self,
        app: &AppId,
        external_id: &ExternalId,
    ) -> impl Future<Output = Stored<Option<User>>> + Send;
    /// Links a user who is not linked yet. The external id must be free.
    fn set_external_id(
        &mut self,
        app: &AppId,
        user: &UserId,
        external_id: &ExternalId,
    ) -> impl Future<Output = Stored<()>> + Send;
    /// Disables or enables a user; `false` where there is none.
    fn set_user_state(
        &mut self,
        app: &AppId,
        user: &UserId,
        state: UserState,
    ) -> impl Future<Output = Stored<bool>> + Send;
    /// Remembers a user who may never be used.
    fn insert_unused_user(
        &mut self,
        app: &AppId,
        user: &UserId,
        now: Timestamp,
    ) -> impl Future<Output = Stored<()>> + Send;
    /// Those who were created before a time, the first ones, at most so many; each is given once.
    fn take_unused_users(
        &mut self,
        created_before: Timestamp,
        limit: u32,
    ) -> impl Future<Output = Stored<Vec<(AppId, UserId)>>> + Send;
    /// Whether a user is not linked, and no token of the user was ever used.
    fn is_unused_user(&mut self, app: &AppId, user: &UserId) -> impl Future<Output = Stored<bool>> + Send;
    /// From now on no other method finds the user, and the external id is free.
    fn mark_user_deleted(
        &mut self,
        app: &AppId,
        user: &UserId,
        now: Timestamp,
    ) -> impl Future<Output = Stored<()>> + Send;
    /// The user who was marked first, of those that are not forgotten yet.
    fn find_deleted_user(&mut self) -> impl Future<Output = Stored<Option<DeletedUser>>> + Send;
    /// Forgets a marked user once nothing else of it is left.
    fn forget_deleted_user(&mut self, app: &AppId, user: &UserId) -> impl Future<Output = Stored<()>> + Send;
}

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
    /// Forgets installs of the user that are not active and were last changed before this time.
    fn delete_stale_installs(
        &mut self,
        app: &AppId,
        user: &UserId,
        unchanged_since: Timestamp,
    ) -> impl Future<Output = Stored<()>> + Send;
    /// Forgets some installs of the user that are not active, the longest unchanged ones of more than `kept`.
    fn delete_surplus_installs(
        &mut self,
        app: &AppId,
        user: &UserId,
        kept: u32,
    ) -> impl Future<Output = Stored<()>> + Send;
    /// Forgets an install with its tokens.
    fn delete_install(&mut self, app: &AppId, install: &InstallId)
    -> impl Future<Output = Stored<()>> + Send;
}

/// Pairs of tokens.
pub trait Tokens: Send {
    /// Adds the current pair of its install.
    fn insert_current_pair(&mut self, pair: &TokenPair) -> impl Future<Output = Stored<()>> + Send;
    /// Notes at an install that its current pair has this generation, and until when it is good.
    fn count_pair(
        &mut self,
        app: &AppId,
        install: &InstallId,
        generation: u32,
        now: Timestamp,
    ) -> impl Future<Output = Stored<()>> + Send;
    /// What this access token stands for.
    fn find_by_access(
        &mut self,
        hash: Hashed<AccessToken>,
    ) -> impl Future<Output = Stored<Option<Session>>> + Send;
    /// What this refresh token stands for.
    fn find_by_refresh(
        &mut self,
        hash: Hashed<RefreshToken>,
    ) -> impl Future<Output = Stored<Option<Session>>> + Send;
    /// The install whose present session has this family, with its current pair.
    fn find_by_family(
        &mut self,
        hash: Hashed<Family>,
    ) -> impl Future<Output = Stored<Option<Session>>> + Send;
    /// The current pair of an install.
    fn find_current(
        &mut self,
        app: &AppId,
        install: &InstallId,
    ) -> impl Future<Output = Stored<Option<Session>>> + Send;
    /// Marks the pair of this access token as used, unless it was superseded.
    fn mark_used(
        &mut self,
        hash: Hashed<AccessToken>,
        now: Timestamp,
    ) -> impl Future<Output = Stored<()>> + Send;
    /// Marks the current pair of an install as superseded, if there is one.
    fn supersede_current(
        &mut self,
        app: &AppId,
        install: &InstallId,
    ) -> impl Future<Output = Stored<()>> + Send;
    /// Whether a superseded pair was issued for the same as the current one, and neither was used.
    fn is_alternative(
        &mut self,
        app: &AppId,
        install: &InstallId,
        generation: u32,
    ) -> impl Future<Output = Stored<bool>> + Send;
    /// Makes a superseded pair the current one of its install, as the pair of a new generation. Whatever was current must
    /// have been superseded before.
    fn make_current(
        &mut self,
        app: &AppId,
        install: &InstallId,
        generation: u32,
        new_generation: u32,
    ) -> impl Future<Output = Stored<()>> + Send;
    /// Marks a pair as exchanged with this key.
    fn mark_exchanged(
        &mut self,
        app: &AppId,
        install: &InstallId,
        generation: u32,
        key: Hashed<IdempotencyKey>,
    ) -> impl Future<Output = Stored<()>> + Send;
    /// Forgets the exchanged pair of an install: from now on its tokens are known by their family only.
    fn delete_exchanged(
        &mut self,
        app: &AppId,
        install: &InstallId,
    ) -> impl Future<Output = Stored<()>> + Send;
    /// Forgets superseded pairs up to this generation.
    fn delete_superseded(
        &mut self,
        app: &AppId,
        install: &InstallId,
        up_to_generation: u32,
    ) -> impl Future<Output = Stored<()>> + Send;
    /// Forgets all pairs of an install.
    fn delete_pairs(&mut self, app: &AppId, install: &InstallId) -> impl Future<Output = Stored<()>> + Send;
    /// Keeps the hashes of all tokens of an install until this time, though the install goes.
    fn bury_tokens(
        &mut self,
        app: &AppId,
        install: &InstallId,
        until: Timestamp,
    ) -> impl Future<Output = Stored<()>> + Send;
    /// Keeps the hash of something else of a user until this time.
    fn bury<K: Send>(
        &mut self,
        app: &AppId,
        hash: Hashed<K>,
        until: Timestamp,
    ) -> impl Future<Output = Stored<()>> + Send;
    /// The application of a deleted user's token; any of its tokens, their family, or an install.
    fn find_tombstone<K: Send>(
        &mut self,
        hash: Hashed<K>,
    ) -> impl Future<Output = Stored<Option<AppId>>> + Send;
    /// Forgets tombstones that expired before this time, at most so many; tells how many.
    fn delete_tombstones_before(
        &mut self,
        time: Timestamp,
        limit: u32,
    ) -> impl Future<Output = Stored<u64>> + Send;
}
