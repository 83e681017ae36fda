//! What a device records: beside the record, in its queue, and on the platform in the end.

use crate::{
    invariant::Invariant,
    server::Answer,
    step::At,
    tab::Chore,
    tally::{Fault, Outcome, Tally},
    world::World,
};
use sentiance_core::core::{Body, EditFailure, Event, Request};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Why a chore failed.
const FULL: &str = "full";

/// What was recorded.
#[derive(Default)]
pub(crate) struct Recorded {
    /// The install by which each detection was recorded.
    by: BTreeMap<String, String>,
    /// The detections that the platform has acknowledged.
    acknowledged: BTreeSet<String>,
}

impl Recorded {
    /// The platform answers an upload.
    pub(crate) fn see(&mut self, request: &Request, answer: &Answer, tally: &mut Tally) {
        let Body::Detections(body) = &request.body else { return };
        if answer.status != 200 {
            return;
        }
        let known =
            serde_json::from_slice::<Value>(&answer.body).ok().and_then(|body| body["known"].as_u64());
        if known.is_some_and(|known| known > 0) {
            tally.outcome(Outcome::UploadRepeated);
        }
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        let sent = body["detections"].as_array().into_iter().flatten();
        self.acknowledged.extend(sent.filter_map(|detection| detection["id"].as_str()).map(str::to_owned));
    }
}

impl World<'_> {
    /// A tab's oldest chore beside the record is done, or fails.
    pub(crate) fn work_chore(&mut self, at: At, fails: bool) {
        if self.devices[at.device].tabs[at.tab].chores.is_empty() {
            return;
        }
        let device = &mut self.devices[at.device];
        let chore = device.tabs[at.tab].chores.remove(0);
        if fails && !matches!(chore, Chore::LookAround) {
            device.shelf_failed = true;
            self.tally.fault(Fault::FailedChore);
        }
        let failed = |ticket| Event::Queued(ticket, Err(FULL.to_owned()));
        let event = match chore {
            Chore::LookAround => Event::Surroundings(Box::new(device.surroundings.clone())),
            Chore::Edit(ticket, _) if fails => {
                Event::Edited(ticket, Err(EditFailure::Storage(FULL.to_owned())))
            }
            Chore::Add(ticket, _) | Chore::Drop(ticket, _) if fails => failed(ticket),
            Chore::Take { ticket, .. } if fails => Event::Batch(ticket, Err(FULL.to_owned())),
            Chore::RemoveDocuments(_) | Chore::Clear(_) if fails => return,
            Chore::Edit(ticket, edit) => Event::Edited(ticket, device.shelf.edit(&edit)),
            Chore::RemoveDocuments(epoch) => return device.shelf.remove_documents(epoch),
            Chore::Add(ticket, addition) => {
                for detection in &addition.detections {
                    self.recorded.by.insert(detection.id.clone(), addition.install_id.clone());
                }
                Event::Queued(ticket, device.shelf.add(*addition).0)
            }
            Chore::Take { ticket, install_id, epoch, max_entries } => {
                Event::Batch(ticket, Ok(device.shelf.take(&install_id, epoch, max_entries).0))
            }
            Chore::Drop(ticket, keys) => Event::Queued(ticket, Ok(device.shelf.remove(&keys).0)),
            Chore::Clear(epoch) => {
                device.shelf.clear(epoch);
                return;
            }
        };
        self.feed(at, event);
    }

    /// The platform has what it acknowledged, once, and nothing that nobody recorded.
    pub(crate) fn check_detections(&mut self) {
        let rows = self.server.detections(&self.app_id);
        let mut ids = BTreeSet::new();
        for (id, _) in &rows {
            if !self.recorded.by.contains_key(id) {
                return self.violated(Invariant::EffectOnce, format!("nobody recorded {id}"));
            }
            if !ids.insert(id) {
                return self.violated(Invariant::EffectOnce, format!("{id} is there twice"));
            }
        }
        let is_lost = |id: &&String| {
            // Its user may have been deleted, or brought to another one.
            let install = self.recorded.by.get(*id);
            install.is_some_and(|install| self.oracle.user_of_install(install).is_some())
                && !ids.contains(*id)
        };
        if let Some(lost) = self.recorded.acknowledged.iter().find(is_lost) {
            let details = format!("{lost} was acknowledged, and is not there");
            self.violated(Invariant::EffectOnce, details);
        }
    }

    /// What a device has queued, and may send, has arrived: it has just been submitted.
    pub(crate) fn check_queue(&mut self, device: usize) {
        let owner = &self.devices[device];
        let Some(install_id) = owner.stored_install() else { return };
        if owner.shelf_failed || owner.warned || owner.lost_writes {
            return;
        }
        let left = owner.shelf.entries.iter().any(|entry| entry.owner == install_id);
        if left {
            let details = format!("{}: something is left in the queue", owner.name);
            return self.violated(Invariant::EffectOnce, details);
        }
        let Some(user) = self.oracle.user_of_install(install_id) else { return };
        let written = self.server.metadata(&self.app_id, user);
        let entries = owner.shelf.metadata_of(install_id).to_vec();
        for entry in entries {
            let is_there =
                written.iter().any(|(key, value)| *key == entry.key && Some(value) == entry.value.as_ref());
            if entry.value.is_some() && !is_there {
                let details = format!("{} is {:?}, not {:?}", entry.key, written, entry.value);
                return self.violated(Invariant::EffectOnce, details);
            }
        }
    }
}
