//! Refreshing a session: rotation, lost answers, and the detection of stolen tokens.

use super::{
    Refusal,
    audit::record,
    session::require_origin,
    tokens::{Grant, Lifetimes, NewPair, choose, issue, supersede},
};
use crate::{
    clock::Timestamp,
    model::{Actor, AuditKind, EndReason, InstallStatus, Origin, PairState, Session, Trace},
    secret::{Hashed, IdempotencyKey, Plain, RefreshToken},
    store::{Transaction, Work},
};
use sentiance_protocol::InstallState;

/// Exchanges a refresh token for the next pair.
///
/// The current token buys the next pair. Its parent, with the same idempotency key, buys another one as long as the
/// first was never used: that answer seems to be lost. Whichever of the two is used first is good. Any older token of the
/// session is a copy, and ends the session.
#[derive(Clone, Debug)]
pub struct RefreshTokens {
    /// The refresh token.
    pub presented: Plain<RefreshToken>,
    /// Made by the SDK, the same for every try.
    pub idempotency_key: Hashed<IdempotencyKey>,
    /// The page's origin, where the application must list it.
    pub origin: Option<Origin>,
    /// The next tokens.
    pub pair: NewPair,
    /// How long tokens live.
    pub lifetimes: Lifetimes,
    /// In which request.
    pub trace: Trace,
    /// The present.
    pub now: Timestamp,
}

/// What came of it. Ending a session is a write that must stay, so it is no [`Refusal`].
#[derive(Debug)]
pub enum Refreshed {
    /// The next pair.
    Granted(Grant),
    /// The token is a copy: the session was ended and the event recorded.
    SessionRevoked(Session),
}

impl Work for RefreshTokens {
    type Output = Refreshed;
    type Error = Refusal;

    async fn run<T: Transaction>(self, tx: &mut T) -> Result<Refreshed, Refusal> {
        let Some(mut session) = tx.find_by_refresh(self.presented.hash()).await? else {
            return self.recognize_old_token(tx).await;
        };
        require_origin(tx, &session.app_id, self.origin.as_ref()).await?;
        if matches!(session.install_status, InstallStatus::Ended(_)) || session.refresh_expires_at <= self.now
        {
            return Err(Refusal::SessionEnded);
        }
        if session.install_state() != InstallState::Active {
            return Err(Refusal::UserDisabled);
        }
        if session.pair_state == PairState::Superseded
            && let Some(chosen) = choose(tx, &session, self.now).await?
        {
            session.pair_state = PairState::Current;
            (session.generation, session.newest_generation) = (chosen, chosen);
        }
        let Session { app_id, install_id, .. } = &session;
        match session.pair_state {
            PairState::Current => {
                tx.delete_exchanged(app_id, install_id).await?;
                tx.mark_exchanged(app_id, install_id, session.generation, self.idempotency_key).await?;
            }
            PairState::Exchanged(key) if key == self.idempotency_key => {
                let bought = tx.find_current(app_id, install_id).await?;
                if bought.is_none_or(|bought| bought.used) {
                    return Err(Refusal::RefreshTokenUsed);
                }
                supersede(tx, app_id, install_id, session.newest_generation).await?;
            }
            PairState::Exchanged(_) | PairState::Superseded => return Err(Refusal::RefreshTokenUsed),
        }
        let generation = session.newest_generation + 1;
        // A token of an earlier version names no application; those that it buys do.
        let pair = self.pair.naming(&session.app_id);
        let owner = (session.app_id, session.install_id);
        let grant = issue(tx, owner, generation, pair, self.lifetimes, self.now).await?;
        Ok(Refreshed::Granted(grant))
    }
}

impl RefreshTokens {
    /// A token without a row: an ancestor of the current one, one of a deleted user, or an invention.
    async fn recognize_old_token<T: Transaction>(self, tx: &mut T) -> Result<Refreshed, Refusal> {
        let family = self.presented.family().hash();
        if let Some(session) = tx.find_by_family(family).await? {
            require_origin(tx, &session.app_id, self.origin.as_ref()).await?;
            if matches!(session.install_status, InstallStatus::Ended(_)) {
                return Err(Refusal::SessionEnded);
            }
            let Session { app_id, user_id, install_id, .. } = &session;
            tx.end_install(app_id, install_id, EndReason::TokenReuse, self.now).await?;
            let subject = (app_id, user_id, Some(install_id));
            let kind = AuditKind::RefreshTokenReused;
            record(tx, kind, subject, Actor::Unknown, &self.trace, self.now).await?;
            return Ok(Refreshed::SessionRevoked(session));
        }
        let of_deleted_user = match tx.find_tombstone(self.presented.hash()).await? {
            None => tx.find_tombstone(family).await?,
            found => found,
        };
        let app_id = of_deleted_user.ok_or(Refusal::TokenInvalid)?;
        require_origin(tx, &app_id, self.origin.as_ref()).await?;
        Err(Refusal::UserDeleted)
    }
}
