//! What must hold at every step: what a tab shows, says and settles, and what the platform answers and keeps.

use crate::{broken::Broken, invariant::Invariant, step::At, tally::Outcome, world::World};
use sentiance_core::core::{Body, Output, Request, Response, SdkError, UserState};

/// How much later than its deadline a call may be settled, in milliseconds: it waits until the stored record was looked
/// at, and then its storage must write that it failed.
const SLACK_MS: f64 = 2_000.0;

impl World<'_> {
    /// A device that says goodbye has no use for that user any more.
    pub(crate) fn check_goodbye(&mut self, at: At, request: &Request) {
        let device = &self.devices[at.device];
        let is_in_use = device.stored_user().is_some_and(|user| {
            Some(&user.token.access_token) == request.bearer.as_ref() && user.state == UserState::Active
        });
        if is_in_use && !device.warned && !device.lost_writes {
            let details = format!("{}: goodbye for the user that it has", device.name);
            self.violated(Invariant::SessionsLast, details);
        }
    }

    /// A tab shows only what is stored, and only what the platform has said.
    pub(crate) fn check_tab(&mut self, at: At) {
        let device = &self.devices[at.device];
        let Some(user) = &device.tabs[at.tab].core.record().user else { return };
        if !device.warned && !device.stored.contains(&user.install_id) {
            let details = format!("{}: {} is not stored", device.name, user.id);
            return self.violated(Invariant::ShownIsStored, details);
        }
        let word = user.state.as_str();
        let was_said = device.words.contains(&(user.install_id.clone(), word));
        let excused = device.warned || self.oracle.is_suspect(&user.install_id);
        if user.state != UserState::Active && !was_said && !excused {
            let details = format!("{}: {word}, which the platform never said", device.name);
            self.violated(Invariant::SessionsLast, details);
        }
    }

    /// What a reset was to remove is gone when it ends, or a warning says that it is not.
    fn check_reset(&mut self, at: At) {
        let device = &self.devices[at.device];
        let present = device.stored_install();
        let is_left = |owner: Option<&str>| owner.is_some() && owner != present;
        let is_whole = !is_left(device.shelf.metadata.owner.as_deref())
            && !device.shelf.entries.iter().any(|entry| is_left(Some(&entry.owner)));
        if !is_whole && !device.shelf_failed {
            let details = format!("{}: a reset ended before all was removed", device.name);
            self.violated(Invariant::ResetsAreWhole, details);
        }
    }

    /// A call came to its end.
    pub(crate) fn settled(&mut self, at: At, name: &'static str, outcome: Result<Output, SdkError>) {
        self.trace.say(|| match &outcome {
            Ok(_) => format!("{at}: {name} resolves"),
            Err(error) => format!("{at}: {name} rejects: {}", error.message()),
        });
        let is_resetting = self.devices[at.device].tabs.iter().any(|tab| tab.is_resetting());
        let device = &mut self.devices[at.device];
        match &outcome {
            Ok(Output::User(user)) => {
                let other = device.app.user.as_ref().filter(|told| **told != user.user_id);
                // A linking brings an unlinked user's install to another one only as part of its creation.
                if let Some(other) = other
                    && !device.app.reset_since
                    && !device.warned
                    && !device.lost_writes
                {
                    let details = format!("{}: {} while there was {other}", device.name, user.user_id);
                    self.violated(Invariant::UsersStay, details);
                }
                let device = &mut self.devices[at.device];
                device.app.user = Some(user.user_id.clone());
                device.app.reset_since = is_resetting;
            }
            Ok(Output::Reset(_)) => {
                device.app.user = None;
                self.tally.outcome(Outcome::Reset);
                self.check_reset(at);
            }
            Err(error) if error.details.contains("in time") => self.tally.outcome(Outcome::DeadlinePassed),
            _ => {}
        }
        if name != "ensureInitialized" {
            self.last = Some(outcome);
        }
    }

    /// No call is pending for longer than it may be.
    pub(crate) fn check_deadlines(&mut self) {
        for at in self.all_tabs() {
            let tab = &self.devices[at.device].tabs[at.tab];
            let late = tab.pending.values().find(|(name, since)| self.now - since > limit(name));
            if let Some((name, since)) = late {
                let details = format!("{at}: {name} is pending for {} s", (self.now - since) / 1_000.0);
                return self.violated(Invariant::Deadlines, details);
            }
        }
    }

    /// What the platform did must be what it had to do.
    pub(crate) fn judge(&mut self, request: &Request, response: &Response) {
        match self.oracle.see(self.now, request, response) {
            Ok(outcomes) => outcomes.into_iter().for_each(|outcome| self.tally.outcome(outcome)),
            Err(violation) => self.report(violation),
        }
        // Neither these nor a refusal change what the census counts; at rest it is taken once more.
        let changes_nothing = matches!(request.body, Body::Config | Body::Metadata(_) | Body::Detections(_));
        if !changes_nothing && response.status < 400 || matches!(request.body, Body::Refresh(_)) {
            self.check_tables();
        }
    }

    pub(crate) fn check_tables(&mut self) {
        if self.broken == Some(Broken::GoodbyeUnheard) {
            return;
        }
        let census = self.server.census(&self.app_id);
        if let Err(violation) = self.oracle.compare(&census) {
            self.report(violation);
        }
    }
}

/// How long a call may be pending, in milliseconds: its own deadline, and a moment.
fn limit(name: &str) -> f64 {
    SLACK_MS
        + match name {
            "createUser" | "linkUser" | "linkUserWithAuthCode" | "submitDetections" => 30_000.0,
            "requestUserAccessToken" => 15_000.0,
            "reset" => 10_000.0,
            _ => 0.0,
        }
}
