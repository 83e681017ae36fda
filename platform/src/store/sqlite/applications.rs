//! Applications and their origins, on SQLite.

use super::SqliteTransaction;
use crate::{
    model::{AppId, Application, Origin, Retention},
    secret::{AppSecret, Hashed},
    store::{Applications, StoreError, sql},
};
use std::time::Duration;

impl Applications for SqliteTransaction<'_> {
    async fn insert_application(&mut self, app: &Application) -> Result<(), StoreError> {
        let Application { app_id, name, created_at, user_linking } = app;
        self.change(sql::INSERT_APPLICATION, (app_id, name, created_at, user_linking))?;
        Ok(())
    }

    async fn set_app_secret(&mut self, app: &AppId, secret: Hashed<AppSecret>) -> Result<bool, StoreError> {
        Ok(self.change(sql::SET_APP_SECRET, (app, secret))? > 0)
    }

    async fn retention(&mut self, app: &AppId) -> Result<Option<Retention>, StoreError> {
        self.first_of(sql::FIND_RETENTION, [app], "applications", |row| {
            Ok(match row.take::<Option<i64>>("detections_retention")? {
                None => Retention::Default,
                Some(0) => Retention::Forever,
                Some(span) => Retention::For(Duration::from_millis(u64::try_from(span).unwrap_or_default())),
            })
        })
    }

    async fn set_retention(&mut self, app: &AppId, retention: Retention) -> Result<bool, StoreError> {
        let milliseconds = match retention {
            Retention::Default => None,
            Retention::Forever => Some(0),
            Retention::For(span) => Some(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)),
        };
        Ok(self.change(sql::SET_RETENTION, (app, milliseconds))? > 0)
    }

    async fn set_first_app_secret(
        &mut self,
        app: &AppId,
        secret: Hashed<AppSecret>,
    ) -> Result<bool, StoreError> {
        Ok(self.change(sql::SET_FIRST_APP_SECRET, (app, secret))? > 0)
    }

    async fn insert_origin(&mut self, app: &AppId, origin: &Origin) -> Result<(), StoreError> {
        self.change(sql::INSERT_ORIGIN, (app, origin))?;
        Ok(())
    }

    async fn find_application(&mut self, app: &AppId) -> Result<Option<Application>, StoreError> {
        self.first(sql::FIND_APPLICATION, (app,))
    }

    async fn find_application_by_credentials(
        &mut self,
        app: &AppId,
        secret: Hashed<AppSecret>,
    ) -> Result<Option<Application>, StoreError> {
        self.first(sql::FIND_APPLICATION_BY_CREDENTIALS, (app, secret))
    }

    async fn list_applications(&mut self) -> Result<Vec<Application>, StoreError> {
        self.list(sql::LIST_APPLICATIONS, ())
    }

    async fn list_origins(&mut self, app: &AppId) -> Result<Vec<String>, StoreError> {
        let mut origins = Vec::new();
        self.each(sql::LIST_ORIGINS, (app,), "application_origins", |row| -> Result<_, StoreError> {
            origins.push(row.take("origin")?);
            Ok(true)
        })?;
        Ok(origins)
    }

    async fn lists_origin(&mut self, app: &AppId, origin: &Origin) -> Result<bool, StoreError> {
        self.exists(sql::LISTS_ORIGIN, (app, origin))
    }

    async fn any_lists_origin(&mut self, origin: &Origin) -> Result<bool, StoreError> {
        self.exists(sql::ANY_LISTS_ORIGIN, (origin,))
    }

    async fn ping(&mut self) -> Result<(), StoreError> {
        self.change(sql::PING, ())?;
        Ok(())
    }
}
