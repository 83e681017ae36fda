//! Reading, disabling, enabling and deleting users.

use super::{
    Refusal,
    acting::{About, Act, ByEither, Caller},
    audit::record,
    removal::remove_user,
};
use crate::{
    clock::Timestamp,
    model::{Actor, AppId, AuditKind, Install, Trace, User, UserId, UserState},
    store::{Transaction, Work},
};
use std::{collections::BTreeMap, time::Duration};

/// Reads a user with the metadata.
#[derive(Clone, Debug)]
pub struct ReadProfile {
    /// Whose.
    pub about: About,
}

impl Act for ReadProfile {
    type By = ByEither;
    type Output = (User, BTreeMap<String, String>);

    async fn act<T: Transaction>(
        self,
        tx: &mut T,
        caller: Caller,
        _: Timestamp,
    ) -> Result<Self::Output, Refusal> {
        let (app_id, user_id) = caller.subject(self.about)?;
        let user = tx.find_user(&app_id, &user_id).await?.ok_or(Refusal::UserNotFound)?;
        let metadata = tx.metadata_of(&app_id, &user_id).await?;
        Ok((user, metadata))
    }
}

/// How many installs of a user are shown.
const INSTALLS_SHOWN: u32 = 100;

/// Reads a user with the newest installs, the newest first.
#[derive(Clone, Debug)]
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
        let installs = tx.list_installs(&self.app_id, &self.user_id, INSTALLS_SHOWN).await?;
        Ok((user, installs))
    }
}

/// Disables or enables a user. It takes effect with the next call of any of the user's devices.
#[derive(Clone, Debug)]
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

/// Deletes a user with installs and codes, and hides all data, which [`RemoveLeftovers`](super::RemoveLeftovers) then
/// removes. The hashes of its tokens and install ids stay for a while, so that
/// its devices, and a server that would link one of them, learn what happened.
#[derive(Clone, Debug)]
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

/// [Deletes a user](DeleteUser) on behalf of the user itself or its application's server.
#[derive(Clone, Debug)]
pub struct DeleteUserFor {
    /// Which user.
    pub about: About,
    /// How long the hashes are kept.
    pub tombstones_for: Duration,
    /// In which request.
    pub trace: Trace,
}

impl Act for DeleteUserFor {
    type By = ByEither;
    type Output = ();

    async fn act<T: Transaction>(self, tx: &mut T, caller: Caller, now: Timestamp) -> Result<(), Refusal> {
        let DeleteUserFor { about, tombstones_for, trace } = self;
        let by = caller.actor();
        let (app_id, user_id) = caller.subject(about)?;
        DeleteUser { app_id, user_id, tombstones_for, by, trace, now }.run(tx).await
    }
}
