//! Everything that is under way comes to its end, and what must hold then.

use crate::app::{Answer, Choice};
use crate::device::{Device, Fate};
use crate::tab::{MAY_RUN, Tab};
use sentiance_core::core::{Call, DataType, Metadata, Output, Record, Timer, Usage, UserState};

/// More steps than anything needs to come to rest; a call that is pending then is pending for ever.
const PATIENCE: usize = 5_000;
/// Longer than any pause that a platform can ask for.
const LONG_MS: f64 = 10.0 * 60_000.0;

impl Device {
    pub(crate) fn check_always(&self) {
        assert!(
            self.platform.overbooked().is_empty(),
            "two active installs: {:?}",
            self.platform.overbooked()
        );
        self.check_streams();
    }

    /// Everything that is under way comes to its end.
    pub(crate) fn settle_down(&mut self) {
        self.settle_down_with(Fate::Answered);
    }

    /// Everything that is under way comes to its end, while all requests meet `fate`.
    pub(crate) fn settle_down_with(&mut self, fate: Fate) {
        for _ in 0..PATIENCE {
            self.take_a_round(fate);
            if self.is_busy() {
                continue;
            }
            let Some(tab) = (0..2).find(|tab| self.is_waiting(*tab)) else { return self.compare_notes() };
            assert!(
                self.tabs[tab].next_timer().is_some(),
                "pending for ever: {:?}, {:?}",
                self.tabs[tab].pending.values(),
                self.locks
            );
            self.fire_next_timer(tab);
        }
        panic!("no rest after {PATIENCE} rounds");
    }

    /// Of everything that is under way, each tab's oldest goes on; its storage gets further, lest two tabs that commit
    /// in turns be in each other's way for ever.
    pub(crate) fn take_a_round(&mut self, fate: Fate) {
        for tab in 0..2 {
            self.answer_lock(tab, 0);
            self.grant_lead(tab);
            for _ in 0..4 {
                self.work_storage(tab, false);
            }
            self.work_chore(tab, false);
            self.answer_linker(tab, 0, Answer::Links("ada"));
            self.meet(tab, 0, fate);
            self.push(tab);
        }
    }

    fn is_busy(&self) -> bool {
        (0..2).any(|number| {
            let tab = &self.tabs[number];
            !tab.jobs.is_empty()
                || !tab.chores.is_empty()
                || !tab.requests.is_empty()
                || !tab.lock_requests.is_empty()
                || !tab.linkings.is_empty()
                || self.may_get_lead(number)
                || self.has_news(number)
        })
    }

    /// Whether something in a tab comes to its end with time.
    fn is_waiting(&self, number: usize) -> bool {
        let tab = &self.tabs[number];
        !tab.pending.is_empty()
            || self.locks.is_holder(number)
            || tab.timers.iter().any(|(timer, _)| !MAY_RUN.contains(timer))
    }

    /// Both tabs read the storage once more, as an announcement that was on its way makes them do.
    fn compare_notes(&mut self) {
        for tab in 0..2 {
            self.call(tab, "ensureInitialized", Call::EnsureInitialized);
            self.hear(tab);
        }
        for _ in 0..PATIENCE {
            if !self.is_busy() {
                return;
            }
            for tab in 0..2 {
                self.work_storage(tab, false);
                self.hear(tab);
            }
            self.take_a_round(Fate::Answered);
        }
        panic!("no rest after {PATIENCE} rounds");
    }

    /// What must hold when nothing is under way.
    pub(crate) fn check_at_rest(&self) {
        assert!(!(0..2).any(|tab| self.locks.is_holder(tab)), "locks are still held: {:?}", self.locks);
        for tab in &self.tabs {
            let running: Vec<_> = tab.timers.iter().filter(|(timer, _)| !MAY_RUN.contains(timer)).collect();
            assert!(running.is_empty(), "timers still run: {running:?}");
            assert!(tab.pending.is_empty(), "calls are pending: {:?}", tab.pending.values());
        }
        if self.warned {
            // A write failed: a tab may know more than the storage, and has said so.
            return;
        }
        let stored = self.stored().user.map(|user| user.id);
        for tab in 0..2 {
            assert_eq!(self.user_of(tab), stored, "tab {tab} shows another user than the storage holds");
        }
        if !self.reset_since {
            assert!(
                self.told_user.is_none() || self.told_user == stored,
                "the user {:?} is lost",
                self.told_user
            );
        }
        self.check_leftovers();
        self.check_what_waits();
        for tab in &self.tabs {
            assert!(tab.trip_timeouts <= self.ledger.trips.len(), "a trip timed out twice");
        }
        assert!(self.ledger.ended_twice.is_empty(), "ended twice: {:?}", self.ledger.ended_twice);
    }

    /// What the device has no use for is ended on the platform, and forgotten here.
    fn check_leftovers(&self) {
        for install_id in self.ledger.made() {
            assert!(
                !self.platform.is_active(install_id) || self.stored_install() == Some(install_id),
                "nobody said goodbye for {install_id}"
            );
        }
        let pending = self.stored().pending;
        assert!(
            !pending.as_ref().is_some_and(|pending| self.ledger.needs_linker(&pending.install_id)),
            "a creation with a linker has failed and left {pending:?}"
        );
    }

    /// What waits to be sent, and may be sent, will be.
    fn check_what_waits(&self) {
        let record = self.stored();
        let types = record.preferences.as_ref().map_or(DataType::All as u32, |chosen| chosen.data_types);
        let may_use_mobile = record.preferences.as_ref().is_none_or(|chosen| chosen.mobile_data);
        let is_active = record.user.as_ref().is_some_and(|user| user.state == UserState::Active);
        let Some(install_id) = self.stored_install().filter(|_| is_active && types != 0) else { return };
        let acknowledged = self.shelf.metadata.acknowledged;
        let waits = self.shelf.metadata_of(install_id).iter().any(|entry| entry.revision > acknowledged)
            || self.shelf.entries.iter().any(|entry| entry.owner == install_id);
        if waits && (may_use_mobile || !self.surroundings.is_mobile_network) {
            let is_upload = |(timer, _): &(Timer, f64)| matches!(timer, Timer::Upload | Timer::UploadRetry);
            assert!(self.tabs.iter().any(|tab| tab.timers.iter().any(is_upload)), "what waits is never sent");
        }
    }

    /// The app submits what is queued, while nothing stands in the way: then the platform has all of it.
    pub(crate) fn submit_everything(&mut self) {
        self.allow_everything();
        self.settle_down();
        if !self.warned {
            self.check_what_waits();
        }
        self.pass_time(LONG_MS);
        self.choose(0, Choice::AllData);
        self.choose(0, Choice::MobileData(true));
        self.settle_down();
        let is_active = self.stored().user.is_some_and(|user| user.state == UserState::Active);
        let Some(install_id) = self.stored_install().map(str::to_owned) else { return };
        if !is_active || !self.platform.is_active(&install_id) || self.warned {
            return;
        }
        let of_user = |device: &Device| {
            let entries = device.shelf.entries.iter().filter(|entry| entry.owner == install_id);
            entries.map(|entry| entry.detection.clone()).collect::<Vec<_>>()
        };
        let queued = of_user(self);
        self.submit(0);
        self.settle_down();
        if self.last_error() == Some("NETWORK_ERROR") {
            // It joined an upload that has waited longer than its token lives. The next one begins anew.
            self.submit(0);
            self.settle_down();
        }
        assert_eq!(self.last, Some(Ok(Output::Done)), "what is queued can't be submitted");
        let left = of_user(self);
        for detection in queued.into_iter().filter(|detection| !self.ledger.dropped.contains(&detection.id)) {
            assert!(self.platform.uploads.has(&detection), "missing on the platform: {detection:?}");
            assert!(!left.contains(&detection), "kept in the queue: {detection:?}");
        }
        if !self.ledger.removed_nobodys {
            self.check_metadata(&install_id);
        }
        self.wait_for_uploads();
        self.get_status(0);
        self.settle_down();
        if let Some(Ok(Output::Status(status))) = &self.last
            && self.shelf.entries.is_empty()
        {
            assert_eq!(status.disk_quota_status, "OK", "an empty queue counts as full");
        }
    }

    /// All uploads that are to come have come.
    fn wait_for_uploads(&mut self) {
        for _ in 0..PATIENCE {
            let upload = |tab: &Tab| {
                let mut timers = tab.timers.iter().map(|(timer, _)| *timer);
                timers.find(|timer| matches!(timer, Timer::Upload | Timer::UploadRetry))
            };
            let waiting = (0..2).find_map(|tab| Some((tab, upload(&self.tabs[tab])?)));
            let Some((tab, timer)) = waiting else { return };
            self.fire(tab, timer);
            self.settle_down();
        }
        panic!("uploads without an end");
    }

    /// What the device says of its user's metadata, the platform says, too.
    fn check_metadata(&self, install_id: &str) {
        let (person, uploads) = (self.platform.person(install_id), &self.platform.uploads);
        let entries = self.shelf.metadata_of(install_id);
        for entry in entries {
            assert_eq!(uploads.metadata_of(person, &entry.key), entry.value.as_deref(), "{}", entry.key);
        }
        for (key, value) in uploads.metadata_by(install_id) {
            let known = entries.iter().find(|entry| entry.key == key);
            assert_eq!(
                known.and_then(|entry| entry.value.as_deref()),
                Some(value),
                "{key} should have been removed"
            );
        }
    }

    /// A reset in which nothing fails leaves nothing.
    pub(crate) fn reset_everything(&mut self) {
        self.reset(1);
        self.settle_down();
        assert!(matches!(self.last, Some(Ok(Output::Reset(_)))), "the reset failed: {:?}", self.last);
        let record = self.stored();
        assert_eq!(record, Record { epoch: record.epoch, ..Record::empty() }, "the record is not empty");
        assert_eq!((self.user_of(0), self.user_of(1)), (None, None));
        assert!(!self.tabs.iter().any(|tab| tab.senses), "a tab still reads the sensors");
        if self.warned {
            // What a user left who was in memory alone is of an epoch that was never stored.
            return;
        }
        assert_eq!(self.shelf.metadata, Metadata::default(), "metadata is left");
        assert_eq!(self.shelf.usage, Usage::default(), "the count of bytes is left");
        assert!(self.shelf.entries.is_empty(), "detections are left");
    }

    fn stored(&self) -> Record {
        self.storage.as_deref().cloned().unwrap_or_else(Record::empty)
    }
}
