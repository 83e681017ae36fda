//! Users, on SQLite.

use super::SqliteTransaction;
use crate::{
    clock::Timestamp,
    model::{AppId, DeletedUser, ExternalId, User, UserId, UserState},
    store::{StoreError, Users, sql},
};

impl Users for SqliteTransaction<'_> {
    async fn insert_user_if_new(&mut self, user: &User) -> Result<bool, StoreError> {
        let values = (&user.app_id, &user.user_id, &user.external_id, user.created_at);
        Ok(self.change(sql::INSERT_USER_IF_NEW, values)? > 0)
    }

    async fn find_user(&mut self, app: &AppId, user: &UserId) -> Result<Option<User>, StoreError> {
        self.first(sql::FIND_USER, (app, user))
    }

    async fn find_user_by_external_id(
        &mut self,
        app: &AppId,
        external_id: &ExternalId,
    ) -> Result<Option<User>, StoreError> {
        self.first(sql::FIND_USER_BY_EXTERNAL_ID, (app, external_id))
    }

    async fn set_external_id(
        &mut self,
        app: &AppId,
        user: &UserId,
        external_id: &ExternalId,
    ) -> Result<(), StoreError> {
        self.change(sql::SET_EXTERNAL_ID, (app, user, external_id))?;
        Ok(())
    }

    async fn set_user_state(
        &mut self,
        app: &AppId,
        user: &UserId,
        state: UserState,
    ) -> Result<bool, StoreError> {
        let disabled_at = match state {
            UserState::Enabled => None,
            UserState::Disabled(since) => Some(since),
        };
        Ok(self.change(sql::SET_USER_STATE, (app, user, disabled_at))? > 0)
    }

    async fn insert_unused_user(
        &mut self,
        app: &AppId,
        user: &UserId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.change(sql::INSERT_UNUSED_USER, (app, user, now))?;
        Ok(())
    }

    async fn take_unused_users(
        &mut self,
        created_before: Timestamp,
        limit: u32,
    ) -> Result<Vec<(AppId, UserId)>, StoreError> {
        self.list(sql::TAKE_UNUSED_USERS, (created_before, limit))
    }

    async fn is_unused_user(&mut self, app: &AppId, user: &UserId) -> Result<bool, StoreError> {
        self.exists(sql::IS_UNUSED_USER, (app, user))
    }

    async fn mark_user_deleted(
        &mut self,
        app: &AppId,
        user: &UserId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.change(sql::MARK_USER_DELETED, (app, user, now))?;
        Ok(())
    }

    async fn find_deleted_user(&mut self) -> Result<Option<DeletedUser>, StoreError> {
        self.first(sql::FIND_DELETED_USER, ())
    }

    async fn forget_deleted_user(&mut self, app: &AppId, user: &UserId) -> Result<(), StoreError> {
        self.change(sql::COUNT_NO_LONGER_STORED, (app, user))?;
        self.change(sql::FORGET_DELETED_USER, (app, user))?;
        Ok(())
    }
}
