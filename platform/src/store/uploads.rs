//! What a use case may ask of the database about what devices upload.

use super::StoreError;
use crate::{
    clock::Timestamp,
    model::{AppId, Detection, DetectionCursor, DetectionId, InstallId, StoredDetection, UserId},
};
use sentiance_protocol::{DetectionType, MetadataEntry};
use std::{collections::BTreeMap, future::Future};

type Stored<T> = Result<T, StoreError>;

/// A change of one entry of a user's metadata.
#[derive(Clone, Copy, Debug)]
pub struct MetadataChange<'a> {
    /// The entry; without a value it is removed.
    pub entry: &'a MetadataEntry,
    /// The install that changed it.
    pub install_id: &'a InstallId,
    /// Counts the changes of that install.
    pub revision: u32,
    /// When the platform learned it.
    pub now: Timestamp,
}

/// How large a page may be: it ends where either is reached, but not before its first row.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Rows.
    pub limit: u32,
    /// Bytes of content.
    pub bytes: usize,
}

/// How many bytes are stored.
#[derive(Clone, Copy, Debug)]
pub struct StoredBytes {
    /// For the user.
    pub of_user: u64,
    /// For the user, on the day that was asked for.
    pub of_user_today: u64,
    /// For all users of the application.
    pub of_application: u64,
}

/// The metadata of users.
pub trait UserMetadata: Send {
    /// Changes an entry, unless the same install changed it in a later revision.
    fn change_metadata(
        &mut self,
        app: &AppId,
        user: &UserId,
        change: MetadataChange<'_>,
    ) -> impl Future<Output = Stored<()>> + Send;
    /// The newest revision in which that install changed an entry; 0 where it changed none.
    fn newest_metadata_revision(
        &mut self,
        app: &AppId,
        user: &UserId,
        install: &InstallId,
    ) -> impl Future<Output = Stored<u32>> + Send;
    /// All entries that were not removed.
    fn metadata_of(
        &mut self,
        app: &AppId,
        user: &UserId,
    ) -> impl Future<Output = Stored<BTreeMap<String, String>>> + Send;
    /// Forgets all entries of a user.
    fn delete_metadata(&mut self, app: &AppId, user: &UserId) -> impl Future<Output = Stored<()>> + Send;
    /// Forgets removed entries, except for this many that were removed last.
    fn forget_removed_metadata(
        &mut self,
        app: &AppId,
        user: &UserId,
        kept: u32,
    ) -> impl Future<Output = Stored<()>> + Send;
}

/// Detections.
pub trait Detections: Send {
    /// Adds a detection unless the user has one of that id; says whether it did.
    fn insert_detection_if_new(
        &mut self,
        app: &AppId,
        user: &UserId,
        install: &InstallId,
        detection: &Detection,
    ) -> impl Future<Output = Stored<bool>> + Send;
    /// The user's detection of that id.
    fn find_detection(
        &mut self,
        app: &AppId,
        user: &UserId,
        detection: &DetectionId,
    ) -> impl Future<Output = Stored<Option<StoredDetection>>> + Send;
    /// Replaces the content of a detection.
    fn replace_detection(
        &mut self,
        app: &AppId,
        user: &UserId,
        detection: &Detection,
    ) -> impl Future<Output = Stored<()>> + Send;
    /// The user's detections, after the cursor if there is one, of one type or of all, oldest first; and whether there
    /// are more than fit into the page.
    fn list_detections(
        &mut self,
        app: &AppId,
        user: &UserId,
        kind: Option<DetectionType>,
        after: Option<&DetectionCursor>,
        page: Page,
    ) -> impl Future<Output = Stored<(Vec<StoredDetection>, bool)>> + Send;
    /// Counts so many bytes more (or fewer) for a user, on that day since 1970, and tells how many there are then.
    fn count_stored(
        &mut self,
        app: &AppId,
        user: &UserId,
        bytes: i64,
        day: i64,
    ) -> impl Future<Output = Stored<StoredBytes>> + Send;
    /// How many bytes are counted for all applications.
    fn stored_bytes(&mut self) -> impl Future<Output = Stored<u64>> + Send;
    /// Deletes detections of a user, at most so many rows and about so many bytes; tells whether there may be more.
    fn delete_detections(
        &mut self,
        app: &AppId,
        user: &UserId,
        batch: Page,
    ) -> impl Future<Output = Stored<bool>> + Send;
}
