//! What a use case may ask of the database inside its transaction: all capabilities, of which each has a file.

use super::{
    ApiKeys, Applications, AuditLog, AuthenticationCodes, ClockMemory, Detections, Installs, OldRows, Tokens,
    UserMetadata, Users,
};

/// All capabilities.
pub trait Transaction:
    Applications
    + ApiKeys
    + AuthenticationCodes
    + Users
    + Installs
    + Tokens
    + UserMetadata
    + Detections
    + OldRows
    + AuditLog
    + ClockMemory
{
}

impl<T> Transaction for T where
    T: Applications
        + ApiKeys
        + AuthenticationCodes
        + Users
        + Installs
        + Tokens
        + UserMetadata
        + Detections
        + OldRows
        + AuditLog
        + ClockMemory
{
}
