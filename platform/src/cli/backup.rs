//! `platform backup` and `platform check`: a copy of the database while it is in use, and whether one is sound.

use super::{Database, Problem, output};
use crate::store::{back_up, check};
use clap::Args;
use std::path::PathBuf;

/// Copies the database, consistently and while a server uses it. The copy is a database that `serve` takes as it is.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  platform backup --database platform.db /backups/platform-2030-01-31.db\n\nTo restore it, stop the server and put the copy in the place of the database;\nits -wal and -shm files must be gone."
)]
pub(super) struct Backup {
    #[command(flatten)]
    database: Database,
    /// The file to make; there must be none of this name.
    file: PathBuf,
}

/// Reads the whole database and looks for damage, while a server may use it.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  platform check --database platform.db")]
pub(super) struct Check {
    #[command(flatten)]
    database: Database,
}

impl Backup {
    pub(super) async fn run(self) -> Result<(), Problem> {
        let file = self.database.file()?;
        back_up(&file, &self.file)
            .await
            .map_err(|error| Problem(format!("cannot back up {}: {error}", file.display())))?;
        output::line(format_args!("backed up {} to {}", file.display(), self.file.display()))
    }
}

impl Check {
    pub(super) async fn run(self) -> Result<(), Problem> {
        let file = self.database.file()?;
        check(&file).await.map_err(|error| Problem(format!("cannot trust {}: {error}", file.display())))?;
        output::line(format_args!("{} is sound", file.display()))
    }
}
