//! What is imported: the tables, in the order in which they are. Their columns and keys are read from the databases, and
//! must be the same in both.

use super::{
    ImportError,
    row::{Key, fields},
};
use crate::random::hex;

/// A table that is imported.
#[derive(Debug)]
pub(in crate::store) struct Table {
    /// Its name on PostgreSQL.
    pub(in crate::store) name: &'static str,
    /// The table of SQLite that has its rows. Its primary key is the order in which both are read.
    pub(in crate::store) source: &'static str,
    /// Columns that only PostgreSQL has, and what is written there.
    added: &'static [(&'static str, &'static str)],
}

const fn table(name: &'static str) -> Table {
    Table { name, source: name, added: &[] }
}

/// All of them. Nothing refers to another table while they are filled, so that they may stand in any order.
pub(in crate::store) const TABLES: &[Table] = &[
    table("applications"),
    // SQLite counts in the application's row.
    Table { name: "stored_of_applications", source: "applications", added: &[("shard", "0")] },
    table("application_origins"),
    table("api_keys"),
    table("users"),
    table("unused_users"),
    table("authentication_codes"),
    table("installs"),
    table("token_pairs"),
    table("token_tombstones"),
    table("user_metadata"),
    table("detection_blocks"),
    table("trips"),
    table("audit_events"),
    table(CLOCK_WATCH),
];

/// The one table in which a platform writes that has done nothing yet.
pub(in crate::store) const CLOCK_WATCH: &str = "clock_watch";

/// A column, as one of the databases tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) struct Column {
    pub(in crate::store) name: String,
    /// The type, as that engine calls it.
    pub(in crate::store) kind: String,
    /// Its place in the primary key, from 1; 0 where it is not in it, or that is not told.
    pub(in crate::store) place_in_key: i64,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Kind {
    Integer,
    Text,
    Bytes,
}

impl Kind {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "integer" | "bigint" => Kind::Integer,
            "text" => Kind::Text,
            "blob" | "bytea" => Kind::Bytes,
            _ => return None,
        })
    }
}

/// How a table is read and written: its columns, those of the key first.
#[derive(Clone, Debug)]
pub(in crate::store) struct Layout {
    pub(in crate::store) table: &'static Table,
    columns: Vec<(String, Kind)>,
    key_columns: usize,
}

impl Layout {
    /// That of a table with these columns in SQLite and in PostgreSQL.
    pub(in crate::store) fn of(
        table: &'static Table,
        source: &[Column],
        target: &[Column],
    ) -> Result<Self, ImportError> {
        let differ =
            |column: &Column| Err(ImportError::Columns { table: table.name, column: column.name.clone() });
        let mut key: Vec<_> = source.iter().filter(|column| column.place_in_key > 0).collect();
        key.sort_by_key(|column| column.place_in_key);
        let mut columns = Vec::new();
        let others = target.iter().filter(|column| key.iter().all(|key| key.name != column.name));
        for column in key.iter().copied().chain(others) {
            let is_added = table.added.iter().any(|(name, _)| *name == column.name);
            let kind =
                |columns: &[Column]| Kind::of(&columns.iter().find(|other| other.name == column.name)?.kind);
            match (kind(source), kind(target)) {
                (Some(from), Some(to)) if from == to => columns.push((column.name.clone(), to)),
                (None, Some(to)) if is_added => columns.push((column.name.clone(), to)),
                _ => return differ(column),
            }
        }
        Ok(Layout { table, columns, key_columns: key.len() })
    }

    /// A column of SQLite's table that no table of PostgreSQL takes.
    pub(in crate::store) fn left_out<'c>(
        layouts: &[Layout],
        source: &str,
        columns: &'c [Column],
    ) -> Option<&'c Column> {
        let takes = |layout: &Layout, column: &Column| {
            layout.table.source == source && layout.columns.iter().any(|(name, _)| *name == column.name)
        };
        columns.iter().find(|column| !layouts.iter().any(|layout| takes(layout, column)))
    }

    /// How many of the columns are the key.
    pub(in crate::store) fn key_columns(&self) -> usize {
        self.key_columns
    }

    /// The kinds of the key's columns.
    pub(in crate::store) fn key_kinds(&self) -> impl Iterator<Item = Kind> {
        self.columns[..self.key_columns].iter().map(|(_, kind)| *kind)
    }

    pub(in crate::store) fn column(&self, place: usize) -> &str {
        self.columns.get(place).map_or("", |(name, _)| name)
    }

    /// All columns, as PostgreSQL calls them.
    pub(in crate::store) fn columns(&self) -> String {
        listed(self.columns.iter().map(|(name, _)| name.as_str()))
    }

    /// The key's columns.
    pub(in crate::store) fn key(&self) -> String {
        listed(self.key_names())
    }

    pub(in crate::store) fn key_names(&self) -> impl Iterator<Item = &str> {
        self.columns[..self.key_columns].iter().map(|(name, _)| name.as_str())
    }

    /// The statement by which SQLite gives rows in the order of the key: from the first one on, or after a key.
    pub(in crate::store) fn read_in_sqlite(&self, is_after_key: bool, limit: usize) -> String {
        let values = self.columns.iter().map(|(name, _)| {
            let added = self.table.added.iter().find(|(column, _)| column == name);
            added.map_or(name.as_str(), |(_, value)| value)
        });
        let (values, source, key) = (listed(values), self.table.source, self.key());
        let places = listed((1..=self.key_columns).map(|place| format!("?{place}")));
        let after = if is_after_key { format!(" where ({key}) > ({places})") } else { String::new() };
        format!("select {values} from {source}{after} order by {key} limit {limit}")
    }

    /// The condition that a row of PostgreSQL comes after a key.
    pub(in crate::store) fn is_after(&self, key: &Key) -> String {
        format!("({}) > ({})", self.key(), self.literals(key))
    }

    /// Whether a key comes after another one, as both databases have them in order.
    pub(in crate::store) fn comes_after(&self, key: &[u8], other: &[u8]) -> bool {
        let values = |key| fields(key).zip(self.key_kinds()).map(|(field, kind)| in_order(field, kind));
        values(key).gt(values(other))
    }

    /// The values of a key in the text of a statement. A copy takes no parameters, and what apps have named is in them: in
    /// hexadecimal digits, nothing in them means anything else.
    fn literals(&self, key: &Key) -> String {
        let values = fields(key).zip(self.key_kinds()).map(|(value, kind)| {
            let value = value.unwrap_or_default();
            let hex = hex(value);
            match kind {
                Kind::Integer => integer(value).to_string(),
                Kind::Text => format!(r"convert_from('\x{hex}', 'UTF8')"),
                Kind::Bytes => format!(r"'\x{hex}'::bytea"),
            }
        });
        listed(values)
    }
}

/// A value of a key in a form of which Rust has the same order: numbers by their size, others by their bytes.
fn in_order(field: Option<&[u8]>, kind: Kind) -> (i64, &[u8]) {
    let bytes = field.unwrap_or_default();
    match kind {
        Kind::Integer => (integer(bytes), &[]),
        Kind::Text | Kind::Bytes => (0, bytes),
    }
}

fn integer(bytes: &[u8]) -> i64 {
    bytes.try_into().map(i64::from_be_bytes).unwrap_or_default()
}

fn listed(names: impl Iterator<Item = impl AsRef<str>>) -> String {
    names.enumerate().fold(String::new(), |mut listed, (place, name)| {
        listed.push_str(if place == 0 { "" } else { ", " });
        listed.push_str(name.as_ref());
        listed
    })
}
