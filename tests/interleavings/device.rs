//! One device: two tabs on one storage, and what happens to them.

use crate::ledger::Ledger;
use crate::locks::Locks;
use crate::page::ALL_ALLOWED;
use crate::platform::{Platform, error_body, parse};
use crate::shelf::Shelf;
use crate::tab::{Job, Said, Tab};
use sentiance_core::core::{
    Body, CommitOutcome, Event, LoadOutcome, Output, Record, Reply, Response, SdkError, Stamp, Surroundings,
    Ticket, Timer, TransportError,
};
use sentiance_protocol::{EpochMs, ErrorCode};

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fate {
    Answered,
    /// It never reaches the platform.
    LostBefore,
    /// The platform acts, and its answer is lost.
    LostAfter,
    /// The platform answers 503.
    Overloaded,
    /// Something else answers 200 with a page.
    CaptivePortal,
}

/// What the test chooses before anything happens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Circumstances {
    /// The tabs' clocks minus the real one, in milliseconds.
    pub(crate) clocks: [f64; 2],
    /// Whether the browser has locks. Without them, every tab gets every lock.
    pub(crate) with_locks: bool,
    /// How much the queue may hold, in bytes, where it is little.
    pub(crate) disk_quota: Option<u32>,
}

pub(crate) struct Device {
    pub(crate) now: f64,
    pub(crate) tabs: [Tab; 2],
    pub(crate) circumstances: Circumstances,
    pub(crate) locks: Locks,
    pub(crate) surroundings: Surroundings,
    pub(crate) storage: Option<Box<Record>>,
    pub(crate) shelf: Shelf,
    pub(crate) platform: Platform,
    pub(crate) ledger: Ledger,
    /// The user that the app was last told of, until a reset succeeds.
    pub(crate) told_user: Option<String>,
    /// Whether a reset was called since then: it may have removed the user even if it failed.
    pub(crate) reset_since: bool,
    /// Whether the storage refused a write.
    storage_failed: bool,
    /// The installs whose creation a reset overtook.
    overtaken: Vec<String>,
    /// Whether the app was warned that the storage does not hold the newest state.
    pub(crate) warned: bool,
    pub(crate) last: Option<Result<Output, SdkError>>,
    births: u64,
    /// How many entries of metadata the app has written.
    pub(crate) entries: u32,
}

impl Device {
    /// A device whose clocks are right.
    pub(crate) fn new(with_locks: bool) -> Self {
        Device::under(Circumstances { clocks: [0.0, 0.0], with_locks, disk_quota: None })
    }

    pub(crate) fn under(circumstances: Circumstances) -> Self {
        let clocks = circumstances.clocks;
        let mut device = Device {
            now: 1_800_000_000_000.0,
            tabs: [Tab::new(clocks[0], 1), Tab::new(clocks[1], 2)],
            circumstances,
            locks: Locks::new(circumstances.with_locks),
            surroundings: ALL_ALLOWED,
            storage: None,
            shelf: Shelf::default(),
            platform: Platform::default(),
            ledger: Ledger::default(),
            told_user: None,
            reset_since: false,
            storage_failed: false,
            overtaken: Vec::new(),
            warned: false,
            last: None,
            births: 2,
            entries: 0,
        };
        device.platform.config.status_poll_seconds = 60;
        device.platform.has_streams = true;
        device.platform.config.disk_quota_bytes = circumstances.disk_quota;
        device.surround(|_| {});
        device
    }

    pub(crate) fn work_storage(&mut self, tab: usize, fails: bool) {
        if self.tabs[tab].jobs.is_empty() {
            return;
        }
        let event = match self.tabs[tab].jobs.remove(0) {
            Job::Load(ticket) if fails => Event::Loaded(ticket, LoadOutcome::Failed("locked".to_owned())),
            Job::Load(ticket) => Event::Loaded(ticket, LoadOutcome::Found(self.storage.clone())),
            Job::Commit(ticket, ..) | Job::Remove(ticket, ..) if fails => {
                self.storage_failed = true;
                Event::Committed(ticket, CommitOutcome::Failed("full".to_owned()))
            }
            Job::Commit(ticket, expected, record) | Job::Remove(ticket, expected, record) => {
                Event::Committed(ticket, self.compare_and_set(tab, &expected, record))
            }
        };
        self.feed(tab, event);
    }

    fn compare_and_set(&mut self, tab: usize, expected: &Stamp, record: Box<Record>) -> CommitOutcome {
        if Stamp::of(self.storage.as_deref()) != *expected {
            return CommitOutcome::Conflict(self.storage.clone());
        }
        self.ledger.see_commit(tab, self.storage.as_deref(), &record);
        let before = self.storage.replace(record);
        let (before, after) = (before.as_deref(), self.storage.as_deref());
        let user = after.and_then(|record| record.user.as_ref());
        if let (Some(old), Some(new)) = (before.and_then(|record| record.user.as_ref()), user)
            && old.install_id == new.install_id
        {
            assert!(new.token.generation >= old.token.generation, "an older session replaced a newer one");
        }
        if let Some(user) = user {
            // Only in the place of the same person, whom the app has created again since: the platform keeps the
            // install that came last active, so that one must stay.
            let old = before.and_then(|record| record.user.as_ref());
            assert!(
                !self.overtaken.contains(&user.install_id) || old.is_some_and(|old| old.id == user.id),
                "a creation outlived the reset that overtook it"
            );
        } else if after.is_none_or(|record| record.pending.is_none()) {
            self.overtaken
                .extend(before.and_then(|record| record.pending.clone()).map(|gone| gone.install_id));
        }
        CommitOutcome::Written
    }

    pub(crate) fn meet(&mut self, tab: usize, which: usize, fate: Fate) {
        let waiting = self.tabs[tab].requests.len();
        if waiting == 0 {
            return;
        }
        let (ticket, request) = self.tabs[tab].requests.remove(which % waiting);
        self.ledger.see_request(tab, &request, fate == Fate::Answered);
        let now = EpochMs(self.now);
        let outcome = match fate {
            Fate::Answered => {
                let answer = self.platform.answer(&request, now);
                if let (Body::Events, 200, Some(bearer)) = (&request.body, answer.status, &request.bearer) {
                    return self.open_stream(tab, ticket, parse(bearer).0);
                }
                Ok(answer)
            }
            Fate::LostBefore => Err(TransportError::Unreachable),
            Fate::LostAfter => {
                self.platform.answer(&request, now);
                Err(TransportError::TimedOut)
            }
            Fate::Overloaded => {
                let reply = Reply::Error(error_body(ErrorCode::Unavailable));
                Ok(Response { status: 503, reply, retry_after_ms: Some(1_000.0), bytes: 0.0 })
            }
            Fate::CaptivePortal => {
                Ok(Response { status: 200, reply: Reply::Unreadable, retry_after_ms: None, bytes: 0.0 })
            }
        };
        self.feed(tab, Event::Responded(ticket, outcome.map(Box::new)));
    }

    /// The platform answers the tab's only request; the answer is still on its way.
    pub(crate) fn answer_later(&mut self, tab: usize) -> (Ticket, Response) {
        let (ticket, request) = self.tabs[tab].requests.pop().expect("the tab has sent a request");
        (ticket, self.platform.answer(&request, EpochMs(self.now)))
    }

    pub(crate) fn deliver(&mut self, tab: usize, (ticket, response): (Ticket, Response)) {
        self.feed(tab, Event::Responded(ticket, Ok(Box::new(response))));
    }

    pub(crate) fn answer_lock(&mut self, tab: usize, which: usize) {
        if let Some(event) = self.locks.answer(tab, &mut self.tabs[tab], which) {
            self.feed(tab, event);
        }
    }

    pub(crate) fn hear(&mut self, tab: usize) {
        self.feed(tab, Event::RecordChanged);
    }

    /// Gives a tab the first role that it wants and no other has.
    pub(crate) fn grant_lead(&mut self, tab: usize) {
        if let Some(event) = self.locks.grant_role(tab, &mut self.tabs[tab]) {
            self.feed(tab, event);
        }
    }

    pub(crate) fn may_get_lead(&self, tab: usize) -> bool {
        self.locks.has_role_for(&self.tabs[tab])
    }

    /// Changes the surroundings, which both tabs see.
    pub(crate) fn surround(&mut self, change: impl FnOnce(&mut Surroundings)) {
        change(&mut self.surroundings);
        for tab in 0..2 {
            self.look_around(tab);
        }
    }

    pub(crate) fn allow_everything(&mut self) {
        self.surround(|surroundings| *surroundings = ALL_ALLOWED);
    }

    pub(crate) fn look_around(&mut self, tab: usize) {
        self.feed(tab, Event::Surroundings(Box::new(self.surroundings.clone())));
    }

    pub(crate) fn resume(&mut self, tab: usize) {
        self.feed(tab, Event::Resumed);
    }

    pub(crate) fn pass_time(&mut self, ms: f64) {
        // Times are whole numbers on the wire.
        self.now += ms.ceil();
    }

    /// Time passes until the tab's next timer, if one runs.
    pub(crate) fn fire_next_timer(&mut self, tab: usize) {
        if let Some((timer, _)) = self.tabs[tab].next_timer() {
            self.fire(tab, timer);
        }
    }

    /// Time passes until that timer of the tab, if it runs.
    pub(crate) fn fire(&mut self, tab: usize, timer: Timer) {
        let running = self.tabs[tab].timers.iter().find(|(other, _)| *other == timer);
        let Some((timer, due)) = running.copied() else { return };
        self.pass_time((due - self.now).max(0.0));
        self.tabs[tab].timers.retain(|(other, _)| *other != timer);
        self.feed(tab, Event::TimerFired(timer));
    }

    /// The tab dies with all that it waited for; the browser gives its locks back; the app opens it again.
    pub(crate) fn restart(&mut self, tab: usize) {
        for (_, request) in &self.tabs[tab].requests {
            self.ledger.see_request(tab, request, false);
        }
        self.births += 1;
        self.tabs[tab] = Tab::new(self.circumstances.clocks[tab], self.births);
        self.locks.forget(tab);
        self.ledger.forget_tab(tab);
        self.look_around(tab);
    }

    pub(crate) fn restore_elsewhere(&mut self) {
        self.platform.restore_elsewhere("ada");
    }

    pub(crate) fn feed(&mut self, tab: usize, event: Event) {
        self.tabs[tab].feed(self.now, event);
        self.listen(tab);
    }

    /// The generation of the session that the storage holds.
    pub(crate) fn stored_generation(&self) -> u32 {
        let user = self.storage.as_ref().and_then(|record| record.user.as_ref());
        user.map_or(0, |user| user.token.generation)
    }

    /// The install of the user that the storage holds.
    pub(crate) fn stored_install(&self) -> Option<&str> {
        let user = self.storage.as_ref()?.user.as_ref()?;
        Some(&user.install_id)
    }

    pub(crate) fn listen(&mut self, tab: usize) {
        for said in std::mem::take(&mut self.tabs[tab].said) {
            match said {
                Said::Announced | Said::Told => {}
                Said::Unlocked(name) => self.locks.unlock(name),
                Said::GaveUp(role) => self.locks.give_up_role(tab, role),
                Said::Warned("STORAGE_WRITE_FAILED") => {
                    assert!(self.storage_failed || self.ledger.shelf_failed, "a warning without a cause");
                    self.warned |= self.storage_failed;
                }
                // A timer of the reset ran out, or a chore failed.
                Said::Warned("RESET_INCOMPLETE") => {}
                Said::Warned(code) => {
                    assert_eq!(code, "QUEUE_WRITE_FAILED", "a warning without a cause");
                    assert!(self.ledger.shelf_failed, "a warning without a cause");
                }
                Said::Settled(name, outcome) => self.hear_of(name, outcome),
            }
        }
    }

    fn hear_of(&mut self, name: &'static str, outcome: Result<Output, SdkError>) {
        match &outcome {
            Ok(Output::User(user)) => {
                let other = self.told_user.as_ref().filter(|told| **told != user.user_id);
                assert!(
                    other.is_none() || self.reset_since || self.warned,
                    "{name} made {} while there was {other:?}",
                    user.user_id
                );
                assert!(self.platform.has_issued(&user.token), "a token that nobody issued");
                self.told_user = Some(user.user_id.clone());
                self.reset_since = self.tabs.iter().any(Tab::is_resetting);
            }
            Ok(Output::Token(token)) => {
                assert!(self.platform.has_issued(&token.token), "a token that nobody issued");
            }
            Ok(Output::Reset(_)) => self.told_user = None,
            _ => {}
        }
        if name != "ensureInitialized" {
            self.last = Some(outcome);
        }
    }

    /// The reason why the call that was settled last failed.
    pub(crate) fn last_error(&self) -> Option<&'static str> {
        self.last.as_ref().and_then(|last| last.as_ref().err()).map(|error| error.reason.as_str())
    }

    /// Whom a tab shows.
    pub(crate) fn user_of(&self, tab: usize) -> Option<String> {
        self.tabs[tab].core.record().user.as_ref().map(|user| user.id.clone())
    }
}
