//! What a device records: beside the record, in its queue, and on the platform in the end.

use crate::{
    broken::Broken,
    invariant::Invariant,
    server::Answer,
    shelf::Shelf,
    step::At,
    tab::Chore,
    tally::{Fault, Outcome, Tally},
    world::World,
};
use sentiance_core::core::{Batch, Body, Effect, Event, QueueState, Request};
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
    /// Whether that install has recorded something, and the platform has all of it.
    pub(crate) fn has_arrived(&self, install_id: &str, stored: &[String]) -> bool {
        let mut own =
            self.by.iter().filter(|(_, recorder)| *recorder == install_id).map(|(id, _)| id).peekable();
        own.peek().is_some() && own.all(|id| stored.contains(id))
    }

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
        let event = match chore {
            Chore::LookAround => Some(Event::Surroundings(Box::new(device.surroundings.clone()))),
            chore if fails => Shelf::fail(chore, FULL),
            chore => {
                if let Chore::Add(_, addition) = &chore {
                    let owner = addition.claim.install_id.clone().expect("an addition has an owner");
                    for detection in &addition.detections {
                        self.recorded.by.insert(detection.id.clone(), owner.clone());
                    }
                }
                self.do_chore(at, chore)
            }
        };
        if let Some(event) = event {
            self.feed(at, event);
        }
    }

    fn do_chore(&mut self, at: At, chore: Chore) -> Option<Event> {
        let device = &mut self.devices[at.device];
        if self.broken == Some(Broken::ResetDoesNotWait)
            && let Chore::Clear { ticket, .. } = chore
        {
            return Some(Event::Cleared(ticket, Ok(())));
        }
        let before = device.shelf.entries.len() as f64;
        let (event, _) = device.shelf.work(chore, device.storage.as_deref())?;
        if let (Some(Broken::StoreDecides), Event::Superseded(_, job)) = (self.broken, &event) {
            return Some(match &**job {
                Effect::Clear { ticket, .. } => Event::Cleared(*ticket, Ok(())),
                Effect::TakeBatch { ticket, .. } => Event::Batch(*ticket, Ok(Batch::default())),
                Effect::Enqueue(ticket, _) => {
                    Event::Queued(*ticket, Ok(QueueState { count: before, ..QueueState::default() }))
                }
                _ => event,
            });
        }
        Some(event)
    }

    /// The platform has what it acknowledged, once, and nothing that nobody recorded.
    pub(crate) fn check_detections(&mut self) {
        let stored = self.server.detections(&self.app_id);
        let mut ids = BTreeSet::new();
        for id in &stored {
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
