//! What can be done to each of a device's stores alone: it is emptied, cut off, or restored to an older copy.

use crate::{device::Device, shelf::Shelf, tally::Fault, world::World};
use sentiance_core::core::{Metadata, Record, Usage};

/// How many older copies are kept.
const COPIES: usize = 4;

/// One of the stores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Store {
    Record,
    Metadata,
    Usage,
    Queue,
}

/// What is done to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum How {
    Emptied,
    CutOff,
    Restored,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spoil {
    pub(crate) store: Store,
    pub(crate) how: How,
}

impl Spoil {
    pub(crate) const STORES: [Store; 4] = [Store::Record, Store::Metadata, Store::Usage, Store::Queue];
    pub(crate) const WAYS: [How; 3] = [How::Emptied, How::CutOff, How::Restored];

    pub(crate) fn fault(self) -> Fault {
        match (self.store, self.how) {
            (Store::Record, How::Emptied) => Fault::RecordEmptied,
            (Store::Record, How::CutOff) => Fault::RecordCutOff,
            (Store::Record, How::Restored) => Fault::RecordRestored,
            (Store::Metadata, How::Emptied) => Fault::MetadataEmptied,
            (Store::Metadata, How::CutOff) => Fault::MetadataCutOff,
            (Store::Metadata, How::Restored) => Fault::MetadataRestored,
            (Store::Usage, How::Emptied) => Fault::UsageEmptied,
            (Store::Usage, How::CutOff) => Fault::UsageCutOff,
            (Store::Usage, How::Restored) => Fault::UsageRestored,
            (Store::Queue, How::Emptied) => Fault::QueueEmptied,
            (Store::Queue, How::CutOff) => Fault::QueueCutOff,
            (Store::Queue, How::Restored) => Fault::QueueRestored,
        }
    }
}

/// What a device held once.
#[derive(Clone, Default)]
pub(crate) struct Copy {
    record: Option<Box<Record>>,
    shelf: Shelf,
}

impl Device {
    /// Keeps a copy of what it holds, as a backup does.
    pub(crate) fn back_up(&mut self) {
        if self.copies.len() == COPIES {
            self.copies.remove(0);
        }
        self.copies.push(Copy { record: self.storage.clone(), shelf: self.shelf.clone() });
    }

    fn spoil(&mut self, spoil: Spoil) {
        let copy = match spoil.how {
            How::Restored => self.copies.first().cloned().unwrap_or_default(),
            How::Emptied | How::CutOff => Copy::default(),
        };
        match spoil.store {
            Store::Record => {
                self.storage = copy.record;
                self.is_cut_off = spoil.how == How::CutOff;
                self.lost_writes = true;
            }
            Store::Metadata => self.shelf.metadata = copy.shelf.metadata,
            Store::Usage => self.shelf.usage = copy.shelf.usage,
            Store::Queue => {
                let Shelf { entries, last_owner, dropped, .. } = copy.shelf;
                (self.shelf.entries, self.shelf.last_owner, self.shelf.dropped) =
                    (entries, last_owner, dropped);
            }
        }
        self.is_spoiled = true;
    }

    /// Whether nothing of any user is left beside the record.
    pub(crate) fn is_clean(&self) -> bool {
        self.shelf.metadata == Metadata::default()
            && self.shelf.usage == Usage::default()
            && self.shelf.entries.is_empty()
    }
}

impl World<'_> {
    pub(crate) fn spoil(&mut self, device: usize, spoil: Spoil) {
        self.tally.fault(spoil.fault());
        let spoiled = &mut self.devices[device];
        spoiled.spoil(spoil);
        // It comes with an older token, or leaves an install behind that never says goodbye.
        let stored = spoiled.stored_install().map(str::to_owned);
        if let Some(install_id) = stored {
            self.oracle.suspect(&install_id);
        }
    }
}
