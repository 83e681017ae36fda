//! One device: some tabs on one storage, with one clock.

use crate::{
    broken::Broken,
    locks::Locks,
    page::ALL_ALLOWED,
    random::Random,
    shelf::Shelf,
    spoil::Copy,
    tab::{Job, Tab},
};
use sentiance_core::core::{CommitOutcome, Event, LoadOutcome, Record, Stamp, Surroundings, User};
use sentiance_protocol::{DeviceClass, Secret};
use std::collections::BTreeSet;

/// How much of what was written last a power cut can lose, in milliseconds.
const UNFLUSHED_MS: f64 = 2_000.0;

/// What a device is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Make {
    pub(crate) class: DeviceClass,
    pub(crate) tabs: usize,
    /// Whether its browser has locks. Without them, every tab gets every lock.
    pub(crate) with_locks: bool,
    /// Its clock minus the real one, in milliseconds.
    pub(crate) clock_error: f64,
}

pub(crate) struct Device {
    pub(crate) name: String,
    pub(crate) make: Make,
    pub(crate) tabs: Vec<Tab>,
    /// How often each tab was opened; names the present one.
    pub(crate) births: Vec<u64>,
    /// How many announcements of other tabs each has not heard yet.
    pub(crate) unheard: Vec<usize>,
    pub(crate) storage: Option<Box<Record>>,
    /// What the storage held before each of the last writes, and when.
    unflushed: Vec<(f64, Option<Box<Record>>)>,
    pub(crate) shelf: Shelf,
    pub(crate) locks: Locks,
    pub(crate) surroundings: Surroundings,
    pub(crate) app: App,
    /// The installs that the storage has held.
    pub(crate) stored: BTreeSet<String>,
    /// What the platform has said to this device of each install.
    pub(crate) words: BTreeSet<(String, &'static str)>,
    /// Whether the app was warned that something lives in memory only.
    pub(crate) warned: bool,
    /// Whether writes that had been acknowledged were lost.
    pub(crate) lost_writes: bool,
    /// Whether something beside the record was refused or lost.
    pub(crate) shelf_failed: bool,
    /// Whether what the storage held was cut off, and no tab has met that yet.
    pub(crate) is_cut_off: bool,
    /// Whether one of its stores was changed from outside.
    pub(crate) is_spoiled: bool,
    /// What it held before, oldest first.
    pub(crate) copies: Vec<Copy>,
    seed: u64,
    births_of_all: u64,
}

/// What the app on it knows.
#[derive(Default)]
pub(crate) struct App {
    /// The code that it used last.
    pub(crate) code: Option<Secret>,
    /// The user that it was told of last.
    pub(crate) user: Option<String>,
    /// Whether it has called for a reset since.
    pub(crate) reset_since: bool,
    /// Counts what it has written and where it has been.
    pub(crate) count: u32,
}

impl Device {
    pub(crate) fn new(name: String, make: Make, seed: u64) -> Self {
        let mut device = Device {
            name,
            make,
            tabs: Vec::new(),
            births: vec![0; make.tabs],
            unheard: vec![0; make.tabs],
            storage: None,
            unflushed: Vec::new(),
            shelf: Shelf::default(),
            locks: Locks::new(make.with_locks),
            surroundings: ALL_ALLOWED,
            app: App::default(),
            stored: BTreeSet::new(),
            words: BTreeSet::new(),
            warned: false,
            lost_writes: false,
            shelf_failed: false,
            is_cut_off: false,
            is_spoiled: false,
            copies: Vec::new(),
            seed,
            births_of_all: 0,
        };
        for tab in 0..make.tabs {
            let newborn = device.new_tab(tab);
            device.tabs.push(newborn);
        }
        device
    }

    fn new_tab(&mut self, tab: usize) -> Tab {
        self.births_of_all += 1;
        self.births[tab] = self.births_of_all;
        Tab::new(self.make.clock_error, Random::stream(self.seed, self.births_of_all).next())
    }

    /// The tab dies with all that it waited for; the browser gives its locks back; the app opens it again.
    pub(crate) fn reopen(&mut self, tab: usize) {
        self.tabs[tab] = self.new_tab(tab);
        self.unheard[tab] = 0;
        self.locks.forget(tab);
    }

    /// All tabs die, and what was written last was not kept.
    pub(crate) fn cut_power(&mut self, now: f64) {
        let lost = self.unflushed.iter().find(|(at, _)| now - at <= UNFLUSHED_MS).cloned();
        if let Some((_, before)) = lost {
            self.storage = before;
            self.lost_writes = true;
        }
        self.unflushed.clear();
        for tab in 0..self.tabs.len() {
            self.reopen(tab);
        }
    }

    pub(crate) fn set_clock(&mut self, error: f64) {
        self.make.clock_error = error;
        for tab in &mut self.tabs {
            tab.clock_error = error;
        }
    }

    /// The install of the user that the storage holds.
    pub(crate) fn stored_install(&self) -> Option<&str> {
        Some(&self.stored_user()?.install_id)
    }

    pub(crate) fn stored_user(&self) -> Option<&User> {
        self.storage.as_ref()?.user.as_ref()
    }

    /// The storage does the oldest thing that a tab asked it for, or fails at it.
    pub(crate) fn work_storage(
        &mut self,
        tab: usize,
        fails: bool,
        now: f64,
        broken: Option<Broken>,
    ) -> Option<Event> {
        if self.tabs[tab].jobs.is_empty() {
            return None;
        }
        Some(match self.tabs[tab].jobs.remove(0) {
            Job::Load(ticket) if fails => Event::Loaded(ticket, LoadOutcome::Failed("locked".to_owned())),
            // It is set aside, and is gone for the others.
            Job::Load(ticket) if std::mem::take(&mut self.is_cut_off) => {
                Event::Loaded(ticket, LoadOutcome::Unreadable)
            }
            Job::Load(ticket) => Event::Loaded(ticket, LoadOutcome::Found(self.storage.clone())),
            Job::Commit(ticket, ..) | Job::Remove(ticket, ..) if fails => {
                Event::Committed(ticket, CommitOutcome::Failed("full".to_owned()))
            }
            Job::Commit(ticket, expected, record) | Job::Remove(ticket, expected, record) => {
                Event::Committed(ticket, self.compare_and_set(&expected, record, now, broken))
            }
        })
    }

    fn compare_and_set(
        &mut self,
        expected: &Stamp,
        record: Box<Record>,
        now: f64,
        broken: Option<Broken>,
    ) -> CommitOutcome {
        let compares = broken != Some(Broken::StorageDoesNotCompare);
        if compares && Stamp::of(self.storage.as_deref()) != *expected {
            return CommitOutcome::Conflict(self.storage.clone());
        }
        if broken == Some(Broken::StorageForgets) && record.user.is_some() {
            return CommitOutcome::Written;
        }
        self.is_cut_off = false;
        self.back_up();
        self.stored.extend(record.user.as_ref().map(|user| user.install_id.clone()));
        self.unflushed.retain(|(at, _)| now - at <= UNFLUSHED_MS);
        self.unflushed.push((now, self.storage.replace(record)));
        CommitOutcome::Written
    }

    /// Answers a tab's request for a lock.
    pub(crate) fn answer_lock(&mut self, tab: usize) -> Option<Event> {
        self.locks.answer(tab, &mut self.tabs[tab], 0)
    }

    pub(crate) fn holds_a_lock(&self, tab: usize) -> bool {
        self.locks.is_holder(tab)
    }

    /// Gives a tab the first role that it wants and no other has.
    pub(crate) fn take_lead(&mut self, tab: usize) -> Option<Event> {
        self.locks.grant_role(tab, &mut self.tabs[tab])
    }

    pub(crate) fn may_get_lead(&self, tab: usize) -> bool {
        self.locks.has_role_for(&self.tabs[tab])
    }

    /// Whether a tab knows what is stored. What it knows that could not be stored is another matter.
    pub(crate) fn knows_record(&self, tab: usize) -> bool {
        let known = self.tabs[tab].core.record();
        match &self.storage {
            Some(stored) => **stored == *known,
            None => *known == Record::empty(),
        }
    }

    /// Whether something of a tab can go on without the network and without time.
    pub(crate) fn is_busy(&self, tab: usize) -> bool {
        let busy = &self.tabs[tab];
        !busy.jobs.is_empty()
            || !busy.chores.is_empty()
            || !busy.lock_requests.is_empty()
            || self.unheard[tab] > 0
            || self.may_get_lead(tab)
    }
}
