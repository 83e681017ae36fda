//! Every way the record may change, as a function of the record that is there.
//!
//! A change is applied again to the newer record when another tab committed in between, so it says what it expects
//! and is refused where that no longer holds.

use super::preferences::Preference;
use super::record::{Detections, OngoingTrip, Pending, Record, User, UserState};
use sentiance_protocol::{ConfigResponse, EpochMs, LinkResponse, SdkConfiguration, TokenGrant};

/// A change that an operation asks for.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// A creation is about to be sent.
    BeginCreation(Pending),
    /// The platform answered it.
    FinishCreation(Box<User>),
    /// It failed for good.
    DropCreation { install_id: String },
    /// A refresh is about to be sent.
    BeginRefresh { install_id: String, generation: u32, key: String },
    /// The platform answered it.
    FinishRefresh {
        install_id: String,
        /// The generation of the session that was exchanged.
        parent: u32,
        token: TokenGrant,
        issued_at: EpochMs,
        clock_offset: f64,
    },
    /// The platform said something of this install.
    Observe { install_id: String, seen: Observation },
    /// The unlinked user was linked.
    Link { install_id: String, answer: LinkResponse },
    /// The app wants detections, or no more.
    SetDetections(Option<Detections>),
    /// A trip starts.
    StartTrip { install_id: String, trip: OngoingTrip },
    /// The trip of that id gets so many entries of metadata.
    CountTripMetadata { id: String, entries: u32 },
    /// The trip of that id is over.
    EndTrip { id: String },
    /// The app chose something.
    SetPreference(Preference),
    /// A store beside the record remembers that epoch: the record is raised above it, if it is still of that install.
    Overtake { install_id: Option<String>, epoch: u32 },
    /// The user is removed.
    Erase,
}

/// What the platform said of an install.
#[derive(Clone, Debug, Default)]
pub(crate) struct Observation {
    /// Its state.
    pub(crate) state: Option<UserState>,
    /// When that was, by its own clock.
    pub(crate) said_at: Option<EpochMs>,
    /// The configuration.
    pub(crate) config: Option<SdkConfiguration>,
    /// The platform's clock minus this device's, in milliseconds.
    pub(crate) clock_offset: Option<f64>,
    /// Until when, by its own clock, it wants no refresh.
    pub(crate) pause_until: Option<EpochMs>,
    /// The generation of the session that the word was about: a newer session is not touched by it.
    pub(crate) generation: Option<u32>,
}

impl Observation {
    /// What a configuration says that has just arrived.
    pub(crate) fn of(config: &ConfigResponse) -> Observation {
        Observation {
            state: Some(UserState::from(config.install_state)),
            said_at: Some(config.server_time),
            config: Some(config.config.clone()),
            ..Observation::default()
        }
    }
}

/// What came of applying a change.
#[derive(Debug)]
pub(crate) enum Applied {
    /// The record becomes this one.
    Next(Box<Record>),
    /// The record says so already.
    Unchanged,
    /// The record is not in the state that the change expects.
    Refused(Refusal),
}

/// Why a change was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Another user is there.
    UserExists,
    /// Another trip is under way.
    TripExists,
    /// What the change was about is gone: the user was removed, or a newer session is there.
    Superseded,
}

/// Offsets differ a little with every response; only a difference that could matter is worth a write.
const OFFSET_TOLERANCE_MS: f64 = 5_000.0;

impl Change {
    /// Applies this change to `current`.
    pub(crate) fn apply(&self, current: &Record) -> Applied {
        match self {
            Change::BeginCreation(pending) => {
                if current.user.is_some() {
                    return Applied::Refused(Refusal::UserExists);
                }
                // Where the answer to an earlier try was lost, the platform knows its install id and key. Written again
                // all the same: only a write finds out whether this tab's view is the newest.
                let same_code = |known: &&Pending| known.code_fingerprint == pending.code_fingerprint;
                let known = current.pending.as_ref().filter(same_code);
                next(current, None, Some(known.unwrap_or(pending).clone()))
            }
            Change::FinishCreation(user) => match (&current.user, &current.pending) {
                // Two tabs that could not exclude each other sent one creation twice. Either answer is good until one is
                // used, and the one that is there may have been.
                (Some(other), _) if other.install_id == user.install_id => Applied::Unchanged,
                // Or they restored the same user: the platform keeps the install that came last active, so that one
                // stays.
                (Some(other), _)
                    if other.id == user.id
                        && user.state == UserState::Active
                        && user.issued_at.since(other.issued_at) > 0.0 =>
                {
                    next(current, Some((**user).clone()), None)
                }
                (Some(_), _) => Applied::Refused(Refusal::UserExists),
                (None, Some(pending)) if pending.install_id == user.install_id => {
                    next(current, Some((**user).clone()), None)
                }
                // Nothing at all: the storage was cleared. A reset would have left its epoch.
                (None, None) if current.epoch == 0 => next(current, Some((**user).clone()), None),
                (None, _) => Applied::Refused(Refusal::Superseded),
            },
            Change::DropCreation { install_id } => match &current.pending {
                Some(pending) if pending.install_id == *install_id => {
                    next(current, current.user.clone(), None)
                }
                _ => Applied::Unchanged,
            },
            Change::BeginRefresh { install_id, generation, key } => {
                let applied = with_user(current, install_id, |user| {
                    if user.token.generation != *generation {
                        return Err(Refusal::Superseded);
                    }
                    // A key that is there already belongs to a refresh whose answer was lost, or is on its way to
                    // another tab: the platform answers the same token with the same key again.
                    user.refresh_key.get_or_insert_with(|| key.clone());
                    Ok(())
                });
                match applied {
                    // Written again all the same, as above: another tab may have the answer.
                    Applied::Unchanged => next(current, current.user.clone(), current.pending.clone()),
                    applied => applied,
                }
            }
            Change::FinishRefresh { install_id, parent, token, issued_at, clock_offset } => {
                with_user(current, install_id, |user| {
                    // Of two answers for one parent the first that is used is good, and the one that is there may have
                    // been.
                    if user.token.generation != *parent {
                        return Err(Refusal::Superseded);
                    }
                    user.token = token.clone();
                    user.issued_at = *issued_at;
                    user.clock_offset = *clock_offset;
                    user.refresh_key = None;
                    user.pause_until = None;
                    if user.state != UserState::Deleted && !user.is_old_news(*issued_at) {
                        user.state = UserState::Active;
                    }
                    Ok(())
                })
            }
            Change::Observe { install_id, seen } => with_user(current, install_id, |user| {
                if seen.generation.is_some_and(|generation| user.token.generation != generation) {
                    return Err(Refusal::Superseded);
                }
                if seen.said_at.is_some_and(|time| user.is_old_news(time)) {
                    return Err(Refusal::Superseded);
                }
                // A refusal does not tell why, so it changes nothing where that is known.
                let is_known = seen.state == Some(UserState::Refused)
                    && !matches!(user.state, UserState::Active | UserState::Unknown);
                // And an access token that works still does not bring the session back.
                let is_spent = user.state == UserState::Spent && !seen.state.is_some_and(UserState::is_final);
                let stays = user.state.is_final() || is_known || is_spent;
                if let Some(state) = seen.state.filter(|state| *state != user.state && !stays) {
                    user.state = state;
                    user.state_at = seen.said_at.or(user.state_at);
                }
                if let Some(config) = &seen.config {
                    user.config = config.clone();
                }
                if let Some(offset) = seen.clock_offset
                    && (offset - user.clock_offset).abs() > OFFSET_TOLERANCE_MS
                {
                    user.clock_offset = offset;
                }
                user.pause_until = seen.pause_until.or(user.pause_until);
                Ok(())
            }),
            Change::Link { install_id, answer } => with_user(current, install_id, |user| {
                user.id = answer.user_id.clone();
                user.linked = true;
                Ok(())
            }),
            Change::SetDetections(detections) => {
                edited(current, |record| record.detections = detections.clone())
            }
            Change::StartTrip { install_id, trip } => match (&current.user, &current.trip) {
                (Some(user), None) if user.install_id == *install_id => {
                    edited(current, |record| record.trip = Some(trip.clone()))
                }
                (Some(_), Some(_)) => Applied::Refused(Refusal::TripExists),
                _ => Applied::Refused(Refusal::Superseded),
            },
            Change::CountTripMetadata { id, entries } => with_trip(current, id, |record| {
                if let Some(trip) = &mut record.trip {
                    trip.metadata_entries += entries;
                }
            }),
            Change::EndTrip { id } => with_trip(current, id, |record| record.trip = None),
            Change::SetPreference(preference) => edited(current, |record| {
                let mut preferences = record.preferences();
                preferences.set(*preference);
                record.preferences = Some(preferences);
            }),
            Change::Overtake { install_id, epoch } => {
                let present = current.user.as_ref().map(|user| &user.install_id);
                if present != install_id.as_ref() {
                    Applied::Refused(Refusal::Superseded)
                } else if current.epoch > *epoch {
                    Applied::Unchanged
                } else {
                    Applied::Next(Box::new(Record { epoch: epoch.wrapping_add(1), ..current.clone() }))
                }
            }
            Change::Erase => Applied::Next(Box::new(current.tombstone())),
        }
    }
}

fn next(current: &Record, user: Option<User>, pending: Option<Pending>) -> Applied {
    let epoch = current.epoch.wrapping_add(1);
    Applied::Next(Box::new(Record { epoch, user, pending, ..current.clone() }))
}

/// Changes anything but the user.
fn edited(current: &Record, edit: impl FnOnce(&mut Record)) -> Applied {
    let mut record = current.clone();
    edit(&mut record);
    if record == *current {
        return Applied::Unchanged;
    }
    record.epoch = current.epoch.wrapping_add(1);
    Applied::Next(Box::new(record))
}

/// Changes the record, if the trip of that id is under way.
fn with_trip(current: &Record, id: &str, edit: impl FnOnce(&mut Record)) -> Applied {
    match &current.trip {
        Some(trip) if trip.id == id => edited(current, edit),
        _ => Applied::Refused(Refusal::Superseded),
    }
}

/// Changes the user of `install_id`, if it is the one that is there.
fn with_user(
    current: &Record,
    install_id: &str,
    edit: impl FnOnce(&mut User) -> Result<(), Refusal>,
) -> Applied {
    let Some(user) = current.user.as_ref().filter(|user| user.install_id == install_id) else {
        return Applied::Refused(Refusal::Superseded);
    };
    let mut edited = user.clone();
    match edit(&mut edited) {
        Err(refusal) => Applied::Refused(refusal),
        Ok(()) if edited == *user => Applied::Unchanged,
        Ok(()) => next(current, Some(edited), current.pending.clone()),
    }
}
