//! What stands around the platform: haproxy before it, pgbouncer behind it, and networks that fail.

use std::{
    fs,
    net::TcpListener as Listener,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

/// Below the ports that the system gives to clients, so that a program that was ended finds its own one free again.
const PORTS: std::ops::Range<u16> = 20_000..32_000;
/// A helper ends when this shell's standard input does, which is when the test has ended, however.
const SUPERVISOR: &str = r#""$@" & helper=$!; read -r _; kill -TERM "$helper" 2>/dev/null; sleep 0.1; kill -KILL "$helper" 2>/dev/null; wait"#;
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// A port of loopback on which nothing listens.
pub(crate) fn free_port() -> u16 {
    loop {
        let port = fastrand::u16(PORTS);
        if Listener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A program that runs for as long as the test does.
struct Helper {
    supervisor: Child,
    folder: TempDir,
    port: u16,
}

impl Helper {
    /// Writes what it is to do into a file, starts it, and waits until it listens.
    fn start(program: &str, arguments: &[&str], configure: impl FnOnce(u16) -> String) -> Self {
        assert!(Path::new(program).exists(), "{program} is missing: npm test installs it");
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        let file = folder.path().join("configuration");
        fs::write(&file, configure(port)).unwrap();
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let supervisor = Command::new("sh")
            .args(["-c", SUPERVISOR, "sh", program])
            .args(arguments)
            .arg(&file)
            .stdin(Stdio::piped())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let helper = Helper { supervisor, folder, port };
        for _ in 0..1000 {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return helper;
            }
            thread::sleep(LOOK_INTERVAL);
        }
        panic!("{program} does not listen: {}", helper.log());
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        drop(self.supervisor.stdin.take());
        let _ = self.supervisor.wait();
    }
}

/// haproxy, which gives each request to a replica that is ready.
pub(crate) struct Haproxy(Helper);

impl Haproxy {
    pub(crate) fn before(replicas: &[String]) -> Self {
        Haproxy(Helper::start("/usr/sbin/haproxy", &["-db", "-f"], |port| {
            let servers: String = replicas
                .iter()
                .enumerate()
                .map(|(number, address)| format!("    server replica{number} {address} check\n"))
                .collect();
            // A request that may have been heard is for its sender to repeat, with the same idempotency key.
            format!(
                "defaults
    mode http
    timeout connect 1s
    timeout client 60s
    timeout server 60s
    timeout check 2s
    retries 3
    option redispatch 1
    retry-on conn-failure
frontend all
    bind 127.0.0.1:{port}
    default_backend replicas
backend replicas
    balance roundrobin
    option httpchk GET /readyz
    default-server inter 300ms fastinter 100ms fall 2 rise 1
{servers}"
            )
        }))
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.0.port)
    }
}

/// pgbouncer, which gives each transaction whatever connection is free.
pub(crate) struct Pgbouncer(Helper);

impl Pgbouncer {
    pub(crate) fn before(port_of_server: u16, connections: u32) -> Self {
        // As root it refuses to run.
        let user = postgres_cluster::server_user().unwrap().map(|user| user.name);
        let arguments: Vec<_> = user.iter().flat_map(|user| ["-u", user]).collect();
        Pgbouncer(Helper::start("/usr/sbin/pgbouncer", &arguments, |port| {
            format!(
                "[databases]
* = host=127.0.0.1 port={port_of_server} user=platform
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {connections}
max_client_conn = 500
"
            )
        }))
    }

    /// The URL of a database, for a platform.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://platform@127.0.0.1:{}/{database}?prepared_statements=false", self.0.port)
    }
}

/// A network between platforms and their database. It can stall: nothing passes, and nothing is closed.
pub(crate) struct Network {
    pub(crate) port: u16,
    passes: watch::Sender<bool>,
}

impl Network {
    pub(crate) async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let network =
            Network { port: listener.local_addr().unwrap().port(), passes: watch::Sender::new(true) };
        let passes = network.passes.subscribe();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let passes = passes.clone();
                tokio::spawn(async move {
                    let far = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                    let ((from_near, to_near), (from_far, to_far)) = (near.into_split(), far.into_split());
                    tokio::spawn(pass(from_near, to_far, passes.clone()));
                    pass(from_far, to_near, passes).await;
                });
            }
        });
        network
    }

    pub(crate) fn set_stalled(&self, is_stalled: bool) {
        self.passes.send_replace(!is_stalled);
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut passes: watch::Receiver<bool>) {
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        let goes_on = passes.wait_for(|passes| *passes).await.is_ok();
        if !goes_on || to.write_all(&bytes[..count]).await.is_err() {
            break;
        }
    }
}
