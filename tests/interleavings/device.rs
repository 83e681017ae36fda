//! One device: two tabs on one storage, and what must hold of them.

use crate::platform::{Platform, error_body, person_of};
use crate::tab::{Job, Said, Tab};
use sentiance_core::core::{
    Call, CommitOutcome, CreateUserOptions, Event, Identity, LoadOutcome, LockName, LockOutcome, Output,
    Record, Reply, Response, SdkError, Stamp, Ticket, Timer, TransportError,
};
use sentiance_protocol::{
    AppInfo, DeviceClass, DeviceClassSource, DeviceInfo, EpochMs, ErrorCode, SdkInfo, Secret,
};
use std::collections::HashMap;

/// More steps than anything needs to come to rest; a call that is pending then is pending for ever.
const PATIENCE: usize = 5_000;

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

pub(crate) struct Device {
    now: f64,
    tabs: [Tab; 2],
    clocks: [f64; 2],
    /// Whether the browser has locks. Without them, every tab gets every lock.
    with_locks: bool,
    locks: HashMap<LockName, usize>,
    storage: Option<Box<Record>>,
    platform: Platform,
    /// The user that the app was last told of, until a reset succeeds.
    told_user: Option<String>,
    /// Whether a reset was called since then: it may have removed the user even if it failed.
    reset_since: bool,
    /// Whether the storage refused a write.
    storage_failed: bool,
    /// The installs whose creation a reset overtook.
    overtaken: Vec<String>,
    /// Whether the app was warned that the storage does not hold the newest state.
    warned: bool,
    last: Option<Result<Output, SdkError>>,
    births: u64,
}

impl Device {
    pub(crate) fn new(clocks: [f64; 2], with_locks: bool) -> Self {
        Device {
            now: 1_800_000_000_000.0,
            tabs: [Tab::new(clocks[0], 1), Tab::new(clocks[1], 2)],
            clocks,
            with_locks,
            locks: HashMap::new(),
            storage: None,
            platform: Platform::default(),
            told_user: None,
            reset_since: false,
            storage_failed: false,
            overtaken: Vec::new(),
            warned: false,
            last: None,
            births: 2,
        }
    }

    pub(crate) fn create(&mut self, tab: usize, code: usize) {
        let code = Secret::new(format!("code-{code}"));
        let options = CreateUserOptions { auth_code: Some(code), ..CreateUserOptions::default() };
        self.call(tab, "createUser", Call::CreateUser(Box::new(options), Box::new(identity())));
    }

    pub(crate) fn request_token(&mut self, tab: usize) {
        self.call(tab, "requestUserAccessToken", Call::RequestUserAccessToken);
    }

    pub(crate) fn reset(&mut self, tab: usize) {
        self.reset_since = true;
        self.call(tab, "reset", Call::Reset);
    }

    pub(crate) fn user_exists(&mut self, tab: usize) {
        self.call(tab, "userExists", Call::UserExists);
    }

    fn call(&mut self, tab: usize, name: &'static str, call: Call) {
        self.tabs[tab].call(self.now, name, call);
        self.listen(tab);
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
                Event::Committed(ticket, self.compare_and_set(&expected, record))
            }
        };
        self.feed(tab, event);
    }

    fn compare_and_set(&mut self, expected: &Stamp, record: Box<Record>) -> CommitOutcome {
        if Stamp::of(self.storage.as_deref()) != *expected {
            return CommitOutcome::Conflict(self.storage.clone());
        }
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
        let now = EpochMs(self.now);
        let outcome = match fate {
            Fate::Answered => Ok(self.platform.answer(&request, now)),
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
        let waiting = self.tabs[tab].lock_requests.len();
        if waiting == 0 {
            return;
        }
        let (ticket, name) = self.tabs[tab].lock_requests.remove(which % waiting);
        let is_free = |name| !self.with_locks || !self.locks.contains_key(&name);
        let outcome = if name == LockName::Creation && !is_free(LockName::Reset) {
            LockOutcome::Resetting
        } else if is_free(name) {
            LockOutcome::Acquired
        } else {
            LockOutcome::Busy
        };
        if outcome == LockOutcome::Acquired {
            self.locks.insert(name, tab);
            self.tabs[tab].grant(ticket, name);
        }
        self.feed(tab, Event::Locked(ticket, outcome));
    }

    pub(crate) fn hear(&mut self, tab: usize) {
        self.feed(tab, Event::RecordChanged);
    }

    pub(crate) fn resume(&mut self, tab: usize) {
        self.feed(tab, Event::Resumed);
    }

    pub(crate) fn pass_time(&mut self, ms: f64) {
        self.now += ms;
    }

    /// Time passes until the tab's next timer, if one runs.
    pub(crate) fn fire_next_timer(&mut self, tab: usize) {
        let Some((timer, due)) = self.tabs[tab].next_timer() else { return };
        let wait = due - self.tabs[tab].local(self.now);
        self.pass_time(wait.max(0.0));
        self.tabs[tab].timers.retain(|(other, _)| *other != timer);
        self.feed(tab, Event::TimerFired(timer));
    }

    /// The tab dies with all that it waited for; the browser gives its locks back; the app opens it again.
    pub(crate) fn restart(&mut self, tab: usize) {
        self.births += 1;
        self.tabs[tab] = Tab::new(self.clocks[tab], self.births);
        self.locks.retain(|_, owner| *owner != tab);
    }

    pub(crate) fn restore_elsewhere(&mut self) {
        self.platform.deactivate(person_of("code-0"));
    }

    fn feed(&mut self, tab: usize, event: Event) {
        self.tabs[tab].feed(self.now, event);
        self.listen(tab);
    }

    fn listen(&mut self, tab: usize) {
        for said in std::mem::take(&mut self.tabs[tab].said) {
            match said {
                Said::Announced => {}
                Said::Unlocked(name) => {
                    self.locks.remove(&name);
                }
                Said::Warned => {
                    assert!(self.storage_failed, "a warning without a cause");
                    self.warned = true;
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
                self.reset_since =
                    self.tabs.iter().any(|tab| tab.pending.values().any(|name| *name == "reset"));
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

    pub(crate) fn check_always(&self) {
        assert!(
            self.platform.overbooked().is_empty(),
            "two active installs: {:?}",
            self.platform.overbooked()
        );
    }

    /// Everything that is under way comes to its end.
    pub(crate) fn settle_down(&mut self) {
        self.settle_down_with(Fate::Answered);
    }

    /// Everything that is under way comes to its end, while all requests meet `fate`.
    pub(crate) fn settle_down_with(&mut self, fate: Fate) {
        for _ in 0..PATIENCE {
            for tab in 0..2 {
                self.answer_lock(tab, 0);
                self.work_storage(tab, false);
                self.meet(tab, 0, fate);
            }
            if self.is_busy() {
                continue;
            }
            let waiting = (0..2).find(|tab| !self.tabs[*tab].pending.is_empty());
            match waiting {
                Some(tab) => {
                    assert!(
                        self.tabs[tab].next_timer().is_some(),
                        "pending for ever: {:?}",
                        self.tabs[tab].pending.values()
                    );
                    self.fire_next_timer(tab);
                }
                None => return self.compare_notes(),
            }
        }
        panic!("no rest after {PATIENCE} rounds");
    }

    fn is_busy(&self) -> bool {
        self.tabs
            .iter()
            .any(|tab| !tab.jobs.is_empty() || !tab.requests.is_empty() || !tab.lock_requests.is_empty())
    }

    /// Both tabs read the storage once more, as an announcement that was on its way makes them do.
    fn compare_notes(&mut self) {
        for tab in 0..2 {
            self.call(tab, "ensureInitialized", Call::EnsureInitialized);
            self.hear(tab);
        }
        while self.is_busy() {
            for tab in 0..2 {
                self.work_storage(tab, false);
                self.hear(tab);
                self.work_storage(tab, false);
                self.answer_lock(tab, 0);
                self.meet(tab, 0, Fate::Answered);
            }
        }
    }

    /// What must hold when nothing is under way.
    pub(crate) fn check_at_rest(&self) {
        assert!(self.locks.is_empty(), "locks are still held: {:?}", self.locks);
        for tab in &self.tabs {
            let running: Vec<_> = tab.timers.iter().filter(|(timer, _)| *timer != Timer::Poll).collect();
            assert!(running.is_empty(), "timers still run: {running:?}");
            assert!(tab.pending.is_empty(), "calls are pending: {:?}", tab.pending.values());
        }
        if self.warned {
            // A write failed: a tab may know more than the storage, and has said so.
            return;
        }
        let stored =
            self.storage.as_ref().and_then(|record| record.user.as_ref()).map(|user| user.id.clone());
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
    }
}

fn identity() -> Identity {
    Identity {
        app: AppInfo { name: None, version: None, origin: None },
        device: DeviceInfo {
            class: DeviceClass::Phone,
            class_source: DeviceClassSource::Runtime,
            os: None,
            os_version: None,
            model: None,
            language: None,
            time_zone: None,
        },
        sdk: SdkInfo { version: "0".to_owned(), runtime: "test".to_owned() },
    }
}
