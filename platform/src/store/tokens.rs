//! What a use case may ask of the database about tokens.

use super::StoreError;
use crate::{
    clock::Timestamp,
    model::{AppId, InstallId, Session, TokenPair},
    secret::{AccessToken, Family, Hashed, IdempotencyKey, RefreshToken},
};
use std::future::Future;

type Stored<T> = Result<T, StoreError>;

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
