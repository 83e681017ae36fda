//! Applications, users, and what is known of a consumed code.

use super::{AppId, ExternalId, InstallId, UserId};
use crate::{
    clock::Timestamp,
    secret::{Hashed, IdempotencyKey},
};
use std::time::Duration;

/// An app that uses the platform. No data is shared between two of them.
#[derive(Clone, Debug)]
pub struct Application {
    /// Its id.
    pub app_id: AppId,
    /// What a person called it.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Whether its servers may link users by their installs.
    pub user_linking: bool,
}

/// How long the detections of an application are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    /// As long as the platform's option says.
    Default,
    /// For ever.
    Forever,
    /// For so long, by the time of their recording, or that of their upload where it is earlier.
    For(Duration),
}

/// A Sentiance user.
#[derive(Clone, Debug)]
pub struct User {
    /// The application that the user belongs to.
    pub app_id: AppId,
    /// The Sentiance user id.
    pub user_id: UserId,
    /// The app's own id of this user, unique in the application; none while the user is not linked.
    pub external_id: Option<ExternalId>,
    /// Whether the user may use the platform.
    pub state: UserState,
    /// When the user was created.
    pub created_at: Timestamp,
}

/// A user who was deleted, and whose data is left to remove.
#[derive(Clone, Debug)]
pub struct DeletedUser {
    /// The application.
    pub app_id: AppId,
    /// The Sentiance user id.
    pub user_id: UserId,
    /// The external id that the user had, whose codes go too.
    pub external_id: Option<ExternalId>,
    /// When the user was deleted.
    pub deleted_at: Timestamp,
}

/// Whether a user may use the platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserState {
    /// May.
    Enabled,
    /// May not, since this time; keeps the user id.
    Disabled(Timestamp),
}

/// What a consumed authentication code was used for.
#[derive(Clone, Debug)]
pub struct CodeUse {
    /// The application of the code.
    pub app_id: AppId,
    /// The user that it stood for.
    pub external_id: ExternalId,
    /// The install that used it.
    pub install_id: Option<InstallId>,
}

/// How an authentication code was exchanged, kept for a caller whose answer was lost.
#[derive(Clone, Debug)]
pub struct Redemption {
    /// The application of the code.
    pub app_id: AppId,
    /// The install that showed the code.
    pub install_id: InstallId,
    /// The idempotency key that it sent along.
    pub idempotency_key: Hashed<IdempotencyKey>,
    /// The pair of tokens that the newest answer handed out.
    pub generation: u32,
    /// Whether the first exchange created the user.
    pub created_user: bool,
}
