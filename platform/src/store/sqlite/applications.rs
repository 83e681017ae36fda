//! Applications and their origins, on SQLite.

use super::{
    SqliteTransaction,
    rows::{self, Reader},
};
use crate::{
    model::{AppId, Application, Origin},
    secret::{AppSecret, Hashed},
    store::{Applications, StoreError, sql},
};
use sqlx::query;

impl SqliteTransaction<'_> {
    async fn change_secret(
        &mut self,
        statement: &'static str,
        app: &AppId,
        secret: Hashed<AppSecret>,
    ) -> Result<bool, StoreError> {
        let changed = query(statement)
            .bind(app.as_str())
            .bind(secret.as_bytes())
            .execute(&mut *self.connection)
            .await?;
        Ok(changed.rows_affected() > 0)
    }
}

impl Applications for SqliteTransaction<'_> {
    async fn insert_application(&mut self, app: &Application) -> Result<(), StoreError> {
        query(sql::INSERT_APPLICATION)
            .bind(app.app_id.as_str())
            .bind(&app.name)
            .bind(app.created_at.0)
            .bind(app.user_linking)
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }

    async fn set_app_secret(&mut self, app: &AppId, secret: Hashed<AppSecret>) -> Result<bool, StoreError> {
        self.change_secret(sql::SET_APP_SECRET, app, secret).await
    }

    async fn set_first_app_secret(
        &mut self,
        app: &AppId,
        secret: Hashed<AppSecret>,
    ) -> Result<bool, StoreError> {
        self.change_secret(sql::SET_FIRST_APP_SECRET, app, secret).await
    }

    async fn insert_origin(&mut self, app: &AppId, origin: &Origin) -> Result<(), StoreError> {
        query(sql::INSERT_ORIGIN)
            .bind(app.as_str())
            .bind(origin.as_str())
            .execute(&mut *self.connection)
            .await?;
        Ok(())
    }

    async fn find_application(&mut self, app: &AppId) -> Result<Option<Application>, StoreError> {
        rows::optional(
            query(sql::FIND_APPLICATION).bind(app.as_str()).fetch_optional(&mut *self.connection).await?,
        )
    }

    async fn find_application_by_credentials(
        &mut self,
        app: &AppId,
        secret: Hashed<AppSecret>,
    ) -> Result<Option<Application>, StoreError> {
        rows::optional(
            query(sql::FIND_APPLICATION_BY_CREDENTIALS)
                .bind(app.as_str())
                .bind(secret.as_bytes())
                .fetch_optional(&mut *self.connection)
                .await?,
        )
    }

    async fn list_applications(&mut self) -> Result<Vec<Application>, StoreError> {
        rows::all(query(sql::LIST_APPLICATIONS).fetch_all(&mut *self.connection).await?)
    }

    async fn list_origins(&mut self, app: &AppId) -> Result<Vec<String>, StoreError> {
        let rows = query(sql::LIST_ORIGINS).bind(app.as_str()).fetch_all(&mut *self.connection).await?;
        rows.iter().map(|row| Reader::of("application_origins", row).get("origin")).collect()
    }

    async fn lists_origin(&mut self, app: &AppId, origin: &Origin) -> Result<bool, StoreError> {
        let found = query(sql::LISTS_ORIGIN)
            .bind(app.as_str())
            .bind(origin.as_str())
            .fetch_optional(&mut *self.connection)
            .await?;
        Ok(found.is_some())
    }

    async fn any_lists_origin(&mut self, origin: &Origin) -> Result<bool, StoreError> {
        let found =
            query(sql::ANY_LISTS_ORIGIN).bind(origin.as_str()).fetch_optional(&mut *self.connection).await?;
        Ok(found.is_some())
    }

    async fn ping(&mut self) -> Result<(), StoreError> {
        // Changes nothing that anybody reads, and is written and flushed like any other change.
        query("pragma user_version = 0").execute(&mut *self.connection).await?;
        Ok(())
    }
}
