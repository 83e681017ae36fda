//! What a use case may ask of the database about the metadata of users.

use super::StoreError;
use crate::{
    clock::Timestamp,
    model::{AppId, InstallId, UserId},
};
use sentiance_protocol::MetadataEntry;
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
