//! Detections: what a device recorded, checked, and how the parts of a trip are put together.

use super::{DetectionId, InstallId, metadata};
use crate::clock::Timestamp;
use sentiance_protocol::{self as protocol, DetectionType, EpochMs, MetadataEntry, Motion, Position, Trip};
use std::{fmt, ops::RangeInclusive};

/// The times that JavaScript can tell, without those before 1970.
const PLAUSIBLE_TIMES: RangeInclusive<f64> = 0.0..=8.64e15;
const TRANSPORT_MODES: RangeInclusive<u32> = 1..=11;

/// Something that was recorded on a device.
#[derive(Clone, Debug, PartialEq)]
pub struct Detection {
    /// Made by the SDK.
    pub detection_id: DetectionId,
    /// When it was recorded.
    pub time: Timestamp,
    /// What was recorded.
    pub content: DetectionContent,
}

/// What was recorded.
#[derive(Clone, Debug, PartialEq)]
pub enum DetectionContent {
    /// A place.
    Position(Position),
    /// A summary of the device's motion.
    Motion(Motion),
    /// A trip that the app started.
    Trip(Trip),
}

/// Why a detection is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidDetection {
    /// A field is out of its range, or not exactly one of position, motion and trip is there.
    Malformed(&'static str),
    /// The trip's metadata is over its limits.
    MetadataLimit,
}

/// A detection in the database.
#[derive(Clone, Debug)]
pub struct StoredDetection {
    /// The install that uploaded it.
    pub install_id: InstallId,
    /// The detection.
    pub detection: Detection,
}

/// Where a page of detections ended: they are listed by time, and by id where the time is the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DetectionCursor {
    /// The last one's time.
    pub time: Timestamp,
    /// Its id.
    pub detection_id: DetectionId,
}

impl DetectionCursor {
    /// The cursor that `text` is, if it is one.
    pub fn parse(text: &str) -> Option<Self> {
        let (time, detection_id) = text.split_once('.')?;
        let (time, detection_id) = (Timestamp(time.parse().ok()?), DetectionId::parse(detection_id)?);
        Some(DetectionCursor { time, detection_id })
    }
}

impl fmt::Display for DetectionCursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.time.0, self.detection_id)
    }
}

impl Detection {
    /// The detection that an SDK sent, if it is one.
    pub fn parse(sent: protocol::Detection) -> Result<Self, InvalidDetection> {
        use InvalidDetection::Malformed;
        let detection_id = DetectionId::parse(&sent.id)
            .ok_or(Malformed("The id of a detection must be 32 lower-case hex digits."))?;
        let time = parse_time(sent.time)?;
        let content = match (sent.position, sent.motion, sent.trip) {
            (Some(position), None, None) if is_place(&position) => DetectionContent::Position(position),
            (None, Some(motion), None) if is_finite(&motion) => DetectionContent::Motion(motion),
            (None, None, Some(trip)) => DetectionContent::Trip(checked(trip)?),
            (Some(_), None, None) => return Err(Malformed("A position is out of range.")),
            (None, Some(_), None) => return Err(Malformed("A motion is out of range.")),
            _ => return Err(Malformed("Exactly one of position, motion and trip must be there.")),
        };
        Ok(Detection { detection_id, time, content })
    }

    /// What kind it is.
    pub fn kind(&self) -> DetectionType {
        match self.content {
            DetectionContent::Position(_) => DetectionType::Position,
            DetectionContent::Motion(_) => DetectionType::Motion,
            DetectionContent::Trip(_) => DetectionType::Trip,
        }
    }
}

/// A trip with what a later message tells of it: what is known stays, except metadata that has a new value.
pub fn put_together(known: &Trip, news: Trip) -> Trip {
    Trip {
        started_at: known.started_at,
        ended_at: known.ended_at.or(news.ended_at),
        timed_out: known.timed_out.or(news.timed_out),
        transport_mode: known.transport_mode.or(news.transport_mode),
        metadata: merge(&known.metadata, news.metadata),
    }
}

fn merge(known: &[MetadataEntry], news: Vec<MetadataEntry>) -> Vec<MetadataEntry> {
    let mut merged = known.to_vec();
    for entry in news {
        match merged.iter_mut().find(|known| known.key == entry.key) {
            Some(known) => known.value = entry.value,
            None => merged.push(entry),
        }
    }
    merged.retain(|entry| entry.value.is_some());
    merged
}

fn parse_time(time: EpochMs) -> Result<Timestamp, InvalidDetection> {
    if PLAUSIBLE_TIMES.contains(&time.0) {
        Ok(time.into())
    } else {
        Err(InvalidDetection::Malformed("A time is out of range."))
    }
}

fn is_place(position: &Position) -> bool {
    let Position { latitude, longitude, accuracy, altitude, speed, heading } = position;
    (-90.0..=90.0).contains(latitude)
        && (-180.0..=180.0).contains(longitude)
        && (0.0..=f64::MAX).contains(accuracy)
        && [altitude, speed, heading].into_iter().flatten().all(|number| number.is_finite())
}

fn is_finite(motion: &Motion) -> bool {
    let Motion { acceleration_mean, acceleration_max, rotation_mean, .. } = motion;
    [acceleration_mean, acceleration_max].into_iter().chain(rotation_mean).all(|number| number.is_finite())
}

fn checked(trip: Trip) -> Result<Trip, InvalidDetection> {
    parse_time(trip.started_at)?;
    trip.ended_at.map(parse_time).transpose()?;
    if trip.transport_mode.is_some_and(|mode| !TRANSPORT_MODES.contains(&mode)) {
        return Err(InvalidDetection::Malformed("The transport_mode of a trip must be 1 to 11."));
    }
    if !metadata::fits(&trip.metadata) {
        return Err(InvalidDetection::MetadataLimit);
    }
    Ok(trip)
}

#[cfg(test)]
mod tests {
    use super::put_together;
    use sentiance_protocol::{EpochMs, MetadataEntry, Trip};

    fn entry(key: &str, value: Option<&str>) -> MetadataEntry {
        MetadataEntry { key: key.to_owned(), value: value.map(str::to_owned) }
    }

    fn started(metadata: Vec<MetadataEntry>) -> Trip {
        let started_at = EpochMs(1.0);
        Trip { started_at, ended_at: None, timed_out: None, transport_mode: Some(2), metadata }
    }

    #[test]
    fn an_end_is_set_once_and_never_unset() {
        let ended = Trip { ended_at: Some(EpochMs(5.0)), timed_out: Some(false), ..started(Vec::new()) };
        let later = Trip { ended_at: Some(EpochMs(9.0)), timed_out: Some(true), ..ended.clone() };
        assert_eq!(put_together(&started(Vec::new()), ended.clone()), ended);
        assert_eq!(put_together(&ended, later), ended);
        assert_eq!(put_together(&ended, started(Vec::new())), ended);
    }

    #[test]
    fn metadata_is_added_replaced_and_removed_by_key() {
        let known = started(vec![entry("a", Some("1")), entry("b", Some("2")), entry("c", Some("3"))]);
        let news = started(vec![entry("b", Some("new")), entry("c", None), entry("d", Some(""))]);
        let expected = vec![entry("a", Some("1")), entry("b", Some("new")), entry("d", Some(""))];
        assert_eq!(put_together(&known, news).metadata, expected);
    }
}
