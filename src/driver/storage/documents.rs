//! The documents beside the record: read, changed and written in one go, under the lock of the record.

use super::Storage;
use super::store::Store;
use crate::core::{Claim, Document, Edit, EditFailure, Metadata, MetadataEdit, Usage};
use crate::driver::wire;
use sentiance_protocol::Message;

/// The key of the user's metadata.
const METADATA_KEY: &str = "sentiance.core.metadata";
/// The key of the bytes that were transferred.
const USAGE_KEY: &str = "sentiance.core.usage";
/// Under this it is tried whether the storage takes a short text.
const PROBE_KEY: &str = "sentiance.core.probe";

impl Storage {
    /// Applies an edit to what is stored.
    pub(super) async fn edit_document(&self, edit: &Edit) -> Result<Document, EditFailure> {
        let store = self.store().map_err(EditFailure::Storage)?;
        // Reading alone needs no lock, and must not wait for one.
        let guard = match edit {
            Edit::Metadata(_, MetadataEdit::Read) => None,
            _ => self.guard(&store).await,
        };
        let document = match edit {
            Edit::Metadata(claim, edit) => {
                let stored = read(&store, METADATA_KEY).await?;
                if stored.is_none() && !matches!(edit, MetadataEdit::Read) {
                    self.check_by_record(&store, claim).await.map_err(EditFailure::Superseded)?;
                }
                let mut metadata: Metadata = stored.unwrap_or_default();
                if metadata.apply(claim, edit)? {
                    write(&store, METADATA_KEY, &metadata).await?;
                }
                Document::Metadata(metadata)
            }
            Edit::Usage(edit) => {
                let mut usage: Usage = read(&store, USAGE_KEY).await?.unwrap_or_default();
                if usage.apply(edit) {
                    write(&store, USAGE_KEY, &usage).await?;
                }
                Document::Usage(usage)
            }
        };
        self.release(&store, guard);
        Ok(document)
    }

    /// Removes what earlier users left.
    pub(super) async fn clear_documents_now(&self, claim: &Claim, all: bool) -> Result<(), EditFailure> {
        let store = self.store().map_err(EditFailure::Storage)?;
        let guard = self.guard(&store).await;
        let metadata: Metadata = read(&store, METADATA_KEY).await?.unwrap_or_default();
        if metadata.is_left_over(claim, all).map_err(EditFailure::Superseded)? {
            for key in [METADATA_KEY, USAGE_KEY] {
                store.remove(key).await.map_err(EditFailure::Storage)?;
            }
            self.release(&store, guard);
        }
        Ok(())
    }
}

/// The document under `key`. One that can't be read is as good as none: the platform has what it held.
async fn read<T: Message>(store: &Store, key: &str) -> Result<Option<T>, EditFailure> {
    let text = store.get(key).await.map_err(EditFailure::Storage)?;
    let parsed = text.as_deref().and_then(wire::parse);
    Ok(parsed.and_then(|parsed| T::read(&parsed)))
}

async fn write<T: Message>(store: &Store, key: &str, document: &T) -> Result<(), EditFailure> {
    let text = wire::write(document).unwrap_or_default();
    let Err(why) = store.set(key, &text).await else { return Ok(()) };
    // A secure store has a limit for each text; where a storage is full as a whole, room can be made.
    let takes_less = !why.contains("Quota") && store.set(PROBE_KEY, "0").await.is_ok();
    let _ = store.remove(PROBE_KEY).await;
    Err(if takes_less { EditFailure::TooLong(why) } else { EditFailure::Storage(why) })
}
