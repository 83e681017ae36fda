//! The dust settles: the network works, the platform is up, everything that is under way comes to its end. What must
//! hold then, and that everything works again.

use crate::{
    invariant::Invariant,
    server::TOKEN_LIFE,
    step::{AppCall, At, LinkerAnswer, PEOPLE},
    tab::{MAY_RUN, Tab},
    wire::HOST,
    world::World,
};
use axum::{body::Body as HttpBody, http};
use sentiance_core::core::{Call, Event, Output, Record, Timer, UserState};
use sentiance_protocol::Secret;

/// More rounds than anything needs to come to rest.
const PATIENCE: usize = 500;
/// Longer than the pause between two questions about the install's state.
const BETWEEN_CHECKS_MS: f64 = 11_000.0;

impl World<'_> {
    /// Everything comes to rest, and is checked; then everything must work.
    pub(crate) fn end(&mut self) {
        let stages: [fn(&mut Self); 6] = [
            Self::settle,
            Self::learn_the_truth,
            Self::check_at_rest,
            Self::refresh_everywhere,
            Self::submit_everywhere,
            Self::begin_anew,
        ];
        for stage in stages {
            if self.violation.is_some() {
                return;
            }
            stage(self);
        }
    }

    /// Everything that is under way comes to its end.
    fn settle(&mut self) {
        self.trace.say(|| "the dust settles".to_owned());
        self.start();
        for _ in 0..PATIENCE {
            self.go_on(true);
            if self.violation.is_some() {
                return;
            }
            if let Some(at) = self.all_tabs().into_iter().find(|at| !self.tab(*at).linkings.is_empty()) {
                self.answer_linker(at, LinkerAnswer::Links { who: 0 });
                continue;
            }
            let Some(at) = self.all_tabs().into_iter().find(|at| self.is_waiting(*at)) else { return };
            let matters = |timer: &Timer| !MAY_RUN.contains(timer);
            let mut due: Vec<_> = self.tab(at).timers.iter().filter(|(timer, _)| matters(timer)).collect();
            if due.is_empty() {
                // An upload that is to be repeated holds its lock.
                due.extend(&self.tab(at).timers);
            }
            let Some(due) = due.iter().map(|(_, due)| *due).min_by(f64::total_cmp) else {
                let pending: Vec<_> = self.tab(at).pending.values().map(|(name, _)| *name).collect();
                if pending.is_empty() {
                    let details = format!("{at}: a lock is held for ever");
                    return self.violated(Invariant::FreshCodesWork, details);
                }
                return self.violated(Invariant::Deadlines, format!("{at}: pending for ever: {pending:?}"));
            };
            self.wait_until(due.max(self.now) + 1_000.0, true);
        }
        self.violated(Invariant::Deadlines, format!("no rest after {PATIENCE} rounds"));
    }

    fn tab(&self, at: At) -> &Tab {
        &self.devices[at.device].tabs[at.tab]
    }

    /// Whether something in a tab comes to its end with time.
    fn is_waiting(&self, at: At) -> bool {
        let tab = self.tab(at);
        !tab.pending.is_empty()
            || self.devices[at.device].holds_a_lock(at.tab)
            || tab.timers.iter().any(|(timer, _)| !MAY_RUN.contains(timer))
    }

    /// Each device asks the platform once more, as it does when one of its pages comes to the front.
    fn learn_the_truth(&mut self) {
        self.wait_until(self.now + BETWEEN_CHECKS_MS, true);
        for at in self.all_tabs() {
            // An initialization may have failed.
            self.call(at, "ensureInitialized", Call::EnsureInitialized);
            // And so may the reading of what another tab has announced.
            self.feed(at, Event::RecordChanged);
        }
        self.settle();
        for device in 0..self.devices.len() {
            self.feed(At { device, tab: 0 }, Event::Resumed);
        }
        self.settle();
    }

    fn check_at_rest(&mut self) {
        for at in self.all_tabs() {
            let tab = self.tab(at);
            if !tab.pending.is_empty() {
                let pending: Vec<_> = tab.pending.values().map(|(name, _)| *name).collect();
                return self.violated(Invariant::Deadlines, format!("{at}: still pending: {pending:?}"));
            }
        }
        for device in 0..self.devices.len() {
            self.check_device(device);
        }
        self.check_detections();
        self.check_tables();
    }

    fn check_device(&mut self, at: usize) {
        let device = &self.devices[at];
        if device.warned {
            // A write failed: a tab may know more than the storage, and has said so.
            return;
        }
        let stored = device.stored_user().map(|user| user.id.clone());
        for (tab, shown) in device.tabs.iter().enumerate() {
            let shown = shown.core.record().user.as_ref().map(|user| user.id.clone());
            if shown != stored {
                let details =
                    format!("{}, tab {}: shows {shown:?}, stored is {stored:?}", device.name, tab + 1);
                return self.violated(Invariant::ShownIsStored, details);
            }
        }
        let is_told = device.app.user.is_none() || device.app.user == stored;
        if !is_told && !device.app.reset_since && !device.lost_writes {
            let details = format!("{}: {:?} is lost, there is {stored:?}", device.name, device.app.user);
            return self.violated(Invariant::UsersStay, details);
        }
        let Some(user) = device.stored_user() else { return };
        let (known, truth) = (user.state, self.oracle.truth(&user.install_id));
        if truth != Some(known) && !self.oracle.is_suspect(&user.install_id) {
            let details = format!("{}: believes {known:?}, is {truth:?}", device.name);
            self.violated(Invariant::TruthArrives, details);
        }
    }

    /// The devices whose install is active, and which have lost nothing.
    fn active_devices(&self) -> Vec<usize> {
        let is_active = |at: &usize| {
            let device = &self.devices[*at];
            device.stored_user().is_some_and(|user| {
                user.state == UserState::Active && !device.warned && !self.oracle.is_suspect(&user.install_id)
            })
        };
        (0..self.devices.len()).filter(is_active).collect()
    }

    /// The tokens have expired, and each active install gets another.
    fn refresh_everywhere(&mut self) {
        self.wait_until(self.now + TOKEN_LIFE.as_millis() as f64 + 1_000.0, true);
        for device in self.active_devices() {
            let token = self.token_of(device);
            let user = self.devices[device].stored_user().map(|user| user.id.clone());
            match token {
                Ok(token) if self.profile_of(&token) == user => {}
                Ok(_) => {
                    let details = format!("{}: the token does not work", self.devices[device].name);
                    return self.violated(Invariant::RefreshWorks, details);
                }
                Err(why) => {
                    let details = format!("{}: {why}", self.devices[device].name);
                    return self.violated(Invariant::RefreshWorks, details);
                }
            }
        }
    }

    fn token_of(&mut self, device: usize) -> Result<Secret, String> {
        match self.outcome_of(At { device, tab: 0 }, AppCall::Token) {
            Some(Ok(Output::Token(token))) => Ok(token.token),
            Some(Err(error)) => Err(error.message()),
            other => Err(format!("{other:?}")),
        }
    }

    /// The app calls a function, and waits for it.
    fn outcome_of(
        &mut self,
        at: At,
        call: AppCall,
    ) -> Option<Result<Output, sentiance_core::core::SdkError>> {
        self.last = None;
        self.app_calls(at, call);
        self.settle();
        self.last.take()
    }

    /// The user that the platform knows by a token.
    fn profile_of(&mut self, token: &Secret) -> Option<String> {
        let request = http::Request::get("/v2/users/me")
            .header("host", HOST)
            .header("authorization", format!("Bearer {}", token.expose()))
            .body(HttpBody::empty())
            .expect("a request");
        let answer = self.ask(request);
        let profile: serde_json::Value = serde_json::from_slice(&answer.body).ok()?;
        Some(profile.get("id")?.as_str()?.to_owned()).filter(|_| answer.status == 200)
    }

    /// Each active device sends what it has queued.
    fn submit_everywhere(&mut self) {
        for device in self.active_devices() {
            let outcome = self.outcome_of(At { device, tab: 0 }, AppCall::Submit);
            if self.violation.is_some() {
                return;
            }
            if outcome != Some(Ok(Output::Done)) {
                let details = format!("{}: {outcome:?}", self.devices[device].name);
                return self.violated(Invariant::EffectOnce, details);
            }
            self.check_queue(device);
        }
        self.check_detections();
    }

    /// A device is reset, and gets a user by a fresh code.
    fn begin_anew(&mut self) {
        let device = self.devices.iter().position(|device| device.is_spoiled).unwrap_or(0);
        let at = At { device, tab: self.devices[device].tabs.len() - 1 };
        let outcome = self.outcome_of(at, AppCall::Reset);
        if self.violation.is_some() {
            return;
        }
        let stored = self.devices[device].storage.as_deref().cloned().unwrap_or_else(Record::empty);
        let is_empty = stored == Record { epoch: stored.epoch, ..Record::empty() };
        if !matches!(outcome, Some(Ok(Output::Reset(_)))) || !is_empty {
            return self
                .violated(Invariant::FreshCodesWork, format!("a reset ends with {outcome:?}, {stored:?}"));
        }
        if !self.devices[device].is_clean() {
            let details = format!("{}: something is left", self.devices[device].name);
            return self.violated(Invariant::ResetsAreWhole, details);
        }
        let outcome = self.outcome_of(at, AppCall::Create { who: 0 });
        if self.violation.is_some() {
            return;
        }
        match outcome {
            Some(Ok(Output::User(user)))
                if Some(&user.user_id) == self.oracle.user_of(PEOPLE[0]).as_ref() => {}
            other => return self.violated(Invariant::FreshCodesWork, format!("a fresh code: {other:?}")),
        }
        self.learn_the_truth();
        self.check_at_rest();
        if self.devices[device].is_spoiled && self.violation.is_none() {
            self.record_next_user(at);
        }
    }

    /// Whatever was done to its stores: what the device records for its next user arrives.
    fn record_next_user(&mut self, at: At) {
        if self.devices[at.device].stored_user().is_none_or(|user| user.state != UserState::Active) {
            return;
        }
        let calls = [AppCall::Enable, AppCall::StartTrip, AppCall::StopTrip, AppCall::Metadata { key: 0 }];
        for call in calls.into_iter().chain([AppCall::Submit]) {
            let outcome = self.outcome_of(at, call);
            if self.violation.is_some() {
                return;
            }
            if !matches!(outcome, Some(Ok(_))) {
                let details = format!("{at}: {} ends with {outcome:?}", call.name());
                return self.violated(Invariant::ResetsAreWhole, details);
            }
        }
        let Some(install_id) = self.devices[at.device].stored_install().map(str::to_owned) else { return };
        let Some(user) = self.oracle.user_of_install(&install_id).map(str::to_owned) else { return };
        let written = self.server.metadata(&self.app_id, &user);
        let value = self.devices[at.device].app.count.to_string();
        let is_written = written.iter().any(|(_, known)| *known == value);
        if !is_written || !self.recorded.has_arrived(&install_id, &self.server.detections(&self.app_id)) {
            let details = format!("{at}: what the next user recorded has not arrived");
            self.violated(Invariant::ResetsAreWhole, details);
        }
    }
}
