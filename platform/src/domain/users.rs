//! Reading, disabling, enabling and deleting users.

use super::{Refusal, audit::record};
use crate::{
    clock::Timestamp,
    model::{Actor, AppId, AuditKind, Install, Trace, User, UserId, UserState},
    secret::Hashed,
    store::{Transaction, Work},
};
use std::{collections::BTreeMap, time::Duration};

/// Reads a user with the metadata.
#[derive(Debug)]
pub struct ReadProfile {
    /// The application.
    pub app_id: AppId,
    /// The user.
    pub user_id: UserId,
}

impl Work for ReadProfile {
    type Output = (User, BTreeMap<String, String>);
    type Error = Refusal;

    async fn run<T: Transaction>(self, tx: &mut T) -> Result<Self::Output, Refusal> {
        let user = tx.find_user(&self.app_id, &self.user_id).await?.ok_or(Refusal::UserNotFound)?;
        let metadata = tx.metadata_of(&self.app_id, &self.user_id).await?;
        Ok((user, metadata))
    }
}

/// Reads a user with all installs, newest first.
#[derive(Debug)]
pub struct ShowUser {
    /// The application.
    pub app_id: AppId,
    /// The user.
    pub user_id: UserId,
}

impl Work for ShowUser {
    type Output = (User, Vec<Install>);
    type Error = Refusal;

    async fn run<T: Transaction>(self, tx: &mut T) -> Result<(User, Vec<Install>), Refusal> {
        let user = tx.find_user(&self.app_id, &self.user_id).await?.ok_or(Refusal::UserNotFound)?;
        let installs = tx.list_installs(&self.app_id, &self.user_id).await?;
        Ok((user, installs))
    }
}

/// Disables or enables a user. It takes effect with the next call of any of the user's devices.
#[derive(Debug)]
pub struct SetUserState {
    /// The application.
    pub app_id: AppId,
    /// The user.
    pub user_id: UserId,
    /// The new state.
    pub state: UserState,
    /// Who wants it.
    pub by: Actor,
    /// In which request.
    pub trace: Trace,
    /// The present.
    pub now: Timestamp,
}

impl Work for SetUserState {
    type Output = ();
    type Error = Refusal;

    async fn run<T: Transaction>(self, tx: &mut T) -> Result<(), Refusal> {
        if !tx.set_user_state(&self.app_id, &self.user_id, self.state).await? {
            return Err(Refusal::UserNotFound);
        }
        let kind = match self.state {
            UserState::Enabled => AuditKind::UserEnabled,
            UserState::Disabled(_) => AuditKind::UserDisabled,
        };
        let subject = (&self.app_id, &self.user_id, None);
        Ok(record(tx, kind, subject, self.by, &self.trace, self.now).await?)
    }
}

/// Deletes a user with all data, installs and codes. The hashes of its tokens and install ids stay for a while, so that
/// its devices, and a server that would link one of them, learn what happened.
#[derive(Debug)]
pub struct DeleteUser {
    /// The application.
    pub app_id: AppId,
    /// The user.
    pub user_id: UserId,
    /// How long the hashes are kept.
    pub tombstones_for: Duration,
    /// Who wants it.
    pub by: Actor,
    /// In which request.
    pub trace: Trace,
    /// The present.
    pub now: Timestamp,
}

impl Work for DeleteUser {
    type Output = ();
    type Error = Refusal;

    async fn run<T: Transaction>(self, tx: &mut T) -> Result<(), Refusal> {
        let user = tx.find_user(&self.app_id, &self.user_id).await?.ok_or(Refusal::UserNotFound)?;
        remove_user(tx, user, self.now.plus(self.tombstones_for), self.by, &self.trace, self.now).await
    }
}

/// Removes a user and everything that hangs on the user, but for tombstones until that time, and the audit log, which
/// names nobody.
pub(super) async fn remove_user<T: Transaction>(
    tx: &mut T,
    user: User,
    until: Timestamp,
    by: Actor,
    trace: &Trace,
    now: Timestamp,
) -> Result<(), Refusal> {
    let User { app_id, user_id, external_id, .. } = user;
    tx.bury_tokens(&app_id, &user_id, until).await?;
    for install in tx.list_installs(&app_id, &user_id).await? {
        tx.bury(&app_id, Hashed::of_install(&install.install_id), until).await?;
    }
    tx.delete_user(&app_id, &user_id).await?;
    if let Some(external_id) = external_id {
        tx.delete_codes_of(&app_id, &external_id).await?;
    }
    tx.forget_addresses(&app_id, &user_id).await?;
    Ok(record(tx, AuditKind::UserDeleted, (&app_id, &user_id, None), by, trace, now).await?)
}
