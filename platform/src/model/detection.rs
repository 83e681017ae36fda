//! Detections: what a device recorded, checked.

use super::{DetectionId, InstallId, TripNews, metadata};
use crate::clock::Timestamp;
use sentiance_protocol::{self as protocol, DetectionType, EpochMs, Motion, Position, Trip};
use serde::Serialize;
use std::{
    collections::{HashMap, hash_map::Entry},
    fmt, io,
    ops::RangeInclusive,
};

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

impl StoredDetection {
    /// What the row of a detection takes beside its content, in bytes: its keys, and their copies in the indexes.
    pub const ROW_BYTES: usize = 300;
}

/// A detection of an upload, and how many of its messages told of it.
#[derive(Clone, Debug)]
pub struct Gathered {
    /// Made by the SDK.
    pub detection_id: DetectionId,
    /// When the first message was recorded.
    pub time: Timestamp,
    /// What they tell.
    pub content: GatheredContent,
    /// How many there were.
    pub messages: u32,
}

/// What the messages of an upload tell of one detection.
#[derive(Clone, Debug)]
pub enum GatheredContent {
    /// Everything: a position, or motion.
    Whole(DetectionContent),
    /// A part of a trip, or all of it.
    Trip(TripNews),
}

/// Puts the messages about each trip together, so that the trip is read and written once. Costs as much as the upload
/// is long.
pub fn gather(detections: Vec<Detection>) -> Vec<Gathered> {
    let mut gathered: Vec<Gathered> = Vec::with_capacity(detections.len());
    let mut trips: HashMap<DetectionId, usize> = HashMap::new();
    for Detection { detection_id, time, content } in detections {
        let content = match content {
            DetectionContent::Trip(trip) => match trips.entry(detection_id.clone()) {
                Entry::Occupied(place) => {
                    let earlier = &mut gathered[*place.get()];
                    if let GatheredContent::Trip(news) = &mut earlier.content {
                        news.add(trip);
                    }
                    earlier.messages += 1;
                    continue;
                }
                Entry::Vacant(place) => {
                    place.insert(gathered.len());
                    GatheredContent::Trip(TripNews::of(trip))
                }
            },
            whole => GatheredContent::Whole(whole),
        };
        gathered.push(Gathered { detection_id, time, content, messages: 1 });
    }
    gathered
}

/// Where a detection stands among those of its kind: they are ordered by time, and by id where the time is the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DetectionKey {
    /// When it was recorded.
    pub time: Timestamp,
    /// Its id.
    pub detection_id: DetectionId,
}

impl DetectionKey {
    /// The first that there can be at a time.
    pub fn first_at(time: Timestamp) -> Self {
        DetectionKey { time, detection_id: DetectionId::from_bytes([0; 16]) }
    }
}

/// Where a page of detections ended: those of all kinds are listed by their keys, and by kind where the key is the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DetectionCursor {
    /// The last one's key.
    pub key: DetectionKey,
    /// Its kind.
    pub kind: DetectionType,
}

impl DetectionCursor {
    /// The cursor that `text` is, if it is one.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '.');
        let (time, detection_id) =
            (Timestamp(parts.next()?.parse().ok()?), DetectionId::parse(parts.next()?)?);
        // Earlier versions gave no kind, since no two had the same id.
        let kind = parts.next().map_or(Some(DetectionType::Trip), DetectionType::parse)?;
        Some(DetectionCursor { key: DetectionKey { time, detection_id }, kind })
    }
}

impl fmt::Display for DetectionCursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DetectionCursor { key: DetectionKey { time, detection_id }, kind } = self;
        write!(formatter, "{}.{detection_id}.{}", time.0, kind.as_str())
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

    /// Where it stands among those of its kind.
    pub fn key(&self) -> DetectionKey {
        DetectionKey { time: self.time, detection_id: self.detection_id.clone() }
    }

    /// The same, to be compared.
    pub fn key_parts(&self) -> (Timestamp, &DetectionId) {
        (self.time, &self.detection_id)
    }

    /// How many bytes its content has as JSON.
    pub fn content_bytes(&self) -> usize {
        match &self.content {
            DetectionContent::Position(position) => stored_bytes(position),
            DetectionContent::Motion(motion) => stored_bytes(motion),
            DetectionContent::Trip(trip) => stored_bytes(trip),
        }
    }

    /// How many bytes the platform stores for it in a row of its own, about.
    pub fn stored_bytes(&self) -> u64 {
        (StoredDetection::ROW_BYTES + self.content_bytes()) as u64
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

/// How many bytes a value has as it is stored, which is as JSON.
pub(super) fn stored_bytes(value: &impl Serialize) -> usize {
    let mut length = Length(0);
    // Counting cannot fail, and what was read from JSON can be written as JSON.
    let _ = serde_json::to_writer(&mut length, value);
    length.0
}

struct Length(usize);

impl io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
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
