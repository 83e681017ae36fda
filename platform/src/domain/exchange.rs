//! Exchanging an authentication code for a user on an install: the heart of the platform.

use super::{
    Refusal,
    codes::REPLAY_WINDOW,
    tokens::{Grant, Lifetimes, NewPair, issue, supersede},
};
use crate::{
    clock::Timestamp,
    model::{
        AppId, ExternalId, Install, InstallId, InstallStatus, Origin, Redemption, User, UserId, UserState,
        install_state, status_for_new_session,
    },
    secret::{Code, Hashed, IdempotencyKey},
    store::{StoreError, Transaction, Work},
};
use sentiance_protocol::{AppInfo, DeviceInfo, InstallState, SdkInfo};

/// Exchanges a code: creates the user of its external id or restores it, makes the install the active one, and
/// starts a session.
///
/// A caller whose answer was lost sends the same code, install id and idempotency key again. As long as nothing of
/// the first answer was used, it gets the same user and new tokens, and the lost ones are revoked.
#[derive(Debug)]
pub struct ExchangeCode {
    /// The code.
    pub code: Hashed<Code>,
    /// The install that shows it.
    pub install_id: InstallId,
    /// Made by the SDK, the same for every try.
    pub idempotency_key: Hashed<IdempotencyKey>,
    /// The embedding application.
    pub app: AppInfo,
    /// The device.
    pub device: DeviceInfo,
    /// The SDK.
    pub sdk: SdkInfo,
    /// The page's origin, where the application must list it.
    pub origin: Option<Origin>,
    /// The user's id, should the user be new.
    pub user_id_if_new: UserId,
    /// The session's first tokens.
    pub pair: NewPair,
    /// How long tokens live.
    pub lifetimes: Lifetimes,
    /// The present.
    pub now: Timestamp,
}

/// What the install got.
#[derive(Debug)]
pub struct Exchanged {
    /// The user.
    pub user_id: UserId,
    /// Whether the code's first exchange created the user.
    pub created: bool,
    /// Whether the install is the user's active one.
    pub install_state: InstallState,
    /// The session.
    pub grant: Grant,
}

impl Work for ExchangeCode {
    type Output = Exchanged;
    type Error = Refusal;

    async fn run<T: Transaction>(self, tx: &mut T) -> Result<Exchanged, Refusal> {
        match tx.consume_code(self.code, self.now).await? {
            Some((app_id, external_id)) => self.start_session(tx, app_id, external_id).await,
            None => self.repeat_lost_answer(tx).await,
        }
    }
}

impl ExchangeCode {
    async fn start_session<T: Transaction>(
        self,
        tx: &mut T,
        app_id: AppId,
        external_id: ExternalId,
    ) -> Result<Exchanged, Refusal> {
        self.check_origin(tx, &app_id).await?;
        let (user, created) = self.create_or_restore_user(tx, &app_id, external_id).await?;
        let known = tx.find_install(&app_id, &self.install_id).await?;
        if known.as_ref().is_some_and(|install| install.user_id != user.user_id) {
            return Err(Refusal::InstallConflict);
        }

        let other = tx.find_other_active_class(&app_id, &user.user_id, &self.install_id, self.now).await?;
        let status = status_for_new_session(self.device.class, other);
        if status == InstallStatus::Active {
            tx.deactivate_installs(&app_id, &user.user_id, self.now).await?;
        }
        let forgotten_before = self.now.minus(self.lifetimes.refresh_token);
        tx.delete_stale_installs(&app_id, &user.user_id, forgotten_before).await?;

        // Generations go on counting over the sessions of an install, so that of two pairs the newer is always told.
        let generation = known.as_ref().map_or(0, |install| install.generation) + 1;
        let install = Install {
            app_id: app_id.clone(),
            install_id: self.install_id.clone(),
            user_id: user.user_id.clone(),
            status,
            family: self.pair.refresh.family().hash(),
            generation,
            app: self.app,
            device: self.device,
            sdk: self.sdk,
            created_at: known.as_ref().map_or(self.now, |install| install.created_at),
        };
        tx.save_install(&install, self.now).await?;
        if known.is_some() {
            tx.delete_pairs(&app_id, &self.install_id).await?;
        }
        let redemption = Redemption {
            app_id: app_id.clone(),
            install_id: self.install_id.clone(),
            idempotency_key: self.idempotency_key,
            generation,
            created_user: created,
        };
        tx.record_redemption(self.code, &redemption).await?;
        let owner = (app_id, self.install_id);
        let grant = issue(tx, owner, generation, self.pair, self.lifetimes, self.now).await?;
        Ok(Exchanged {
            user_id: user.user_id,
            created,
            install_state: install_state(user.state, status),
            grant,
        })
    }

    /// The external id's user, and whether it was created now. Two codes of one new external id, exchanged at once,
    /// give one user: the unique index decides which exchange creates it.
    async fn create_or_restore_user<T: Transaction>(
        &self,
        tx: &mut T,
        app_id: &AppId,
        external_id: ExternalId,
    ) -> Result<(User, bool), Refusal> {
        let candidate = User {
            app_id: app_id.clone(),
            user_id: self.user_id_if_new.clone(),
            external_id,
            state: UserState::Enabled,
            created_at: self.now,
        };
        if tx.insert_user_if_new(&candidate).await? {
            return Ok((candidate, true));
        }
        let restored = tx.find_user_by_external_id(app_id, &candidate.external_id).await?;
        let user = restored.ok_or(StoreError::Inconsistent { table: "users", column: "external_id" })?;
        Ok((user, false))
    }

    async fn repeat_lost_answer<T: Transaction>(self, tx: &mut T) -> Result<Exchanged, Refusal> {
        let window = self.now.minus(REPLAY_WINDOW);
        let redemption = tx.find_redemption(self.code, window).await?.ok_or(Refusal::CodeInvalid)?;
        if redemption.install_id != self.install_id || redemption.idempotency_key != self.idempotency_key {
            return Err(Refusal::CodeInvalid);
        }
        let app_id = redemption.app_id.clone();
        self.check_origin(tx, &app_id).await?;

        let issued = tx.find_current(&app_id, &self.install_id).await?.ok_or(Refusal::CodeInvalid)?;
        let ended = matches!(issued.install_status, InstallStatus::Ended(_));
        if issued.used || ended || issued.generation != redemption.generation {
            return Err(Refusal::CodeInvalid);
        }
        supersede(tx, &app_id, &self.install_id, issued.generation).await?;
        let generation = issued.generation + 1;
        tx.start_family(&app_id, &self.install_id, self.pair.refresh.family().hash()).await?;
        tx.record_redemption(self.code, &Redemption { generation, ..redemption.clone() }).await?;
        let owner = (app_id, self.install_id);
        let grant = issue(tx, owner, generation, self.pair, self.lifetimes, self.now).await?;
        Ok(Exchanged {
            install_state: issued.install_state(),
            user_id: issued.user_id,
            created: redemption.created_user,
            grant,
        })
    }

    /// A page that the code's application does not list holds a foreign code, and is told no more than that.
    async fn check_origin<T: Transaction>(&self, tx: &mut T, app_id: &AppId) -> Result<(), Refusal> {
        match &self.origin {
            Some(origin) if !tx.lists_origin(app_id, origin).await? => Err(Refusal::CodeInvalid),
            _ => Ok(()),
        }
    }
}
