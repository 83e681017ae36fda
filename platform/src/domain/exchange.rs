//! Exchanging an authentication code for a user on an install: the heart of the platform.

use super::{
    Refusal,
    codes::{REPLAY_WINDOW, report_reuse},
    creation::{Created, Creation},
    metadata::known_keys,
};
use crate::{
    model::{AppId, AuditKind, ExternalId, Install, Redemption, User, UserState},
    secret::{Code, Hashed},
    store::{StoreError, Transaction, Work},
};

/// Exchanges a code: creates the user of its external id or restores it, makes the install the active one, and
/// starts a session.
///
/// A caller whose answer was lost sends the same code, install id and idempotency key again. As long as nothing of
/// the first answer was used, it gets the same user and new tokens, and the lost ones are revoked.
#[derive(Clone, Debug)]
pub struct ExchangeCode {
    /// The code.
    pub code: Hashed<Code>,
    /// Who asks.
    pub creation: Creation,
}

/// What came of a code. Recording that it was used by somebody else is a write that must stay, so it is no [`Refusal`];
/// for whoever showed the code, it is the same as [`Refusal::CodeInvalid`].
#[derive(Debug)]
pub enum Exchanged<G> {
    /// What the code stands for.
    Granted(G),
    /// Another install had used it, and this was recorded.
    ReuseRecorded,
}

impl Work for ExchangeCode {
    type Output = Exchanged<Created>;
    type Error = Refusal;

    async fn run<T: Transaction>(self, tx: &mut T) -> Result<Exchanged<Created>, Refusal> {
        let created = match tx.consume_code(self.code, self.creation.now).await? {
            Some((app_id, external_id)) => self.create_or_restore(tx, app_id, external_id).await?,
            None => {
                let Creation { install_id, trace, now, .. } = &self.creation;
                if report_reuse(tx, self.code, install_id, trace, *now).await? {
                    return Ok(Exchanged::ReuseRecorded);
                }
                self.repeat_lost_answer(tx).await?
            }
        };
        Ok(Exchanged::Granted(created))
    }
}

impl ExchangeCode {
    async fn create_or_restore<T: Transaction>(
        self,
        tx: &mut T,
        app_id: AppId,
        external_id: ExternalId,
    ) -> Result<Created, Refusal> {
        let ExchangeCode { code, creation } = self;
        // A page that the code's application does not list holds a foreign code, and is told no more than that.
        creation.check_origin(tx, &app_id, Refusal::CodeInvalid).await?;
        let (user, created, known) = user_of(tx, &app_id, external_id, &creation).await?;
        if known.as_ref().is_some_and(|install| install.user_id != user.user_id) {
            return Err(Refusal::InstallConflict);
        }
        let user_id = user.user_id.clone();
        let (install_id, idempotency_key) = (creation.install_id.clone(), creation.idempotency_key);
        let (metadata_keys, (install_state, grant)) = if created {
            (None, creation.start_first_session(tx, Some(AuditKind::UserCreated), user, false).await?)
        } else {
            let metadata_keys = known_keys(tx, &app_id, &user_id).await?;
            (metadata_keys, creation.start_another_session(tx, AuditKind::UserRestored, user, known).await?)
        };
        let generation = grant.generation;
        let redemption =
            Redemption { app_id, install_id, idempotency_key, generation, created_user: created };
        tx.record_redemption(code, &redemption).await?;
        Ok(Created { user_id, created, linked: true, install_state, grant, metadata_keys })
    }

    async fn repeat_lost_answer<T: Transaction>(self, tx: &mut T) -> Result<Created, Refusal> {
        let ExchangeCode { code, creation } = self;
        let window = creation.now.minus(REPLAY_WINDOW);
        let redemption = tx.find_redemption(code, window).await?.ok_or(Refusal::CodeInvalid)?;
        if redemption.install_id != creation.install_id
            || redemption.idempotency_key != creation.idempotency_key
        {
            return Err(Refusal::CodeInvalid);
        }
        creation.check_origin(tx, &redemption.app_id, Refusal::CodeInvalid).await?;
        let reissued = creation.reissue(tx, redemption.app_id.clone(), redemption.generation).await?;
        let (session, grant) = reissued.ok_or(Refusal::CodeInvalid)?;
        let created = redemption.created_user;
        tx.record_redemption(code, &Redemption { generation: grant.generation, ..redemption }).await?;
        let install_state = session.install_state();
        let metadata_keys = known_keys(tx, &session.app_id, &session.user_id).await?;
        Ok(Created { user_id: session.user_id, created, linked: true, install_state, grant, metadata_keys })
    }
}

/// The external id's user, whether it was created now, and the install where it is known. Two codes of one new external
/// id, exchanged at once, give one user: the unique index decides which exchange creates it.
async fn user_of<T: Transaction>(
    tx: &mut T,
    app_id: &AppId,
    external_id: ExternalId,
    creation: &Creation,
) -> Result<(User, bool, Option<Install>), Refusal> {
    let candidate = User {
        app_id: app_id.clone(),
        user_id: creation.user_id_if_new.clone(),
        external_id: Some(external_id.clone()),
        state: UserState::Enabled,
        created_at: creation.now,
    };
    let (created, install) = tx.insert_user_if_new(&candidate, &creation.install_id).await?;
    if created {
        return Ok((candidate, true, install));
    }
    let restored = tx.find_user_by_external_id(app_id, &external_id).await?;
    let user = restored.ok_or(StoreError::Inconsistent { table: "users", column: "external_id" })?;
    Ok((user, false, install))
}
