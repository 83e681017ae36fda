//! The store: what the domain may ask of a database, apart from any database's SQL.
//!
//! A use case is a [`Work`]: a value that runs in one transaction, written against the traits of [`Transaction`].
//! [`Store`] is one of two engines, SQLite and PostgreSQL, which share the statements and what is made of them (`sql`).

mod api_keys;
mod applications;
mod attendance;
mod audit;
mod changes;
mod clock;
mod codes;
pub mod detections;
mod engines;
mod health;
mod import;
mod installs;
mod metadata;
mod postgres;
mod sql;
mod sqlite;
mod tokens;
mod transaction;
mod users;

pub use api_keys::ApiKeys;
pub use applications::Applications;
pub use attendance::Attendance;
pub use audit::AuditLog;
pub use changes::News;
pub use clock::ClockMemory;
pub use codes::AuthenticationCodes;
pub use detections::{Detections, OldRows};
pub use engines::{Changes, Place, Reader, Store};
pub use import::{Changed, Contents, ImportError, Imported, Progress, import};
pub use installs::Installs;
pub use metadata::{MetadataChange, UserMetadata};
pub use sqlite::{BackupError, UnusableDatabase, back_up, check};
pub use tokens::Tokens;
pub use transaction::Transaction;
pub use users::Users;

use std::{
    future::Future,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

/// What an engine says of its failure.
pub type Cause = Arc<dyn std::error::Error + Send + Sync>;

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
    /// Too many large writes wait already: those of this caller, or of all.
    #[error("too many large writes wait already")]
    Crowded,
    /// A use case panicked; its writes were rolled back.
    #[error("a use case panicked")]
    Panicked,
    /// The disk is full, read-only or failing, the file is damaged, or the system has no memory or file descriptor left.
    /// It may pass.
    #[error("the database cannot be read or written: {0}")]
    Disk(Cause),
    /// Another use case of the same group met [`StoreError::Disk`], and the database undid the whole group.
    #[error("the database undid a group of writes because one of them could not be written")]
    GivenUp,
    /// The database server does not speak, or refuses connections. It may pass.
    #[error("the database server cannot be reached: {0}")]
    Unreachable(Cause),
    /// Somebody moved, deleted, emptied or replaced the file. It passes when the file is back, or by a restart.
    #[error(
        "the database's file, or the log beside it, was moved, deleted or replaced, or emptied, while it was open"
    )]
    Moved,
    /// The database failed.
    #[error("the database failed: {0}")]
    Database(Cause),
    /// The URL of the database says something that has no meaning.
    #[error("the URL of the database is wrong: {0}")]
    Url(&'static str),
    /// The file is not a database that this platform can work on.
    #[error(transparent)]
    Unusable(#[from] UnusableDatabase),
}

/// A use case: what is read and written in one transaction. An engine may run it again, if others were first.
pub trait Work: Clone + Send + 'static {
    /// What it gives when its writes shall stay.
    type Output: Send + 'static;
    /// What it gives when its writes shall be undone.
    type Error: From<StoreError> + Send + 'static;

    /// When it gets its turn at the writer.
    fn turn(&self) -> Turn {
        Turn::Prompt
    }

    /// Whether it may read so much that other tasks of its thread should not wait for it.
    fn reads_much(&self) -> bool {
        false
    }

    /// Whether it only tries whether something can be written: then a row that it does not get in time tells that, too.
    fn is_probe(&self) -> bool {
        false
    }

    /// Does the work. It awaits nothing but `tx`: an engine may run it on a thread that can wait for nothing else. `Ok` keeps what was written and `Err` undoes it.
    fn run<T: Transaction>(
        self,
        tx: &mut T,
    ) -> impl Future<Output = Result<Self::Output, Self::Error>> + Send;
}

/// When a use case gets its turn at the one writer. What is small, and costs the same whatever a caller sends, goes
/// before what a caller can make large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// At once: small, and somebody waits for it.
    Prompt,
    /// After those, and in turn with what others have.
    Shared {
        /// Whose it is.
        share: u64,
        /// How many rows it may write, about: what is small passes what is large of others.
        cost: u32,
    },
}

impl Turn {
    /// The turn of work on behalf of `owner` that may write so many rows.
    pub fn among_uploads(owner: &impl Hash, rows: usize) -> Turn {
        // Not chosen by callers, and a collision costs no more than sharing a turn.
        let mut hasher = DefaultHasher::new();
        owner.hash(&mut hasher);
        Turn::Shared { share: hasher.finish(), cost: u32::try_from(rows).unwrap_or(u32::MAX) }
    }

    /// The turn of what the platform does by itself.
    pub const HOUSEKEEPING: Turn = Turn::Shared { share: 0, cost: 100 };
}
