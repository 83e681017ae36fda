//! Issuing authentication codes.

use super::Refusal;
use crate::{
    clock::Timestamp,
    model::{AppId, ExternalId},
    secret::{Code, Hashed},
    store::{Transaction, Work},
};
use sentiance_protocol::AUTHENTICATION_CODE_LIFETIME_MS;
use std::time::Duration;

/// How long an expired code is remembered: as long, a caller whose answer was lost may come back for it.
pub(super) const REPLAY_WINDOW: Duration = Duration::from_secs(24 * 60 * 60);

/// Issues a code for one external id of one application.
#[derive(Debug)]
pub struct IssueCode {
    /// The application.
    pub app_id: AppId,
    /// The app's own id of its user.
    pub external_id: ExternalId,
    /// The code.
    pub code: Hashed<Code>,
    /// The present.
    pub now: Timestamp,
}

impl Work for IssueCode {
    /// When the code expires.
    type Output = Timestamp;
    type Error = Refusal;

    async fn run<T: Transaction>(self, tx: &mut T) -> Result<Timestamp, Refusal> {
        let expires_at = self.now.plus(Duration::from_millis(AUTHENTICATION_CODE_LIFETIME_MS.into()));
        tx.delete_codes_before(&self.app_id, self.now.minus(REPLAY_WINDOW)).await?;
        tx.insert_code(&self.app_id, self.code, &self.external_id, expires_at).await?;
        Ok(expires_at)
    }
}
