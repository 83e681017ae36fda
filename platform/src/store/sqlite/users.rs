//! Users, on SQLite.

use super::{
    SqliteTransaction,
    rows::{self, Reader},
};
use crate::{
    clock::Timestamp,
    model::{AppId, DeletedUser, ExternalId, User, UserId, UserState},
    store::{StoreError, Users, sql},
};
use sqlx::query;

impl Users for SqliteTransaction<'_> {
    async fn insert_user_if_new(&mut self, user: &User) -> Result<bool, StoreError> {
        let inserted = query(sql::INSERT_USER_IF_NEW)
            .bind(user.app_id.as_str())
            .bind(user.user_id.as_str())
            .bind(user.external_id.as_ref().map(ExternalId::as_str))
            .bind(user.created_at.0)
            .execute(&mut *self.connection)
            .await?;
        Ok(inserted.rows_affected() > 0)
    }

    async fn find_user(&mut self, app: &AppId, user: &UserId) -> Result<Option<User>, StoreError> {
        rows::optional(
            query(sql::FIND_USER)
                .bind(app.as_str())
                .bind(user.as_str())
                .fetch_optional(&mut *self.connection)
                .await?,
        )
    }

    async fn find_user_by_external_id(
        &mut self,
        app: &AppId,
        external_id: &ExternalId,
    ) -> Result<Option<User>, StoreError> {
        rows::optional(
            query(sql::FIND_USER_BY_EXTERNAL_ID)
                .bind(app.as_str())
                .bind(external_id.as_str())
                .fetch_optional(&mut *self.connection)
                .await?,
        )
    }

    async fn set_external_id(
        &mut self,
        app: &AppId,
        user: &UserId,
        external_id: &ExternalId,
    ) -> Result<(), StoreError> {
        query(sql::SET_EXTERNAL_ID)
            .bind(app.as_str())
            .bind(user.as_str())
            .bind(external_id.as_str())
            .execute(&mut *self.connection)
            .await?;
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
            UserState::Disabled(since) => Some(since.0),
        };
        let changed = query(sql::SET_USER_STATE)
            .bind(app.as_str())
            .bind(user.as_str())
            .bind(disabled_at)
            .execute(&mut *self.connection)
            .await?;
        Ok(changed.rows_affected() > 0)
    }

    async fn insert_unused_user(
        &mut self,
        app: &AppId,
        user: &UserId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        query(sql::INSERT_UNUSED_USER)
            .bind(app.as_str())
            .bind(user.as_str())
            .bind(now.0)
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }

    async fn take_unused_users(
        &mut self,
        created_before: Timestamp,
        limit: u32,
    ) -> Result<Vec<(AppId, UserId)>, StoreError> {
        let rows = query(sql::TAKE_UNUSED_USERS)
            .bind(created_before.0)
            .bind(limit)
            .fetch_all(&mut *self.connection)
            .await?;
        let rows = rows.iter().map(|row| Reader::of("unused_users", row));
        rows.map(|row| Ok((row.app_id()?, row.parse("user_id", UserId::parse)?))).collect()
    }

    async fn is_unused_user(&mut self, app: &AppId, user: &UserId) -> Result<bool, StoreError> {
        let found = query(sql::IS_UNUSED_USER)
            .bind(app.as_str())
            .bind(user.as_str())
            .fetch_optional(&mut *self.connection)
            .await?;
        Ok(found.is_some())
    }

    async fn mark_user_deleted(
        &mut self,
        app: &AppId,
        user: &UserId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        query(sql::MARK_USER_DELETED)
            .bind(app.as_str())
            .bind(user.as_str())
            .bind(now.0)
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }

    async fn find_deleted_user(&mut self) -> Result<Option<DeletedUser>, StoreError> {
        rows::optional(query(sql::FIND_DELETED_USER).fetch_optional(&mut *self.connection).await?)
    }

    async fn forget_deleted_user(&mut self, app: &AppId, user: &UserId) -> Result<(), StoreError> {
        for statement in [sql::COUNT_NO_LONGER_STORED, sql::FORGET_DELETED_USER] {
            query(statement).bind(app.as_str()).bind(user.as_str()).execute(&mut *self.connection).await?;
        }
        Ok(())
    }
}
