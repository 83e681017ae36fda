//! What a use case may ask of the database about users.

use super::StoreError;
use crate::{
    clock::Timestamp,
    model::{AppId, DeletedUser, ExternalId, Install, InstallId, User, UserId, UserState},
};
use std::future::Future;

type Stored<T> = Result<T, StoreError>;

/// Users.
pub trait Users: Send {
    /// Adds a user who is not linked.
    fn insert_unlinked_user(&mut self, user: &User) -> impl Future<Output = Stored<()>> + Send;
    /// Adds the user unless the external id has one, and finds the install of that id; says whether it added the user.
    fn insert_user_if_new(
        &mut self,
        user: &User,
        install: &InstallId,
    ) -> impl Future<Output = Stored<(bool, Option<Install>)>> + Send;
    /// The user of that id.
    fn find_user(&mut self, app: &AppId, user: &UserId) -> impl Future<Output = Stored<Option<User>>> + Send;
    /// The user of that external id.
    fn find_user_by_external_id(
        &mut self,
        app: &AppId,
        external_id: &ExternalId,
    ) -> impl Future<Output = Stored<Option<User>>> + Send;
    /// Links a user who is not linked yet. The external id must be free.
    fn set_external_id(
        &mut self,
        app: &AppId,
        user: &UserId,
        external_id: &ExternalId,
    ) -> impl Future<Output = Stored<()>> + Send;
    /// Disables or enables a user; `false` where there is none.
    fn set_user_state(
        &mut self,
        app: &AppId,
        user: &UserId,
        state: UserState,
    ) -> impl Future<Output = Stored<bool>> + Send;
    /// Remembers a user who may never be used.
    fn insert_unused_user(
        &mut self,
        app: &AppId,
        user: &UserId,
        now: Timestamp,
    ) -> impl Future<Output = Stored<()>> + Send;
    /// Those who were created before a time, the first ones, at most so many; each is given once.
    fn take_unused_users(
        &mut self,
        created_before: Timestamp,
        limit: u32,
    ) -> impl Future<Output = Stored<Vec<(AppId, UserId)>>> + Send;
    /// Whether a user is not linked, and no token of the user was ever used.
    fn is_unused_user(&mut self, app: &AppId, user: &UserId) -> impl Future<Output = Stored<bool>> + Send;
    /// From now on no other method finds the user, and the external id is free.
    fn mark_user_deleted(
        &mut self,
        app: &AppId,
        user: &UserId,
        now: Timestamp,
    ) -> impl Future<Output = Stored<()>> + Send;
    /// The user who was marked first, of those that are not forgotten yet.
    fn find_deleted_user(&mut self) -> impl Future<Output = Stored<Option<DeletedUser>>> + Send;
    /// Forgets a marked user once nothing else of it is left.
    fn forget_deleted_user(&mut self, app: &AppId, user: &UserId) -> impl Future<Output = Stored<()>> + Send;
}
