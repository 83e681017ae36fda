//! Metadata that an app attaches to its user.

use super::{Refusal, session::active_user};
use crate::{
    clock::Timestamp,
    model::{AppId, Session, UserId, metadata::entry_fits},
    store::{MetadataChange, StoreError, Transaction, Turn, Work},
};
use sentiance_protocol::{METADATA_MAX_ENTRIES, MetadataRequest, key_hash};

/// How many removed entries of a user are remembered, so that a request which was overtaken does not bring them back.
const REMOVED_KEPT: u32 = 200;

/// Sets and removes entries of the metadata of a session's user; all of them, or none.
#[derive(Debug)]
pub struct ChangeMetadata {
    /// Whose.
    pub session: Session,
    /// The changes.
    pub request: MetadataRequest,
    /// The present.
    pub now: Timestamp,
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

impl Work for ChangeMetadata {
    type Output = ();
    type Error = Refusal;

    fn turn(&self) -> Turn {
        Turn::among_uploads(&(&self.session.app_id, &self.session.user_id), self.request.entries.len())
    }

    async fn run<T: Transaction>(self, tx: &mut T) -> Result<(), Refusal> {
        let ChangeMetadata { session, request: MetadataRequest { revision, entries }, now } = self;
        if !entries.iter().all(entry_fits) {
            return Err(Refusal::MetadataLimit);
        }
        let user = active_user(tx, &session).await?;
        let (app_id, user_id) = (&user.app_id, &user.user_id);
        for entry in &entries {
            let change = MetadataChange { entry, install_id: &session.install_id, revision, now };
            tx.change_metadata(app_id, user_id, change).await?;
        }
        if tx.metadata_of(app_id, user_id).await?.len() > METADATA_MAX_ENTRIES {
            return Err(Refusal::MetadataLimit);
        }
        Ok(tx.forget_removed_metadata(app_id, user_id, REMOVED_KEPT).await?)
    }
}
