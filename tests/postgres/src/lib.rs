//! PostgreSQL for tests: clusters in folders of their own, on loopback only, which end with the process that started them.
//!
//! The programs are Debian's (`postgresql`); `npm test` installs them. They refuse to run as root, so then they run as
//! Debian's own user of the database.

use anyhow::{Context, bail, ensure};
use nix::{
    sys::{
        signal::{Signal, kill},
        statvfs::statvfs,
    },
    unistd::{Pid, User, chown, geteuid},
};
use std::{
    fs,
    io::Read,
    net::TcpListener,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};
use tempfile::TempDir;

/// The superuser of a cluster, who needs no password on loopback.
const SUPERUSER: &str = "platform";
/// The user of Debian's packages.
const DEBIAN_USER: &str = "postgres";
/// Where Linux keeps files in memory, and how much of it is enough: a cluster with its log of writes takes 200 MB.
const MEMORY: &str = "/dev/shm";
const ENOUGH_MEMORY: u64 = 1024 * 1024 * 1024;
/// How often it is looked whether a server has started: for a minute.
const START_LOOKS: u32 = 6000;
const LOOK_INTERVAL: Duration = Duration::from_millis(10);
/// What the server says once it can be used.
const IS_READY: &str = "database system is ready to accept connections";
/// The same of a standby.
const IS_READY_TO_READ: &str = "database system is ready to accept read-only connections";

/// What it says to clients until then.
const TOO_EARLY: [&str; 2] = ["starting up", "not yet accepting connections"];

/// The server ends when this shell's standard input does, which is when the process that started it has ended, however.
const SUPERVISOR: &str = r#"
    "$@" & server=$!; read -r _; kill -INT "$server" 2>/dev/null; wait "$server"
    if [ "$REMOVED" ]; then rm -rf "$REMOVED"; fi
"#;

/// A cluster, until it is dropped.
#[derive(Debug)]
pub struct Cluster {
    programs: PathBuf,
    folder: TempDir,
    port: u16,
    settings: Vec<String>,
    /// The program through which the server is started, as the superuser; none where it is started directly.
    starter: Vec<String>,
    supervisor: Option<Child>,
    databases: AtomicU32,
    /// It lives as long as the process, which drops nothing at its end.
    is_shared: bool,
}

/// How a cluster is made.
#[derive(Debug, Default)]
struct Setup<'a> {
    /// Such as `fsync=off`.
    settings: &'a [&'a str],
    /// Names and contents of files beside the data.
    files: &'a [(&'a str, &'a str)],
    /// The program through which the server is started, and its arguments.
    starter: &'a [&'a str],
    /// It lives as long as the process.
    is_shared: bool,
}

impl Cluster {
    /// One for all tests of this process, which asks for no durability: in memory, where there is enough of it.
    ///
    /// # Panics
    /// PostgreSQL is missing, or does not start.
    pub fn shared() -> &'static Cluster {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        let settings = [
            "fsync=off",
            "full_page_writes=off",
            "max_connections=300",
            "autovacuum=off",
            "max_wal_size=128MB",
        ];
        SHARED.get_or_init(|| {
            Cluster::start_with(&Setup { settings: &settings, is_shared: true, ..Setup::default() })
                .unwrap_or_else(|error| panic!("no PostgreSQL: {error:#}"))
        })
    }

    /// Makes a cluster and starts its server, with settings such as `fsync=off`.
    ///
    /// # Errors
    /// PostgreSQL is missing, or does not start; the message has what it said.
    pub fn start(settings: &[&str]) -> anyhow::Result<Self> {
        Self::start_with(&Setup { settings, ..Setup::default() })
    }

    /// The same, with a certificate and its key in PEM.
    ///
    /// # Errors
    /// As for [`start`](Self::start).
    pub fn start_with_certificate(certificate: &str, key: &str) -> anyhow::Result<Self> {
        Self::start_with(&Setup {
            // From the folder of the data.
            settings: &["ssl=on", "ssl_cert_file=../certificate.pem", "ssl_key_file=../key.pem"],
            files: &[("certificate.pem", certificate), ("key.pem", key)],
            ..Setup::default()
        })
    }

    /// The same, where another program starts the server: one that enters a name space, say.
    ///
    /// # Errors
    /// As for [`start`](Self::start).
    pub fn start_through(starter: &[&str], settings: &[&str]) -> anyhow::Result<Self> {
        Self::start_with(&Setup { settings, starter, ..Setup::default() })
    }

    fn start_with(setup: &Setup<'_>) -> anyhow::Result<Self> {
        let cluster = Self::prepare(setup)?;
        for (name, content) in setup.files {
            let file = cluster.folder.path().join(name);
            fs::write(&file, content)?;
            // The server takes no key that others may read.
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600))?;
            give_to_server(&file)?;
        }
        let made = as_server(&cluster.programs.join("initdb"))?
            .args(["--no-sync", "--no-instructions", "--encoding=UTF8", "--locale=C.UTF-8", "--auth=trust"])
            .args(["--username", SUPERUSER, "--pgdata"])
            .arg(cluster.data())
            .output()?;
        cluster.started(&made)
    }

    /// Makes a standby of this cluster, and starts its server: it repeats what this one does, until it is promoted.
    ///
    /// # Errors
    /// It cannot be copied, or does not start; the message has what it said.
    pub fn standby(&self) -> anyhow::Result<Self> {
        let settings: Vec<_> = self.settings.iter().map(String::as_str).collect();
        let starter: Vec<_> = self.starter.iter().map(String::as_str).collect();
        let standby = Self::prepare(&Setup { settings: &settings, starter: &starter, ..Setup::default() })?;
        let copied = as_server(&self.programs.join("pg_basebackup"))?
            .args(["--write-recovery-conf", "--no-sync", "--checkpoint=fast", "--wal-method=stream"])
            .args(["--dbname", &self.url("postgres"), "--pgdata"])
            .arg(standby.data())
            .output()?;
        standby.started(&copied)
    }

    /// A cluster without data.
    fn prepare(setup: &Setup<'_>) -> anyhow::Result<Self> {
        let folder = if setup.is_shared { folder_in_memory()? } else { tempfile::tempdir()? };
        give_to_server(folder.path())?;
        let owned = |values: &[&str]| values.iter().map(|&value| value.to_owned()).collect();
        Ok(Cluster {
            programs: programs()?,
            folder,
            port: 0,
            settings: owned(setup.settings),
            starter: owned(setup.starter),
            supervisor: None,
            databases: AtomicU32::default(),
            is_shared: setup.is_shared,
        })
    }

    /// The cluster with its server, once a program has made its data.
    fn started(mut self, made: &Output) -> anyhow::Result<Self> {
        ensure!(made.status.success(), "no cluster was made: {}", String::from_utf8_lossy(&made.stderr));
        self.start_server()?;
        Ok(self)
    }

    /// Lets a standby take writes, and waits until it does.
    ///
    /// # Errors
    /// It is none, or does not run.
    pub fn promote(&self) -> anyhow::Result<()> {
        let promoted = as_server(&self.programs.join("pg_ctl"))?
            .args(["promote", "--wait", "--pgdata"])
            .arg(self.data())
            .output()?;
        ensure!(
            promoted.status.success(),
            "pg_ctl promote failed: {}",
            String::from_utf8_lossy(&promoted.stderr)
        );
        Ok(())
    }

    /// Starts the server of a cluster that was stopped or killed; on the port that it had, if it had one.
    ///
    /// # Errors
    /// It does not start; the message has what it said.
    pub fn start_server(&mut self) -> anyhow::Result<()> {
        self.stop("immediate")?;
        if self.port != 0 {
            return self.start_on(self.port);
        }
        // Another process may take a free port before the server does.
        let mut attempts = (0..5).map(|_| {
            let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
            self.start_on(port)
        });
        let first = attempts.next().context("it was tried")?;
        attempts.fold(first, |result, next| result.or(next))
    }

    /// A program that runs as the server does, and where it does.
    fn starting(&self, program: &Path) -> anyhow::Result<Command> {
        let Some((starter, arguments)) = self.starter.split_first() else { return as_server(program) };
        let mut command = Command::new(starter);
        command.args(arguments).current_dir("/");
        if let Some(user) = server_user()? {
            // Only the superuser may be let in.
            command.arg("setpriv").arg(format!("--reuid={}", user.uid)).arg(format!("--regid={}", user.gid));
            command.arg("--clear-groups");
        }
        command.arg(program);
        Ok(command)
    }

    fn start_on(&mut self, port: u16) -> anyhow::Result<()> {
        if self.supervisor.is_some() {
            return Ok(());
        }
        let log = self.folder.path().join("log");
        let mut command = self.starting(Path::new("sh"))?;
        command.args(["-c", SUPERVISOR, "sh"]).arg(self.programs.join("postgres"));
        command.arg("-D").arg(self.data()).args(["-c", "listen_addresses=127.0.0.1", "-c"]);
        command.arg(format!("port={port}")).args(["-c", "unix_socket_directories="]);
        // Otherwise a server that is killed leaves files where nothing removes them.
        command.args(["-c", "dynamic_shared_memory_type=mmap"]);
        command.args(self.settings.iter().flat_map(|setting| ["-c", setting]));
        command.env("REMOVED", if self.is_shared { self.folder.path() } else { Path::new("") });
        let output = fs::OpenOptions::new().create(true).append(true).open(&log)?;
        let seen = output.metadata()?.len();
        command.stdin(Stdio::piped()).stdout(output.try_clone()?).stderr(output);
        let mut supervisor = command.spawn()?;
        for attempt in 1.. {
            let said = fs::read_to_string(&log)?;
            let said = said.get(usize::try_from(seen)?..).unwrap_or_default();
            if said.contains(IS_READY) || said.contains(IS_READY_TO_READ) {
                (self.port, self.supervisor) = (port, Some(supervisor));
                return Ok(());
            }
            // Those who come too early are refused with an error of the same kind.
            let is_fatal =
                |line: &str| line.contains("FATAL") && !TOO_EARLY.iter().any(|why| line.contains(why));
            let has_failed = said.lines().any(is_fatal);
            if has_failed || attempt > START_LOOKS {
                drop(supervisor.stdin.take());
                supervisor.wait()?;
                bail!("PostgreSQL did not start: {said}");
            }
            thread::sleep(LOOK_INTERVAL);
        }
        Ok(())
    }

    /// Where the cluster's files are.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The port on loopback.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL of a database.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{SUPERUSER}@127.0.0.1:{}/{database}", self.port)
    }

    /// Makes an empty database, and gives its URL.
    ///
    /// # Errors
    /// The server does not make it.
    pub fn create_database(&self) -> anyhow::Result<String> {
        self.create_database_from("template1")
    }

    /// Makes a database like another one, to which there may be no connection, and gives its URL.
    ///
    /// # Errors
    /// The server does not make it.
    pub fn copy_database(&self, url: &str) -> anyhow::Result<String> {
        self.create_database_from(name_in(url)?)
    }

    fn create_database_from(&self, template: &str) -> anyhow::Result<String> {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        // The files of a small database are copied sooner than they are logged.
        self.run("postgres", &format!("create database {name} template {template} strategy file_copy"))?;
        Ok(self.url(&name))
    }

    /// Removes a database, and ends the connections to it.
    ///
    /// # Errors
    /// The server does not remove it.
    pub fn drop_database(&self, url: &str) -> anyhow::Result<()> {
        self.run("postgres", &format!("drop database {} with (force)", name_in(url)?)).map(drop)
    }

    /// Runs SQL in a database, and gives what it prints, without headings.
    ///
    /// # Errors
    /// The server cannot be reached, or refuses it.
    pub fn run(&self, database: &str, sql: &str) -> anyhow::Result<String> {
        let output = Command::new(self.programs.join("psql"))
            .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1"])
            .args(["--dbname", &self.url(database), "--command", sql])
            .stdin(Stdio::null())
            .output()?;
        ensure!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    /// The processes of the server.
    ///
    /// # Errors
    /// It does not run.
    pub fn processes(&self) -> anyhow::Result<Vec<u32>> {
        let server = self.server()?;
        let children = fs::read_to_string(format!("/proc/{server}/task/{server}/children"))?;
        let children = children.split_whitespace().map(str::parse).collect::<Result<Vec<_>, _>>()?;
        Ok([vec![server], children].concat())
    }

    fn server(&self) -> anyhow::Result<u32> {
        let pid = fs::read_to_string(self.data().join("postmaster.pid"))?;
        Ok(pid.lines().next().context("postmaster.pid is empty")?.trim().parse()?)
    }

    /// Ends the server and all its processes at once, as the loss of its machine does.
    ///
    /// # Errors
    /// It does not run.
    pub fn kill_all(&mut self) -> anyhow::Result<()> {
        for process in self.processes()? {
            // Some may have ended meanwhile.
            let _ = kill(Pid::from_raw(process.cast_signed()), Signal::SIGKILL);
        }
        self.wait()
    }

    /// Ends the server at once, as a crash does.
    ///
    /// # Errors
    /// It does not run.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        kill(Pid::from_raw(self.server()?.cast_signed()), Signal::SIGKILL)?;
        self.wait()
    }

    /// Stops the server, if it runs: `fast` or `immediate`.
    ///
    /// # Errors
    /// It does not end.
    pub fn stop(&mut self, mode: &str) -> anyhow::Result<()> {
        if self.supervisor.is_none() {
            return Ok(());
        }
        let stopped = as_server(&self.programs.join("pg_ctl"))?
            .args(["stop", "--wait", "--mode", mode, "--pgdata"])
            .arg(self.data())
            .output()?;
        // It may have ended by itself.
        let said = String::from_utf8_lossy(&stopped.stderr).into_owned();
        ensure!(stopped.status.success() || said.contains("PID file"), "pg_ctl stop failed: {said}");
        self.wait()
    }

    fn wait(&mut self) -> anyhow::Result<()> {
        if let Some(mut supervisor) = self.supervisor.take() {
            drop(supervisor.stdin.take());
            supervisor.wait()?;
        }
        Ok(())
    }

    /// What the server has said so far.
    ///
    /// # Errors
    /// Its log cannot be read.
    pub fn log(&self) -> anyhow::Result<String> {
        let mut log = String::new();
        fs::File::open(self.folder.path().join("log"))?.read_to_string(&mut log)?;
        Ok(log)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self.wait();
    }
}

/// A folder in memory, if that has room, or else on the disk: making a database is making hundreds of files.
fn folder_in_memory() -> anyhow::Result<TempDir> {
    let free = statvfs(MEMORY).map_or(0, |memory| memory.blocks_available() * memory.fragment_size());
    Ok(if free >= ENOUGH_MEMORY { tempfile::tempdir_in(MEMORY)? } else { tempfile::tempdir()? })
}

/// The name of the database at a URL.
fn name_in(url: &str) -> anyhow::Result<&str> {
    url.rsplit_once('/').map(|(_, name)| name).with_context(|| format!("{url} names no database"))
}

/// The user as whom the server runs, where this process must not be it.
///
/// # Errors
/// There is none.
pub fn server_user() -> anyhow::Result<Option<User>> {
    if !geteuid().is_root() {
        return Ok(None);
    }
    let user = User::from_name(DEBIAN_USER)?.with_context(|| format!("there is no user {DEBIAN_USER}"))?;
    Ok(Some(user))
}

/// Makes the user of the server the owner of a file or folder.
fn give_to_server(path: &Path) -> anyhow::Result<()> {
    let Some(user) = server_user()? else { return Ok(()) };
    Ok(chown(path, Some(user.uid), Some(user.gid))?)
}

/// A program that runs as the server does.
fn as_server(program: &Path) -> anyhow::Result<Command> {
    let mut command = Command::new(program);
    if let Some(user) = server_user()? {
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    // The folder of this process may be closed to it.
    command.current_dir("/");
    Ok(command)
}

/// The folder of the newest version's programs: Debian does not put those of the server on the path.
fn programs() -> anyhow::Result<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|version| *version >= 15)
        .max();
    let newest = newest.context("PostgreSQL 15 or newer is missing: apt-get install postgresql")?;
    Ok(PathBuf::from(format!("/usr/lib/postgresql/{newest}/bin")))
}
