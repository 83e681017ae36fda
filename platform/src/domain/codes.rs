//! Issuing authentication codes.

use super::{
    Refusal,
    acting::{Act, ByKey},
    audit::record,
};
use crate::{
    clock::Timestamp,
    model::{Actor, ApiKeyRecord, AuditKind, CodeUse, ExternalId, InstallId, Trace},
    secret::{Code, Hashed},
    store::{StoreError, Transaction},
};
use sentiance_protocol::AUTHENTICATION_CODE_LIFETIME_MS;
use std::time::Duration;

/// How long an expired code is remembered: as long, a caller whose answer was lost may come back for it.
pub(super) const REPLAY_WINDOW: Duration = Duration::from_secs(24 * 60 * 60);
/// How often the reuse of codes of one user is recorded, at most.
const REPORT_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// Records that a used code was shown by somebody else than the install that used it: either it leaked, or the app hands
/// one code to two devices. At most once an hour for a user, so that whoever holds such a code cannot fill the log.
pub(super) async fn report_reuse<T: Transaction>(
    tx: &mut T,
    code: Hashed<Code>,
    shown_by: &InstallId,
    trace: &Trace,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let kind = AuditKind::AuthenticationCodeReused;
    let Some(used) = tx.find_code_use(code, now.minus(REPLAY_WINDOW)).await? else { return Ok(false) };
    if used.install_id.as_ref() == Some(shown_by) {
        return Ok(false);
    }
    let CodeUse { app_id, external_id, .. } = used;
    let Some(user) = tx.find_user_by_external_id(&app_id, &external_id).await? else { return Ok(false) };
    if tx.user_has_event_since(&app_id, &user.user_id, kind, now.minus(REPORT_INTERVAL)).await? {
        return Ok(false);
    }
    // The id of whoever shows it is that somebody's own invention: it tells nothing about who it is.
    record(tx, kind, (&app_id, &user.user_id, None), Actor::Unknown, trace, now).await?;
    Ok(true)
}

/// Issues a code for one external id of the key's application.
#[derive(Clone, Debug)]
pub struct IssueCode {
    /// The app's own id of its user.
    pub external_id: ExternalId,
    /// The code.
    pub code: Hashed<Code>,
}

impl Act for IssueCode {
    type By = ByKey;
    /// When the code expires.
    type Output = Timestamp;

    async fn act<T: Transaction>(
        self,
        tx: &mut T,
        key: ApiKeyRecord,
        now: Timestamp,
    ) -> Result<Timestamp, Refusal> {
        let expires_at = now.plus(Duration::from_millis(AUTHENTICATION_CODE_LIFETIME_MS.into()));
        tx.insert_code(&key.app_id, self.code, &self.external_id, expires_at).await?;
        Ok(expires_at)
    }
}
