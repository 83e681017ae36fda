//! Installs, and the rule of the one active device.

use super::{AppId, InstallId, UserId};
use crate::{
    clock::Timestamp,
    secret::{Family, Hashed},
};
use sentiance_protocol::{AppInfo, DeviceClass, DeviceInfo, SdkInfo};

/// An installation of the SDK. It belongs to one user; only while it awaits its link may it come to another one.
#[derive(Clone, Debug)]
pub struct Install {
    /// The application.
    pub app_id: AppId,
    /// Its id, made by the SDK.
    pub install_id: InstallId,
    /// Its user.
    pub user_id: UserId,
    /// Whether it is the user's active one.
    pub status: InstallStatus,
    /// Whether it was created for a linker and the link was not confirmed yet.
    pub awaits_link: bool,
    /// Names the present session; a new exchange of a code starts a new one.
    pub family: Hashed<Family>,
    /// The newest pair of tokens, counted from 1 over all its sessions.
    pub generation: u32,
    /// The embedding application.
    pub app: AppInfo,
    /// The device.
    pub device: DeviceInfo,
    /// The SDK.
    pub sdk: SdkInfo,
    /// When it was first seen.
    pub created_at: Timestamp,
}

/// Whether an install is the user's active one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstallStatus {
    /// It is. A user has at most one such install.
    Active,
    /// Another one is, or was.
    Inactive,
    /// Its session is over for good.
    Ended(EndReason),
}

/// An install whose session nobody has used for as long as its tokens live.
#[derive(Clone, Debug)]
pub struct ExpiredSession {
    /// The application.
    pub app_id: AppId,
    /// The install.
    pub install_id: InstallId,
    /// Its user.
    pub user_id: UserId,
    /// Whether anybody can ever come to this user again, or has used it: it has an external id, or the install has shown
    /// one of its tokens.
    pub is_known: bool,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The SDK said goodbye.
    Reset,
    /// A used refresh token came back: somebody holds a copy.
    TokenReuse,
    /// Nobody used it for as long as its tokens live.
    Expired,
}

/// The status of an install that just came to a user, given the class of the user's *other* active install.
///
/// The newest device wins, with one exception: a tablet does not displace an active phone.
pub fn status_for_new_session(class: DeviceClass, other_active: Option<DeviceClass>) -> InstallStatus {
    match (class, other_active) {
        (DeviceClass::Tablet, Some(DeviceClass::Phone)) => InstallStatus::Inactive,
        _ => InstallStatus::Active,
    }
}

#[cfg(test)]
mod tests {
    use super::{InstallStatus, status_for_new_session};
    use sentiance_protocol::DeviceClass::{Desktop, Phone, Tablet};

    #[test]
    fn only_a_tablet_beside_an_active_phone_starts_inactive() {
        for class in [Phone, Tablet, Desktop] {
            for other in [None, Some(Phone), Some(Tablet), Some(Desktop)] {
                let yields = class == Tablet && other == Some(Phone);
                let expected = if yields { InstallStatus::Inactive } else { InstallStatus::Active };
                assert_eq!(status_for_new_session(class, other), expected, "{class:?} beside {other:?}");
            }
        }
    }
}
