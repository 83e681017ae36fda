//! What all ways to a user have in common: an install comes to the user, and a session starts.

use super::{
    Refusal,
    audit::record,
    tokens::{Grant, Lifetimes, NewPair, issue, prepare, supersede},
};
use crate::{
    clock::Timestamp,
    model::{
        Actor, AppId, AuditKind, Install, InstallId, InstallStatus, Origin, Session, Trace, User, UserId,
        install_state, status_for_new_session,
    },
    secret::{Hashed, IdempotencyKey},
    store::{StoreError, Transaction},
};
use sentiance_protocol::{AppInfo, DeviceClass, DeviceInfo, InstallState, SdkInfo};

/// How many installs of a user that are not active are remembered, so that they learn that another one took over. An app
/// that restores a user more often than this within half a year gets `TOKEN_INVALID` on the oldest ones.
const INSTALLS_KEPT: u32 = 100;

/// What an SDK sends along with whatever entitles it to a user, and what a new user would be made of.
#[derive(Clone, Debug)]
pub struct Creation {
    /// The install.
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
    /// The session's first tokens, which belong to no application yet.
    pub pair: NewPair,
    /// How long tokens live.
    pub lifetimes: Lifetimes,
    /// In which request.
    pub trace: Trace,
    /// The present.
    pub now: Timestamp,
}

/// What the install got.
#[derive(Clone, Debug)]
pub struct Created {
    /// The user.
    pub user_id: UserId,
    /// Whether the first try created the user.
    pub created: bool,
    /// Whether the user has an external id.
    pub linked: bool,
    /// Whether the install is the user's active one.
    pub install_state: InstallState,
    /// The session.
    pub grant: Grant,
    /// The keys of the metadata that the user has, as the SDK is told them.
    pub metadata_keys: Option<String>,
}

impl Creation {
    /// Refuses, with what the use case says, a page that the application does not list.
    pub(super) async fn check_origin<T: Transaction>(
        &self,
        tx: &mut T,
        app_id: &AppId,
        otherwise: Refusal,
    ) -> Result<(), Refusal> {
        match &self.origin {
            Some(origin) if !tx.lists_origin(app_id, origin).await? => Err(otherwise),
            _ => Ok(()),
        }
    }

    /// Starts the session of the first install of a user who was created in this transaction.
    pub(super) async fn start_first_session<T: Transaction>(
        self,
        tx: &mut T,
        kind: Option<AuditKind>,
        user: User,
        awaits_link: bool,
    ) -> Result<(InstallState, Grant), Refusal> {
        // There is no other install that would have to make room.
        let status = status_for_new_session(self.device.class, None);
        self.start_session(tx, kind, user, None, (status, awaits_link)).await
    }

    /// Brings the install, which may be known already, to a user who was there before, and starts its session.
    pub(super) async fn start_another_session<T: Transaction>(
        self,
        tx: &mut T,
        kind: AuditKind,
        user: User,
        known: Option<Install>,
    ) -> Result<(InstallState, Grant), Refusal> {
        let arrival = Arrival {
            app_id: &user.app_id,
            user_id: &user.user_id,
            install_id: &self.install_id,
            class: self.device.class,
            lifetimes: self.lifetimes,
            trace: &self.trace,
            now: self.now,
        };
        let status = arrival.make_room(tx).await?;
        self.start_session(tx, Some(kind), user, known, (status, false)).await
    }

    /// `kind` says what is recorded of it, if anything.
    async fn start_session<T: Transaction>(
        self,
        tx: &mut T,
        kind: Option<AuditKind>,
        user: User,
        known: Option<Install>,
        (status, awaits_link): (InstallStatus, bool),
    ) -> Result<(InstallState, Grant), Refusal> {
        let User { app_id, user_id, .. } = user;
        let subject = (&app_id, &user_id, Some(&self.install_id));
        if let Some(kind) = kind {
            record(tx, kind, subject, Actor::Install(self.install_id.clone()), &self.trace, self.now).await?;
        }
        let pair = self.pair.in_application(&app_id);
        // Generations go on counting over the sessions of an install, so that of two pairs the newer is always told.
        let generation = known.as_ref().map_or(0, |install| install.generation) + 1;
        let install = Install {
            app_id: app_id.clone(),
            install_id: self.install_id.clone(),
            user_id,
            status,
            awaits_link,
            family: pair.refresh.family().hash(),
            generation,
            app: self.app,
            device: self.device,
            sdk: self.sdk,
            created_at: known.as_ref().map_or(self.now, |install| install.created_at),
        };
        if known.is_some() {
            tx.delete_pairs(&app_id, &self.install_id).await?;
        }
        let owner = (app_id, self.install_id);
        let (grant, stored) = prepare(owner, generation, pair, self.lifetimes, self.now);
        tx.save_install(&install, stored.expires_at(), self.now).await?;
        tx.insert_current_pair(&stored).await?;
        Ok((install_state(user.state, status), grant))
    }

    /// Issues another pair to an install whose answer with the pair of this generation seems to be lost. Whichever of
    /// the two is used first is good. Nothing where it was not lost after all: where something of it was used.
    pub(super) async fn reissue<T: Transaction>(
        self,
        tx: &mut T,
        app_id: AppId,
        lost_generation: u32,
    ) -> Result<Option<(Session, Grant)>, Refusal> {
        let Some(issued) = tx.find_current(&app_id, &self.install_id).await? else { return Ok(None) };
        let ended = matches!(issued.install_status, InstallStatus::Ended(_));
        if issued.used || ended || issued.generation != lost_generation {
            return Ok(None);
        }
        supersede(tx, &app_id, &self.install_id, issued.generation).await?;
        // A session that began before families named their application keeps the family that it has.
        let is_older = self.pair.refresh.family().hash() == issued.family;
        let pair = if is_older { self.pair.naming(&app_id) } else { self.pair.in_application(&app_id) };
        let owner = (app_id, self.install_id);
        let grant = issue(tx, owner, issued.generation + 1, pair, self.lifetimes, self.now).await?;
        Ok(Some((issued, grant)))
    }
}

/// An install that comes to a user.
#[derive(Clone, Debug)]
pub(super) struct Arrival<'a> {
    pub(super) app_id: &'a AppId,
    pub(super) user_id: &'a UserId,
    pub(super) install_id: &'a InstallId,
    pub(super) class: DeviceClass,
    pub(super) lifetimes: Lifetimes,
    pub(super) trace: &'a Trace,
    pub(super) now: Timestamp,
}

impl Arrival<'_> {
    /// Makes room for the install, and tells its status: it displaces the user's other installs, unless it is a tablet
    /// and the active one is a phone.
    pub(super) async fn make_room<T: Transaction>(&self, tx: &mut T) -> Result<InstallStatus, StoreError> {
        let &Arrival { app_id, user_id, install_id, now, .. } = self;
        let other = tx.find_other_active_class(app_id, user_id, install_id, now).await?;
        let status = status_for_new_session(self.class, other);
        if status == InstallStatus::Active {
            let displaced = tx.deactivate_installs(app_id, user_id, now).await?;
            for displaced in displaced.iter().filter(|displaced| *displaced != install_id) {
                let (subject, by) = ((app_id, user_id, Some(displaced)), Actor::Install(install_id.clone()));
                record(tx, AuditKind::InstallDeactivated, subject, by, self.trace, now).await?;
            }
        }
        tx.delete_old_installs(app_id, user_id, now.minus(self.lifetimes.refresh_token), INSTALLS_KEPT)
            .await?;
        Ok(status)
    }
}
