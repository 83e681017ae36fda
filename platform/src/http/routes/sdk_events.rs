//! `GET /sdk/v1/events`: the SDK is told what becomes of its install, as server-sent events.
//!
//! Each event carries what `GET /sdk/v1/config` would answer at that moment, so nobody needs to know their names.

use super::sdk_config::current;
use crate::{
    domain::ReadInstallState,
    http::{
        Platform, PlatformState,
        client::ClientAddress,
        connections::ConnectionSlot,
        cors::OriginToCheck,
        credentials::Credential,
        failure::Failure,
        followers::{Following, NoRoom},
        limits::Policy,
        trace::Traced,
    },
    metrics::OpenStream,
    model::Permission,
    random::{Randomness, bytes, fraction},
};
use axum::{
    Extension,
    extract::State,
    http::{HeaderName, HeaderValue, header::CONNECTION},
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
};
use futures_util::stream;
use sentiance_protocol::{ErrorCode, InstallState};
use std::{convert::Infallible, pin::Pin, sync::Arc, time::Duration};
use tokio::time::{Sleep, sleep};

/// A proxy that collects an answer before it passes it on would hold events back; nginx knows this header.
const NO_BUFFERING: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
/// How long somebody shall wait for whom there is no room, at least, and how much longer at most, in seconds. A state
/// that is polled meanwhile is hardly older.
const COME_BACK_AFTER: (u64, u64) = (20, 20);

pub(in crate::http) async fn follow(
    State(platform): PlatformState,
    credential: Credential,
    client: ClientAddress,
    OriginToCheck(origin): OriginToCheck,
    Traced(trace): Traced,
    slot: Option<Extension<ConnectionSlot>>,
) -> Result<Response, Failure> {
    let user = credential.user(&platform, Permission::LearnState).await?;
    let session = user.session();
    let following = platform.followers.follow(session, client).map_err(|NoRoom| {
        let (least, more) = COME_BACK_AFTER;
        let pause = least + u64::from(bytes::<1>(&*platform.random)[0]) % more;
        let refusal = Failure::saying(ErrorCode::Unavailable, Policy::Streams.refusal());
        Failure { limit: Some(Policy::Streams), retry_after: Some(pause), ..refusal }
    })?;
    // From here on the connection counts as a stream.
    if let Some(Extension(slot)) = slot {
        slot.give_back();
    }
    let settings = &platform.settings.events;
    let heartbeat = KeepAlive::new().interval(settings.heartbeat).text("alive");
    let follower = Follower {
        following,
        reading: ReadInstallState {
            app_id: session.app_id.clone(),
            install_id: session.install_id.clone(),
            family: session.family,
            origin,
        },
        known: None,
        end: Box::pin(sleep(with_jitter(settings.lifetime, &*platform.random))),
        reference: trace.request.unwrap_or_default(),
        _counted: platform.metrics.open_stream(),
        platform,
    };
    let events = stream::unfold(Some(follower), async |follower| follower?.next().await);
    // The connection ends with the stream: it does not go back to ordinary requests.
    let headers = [NO_BUFFERING, (CONNECTION, HeaderValue::from_static("close"))];
    Ok((headers, Sse::new(events).keep_alive(heartbeat)).into_response())
}

/// Up to a tenth shorter or longer, so that those who came at once do not come back at once.
fn with_jitter(span: Duration, random: &dyn Randomness) -> Duration {
    span.mul_f64(0.9 + 0.2 * fraction(random))
}

/// Somebody who reads the stream.
struct Follower {
    platform: Arc<Platform>,
    following: Following,
    reading: ReadInstallState,
    /// What was told last.
    known: Option<InstallState>,
    end: Pin<Box<Sleep>>,
    /// The `ref` of the request.
    reference: String,
    _counted: OpenStream,
}

impl Follower {
    /// Waits for the next event; nothing more comes after one without a follower.
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Option<Self>)> {
        loop {
            if self.following.has_ended() {
                return None;
            }
            // A stream waits nearly all the time: what reading needs is not a part of it.
            match Box::pin(self.platform.store.read(self.reading.clone())).await {
                Ok((user_id, _)) if !self.following.is_still_of(user_id.clone()) => continue,
                Ok((_, state)) if self.known != Some(state) => {
                    let event = self.event(state).ok()?;
                    self.known = Some(state);
                    return Some((Ok(event), Some(self)));
                }
                Ok(_) => {}
                Err(refusal) => return Some((Ok(self.last_event(refusal.into())?), None)),
            }
            tokio::select! {
                () = self.following.news() => {}
                () = &mut self.end => return None,
            }
        }
    }

    fn event(&self, state: InstallState) -> Result<Event, axum::Error> {
        let name = match (self.known, state) {
            (None, _) => "state",
            (_, InstallState::Disabled) => "disabled",
            (Some(InstallState::Disabled), _) => "enabled",
            (_, InstallState::Active) => "active",
            (_, InstallState::Inactive) => "deactivated",
        };
        Event::default().event(name).json_data(current(&self.platform, state))
    }

    /// What is told of the end; nothing where the token was replaced or the database failed: whoever then comes back
    /// learns the rest.
    fn last_event(&self, failure: Failure) -> Option<Event> {
        let name = match failure.code {
            ErrorCode::UserDeleted => "deleted",
            ErrorCode::SessionEnded => "ended",
            _ => return None,
        };
        let error_code = failure.code.as_str();
        tracing::info!(route = "/sdk/v1/events", error_code, "ref" = self.reference, "stream ended");
        Event::default().event(name).json_data(failure.to_body(self.reference.clone())).ok()
    }
}
