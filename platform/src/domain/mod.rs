//! The use cases: what the platform does, each in one transaction, against no particular database.

mod acting;
mod applications;
mod audit;
mod clean_up;
mod codes;
mod creation;
mod detections;
mod exchange;
mod following;
mod known;
mod linking;
mod metadata;
mod quotas;
mod refresh;
mod refusal;
mod removal;
mod session;
mod tokens;
mod unlinked;
mod users;

pub use acting::{About, Act, Acting, ByEither, ByKey, ByToken, Caller, Credential};
pub use applications::{
    AuthorizeApiKey, CreateApiKey, CreateApplication, IsOriginListed, ListApiKeys, ListApplications, Ping,
    RevokeApiKey, SetAppSecret, SetFirstAppSecret, SetRetention,
};
pub use audit::{ListAuditEvents, RecordExposedKey};
pub use clean_up::{CleanUp, Cleaned, ForgetDetections};
pub use codes::IssueCode;
pub use creation::{Created, Creation};
pub use detections::{BringOver, ListDetections, RecordDetections};
pub use exchange::{ExchangeCode, Exchanged};
pub use following::ReadInstallState;
pub use known::IsKnown;
pub use linking::{ConfirmLink, LinkByCode, LinkInstall};
pub use metadata::ChangeMetadata;
pub use quotas::{Quota, Quotas, SumStored};
pub use refresh::{RefreshTokens, Refreshed};
pub use refusal::Refusal;
pub use removal::RemoveLeftovers;
pub use session::{EndSession, authenticate};
pub use tokens::{Grant, Lifetimes, NewPair};
pub use unlinked::CreateUnlinkedUser;
pub use users::{DeleteUser, DeleteUserFor, ReadProfile, SetUserState, ShowUser};
