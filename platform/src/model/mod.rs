//! What the platform knows: ids, scopes, origins and the records with their states. Pure data and pure rules.

mod api_key;
mod audit;
mod clock_watch;
mod detection;
mod ids;
mod install;
pub mod metadata;
mod origin;
mod session;
mod trip;
mod user;

pub use api_key::{ApiKeyRecord, ApiKeyState, Scope, UnknownScope};
pub use audit::{Actor, AuditEvent, AuditKind, Change, Trace, UnknownAuditKind};
pub use clock_watch::ClockWatch;
pub use detection::{
    Detection, DetectionContent, DetectionCursor, DetectionKey, Gathered, GatheredContent, InvalidDetection,
    StoredDetection, gather,
};
pub use ids::{AppId, DetectionId, ExternalId, InstallId, KeyId, UserId};
pub use install::{EndReason, ExpiredSession, Install, InstallStatus, status_for_new_session};
pub use origin::{InvalidOrigin, Origin};
pub(crate) use session::install_state;
pub use session::{PairState, Permission, Session, SessionRefusal, TokenPair};
pub use trip::{TripNews, TripOverLimit};
pub use user::{Application, CodeUse, DeletedUser, Redemption, Retention, User, UserState};
