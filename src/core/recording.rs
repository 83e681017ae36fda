//! Detections: whether the app wants them, whether they can run, and what is recorded while they do.

use super::activity::{Fix, Stillness, UserActivity};
use super::change::Change;
use super::commits::Owner;
use super::effect::{Effect, Output, Role, Timer};
use super::error::{Code, Reason, SdkError};
use super::event::{CallId, hex};
use super::machine::Core;
use super::queue::{Addition, Waiting};
use super::record::{Detections, User, UserState};
use super::surroundings::LocationAccess;
use sentiance_protocol::{DISK_QUOTA_BYTES, Detection, EpochMs, Motion, Position};

/// How many additions to the queue may be under way; what is recorded beyond that is lost with the first of them.
const MAX_ADDITIONS: usize = 64;

/// What is recorded, and by whom.
#[derive(Debug, Default)]
pub(super) struct Recording {
    /// Whether this tab asked to be the one that records.
    asked: bool,
    /// Whether it is.
    leading: bool,
    sensing: bool,
    /// Whether the app's own calls for a position are observed.
    observing: bool,
    /// Whether the last attempt to get a position failed.
    failed: bool,
    stillness: Stillness,
    /// When the timer of the expiry runs out.
    expiry: Option<EpochMs>,
}

impl Core {
    pub(super) fn enable_detections(&mut self, call: CallId, expires_at: Option<EpochMs>) {
        let code = Code::EnableDetections;
        let refused = match &self.record.user {
            None => Some(SdkError::no_user(code)),
            Some(user) if user.state != UserState::Active => Some(SdkError::disabled(code, user.state)),
            Some(_) if expires_at.is_some_and(|time| time.since(self.now) <= 0.0) => {
                Some(SdkError::new(code, Reason::PastExpiryDate, "The expiry date has passed."))
            }
            Some(_) => None,
        };
        match refused {
            Some(error) => self.settle(call, Err(error)),
            None => {
                // The app may have asked the person a moment ago, and not every browser tells of the decision.
                self.emit(Effect::LookAround);
                self.set_detections(call, Some(Detections { expires_at }));
            }
        }
    }

    pub(super) fn disable_detections(&mut self, call: CallId) {
        self.set_detections(call, None);
    }

    fn set_detections(&mut self, call: CallId, detections: Option<Detections>) {
        self.commit(Change::SetDetections(detections), Owner::Detections(call));
    }

    pub(super) fn detections_changed(&mut self, call: CallId) {
        let status = Box::new(self.status());
        self.settle(call, Ok(Output::Detections(status)));
    }

    /// Whether the app wants detections now.
    pub(super) fn wants_detections(&self) -> bool {
        self.record.detections.is_some() && !self.detections_expired()
    }

    pub(super) fn detections_expired(&self) -> bool {
        let expiry = self.record.detections.as_ref().and_then(|detections| detections.expires_at);
        expiry.is_some_and(|time| time.since(self.now) <= 0.0)
    }

    /// Whether detections could run, but for positions that do not arrive: where that is all, trying goes on.
    fn may_record(&self) -> bool {
        self.active_user().is_some() && self.surroundings.may_locate() && self.is_visible() && self.has_room()
    }

    /// Whether every precondition of detections holds.
    pub(super) fn can_detect(&self) -> bool {
        self.may_record() && !self.recording.failed
    }

    /// Whether positions arrive, as far as is known. A browser gives none to a page that is hidden.
    pub(super) fn is_location_available(&self) -> bool {
        self.surroundings.may_locate() && self.is_visible() && !self.recording.failed
    }

    /// The user, if the platform lets it act.
    pub(super) fn active_user(&self) -> Option<&User> {
        self.record.user.as_ref().filter(|user| user.state == UserState::Active)
    }

    /// Starts and stops what records, and the timer of the expiry, so that they fit the state. To be called after every
    /// event.
    pub(super) fn arrange_recording(&mut self) {
        self.arrange_observation();
        let wanted = self.wants_detections() && self.may_record();
        if wanted != self.recording.asked {
            self.recording.asked = wanted;
            if !wanted {
                self.recording.leading = false;
            }
            self.emit(Effect::Lead(Role::Recording, wanted));
        }
        let sensing = wanted && self.recording.leading;
        if sensing != self.recording.sensing {
            self.recording.sensing = sensing;
            self.recording.stillness.clear();
            self.emit(Effect::Sense(sensing));
        }
        let expiry = self.record.detections.as_ref().and_then(|detections| detections.expires_at);
        let expiry = expiry.filter(|time| time.since(self.now) > 0.0);
        if expiry != self.recording.expiry {
            self.recording.expiry = expiry;
            self.emit(match expiry {
                Some(time) => Effect::StartTimer(Timer::DetectionsExpiry, time.since(self.now)),
                None => Effect::StopTimer(Timer::DetectionsExpiry),
            });
        }
    }

    /// Observes whether the app gets positions, where that decides. A runtime that tells nothing is observed from the start:
    /// an app asks the person first, and then enables detections.
    fn arrange_observation(&mut self) {
        let wanted = self.wants_detections() && self.active_user().is_some();
        let surroundings = &self.surroundings;
        let observing = surroundings.has_geolocation
            && !surroundings.may_locate()
            && (wanted || surroundings.location == LocationAccess::Unknown);
        if observing != self.recording.observing {
            self.recording.observing = observing;
            self.emit(Effect::ObserveApp(observing));
        }
    }

    /// It may have run out early: there is a longest delay that timers can have.
    pub(super) fn expiry_fired(&mut self) {
        self.recording.expiry = None;
    }

    pub(super) fn lead(&mut self) {
        self.recording.leading = self.recording.asked;
    }

    pub(super) fn located(&mut self, position: Position, time: EpochMs) {
        if !self.recording.sensing {
            return;
        }
        self.recording.failed = false;
        self.recording.stillness.add(Fix { position: position.clone(), time });
        self.keep(time, Some(position), None);
    }

    pub(super) fn unlocated(&mut self) {
        self.recording.failed = true;
    }

    pub(super) fn moved(&mut self, motion: Motion) {
        if self.recording.sensing {
            let began = self.now.plus(-f64::from(motion.duration_ms));
            self.keep(began, None, Some(motion));
        }
    }

    fn keep(&mut self, time: EpochMs, position: Option<Position>, motion: Option<Motion>) {
        let (Some(entropy), Some(user)) = (&self.entropy, self.active_user()) else { return };
        let id = hex(&entropy.0[..16]);
        let detection = Detection { id, time: user.platform_time(time), position, motion, trip: None };
        if self.additions.len() < MAX_ADDITIONS {
            self.enqueue(detection, None);
        }
    }

    /// Adds to the queue of the user of this device. `waiter` is settled when that is done.
    pub(super) fn enqueue(&mut self, detection: Detection, waiter: Option<Waiting>) {
        let ticket = self.ticket();
        let Some(user) = &self.record.user else { return };
        let addition = Addition {
            claim: self.claim(),
            detections: vec![detection],
            limit_bytes: f64::from(user.config.disk_quota_bytes.unwrap_or(DISK_QUOTA_BYTES)),
        };
        self.additions.push((ticket, waiter));
        self.emit(Effect::Enqueue(ticket, Box::new(addition)));
    }

    /// What the user is doing, as far as this tab can tell.
    pub(super) fn activity(&self) -> UserActivity {
        if self.record.trip.is_some() {
            return UserActivity::Trip;
        }
        match self.recording.stillness.place() {
            Some(fix) => UserActivity::Stationary(fix.clone()),
            None => UserActivity::Unknown,
        }
    }
}
