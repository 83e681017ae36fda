//! The user's metadata: what the device knows of it, what the platform has not heard yet, and the limits.
//!
//! It lives in a document of its own, since it can be far larger than the record. Every change is an [`MetadataEdit`]
//! that the driver applies to what is stored at that moment, so that tabs don't overwrite each other. It says whose it
//! is, since it is not removed together with the record: a page may end in between, and a tab may not know yet.

use super::claim::Claim;
use super::event::{EditFailure, hex};
use sentiance_protocol::{
    METADATA_MAX_CHARS, METADATA_MAX_ENTRIES, MetadataEntry, MetadataRequest, key_hash, message,
};

message! {
    /// What is stored.
    #[derive(Default)]
    pub struct Metadata {
        /// The install whose user it is about; without it, the next user's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub owner: Option<String>,
        /// The record's epoch when it was changed last, by which one user's is told from a later one's.
        pub epoch: u32,
        /// Counts the changes.
        pub revision: u32,
        /// The newest change that the platform has.
        pub acknowledged: u32,
        /// The entries.
        pub entries: Vec<StoredEntry>,
        /// The hashes of the keys that the platform had when this install came to the user, but for those that the entries
        /// name or that were removed here: 8 hex digits each. Without it, what else the user has is not known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub other_keys: Option<String>,
    }
}

message! {
    /// One entry.
    pub struct StoredEntry {
        /// Its name.
        pub key: String,
        /// Its text; none where it was removed and the platform has not heard of that.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub value: Option<String>,
        /// The change that wrote it.
        pub revision: u32,
    }
}

/// How a document of metadata changes.
#[derive(Clone, Debug)]
pub enum MetadataEdit {
    /// Not at all: it is only read.
    Read,
    /// Entries are set or removed, all of them or none.
    Change(Vec<MetadataEntry>),
    /// The platform has heard of everything up to this revision.
    Acknowledge(u32),
    /// The platform has said its last word on the changes up to this revision of these entries alone.
    Settle {
        /// The newest change that was sent.
        revision: u32,
        /// The names of the entries.
        keys: Vec<String>,
        /// Whether the platform has them; else it refused them for good, and they are dropped here, too.
        accepted: bool,
    },
    /// The platform has these keys of the user, as in `CreateUserResponse`.
    Learn(String),
    /// The platform knows this later revision of this install: the document was lost and counts again, so what was sent
    /// may have had no effect.
    Recount(u32),
}

/// Why entries were refused.
pub(crate) const TOO_MANY: &str = "Metadata can have at most 50 entries.";
/// Why an entry was refused.
pub(crate) const TOO_LONG: &str = "A key or value of metadata can have at most 500 characters.";
/// How large the metadata of one call about a trip may be, in bytes: all that 50 entries of 500 Latin characters need.
const TRIP_MAX_BYTES: usize = 50_000;
const TRIP_TOO_LARGE: &str = "The metadata of a trip can have at most 50000 bytes at a time.";
/// Why a change was refused.
const TOO_MANY_REMOVED: &str = "More than 50 removed entries of metadata wait to be sent.";

impl Metadata {
    /// Applies an edit in the name of a claim. Whether anything changed, or why it must not; then nothing has.
    pub fn apply(&mut self, claim: &Claim, edit: &MetadataEdit) -> Result<bool, EditFailure> {
        self.open_for(claim).map_err(EditFailure::Superseded)?;
        match edit {
            MetadataEdit::Read => Ok(false),
            MetadataEdit::Change(entries) => {
                self.change(entries).map_err(EditFailure::Refused)?;
                Ok(true)
            }
            MetadataEdit::Recount(newest) => {
                self.revision = self.revision.max(*newest).wrapping_add(1);
                for entry in self.entries.iter_mut().filter(|entry| entry.revision > self.acknowledged) {
                    entry.revision = self.revision;
                }
                Ok(true)
            }
            MetadataEdit::Acknowledge(revision) => {
                let news = *revision > self.acknowledged && *revision <= self.revision;
                if news {
                    self.acknowledged = *revision;
                    self.entries.retain(|entry| entry.value.is_some() || entry.revision > *revision);
                }
                Ok(news)
            }
            MetadataEdit::Settle { revision, keys, accepted } => {
                let acknowledged = self.acknowledged;
                let is_meant = |entry: &StoredEntry| entry.revision <= *revision && keys.contains(&entry.key);
                self.entries.retain(|entry| !is_meant(entry) || (*accepted && entry.value.is_some()));
                for entry in self.entries.iter_mut().filter(|entry| is_meant(entry)) {
                    entry.revision = entry.revision.min(acknowledged);
                }
                Ok(true)
            }
            MetadataEdit::Learn(keys) if keys.len() > METADATA_MAX_ENTRIES * HASH_DIGITS => Ok(false),
            MetadataEdit::Learn(keys) => {
                let mut others = keys.clone();
                self.entries.iter().for_each(|entry| forget(&mut others, &entry.key));
                self.other_keys = Some(others);
                Ok(true)
            }
        }
    }

    /// Makes the document the claimant's, if it is not; else the epoch that it knows.
    fn open_for(&mut self, claim: &Claim) -> Result<(), u32> {
        if let Some(known) =
            claim.superseded_by(self.owner.as_deref(), self.epoch).filter(|_| !self.is_empty())
        {
            return Err(known);
        }
        if self.owner != claim.install_id {
            // What was set without a user is the next one's; what a user left is not.
            if self.owner.is_some() {
                *self = Metadata::default();
            }
            self.owner.clone_from(&claim.install_id);
            self.epoch = 0;
        }
        self.epoch = claim.raised(self.epoch);
        Ok(())
    }

    fn is_empty(&self) -> bool {
        self.owner.is_none() && self.entries.is_empty()
    }

    /// Whether a store that is cleared for `claim` loses this document; else the epoch that the document knows.
    pub fn is_left_over(&self, claim: &Claim, all: bool) -> Result<bool, u32> {
        match claim.superseded_by(self.owner.as_deref(), self.epoch) {
            Some(known) => Err(known),
            None => Ok(self.owner.is_some() || all),
        }
    }

    /// Whether a user of that install, or none, may see it.
    pub(crate) fn is_of(&self, install_id: Option<&String>) -> bool {
        self.owner.is_none() || self.owner.as_ref() == install_id
    }

    fn change(&mut self, changes: &[MetadataEntry]) -> Result<(), &'static str> {
        let (mut entries, mut others) = (self.entries.clone(), self.other_keys.clone());
        let revision = self.revision.wrapping_add(1);
        for change in changes {
            if let Some(others) = &mut others {
                forget(others, &change.key);
            }
            entries.retain(|entry| entry.key != change.key);
            entries.push(StoredEntry { key: change.key.clone(), value: change.value.clone(), revision });
        }
        let present = |entries: &[StoredEntry]| entries.iter().filter(|entry| entry.value.is_some()).count();
        let total = |entries: &[StoredEntry], others: &Option<String>| {
            present(entries) + others.as_ref().map_or(0, |others| others.len() / HASH_DIGITS)
        };
        let after = total(&entries, &others);
        // Entries that were set before the user came can be too many already: what does not add to them is possible.
        if after > METADATA_MAX_ENTRIES && after > total(&self.entries, &self.other_keys) {
            return Err(TOO_MANY);
        }
        if entries.len() - present(&entries) > METADATA_MAX_ENTRIES {
            return Err(TOO_MANY_REMOVED);
        }
        (self.entries, self.other_keys, self.revision) = (entries, others, revision);
        Ok(())
    }

    /// What the platform has not heard of, if there is anything: so many entries at most. Removals come first, since they
    /// make room for the others.
    pub(crate) fn news(&self, most: usize) -> Option<MetadataRequest> {
        let mut entries = Vec::new();
        for removed in [true, false] {
            for StoredEntry { key, value, revision } in &self.entries {
                if *revision > self.acknowledged && value.is_none() == removed && entries.len() < most {
                    entries.push(MetadataEntry { key: key.clone(), value: value.clone() });
                }
            }
        }
        (!entries.is_empty()).then_some(MetadataRequest { revision: self.revision, entries })
    }

    /// Whether so many entries are all that the platform has not heard of.
    pub(crate) fn is_all(&self, entries: usize) -> bool {
        self.entries.iter().filter(|entry| entry.revision > self.acknowledged).count() == entries
    }
}

/// How many digits a key has in a list of hashes.
const HASH_DIGITS: usize = 8;

/// Takes a key out of a list of hashes.
fn forget(hashes: &mut String, key: &str) {
    let hash = hex(&key_hash(key).to_be_bytes());
    let mut at = 0;
    while let Some(other) = hashes.get(at..at + HASH_DIGITS) {
        if other == hash {
            *hashes = [&hashes[..at], &hashes[at + HASH_DIGITS..]].concat();
            return;
        }
        at += HASH_DIGITS;
    }
}

/// Whether each entry alone is within the limits, and there are not too many of them.
pub(crate) fn check(entries: &[MetadataEntry]) -> Result<(), &'static str> {
    let is_long = |text: &String| text.encode_utf16().count() > METADATA_MAX_CHARS;
    if entries.len() > METADATA_MAX_ENTRIES {
        return Err(TOO_MANY);
    }
    match entries.iter().any(|entry| is_long(&entry.key) || entry.value.as_ref().is_some_and(is_long)) {
        true => Err(TOO_LONG),
        false => Ok(()),
    }
}

/// The same for a trip, whose metadata is one entry of the queue and must fit into one request.
pub(crate) fn check_trip(entries: &[MetadataEntry]) -> Result<(), &'static str> {
    let bytes = |entry: &MetadataEntry| entry.key.len() + entry.value.as_ref().map_or(0, String::len);
    check(entries)?;
    match entries.iter().map(bytes).sum::<usize>() > TRIP_MAX_BYTES {
        true => Err(TRIP_TOO_LARGE),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Metadata, MetadataEdit, check, check_trip};
    use crate::core::{Claim, EditFailure};
    use sentiance_protocol::MetadataEntry;

    fn set(key: &str, value: Option<&str>) -> MetadataEdit {
        MetadataEdit::Change(vec![MetadataEntry { key: key.to_owned(), value: value.map(str::to_owned) }])
    }

    fn claim(install_id: Option<&str>, epoch: u32) -> Claim {
        Claim::new(install_id.map(str::to_owned), epoch)
    }

    fn ada() -> Claim {
        claim(Some("ada's"), 3)
    }

    #[test]
    fn what_a_user_left_is_not_the_next_ones_and_can_not_come_back() {
        let mut metadata = Metadata::default();
        metadata.apply(&ada(), &set("a", Some("1"))).unwrap();
        let bob = claim(Some("bob's"), 5);
        metadata.apply(&bob, &set("b", Some("2"))).unwrap();
        assert_eq!(metadata.entries.len(), 1);
        for edit in [set("a", Some("1")), MetadataEdit::Acknowledge(1), MetadataEdit::Read] {
            assert_eq!(metadata.apply(&ada(), &edit), Err(EditFailure::Superseded(5)));
        }
        assert!(metadata.news(usize::MAX).is_some());
    }

    #[test]
    fn what_was_set_without_a_user_is_the_next_ones() {
        let mut metadata = Metadata::default();
        metadata.apply(&claim(None, 1), &set("a", Some("1"))).unwrap();
        metadata.apply(&ada(), &set("b", Some("2"))).unwrap();
        assert_eq!((metadata.entries.len(), metadata.owner.as_deref()), (2, Some("ada's")));
        let late = metadata.apply(&claim(None, 1), &set("c", Some("3")));
        assert_eq!(late, Err(EditFailure::Superseded(3)));
    }

    #[test]
    fn what_the_platform_has_heard_is_not_sent_again_and_a_removal_is_forgotten_then() {
        let mut metadata = Metadata::default();
        metadata.apply(&ada(), &set("a", Some("1"))).unwrap();
        metadata.apply(&ada(), &set("b", Some("2"))).unwrap();
        metadata.apply(&ada(), &MetadataEdit::Acknowledge(1)).unwrap();
        assert_eq!(metadata.news(usize::MAX).unwrap().entries.len(), 1);
        metadata.apply(&ada(), &set("a", None)).unwrap();
        assert_eq!(metadata.news(usize::MAX).unwrap().entries.len(), 2);
        metadata.apply(&ada(), &MetadataEdit::Acknowledge(3)).unwrap();
        assert_eq!(metadata.news(usize::MAX), None);
        assert_eq!(metadata.entries.len(), 1);
    }

    #[test]
    fn a_document_that_counts_again_goes_on_above_the_platforms_count() {
        let mut metadata = Metadata::default();
        metadata.apply(&ada(), &set("a", Some("1"))).unwrap();
        metadata.apply(&ada(), &MetadataEdit::Recount(7)).unwrap();
        assert_eq!(metadata.news(usize::MAX).unwrap().revision, 8);
        metadata.apply(&ada(), &MetadataEdit::Acknowledge(8)).unwrap();
        assert_eq!(metadata.news(usize::MAX), None);
    }

    #[test]
    fn an_epoch_that_no_record_can_have_reached_holds_nobody_up() {
        let mut metadata = Metadata::default();
        metadata.apply(&claim(Some("ada's"), u32::MAX), &set("a", Some("1"))).unwrap();
        metadata.apply(&claim(Some("bob's"), 5), &set("b", Some("2"))).unwrap();
        assert_eq!((metadata.entries.len(), metadata.epoch), (1, 5));
    }

    #[test]
    fn the_fifty_first_entry_is_refused_and_nothing_changes() {
        let mut metadata = Metadata::default();
        for number in 0..50 {
            metadata.apply(&ada(), &set(&number.to_string(), Some("x"))).unwrap();
        }
        let before = metadata.clone();
        assert_eq!(
            metadata.apply(&ada(), &set("51st", Some("x"))),
            Err(EditFailure::Refused("Metadata can have at most 50 entries."))
        );
        assert_eq!(metadata, before);
        assert_eq!(metadata.apply(&ada(), &set("0", Some("another"))), Ok(true));
    }

    #[test]
    fn the_metadata_of_a_trip_fits_into_one_request() {
        let entries = |text: &str| {
            let entry = |number| MetadataEntry { key: format!("{number}"), value: Some(text.repeat(500)) };
            (0..50).map(entry).collect::<Vec<_>>()
        };
        assert_eq!(check_trip(&entries("x")), Ok(()));
        assert!(check_trip(&entries("語")).is_err());
    }

    #[test]
    fn characters_are_counted_as_javascript_counts_them() {
        let entry = |key: String| [MetadataEntry { key, value: None }];
        assert_eq!(check(&entry("é".repeat(500))), Ok(()));
        assert!(check(&entry("😀".repeat(251))).is_err());
    }
}
