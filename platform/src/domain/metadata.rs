//! Metadata that an app attaches to its user.

use super::{
    Refusal,
    acting::{Act, ByToken},
};
use crate::{
    clock::Timestamp,
    model::{AppId, Session, UserId, metadata::entry_fits},
    store::{MetadataChange, StoreError, Transaction, Turn},
};
use sentiance_protocol::{METADATA_MAX_ENTRIES, MetadataRequest, key_hash};

/// How many removed entries of a user are remembered, so that a request which was overtaken does not bring them back.
const REMOVED_KEPT: u32 = 200;

/// Sets and removes entries of the metadata of a session's user; all of them, or none.
#[derive(Clone, Debug)]
pub struct ChangeMetadata {
    /// The changes.
    pub request: MetadataRequest,
    /// Its turn among the writes that wait.
    pub turn: Turn,
}

/// What a device is told of the metadata that its user has, so that it can judge the limit; nothing where there is none.
pub(super) async fn known_keys<T: Transaction>(
    tx: &mut T,
    app_id: &AppId,
    user_id: &UserId,
) -> Result<Option<String>, StoreError> {
    let metadata = tx.metadata_of(app_id, user_id).await?;
    let keys = metadata.keys().map(|key| format!("{:08x}", key_hash(key))).collect::<String>();
    Ok(Some(keys).filter(|keys| !keys.is_empty()))
}

impl Act for ChangeMetadata {
    type By = ByToken;
    /// The newest revision that is known of this install.
    type Output = u32;

    fn turn(&self) -> Turn {
        self.turn
    }

    async fn act<T: Transaction>(self, tx: &mut T, session: Session, now: Timestamp) -> Result<u32, Refusal> {
        let MetadataRequest { revision, entries } = self.request;
        if !entries.iter().all(entry_fits) {
            return Err(Refusal::MetadataLimit);
        }
        let (app_id, user_id) = (&session.app_id, &session.user_id);
        for entry in &entries {
            let change = MetadataChange { entry, install_id: &session.install_id, revision, now };
            tx.change_metadata(app_id, user_id, change).await?;
        }
        if tx.metadata_of(app_id, user_id).await?.len() > METADATA_MAX_ENTRIES {
            return Err(Refusal::MetadataLimit);
        }
        let newest = tx.newest_metadata_revision(app_id, user_id, &session.install_id).await?;
        tx.forget_removed_metadata(app_id, user_id, REMOVED_KEPT).await?;
        Ok(newest.max(revision))
    }
}
