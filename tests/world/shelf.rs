//! What the tabs share beside the record: the documents, and the queue of detections. For `tests/interleavings` and for
//! `tests/simulation`.

use sentiance_core::core::{
    Addition, Batch, Document, Edit, EditFailure, Metadata, QueueOutcome, QueueState, StoredEntry, Usage,
};
use sentiance_protocol::{Detection, DetectionsRequest};

/// How many bytes an entry of the queue has, whatever it is.
const ENTRY_BYTES: f64 = 100.0;

#[derive(Default)]
pub(crate) struct Shelf {
    pub(crate) metadata: Metadata,
    pub(crate) usage: Usage,
    pub(crate) entries: Vec<Entry>,
    /// Who added last, and in which epoch.
    last_owner: (String, u32),
    dropped: f64,
    last_key: f64,
}

pub(crate) struct Entry {
    pub(crate) owner: String,
    pub(crate) detection: Detection,
    key: f64,
}

impl Shelf {
    pub(crate) fn edit(&mut self, edit: &Edit) -> Result<Document, EditFailure> {
        match edit {
            Edit::Metadata(editor, edit) => {
                let mut metadata = self.metadata.clone();
                if metadata.apply(editor, edit).map_err(EditFailure::Refused)? {
                    self.metadata = metadata.clone();
                }
                Ok(Document::Metadata(metadata))
            }
            Edit::Usage(edit) => {
                self.usage.apply(edit);
                Ok(Document::Usage(self.usage.clone()))
            }
        }
    }

    /// The metadata of an install's user, not what another has left.
    pub(crate) fn metadata_of(&self, install_id: &str) -> &[StoredEntry] {
        let is_its = self.metadata.owner.as_ref().is_none_or(|owner| owner == install_id);
        if is_its { &self.metadata.entries } else { &[] }
    }

    pub(crate) fn remove_documents(&mut self, epoch: u32) {
        if self.metadata.epoch <= epoch {
            (self.metadata, self.usage) = (Metadata::default(), Usage::default());
        }
    }

    /// Adds to the queue. To make room, what others have left goes, and the oldest positions and motions. As the
    /// others do: what is gone is told, too.
    pub(crate) fn add(&mut self, addition: Addition) -> (QueueOutcome, Vec<Entry>) {
        if self.is_late(&addition.install_id, addition.epoch) {
            return (Ok(self.state()), Vec::new());
        }
        let wanted = addition.detections.len() as f64 * ENTRY_BYTES;
        let mut gone = Vec::new();
        while self.bytes() + wanted > addition.limit_bytes {
            let may_go = |entry: &Entry| entry.owner != addition.install_id || entry.detection.trip.is_none();
            let Some(at) = self.entries.iter().position(may_go) else {
                return (Err("the queue is full".to_owned()), gone);
            };
            let entry = self.entries.remove(at);
            self.dropped += f64::from(u8::from(entry.owner == addition.install_id));
            gone.push(entry);
        }
        self.last_owner = (addition.install_id.clone(), self.last_owner.1.max(addition.epoch));
        for detection in addition.detections {
            self.last_key += 1.0;
            self.entries.push(Entry { owner: addition.install_id.clone(), detection, key: self.last_key });
        }
        (Ok(self.state()), gone)
    }

    /// The oldest entries of an install, three at most, so that there are several batches; what others have left goes.
    pub(crate) fn take(&mut self, install_id: &str, epoch: u32, most: usize) -> (Batch, Vec<Entry>) {
        if self.is_late(install_id, epoch) {
            return (Batch::default(), Vec::new());
        }
        let gone = self.remove_where(|entry| entry.owner != install_id);
        let taken = || self.entries.iter().take(most.min(3));
        let request =
            DetectionsRequest { detections: taken().map(|entry| entry.detection.clone()).collect() };
        let body = serde_json::to_string(&request).expect("a body");
        (
            Batch {
                keys: taken().map(|entry| entry.key).collect(),
                body,
                oversized: 0.0,
                state: self.state(),
            },
            gone,
        )
    }

    pub(crate) fn remove(&mut self, keys: &[f64]) -> (QueueState, Vec<Entry>) {
        let gone = self.remove_where(|entry| keys.contains(&entry.key));
        (self.state(), gone)
    }

    pub(crate) fn clear(&mut self, epoch: u32) -> Vec<Entry> {
        if self.last_owner.1 > epoch {
            return Vec::new();
        }
        self.last_owner = Default::default();
        self.dropped = 0.0;
        self.remove_where(|_| true)
    }

    /// Whether the queue is a later user's than whoever asks for something in that epoch.
    fn is_late(&self, install_id: &str, epoch: u32) -> bool {
        self.last_owner.0 != install_id && epoch < self.last_owner.1
    }

    fn remove_where(&mut self, is_meant: impl Fn(&Entry) -> bool) -> Vec<Entry> {
        let (gone, left) = std::mem::take(&mut self.entries).into_iter().partition(is_meant);
        self.entries = left;
        gone
    }

    fn state(&self) -> QueueState {
        QueueState { count: self.entries.len() as f64, bytes: self.bytes(), dropped: self.dropped }
    }

    fn bytes(&self) -> f64 {
        self.entries.len() as f64 * ENTRY_BYTES
    }
}
