//! Calls with an access token: who is it, and may it.

use super::{
    Refusal,
    acting::{Act, ByToken},
    audit::record,
    tokens::choose,
};
use crate::{
    clock::Timestamp,
    model::{Actor, AppId, AuditKind, EndReason, Origin, PairState, Session, Trace},
    store::{Store, Transaction, Work},
};

/// The session of an access token, if it permits such a call. The first use of a token is remembered durably before
/// anything else happens: from then on the answer that carried it is known not to be lost. Whatever then acts for the
/// token looks at it again.
pub async fn authenticate(store: &Store, by: &ByToken, now: Timestamp) -> Result<Session, Refusal> {
    let mut session = store.look_up(FindSession(by.clone())).await?;
    let may_be_first =
        session.pair_state != PairState::Superseded || store.look_up(IsAlternative(session.clone())).await?;
    if !session.used && may_be_first {
        session = store.write(UseFirstTime { by: by.clone(), now }).await?;
    }
    session.permits(by.permission, now)?;
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

#[derive(Clone, Debug)]
struct FindSession(ByToken);

impl Work for FindSession {
    type Output = Session;
    type Error = Refusal;

    async fn run<T: Transaction>(self, tx: &mut T) -> Result<Session, Refusal> {
        self.0.find(tx).await
    }
}

/// Whether a pair that was set aside can still turn out to be the one that arrived.
#[derive(Clone, Debug)]
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
#[derive(Clone, Debug)]
struct UseFirstTime {
    by: ByToken,
    now: Timestamp,
}

impl Work for UseFirstTime {
    type Output = Session;
    type Error = Refusal;

    async fn run<T: Transaction>(self, tx: &mut T) -> Result<Session, Refusal> {
        let session = self.by.find(tx).await?;
        if session.pair_state == PairState::Superseded {
            choose(tx, &session, self.now).await?;
        }
        tx.mark_used(self.by.token, self.now).await?;
        self.by.find(tx).await
    }
}

/// The SDK said goodbye: ends the session of its token. Doing it again changes nothing.
#[derive(Clone, Debug)]
pub struct EndSession {
    /// In which request.
    pub trace: Trace,
}

impl Act for EndSession {
    type By = ByToken;
    type Output = ();

    async fn act<T: Transaction>(self, tx: &mut T, session: Session, now: Timestamp) -> Result<(), Refusal> {
        let Session { app_id, user_id, install_id, .. } = &session;
        if tx.end_install(app_id, install_id, EndReason::Reset, now).await? {
            let (subject, by) = ((app_id, user_id, Some(install_id)), Actor::Install(install_id.clone()));
            record(tx, AuditKind::SessionReset, subject, by, &self.trace, now).await?;
        }
        Ok(())
    }
}
