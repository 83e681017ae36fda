//! The store: what the domain may ask of a database, apart from any database's SQL.
//!
//! A use case is a [`Work`]: a value that runs in one transaction, written against the traits of [`Transaction`].
//! [`Store`] is the SQLite engine today; another engine implements the same traits and shares the text in `sql`.

mod applications;
mod audit;
mod sql;
mod sqlite;
mod transaction;
mod uploads;

pub use applications::{ApiKeys, Applications};
pub use audit::AuditLog;
pub use sqlite::{Changes, SqliteStore as Store};
pub use transaction::{AuthenticationCodes, Installs, Tokens, Transaction, Users};
pub use uploads::{Detections, MetadataChange, UserMetadata};

use std::{future::Future, sync::Arc};

/// Why the database did not answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// Too much is waiting, another process holds the database, or the platform is shutting down.
    #[error("the database is busy or shutting down")]
    Unavailable,
    /// A row holds something that no state machine of the domain can be in.
    #[error("the database holds an impossible value in {table}.{column}")]
    Inconsistent {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
    },
    /// A use case panicked; its writes were rolled back.
    #[error("a use case panicked")]
    Panicked,
    /// The database failed.
    #[error("the database failed: {0}")]
    Database(Arc<sqlx::Error>),
    /// The schema could not be brought up to date.
    #[error("the database's schema could not be brought up to date: {0}")]
    Migration(Arc<sqlx::migrate::MigrateError>),
}

/// A use case: what is read and written in one transaction.
pub trait Work: Send + 'static {
    /// What it gives when its writes shall stay.
    type Output: Send + 'static;
    /// What it gives when its writes shall be undone.
    type Error: From<StoreError> + Send + 'static;

    /// Does the work. `Ok` keeps what was written and `Err` undoes it.
    fn run<T: Transaction>(
        self,
        tx: &mut T,
    ) -> impl Future<Output = Result<Self::Output, Self::Error>> + Send;
}
