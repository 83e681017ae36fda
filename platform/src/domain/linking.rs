//! Linking users who were created without an external id: by the app's server, which names the install, or by the SDK,
//! which has a code.

use super::{
    Refusal,
    acting::{Act, ByKey, ByToken},
    audit::record,
    codes::report_reuse,
    creation::Arrival,
    exchange::Exchanged,
    metadata::known_keys,
    tokens::Lifetimes,
};
use crate::{
    clock::Timestamp,
    model::{
        Actor, ApiKeyRecord, AppId, AuditKind, ExternalId, Install, InstallId, InstallStatus, Session, Trace,
        User, UserId, UserState,
    },
    secret::{Code, Hashed},
    store::{StoreError, Transaction},
};
use sentiance_protocol::{InstallState, LinkResponse};

/// The app's server links the user of an install to an external id.
///
/// A new external id becomes the user's. A known one belongs to another user: an install that awaits its link comes to
/// that user, which restores the user there, and the empty one that it was created with goes. Repeating the call is
/// harmless. Calls for one external id run one after the other, so that it has one user in the end.
#[derive(Clone, Debug)]
pub struct LinkInstall {
    /// The install.
    pub install_id: InstallId,
    /// The app's own id of its user.
    pub external_id: ExternalId,
    /// How long tokens live.
    pub lifetimes: Lifetimes,
    /// In which request.
    pub trace: Trace,
}

impl Act for LinkInstall {
    type By = ByKey;
    /// The user of the external id.
    type Output = UserId;

    async fn act<T: Transaction>(
        self,
        tx: &mut T,
        key: ApiKeyRecord,
        now: Timestamp,
    ) -> Result<UserId, Refusal> {
        let app_id = &key.app_id;
        let application = tx.find_application(app_id).await?.ok_or(Refusal::ApplicationNotFound)?;
        if !application.user_linking {
            return Err(Refusal::LinkingSwitchedOff);
        }
        let Some(install) = tx.find_install(app_id, &self.install_id).await? else {
            return Err(self.explain_absence(tx, app_id).await?);
        };
        let user = tx.find_user(app_id, &install.user_id).await?.ok_or(Refusal::InstallDeleted)?;
        if matches!(install.status, InstallStatus::Ended(_)) {
            return Err(Refusal::InstallDeleted);
        }
        match &user.external_id {
            Some(own) if *own != self.external_id => Err(Refusal::InstallLinkedToOther),
            // Until it is confirmed, the answer may have been lost: it is the same again, whatever became of the user.
            Some(_) if install.awaits_link => Ok(user.user_id),
            _ if user.state != UserState::Enabled => Err(Refusal::InstallDisabled),
            Some(_) if install.status != InstallStatus::Active => Err(Refusal::InstallDeactivated),
            Some(_) => Ok(user.user_id),
            None => self.link(tx, key, user, install, now).await,
        }
    }
}

impl LinkInstall {
    async fn explain_absence<T: Transaction>(&self, tx: &mut T, app_id: &AppId) -> Result<Refusal, Refusal> {
        let buried_by = tx.find_tombstone(Hashed::of_install(&self.install_id)).await?;
        Ok(match buried_by {
            Some(buried_by) if buried_by == *app_id => Refusal::InstallDeleted,
            Some(_) => Refusal::InstallForeign,
            None if tx.any_has_install(&self.install_id).await? => Refusal::InstallForeign,
            None => Refusal::InstallNotFound,
        })
    }

    async fn link<T: Transaction>(
        self,
        tx: &mut T,
        ApiKeyRecord { app_id, key_id, .. }: ApiKeyRecord,
        unlinked: User,
        install: Install,
        now: Timestamp,
    ) -> Result<UserId, Refusal> {
        let LinkInstall { external_id, lifetimes, trace, .. } = self;
        let by = Actor::ApiKey(key_id);
        let Install { install_id, device, .. } = install;
        let Some(known) = tx.find_user_by_external_id(&app_id, &external_id).await? else {
            tx.set_external_id(&app_id, &unlinked.user_id, &external_id).await?;
            let subject = (&app_id, &unlinked.user_id, Some(&install_id));
            record(tx, AuditKind::UserLinked, subject, by, &trace, now).await?;
            return Ok(unlinked.user_id);
        };
        if !install.awaits_link {
            return Err(Refusal::PersonKnown);
        }
        let arrival = Arrival {
            app_id: &app_id,
            user_id: &known.user_id,
            install_id: &install_id,
            class: device.class,
            lifetimes,
            trace: &trace,
            now,
        };
        let status = arrival.make_room(tx).await?;
        tx.move_install(&app_id, &install_id, &known.user_id, status, now).await?;
        tx.mark_user_deleted(&app_id, &unlinked.user_id, now).await?;
        let gone = (&app_id, &unlinked.user_id, None);
        record(tx, AuditKind::UserDeleted, gone, by.clone(), &trace, now).await?;
        let subject = (&app_id, &known.user_id, Some(&install_id));
        record(tx, AuditKind::UserLinked, subject, by, &trace, now).await?;
        Ok(known.user_id)
    }
}

/// The SDK asks whether the app's server has linked its install, and keeps the user if so: from now on the install
/// stays with this user. Asking again gives the same answer.
#[derive(Clone, Debug)]
pub struct ConfirmLink;

impl Act for ConfirmLink {
    type By = ByToken;
    type Output = LinkResponse;

    async fn act<T: Transaction>(
        self,
        tx: &mut T,
        session: Session,
        _: Timestamp,
    ) -> Result<LinkResponse, Refusal> {
        let state = session.install_state();
        let user = tx.find_user(&session.app_id, &session.user_id).await?.ok_or(Refusal::UserDeleted)?;
        match user.external_id {
            // However disabled: a linked user is created on a device though disabled, as one by a code is.
            Some(_) => {
                tx.confirm_link(&session.app_id, &session.install_id).await?;
                Ok(linked(tx, user, state).await?)
            }
            None if state == InstallState::Active => Err(Refusal::UserNotLinked),
            None => Err(Refusal::UserDisabled),
        }
    }
}

/// The SDK links its user to the external id of a code, which must be new to the platform. A refusal leaves the code
/// good; sending it again after a success, whose answer may have been lost, gives the same answer.
#[derive(Clone, Debug)]
pub struct LinkByCode {
    /// The code.
    pub code: Hashed<Code>,
    /// In which request.
    pub trace: Trace,
}

impl Act for LinkByCode {
    type By = ByToken;
    type Output = Exchanged<LinkResponse>;

    async fn act<T: Transaction>(
        self,
        tx: &mut T,
        session: Session,
        now: Timestamp,
    ) -> Result<Exchanged<LinkResponse>, Refusal> {
        let LinkByCode { code, trace } = self;
        let Session { app_id, install_id, user_id, .. } = &session;
        let user = tx.find_user(app_id, user_id).await?.ok_or(Refusal::UserDeleted)?;
        let (external_id, is_repetition) = match tx.consume_code(code, now).await? {
            Some((issuer, external_id)) if issuer == *app_id => (external_id, false),
            Some(_) => return Err(Refusal::CodeInvalid),
            None => match tx.find_code_link(app_id, code, install_id).await? {
                Some(external_id) => (external_id, true),
                None if report_reuse(tx, code, install_id, &trace, now).await? => {
                    return Ok(Exchanged::ReuseRecorded);
                }
                None => return Err(Refusal::CodeInvalid),
            },
        };
        match &user.external_id {
            Some(own) if *own == external_id => {}
            Some(_) => return Err(Refusal::UserAlreadyLinked),
            None if is_repetition => return Err(Refusal::CodeInvalid),
            None if tx.find_user_by_external_id(app_id, &external_id).await?.is_some() => {
                return Err(Refusal::PersonKnown);
            }
            None => {
                tx.set_external_id(app_id, user_id, &external_id).await?;
                let (subject, by) = ((app_id, user_id, Some(install_id)), Actor::Install(install_id.clone()));
                record(tx, AuditKind::UserLinked, subject, by, &trace, now).await?;
            }
        }
        tx.record_code_link(app_id, code, install_id).await?;
        tx.confirm_link(app_id, install_id).await?;
        Ok(Exchanged::Granted(linked(tx, user, InstallState::Active).await?))
    }
}

async fn linked<T: Transaction>(
    tx: &mut T,
    user: User,
    install_state: InstallState,
) -> Result<LinkResponse, StoreError> {
    let metadata_keys = known_keys(tx, &user.app_id, &user.user_id).await?;
    Ok(LinkResponse { user_id: user.user_id.to_string(), linked: true, install_state, metadata_keys })
}
