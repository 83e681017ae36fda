//! Moving a deployment that has outgrown one machine: everything that a SQLite database holds, into an empty PostgreSQL one.
//!
//! Both are read in the order of the same keys, in pieces that are compared row by row, and the second is made what the
//! first is. So a run that was ended goes on where it was, and a run after another one writes only what has changed
//! meanwhile. While a server still uses the source, a run leaves the target unfinished, and no platform works on it. Once the
//! server has ended, a run has the source for itself: then nothing can change any more, and what it leaves is checked and
//! finished.

pub(super) mod row;
pub(super) mod table;

use super::{StoreError, postgres::PostgresTarget, sqlite::SqliteSource};
use crate::{clock::Timestamp, random::hex};
use row::{Chunk, Sum};
use std::{fmt, path::Path};
use table::{Layout, TABLES};
use tokio::{
    sync::mpsc::{Receiver, Sender, channel},
    task::spawn_blocking,
};

/// How many pieces may have been read that were not compared yet.
const AHEAD: usize = 2;

/// Why a database was not imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A database failed, or is none of this platform.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The source has rows of an earlier version.
    #[error(
        "the source holds detections in the form of an earlier version: a server of this version that runs on it brings \
         them over, which may take hours; try again when it has"
    )]
    OldRows,
    /// The target is reached through a pooler that gives each transaction another connection.
    #[error("an import needs the database itself, and no pooler before it (prepared_statements=false)")]
    Pooled,
    /// Another import works on the target.
    #[error("another import into this database is under way")]
    Imported,
    /// A platform works on the target.
    #[error("a platform is connected to the target: stop it first")]
    Served,
    /// The target has rows, and none that an import wrote.
    #[error("the target is not empty: it has rows in {0}")]
    NotEmpty(&'static str),
    /// The target is being filled from another database.
    #[error("an import of another database into this one has begun: give an empty one")]
    OtherSource,
    /// The target was filled before, and may have been used since.
    #[error("the import into this database is finished; to repeat it, give an empty one")]
    Finished,
    /// The tables of the two databases have different columns.
    #[error("{table}.{column} is not the same in both databases")]
    Columns {
        /// The table.
        table: &'static str,
        /// The column.
        column: String,
    },
    /// A value that the target cannot hold.
    #[error("the source holds an impossible value in {table}.{column}")]
    Value {
        /// The table.
        table: &'static str,
        /// The column.
        column: String,
    },
    /// The target gave something that is no row.
    #[error("the target gave something that is no row of {0}")]
    NoRow(&'static str),
    /// A row has something that only one row may have, and another one has it.
    #[error("two rows have what only one may have")]
    Taken,
    /// What is in the target is not what is in the source.
    #[error("{table} differs: the source has {wanted}, the target has {found}")]
    Differs {
        /// The table.
        table: &'static str,
        /// What the source has.
        wanted: Contents,
        /// What the target has.
        found: Contents,
    },
    /// Rows were not read.
    #[error("{read} rows of {table} were read, and the source has {counted}")]
    Unread {
        /// The table.
        table: &'static str,
        /// How many were read.
        read: u64,
        /// How many there are.
        counted: u64,
    },
    /// What reads the source has panicked.
    #[error("the source was not read to its end")]
    Panicked,
}

/// What a table holds: how many rows, and their SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contents {
    /// How many rows.
    pub rows: u64,
    /// What recognizes all of them.
    pub digest: [u8; 32],
}

impl From<Sum> for Contents {
    fn from(sum: Sum) -> Self {
        Contents { rows: sum.rows, digest: sum.digest() }
    }
}

impl fmt::Display for Contents {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} rows, SHA-256 {}", self.rows, hex(&self.digest))
    }
}

/// What was written to the target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// New rows, and rows that have changed.
    pub written: u64,
    /// Rows that are gone, and former forms of those that have changed.
    pub deleted: u64,
}

/// How far an import is.
#[derive(Clone, Copy, Debug)]
pub enum Progress {
    /// It reads the source for itself, and will finish; or others use it meanwhile.
    Begun {
        /// Whether it will finish.
        finishes: bool,
    },
    /// A table is being compared.
    Compared {
        /// Its name.
        name: &'static str,
        /// How many rows were compared so far.
        rows: u64,
        /// How many bytes they have.
        bytes: u64,
        /// What was written of them.
        changed: Changed,
        /// Whether these are all.
        is_whole: bool,
    },
    /// Indexes are being made.
    Indexes,
    /// What the target has is being read once more.
    Check,
    /// One table of that.
    Checked {
        /// Its name.
        name: &'static str,
        /// How many rows were read so far.
        rows: u64,
        /// How many bytes they have.
        bytes: u64,
        /// Whether these are all.
        is_whole: bool,
    },
    /// References between tables are being checked.
    References,
}

/// What came of an import.
#[derive(Debug)]
pub enum Imported {
    /// Everything is there and was checked: the tables, and what they hold.
    Finished(Vec<(&'static str, Contents)>),
    /// The source was in use: what was written there meanwhile may be missing.
    Beside,
}

/// Imports the SQLite database `file` into the PostgreSQL database at `url`, as far as that is possible now.
pub async fn import(
    file: &Path,
    url: &str,
    now: Timestamp,
    mut tell: impl FnMut(Progress) + Send,
) -> Result<Imported, ImportError> {
    let source = SqliteSource::open(file)?;
    if source.has_old_rows()? {
        return Err(ImportError::OldRows);
    }
    let finishes = source.is_alone();
    tell(Progress::Begun { finishes });
    let target = PostgresTarget::connect(url).await?;
    let layouts = layouts(&source, &target).await?;
    target.begin(&source.fingerprint()?, now).await?;

    let (sender, mut receiver) = channel(AHEAD);
    let to_read = layouts.clone();
    let reading = spawn_blocking(move || read_all(&source, &to_read, &sender).map(|()| source));
    let mut sums = Vec::new();
    for layout in &layouts {
        // Where nothing comes, the reader tells why.
        let Some(sum) = take_table(&target, layout, &mut receiver, &mut tell).await? else { break };
        sums.push(sum);
    }
    drop(receiver);
    // The source stays as it is until the end.
    let source = reading.await.map_err(|_| ImportError::Panicked)??;
    tell(Progress::Indexes);
    target.restore_indexes().await?;
    if !finishes {
        return Ok(Imported::Beside);
    }
    tell(Progress::Check);
    let mut checked = Vec::new();
    for (layout, wanted) in layouts.iter().zip(sums) {
        let table = layout.table.name;
        let mut read = (0, 0);
        let tell_read = |rows, bytes| {
            read = (rows, bytes);
            tell(Progress::Checked { name: table, rows, bytes, is_whole: false });
        };
        let found = target.sum(layout, tell_read).await?;
        tell(Progress::Checked { name: table, rows: read.0, bytes: read.1, is_whole: true });
        let (wanted, found) = (Contents::from(wanted), Contents::from(found));
        if wanted != found {
            return Err(ImportError::Differs { table, wanted, found });
        }
        checked.push((table, found));
    }
    target.analyze().await?;
    tell(Progress::References);
    target.restore_references().await?;
    target.finish(now).await?;
    drop(source);
    Ok(Imported::Finished(checked))
}

/// How each table is read and written. Nothing may be left out.
async fn layouts(source: &SqliteSource, target: &PostgresTarget) -> Result<Vec<Layout>, ImportError> {
    let mut layouts = Vec::new();
    for table in TABLES {
        let columns = (source.columns(table.source)?, target.columns(table.name).await?);
        layouts.push(Layout::of(table, &columns.0, &columns.1)?);
    }
    for table in TABLES {
        if let Some(column) = Layout::left_out(&layouts, table.source, &source.columns(table.source)?) {
            return Err(ImportError::Columns { table: table.source, column: column.name.clone() });
        }
    }
    Ok(layouts)
}

/// What the reader gives.
#[derive(Debug)]
enum Read {
    /// The next rows of a table.
    Rows(Chunk),
    /// Its end, and all that were given.
    End(Sum),
}

/// Reads one table after the other, for as long as the rows are taken.
fn read_all(source: &SqliteSource, layouts: &[Layout], taker: &Sender<Read>) -> Result<(), ImportError> {
    for layout in layouts {
        let (mut sum, mut after, mut is_over) = (Sum::default(), None, false);
        while !is_over {
            let chunk = source.read(layout, after)?;
            chunk.add_to(&mut sum);
            after = chunk.up_to.clone();
            is_over = after.is_none();
            if taker.blocking_send(Read::Rows(chunk)).is_err() {
                return Ok(());
            }
        }
        if source.is_alone() {
            // By another way, since a row that was passed over is missing in the sum, too.
            let counted = source.count(layout)?;
            if counted != sum.rows {
                return Err(ImportError::Unread { table: layout.table.name, read: sum.rows, counted });
            }
        }
        if taker.blocking_send(Read::End(sum)).is_err() {
            return Ok(());
        }
    }
    Ok(())
}

/// Makes a table of the target what the reader gives; tells all that it gave, unless it has failed.
async fn take_table(
    target: &PostgresTarget,
    layout: &Layout,
    receiver: &mut Receiver<Read>,
    tell: &mut (impl FnMut(Progress) + Send),
) -> Result<Option<Sum>, ImportError> {
    let (name, mut rows, mut bytes, mut changed) = (layout.table.name, 0, 0, Changed::default());
    loop {
        match receiver.recv().await {
            Some(Read::Rows(chunk)) => {
                let Changed { written, deleted } = target.take(layout, &chunk).await?;
                changed.written += written;
                changed.deleted += deleted;
                rows += chunk.len() as u64;
                bytes += chunk.bytes() as u64;
                tell(Progress::Compared { name, rows, bytes, changed, is_whole: false });
            }
            Some(Read::End(sum)) => {
                tell(Progress::Compared { name, rows, bytes, changed, is_whole: true });
                return Ok(Some(sum));
            }
            None => return Ok(None),
        }
    }
}

#[cfg(test)]
mod tests;
