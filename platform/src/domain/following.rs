//! Following an install: what became of it since its session was last looked at.

use super::{Refusal, session::require_origin};
use crate::{
    model::{AppId, InstallId, InstallStatus, Origin, UserId, install_state},
    secret::{Family, Hashed},
    store::{Transaction, Work},
};
use sentiance_protocol::InstallState;

/// Reads the state of an install for somebody who showed a token of its session earlier. Not the token is looked for,
/// since a refresh replaces it, but the session.
#[derive(Clone, Debug)]
pub struct ReadInstallState {
    /// The application.
    pub app_id: AppId,
    /// The install.
    pub install_id: InstallId,
    /// The session.
    pub family: Hashed<Family>,
    /// The page's origin, where the application must list it.
    pub origin: Option<Origin>,
}

impl Work for ReadInstallState {
    /// The install's user, who is another one after a link, and the state.
    type Output = (UserId, InstallState);
    type Error = Refusal;

    async fn run<T: Transaction>(self, tx: &mut T) -> Result<Self::Output, Refusal> {
        let ReadInstallState { app_id, install_id, family, origin } = self;
        require_origin(tx, &app_id, origin.as_ref()).await?;
        let Some(install) = tx.find_install(&app_id, &install_id).await? else {
            let buried = tx.find_tombstone(Hashed::of_install(&install_id)).await?;
            return Err(buried.map_or(Refusal::TokenInvalid, |_| Refusal::UserDeleted));
        };
        if install.family != family {
            return Err(Refusal::TokenInvalid);
        }
        if matches!(install.status, InstallStatus::Ended(_)) {
            return Err(Refusal::SessionEnded);
        }
        let user = tx.find_user(&app_id, &install.user_id).await?.ok_or(Refusal::UserDeleted)?;
        Ok((user.user_id, install_state(user.state, install.status)))
    }
}
