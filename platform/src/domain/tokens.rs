//! Issuing pairs of tokens.

use crate::{
    clock::Timestamp,
    model::{AppId, InstallId, Session, TokenPair},
    random::Randomness,
    secret::{AccessToken, Plain, RefreshToken},
    store::{StoreError, Transaction},
};
use std::time::Duration;

/// How many superseded pairs of an install are remembered, so that a late one is told from an unknown one.
const SUPERSEDED_KEPT: u32 = 8;

/// How long tokens live.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    /// An access token, from its issue.
    pub access_token: Duration,
    /// A refresh token that is not used, from its issue. Sessions and tombstones are forgotten after this time too.
    pub refresh_token: Duration,
}

impl Default for Lifetimes {
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        Lifetimes { access_token: DAY, refresh_token: 180 * DAY }
    }
}

/// Two new tokens, not issued yet.
#[derive(Clone, Debug)]
pub struct NewPair {
    /// The access token.
    pub access: Plain<AccessToken>,
    /// The refresh token.
    pub refresh: Plain<RefreshToken>,
}

impl NewPair {
    /// The first pair of the session that a creation with this key starts: of no application, until the transaction
    /// has found out of which.
    pub fn of_creation(install: &InstallId, idempotency_key: &str, random: &dyn Randomness) -> Self {
        let family = Plain::of_creation(install, idempotency_key);
        NewPair { access: Plain::generate(random), refresh: Plain::in_family(&family, random) }
    }

    /// The same pair in the family that this application has for the creation: a token of one application's session is
    /// never taken for one of another's, though install and key be the same.
    pub(super) fn in_application(self, app: &AppId) -> Self {
        let family = self.refresh.family().of_application(app);
        NewPair { refresh: self.refresh.moved_to(&family), ..self }.naming(app)
    }

    /// The same pair, which names this application.
    pub(super) fn naming(self, app: &AppId) -> Self {
        NewPair { access: self.access.named(app), refresh: self.refresh.named(app) }
    }

    /// A pair that this refresh token may buy.
    pub fn following(parent: &Plain<RefreshToken>, random: &dyn Randomness) -> Self {
        NewPair { access: Plain::generate(random), refresh: Plain::in_family(&parent.family(), random) }
    }
}

/// An issued pair: the only time that its tokens are shown.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The tokens.
    pub pair: NewPair,
    /// When the access token expires.
    pub expires_at: Timestamp,
    /// Counts the pairs of the install.
    pub generation: u32,
}

/// Issues a pair as the current one of its install. Whatever was current must have been settled before.
pub(super) async fn issue<T: Transaction>(
    tx: &mut T,
    owner: (AppId, InstallId),
    generation: u32,
    pair: NewPair,
    lifetimes: Lifetimes,
    now: Timestamp,
) -> Result<Grant, StoreError> {
    let (grant, stored) = prepare(owner, generation, pair, lifetimes, now);
    tx.insert_current_pair(&stored).await?;
    tx.count_pair(&stored.app_id, &stored.install_id, generation, now).await?;
    Ok(grant)
}

/// A pair as it is handed out, and as it is stored.
pub(super) fn prepare(
    (app_id, install_id): (AppId, InstallId),
    generation: u32,
    pair: NewPair,
    lifetimes: Lifetimes,
    now: Timestamp,
) -> (Grant, TokenPair) {
    let expires_at = now.plus(lifetimes.access_token);
    let stored = TokenPair {
        app_id,
        install_id,
        generation,
        access: pair.access.hash(),
        refresh: pair.refresh.hash(),
        access_expires_at: expires_at,
        refresh_expires_at: now.plus(lifetimes.refresh_token),
    };
    (Grant { pair, expires_at, generation }, stored)
}

/// Makes the session's pair the current one, if it is one of several that were issued for the same and of which none
/// was used yet: an answer that was taken for lost has arrived after all, and perhaps the other one never will. Tells its
/// new generation, which is later than that of all the others.
pub(super) async fn choose<T: Transaction>(
    tx: &mut T,
    session: &Session,
    now: Timestamp,
) -> Result<Option<u32>, StoreError> {
    let Session { app_id, install_id, generation, newest_generation, .. } = session;
    if !tx.is_alternative(app_id, install_id, *generation).await? {
        return Ok(None);
    }
    tx.supersede_current(app_id, install_id).await?;
    let chosen = newest_generation + 1;
    tx.make_current(app_id, install_id, *generation, chosen).await?;
    tx.count_pair(app_id, install_id, chosen, now).await?;
    Ok(Some(chosen))
}

/// Sets the current pair of an install aside, whose answer seems to be lost, to make room for another.
pub(super) async fn supersede<T: Transaction>(
    tx: &mut T,
    app_id: &AppId,
    install_id: &InstallId,
    current_generation: u32,
) -> Result<(), StoreError> {
    tx.supersede_current(app_id, install_id).await?;
    tx.delete_superseded(app_id, install_id, current_generation.saturating_sub(SUPERSEDED_KEPT)).await
}
