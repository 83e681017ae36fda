//! Calls with an access token: who is it, and may it.

use super::{Refusal, audit::record, tokens::choose};
use crate::{
    clock::Timestamp,
    model::{
        Actor, AppId, AuditKind, EndReason, InstallStatus, Origin, PairState, Permission, Session, Trace,
        User, install_state,
    },
    secret::{AccessToken, Hashed, Plain},
    store::{Store, Transaction, Work},
};
use sentiance_protocol::InstallState;

/// The session of an access token, if it permits such a call. The first use of a token is remembered durably before
/// anything else happens: from then on the answer that carried it is known not to be lost.
pub async fn authenticate(
    store: &Store,
    token: &Plain<AccessToken>,
    permission: Permission,
    origin: Option<Origin>,
    now: Timestamp,
) -> Result<Session, Refusal> {
    let find = FindSession { token: token.hash(), origin };
    let mut session = store.read(find.clone()).await?;
    let may_be_first =
        session.pair_state != PairState::Superseded || store.read(IsAlternative(session.clone())).await?;
    if !session.used && may_be_first {
        session = store.write(UseFirstTime { find, now }).await?;
    }
    session.permits(permission, now)?;
    Ok(session)
}

/// Refuses a page that the application does not list.
pub(super) async fn require_origin<T: Transaction>(
    tx: &mut T,
    app_id: &AppId,
    origin: Option<&Origin>,
) -> Result<(), Refusal> {
    match origin {
        Some(origin) if !tx.lists_origin(app_id, origin).await? => Err(Refusal::OriginNotAllowed),
        _ => Ok(()),
    }
}

/// The session's user as of this transaction: since the token was looked at, the user may have been deleted or
/// disabled, or the install displaced or brought to another user.
pub(super) async fn active_user<T: Transaction>(tx: &mut T, session: &Session) -> Result<User, Refusal> {
    let install = tx.find_install(&session.app_id, &session.install_id).await?;
    let install = install.ok_or(Refusal::UserDeleted)?;
    let user = tx.find_user(&session.app_id, &install.user_id).await?.ok_or(Refusal::UserDeleted)?;
    match install_state(user.state, install.status) {
        _ if matches!(install.status, InstallStatus::Ended(_)) => Err(Refusal::SessionEnded),
        InstallState::Active => Ok(user),
        InstallState::Inactive | InstallState::Disabled => Err(Refusal::UserDisabled),
    }
}

#[derive(Clone, Debug)]
struct FindSession {
    token: Hashed<AccessToken>,
    origin: Option<Origin>,
}

impl Work for FindSession {
    type Output = Session;
    type Error = Refusal;

    async fn run<T: Transaction>(self, tx: &mut T) -> Result<Session, Refusal> {
        if let Some(session) = tx.find_by_access(self.token).await? {
            require_origin(tx, &session.app_id, self.origin.as_ref()).await?;
            return Ok(session);
        }
        let app_id = tx.find_tombstone(self.token).await?.ok_or(Refusal::TokenInvalid)?;
        require_origin(tx, &app_id, self.origin.as_ref()).await?;
        Err(Refusal::UserDeleted)
    }
}

/// Whether a pair that was set aside can still turn out to be the one that arrived.
#[derive(Debug)]
struct IsAlternative(Session);

impl Work for IsAlternative {
    type Output = bool;
    type Error = Refusal;

    async fn run<T: Transaction>(self, tx: &mut T) -> Result<bool, Refusal> {
        let Session { app_id, install_id, generation, .. } = self.0;
        Ok(tx.is_alternative(&app_id, &install_id, generation).await?)
    }
}

/// Marks a token as used and reads it again, since it may have been set aside between the read and this write. Of several
/// pairs that were issued for the same, the one that is used first is good.
#[derive(Debug)]
struct UseFirstTime {
    find: FindSession,
    now: Timestamp,
}

impl Work for UseFirstTime {
    type Output = Session;
    type Error = Refusal;

    async fn run<T: Transaction>(self, tx: &mut T) -> Result<Session, Refusal> {
        let session = self.find.clone().run(tx).await?;
        if session.pair_state == PairState::Superseded {
            choose(tx, &session, self.now).await?;
        }
        tx.mark_used(self.find.token, self.now).await?;
        self.find.run(tx).await
    }
}

/// The SDK said goodbye: ends the session of its install. Doing it again changes nothing.
#[derive(Debug)]
pub struct EndSession {
    /// Whose.
    pub session: Session,
    /// In which request.
    pub trace: Trace,
    /// The present.
    pub now: Timestamp,
}

impl Work for EndSession {
    type Output = ();
    type Error = Refusal;

    async fn run<T: Transaction>(self, tx: &mut T) -> Result<(), Refusal> {
        let Session { app_id, user_id, install_id, .. } = &self.session;
        if tx.end_install(app_id, install_id, EndReason::Reset, self.now).await? {
            let (subject, by) = ((app_id, user_id, Some(install_id)), Actor::Install(install_id.clone()));
            record(tx, AuditKind::SessionReset, subject, by, &self.trace, self.now).await?;
        }
        Ok(())
    }
}
