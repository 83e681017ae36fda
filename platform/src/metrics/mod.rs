//! What is counted and measured, for Prometheus.
//!
//! Every label has few values: templates of routes, names of outcomes. Never an id, an address or anything that a caller
//! wrote, so that no caller can make the metrics grow, and nothing in them is about a person.

mod process;

use process::Process;
use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
        info::Info,
    },
    registry::{Metric, Registry, Unit},
};
use std::{fmt, time::Duration};

/// What is measured, with what is told when somebody asks.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    durations: Family<RouteLabels, Histogram, fn() -> Histogram>,
    refusals: Family<LimitLabels, Counter>,
    exchanges: Family<ExchangeLabels, Counter>,
    store_errors: Family<ErrorLabels, Counter>,
    open_streams: Gauge,
    disk_free: Gauge,
    stored: Gauge,
    log_bytes: Gauge,
    clean_up_paused: Gauge,
    replicas: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    method: &'static str,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
    method: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LimitLabels {
    limit: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ExchangeLabels {
    credential: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ErrorLabels {
    kind: &'static str,
}

impl Metrics {
    /// Nothing was measured yet, but what the store measures.
    pub fn new(store: &StoreMetrics) -> Self {
        let mut registry = Registry::default();
        registry.register(
            "platform_build",
            "The version that runs",
            Info::new([("version", env!("CARGO_PKG_VERSION"))]),
        );
        registry.register_collector(Box::new(Process));
        let mut own = Own(registry.sub_registry_with_prefix("platform"));
        let requests = own.add("http_requests", "Answered requests", Family::default());
        let durations = Family::new_with_constructor(request_durations as fn() -> Histogram);
        let durations = own.add_seconds(
            "http_request_duration",
            "How long requests took until their answer began",
            durations,
        );
        let refusals = own.add("limit_refusals", "Requests that a limit refused", Family::default());
        let exchanges = own.add(
            "exchanges",
            "Codes, application credentials and refresh tokens that were presented, by what came of it",
            Family::default(),
        );
        let store_errors =
            own.add("store_errors", "Requests that the database did not serve", Family::default());
        let open_streams = own.add("open_streams", "Streams of events that are open", Gauge::default());
        let disk_free =
            own.add("disk_free_bytes", "Bytes that are free on the database's disk", Gauge::default());
        let stored = own.add("stored_bytes", "Bytes of detections that are stored", Gauge::default());
        let log_bytes =
            own.add("database_log_bytes", "Length of the log beside the database", Gauge::default());
        let clean_up_paused =
            own.add("clean_up_paused", "1 while the clock is not trusted, else 0", Gauge::default());
        let replicas = own.add("replicas", "Platforms that serve this database", Gauge::default());
        store.register(&mut own);
        Metrics {
            registry,
            requests,
            durations,
            refusals,
            exchanges,
            store_errors,
            open_streams,
            disk_free,
            stored,
            log_bytes,
            clean_up_paused,
            replicas,
        }
    }

    /// Everything that was measured, in the OpenMetrics text format.
    pub fn to_text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }

    /// Sets how long the log beside the database is, which is looked at only when somebody asks.
    pub(crate) fn log_bytes(&self, bytes: u64) {
        self.log_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// Sets whether the clean-up is paused; gives whether it was.
    pub(crate) fn clean_up_paused(&self, is_paused: bool) -> bool {
        let before = self.clean_up_paused.get() != 0;
        self.clean_up_paused.set(is_paused.into());
        before
    }

    /// Sets how many platforms serve the database.
    pub(crate) fn replicas(&self, count: u32) {
        self.replicas.set(count.into());
    }

    pub(crate) fn answered(&self, route: &str, method: &'static str, status: u16, took: Duration) {
        let labels = RequestLabels { route: route.to_owned(), method, status };
        self.requests.get_or_create(&labels).inc();
        let labels = RouteLabels { route: labels.route, method };
        self.durations.get_or_create(&labels).observe(took.as_secs_f64());
    }

    pub(crate) fn refused_by(&self, limit: &'static str) {
        self.refusals.get_or_create(&LimitLabels { limit }).inc();
    }

    pub(crate) fn exchanged(&self, credential: &'static str, outcome: &'static str) {
        self.exchanges.get_or_create(&ExchangeLabels { credential, outcome }).inc();
    }

    pub(crate) fn store_failed(&self, kind: &'static str) {
        self.store_errors.get_or_create(&ErrorLabels { kind }).inc();
    }

    pub(crate) fn disk_has(&self, free: u64) {
        self.disk_free.set(i64::try_from(free).unwrap_or(i64::MAX));
    }

    pub(crate) fn has_stored(&self, bytes: u64) {
        self.stored.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// Counts a stream as open for as long as what this gives lives.
    pub fn open_stream(&self) -> OpenStream {
        self.open_streams.inc();
        OpenStream(self.open_streams.clone())
    }
}

/// A stream that is counted as open.
#[derive(Debug)]
pub struct OpenStream(Gauge);

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// What the store measures of its one writer.
#[derive(Clone, Debug)]
pub struct StoreMetrics {
    /// Use cases that wait for the writer.
    pub(crate) queue_depth: Gauge,
    /// How many use cases shared a commit.
    pub(crate) group_size: Histogram,
    /// How long a group took, from its begin to its commit.
    pub(crate) commit_seconds: Histogram,
    /// Transactions that met another one and were run again.
    pub(crate) repeated: Counter,
}

impl Default for StoreMetrics {
    fn default() -> Self {
        StoreMetrics {
            queue_depth: Gauge::default(),
            group_size: Histogram::new(exponential_buckets(1.0, 2.0, 8)),
            // A quarter of a millisecond to eight seconds.
            commit_seconds: Histogram::new(exponential_buckets(0.00025, 2.0, 16)),
            repeated: Counter::default(),
        }
    }
}

impl StoreMetrics {
    fn register(&self, own: &mut Own<'_>) {
        own.add("writer_queue_depth", "Use cases that wait for the writer", self.queue_depth.clone());
        own.add("writer_group_size", "How many use cases shared a commit", self.group_size.clone());
        own.add_seconds(
            "writer_commit_duration",
            "How long a group of use cases took, with its commit",
            self.commit_seconds.clone(),
        );
        own.add(
            "transactions_repeated",
            "Transactions that met another one on PostgreSQL and were run again",
            self.repeated.clone(),
        );
    }
}

/// The platform's part of the registry.
struct Own<'r>(&'r mut Registry);

impl Own<'_> {
    fn add<M: Metric + Clone>(&mut self, name: &str, help: &str, metric: M) -> M {
        self.0.register(name, help, metric.clone());
        metric
    }

    fn add_seconds<M: Metric + Clone>(&mut self, name: &str, help: &str, metric: M) -> M {
        self.0.register_with_unit(name, help, Unit::Seconds, metric.clone());
        metric
    }
}

/// Half a millisecond to sixteen seconds.
fn request_durations() -> Histogram {
    Histogram::new(exponential_buckets(0.0005, 2.0, 16))
}

#[cfg(test)]
mod tests {
    use super::{Metrics, StoreMetrics};

    #[test]
    fn a_stream_is_counted_for_as_long_as_it_is_open() {
        let metrics = Metrics::new(&StoreMetrics::default());
        let open =
            |count: u32| metrics.to_text().unwrap().contains(&format!("platform_open_streams {count}\n"));
        let (first, second) = (metrics.open_stream(), metrics.open_stream());
        assert!(open(2));
        drop(first);
        assert!(open(1));
        drop(second);
        assert!(open(0));
    }
}
