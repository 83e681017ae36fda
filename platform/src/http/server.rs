//! Serving connections: deadlines for slow callers, and an end that finishes what is under way.

use super::{
    Platform,
    connections::{ConnectionSlot, Connections},
    disk, followers, housekeeping, metrics_router, router,
};
use axum::{Router, extract::ConnectInfo};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use socket2::SockRef;
#[cfg(not(target_os = "linux"))]
use socket2::TcpKeepalive;
use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_io_timeout::TimeoutStream;
use tower_http::add_extension::AddExtension;

/// How much of a request's head is read before it is refused.
const HEAD_LIMIT_BYTES: usize = 32 * 1024;
/// How long a failure to accept, such as too few file descriptors, is given to pass.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long requests under way may take when the platform stops.
const SHUTDOWN_DEADLINE: Duration = Duration::from_secs(20);

/// How long a peer may leave what was sent to it without any sign.
const PEER_DEADLINE: Duration = Duration::from_secs(40);

/// How long the database may take to finish what waits.
const CLOSE_DEADLINE: Duration = Duration::from_secs(10);

/// How many connections for metrics may be open at once: a few collectors, and a person.
const METRICS_CONNECTIONS: usize = 8;
/// How long a collector may take to ask, and how long to read its answer.
const METRICS_DEADLINE: Duration = Duration::from_secs(5);

/// How long the head of a request may take to arrive where few places for connections are left: whoever says nothing
/// makes room for others sooner.
const HURRIED_ARRIVAL: Duration = Duration::from_secs(2);

/// How much callers may take of this process.
struct Bounds {
    /// How many connections may be open at once.
    connections: Connections,
    /// How long the head of a request may take to arrive.
    arrival: Duration,
    /// How long a caller may leave its answer unread.
    reading: Duration,
}

/// Serves until `stop` resolves, then finishes the requests under way and closes the database.
pub async fn serve(listener: TcpListener, platform: Arc<Platform>, stop: impl Future<Output = ()>) {
    let settings = &platform.settings;
    let proxies = settings.trusted_proxies.clone();
    let bounds = Bounds {
        connections: Connections::new(settings.connections, settings.connections_per_address, proxies),
        arrival: settings.arrival_deadline,
        reading: settings.request_deadline,
    };
    let mut beside = JoinSet::new();
    beside.spawn(followers::keep_awake(platform.clone()));
    beside.spawn(housekeeping::keep_attending(platform.clone()));
    beside.spawn(housekeeping::keep_clean(platform.clone()));
    beside.spawn(housekeeping::remove_leftovers(platform.clone()));
    beside.spawn(housekeeping::bring_over(platform.clone()));
    beside.spawn(disk::watch(platform.clone()));
    beside.spawn(housekeeping::keep_trying(platform.clone()));
    let under_way = accept_until(stop, listener, router(platform.clone()), &platform, bounds).await;
    platform.followers.end();
    if timeout(SHUTDOWN_DEADLINE, under_way.shutdown()).await.is_err() {
        tracing::warn!("some requests were not done in time and are cut off");
    }
    beside.abort_all();
    if timeout(CLOSE_DEADLINE, platform.store.close()).await.is_err() {
        tracing::warn!("the database was not closed in time; nothing that was acknowledged is lost");
    }
}

/// Serves the metrics until `stop` resolves.
pub async fn serve_metrics(listener: TcpListener, platform: Arc<Platform>, stop: impl Future<Output = ()>) {
    let connections = Connections::new(METRICS_CONNECTIONS, METRICS_CONNECTIONS, Vec::new());
    let bounds = Bounds { connections, arrival: METRICS_DEADLINE, reading: METRICS_DEADLINE };
    // Nobody waits for the rest of an answer about a process that ends.
    let _ = accept_until(stop, listener, metrics_router(platform.clone()), &platform, bounds).await;
}

/// Answers connections until `stop` resolves; gives those that are still under way.
async fn accept_until(
    stop: impl Future<Output = ()>,
    listener: TcpListener,
    router: Router,
    platform: &Platform,
    bounds: Bounds,
) -> GracefulShutdown {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(bounds.arrival).max_buf_size(HEAD_LIMIT_BYTES);
    let under_way = GracefulShutdown::new();
    let mut hurried = http.clone();
    hurried.header_read_timeout(bounds.arrival.min(HURRIED_ARRIVAL));

    let mut stop = std::pin::pin!(stop);
    loop {
        let (stream, peer, slot) = tokio::select! {
            accepted = accept(&listener, &bounds.connections, platform) => accepted,
            () = &mut stop => return under_way,
        };
        // A caller that never reads what it asked for may not hold its connection for ever.
        let mut stream = Box::pin(TimeoutStream::new(stream));
        stream.as_mut().set_write_timeout_pinned(Some(bounds.reading));
        let service = AddExtension::new(router.clone(), ConnectInfo(peer));
        let service = AddExtension::new(service, slot.clone());
        let http = if bounds.connections.are_few_left() { &hurried } else { &http };
        let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        let connection = under_way.watch(connection);
        tokio::spawn(async move {
            // A caller that breaks off is its own affair.
            let _ = connection.await;
            slot.give_back();
        });
    }
}

/// A stream of events writes seldom and little. Without this, TCP tries for a quarter of an hour to deliver it to a
/// device that is gone, and the device that comes back in its place finds no room.
fn notice_dead_peers(stream: &TcpStream) {
    // A connection where this fails still ends when its stream is old.
    #[cfg(target_os = "linux")]
    let _ = SockRef::from(stream).set_tcp_user_timeout(Some(PEER_DEADLINE));
    #[cfg(not(target_os = "linux"))]
    let _ = SockRef::from(stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(PEER_DEADLINE));
}

/// The next connection that there is a place for.
async fn accept(
    listener: &TcpListener,
    connections: &Connections,
    platform: &Platform,
) -> (TcpStream, SocketAddr, ConnectionSlot) {
    let mut place = connections.place().await;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => match connections.admit(place, peer.ip()) {
                Ok(slot) => {
                    // Answers are small and written at once: waiting for more to send would only delay them.
                    let _ = stream.set_nodelay(true);
                    notice_dead_peers(&stream);
                    return (stream, peer, slot);
                }
                Err((back, prefix)) => {
                    platform.metrics.refused_by("connections");
                    tracing::debug!(address = %prefix, "closed: this address has too many connections");
                    place = back;
                }
            },
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
