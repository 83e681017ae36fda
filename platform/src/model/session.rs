//! Sessions: what a token stands for, and what it permits.

use super::{AppId, InstallId, InstallStatus, UserId, UserState};
use crate::{
    clock::Timestamp,
    secret::{AccessToken, Family, Hashed, IdempotencyKey, RefreshToken},
};
use sentiance_protocol::InstallState;

/// A pair of tokens as it is stored.
#[derive(Clone, Debug)]
pub struct TokenPair {
    /// The application.
    pub app_id: AppId,
    /// The install that it was issued to.
    pub install_id: InstallId,
    /// Counts the pairs of the install.
    pub generation: u32,
    /// The access token.
    pub access: Hashed<AccessToken>,
    /// The refresh token.
    pub refresh: Hashed<RefreshToken>,
    /// When the access token expires.
    pub access_expires_at: Timestamp,
    /// When the refresh token expires if it is never used.
    pub refresh_expires_at: Timestamp,
}

impl TokenPair {
    /// When neither of the tokens is good any more.
    pub fn expires_at(&self) -> Timestamp {
        self.access_expires_at.max(self.refresh_expires_at)
    }
}

/// Where a pair of tokens stands in the chain of its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PairState {
    /// The newest pair.
    Current,
    /// The parent of the newest pair: its refresh token was exchanged, with this idempotency key.
    Exchanged(Hashed<IdempotencyKey>),
    /// Revoked before it was used: the answer that carried it was lost, and the call repeated.
    Superseded,
}

/// What a known token stands for.
#[derive(Clone, Debug)]
pub struct Session {
    /// The application.
    pub app_id: AppId,
    /// The user.
    pub user_id: UserId,
    /// Whether the user may use the platform.
    pub user_state: UserState,
    /// Whether the user has an external id.
    pub is_linked: bool,
    /// The install.
    pub install_id: InstallId,
    /// Names the install's present session.
    pub family: Hashed<Family>,
    /// Whether it is the user's active one.
    pub install_status: InstallStatus,
    /// The newest pair of the install.
    pub newest_generation: u32,
    /// The pair that the token is of.
    pub generation: u32,
    /// Where that pair stands.
    pub pair_state: PairState,
    /// Whether the access token of this pair was ever shown to the platform.
    pub used: bool,
    /// When the access token expires.
    pub access_expires_at: Timestamp,
    /// When the refresh token expires.
    pub refresh_expires_at: Timestamp,
}

/// How much a call asks of an access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// To act for the user: the token is fresh, the install active, the user enabled.
    ActForUser,
    /// To learn the install's state: works however old the token is, so that a device can always find out.
    LearnState,
    /// To say goodbye: as before, and once more after the goodbye.
    SayGoodbye,
}

/// Why a token does not permit a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionRefusal {
    /// The pair was revoked.
    Invalid,
    /// The session is over for good.
    Ended,
    /// Another install is active, or the user is disabled.
    Disabled,
    /// The access token is too old.
    Expired,
}

impl Session {
    /// Whether the access token of this session permits such a call.
    pub fn permits(&self, permission: Permission, now: Timestamp) -> Result<(), SessionRefusal> {
        if self.pair_state == PairState::Superseded {
            return Err(SessionRefusal::Invalid);
        }
        if matches!(self.install_status, InstallStatus::Ended(_)) && permission != Permission::SayGoodbye {
            return Err(SessionRefusal::Ended);
        }
        if permission == Permission::ActForUser {
            if self.install_state() != InstallState::Active {
                return Err(SessionRefusal::Disabled);
            }
            if self.access_expires_at <= now {
                return Err(SessionRefusal::Expired);
            }
        }
        Ok(())
    }

    /// What the SDK is told of its install.
    pub fn install_state(&self) -> InstallState {
        install_state(self.user_state, self.install_status)
    }
}

/// What the SDK is told of an install.
pub(crate) fn install_state(user: UserState, install: InstallStatus) -> InstallState {
    match (user, install) {
        (UserState::Disabled(_), _) => InstallState::Disabled,
        (UserState::Enabled, InstallStatus::Active) => InstallState::Active,
        (UserState::Enabled, InstallStatus::Inactive | InstallStatus::Ended(_)) => InstallState::Inactive,
    }
}

#[cfg(test)]
mod tests {
    use super::{PairState, Permission, Session, SessionRefusal};
    use crate::{
        clock::Timestamp,
        model::{AppId, EndReason, InstallId, InstallStatus, UserId, UserState},
        secret::Hashed,
    };
    use Permission::{ActForUser, LearnState, SayGoodbye};

    const NOW: Timestamp = Timestamp(1_000);

    fn healthy() -> Session {
        Session {
            app_id: AppId::parse(&"a".repeat(24)).unwrap(),
            user_id: UserId::parse(&"b".repeat(24)).unwrap(),
            user_state: UserState::Enabled,
            is_linked: true,
            install_id: InstallId::parse(&"c".repeat(32)).unwrap(),
            family: Hashed::from_bytes(&[0; 32]).unwrap(),
            install_status: InstallStatus::Active,
            newest_generation: 1,
            generation: 1,
            pair_state: PairState::Current,
            used: true,
            access_expires_at: Timestamp(2_000),
            refresh_expires_at: Timestamp(9_000),
        }
    }

    #[test]
    fn a_healthy_session_permits_everything() {
        for permission in [ActForUser, LearnState, SayGoodbye] {
            assert_eq!(healthy().permits(permission, NOW), Ok(()));
        }
    }

    #[test]
    fn an_expired_token_still_tells_the_state_and_says_goodbye() {
        let expired = Session { access_expires_at: NOW, ..healthy() };
        assert_eq!(expired.permits(ActForUser, NOW), Err(SessionRefusal::Expired));
        assert_eq!(expired.permits(LearnState, NOW), Ok(()));
        assert_eq!(expired.permits(SayGoodbye, NOW), Ok(()));
    }

    #[test]
    fn a_disabled_user_and_an_inactive_install_may_only_learn_their_state() {
        let disabled = Session { user_state: UserState::Disabled(NOW), ..healthy() };
        let inactive = Session { install_status: InstallStatus::Inactive, ..healthy() };
        for session in [disabled, inactive] {
            assert_eq!(session.permits(ActForUser, NOW), Err(SessionRefusal::Disabled));
            assert_eq!(session.permits(LearnState, NOW), Ok(()));
        }
    }

    #[test]
    fn an_ended_session_permits_nothing_but_another_goodbye() {
        let ended = Session { install_status: InstallStatus::Ended(EndReason::Reset), ..healthy() };
        assert_eq!(ended.permits(ActForUser, NOW), Err(SessionRefusal::Ended));
        assert_eq!(ended.permits(LearnState, NOW), Err(SessionRefusal::Ended));
        assert_eq!(ended.permits(SayGoodbye, NOW), Ok(()));
    }

    #[test]
    fn a_superseded_pair_permits_nothing() {
        let superseded = Session { pair_state: PairState::Superseded, ..healthy() };
        for permission in [ActForUser, LearnState, SayGoodbye] {
            assert_eq!(superseded.permits(permission, NOW), Err(SessionRefusal::Invalid));
        }
    }
}
