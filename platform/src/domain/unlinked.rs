//! Creating a user by an application's credentials: not linked to any external id, or not yet.

use super::{
    Refusal,
    creation::{Created, Creation},
    metadata::known_keys,
};
use crate::{
    model::{AppId, Install, User, UserState},
    secret::{AppSecret, Hashed},
    store::{Transaction, Work},
};

/// Creates a user on a new install.
///
/// A caller whose answer was lost sends the same install id and idempotency key again, as in
/// [`ExchangeCode`](super::ExchangeCode).
#[derive(Clone, Debug)]
pub struct CreateUnlinkedUser {
    /// The application.
    pub app_id: AppId,
    /// Its secret.
    pub secret: Hashed<AppSecret>,
    /// Whether the app's server links the user before the SDK keeps it.
    pub linking: bool,
    /// Who asks.
    pub creation: Creation,
}

impl Work for CreateUnlinkedUser {
    type Output = Created;
    type Error = Refusal;

    async fn run<T: Transaction>(self, tx: &mut T) -> Result<Created, Refusal> {
        let CreateUnlinkedUser { app_id, secret, linking, creation } = self;
        // One look-up by both, so that neither the answer nor its time tells which of them is wrong.
        let application = tx.find_application_by_credentials(&app_id, secret).await?;
        application.ok_or(Refusal::ApplicationCredentialsInvalid)?;
        creation.check_origin(tx, &app_id, Refusal::ApplicationCredentialsInvalid).await?;
        if let Some(known) = tx.find_install(&app_id, &creation.install_id).await? {
            return repeat_lost_answer(tx, known, creation).await;
        }
        let user = User {
            app_id: app_id.clone(),
            user_id: creation.user_id_if_new.clone(),
            external_id: None,
            state: UserState::Enabled,
            created_at: creation.now,
        };
        tx.insert_unlinked_user(&user).await?;
        tx.insert_unused_user(&app_id, &user.user_id, creation.now).await?;
        let (user_id, install_id) = (user.user_id.clone(), creation.install_id.clone());
        let key = creation.idempotency_key;
        // Everybody who has the app can do this without end, so it is not recorded.
        let (install_state, grant) = creation.start_first_session(tx, None, user, linking).await?;
        tx.record_creation(&app_id, &install_id, key, grant.generation).await?;
        let metadata_keys = None;
        Ok(Created { user_id, created: true, linked: false, install_state, grant, metadata_keys })
    }
}

/// Whether the link came meanwhile is told as it is: the SDK may have crashed between the link and its confirmation.
async fn repeat_lost_answer<T: Transaction>(
    tx: &mut T,
    known: Install,
    creation: Creation,
) -> Result<Created, Refusal> {
    let Install { app_id, install_id, user_id, .. } = known;
    let (key, generation) = tx.find_creation(&app_id, &install_id).await?.ok_or(Refusal::InstallConflict)?;
    if key != creation.idempotency_key {
        return Err(Refusal::InstallConflict);
    }
    let reissued = creation.reissue(tx, app_id.clone(), generation).await?;
    let (session, grant) = reissued.ok_or(Refusal::InstallConflict)?;
    tx.record_creation(&app_id, &install_id, key, grant.generation).await?;
    let user = tx.find_user(&app_id, &user_id).await?.ok_or(Refusal::UserNotFound)?;
    let (linked, install_state) = (user.external_id.is_some(), session.install_state());
    let metadata_keys = known_keys(tx, &app_id, &user_id).await?;
    Ok(Created { user_id, created: true, linked, install_state, grant, metadata_keys })
}
