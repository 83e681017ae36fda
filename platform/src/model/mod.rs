//! What the platform knows: ids, scopes, origins and the records with their states. Pure data and pure rules.

mod api_key;
mod ids;
mod install;
mod origin;
mod session;
mod user;

pub use api_key::{ApiKeyRecord, ApiKeyState, Scope, UnknownScope};
pub use ids::{AppId, ExternalId, InstallId, KeyId, UserId};
pub use install::{EndReason, Install, InstallStatus, status_for_new_session};
pub use origin::{InvalidOrigin, Origin};
pub(crate) use session::install_state;
pub use session::{PairState, Permission, Session, SessionRefusal, TokenPair};
pub use user::{Application, Redemption, User, UserState};
