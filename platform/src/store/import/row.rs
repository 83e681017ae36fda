//! Rows in the one form in which they are read from both databases, compared, summed up and sent: that of PostgreSQL's
//! binary copy, in which each value comes after its length
//! (<https://www.postgresql.org/docs/15/sql-copy.html#id-1.9.55.9.4>).

use super::table::Kind;
use crate::store::sql::Value;
use sha2::{Digest, Sha256};

/// What a copy begins with: its signature, no flags, and no extension.
pub(in crate::store) const HEADER: &[u8; 19] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// What it ends with.
pub(in crate::store) const TRAILER: [u8; 2] = (-1_i16).to_be_bytes();

/// The length of what is null.
const NULL: [u8; 4] = (-1_i32).to_be_bytes();
/// Before the values of a row: how many there are.
const COUNT_BYTES: usize = 2;

/// The values of a row's key, as they are in the row.
pub(in crate::store) type Key = Vec<u8>;

/// Rows that follow each other in a table.
#[derive(Debug)]
pub(in crate::store) struct Chunk {
    /// The key before them; none where they are the first ones.
    pub(in crate::store) after: Option<Key>,
    /// The key of the last one; none where no more follow.
    pub(in crate::store) up_to: Option<Key>,
    bytes: Vec<u8>,
    /// Where each row ends.
    ends: Vec<usize>,
}

impl Chunk {
    /// One after a key, that has no rows yet.
    pub(in crate::store) fn after(after: Option<Key>) -> Self {
        Chunk { after, up_to: None, bytes: Vec::new(), ends: Vec::new() }
    }

    /// Begins a row of so many values.
    pub(in crate::store) fn begin_row(&mut self, values: usize) {
        let count = i16::try_from(values).unwrap_or(i16::MAX);
        self.bytes.extend(count.to_be_bytes());
    }

    /// Adds a value to the row that was begun last.
    pub(in crate::store) fn push(&mut self, value: Value<'_>) {
        let mut push = |bytes: &[u8]| {
            // No value is longer than a gigabyte: PostgreSQL would not take it.
            self.bytes.extend(i32::try_from(bytes.len()).unwrap_or(i32::MAX).to_be_bytes());
            self.bytes.extend(bytes);
        };
        match value {
            Value::Null => self.bytes.extend(NULL),
            Value::Integer(number) => push(&number.to_be_bytes()),
            Value::Text(text) => push(text.as_bytes()),
            Value::Bytes(bytes) => push(bytes),
        }
    }

    /// Ends that row.
    pub(in crate::store) fn end_row(&mut self) {
        self.ends.push(self.bytes.len());
    }

    /// More rows follow it: it ends with its last one.
    pub(in crate::store) fn end_with_last(&mut self, key_columns: usize) {
        let last = self.rows().last().and_then(|row| key_of(row, key_columns));
        self.up_to = last.map(<[u8]>::to_owned);
    }

    pub(in crate::store) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The length of all rows.
    pub(in crate::store) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    pub(in crate::store) fn rows(&self) -> impl Iterator<Item = &[u8]> {
        let starts = [0].into_iter().chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.bytes[start..*end])
    }

    /// Adds all rows to a sum.
    pub(in crate::store) fn add_to(&self, sum: &mut Sum) {
        sum.rows += self.len() as u64;
        sum.digest.update(&self.bytes);
    }
}

/// How many rows a table has, and what recognizes them all.
#[derive(Clone, Debug, Default)]
pub(in crate::store) struct Sum {
    pub(in crate::store) rows: u64,
    digest: Sha256,
}

impl Sum {
    /// Adds the next row.
    pub(in crate::store) fn add(&mut self, row: &[u8]) {
        self.rows += 1;
        self.digest.update(row);
    }

    /// The SHA-256 of all rows, each value of which comes after its length.
    pub(in crate::store) fn digest(self) -> [u8; 32] {
        self.digest.finalize().into()
    }
}

/// The beginning of a row that is its key; none where it is no row.
pub(in crate::store) fn key_of(row: &[u8], key_columns: usize) -> Option<&[u8]> {
    let values = row.get(COUNT_BYTES..)?;
    let mut rest = values;
    for _ in 0..key_columns {
        (_, rest) = split_value(rest)?;
    }
    values.get(..values.len() - rest.len())
}

/// The values of a key, one after the other; none for what is null.
pub(in crate::store) fn fields(key: &[u8]) -> impl Iterator<Item = Option<&[u8]>> {
    let mut rest = key;
    std::iter::from_fn(move || {
        let (value, after) = split_value(rest)?;
        rest = after;
        Some(value)
    })
}

/// A value of a key.
pub(in crate::store) fn value_of(field: Option<&[u8]>, kind: Kind) -> Option<Value<'_>> {
    let Some(bytes) = field else { return Some(Value::Null) };
    Some(match kind {
        Kind::Integer => Value::Integer(i64::from_be_bytes(bytes.try_into().ok()?)),
        Kind::Text => Value::Text(str::from_utf8(bytes).ok()?),
        Kind::Bytes => Value::Bytes(bytes),
    })
}

/// The first value, and what follows it.
fn split_value(bytes: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    if *length == NULL {
        return Some((None, rest));
    }
    let (value, rest) = rest.split_at_checked(usize::try_from(i32::from_be_bytes(*length)).ok()?)?;
    Some((Some(value), rest))
}
