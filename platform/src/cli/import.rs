//! `platform import`: from SQLite to PostgreSQL.

use super::{Database, Problem, now, output};
use crate::{
    random::hex,
    store::{Changed, Contents, ImportError, Imported, Place, Progress, import},
};
use clap::Args;
use std::{fmt, path::PathBuf, time::Duration};
use tokio::time::Instant;

/// How often it is told how far a table is.
const INTERVAL: Duration = Duration::from_secs(2);

/// Moves a SQLite database into an empty PostgreSQL one. It can be ended at any time and started again.
///
/// While a server still uses the source, it moves what is there, does not finish, and fails in the end. After the server has
/// ended, the same command moves what has changed meanwhile, checks everything and finishes. No platform works on a database
/// whose import is not finished.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  platform import --from sqlite:platform.db --database postgres://platform@db.internal/platform"
)]
pub(super) struct Import {
    /// The database that is moved; nothing is written to it.
    #[arg(long, value_name = "sqlite:FILE", value_parser = parse_source)]
    from: PathBuf,
    #[command(flatten)]
    database: Database,
}

fn parse_source(text: &str) -> Result<PathBuf, String> {
    let file = text.strip_prefix("sqlite:").filter(|file| !file.is_empty());
    file.map(PathBuf::from).ok_or_else(|| "must be sqlite: and the name of a file".to_owned())
}

impl Import {
    pub(super) async fn run(self) -> Result<(), Problem> {
        let Place::Url(url) = Place::parse(&self.database.name()) else {
            return Err(Problem("--database must be the URL of a PostgreSQL database".to_owned()));
        };
        let from = self.from.display();
        if !self.from.exists() {
            return Err(Problem(format!("there is no database at {from}")));
        }
        let mut report = Report { table_began: Instant::now(), told: Instant::now() };
        // Nothing stops where the lines go to a program that has ended; the last ones tell it.
        let tell = |progress| {
            let _ = report.tell(progress);
        };
        let failed = |error: ImportError| Problem(format!("cannot import {from}: {error}"));
        match import(&self.from, &url, now(), tell).await.map_err(failed)? {
            Imported::Finished(tables) => {
                for (name, Contents { rows, digest }) in tables {
                    let digest = hex(&digest);
                    output::line(format_args!("{name:<24}{rows:>14} rows  SHA-256 {digest}"))?;
                }
                output::line(format_args!("imported {from}: everything is there, and can be served"))
            }
            Imported::Beside => Err(Problem(format!(
                "the import of {from} is not finished, since another process uses it: stop the server, and run the same \
                 command again"
            ))),
        }
    }
}

/// Tells how far it is.
struct Report {
    table_began: Instant,
    told: Instant,
}

impl Report {
    fn tell(&mut self, progress: Progress) -> Result<(), Problem> {
        let step = match progress {
            Progress::Begun { finishes: true } => "no other process uses the source: the import will finish",
            Progress::Begun { finishes: false } => {
                "another process uses the source: the import will not finish in this run"
            }
            Progress::Compared { name, rows, bytes, changed: Changed { written, deleted }, is_whole } => {
                let changed = format!(", {written} written, {deleted} deleted");
                return self.table(format_args!("{name}: "), rows, &changed, bytes, is_whole);
            }
            Progress::Indexes => "making indexes",
            Progress::Check => "checking what is there",
            Progress::Checked { name, rows, bytes, is_whole } => {
                return self.table(format_args!("checked {name}: "), rows, "", bytes, is_whole);
            }
            Progress::References => "checking references",
        };
        self.table_began = Instant::now();
        output::line(step)
    }

    /// A line, unless there was one just before; always at the end of a table.
    fn table(
        &mut self,
        start: fmt::Arguments<'_>,
        rows: u64,
        changed: &str,
        bytes: u64,
        is_whole: bool,
    ) -> Result<(), Problem> {
        if !is_whole && self.told.elapsed() < INTERVAL {
            return Ok(());
        }
        let seconds = self.table_began.elapsed().as_secs_f64();
        self.told = Instant::now();
        if is_whole {
            self.table_began = self.told;
        }
        let (megabytes, more) = (bytes as f64 / 1e6, if is_whole { "" } else { "…" });
        let (rows_per_second, megabytes_per_second) = (rows as f64 / seconds, megabytes / seconds);
        output::line(format_args!(
            "{start}{rows} rows{more}{changed}; {megabytes:.1} MB in {seconds:.1} s, {rows_per_second:.0} rows/s, \
             {megabytes_per_second:.1} MB/s"
        ))
    }
}
