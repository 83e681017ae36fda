//! What the reference platform is told of its people: metadata and detections.

use sentiance_protocol::{Detection, DetectionsRequest, MetadataEntry, MetadataRequest, Trip};
use std::collections::HashMap;

#[derive(Default)]
pub(crate) struct Uploads {
    /// By person and key.
    metadata: HashMap<(String, String), Written>,
    /// By id.
    detections: HashMap<String, Stored>,
}

/// An entry of metadata; without a value, one that was removed.
struct Written {
    value: Option<String>,
    install_id: String,
    revision: u32,
}

struct Stored {
    install_id: String,
    person: String,
    detection: Detection,
}

impl Uploads {
    /// What a later revision of the same install has written is not touched by an earlier one.
    pub(crate) fn change_metadata(
        &mut self,
        install_id: &str,
        person: &str,
        request: &MetadataRequest,
    ) -> u32 {
        for MetadataEntry { key, value } in &request.entries {
            let at = (person.to_owned(), key.clone());
            let is_late =
                |known: &Written| known.install_id == install_id && known.revision > request.revision;
            if !self.metadata.get(&at).is_some_and(is_late) {
                let revision = request.revision;
                let written = Written { value: value.clone(), install_id: install_id.to_owned(), revision };
                self.metadata.insert(at, written);
            }
        }
        let own = self
            .metadata
            .iter()
            .filter(|((of, _), written)| of == person && written.install_id == install_id);
        own.map(|(_, written)| written.revision).max().unwrap_or(0).max(request.revision)
    }

    /// Takes in what is new; what is known by its id is passed over, but for news of a trip.
    pub(crate) fn take_in(&mut self, install_id: &str, person: &str, body: &str) {
        let request: DetectionsRequest = serde_json::from_str(body).expect("a body that can be read");
        for detection in request.detections {
            let Some(known) = self.detections.get_mut(&detection.id) else {
                let (install_id, person) = (install_id.to_owned(), person.to_owned());
                self.detections.insert(detection.id.clone(), Stored { install_id, person, detection });
                continue;
            };
            assert_eq!(
                (known.install_id.as_str(), known.person.as_str()),
                (install_id, person),
                "a detection arrived twice, and under another user"
            );
            if let (Some(known), Some(news)) = (&mut known.detection.trip, detection.trip) {
                put_together(known, news);
            }
        }
    }

    /// What is written under `key`, if anything is.
    pub(crate) fn metadata_of(&self, person: &str, key: &str) -> Option<&str> {
        self.metadata.get(&(person.to_owned(), key.to_owned()))?.value.as_deref()
    }

    /// The entries that an install has written last.
    pub(crate) fn metadata_by(&self, install_id: &str) -> impl Iterator<Item = (&str, &str)> {
        self.metadata
            .iter()
            .filter(move |(_, written)| written.install_id == install_id)
            .filter_map(|((_, key), written)| Some((key.as_str(), written.value.as_deref()?)))
    }

    /// Whether all is here that a detection tells.
    pub(crate) fn has(&self, detection: &Detection) -> bool {
        self.detections.get(&detection.id).is_some_and(|stored| {
            match (&stored.detection.trip, &detection.trip) {
                (Some(known), Some(told)) => {
                    (told.ended_at.is_none() || known.ended_at.is_some())
                        && told.metadata.iter().all(|entry| known.metadata.contains(entry))
                }
                (known, told) => known == told,
            }
        })
    }

    /// The trips that there are.
    pub(crate) fn trips(&self) -> impl Iterator<Item = &Trip> {
        self.detections.values().filter_map(|stored| stored.detection.trip.as_ref())
    }

    /// How many positions there are.
    pub(crate) fn positions(&self) -> usize {
        self.detections.values().filter(|stored| stored.detection.position.is_some()).count()
    }
}

fn put_together(known: &mut Trip, news: Trip) {
    known.ended_at = known.ended_at.or(news.ended_at);
    known.timed_out = known.timed_out.or(news.timed_out);
    for entry in news.metadata {
        known.metadata.retain(|other| other.key != entry.key);
        known.metadata.push(entry);
    }
}
