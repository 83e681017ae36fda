//! What PostgreSQL's errors mean.

use crate::store::StoreError;
use std::{error::Error, fmt, io, sync::Arc};
use tokio_postgres::error::SqlState;

/// What came of a transaction.
pub(super) enum Verdict<T, E> {
    /// It was committed.
    Done(T),
    /// The use case refused, and nothing of it was kept.
    Refused(E),
    /// It met another one. Nothing of it was kept, and it may be run again.
    Again(StoreError),
}

impl<T, E: From<StoreError>> Verdict<T, E> {
    /// The result for the caller, where it is not run again.
    pub(super) fn result(self) -> Result<T, E> {
        match self {
            Verdict::Done(output) => Ok(output),
            Verdict::Refused(error) => Err(error),
            Verdict::Again(error) => Err(error.into()),
        }
    }
}

/// What the first error of a transaction means for it. Those after it only tell that there was one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It met another one that was first: it would succeed if it were run again.
    MetAnother,
    /// The connection broke, or the server ended it: another one may do.
    Cut,
    /// The server only follows another one, or was told only to be read: another connection may come to one that writes.
    ReadOnly,
    /// Something else.
    Other,
}

pub(super) fn kind_of(error: &tokio_postgres::Error) -> Kind {
    match error.code() {
        Some(
            &SqlState::T_R_SERIALIZATION_FAILURE
            | &SqlState::T_R_DEADLOCK_DETECTED
            // Both have looked, found nothing, and inserted. The second time it is found.
            | &SqlState::UNIQUE_VIOLATION
            | &SqlState::FOREIGN_KEY_VIOLATION,
        ) => Kind::MetAnother,
        Some(&SqlState::READ_ONLY_SQL_TRANSACTION) => Kind::ReadOnly,
        Some(code) if matches!(code.code().get(..3), Some("57P" | "080")) => Kind::Cut,
        _ if error.is_closed() || error.source().is_some_and(|cause| cause.is::<io::Error>()) => Kind::Cut,
        _ => Kind::Other,
    }
}

/// An error of the driver, which tells the causes of what it says apart from it.
#[derive(Debug)]
pub(super) struct Whole(pub(super) tokio_postgres::Error);

impl fmt::Display for Whole {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(formatter, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl Error for Whole {}

/// Nothing came in time.
pub(super) fn silence() -> StoreError {
    StoreError::Unreachable(Arc::new(io::Error::from(io::ErrorKind::TimedOut)))
}

/// An error of the driver or the server. The classes are those of appendix A of PostgreSQL's manual.
pub(super) fn store_error(error: tokio_postgres::Error) -> StoreError {
    // Without an error of the server, the connection broke, or there is none.
    let Some(cause) = error.as_db_error() else { return StoreError::Unreachable(Arc::new(Whole(error))) };
    let (code, cause) = (cause.code(), Arc::new(cause.clone()));
    match code.code().get(..2) {
        // Transactions that met, and rows that others hold for too long.
        Some("40") => StoreError::Unavailable,
        _ if *code == SqlState::LOCK_NOT_AVAILABLE => StoreError::Unavailable,
        // A server that starts, stops, or takes no more connections; or an operator who ended this one.
        Some("08" | "57") => StoreError::Unreachable(cause),
        _ if *code == SqlState::TOO_MANY_CONNECTIONS => StoreError::Unreachable(cause),
        // The disk is full, something failed outside of the database, it is damaged, or a standby that only reads.
        Some("53" | "58" | "XX") => StoreError::Disk(cause),
        _ if *code == SqlState::READ_ONLY_SQL_TRANSACTION => StoreError::Disk(cause),
        _ => StoreError::Database(cause),
    }
}
