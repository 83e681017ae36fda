//! The platform's events: the streams that the tabs have open, what comes through them, and what must hold of them.

use crate::device::{Device, Fate};
use sentiance_core::core::{Body, Event, Reply, Response, Ticket, Timer, Topic, TransportError, UserState};
use sentiance_protocol::{EpochMs, ErrorCode, InstallState};

/// More attempts than any tab needs to open a stream to a platform that answers.
const PATIENCE: usize = 100;

/// A stream that a tab has open.
pub(crate) struct Stream {
    pub(crate) ticket: Ticket,
    install_id: String,
    /// What came through it last.
    told: Option<Result<InstallState, ErrorCode>>,
}

impl Device {
    /// The platform takes in a request for its events.
    pub(crate) fn open_stream(&mut self, tab: usize, ticket: Ticket, install_id: &str) {
        let stream = Stream { ticket, install_id: install_id.to_owned(), told: None };
        self.tabs[tab].streams.push(stream);
        self.push(tab);
    }

    /// What is new arrives at a tab's streams.
    pub(crate) fn push(&mut self, tab: usize) {
        let now = EpochMs(self.now);
        let Some(at) = self.position_of_news(tab) else { return };
        let stream = &mut self.tabs[tab].streams[at];
        let (ticket, word) = (stream.ticket, self.platform.state(&stream.install_id));
        stream.told = Some(word);
        let reply = self.platform.word(word, now);
        self.feed(tab, Event::Streamed(ticket, Box::new(reply)));
        if word.is_err() {
            self.end_stream(
                tab,
                Ok(Response { status: 200, reply: Reply::Empty, retry_after_ms: None, bytes: 0.0 }),
            );
        }
    }

    /// A tab's oldest stream breaks.
    pub(crate) fn cut(&mut self, tab: usize) {
        self.end_stream(tab, Err(TransportError::Unreachable));
    }

    fn end_stream(&mut self, tab: usize, outcome: Result<Response, TransportError>) {
        if !self.tabs[tab].streams.is_empty() {
            let stream = self.tabs[tab].streams.remove(0);
            self.feed(tab, Event::Responded(stream.ticket, outcome.map(Box::new)));
        }
    }

    fn position_of_news(&self, tab: usize) -> Option<usize> {
        let is_news = |stream: &Stream| stream.told != Some(self.platform.state(&stream.install_id));
        self.tabs[tab].streams.iter().position(is_news)
    }

    /// Whether something is new that a tab has not heard yet.
    pub(crate) fn has_news(&self, tab: usize) -> bool {
        self.position_of_news(tab).is_some()
    }

    /// Where tabs can agree, at most one of them follows. None does without a user.
    pub(crate) fn check_streams(&self) {
        let is_stream = |request: &Body| matches!(request, Body::Events);
        for tab in &self.tabs {
            let asked = tab.requests.iter().filter(|(_, request)| is_stream(&request.body)).count();
            assert!(asked + tab.streams.len() <= 1, "a tab has two streams");
            let has_user = tab.core.record().user.is_some();
            assert!(has_user || asked + tab.streams.len() == 0, "a stream without a user");
        }
        let followers = self.tabs.iter().filter(|tab| !tab.streams.is_empty()).count();
        assert!(followers <= 1 || !self.circumstances.with_locks, "two tabs follow");
    }

    /// Once every attempt succeeds, the device is followed, and knows what the platform says of it.
    pub(crate) fn check_followed(&mut self) {
        for tab in 0..2 {
            self.feed(tab, Event::Visible(true));
        }
        self.settle_down();
        for _ in 0..PATIENCE {
            let is_paused =
                |tab: &usize| self.tabs[*tab].timers.iter().any(|(timer, _)| *timer == Timer::Follow);
            let Some(tab) = (0..2).find(is_paused) else { break };
            self.fire(tab, Timer::Follow);
            self.settle_down();
        }
        let user = self.storage.as_ref().and_then(|record| record.user.clone());
        let Some(user) = user.filter(|_| !self.warned) else { return };
        let followers = self.tabs.iter().filter(|tab| !tab.streams.is_empty()).count();
        if user.state.is_final() {
            assert_eq!(followers, 0, "nothing can change any more, and yet a tab follows");
            return;
        }
        let expected = if self.circumstances.with_locks { 1 } else { 2 };
        assert_eq!(followers, expected, "the device is not followed");
        let word = self.platform.state(&user.install_id);
        assert_eq!(
            word.map(UserState::from),
            Ok(user.state),
            "the device does not know what the platform says"
        );
    }
}

/// A device with a user, whose first tab follows.
fn followed_device() -> Device {
    let mut device = Device::new(true);
    device.create(0, 0);
    device.settle_down();
    assert!(!device.tabs[0].streams.is_empty(), "the first tab follows");
    device
}

/// The first tab gets its locks, and its storage works off all its jobs.
fn work_off(device: &mut Device) {
    while !(device.tabs[0].jobs.is_empty() && device.tabs[0].lock_requests.is_empty()) {
        device.answer_lock(0, 0);
        device.work_storage(0, false);
    }
}

/// What is known of the user in either tab.
fn states(device: &Device) -> [Option<UserState>; 2] {
    [0, 1].map(|tab| device.tabs[tab].core.record().user.as_ref().map(|user| user.state))
}

#[test]
fn a_takeover_reaches_both_tabs_through_one_stream() {
    let mut device = followed_device();
    device.user_exists(1);
    device.settle_down();
    device.pass_time(1_000.0);
    device.restore_elsewhere();
    device.push(0);
    device.work_storage(0, false);
    device.hear(1);
    device.work_storage(1, false);
    assert_eq!(states(&device), [Some(UserState::Inactive); 2]);
    assert!(!device.tabs[0].streams.is_empty(), "a device that may come back is followed on");
}

#[test]
fn the_next_tab_follows_once_the_first_is_gone() {
    let mut device = followed_device();
    device.user_exists(1);
    device.settle_down();
    assert!(device.tabs[1].streams.is_empty());
    device.restart(0);
    device.settle_down();
    assert!(!device.tabs[1].streams.is_empty());
    device.check_at_rest();
}

#[test]
fn a_tab_that_sleeps_leaves_the_stream_to_the_other_and_gets_in_line_when_it_wakes() {
    let mut device = followed_device();
    device.user_exists(1);
    device.settle_down();
    device.feed(0, Event::Suspended);
    device.settle_down();
    assert!(device.tabs[0].streams.is_empty() && !device.tabs[1].streams.is_empty());
    device.resume(0);
    device.restart(1);
    device.settle_down();
    assert!(!device.tabs[0].streams.is_empty());
}

#[test]
fn what_the_platform_said_before_and_arrives_later_is_no_news() {
    let mut device = followed_device();
    // The platform answers a check, and a refresh, while all is well.
    device.pass_time(crate::platform::TOKEN_LIFE_MS + 1.0);
    device.resume(0);
    device.request_token(0);
    work_off(&mut device);
    let late = [device.answer_later(0), device.answer_later(0)];
    device.pass_time(1_000.0);
    device.restore_elsewhere();
    device.push(0);
    work_off(&mut device);
    for answer in late {
        device.deliver(0, answer);
        work_off(&mut device);
    }
    assert_eq!(states(&device)[0], Some(UserState::Inactive));
}

#[test]
fn a_refusal_does_not_hide_why_a_user_can_not_act() {
    let mut device = followed_device();
    device.pass_time(crate::platform::TOKEN_LIFE_MS + 1.0);
    device.restore_elsewhere();
    device.request_token(0);
    device.answer_lock(0, 0);
    device.work_storage(0, false);
    let refusal = device.answer_later(0);
    device.push(0);
    device.work_storage(0, false);
    device.deliver(0, refusal);
    device.work_storage(0, false);
    assert_eq!(states(&device)[0], Some(UserState::Inactive));
}

#[test]
fn the_end_of_a_session_is_believed_whichever_session_opened_the_stream() {
    let mut device = followed_device();
    device.pass_time(crate::platform::TOKEN_LIFE_MS + 1.0);
    device.request_token(0);
    device.settle_down();
    let install_id = device.stored_install().unwrap().to_owned();
    device.platform.end(&install_id);
    device.push(0);
    device.settle_down();
    assert_eq!(states(&device)[0], Some(UserState::SessionEnded));
    device.check_followed();
}

#[test]
fn without_a_user_nothing_is_asked() {
    let mut device = Device::new(true);
    device.user_exists(0);
    device.listen_to(0, Topic::Status, true);
    device.resume(0);
    device.settle_down();
    assert_eq!(device.tabs[0].timers, []);
    assert_eq!(device.platform.asked, 0);
}

#[test]
fn a_platform_without_streams_is_asked_at_intervals() {
    let mut device = Device::new(true);
    device.platform.has_streams = false;
    device.create(0, 0);
    device.settle_down();
    device.pass_time(1_000.0);
    device.restore_elsewhere();
    device.fire(0, Timer::Poll);
    device.settle_down();
    assert_eq!(states(&device)[0], Some(UserState::Inactive));
    // It is not tried again and again.
    let pause = device.tabs[0].timers.iter().find(|(timer, _)| *timer == Timer::Follow).unwrap().1;
    assert!(pause - device.tabs[0].local(device.now) > 60_000.0);
}

#[test]
fn a_stream_that_breaks_is_opened_again_after_ever_longer_pauses_or_when_the_platform_likes() {
    let mut device = followed_device();
    device.pass_time(60_000.0);
    device.cut(0);
    let pause = |device: &Device| {
        let timer = device.tabs[0].timers.iter().find(|(timer, _)| *timer == Timer::Follow);
        timer.unwrap().1 - device.tabs[0].local(device.now)
    };
    assert!(pause(&device) <= 2_000.0, "one that has lived is no failure");
    assert!(device.tabs[0].timers.iter().any(|(timer, _)| *timer == Timer::Poll), "meanwhile it is asked");
    let mut longest: f64 = 0.0;
    for _ in 0..20 {
        device.fire(0, Timer::Follow);
        device.meet(0, 0, Fate::LostBefore);
        longest = longest.max(pause(&device));
    }
    assert!((10_000.0..=60_000.0).contains(&longest), "{longest}");
    device.fire(0, Timer::Follow);
    device.meet(0, 0, Fate::Overloaded);
    assert!(pause(&device) >= 1_000.0);
    // Not even the page's return cuts that short.
    device.resume(0);
    assert!(pause(&device) >= 1_000.0);
    device.fire(0, Timer::Follow);
    device.settle_down();
    assert!(!device.tabs[0].streams.is_empty());
    assert!(!device.tabs[0].timers.iter().any(|(timer, _)| *timer == Timer::Poll), "a stream is enough");
}
