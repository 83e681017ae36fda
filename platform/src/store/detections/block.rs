//! A block: some detections of one user, kind and day, column by column.

use super::columns::{ColumnReader, ColumnWriter, Damaged, Packing};
use crate::{
    clock::Timestamp,
    model::{Detection, DetectionContent, DetectionId, DetectionKey, InstallId, StoredDetection},
    store::StoreError,
};
use sentiance_protocol::{DetectionType, Motion, Position};
use serde::{Deserialize, Serialize};

/// How many detections a block holds, at most. What is stored for each becomes fewer with more of them, and what it costs
/// to add one to a block becomes more.
pub const BLOCK_MAX_ENTRIES: usize = 256;
/// Of fewer than so many nothing is compressed.
const FEW: usize = 16;

/// A block as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// The key of its first detection.
    pub first: DetectionKey,
    /// That of its last one.
    pub last: DetectionKey,
    /// How many it holds.
    pub count: u32,
    /// The detections: a [`Format`] in the encoding of [Postcard](https://postcard.jamesmunns.com/wire-format).
    pub content: Vec<u8>,
}

/// What the content of a block is. A later form becomes another variant, so that both can be read.
#[derive(Serialize, Deserialize)]
enum Format<'b> {
    #[serde(borrow)]
    V1(V1<'b>),
}

#[derive(Serialize, Deserialize)]
struct V1<'b> {
    packing: Packing,
    /// The installs that uploaded something of it.
    #[serde(borrow)]
    installs: Vec<&'b str>,
    /// The ids, of 16 bytes each.
    ids: &'b [u8],
    /// The columns: time, install (its place in the list), and what the kind has.
    columns: Vec<&'b [u8]>,
}

impl Block {
    /// What a block takes beside its content, in bytes: its keys, and their copies in the indexes.
    pub const ROW_BYTES: usize = 400;

    /// How many bytes are counted for it.
    pub fn stored_bytes(&self) -> u64 {
        (Block::ROW_BYTES + self.content.len()) as u64
    }

    /// A block of these detections, which are in order, of one kind, and not more than fit.
    pub(super) fn of(entries: &[StoredDetection]) -> Option<Block> {
        let (first, last) = (entries.first()?.detection.key(), entries.last()?.detection.key());
        let packing = if entries.len() < FEW { Packing::Plain } else { Packing::Packed };
        Some(Block { first, last, count: entries.len() as u32, content: encode(entries, packing)? })
    }

    /// The detections, which are of this kind.
    ///
    /// # Errors
    /// The content is damaged.
    pub fn entries(&self, kind: DetectionType) -> Result<Vec<StoredDetection>, StoreError> {
        decode(&self.content, kind, self.count as usize)
            .map_err(|Damaged| StoreError::Inconsistent { table: "detection_blocks", column: "content" })
    }
}

/// The content of a block; nothing if the detections are not of one kind that is stored in blocks.
fn encode(entries: &[StoredDetection], packing: Packing) -> Option<Vec<u8>> {
    let mut installs: Vec<&str> = Vec::new();
    let (mut ids, mut times) = (Vec::with_capacity(entries.len() * 16), Vec::with_capacity(entries.len()));
    let mut places = Vec::with_capacity(entries.len());
    for StoredDetection { install_id, detection } in entries {
        let install = install_id.as_str();
        let place = installs.iter().position(|known| *known == install).unwrap_or_else(|| {
            installs.push(install);
            installs.len() - 1
        });
        places.push(u16::try_from(place).ok()?);
        times.push(detection.time.0);
        ids.extend(detection.detection_id.to_bytes());
    }
    let mut writer = ColumnWriter::new(packing);
    writer.add(&times);
    writer.add_places(&places);
    match entries.first()?.detection.content {
        DetectionContent::Position(_) => add_positions(&mut writer, entries)?,
        DetectionContent::Motion(_) => add_motions(&mut writer, entries)?,
        DetectionContent::Trip(_) => return None,
    }
    let columns = writer.finish();
    let columns = columns.iter().map(Vec::as_slice).collect();
    // It allocates what it needs, and every type of the format can be written.
    postcard::to_allocvec(&Format::V1(V1 { packing, installs, ids: &ids, columns })).ok()
}

fn add_positions(writer: &mut ColumnWriter, entries: &[StoredDetection]) -> Option<()> {
    let positions: Vec<&Position> = entries
        .iter()
        .map(|entry| match &entry.detection.content {
            DetectionContent::Position(position) => Some(position),
            _ => None,
        })
        .collect::<Option<_>>()?;
    let column = |of: fn(&Position) -> f64| positions.iter().copied().map(of).collect::<Vec<_>>();
    let optional = |of: fn(&Position) -> Option<f64>| positions.iter().copied().map(of).collect::<Vec<_>>();
    writer.add(&column(|position| position.latitude));
    writer.add(&column(|position| position.longitude));
    writer.add(&column(|position| position.accuracy));
    writer.add_optional(&optional(|position| position.altitude));
    writer.add_optional(&optional(|position| position.speed));
    writer.add_optional(&optional(|position| position.heading));
    Some(())
}

fn add_motions(writer: &mut ColumnWriter, entries: &[StoredDetection]) -> Option<()> {
    let motions: Vec<&Motion> = entries
        .iter()
        .map(|entry| match &entry.detection.content {
            DetectionContent::Motion(motion) => Some(motion),
            _ => None,
        })
        .collect::<Option<_>>()?;
    let column = |of: fn(&Motion) -> f64| motions.iter().copied().map(of).collect::<Vec<_>>();
    let whole = |of: fn(&Motion) -> u32| motions.iter().copied().map(of).collect::<Vec<_>>();
    writer.add(&whole(|motion| motion.duration_ms));
    writer.add(&whole(|motion| motion.samples));
    writer.add(&column(|motion| motion.acceleration_mean));
    writer.add(&column(|motion| motion.acceleration_max));
    writer.add_optional(&motions.iter().map(|motion| motion.rotation_mean).collect::<Vec<_>>());
    Some(())
}

fn decode(content: &[u8], kind: DetectionType, count: usize) -> Result<Vec<StoredDetection>, Damaged> {
    // The count decides how much memory is taken.
    if count > BLOCK_MAX_ENTRIES {
        return Err(Damaged);
    }
    let Format::V1(V1 { packing, installs, ids, columns }) =
        postcard::from_bytes(content).map_err(|_| Damaged)?;
    let installs: Vec<InstallId> =
        installs.into_iter().map(InstallId::parse).collect::<Option<_>>().ok_or(Damaged)?;
    let (ids, rest) = ids.as_chunks::<16>();
    if ids.len() != count || !rest.is_empty() {
        return Err(Damaged);
    }
    let mut reader = ColumnReader::new(packing, columns, count);
    let (times, places) = (reader.take::<i64>()?, reader.take_places()?);
    let contents = match kind {
        DetectionType::Position => take_positions(&mut reader)?,
        DetectionType::Motion => take_motions(&mut reader)?,
        DetectionType::Trip => return Err(Damaged),
    };
    let heads = ids.iter().zip(times).zip(places);
    heads
        .zip(contents)
        .map(|(((id, time), place), content)| {
            let install_id = installs.get(usize::from(place)).ok_or(Damaged)?.clone();
            let (detection_id, time) = (DetectionId::from_bytes(*id), Timestamp(time));
            Ok(StoredDetection { install_id, detection: Detection { detection_id, time, content } })
        })
        .collect()
}

fn take_positions(reader: &mut ColumnReader<'_>) -> Result<Vec<DetectionContent>, Damaged> {
    let (latitudes, longitudes, accuracies) =
        (reader.take::<f64>()?, reader.take::<f64>()?, reader.take::<f64>()?);
    let (altitudes, speeds, headings) =
        (reader.take_optional()?, reader.take_optional()?, reader.take_optional()?);
    let places = latitudes.into_iter().zip(longitudes).zip(accuracies);
    let moves = altitudes.into_iter().zip(speeds).zip(headings);
    let positions =
        places.zip(moves).map(|(((latitude, longitude), accuracy), ((altitude, speed), heading))| {
            DetectionContent::Position(Position { latitude, longitude, accuracy, altitude, speed, heading })
        });
    Ok(positions.collect())
}

fn take_motions(reader: &mut ColumnReader<'_>) -> Result<Vec<DetectionContent>, Damaged> {
    let (durations, samples) = (reader.take::<u32>()?, reader.take::<u32>()?);
    let (means, maxima, rotations) = (reader.take::<f64>()?, reader.take::<f64>()?, reader.take_optional()?);
    let counts = durations.into_iter().zip(samples);
    let motions = counts.zip(means).zip(maxima).zip(rotations).map(
        |((((duration_ms, samples), acceleration_mean), acceleration_max), rotation_mean)| {
            DetectionContent::Motion(Motion {
                duration_ms,
                samples,
                acceleration_mean,
                acceleration_max,
                rotation_mean,
            })
        },
    );
    Ok(motions.collect())
}

#[cfg(test)]
mod tests {
    use super::{BLOCK_MAX_ENTRIES, Block, Packing, decode, encode};
    use crate::{
        clock::Timestamp,
        model::{Detection, DetectionContent, DetectionId, InstallId, StoredDetection},
    };
    use fastrand::Rng;
    use sentiance_protocol::{DetectionType, Motion, Position};

    /// Any finite number, most of them ordinary ones.
    fn number(rng: &mut Rng) -> f64 {
        match rng.u8(..8) {
            0 => [0.0, -0.0, f64::MIN_POSITIVE, f64::MAX, f64::MIN, 5e-324][rng.usize(..6)],
            1 => Some(f64::from_bits(rng.u64(..))).filter(|number| number.is_finite()).unwrap_or(1.5),
            2 => f64::from(rng.f32()),
            3..6 => (rng.f64() * 1e9).round() / 1e7,
            _ => rng.f64() * 360.0,
        }
    }

    fn entries(rng: &mut Rng, kind: DetectionType, count: usize) -> Vec<StoredDetection> {
        let installs: Vec<InstallId> = (0..rng.usize(1..4))
            .map(|_| InstallId::parse(&format!("{:032x}", rng.u128(..))).unwrap())
            .collect();
        let has_rest = rng.u8(..3);
        let mut time = rng.i64(0..1 << 53);
        let mut entry = || {
            time += rng.i64(0..100_000);
            let optional = |rng: &mut Rng| match has_rest {
                0 => None,
                1 => Some(number(rng)),
                _ => rng.bool().then(|| number(rng)),
            };
            let content = match kind {
                DetectionType::Motion => DetectionContent::Motion(Motion {
                    duration_ms: rng.u32(..),
                    samples: rng.u32(..),
                    rotation_mean: optional(rng),
                    acceleration_mean: number(rng),
                    acceleration_max: number(rng),
                }),
                _ => DetectionContent::Position(Position {
                    altitude: optional(rng),
                    speed: optional(rng),
                    heading: optional(rng),
                    latitude: number(rng),
                    longitude: number(rng),
                    accuracy: number(rng),
                }),
            };
            let detection_id = DetectionId::from_bytes(rng.u128(..).to_be_bytes());
            let install_id = installs[rng.usize(..installs.len())].clone();
            StoredDetection {
                install_id,
                detection: Detection { detection_id, time: Timestamp(time), content },
            }
        };
        (0..count).map(|_| entry()).collect()
    }

    #[test]
    fn what_is_in_a_block_comes_out_as_it_went_in_to_the_last_bit() {
        let mut rng = Rng::new();
        for count in (1..20).chain([63, 64, 65, BLOCK_MAX_ENTRIES - 1, BLOCK_MAX_ENTRIES]) {
            for kind in [DetectionType::Position, DetectionType::Motion] {
                for packing in [Packing::Plain, Packing::Packed] {
                    let entries = entries(&mut rng, kind, count);
                    let content = encode(&entries, packing).unwrap();
                    let decoded = decode(&content, kind, count).unwrap();
                    // The text of a number is that of no other, and tells 0 and -0 apart.
                    assert_eq!(
                        format!("{decoded:?}"),
                        format!("{entries:?}"),
                        "{count} {kind:?} {packing:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_damaged_block_is_an_error_and_takes_no_more_memory_than_a_sound_one() {
        let mut rng = Rng::new();
        let entries = entries(&mut rng, DetectionType::Position, 100);
        let sound = Block::of(&entries).unwrap();
        let mut refused = 0;
        for _ in 0..2000 {
            let mut damaged = sound.clone();
            let place = rng.usize(..damaged.content.len());
            damaged.content[place] ^= rng.u8(1..);
            refused += u32::from(damaged.entries(DetectionType::Position).is_err());
            damaged.content.truncate(place);
            assert!(damaged.entries(DetectionType::Position).is_err());
        }
        assert!(refused > 0, "a bit of an id or of a number may be another one");
        let miscounted = |count| Block { count, ..sound.clone() }.entries(DetectionType::Position);
        assert!([0, 99, 101, u32::MAX].into_iter().all(|count| miscounted(count).is_err()));
        assert!(sound.entries(DetectionType::Motion).is_err());
    }
}
