//! Users.

use super::{Engine, engine::Ask, texts, values::values};
use crate::{
    clock::Timestamp,
    model::{AppId, DeletedUser, ExternalId, Install, InstallId, User, UserId, UserState},
    store::{Installs, StoreError, Users},
};

impl<E: Engine> Users for E {
    async fn insert_unlinked_user(&mut self, user: &User) -> Result<(), StoreError> {
        let User { app_id, user_id, external_id, created_at, .. } = user;
        self.post(&texts::INSERT_USER_IF_NEW, values![app_id, user_id, external_id, created_at]).await
    }

    async fn insert_user_if_new(
        &mut self,
        user: &User,
        install: &InstallId,
    ) -> Result<(bool, Option<Install>), StoreError> {
        let User { app_id, user_id, external_id, created_at, .. } = user;
        let values = values![app_id, user_id, external_id, created_at];
        let inserted = self.start(&texts::INSERT_USER_IF_NEW, values).await?;
        // Behind it, so that both take one round trip.
        let install = self.find_install(app_id, install).await?;
        Ok((self.changed(inserted).await? > 0, install))
    }

    async fn find_user(&mut self, app: &AppId, user: &UserId) -> Result<Option<User>, StoreError> {
        self.first(&texts::FIND_USER, values![app, user]).await
    }

    async fn find_user_by_external_id(
        &mut self,
        app: &AppId,
        external_id: &ExternalId,
    ) -> Result<Option<User>, StoreError> {
        self.first(&texts::FIND_USER_BY_EXTERNAL_ID, values![app, external_id]).await
    }

    async fn set_external_id(
        &mut self,
        app: &AppId,
        user: &UserId,
        external_id: &ExternalId,
    ) -> Result<(), StoreError> {
        self.post(&texts::SET_EXTERNAL_ID, values![app, user, external_id]).await
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
        Ok(self.change(&texts::SET_USER_STATE, values![app, user, disabled_at]).await? > 0)
    }

    async fn insert_unused_user(
        &mut self,
        app: &AppId,
        user: &UserId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.post(&texts::INSERT_UNUSED_USER, values![app, user, now]).await
    }

    async fn take_unused_users(
        &mut self,
        created_before: Timestamp,
        limit: u32,
    ) -> Result<Vec<(AppId, UserId)>, StoreError> {
        self.list(&texts::TAKE_UNUSED_USERS, values![created_before, limit]).await
    }

    async fn is_unused_user(&mut self, app: &AppId, user: &UserId) -> Result<bool, StoreError> {
        self.exists(&texts::IS_UNUSED_USER, values![app, user]).await
    }

    async fn mark_user_deleted(
        &mut self,
        app: &AppId,
        user: &UserId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.post(&texts::MARK_USER_DELETED, values![app, user, now]).await
    }

    async fn find_deleted_user(&mut self) -> Result<Option<DeletedUser>, StoreError> {
        self.first(&texts::FIND_DELETED_USER, values![]).await
    }

    async fn forget_deleted_user(&mut self, app: &AppId, user: &UserId) -> Result<(), StoreError> {
        self.post(&texts::COUNT_NO_LONGER_STORED, values![app, user]).await?;
        self.post(&texts::FORGET_DELETED_USER, values![app, user]).await
    }
}
