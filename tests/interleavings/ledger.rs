//! What must not get lost or into wrong hands: who recorded what, and which installs the platform has made.

use crate::platform::parse;
use sentiance_core::core::{Body, Record, Request};
use sentiance_protocol::{Detection, DetectionsRequest, EpochMs};
use std::collections::{HashMap, HashSet};

#[derive(Default)]
pub(crate) struct Ledger {
    /// The install that recorded each detection.
    recorders: HashMap<String, String>,
    /// What the queue dropped for want of room.
    pub(crate) dropped: HashSet<String>,
    /// The trips that there were.
    pub(crate) trips: HashSet<String>,
    /// When each trip ended.
    ends: HashMap<String, EpochMs>,
    /// The installs that a tab knows the platform to have made, and which tab is the one to end them.
    made: HashMap<String, usize>,
    /// The installs whose creation is only good with a linker, and which tab is at it.
    linking: HashMap<String, usize>,
    /// Whether a write beside the record failed.
    pub(crate) shelf_failed: bool,
    /// Whether metadata was removed that had been set without a user. A user who came meanwhile may be sending it, and
    /// then it can't be told from what that user sets.
    pub(crate) removed_nobodys: bool,
    /// The trips that ended twice.
    pub(crate) ended_twice: HashSet<String>,
}

impl Ledger {
    /// An install recorded something.
    pub(crate) fn record(&mut self, install_id: &str, detection: &Detection) {
        let owner = self.recorders.entry(detection.id.clone()).or_insert_with(|| install_id.to_owned());
        assert_eq!(owner, install_id, "one id for the detections of two installs");
        if let Some(end) = detection.trip.as_ref().and_then(|trip| trip.ended_at)
            && self.ends.insert(detection.id.clone(), end).is_some()
        {
            self.ended_twice.insert(detection.id.clone());
        }
    }

    /// A tab's request meets its fate: nobody's data may be in it but its sender's.
    pub(crate) fn see_request(&mut self, tab: usize, request: &Request, answered: bool) {
        let sender = request.bearer.as_ref().map_or("", |bearer| parse(bearer).0);
        match &request.body {
            Body::CreateUser(body) => {
                if body.application.as_ref().is_some_and(|application| application.linking) {
                    self.linking.insert(body.install_id.clone(), tab);
                }
                if answered {
                    self.made.insert(body.install_id.clone(), tab);
                }
            }
            Body::Goodbye => {
                self.made.remove(sender);
            }
            Body::Metadata(body) => {
                for value in body.entries.iter().filter_map(|entry| entry.value.as_ref()) {
                    let whose = value.split(' ').next();
                    assert!(
                        [Some(sender), Some("nobody"), Some("anybody")].contains(&whose),
                        "{sender} sends the metadata of {whose:?}"
                    );
                }
            }
            Body::Detections(body) => {
                let request: DetectionsRequest = serde_json::from_str(body).expect("a body that can be read");
                for detection in &request.detections {
                    assert_eq!(self.recorders[&detection.id], sender, "sent in another's name");
                }
            }
            _ => {}
        }
    }

    /// A tab replaced the record: ending the user that it held is that tab's business now.
    pub(crate) fn see_commit(&mut self, tab: usize, before: Option<&Record>, after: &Record) {
        self.trips.extend(after.trip.as_ref().map(|trip| trip.id.clone()));
        if let Some(user) = before.and_then(|record| record.user.as_ref())
            && let Some(responsible) = self.made.get_mut(&user.install_id)
        {
            *responsible = tab;
        }
    }

    /// A tab died, and can end nothing any more.
    pub(crate) fn forget_tab(&mut self, tab: usize) {
        self.made.retain(|_, responsible| *responsible != tab);
        self.linking.retain(|_, at_it| *at_it != tab);
    }

    /// The installs that must have been ended, unless they are in use.
    pub(crate) fn made(&self) -> impl Iterator<Item = &str> {
        self.made.keys().map(String::as_str)
    }

    pub(crate) fn needs_linker(&self, install_id: &str) -> bool {
        self.linking.contains_key(install_id)
    }
}
