//! Removing users: at once as far as anybody can see, and then piece by piece what is left of them.
//!
//! A user may have stored millions of detections. So the transaction that deletes a user only ends the sessions and marks
//! the user, which from then on no look-up finds; what hangs on the user goes in batches that delay no other call. The
//! mark is the list of what remains to be done: a crash loses nothing of it.

use super::{Refusal, audit::record};
use crate::{
    clock::Timestamp,
    model::{Actor, AppId, AuditKind, DeletedUser, Trace, User, UserId},
    secret::Hashed,
    store::{StoreError, Transaction, Turn, Work, detections::Page},
};
use sentiance_protocol::AUTHENTICATION_CODE_LIFETIME_MS;
use std::time::Duration;

/// How many rows of a table one transaction removes.
const BATCH: u32 = 200;
/// How many installs: each comes with its tokens, and leaves tombstones.
const INSTALLS: u32 = 200;
/// How many users, where little is left of each.
const USERS: u32 = 20;
/// How much of the detections one transaction removes: some milliseconds of work.
const DETECTIONS: Page = Page { limit: 500, bytes: 1024 * 1024 };

/// Removes a user: sessions end, the user and the codes of the user's external id are gone. The rest, which no call can
/// read any more, is for [`RemoveLeftovers`]. The audit log stays; it holds random ids only.
pub(super) async fn remove_user<T: Transaction>(
    tx: &mut T,
    user: User,
    until: Timestamp,
    by: Actor,
    trace: &Trace,
    now: Timestamp,
) -> Result<(), Refusal> {
    let User { app_id, user_id, external_id, .. } = user;
    bury_installs(tx, &app_id, &user_id, until).await?;
    tx.mark_user_deleted(&app_id, &user_id, now).await?;
    if let Some(external_id) = external_id {
        tx.delete_codes_of(&app_id, &external_id, last_expiry(now), BATCH).await?;
    }
    // That users go whom everybody can create, and whom nobody used, is not recorded: neither was that they came.
    if by != Actor::Platform {
        record(tx, AuditKind::UserDeleted, (&app_id, &user_id, None), by, trace, now).await?;
    }
    tx.forget_addresses(&app_id, &user_id, BATCH).await?;
    Ok(())
}

/// Deletes installs of a user with their tokens, and keeps hashes until a time by which the devices learn what happened.
/// Tells whether there are more.
async fn bury_installs<T: Transaction>(
    tx: &mut T,
    app_id: &AppId,
    user_id: &UserId,
    until: Timestamp,
) -> Result<bool, StoreError> {
    let installs = tx.list_installs(app_id, user_id, INSTALLS).await?;
    for install in &installs {
        tx.bury_tokens(app_id, &install.install_id, until).await?;
        tx.bury(app_id, Hashed::of_install(&install.install_id), until).await?;
        tx.delete_install(app_id, &install.install_id).await?;
    }
    Ok(installs.len() as u32 >= INSTALLS)
}

/// When the last code expires that was issued until then. Later ones are those of a new user.
fn last_expiry(deleted_at: Timestamp) -> Timestamp {
    deleted_at.plus(Duration::from_millis(AUTHENTICATION_CODE_LIFETIME_MS.into()))
}

/// Removes a batch of what deleted users have left, of one user after the other: most have left little.
#[derive(Clone, Debug)]
pub struct RemoveLeftovers {
    /// How long the hashes of tokens and install ids are kept, from the deletion.
    pub tombstones_for: Duration,
}

impl Work for RemoveLeftovers {
    /// Whether there may be more.
    type Output = bool;
    type Error = StoreError;

    fn turn(&self) -> Turn {
        Turn::HOUSEKEEPING
    }

    async fn run<T: Transaction>(self, tx: &mut T) -> Result<bool, StoreError> {
        let mut batch = DETECTIONS;
        for _ in 0..USERS {
            let Some(user) = tx.find_deleted_user().await? else { return Ok(false) };
            match self.remove_some(tx, user, batch).await? {
                Some(rest) => batch = rest,
                None => return Ok(true),
            }
        }
        Ok(true)
    }
}

impl RemoveLeftovers {
    /// Gives what is left of the batch, once nothing is left of the user.
    async fn remove_some<T: Transaction>(
        &self,
        tx: &mut T,
        DeletedUser { app_id, user_id, external_id, deleted_at }: DeletedUser,
        batch: Page,
    ) -> Result<Option<Page>, StoreError> {
        let until = deleted_at.plus(self.tombstones_for);
        let mut has_more = bury_installs(tx, &app_id, &user_id, until).await?;
        if let Some(external_id) = external_id {
            let codes = tx.delete_codes_of(&app_id, &external_id, last_expiry(deleted_at), BATCH).await?;
            has_more |= codes >= BATCH.into();
        }
        has_more |= tx.forget_addresses(&app_id, &user_id, BATCH).await? >= BATCH.into();
        tx.delete_metadata(&app_id, &user_id).await?;
        let rest = tx.delete_detections(&app_id, &user_id, batch).await?;
        if has_more || rest.is_none() {
            return Ok(None);
        }
        tx.forget_deleted_user(&app_id, &user_id).await?;
        Ok(rest)
    }
}
