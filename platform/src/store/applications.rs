//! What a use case may ask of the database about applications and their pages.

use super::StoreError;
use crate::{
    model::{AppId, Application, Origin, Retention},
    secret::{AppSecret, Hashed},
};
use std::future::Future;

type Stored<T> = Result<T, StoreError>;

/// Applications and the pages that may call for them.
pub trait Applications: Send {
    /// Adds an application.
    fn insert_application(&mut self, app: &Application) -> impl Future<Output = Stored<()>> + Send;
    /// Gives an application another secret; `false` where there is no such application.
    fn set_app_secret(
        &mut self,
        app: &AppId,
        secret: Hashed<AppSecret>,
    ) -> impl Future<Output = Stored<bool>> + Send;
    /// Gives an application a secret if it has none; says whether it did.
    fn set_first_app_secret(
        &mut self,
        app: &AppId,
        secret: Hashed<AppSecret>,
    ) -> impl Future<Output = Stored<bool>> + Send;
    /// Adds an origin to an application's list; once is enough.
    fn insert_origin(&mut self, app: &AppId, origin: &Origin) -> impl Future<Output = Stored<()>> + Send;
    /// The application of that id.
    fn find_application(&mut self, app: &AppId) -> impl Future<Output = Stored<Option<Application>>> + Send;
    /// The application of that id, if this is its secret.
    fn find_application_by_credentials(
        &mut self,
        app: &AppId,
        secret: Hashed<AppSecret>,
    ) -> impl Future<Output = Stored<Option<Application>>> + Send;
    /// How long its detections are kept; none where there is no such application.
    fn retention(&mut self, app: &AppId) -> impl Future<Output = Stored<Option<Retention>>> + Send;
    /// Sets that; `false` where there is no such application.
    fn set_retention(
        &mut self,
        app: &AppId,
        retention: Retention,
    ) -> impl Future<Output = Stored<bool>> + Send;
    /// All applications, oldest first.
    fn list_applications(&mut self) -> impl Future<Output = Stored<Vec<Application>>> + Send;
    /// The origins that an application lists.
    fn list_origins(&mut self, app: &AppId) -> impl Future<Output = Stored<Vec<String>>> + Send;
    /// Whether this application lists the origin.
    fn lists_origin(&mut self, app: &AppId, origin: &Origin) -> impl Future<Output = Stored<bool>> + Send;
    /// Whether any application lists the origin.
    fn any_lists_origin(&mut self, origin: &Origin) -> impl Future<Output = Stored<bool>> + Send;
    /// Writes something without meaning: fails where nothing could be stored.
    fn ping(&mut self) -> impl Future<Output = Stored<()>> + Send;
}
