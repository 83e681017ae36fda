//! The command line: what a person or a script can ask of the platform.

mod api_key;
mod app;
mod audit;
mod backup;
mod descriptors;
mod import;
mod log;
mod output;
mod serve;
mod user;

use crate::{
    clock::{Clock, SystemClock},
    domain::Refusal,
    random::OsRandomness,
    store::{Place, Reader, Store, StoreError},
};
use clap::{Args, Parser, Subcommand};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

/// The platform: issues authentication codes, creates, restores and deactivates users.
#[derive(Debug, Parser)]
#[command(name = "platform", version, max_term_width = 100)]
pub struct Command {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    Serve(serve::Serve),
    Dev(serve::Dev),
    /// Brings the database's schema up to date. `serve` and `dev` do so by themselves.
    #[command(after_help = "Example:\n  platform migrate --database platform.db")]
    Migrate(Database),
    Backup(backup::Backup),
    Check(backup::Check),
    Import(import::Import),
    /// Applications.
    #[command(subcommand)]
    App(app::App),
    /// API keys.
    #[command(subcommand)]
    ApiKey(api_key::ApiKeyTask),
    /// Users.
    #[command(subcommand)]
    User(user::UserTask),
    /// The audit log.
    #[command(subcommand)]
    Audit(audit::AuditTask),
}

/// Which database a command works on.
#[derive(Debug, Args)]
struct Database {
    /// The SQLite file, which is made if it is missing, or the URL of a PostgreSQL database
    /// [default: DATABASE_URL if that is one of PostgreSQL, else platform.db].
    #[arg(long, env = "PLATFORM_DATABASE", hide_env_values = true, value_name = "FILE|URL")]
    database: Option<PathBuf>,
}

/// Without a name.
const DEFAULT_DATABASE: &str = "platform.db";

impl Database {
    fn name(&self) -> PathBuf {
        self.database.clone().unwrap_or_else(|| {
            let url = std::env::var_os("DATABASE_URL").map(PathBuf::from);
            let url = url.filter(|url| matches!(Place::parse(url), Place::Url(_)));
            url.unwrap_or_else(|| PathBuf::from(DEFAULT_DATABASE))
        })
    }

    /// Opens a database that is there, to write: a typing error must not make another.
    async fn open(&self) -> Result<Store, Problem> {
        let name = self.existing()?;
        Store::open_for_command(&name).await.map_err(|error| cannot_open(&name, error))
    }

    /// Opens a database that is there, to read. Writers do not wait for it, nor it for them.
    async fn open_to_read(&self) -> Result<Reader, Problem> {
        let name = self.existing()?;
        Reader::open(&name).await.map_err(|error| cannot_open(&name, error))
    }

    /// Opens the database, or makes it, for a command.
    async fn open_or_create(&self) -> Result<Store, Problem> {
        let name = self.name();
        Store::open_for_command(&name).await.map_err(|error| cannot_open(&name, error))
    }

    /// Opens the database, or makes it, for a server.
    async fn open_to_serve(&self) -> Result<Store, Problem> {
        let name = self.name();
        Store::open(&name).await.map_err(|error| cannot_open(&name, error))
    }

    /// The name of a database that is there, as far as that can be told without a connection.
    fn existing(&self) -> Result<PathBuf, Problem> {
        let name = self.name();
        if matches!(Place::parse(&name), Place::File(file) if !file.exists()) {
            let file = name.display();
            return Err(Problem(format!("there is no database at {file}; `platform migrate` makes one")));
        }
        Ok(name)
    }

    /// The file of a database that is there; for what only SQLite has.
    fn file(&self) -> Result<PathBuf, Problem> {
        let name = self.existing()?;
        match Place::parse(&name) {
            Place::File(file) => Ok(file),
            place @ Place::Url(_) => Err(Problem(format!(
                "{place} is no SQLite file; PostgreSQL has its own tools for this, such as pg_dump and pg_amcheck"
            ))),
        }
    }
}

fn cannot_open(name: &Path, error: StoreError) -> Problem {
    Problem(format!("cannot open the database {}: {error}", Place::parse(name)))
}

/// Closes the database once nothing uses any more what was taken away.
async fn close_when_gone(store: &Store) -> Result<(), Problem> {
    let ended = store.until_others_ended().await;
    store.close().await;
    ended.map_err(|error| {
        Problem(format!("this is done, but requests that had begun may still use the former: {error}"))
    })
}

/// Why a command failed, in one line.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Problem(String);

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Problem(refusal.to_string())
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Problem(error.to_string())
    }
}

impl From<std::io::Error> for Problem {
    fn from(error: std::io::Error) -> Self {
        Problem(error.to_string())
    }
}

/// The real world, which tests replace.
const CLOCK: SystemClock = SystemClock;
const RANDOM: OsRandomness = OsRandomness;

/// Runs a command; its failure is one line on standard error.
pub fn run(command: Command) -> ExitCode {
    // Not by `tokio::main`, which panics where it has too few file descriptors.
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let result = runtime
        .map_err(|error| Problem(format!("cannot start: {error}")))
        .and_then(|runtime| runtime.block_on(perform(command.task)));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            output::complain(&problem);
            ExitCode::FAILURE
        }
    }
}

async fn perform(task: Task) -> Result<(), Problem> {
    match task {
        Task::Serve(task) => task.run().await,
        Task::Dev(task) => task.run().await,
        Task::Migrate(database) => migrate(database).await,
        Task::Backup(task) => task.run().await,
        Task::Check(task) => task.run().await,
        Task::Import(task) => task.run().await,
        Task::App(task) => task.run().await,
        Task::ApiKey(task) => task.run().await,
        Task::User(task) => task.run().await,
        Task::Audit(task) => task.run().await,
    }
}

async fn migrate(database: Database) -> Result<(), Problem> {
    database.open_or_create().await?.close().await;
    output::line(format_args!("the schema of {} is up to date", Place::parse(&database.name())))
}

fn now() -> crate::clock::Timestamp {
    CLOCK.now()
}
