//! What open streams cost: devices follow what becomes of their installs, while others take over their users.

use crate::{
    accounting::{Cost, now},
    caller::{Caller, new_id, string},
    server::Server,
};
use anyhow::{Context, ensure};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::json;
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};
use tokio::{
    sync::mpsc::{UnboundedSender, unbounded_channel},
    time::{sleep, sleep_until, timeout},
};

/// For how long it is measured.
const SPAN: Duration = Duration::from_secs(20);
/// How long the last events may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// What was measured.
pub(crate) struct Streams {
    /// Of one change, from the request that brings it to the event on the stream.
    pub(crate) cost: Cost,
    /// The share of a processor that the platform needed.
    pub(crate) share: f64,
    /// The memory of one stream with its connection.
    pub(crate) bytes_of_one: f64,
    /// The share of a processor while nothing changed.
    pub(crate) share_of_rest: f64,
}

/// A user whose device follows.
struct Followed {
    external_id: String,
    number: usize,
}

pub(crate) async fn measure(server: &Server, streams: usize, changes: u32) -> anyhow::Result<Streams> {
    let mut caller = Caller::connect(server.address()).await?;
    let mut users = Vec::new();
    for _ in 0..streams {
        let external_id = new_id();
        let code = caller.code(server.api_key(), &external_id).await?;
        let created = caller.create(&json!({ "authentication_code": code }), &new_id()).await?;
        users.push((external_id, string(&created, "/token/access_token")?));
    }
    server.settle().await?;
    let before = server.resident_megabytes()?;
    let (told, mut heard) = unbounded_channel();
    let mut followed = Vec::new();
    for (number, (external_id, access_token)) in users.into_iter().enumerate() {
        let mut device = Caller::connect_from(number, server.address()).await?;
        let events = device.open("/sdk/v1/events", Some(&access_token)).await?;
        tokio::spawn(follow(device, events, number, told.clone()));
        followed.push(Followed { external_id, number });
    }
    server.settle().await?;
    let bytes_of_one = (server.resident_megabytes()? - before) * 1024.0 * 1024.0 / streams as f64;

    let (rested, _) = server.usage()?;
    sleep(SPAN / 4).await;
    let share_of_rest = server.usage()?.0.share_since(&rested);

    let count = usize::try_from(SPAN.as_secs())? * changes as usize;
    ensure!(count <= followed.len(), "{count} changes need as many streams");
    let usage = server.usage()?;
    let between = Duration::from_secs(1) / changes;
    let sent = send(server, caller, followed, count, between).await?;
    let mut waited = Vec::new();
    while waited.len() < count {
        let (number, at) =
            timeout(DEADLINE, heard.recv()).await.context("a change was not told")?.context("all ended")?;
        let begun = *sent.get(&number).context("a stream told of no change")?;
        waited.push(at.saturating_duration_since(begun));
    }
    let after = server.usage()?;
    let share = after.0.share_since(&usage.0);
    Ok(Streams { cost: Cost::of_requests(&usage, &after, waited), share, bytes_of_one, share_of_rest })
}

/// Has one device after the other take over a user; gives which, and when.
async fn send(
    server: &Server,
    mut caller: Caller,
    followed: Vec<Followed>,
    count: usize,
    between: Duration,
) -> anyhow::Result<HashMap<usize, Instant>> {
    let mut sent = HashMap::new();
    let mut due = now();
    for Followed { external_id, number } in followed.into_iter().take(count) {
        let code = caller.code(server.api_key(), &external_id).await?;
        sleep_until(due.into()).await;
        due += between;
        sent.insert(number, now());
        caller.create(&json!({ "authentication_code": code }), &new_id()).await?;
    }
    Ok(sent)
}

/// Tells when the stream says that another device is the active one.
async fn follow(
    _device: Caller,
    mut events: Incoming,
    number: usize,
    told: UnboundedSender<(usize, Instant)>,
) -> anyhow::Result<()> {
    while let Some(frame) = events.frame().await {
        let bytes = frame?.into_data().unwrap_or_default();
        if String::from_utf8_lossy(&bytes).contains("event: deactivated") {
            told.send((number, now()))?;
        }
    }
    Ok(())
}
