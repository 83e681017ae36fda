//! Trips that the app starts. The record knows the one under way, so that it survives the page; what the platform shall
//! know of it goes through the queue.

use super::change::{Change, Refusal};
use super::commits::Owner;
use super::effect::{Effect, Output, Timer};
use super::error::{Code, Reason, SdkError};
use super::event::CallId;
use super::machine::Core;
use super::metadata;
use super::queue::Waiting;
use super::record::{OngoingTrip, UserState};
use sentiance_protocol::{
    Detection, EpochMs, METADATA_MAX_ENTRIES, MetadataEntry, TRIP_TIMEOUT_SECONDS, Trip,
};

/// What is known of trips in this tab.
#[derive(Debug, Default)]
pub(super) struct Trips {
    /// The changes that are asked for, until the record says so.
    asked: Vec<(u32, Asked)>,
    /// The trip that the record had when it was last looked at.
    seen: Option<OngoingTrip>,
    /// Whether someone listens for trips that time out.
    pub(super) listening: bool,
    /// Whether a trip timed out while nobody did.
    unheard: bool,
}

#[derive(Debug)]
enum Asked {
    Start(CallId, Vec<MetadataEntry>),
    Metadata(CallId, OngoingTrip, Vec<MetadataEntry>),
    Stop(CallId, OngoingTrip),
    TimeOut(OngoingTrip),
}

impl Core {
    pub(super) fn start_trip(
        &mut self,
        call: CallId,
        entries: Vec<MetadataEntry>,
        transport_mode: Option<u32>,
    ) {
        let code = Code::StartTrip;
        let new = |reason, details: &str| Some(SdkError::new(code, reason, details));
        let refused = match &self.record.user {
            None => Some(SdkError::no_user(code)),
            Some(user) if user.state != UserState::Active => Some(SdkError::disabled(code, user.state)),
            Some(_) if !self.wants_detections() => {
                new(Reason::DetectionsDisabled, "Detections are not enabled; call enableDetections first.")
            }
            Some(_) if !self.can_detect() => new(
                Reason::DetectionsBlocked,
                "Detections are enabled but can't run; getSdkStatus tells what is missing.",
            ),
            Some(_) if self.record.trip.is_some() => already_started(),
            Some(_) if self.entropy.is_none() => {
                new(Reason::UnexpectedError, "This runtime has no crypto.getRandomValues.")
            }
            Some(_) => metadata::check_trip(&entries).err().map(SdkError::invalid),
        };
        let (Some(user), Some(entropy), None) = (&self.record.user, &self.entropy, &refused) else {
            return self.refuse(call, refused);
        };
        let trip = OngoingTrip {
            id: entropy.install_id(),
            started_at: self.now,
            transport_mode,
            metadata_entries: entries.len() as u32,
        };
        let change = Change::StartTrip { install_id: user.install_id.clone(), trip };
        self.ask_trip(change, Asked::Start(call, entries));
    }

    pub(super) fn add_trip_metadata(&mut self, call: CallId, entries: Vec<MetadataEntry>) {
        let Some(trip) = self.record.trip.clone() else { return self.settle(call, Ok(Output::Bool(false))) };
        let count = entries.len() as u32;
        let fits = trip.metadata_entries.saturating_add(count) as usize <= METADATA_MAX_ENTRIES;
        let checked =
            metadata::check_trip(&entries).and_then(|()| fits.then_some(()).ok_or(metadata::TOO_MANY));
        match checked {
            Err(why) => self.settle(call, Err(SdkError::invalid(why))),
            Ok(()) => {
                let change = Change::CountTripMetadata { id: trip.id.clone(), entries: count };
                self.ask_trip(change, Asked::Metadata(call, trip, entries));
            }
        }
    }

    pub(super) fn stop_trip(&mut self, call: CallId) {
        match self.record.trip.clone() {
            Some(trip) => self.ask_trip(Change::EndTrip { id: trip.id.clone() }, Asked::Stop(call, trip)),
            None => self.settle(call, Err(no_trip())),
        }
    }

    fn refuse(&mut self, call: CallId, error: Option<SdkError>) {
        if let Some(error) = error {
            self.settle(call, Err(error));
        }
    }

    fn ask_trip(&mut self, change: Change, asked: Asked) {
        let number = self.ticket().0;
        self.trips.asked.push((number, asked));
        self.commit(change, Owner::Trip(number));
    }

    /// The record says what was asked, or can't.
    pub(super) fn trip_changed(&mut self, number: u32, result: Result<(), Refusal>) {
        let Some(at) = self.trips.asked.iter().position(|(other, _)| *other == number) else { return };
        let (_, asked) = self.trips.asked.swap_remove(at);
        match (asked, result) {
            (Asked::Start(call, entries), Ok(())) => match self.record.trip.clone() {
                Some(trip) => {
                    self.report_trip(&trip, None, entries, Some(Waiting { call, code: Code::StartTrip }))
                }
                None => self.settle(call, Ok(Output::Done)),
            },
            (Asked::Start(call, _), Err(Refusal::TripExists)) => self.refuse(call, already_started()),
            (Asked::Start(call, _), Err(_)) => self.settle(call, Err(SdkError::no_user(Code::StartTrip))),
            (Asked::Metadata(call, trip, entries), Ok(())) => {
                self.report_trip(&trip, None, entries, Some(Waiting { call, code: Code::Unexpected }));
            }
            (Asked::Metadata(call, ..), Err(_)) => self.settle(call, Ok(Output::Bool(false))),
            (Asked::Stop(call, trip), Ok(())) => {
                self.report_trip(
                    &trip,
                    Some((self.now, false)),
                    Vec::new(),
                    Some(Waiting { call, code: Code::StopTrip }),
                );
            }
            (Asked::Stop(call, _), Err(_)) => self.settle(call, Err(no_trip())),
            (Asked::TimeOut(trip), Ok(())) => {
                let due = trip.started_at.plus(self.trip_timeout_ms());
                self.report_trip(&trip, Some((due, true)), Vec::new(), None);
            }
            // Another tab was faster.
            (Asked::TimeOut(_), Err(_)) => {}
        }
    }

    /// Queues what the platform shall know of a trip: each time all that it must know to put it together.
    fn report_trip(
        &mut self,
        trip: &OngoingTrip,
        end: Option<(EpochMs, bool)>,
        metadata: Vec<MetadataEntry>,
        waiter: Option<Waiting>,
    ) {
        let Some(user) = &self.record.user else {
            // A trip of nobody: only a storage that somebody else wrote to has one.
            if let Some(waiting) = waiter {
                self.settle(waiting.call, waiting.outcome(None));
            }
            return;
        };
        let time = user.platform_time(trip.started_at);
        let trip_report = Trip {
            started_at: time,
            ended_at: end.map(|(at, _)| user.platform_time(at)),
            timed_out: end.map(|(_, timed_out)| timed_out).filter(|timed_out| *timed_out),
            transport_mode: trip.transport_mode,
            metadata,
        };
        let detection =
            Detection { id: trip.id.clone(), time, position: None, motion: None, trip: Some(trip_report) };
        self.enqueue(detection, waiter);
    }

    fn trip_timeout_ms(&self) -> f64 {
        let configured = self.record.user.as_ref().and_then(|user| user.config.trip_timeout_seconds);
        f64::from(configured.unwrap_or(TRIP_TIMEOUT_SECONDS)) * 1_000.0
    }

    /// How long the trip may last still, in milliseconds. A clock that was set back does not make it last longer than
    /// a whole trip.
    fn trip_left(&self, trip: &OngoingTrip) -> f64 {
        let timeout = self.trip_timeout_ms();
        (timeout - self.now.since(trip.started_at)).min(timeout)
    }

    /// The record was replaced: a trip may have begun or ended, here or in another tab.
    pub(super) fn trips_see_record(&mut self) {
        let before = std::mem::replace(&mut self.trips.seen, self.record.trip.clone());
        if before == self.trips.seen {
            return;
        }
        match &self.record.trip {
            Some(trip) => {
                let left = self.trip_left(trip);
                self.emit(Effect::StartTimer(Timer::TripTimeout, left.max(0.0)));
            }
            None => self.emit(Effect::StopTimer(Timer::TripTimeout)),
        }
        // Ended after its time: it has timed out, whichever tab found that.
        if let Some(trip) = before
            && self.record.user.is_some()
            && self.record.trip.as_ref().is_none_or(|other| other.id != trip.id)
            && self.trip_left(&trip) <= 0.0
        {
            self.tell_trip_timeout();
        }
    }

    /// Looks whether the trip has lasted too long: when its timer runs out, and when the page comes back.
    pub(super) fn judge_trip(&mut self) {
        let Some(trip) = self.record.trip.clone() else { return };
        let left = self.trip_left(&trip);
        if left > 0.0 {
            return self.emit(Effect::StartTimer(Timer::TripTimeout, left));
        }
        let asked = self.trips.asked.iter().any(|(_, asked)| matches!(asked, Asked::TimeOut(_)));
        if !asked {
            self.ask_trip(Change::EndTrip { id: trip.id.clone() }, Asked::TimeOut(trip));
        }
    }

    fn tell_trip_timeout(&mut self) {
        self.trips.unheard = !self.trips.listening;
        if self.trips.listening {
            self.emit(Effect::EmitTripTimeout);
        }
    }

    /// Someone listens, or nobody does any more. A trip that timed out while the page was closed is told now.
    pub(super) fn listen_trips(&mut self, listening: bool) {
        self.trips.listening = listening;
        if listening && self.trips.unheard {
            self.tell_trip_timeout();
        }
    }
}

fn already_started() -> Option<SdkError> {
    let details = "A trip is under way already; call stopTrip first.";
    Some(SdkError::new(Code::StartTrip, Reason::TripAlreadyStarted, details))
}

fn no_trip() -> SdkError {
    SdkError::new(Code::StopTrip, Reason::NoOngoingTrip, "No trip is under way.")
}
