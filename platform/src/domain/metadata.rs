//! Metadata that an app attaches to its user.

use super::{Refusal, session::active_user};
use crate::{
    clock::Timestamp,
    model::{Session, metadata::entry_fits},
    store::{MetadataChange, Transaction, Work},
};
use sentiance_protocol::{METADATA_MAX_ENTRIES, MetadataRequest};

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

impl Work for ChangeMetadata {
    type Output = ();
    type Error = Refusal;

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
