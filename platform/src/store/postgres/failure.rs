//! What PostgreSQL's errors mean.

use crate::store::StoreError;
use std::sync::Arc;
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

/// Whether a transaction that failed so would succeed if it were run again: it met another one that was first.
pub(super) fn met_another(error: &tokio_postgres::Error) -> bool {
    matches!(
        error.code(),
        Some(
            &SqlState::T_R_SERIALIZATION_FAILURE
                | &SqlState::T_R_DEADLOCK_DETECTED
                // Both have looked, found nothing, and inserted. The second time it is found.
                | &SqlState::UNIQUE_VIOLATION
                | &SqlState::FOREIGN_KEY_VIOLATION
        )
    )
}

/// Whether the connection broke, or the server ended it: another one may do.
pub(super) fn was_cut(error: &tokio_postgres::Error) -> bool {
    error.is_closed()
        || error.code().is_some_and(|code| matches!(code.code().get(..3), Some("57P" | "080")))
        || std::error::Error::source(error).is_some_and(|cause| cause.is::<std::io::Error>())
}

/// Nothing came in time.
pub(super) fn silence() -> StoreError {
    StoreError::Unreachable(Arc::new(std::io::Error::from(std::io::ErrorKind::TimedOut)))
}

/// Whether this is no server to write to, but one that follows another or was told only to be read.
pub(super) fn is_read_only(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION)
}

/// An error of the driver or the server. The classes are those of appendix A of PostgreSQL's manual.
pub(super) fn store_error(error: tokio_postgres::Error) -> StoreError {
    // Without an error of the server, the connection broke, or there is none.
    let Some(cause) = error.as_db_error() else { return StoreError::Unreachable(Arc::new(error)) };
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
