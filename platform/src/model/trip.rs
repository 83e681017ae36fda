//! Trips: how the messages about one are put together.

use sentiance_protocol::{MetadataEntry, TRIP_MAX_BYTES, Trip};
use std::collections::HashMap;

use super::{detection::stored_bytes, metadata};

/// What some messages tell of one trip, in the order in which they came. Adding a message costs as much as the message
/// is long, however many came before it.
#[derive(Clone, Debug)]
pub struct TripNews {
    trip: Trip,
    /// Where each key stands among the entries.
    places: HashMap<String, usize>,
}

/// Why a trip cannot be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TripOverLimit {
    /// It has too much metadata, or an entry that is too long.
    Metadata,
    /// It is larger than [`TRIP_MAX_BYTES`].
    Bytes,
}

impl TripNews {
    /// What the first message tells.
    pub fn of(first: Trip) -> Self {
        let Trip { metadata, .. } = first;
        let mut news = TripNews { trip: Trip { metadata: Vec::new(), ..first }, places: HashMap::new() };
        news.set(metadata);
        news
    }

    /// Adds a later message: what is told already stays, except metadata that has a new value.
    pub fn add(&mut self, later: Trip) {
        let trip = &mut self.trip;
        trip.ended_at = trip.ended_at.or(later.ended_at);
        trip.timed_out = trip.timed_out.or(later.timed_out);
        trip.transport_mode = trip.transport_mode.or(later.transport_mode);
        self.set(later.metadata);
    }

    fn set(&mut self, entries: Vec<MetadataEntry>) {
        for entry in entries {
            match self.places.get(&entry.key) {
                Some(&place) => self.trip.metadata[place].value = entry.value,
                None => {
                    self.places.insert(entry.key.clone(), self.trip.metadata.len());
                    self.trip.metadata.push(entry);
                }
            }
        }
    }

    /// The trip that the messages give, without the entries that were removed; `known` is what was stored before.
    pub fn put_together(self, known: Option<&Trip>) -> Result<Trip, TripOverLimit> {
        let mut all = match known {
            Some(known) => {
                let mut all = TripNews::of(known.clone());
                all.add(self.trip);
                all
            }
            None => self,
        };
        all.trip.metadata.retain(|entry| entry.value.is_some());
        if !metadata::fits(&all.trip.metadata) {
            return Err(TripOverLimit::Metadata);
        }
        if stored_bytes(&all.trip) > TRIP_MAX_BYTES {
            return Err(TripOverLimit::Bytes);
        }
        Ok(all.trip)
    }
}

#[cfg(test)]
mod tests {
    use super::{TripNews, TripOverLimit};
    use sentiance_protocol::{EpochMs, MetadataEntry, Trip};

    fn entry(key: &str, value: Option<&str>) -> MetadataEntry {
        MetadataEntry { key: key.to_owned(), value: value.map(str::to_owned) }
    }

    fn started(metadata: Vec<MetadataEntry>) -> Trip {
        let started_at = EpochMs(1.0);
        Trip { started_at, ended_at: None, timed_out: None, transport_mode: Some(2), metadata }
    }

    /// The first is stored, and the others come in one request.
    fn put_together(known: &Trip, news: &[Trip]) -> Trip {
        let mut all = TripNews::of(news[0].clone());
        news[1..].iter().for_each(|later| all.add(later.clone()));
        all.put_together(Some(known)).unwrap()
    }

    #[test]
    fn an_end_is_set_once_and_never_unset() {
        let ended = Trip { ended_at: Some(EpochMs(5.0)), timed_out: Some(false), ..started(Vec::new()) };
        let later = Trip { ended_at: Some(EpochMs(9.0)), timed_out: Some(true), ..ended.clone() };
        assert_eq!(put_together(&started(Vec::new()), &[ended.clone(), later.clone()]), ended);
        assert_eq!(put_together(&ended, &[later]), ended);
        assert_eq!(put_together(&ended, &[started(Vec::new())]), ended);
    }

    #[test]
    fn metadata_is_added_replaced_and_removed_by_key() {
        let known = started(vec![entry("a", Some("1")), entry("b", Some("2")), entry("c", Some("3"))]);
        let news = started(vec![entry("b", Some("new")), entry("c", None), entry("d", Some(""))]);
        let expected = vec![entry("a", Some("1")), entry("b", Some("new")), entry("d", Some(""))];
        assert_eq!(put_together(&known, std::slice::from_ref(&news)).metadata, expected);
        // One after the other, or together in one request: the result is the same.
        let later = started(vec![entry("a", None), entry("b", Some("newest"))]);
        let expected = vec![entry("b", Some("newest")), entry("d", Some(""))];
        assert_eq!(put_together(&known, &[news, later]).metadata, expected);
    }

    #[test]
    fn limits_hold_for_the_result() {
        let half = |prefix: &str, value: &str| {
            started((0..26).map(|number| entry(&format!("{prefix}{number}"), Some(value))).collect())
        };
        let mut news = TripNews::of(half("a", ""));
        news.add(half("b", ""));
        assert_eq!(news.clone().put_together(None), Err(TripOverLimit::Metadata));
        news.add(started((0..26).map(|number| entry(&format!("a{number}"), None)).collect()));
        assert_eq!(news.put_together(None).unwrap().metadata.len(), 26);
        // Six bytes each in JSON.
        let escaped = half("a", &"\u{1}".repeat(500));
        assert_eq!(TripNews::of(escaped).put_together(None), Err(TripOverLimit::Bytes));
    }
}
