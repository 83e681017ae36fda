//! The HTTP interface: two routers, one for servers and one for SDKs, behind the same protections.

mod body;
mod browser;
mod client;
mod connections;
mod cors;
mod credentials;
mod disk;
pub mod endpoints;
mod exposed_keys;
mod failure;
mod followers;
mod head;
mod housekeeping;
mod json;
mod leftover;
mod limits;
mod observe;
mod protection;
mod routes;
pub mod server;
mod trace;

pub use client::{ClientAddress, NotAProxy, ProxyHeader, TrustedProxy};
pub use limits::{Limit, Limits, NotALimit, Rate};

use crate::{
    clock::Clock,
    domain::{Lifetimes, Quotas},
    metrics::Metrics,
    random::Randomness,
    store::{Attendance, Store},
};
use axum::{
    Router,
    extract::State,
    middleware::{from_fn, from_fn_with_state},
    routing::get,
};
use disk::Disk;
use endpoints::Audience;
use exposed_keys::Reporter;
use followers::Followers;
use limits::Limiters;
use sentiance_protocol::{EVENTS_HEARTBEAT_SECONDS, SdkConfiguration};
use std::{sync::Arc, time::Duration};
use tokio::sync::{Notify, Semaphore, SemaphorePermit, watch};

/// How the platform behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long tokens live.
    pub lifetimes: Lifetimes,
    /// How the SDK shall behave.
    pub sdk: SdkConfiguration,
    /// Whether pages of this machine may call the SDK's endpoints of every application.
    pub allow_loopback_origins: bool,
    /// Whose word about the caller's address counts.
    pub trusted_proxies: Vec<TrustedProxy>,
    /// Where these proxies write it.
    pub proxy_header: ProxyHeader,
    /// How much is allowed.
    pub limits: Limits,
    /// How much may be stored.
    pub quotas: Quotas,
    /// How many bytes of the disk stay free of uploads and new unlinked users.
    pub min_free_disk: u64,
    /// How long users are kept who are not linked and were never used.
    pub unused_user_lifetime: Duration,
    /// How long a request may take to arrive: its headers, and again its body.
    pub arrival_deadline: Duration,
    /// How long a request may take in all.
    pub request_deadline: Duration,
    /// How many connections may be open at once, without those that are streams of events; more wait in the operating
    /// system's queue.
    pub connections: usize,
    /// How many of them from one address (IPv6: of its first 64 bits; twice as many of its first 48). Those of trusted
    /// proxies count only among all.
    pub connections_per_address: usize,
    /// The streams of events.
    pub events: EventSettings,
    /// How long audit events are kept.
    pub audit_retention: Duration,
    /// How long detections are kept of applications for which nothing else is set; none for ever.
    pub detections_retention: Option<Duration>,
    /// How often what is too old is looked for.
    pub clean_up_interval: Duration,
}

/// How streams of events behave.
#[derive(Clone, Debug)]
pub struct EventSettings {
    /// How many there may be at once.
    pub streams: usize,
    /// How many of one install.
    pub streams_per_install: usize,
    /// How many of one address (IPv6: of its first 64 bits; of the first 48, twice as many), while there is room: one address
    /// never gets more than a quarter of what is free.
    pub streams_per_address: usize,
    /// How many of all users who are not linked; of one address a quarter of what others get.
    pub streams_unlinked: usize,
    /// How often a stream without news shows that it lives.
    pub heartbeat: Duration,
    /// How long a stream lasts, give or take a tenth. Its reader then comes again.
    pub lifetime: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            lifetimes: Lifetimes::default(),
            sdk: SdkConfiguration {
                status_poll_seconds: 60,
                trip_timeout_seconds: None,
                upload_interval_seconds: None,
                disk_quota_bytes: None,
                wifi_quota_bytes: None,
                mobile_quota_bytes: None,
            },
            allow_loopback_origins: false,
            trusted_proxies: Vec::new(),
            proxy_header: ProxyHeader::default(),
            limits: Limits::OFF,
            quotas: Quotas::default(),
            min_free_disk: 0,
            unused_user_lifetime: Duration::from_secs(7 * 24 * 60 * 60),
            arrival_deadline: Duration::from_secs(10),
            request_deadline: Duration::from_secs(30),
            connections: 900,
            connections_per_address: usize::MAX,
            events: EventSettings {
                streams: 10_000,
                streams_per_install: 4,
                streams_per_address: 1_000,
                streams_unlinked: 5_000,
                heartbeat: Duration::from_secs(EVENTS_HEARTBEAT_SECONDS.into()),
                lifetime: Duration::from_secs(30 * 60),
            },
            audit_retention: Duration::from_secs(400 * 24 * 60 * 60),
            detections_retention: None,
            clean_up_interval: Duration::from_secs(60),
        }
    }
}

/// How many bodies of more than 64 KiB may be under way at once.
const LARGE_BODIES: usize = 64;

/// Half of the processors: the rest is always there for what is small.
fn large_work_at_once() -> usize {
    std::thread::available_parallelism().map_or(1, |processors| (processors.get() / 2).max(1))
}

/// What every handler needs.
pub struct Platform {
    /// The database.
    pub store: Store,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The source of secrets and ids.
    pub random: Box<dyn Randomness>,
    /// How to behave.
    pub settings: Settings,
    /// What was measured.
    pub metrics: Metrics,
    limits: Limiters,
    disk: Disk,
    followers: Arc<Followers>,
    exposed_keys: Reporter,
    /// Turns at what costs much processor time, and places for bodies that take much memory.
    large_work: Semaphore,
    large_bodies: Arc<Semaphore>,
    /// Notified when a user was deleted whose data is left to remove.
    leftovers: Notify,
    /// The platforms on this database, once that was found out.
    attendance: watch::Sender<Option<Attendance>>,
}

impl Platform {
    /// A platform that has served nobody yet.
    pub fn new(store: Store, clock: impl Clock, random: impl Randomness, settings: Settings) -> Self {
        let (limits, metrics) = (Limiters::new(settings.limits), Metrics::new(store.metrics()));
        let followers = Arc::new(Followers::new(settings.events.clone()));
        let disk = Disk::new(settings.min_free_disk, &store);
        Platform {
            store,
            clock: Arc::new(clock),
            random: Box::new(random),
            settings,
            metrics,
            limits,
            disk,
            followers,
            exposed_keys: Reporter::default(),
            large_work: Semaphore::new(large_work_at_once()),
            large_bodies: Arc::new(Semaphore::new(LARGE_BODIES)),
            leftovers: Notify::new(),
            attendance: watch::Sender::default(),
        }
    }

    /// A turn at what costs much processor time, such as reading a large body or making a page.
    async fn turn_at_large_work(&self) -> Option<SemaphorePermit<'_>> {
        // It is never closed.
        self.large_work.acquire().await.ok()
    }
}

/// How a handler receives the platform.
type PlatformState = State<Arc<Platform>>;

/// All [endpoints], each group of them behind its gates, the outermost first. Those of a group are one layer: a request
/// would pay for each layer with a copy of all those inside of it.
pub fn router(platform: Arc<Platform>) -> Router {
    let for_servers = endpoints::of(Audience::Servers).route_layer((
        from_fn(limits::announce),
        from_fn_with_state(platform.clone(), limits::limit_addresses),
        from_fn_with_state(platform.clone(), browser::refuse_browsers),
        protection::fence(&platform),
    ));

    let for_sdks = endpoints::of(Audience::Sdks).merge(endpoints::of(Audience::SdksAndServers));
    let for_sdks = for_sdks.route_layer((
        from_fn(limits::announce),
        from_fn_with_state(platform.clone(), limits::limit_addresses_of_pages),
        from_fn_with_state(platform.clone(), browser::refuse_api_keys_in_browsers),
        from_fn_with_state(platform.clone(), cors::share_with_listed_origins),
        // Pages read what the fence answers, too.
        protection::fence(&platform),
    ));

    let for_operators = endpoints::of(Audience::Operators).route_layer((
        from_fn(limits::announce),
        from_fn_with_state(platform.clone(), limits::limit_addresses),
        protection::fence(&platform),
    ));

    let all = for_servers.merge(for_sdks).merge(for_operators);
    observed(all, platform)
}

/// What is answered on the address for metrics: them, and nothing else.
fn metrics_router(platform: Arc<Platform>) -> Router {
    let router = Router::new().route("/metrics", get(routes::metrics::show));
    observed(router.route_layer(protection::fence(&platform)), platform)
}

/// Everything that is answered is complete, has an id, and leaves a line in the log.
fn observed(router: Router<Arc<Platform>>, platform: Arc<Platform>) -> Router {
    let layers = (
        from_fn_with_state(platform.clone(), client::identify),
        from_fn_with_state(platform.clone(), observe::observe),
        from_fn(protection::complete),
        // Whatever panicked on the way here, too.
        protection::catch_panic(),
        from_fn(leftover::read_leftover),
        from_fn(head::refuse_ambiguous),
    );
    router.layer(layers).with_state(platform)
}
