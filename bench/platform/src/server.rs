//! The platform that is measured: a process of its own on a new database.

use crate::{accounting::Usage, seed};
use anyhow::{Context, bail, ensure};
use clap::ValueEnum;
use postgres_cluster::Cluster;
use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

const DEADLINE: Duration = Duration::from_secs(60);

/// No limit: all of the load comes from one address, with one key.
const UNLIMITED: &[&str] = &[
    "--connections-per-address=100000",
    "--limit-per-key=off",
    "--limit-per-external-id=off",
    "--limit-per-address=off",
    "--limit-failures=off",
    "--limit-upload-per-user=off",
    "--limit-upload-per-address=off",
    "--min-free-disk-bytes=0",
];

/// Where the platform keeps its data.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum Engine {
    #[default]
    Sqlite,
    Postgresql,
}

/// A database of a run.
enum Database {
    File(TempDir),
    /// As its packages set it up, but for more memory.
    Cluster(Cluster),
}

impl Database {
    fn new(engine: Engine) -> anyhow::Result<Self> {
        Ok(match engine {
            Engine::Sqlite => Database::File(tempfile::tempdir()?),
            Engine::Postgresql => Database::Cluster(Cluster::start(&["shared_buffers=1GB"])?),
        })
    }

    /// What the platform is told.
    fn name(&self) -> PathBuf {
        match self {
            Database::File(folder) => folder.path().join("platform.db"),
            Database::Cluster(cluster) => cluster.url("postgres").into(),
        }
    }
}

pub(crate) struct Server {
    child: Child,
    pid: u32,
    address: SocketAddr,
    api_key: String,
    database: Database,
}

impl Server {
    /// Starts a platform whose one application has so many users.
    pub(crate) async fn start(binary: &Path, engine: Engine, users: u32) -> anyhow::Result<Self> {
        let binary = fs::canonicalize(binary).with_context(|| format!("there is no {}", binary.display()))?;
        let kept = Database::new(engine)?;
        let database = kept.name();
        let app = run(&binary, &database, &["app", "create", "--name", "Bench"]).await?;
        let app_id = value_of(&app, "app id: ")?;
        let key = ["api-key", "create", "--app", &app_id, "--scope", "user.link", "--scope", "user.read"];
        let api_key = value_of(&run(&binary, &database, &key).await?, "api key: ")?;
        if users > 0 {
            match &kept {
                Database::File(_) => seed::fill(&database, users)?,
                Database::Cluster(_) => bail!("PostgreSQL is measured without users"),
            }
        }
        let mut child = Command::new(&binary)
            .args(["serve", "--address", "127.0.0.1:0"])
            .args(UNLIMITED)
            .env("PLATFORM_DATABASE", &database)
            .env("RUST_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let pid = child.id().context("it has ended")?;
        let stdout = child.stdout.take().context("it has no output")?;
        let address = timeout(DEADLINE, address_in(stdout)).await.context("it does not start")??;
        Ok(Server { child, pid, address, api_key, database: kept })
    }

    /// What the platform has used so far, and what the database has that is a process of its own.
    pub(crate) fn usage(&self) -> anyhow::Result<(Usage, Usage)> {
        let database = match &self.database {
            Database::File(_) => Usage::of(&[])?,
            Database::Cluster(cluster) => Usage::of(&cluster.processes()?)?,
        };
        Ok((Usage::of(&[self.pid])?, database))
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn api_key(&self) -> &str {
        &self.api_key
    }

    pub(crate) fn resident_megabytes(&self) -> anyhow::Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let kilobytes = value_of(&status, "VmRSS:")?.trim().trim_end_matches(" kB").parse::<f64>()?;
        Ok(kilobytes / 1024.0)
    }

    /// The database and its log.
    pub(crate) fn bytes_on_disk(&self) -> anyhow::Result<u64> {
        match &self.database {
            Database::File(folder) => {
                fs::read_dir(folder.path())?.map(|file| Ok(file?.metadata()?.len())).sum()
            }
            Database::Cluster(cluster) => {
                Ok(cluster.run("postgres", "select pg_database_size('postgres')")?.parse()?)
            }
        }
    }

    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        self.child.kill().await?;
        Ok(())
    }
}

async fn address_in(output: impl tokio::io::AsyncRead + Unpin) -> anyhow::Result<SocketAddr> {
    let mut lines = BufReader::new(output).lines();
    while let Some(line) = lines.next_line().await? {
        if let Some((_, address)) = line.split_once("http://") {
            return Ok(address.trim_end_matches('/').parse()?);
        }
    }
    bail!("it ended before it listened")
}

async fn run(binary: &PathBuf, database: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let command = Command::new(binary).args(arguments).env("PLATFORM_DATABASE", database).output();
    let output = timeout(DEADLINE, command).await.context("a command does not end")??;
    ensure!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

fn value_of(printed: &str, label: &str) -> anyhow::Result<String> {
    let found = printed.lines().find_map(|line| line.strip_prefix(label));
    Ok(found.with_context(|| format!("no line {label:?} in {printed:?}"))?.to_owned())
}
