//! The platform that is measured: a process of its own on a new database.

use crate::{
    accounting::{Usage, Usages},
    database::{Database, Engine},
    serve::SERVE,
};
use anyhow::{Context, bail, ensure};
use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::{sleep, timeout},
};

const DEADLINE: Duration = Duration::from_secs(60);
/// How often it is looked whether it still works, and how many times at most.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);
const MOST_LOOKS: u32 = 300;

/// More than are measured: the fewer are free, the fewer a network may have.
const STREAMS: &str = "--event-streams=15000";

pub(crate) struct Server {
    binary: PathBuf,
    child: Child,
    pid: u32,
    address: SocketAddr,
    api_key: String,
    app: App,
    database: Database,
}

/// What an app has to create users that are not linked.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) id: String,
    pub(crate) secret: String,
}

impl Server {
    /// Starts a platform with one application, after its database was filled.
    pub(crate) async fn start(
        binary: &Path,
        engine: Engine,
        fill: impl FnOnce(&Database) -> anyhow::Result<()>,
    ) -> anyhow::Result<Self> {
        let binary = fs::canonicalize(binary).with_context(|| format!("there is no {}", binary.display()))?;
        let filled = Database::new(engine)?;
        let database = filled.name();
        let app = run(&binary, &database, &["app", "create", "--name", "Bench"]).await?;
        let app = App { id: value_of(&app, "app id: ")?, secret: value_of(&app, "app secret: ")? };
        let scopes = ["user.link", "user.read", "user.delete"].map(|scope| format!("--scope={scope}"));
        let key = [&["api-key", "create", "--app", &app.id][..], &scopes.each_ref().map(String::as_str)];
        let api_key = value_of(&run(&binary, &database, &key.concat()).await?, "api key: ")?;
        fill(&filled)?;
        let mut child = Command::new(&binary)
            .args(SERVE)
            .args(["--address", "127.0.0.1:0", STREAMS])
            .env("PLATFORM_DATABASE", &database)
            .env("RUST_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let pid = child.id().context("it has ended")?;
        let stdout = child.stdout.take().context("it has no output")?;
        let address = timeout(DEADLINE, address_in(stdout)).await.context("it does not start")??;
        Ok(Server { binary, child, pid, address, api_key, app, database: filled })
    }

    /// What the platform has used so far, and what the database has that is a process of its own.
    pub(crate) fn usage(&self) -> anyhow::Result<Usages> {
        Ok((Usage::of(&[self.pid])?, self.database.usage()?))
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn api_key(&self) -> &str {
        &self.api_key
    }

    pub(crate) fn app(&self) -> &App {
        &self.app
    }

    /// Runs a command beside it, on the same database.
    pub(crate) async fn command(&self, arguments: &[&str]) -> anyhow::Result<String> {
        run(&self.binary, &self.database.name(), arguments).await
    }

    /// Waits until it has done what it does by itself after the last requests, such as removing what deleted users left.
    pub(crate) async fn settle(&self) -> anyhow::Result<()> {
        let mut before = self.usage()?;
        for _ in 0..MOST_LOOKS {
            sleep(LOOK_INTERVAL).await;
            let after = self.usage()?;
            let used = after.0.cpu_since(&before.0) + after.1.cpu_since(&before.1);
            if used < LOOK_INTERVAL / 50 {
                return Ok(());
            }
            before = after;
        }
        bail!("it still works a minute after the last request")
    }

    pub(crate) fn resident_megabytes(&self) -> anyhow::Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let kilobytes = value_of(&status, "VmRSS:")?.trim().trim_end_matches(" kB").parse::<f64>()?;
        Ok(kilobytes / 1024.0)
    }

    pub(crate) fn database(&self) -> &Database {
        &self.database
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
