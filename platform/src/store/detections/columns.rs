//! Columns of numbers as bytes: delta-encoded and compressed by [Pcodec](https://docs.rs/pco), without loss.

use pco::{
    ChunkConfig, DeltaSpec,
    data_types::Number,
    standalone::{simple_compress, simple_decompress_into},
};
use serde::{Deserialize, Serialize};

/// What was read is not what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Damaged;

/// How the numbers of a block are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Packing {
    /// As they are: of a few, nothing is gained otherwise.
    Plain,
    /// Compressed.
    Packed,
}

impl Packing {
    fn config(self) -> Option<ChunkConfig> {
        match self {
            Packing::Plain => None,
            // Choosing among deltas, or a higher level, takes three times as long and saves one byte of twenty.
            Packing::Packed => Some(
                ChunkConfig::default()
                    .with_compression_level(0)
                    .with_delta_spec(DeltaSpec::TryConsecutive(1)),
            ),
        }
    }
}

/// A number of a column.
pub(super) trait Value: Number + Default {
    fn append_to(self, bytes: &mut Vec<u8>);
    /// The numbers that the bytes are, and what is left of them.
    fn all_of(bytes: &[u8]) -> (Vec<Self>, &[u8]);
}

macro_rules! values {
    ($($number:ty),+) => { $(
        impl Value for $number {
            fn append_to(self, bytes: &mut Vec<u8>) {
                bytes.extend(self.to_le_bytes());
            }

            fn all_of(bytes: &[u8]) -> (Vec<Self>, &[u8]) {
                let (numbers, rest) = bytes.as_chunks();
                (numbers.iter().map(|number| <$number>::from_le_bytes(*number)).collect(), rest)
            }
        }
    )+ };
}

values!(u16, u32, i64, f64);

/// Takes columns of one length.
pub(super) struct ColumnWriter {
    config: Option<ChunkConfig>,
    columns: Vec<Vec<u8>>,
}

impl ColumnWriter {
    pub(super) fn new(packing: Packing) -> Self {
        ColumnWriter { config: packing.config(), columns: Vec::new() }
    }

    /// Adds a column.
    pub(super) fn add<T: Value>(&mut self, values: &[T]) {
        let mut bytes = Vec::new();
        match &self.config {
            _ if values.is_empty() => {}
            None => values.iter().for_each(|value| value.append_to(&mut bytes)),
            // It refuses more numbers than it can count and settings out of range, and nothing else.
            Some(config) => {
                bytes = simple_compress(values, config).unwrap_or_else(|error| unreachable!("{error}"));
            }
        }
        self.columns.push(bytes);
    }

    /// Adds a column that is mostly 0 throughout, and then takes no byte.
    pub(super) fn add_places(&mut self, values: &[u16]) {
        self.add(if values.iter().all(|value| *value == 0) { &[] } else { values });
    }

    /// Adds a column in which values may be missing: a bit for each value that tells whether it is there, and the values.
    pub(super) fn add_optional(&mut self, values: &[Option<f64>]) {
        let mut bits = vec![0_u8; values.len().div_ceil(8)];
        for (place, _) in values.iter().enumerate().filter(|(_, value)| value.is_some()) {
            bits[place / 8] |= 1 << (place % 8);
        }
        let present: Vec<f64> = values.iter().copied().flatten().collect();
        self.columns.push(if present.is_empty() { Vec::new() } else { bits });
        self.add(&present);
    }

    pub(super) fn finish(self) -> Vec<Vec<u8>> {
        self.columns
    }
}

/// Gives the columns back, in the order in which they were added.
pub(super) struct ColumnReader<'b> {
    packing: Packing,
    columns: std::vec::IntoIter<&'b [u8]>,
    length: usize,
}

impl<'b> ColumnReader<'b> {
    pub(super) fn new(packing: Packing, columns: Vec<&'b [u8]>, length: usize) -> Self {
        ColumnReader { packing, columns: columns.into_iter(), length }
    }

    pub(super) fn take<T: Value>(&mut self) -> Result<Vec<T>, Damaged> {
        self.take_values(self.length)
    }

    /// A column of [`ColumnWriter::add_places`].
    pub(super) fn take_places(&mut self) -> Result<Vec<u16>, Damaged> {
        if self.columns.as_slice().first().is_some_and(|bytes| bytes.is_empty()) {
            self.columns.next();
            return Ok(vec![0; self.length]);
        }
        self.take()
    }

    pub(super) fn take_optional(&mut self) -> Result<Vec<Option<f64>>, Damaged> {
        let bits = self.columns.next().ok_or(Damaged)?;
        let is_there = |place: usize| bits.get(place / 8).is_some_and(|byte| byte >> (place % 8) & 1 == 1);
        let present = (0..self.length).filter(|&place| is_there(place)).count();
        let mut values = self.take_values(present)?.into_iter();
        Ok((0..self.length).map(|place| if is_there(place) { values.next() } else { None }).collect())
    }

    fn take_values<T: Value>(&mut self, count: usize) -> Result<Vec<T>, Damaged> {
        let bytes = self.columns.next().ok_or(Damaged)?;
        if self.packing == Packing::Plain || count == 0 {
            let (values, rest) = T::all_of(bytes);
            return if values.len() == count && rest.is_empty() { Ok(values) } else { Err(Damaged) };
        }
        let mut values = vec![T::default(); count];
        let progress = simple_decompress_into(bytes, &mut values).map_err(|_| Damaged)?;
        if progress.n_processed == count && progress.finished { Ok(values) } else { Err(Damaged) }
    }
}
