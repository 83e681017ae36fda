//! Linking users who were created without an external id: by the app's server, which names the install, or by the SDK,
//! which has a code.

use super::{
    Refusal, audit::record, codes::report_reuse, creation::Arrival, exchange::Exchanged,
    metadata::known_keys, session::active_user, tokens::Lifetimes,
};
use crate::{
    clock::Timestamp,
    model::{
        Actor, AppId, AuditKind, ExternalId, Install, InstallId, InstallStatus, KeyId, Session, Trace, User,
        UserId, UserState, install_state,
    },
    secret::{Code, Hashed},
    store::{StoreError, Transaction, Work},
};
use sentiance_protocol::{InstallState, LinkResponse};

/// The app's server links the user of an install to an external id.
///
/// A new external id becomes the user's. A known one belongs to another user: an install that awaits its link comes to
/// that user, which restores the user there, and the empty one that it was created with goes. Repeating the call is
/// harmless. Calls for one external id run one after the other, so that it has one user in the end.
#[derive(Debug)]
pub struct LinkInstall {
    /// The application.
    pub app_id: AppId,
    /// The install.
    pub install_id: InstallId,
    /// The app's own id of its user.
    pub external_id: ExternalId,
    /// How long tokens live.
    pub lifetimes: Lifetimes,
    /// The server's API key.
    pub key_id: KeyId,
    /// In which request.
    pub trace: Trace,
    /// The present.
    pub now: Timestamp,
}

impl Work for LinkInstall {
    /// The user of the external id.
    type Output = UserId;
    type Error = Refusal;

    async fn run<T: Transaction>(self, tx: &mut T) -> Result<UserId, Refusal> {
        let application = tx.find_application(&self.app_id).await?.ok_or(Refusal::ApplicationNotFound)?;
        if !application.user_linking {
            return Err(Refusal::LinkingSwitchedOff);
        }
        let Some(install) = tx.find_install(&self.app_id, &self.install_id).await? else {
            return Err(self.explain_absence(tx).await?);
        };
        let user = tx.find_user(&self.app_id, &install.user_id).await?.ok_or(Refusal::InstallDeleted)?;
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
            None => self.link(tx, user, install).await,
        }
    }
}

impl LinkInstall {
    async fn explain_absence<T: Transaction>(&self, tx: &mut T) -> Result<Refusal, Refusal> {
        let buried_by = tx.find_tombstone(Hashed::of_install(&self.install_id)).await?;
        Ok(match buried_by {
            Some(app_id) if app_id == self.app_id => Refusal::InstallDeleted,
            Some(_) => Refusal::InstallForeign,
            None if tx.any_has_install(&self.install_id).await? => Refusal::InstallForeign,
            None => Refusal::InstallNotFound,
        })
    }

    async fn link<T: Transaction>(
        self,
        tx: &mut T,
        unlinked: User,
        install: Install,
    ) -> Result<UserId, Refusal> {
        let LinkInstall { app_id, external_id, lifetimes, trace, now, .. } = self;
        let by = Actor::ApiKey(self.key_id);
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
#[derive(Debug)]
pub struct ConfirmLink(pub Session);

impl Work for ConfirmLink {
    type Output = LinkResponse;
    type Error = Refusal;

    async fn run<T: Transaction>(self, tx: &mut T) -> Result<LinkResponse, Refusal> {
        let Session { app_id, install_id, .. } = &self.0;
        let install = tx.find_install(app_id, install_id).await?.ok_or(Refusal::UserDeleted)?;
        if matches!(install.status, InstallStatus::Ended(_)) {
            return Err(Refusal::SessionEnded);
        }
        let user = tx.find_user(app_id, &install.user_id).await?.ok_or(Refusal::UserDeleted)?;
        let state = install_state(user.state, install.status);
        match user.external_id {
            // However disabled: a linked user is created on a device though disabled, as one by a code is.
            Some(_) => {
                tx.confirm_link(app_id, install_id).await?;
                Ok(linked(tx, user, state).await?)
            }
            None if state == InstallState::Active => Err(Refusal::UserNotLinked),
            None => Err(Refusal::UserDisabled),
        }
    }
}

/// The SDK links its user to the external id of a code, which must be new to the platform. A refusal leaves the code
/// good; sending it again after a success, whose answer may have been lost, gives the same answer.
#[derive(Debug)]
pub struct LinkByCode {
    /// Whose user.
    pub session: Session,
    /// The code.
    pub code: Hashed<Code>,
    /// In which request.
    pub trace: Trace,
    /// The present.
    pub now: Timestamp,
}

impl Work for LinkByCode {
    type Output = Exchanged<LinkResponse>;
    type Error = Refusal;

    async fn run<T: Transaction>(self, tx: &mut T) -> Result<Exchanged<LinkResponse>, Refusal> {
        let LinkByCode { session: Session { app_id, install_id, .. }, code, trace, now } = &self;
        let user = active_user(tx, &self.session).await?;
        let (external_id, is_repetition) = match tx.consume_code(*code, *now).await? {
            Some((issuer, external_id)) if issuer == *app_id => (external_id, false),
            Some(_) => return Err(Refusal::CodeInvalid),
            None => match tx.find_code_link(app_id, *code, install_id).await? {
                Some(external_id) => (external_id, true),
                None if report_reuse(tx, *code, install_id, trace, *now).await? => {
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
                tx.set_external_id(app_id, &user.user_id, &external_id).await?;
                let (subject, by) =
                    ((app_id, &user.user_id, Some(install_id)), Actor::Install(install_id.clone()));
                record(tx, AuditKind::UserLinked, subject, by, trace, *now).await?;
            }
        }
        tx.record_code_link(app_id, *code, install_id).await?;
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
