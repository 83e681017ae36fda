//! Applications and their origins.

use super::{Engine, engine::Ask, texts, values::values};
use crate::{
    model::{AppId, Application, Origin, Retention},
    secret::{AppSecret, Hashed},
    store::{Applications, StoreError},
};
use std::time::Duration;

impl<E: Engine> Applications for E {
    async fn insert_application(&mut self, app: &Application) -> Result<(), StoreError> {
        let Application { app_id, name, created_at, user_linking } = app;
        self.post(&texts::INSERT_APPLICATION, values![app_id, name, created_at, user_linking]).await
    }

    async fn set_app_secret(&mut self, app: &AppId, secret: Hashed<AppSecret>) -> Result<bool, StoreError> {
        Ok(self.change(&texts::SET_APP_SECRET, values![app, secret]).await? > 0)
    }

    async fn retention(&mut self, app: &AppId) -> Result<Option<Retention>, StoreError> {
        self.first_of(&texts::FIND_RETENTION, values![app], "applications", |row| {
            Ok(match row.take::<Option<i64>>("detections_retention")? {
                None => Retention::Default,
                Some(0) => Retention::Forever,
                Some(span) => Retention::For(Duration::from_millis(u64::try_from(span).unwrap_or_default())),
            })
        })
        .await
    }

    async fn set_retention(&mut self, app: &AppId, retention: Retention) -> Result<bool, StoreError> {
        let milliseconds = match retention {
            Retention::Default => None,
            Retention::Forever => Some(0),
            Retention::For(span) => Some(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)),
        };
        Ok(self.change(&texts::SET_RETENTION, values![app, milliseconds]).await? > 0)
    }

    async fn set_first_app_secret(
        &mut self,
        app: &AppId,
        secret: Hashed<AppSecret>,
    ) -> Result<bool, StoreError> {
        Ok(self.change(&texts::SET_FIRST_APP_SECRET, values![app, secret]).await? > 0)
    }

    async fn insert_origin(&mut self, app: &AppId, origin: &Origin) -> Result<(), StoreError> {
        self.post(&texts::INSERT_ORIGIN, values![app, origin]).await
    }

    async fn find_application(&mut self, app: &AppId) -> Result<Option<Application>, StoreError> {
        self.first(&texts::FIND_APPLICATION, values![app]).await
    }

    async fn find_application_by_credentials(
        &mut self,
        app: &AppId,
        secret: Hashed<AppSecret>,
    ) -> Result<Option<Application>, StoreError> {
        self.first(&texts::FIND_APPLICATION_BY_CREDENTIALS, values![app, secret]).await
    }

    async fn list_applications(&mut self) -> Result<Vec<Application>, StoreError> {
        self.list(&texts::LIST_APPLICATIONS, values![]).await
    }

    async fn list_origins(&mut self, app: &AppId) -> Result<Vec<String>, StoreError> {
        let mut origins = Vec::new();
        self.each(&texts::LIST_ORIGINS, values![app], "application_origins", |row| {
            origins.push(row.take("origin")?);
            Ok(true)
        })
        .await?;
        Ok(origins)
    }

    async fn lists_origin(&mut self, app: &AppId, origin: &Origin) -> Result<bool, StoreError> {
        self.exists(&texts::LISTS_ORIGIN, values![app, origin]).await
    }

    async fn any_lists_origin(&mut self, origin: &Origin) -> Result<bool, StoreError> {
        self.exists(&texts::ANY_LISTS_ORIGIN, values![origin]).await
    }

    async fn ping(&mut self) -> Result<(), StoreError> {
        self.post(&texts::PING, values![]).await
    }
}
