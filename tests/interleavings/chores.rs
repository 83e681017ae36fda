//! What a tab asked to be done beside the record is done, or fails.

use crate::device::Device;
use crate::shelf::Entry;
use crate::tab::Chore;
use sentiance_core::core::{EditFailure, Event};

/// Why a chore failed.
const FULL: &str = "full";

impl Device {
    /// The tab's oldest chore is done, or fails.
    pub(crate) fn work_chore(&mut self, tab: usize, fails: bool) {
        if self.tabs[tab].chores.is_empty() {
            return;
        }
        let chore = self.tabs[tab].chores.remove(0);
        if let Chore::LookAround = chore {
            return self.look_around(tab);
        }
        self.ledger.shelf_failed |= fails;
        let failed = |ticket| Event::Queued(ticket, Err(FULL.to_owned()));
        let event = match chore {
            Chore::Edit(ticket, _) if fails => {
                Event::Edited(ticket, Err(EditFailure::Storage(FULL.to_owned())))
            }
            Chore::Add(ticket, _) | Chore::Drop(ticket, _) if fails => failed(ticket),
            Chore::Take { ticket, .. } if fails => Event::Batch(ticket, Err(FULL.to_owned())),
            Chore::RemoveDocuments(_) | Chore::Clear(_) if fails => return,
            Chore::Edit(ticket, edit) => Event::Edited(ticket, self.shelf.edit(&edit)),
            Chore::RemoveDocuments(epoch) => return self.remove_documents(epoch),
            Chore::Add(ticket, addition) => {
                for detection in &addition.detections {
                    self.ledger.record(&addition.install_id, detection);
                }
                let (outcome, gone) = self.shelf.add(*addition);
                self.ledger.dropped.extend(gone.iter().map(|entry| entry.detection.id.clone()));
                self.ledger.shelf_failed |= outcome.is_err();
                self.check_gone(&gone, true);
                Event::Queued(ticket, outcome)
            }
            Chore::Take { ticket, install_id, epoch, max_entries } => {
                let (batch, gone) = self.shelf.take(&install_id, epoch, max_entries);
                self.check_gone(&gone, false);
                Event::Batch(ticket, Ok(batch))
            }
            Chore::Drop(ticket, keys) => {
                let (state, gone) = self.shelf.remove(&keys);
                self.check_gone(&gone, false);
                Event::Queued(ticket, Ok(state))
            }
            Chore::Clear(epoch) => {
                let gone = self.shelf.clear(epoch);
                return self.check_gone(&gone, false);
            }
            Chore::LookAround => return,
        };
        self.feed(tab, event);
    }

    fn remove_documents(&mut self, epoch: u32) {
        let before = self.shelf.metadata.entries.clone();
        let was_nobodys = self.shelf.metadata.owner.is_none() && !before.is_empty();
        self.shelf.remove_documents(epoch);
        self.ledger.removed_nobodys |= was_nobodys && self.shelf.metadata.entries.is_empty();
        let gone = || before.iter().filter(|_| self.shelf.metadata.entries.is_empty());
        let user = self.stored_install();
        let is_present = |value: &String| value.split(' ').next() == user;
        assert!(
            !gone().filter_map(|entry| entry.value.as_ref()).any(is_present),
            "the metadata of the present user is removed"
        );
    }

    /// What the present user recorded leaves the queue only for the platform, or details for want of room.
    fn check_gone(&self, gone: &[Entry], for_room: bool) {
        for entry in gone.iter().filter(|entry| Some(entry.owner.as_str()) == self.stored_install()) {
            let is_detail = entry.detection.trip.is_none();
            assert!(
                (for_room && is_detail) || self.platform.uploads.has(&entry.detection),
                "lost: {:?}",
                entry.detection
            );
        }
    }
}
