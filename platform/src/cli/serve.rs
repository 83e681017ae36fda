//! `platform serve` and `platform dev`: the server itself.

use super::{
    CLOCK, Database, Problem, RANDOM,
    api_key::{self, days},
    app,
    descriptors::room_for,
    log::{self, LogFormat},
    now, output,
};
use crate::{
    domain::{Lifetimes, ListApplications, Quotas, SetFirstAppSecret},
    http::{EventSettings, Limit, Limits, Platform, ProxyHeader, Settings, TrustedProxy, server},
    model::{Retention, Scope},
    secret::{AppSecret, Plain},
    store::{Place, Store},
};
use clap::Args;
use sentiance_protocol::SdkConfiguration;
use std::{
    future::Future,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};

/// Serves the platform until it is interrupted, and then finishes what is under way.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  platform serve --address 127.0.0.1:8080 --database platform.db --public-url https://platform.example.com"
)]
pub(super) struct Serve {
    #[command(flatten)]
    database: Database,
    #[command(flatten)]
    server: Server,
    /// The URL under which apps reach this platform, where a proxy stands before it.
    #[arg(long, env = "PLATFORM_PUBLIC_URL", value_name = "URL", value_parser = parse_public_url)]
    public_url: Option<String>,
}

/// Serves the platform for development: with a demo application and key, and open to pages of this machine.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  platform dev --address 127.0.0.1:8080")]
pub(super) struct Dev {
    /// The SQLite file, which is made if it is missing, or the URL of a PostgreSQL database.
    #[arg(
        long,
        env = "PLATFORM_DATABASE",
        hide_env_values = true,
        default_value = "platform-dev.db",
        value_name = "FILE|URL"
    )]
    database: PathBuf,
    #[command(flatten)]
    server: Server,
}

/// How to serve.
#[derive(Debug, Args)]
struct Server {
    /// Where to listen; port 0 lets the system choose.
    #[arg(long, env = "PLATFORM_ADDRESS", default_value = "127.0.0.1:8080", value_name = "HOST:PORT")]
    address: SocketAddr,
    /// How long an access token lives, such as 24h or 90s.
    #[arg(long, env = "PLATFORM_ACCESS_TOKEN_LIFETIME", default_value = "24h", value_name = "TIME",
          value_parser = parse_lifetime)]
    access_token_lifetime: Duration,
    /// How long a refresh token lives that is not used.
    #[arg(long, env = "PLATFORM_REFRESH_TOKEN_LIFETIME", default_value = "180d", value_name = "TIME",
          value_parser = parse_lifetime)]
    refresh_token_lifetime: Duration,
    /// How long events of the audit log are kept.
    #[arg(long, env = "PLATFORM_AUDIT_RETENTION", default_value = "400d", value_name = "TIME",
          value_parser = parse_lifetime)]
    audit_retention: Duration,
    /// How long detections are kept of applications for which nothing else is set: a time such as 90d, or forever.
    #[arg(long, env = "PLATFORM_DETECTIONS_RETENTION", default_value = "forever", value_name = "TIME",
          value_parser = parse_default_retention)]
    detections_retention: Retention,
    /// How many streams of events there may be at once.
    #[arg(long, env = "PLATFORM_EVENT_STREAMS", default_value_t = 10_000, value_name = "COUNT")]
    event_streams: usize,
    /// How often an SDK with a status listener asks for its state.
    #[arg(long, env = "PLATFORM_STATUS_POLL_SECONDS", default_value_t = 60, value_name = "SECONDS",
          value_parser = clap::value_parser!(u32).range(1..))]
    status_poll_seconds: u32,
    /// When a trip ends that the app does not stop; without it the SDK's default, 2 hours.
    #[arg(long, env = "PLATFORM_TRIP_TIMEOUT_SECONDS", value_name = "SECONDS",
          value_parser = clap::value_parser!(u32).range(1..))]
    trip_timeout_seconds: Option<u32>,
    /// How long detections wait for others to be sent with; without it the SDK's default, 30 seconds.
    #[arg(long, env = "PLATFORM_UPLOAD_INTERVAL_SECONDS", value_name = "SECONDS",
          value_parser = clap::value_parser!(u32).range(1..))]
    upload_interval_seconds: Option<u32>,
    /// How much an SDK may store; without it the SDK's default, 128 MB.
    #[arg(long, env = "PLATFORM_DISK_QUOTA_BYTES", value_name = "BYTES")]
    disk_quota_bytes: Option<u32>,
    /// How much an SDK may transfer over Wi-Fi in 30 days; without it the SDK's default, 2048 MB.
    #[arg(long, env = "PLATFORM_WIFI_QUOTA_BYTES", value_name = "BYTES")]
    wifi_quota_bytes: Option<u32>,
    /// How much an SDK may transfer over mobile networks in 30 days; without it the SDK's default, 250 MB.
    #[arg(long, env = "PLATFORM_MOBILE_QUOTA_BYTES", value_name = "BYTES")]
    mobile_quota_bytes: Option<u32>,
    /// A proxy whose word about the caller's address counts: an address or a network, several with commas.
    #[arg(long, env = "PLATFORM_TRUSTED_PROXY", value_name = "CIDR", value_delimiter = ',')]
    trusted_proxy: Vec<TrustedProxy>,
    /// The header in which the trusted proxies write that address.
    #[arg(long, env = "PLATFORM_PROXY_HEADER", value_name = "NAME", value_enum, default_value_t)]
    proxy_header: ProxyHeader,
    /// How many connections one address (IPv6: 64 bits of it) may have at once, trusted proxies apart [default: a third
    /// of all there may be, but not fewer than 6; for dev all].
    #[arg(long, env = "PLATFORM_CONNECTIONS_PER_ADDRESS", value_name = "COUNT",
          value_parser = clap::value_parser!(u32).range(1..))]
    connections_per_address: Option<u32>,
    /// How often one API key may be used: off, or a rate with a burst [default: 100/s:1000, for dev off].
    #[arg(long, env = "PLATFORM_LIMIT_PER_KEY", value_name = "RATE")]
    limit_per_key: Option<Limit>,
    /// How many codes one external id may have [default: 10/m:20, for dev off].
    #[arg(long, env = "PLATFORM_LIMIT_PER_EXTERNAL_ID", value_name = "RATE")]
    limit_per_external_id: Option<Limit>,
    /// How often one address (IPv6: 64 bits of it) may call [default: 100/s:1000, for dev off].
    #[arg(long, env = "PLATFORM_LIMIT_PER_ADDRESS", value_name = "RATE")]
    limit_per_address: Option<Limit>,
    /// How many exchanges of one address may fail until more failures are told to wait [default: 30/m:60, for dev off].
    #[arg(long, env = "PLATFORM_LIMIT_FAILURES", value_name = "RATE")]
    limit_failures: Option<Limit>,
    /// How many KiB one user may upload [default: 64/s:8192, for dev off].
    #[arg(long, env = "PLATFORM_LIMIT_UPLOAD_PER_USER", value_name = "RATE")]
    limit_upload_per_user: Option<Limit>,
    /// How many KiB may be uploaded from one address [default: 1024/s:32768, for dev off].
    #[arg(long, env = "PLATFORM_LIMIT_UPLOAD_PER_ADDRESS", value_name = "RATE")]
    limit_upload_per_address: Option<Limit>,
    /// How many users may be created with an application's secret from one address [default: 30/m:300, for dev off].
    #[arg(long, env = "PLATFORM_LIMIT_UNLINKED_PER_ADDRESS", value_name = "RATE")]
    limit_unlinked_per_address: Option<Limit>,
    /// How many users may be created with one application's secret [default: 50/s:5000, for dev off].
    #[arg(long, env = "PLATFORM_LIMIT_UNLINKED_PER_APP", value_name = "RATE")]
    limit_unlinked_per_app: Option<Limit>,
    /// How many bytes of detections one user may store; 0 for no bound.
    #[arg(long, env = "PLATFORM_QUOTA_PER_USER_BYTES", value_name = "BYTES", default_value_t = 16 << 30)]
    quota_per_user_bytes: u64,
    /// How many bytes of detections one user may store in a day (UTC); 0 for no bound.
    #[arg(long, env = "PLATFORM_QUOTA_PER_USER_AND_DAY_BYTES", value_name = "BYTES", default_value_t = 256 << 20)]
    quota_per_user_and_day_bytes: u64,
    /// How many bytes of detections all users of one application may store; 0 for no bound.
    #[arg(long, env = "PLATFORM_QUOTA_PER_APP_BYTES", value_name = "BYTES", default_value_t = 0)]
    quota_per_app_bytes: u64,
    /// How many bytes of the disk stay free: less than that, and uploads and users who are not linked are refused
    /// [default: 536870912, for dev 0].
    #[arg(long, env = "PLATFORM_MIN_FREE_DISK_BYTES", value_name = "BYTES")]
    min_free_disk_bytes: Option<u64>,
    /// How long a user is kept who is not linked and was never used.
    #[arg(long, env = "PLATFORM_UNUSED_USER_LIFETIME", default_value = "7d", value_name = "TIME",
          value_parser = parse_lifetime)]
    unused_user_lifetime: Duration,
    /// Where to answer `GET /metrics`, for Prometheus; without it nowhere. Not for the public.
    #[arg(long, env = "PLATFORM_METRICS_ADDRESS", value_name = "HOST:PORT")]
    metrics_address: Option<SocketAddr>,
    /// How the log is written.
    #[arg(long, env = "PLATFORM_LOG_FORMAT", value_name = "FORMAT", value_enum, default_value_t)]
    log_format: LogFormat,
}

/// What `serve` and `dev` do where no option says anything.
struct Defaults {
    limits: Limits,
    min_free_disk: u64,
    allow_loopback_origins: bool,
    /// Whether one address may take all connections.
    one_address_may_have_all: bool,
}

/// How many connections browsers open to one server (HTTP/1.1): fewer for one address would break honest pages.
const CONNECTIONS_OF_A_BROWSER: usize = 6;

const SERVE: Defaults = Defaults {
    limits: Limits::PRODUCTION,
    min_free_disk: 512 << 20,
    allow_loopback_origins: false,
    one_address_may_have_all: false,
};
/// A developer's tests come from one address, with one key.
const DEV: Defaults = Defaults {
    limits: Limits::OFF,
    min_free_disk: 0,
    allow_loopback_origins: true,
    one_address_may_have_all: true,
};

impl Serve {
    pub(super) async fn run(self) -> Result<(), Problem> {
        let _log = log::start(self.server.log_format);
        let store = self.database.open_to_serve().await?;
        warn_if_open_to_others(&store);
        let settings = self.server.settings(SERVE);
        let listeners = self.server.listen().await?;
        let stop = stop_signal()?;
        announce(&listeners, self.public_url.as_deref())?;
        serve(listeners, store, settings, stop).await;
        Ok(())
    }
}

impl Dev {
    pub(super) async fn run(self) -> Result<(), Problem> {
        let _log = log::start(self.server.log_format);
        let database = self.database.clone();
        let store = Database { database: Some(self.database) }.open_to_serve().await?;
        warn_if_open_to_others(&store);
        let settings = self.server.settings(DEV);
        let listeners = self.server.listen().await?;
        prepare_demo(&store, &database).await?;
        let stop = stop_signal()?;
        announce(&listeners, None)?;
        serve(listeners, store, settings, stop).await;
        Ok(())
    }
}

/// A file that was there before the platform keeps its mode.
fn warn_if_open_to_others(store: &Store) {
    if let Some(files) = store.open_to_others() {
        tracing::warn!(
            files,
            "others than the owner may read or write the database; it should have the mode 0600"
        );
    }
}

impl Server {
    fn settings(&self, defaults: Defaults) -> Settings {
        let Defaults { limits, min_free_disk, allow_loopback_origins, one_address_may_have_all } = defaults;
        let lifetimes = Lifetimes {
            access_token: self.access_token_lifetime,
            refresh_token: self.refresh_token_lifetime,
        };
        let sdk = SdkConfiguration {
            status_poll_seconds: self.status_poll_seconds,
            trip_timeout_seconds: self.trip_timeout_seconds,
            upload_interval_seconds: self.upload_interval_seconds,
            disk_quota_bytes: self.disk_quota_bytes,
            wifi_quota_bytes: self.wifi_quota_bytes,
            mobile_quota_bytes: self.mobile_quota_bytes,
        };
        let limits = Limits {
            per_key: self.limit_per_key.unwrap_or(limits.per_key),
            per_external_id: self.limit_per_external_id.unwrap_or(limits.per_external_id),
            per_address: self.limit_per_address.unwrap_or(limits.per_address),
            failures: self.limit_failures.unwrap_or(limits.failures),
            upload_per_user: self.limit_upload_per_user.unwrap_or(limits.upload_per_user),
            upload_per_address: self.limit_upload_per_address.unwrap_or(limits.upload_per_address),
            unlinked_per_address: self.limit_unlinked_per_address.unwrap_or(limits.unlinked_per_address),
            unlinked_per_app: self.limit_unlinked_per_app.unwrap_or(limits.unlinked_per_app),
        };
        let bound = |bytes: u64| (bytes > 0).then_some(bytes);
        let quotas = Quotas {
            per_user: bound(self.quota_per_user_bytes),
            per_user_and_day: bound(self.quota_per_user_and_day_bytes),
            per_application: bound(self.quota_per_app_bytes),
        };
        let defaults = Settings::default();
        let (connections, streams) = room_for(defaults.connections, self.event_streams);
        let connections_per_address = match self.connections_per_address {
            Some(count) => count as usize,
            None if one_address_may_have_all => connections,
            None => connections.div_ceil(3).max(CONNECTIONS_OF_A_BROWSER).min(connections),
        };
        Settings {
            lifetimes,
            sdk,
            connections,
            connections_per_address,
            events: EventSettings {
                streams,
                streams_per_address: streams.div_ceil(10),
                streams_unlinked: streams.div_ceil(2),
                ..defaults.events
            },
            quotas,
            min_free_disk: self.min_free_disk_bytes.unwrap_or(min_free_disk),
            unused_user_lifetime: self.unused_user_lifetime,
            audit_retention: self.audit_retention,
            detections_retention: match self.detections_retention {
                Retention::For(span) => Some(span),
                Retention::Default | Retention::Forever => None,
            },
            allow_loopback_origins,
            trusted_proxies: self.trusted_proxy.clone(),
            proxy_header: self.proxy_header,
            limits,
            ..defaults
        }
    }

    async fn listen(&self) -> Result<Listeners, Problem> {
        let metrics = match self.metrics_address {
            Some(address) => Some(listen(address).await?),
            None => None,
        };
        Ok(Listeners { platform: listen(self.address).await?, metrics })
    }
}

/// Where to answer.
struct Listeners {
    platform: TcpListener,
    metrics: Option<TcpListener>,
}

async fn listen(address: SocketAddr) -> Result<TcpListener, Problem> {
    TcpListener::bind(address).await.map_err(|error| Problem(format!("cannot listen on {address}: {error}")))
}

/// Makes a demo application with a key where there is no application yet. Its secret and key are shown this once.
async fn prepare_demo(store: &Store, database: &Path) -> Result<(), Problem> {
    // A URL is told without its password, so a command that is copied asks for it.
    let database = Place::parse(database);
    if let Some((app, _)) = store.read(ListApplications).await?.first() {
        output::line(format_args!("app id: {}", app.app_id))?;
        let secret = Plain::<AppSecret>::generate(&RANDOM);
        let first = SetFirstAppSecret { app_id: app.app_id.clone(), secret: secret.hash(), now: now() };
        if store.write(first).await? {
            output::line(format_args!("app secret: {}", secret.reveal()))?;
        } else {
            output::line(format_args!(
                "app secret: shown when it was made; for another: platform app rotate-secret --database {} --app {}",
                database, app.app_id
            ))?;
        }
        // `dev` has a database of its own, so the command names it.
        return output::line(format_args!(
            "api key: shown when it was made; for another: platform api-key create --database {} --app {} --scope user.link",
            database, app.app_id
        ));
    }
    let (app_id, app_secret) = app::create(store, "Demo".to_owned(), Vec::new(), true).await?;
    let expires_at = now().plus(days(365));
    let (_, secret) =
        api_key::create(store, app_id.clone(), Scope::ALL.to_vec(), "demo".to_owned(), expires_at).await?;
    output::line(format_args!("app id: {app_id}"))?;
    output::line(format_args!("app secret: {}", app_secret.reveal()))?;
    output::line(format_args!("api key: {}", secret.reveal()))
}

/// The last lines before the first answer: whoever waits for them may start.
fn announce(listeners: &Listeners, public_url: Option<&str>) -> Result<(), Problem> {
    if let Some(url) = public_url {
        output::line(format_args!("public url: {url}"))?;
    }
    if let Some(metrics) = &listeners.metrics {
        output::line(format_args!("metrics on http://{}/metrics", metrics.local_addr()?))?;
    }
    output::line(format_args!("platform listening on http://{}", listeners.platform.local_addr()?))
}

async fn serve(listeners: Listeners, store: Store, settings: Settings, stop: impl Future<Output = ()>) {
    let platform = Arc::new(Platform::new(store, CLOCK, RANDOM, settings));
    // Told for as long as the last request is under way.
    let (ended, end) = oneshot::channel::<()>();
    if let Some(listener) = listeners.metrics {
        let until_the_end = async {
            let _ = end.await;
        };
        tokio::spawn(server::serve_metrics(listener, platform.clone(), until_the_end));
    }
    server::serve(listeners.platform, platform, stop).await;
    drop(ended);
}

/// Resolves when the process is asked to end. Installed before the server is announced, so that no signal is missed.
fn stop_signal() -> Result<impl Future<Output = ()>, Problem> {
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
        }
        tracing::info!("stopping: finishing what is under way");
    })
}

pub(super) fn parse_lifetime(text: &str) -> Result<Duration, String> {
    let span = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if span.is_zero() { Err("must be longer than nothing".to_owned()) } else { Ok(span) }
}

/// A time, or forever.
fn parse_default_retention(text: &str) -> Result<Retention, String> {
    match app::parse_retention(text)? {
        Retention::Default => Err("must be a time, or forever".to_owned()),
        retention => Ok(retention),
    }
}

/// The same rule as in the SDK: `https`, or `http` to this machine.
fn parse_public_url(text: &str) -> Result<String, String> {
    let origin = text.trim_end_matches('/').parse::<crate::model::Origin>();
    match origin {
        Ok(origin) if text.starts_with("https://") || text.starts_with("http://") && origin.is_loopback() => {
            Ok(origin.to_string())
        }
        _ => Err("must be https://host, or http:// to this machine, without a path".to_owned()),
    }
}
