//! What the tabs share beside the record: the documents, and the queue of detections. For `tests/interleavings` and for
//! `tests/simulation`.

use crate::tab::Chore;
use sentiance_core::core::{
    Addition, Batch, Claim, Document, Edit, EditFailure, Effect, Event, Metadata, QueueFailure, QueueOutcome,
    QueueState, Record, SideStore, StoredEntry, Usage,
};
use sentiance_protocol::{Detection, DetectionsRequest};

/// How many bytes an entry of the queue has, whatever it is.
const ENTRY_BYTES: f64 = 100.0;

#[derive(Clone, Default)]
pub(crate) struct Shelf {
    pub(crate) metadata: Metadata,
    pub(crate) usage: Usage,
    pub(crate) entries: Vec<Entry>,
    /// Who used the queue last, and in which epoch.
    pub(crate) last_owner: Option<(Option<String>, u32)>,
    pub(crate) dropped: f64,
    last_key: f64,
}

#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) owner: String,
    pub(crate) detection: Detection,
    key: f64,
}

impl Shelf {
    fn edit(&mut self, edit: &Edit, record: Option<&Record>) -> Result<Document, EditFailure> {
        match edit {
            Edit::Metadata(claim, edit) => {
                if let Some(record) = record.filter(|_| self.metadata == Metadata::default())
                    && let Some(epoch) = record.superseding(claim)
                {
                    return Err(EditFailure::Superseded(epoch));
                }
                let mut metadata = self.metadata.clone();
                if metadata.apply(claim, edit)? {
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

    /// Does a chore beside that stored record: the event, and what left the queue. Nothing, where the chore is none of
    /// these stores'.
    pub(crate) fn work(&mut self, chore: Chore, record: Option<&Record>) -> Option<(Event, Vec<Entry>)> {
        let plain = |event| Some((event, Vec::new()));
        let superseded = |epoch, job| plain(Event::Superseded(epoch, Box::new(job)));
        match chore {
            Chore::LookAround => None,
            Chore::Edit(ticket, edit) => match self.edit(&edit, record) {
                Err(EditFailure::Superseded(epoch)) => superseded(epoch, Effect::Edit(ticket, edit)),
                outcome => plain(Event::Edited(ticket, outcome)),
            },
            Chore::Clear { ticket, store, claim, all } => match self.clear(store, &claim, all) {
                Err(epoch) => superseded(epoch, Effect::Clear { ticket, store, claim, all }),
                Ok(gone) => Some((Event::Cleared(ticket, Ok(())), gone)),
            },
            Chore::Add(ticket, addition) => match self.superseding(&addition.claim) {
                Some(epoch) => superseded(epoch, Effect::Enqueue(ticket, addition)),
                None => {
                    let (outcome, gone) = self.add(*addition);
                    Some((Event::Queued(ticket, outcome), gone))
                }
            },
            Chore::Take { ticket, claim, max_bytes, max_entries } => match self.superseding(&claim) {
                Some(epoch) => superseded(epoch, Effect::TakeBatch { ticket, claim, max_bytes, max_entries }),
                None => {
                    let (batch, gone) = self.take(&claim, max_entries);
                    Some((Event::Batch(ticket, Ok(batch)), gone))
                }
            },
            Chore::Drop(ticket, keys) => {
                let gone = self.remove_where(|entry| keys.contains(&entry.key));
                Some((Event::Queued(ticket, Ok(self.state())), gone))
            }
        }
    }

    /// What comes of a chore that fails.
    pub(crate) fn fail(chore: Chore, why: &str) -> Option<Event> {
        let failure = || QueueFailure { is_full: true, why: why.to_owned() };
        Some(match chore {
            Chore::LookAround => return None,
            Chore::Edit(ticket, _) => Event::Edited(ticket, Err(EditFailure::Storage(why.to_owned()))),
            Chore::Add(ticket, _) | Chore::Drop(ticket, _) => Event::Queued(ticket, Err(failure())),
            Chore::Take { ticket, .. } => Event::Batch(ticket, Err(why.to_owned())),
            Chore::Clear { ticket, .. } => Event::Cleared(ticket, Err(why.to_owned())),
        })
    }

    fn clear(&mut self, store: SideStore, claim: &Claim, all: bool) -> Result<Vec<Entry>, u32> {
        match store {
            SideStore::Documents => {
                if self.metadata.is_left_over(claim, all)? {
                    (self.metadata, self.usage) = (Metadata::default(), Usage::default());
                }
                Ok(Vec::new())
            }
            SideStore::Queue => match self.superseding(claim) {
                Some(epoch) => Err(epoch),
                None => {
                    self.last_owner = Some((None, claim.epoch));
                    self.dropped = 0.0;
                    Ok(self.remove_where(|_| true))
                }
            },
        }
    }

    /// Adds to the queue. To make room, what others have left goes, and the oldest positions and motions. As the
    /// others do: what is gone is told, too.
    fn add(&mut self, addition: Addition) -> (QueueOutcome, Vec<Entry>) {
        let owner = addition.claim.install_id.clone().expect("an addition has an owner");
        let wanted = addition.detections.len() as f64 * ENTRY_BYTES;
        let mut gone = Vec::new();
        while self.bytes() + wanted > addition.limit_bytes {
            let may_go = |entry: &Entry| entry.owner != owner || entry.detection.trip.is_none();
            let Some(at) = self.entries.iter().position(may_go) else {
                return (Err(QueueFailure { is_full: true, why: "the queue is full".to_owned() }), gone);
            };
            let entry = self.entries.remove(at);
            self.dropped += f64::from(u8::from(entry.owner == owner));
            gone.push(entry);
        }
        let known = self.last_owner.as_ref().map_or(0, |(_, epoch)| *epoch);
        self.last_owner = Some((Some(owner.clone()), addition.claim.raised(known)));
        for detection in addition.detections {
            self.last_key += 1.0;
            self.entries.push(Entry { owner: owner.clone(), detection, key: self.last_key });
        }
        (Ok(self.state()), gone)
    }

    /// The oldest entries of an install, three at most, so that there are several batches; what others have left goes.
    fn take(&mut self, claim: &Claim, most: usize) -> (Batch, Vec<Entry>) {
        let gone = self.remove_where(|entry| Some(&entry.owner) != claim.install_id.as_ref());
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

    /// The epoch that the queue knows, where it can't accept a claim.
    fn superseding(&self, claim: &Claim) -> Option<u32> {
        let (owner, epoch) = self.last_owner.as_ref()?;
        claim.superseded_by(owner.as_deref(), *epoch)
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
