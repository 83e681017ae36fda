//! What a tab asked to be done beside the record is done, or fails.

use crate::device::Device;
use crate::shelf::{Entry, Shelf};
use crate::tab::Chore;
use sentiance_core::core::{Event, Metadata};

/// Why a chore failed.
const FULL: &str = "full";

impl Device {
    /// All that the tab asked to be done beside the record is done.
    pub(crate) fn work_chores(&mut self, tab: usize) {
        while !self.tabs[tab].chores.is_empty() {
            self.work_chore(tab, false);
        }
    }

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
        if fails {
            if let Some(event) = Shelf::fail(chore, FULL) {
                self.feed(tab, event);
            }
            return;
        }
        if let Chore::Add(_, addition) = &chore {
            let owner = addition.claim.install_id.as_deref().expect("an addition has an owner");
            for detection in &addition.detections {
                self.ledger.record(owner, detection);
            }
        }
        let (adds, clears) = (matches!(chore, Chore::Add(..)), matches!(chore, Chore::Clear { .. }));
        let before = self.shelf.metadata.clone();
        let Some((event, gone)) = self.shelf.work(chore, self.storage.as_deref()) else { return };
        if adds {
            self.ledger.dropped.extend(gone.iter().map(|entry| entry.detection.id.clone()));
            self.ledger.shelf_failed |= matches!(event, Event::Queued(_, Err(_)));
        }
        if clears {
            self.check_documents(&before);
        }
        self.check_gone(&gone, adds);
        self.feed(tab, event);
    }

    fn check_documents(&mut self, before: &Metadata) {
        let is_empty = self.shelf.metadata.entries.is_empty();
        self.ledger.removed_nobodys |= before.owner.is_none() && !before.entries.is_empty() && is_empty;
        let user = self.stored_install();
        let is_present = |value: &String| value.split(' ').next() == user;
        let gone = before.entries.iter().filter(|_| is_empty);
        assert!(
            !gone.filter_map(|entry| entry.value.as_ref()).any(is_present),
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
