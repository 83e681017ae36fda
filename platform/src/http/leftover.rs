//! What a request sends that is never read, since it is refused, or its body tells nothing.
//!
//! Where a connection is closed with bytes of the request unread, the other end's TCP throws away the response that is on
//! its way, and the caller learns nothing but that the connection broke (RFC 9112, section 9.6). An SDK that does not
//! read its 413 sends the same again. So what is still sent is read and dropped, up to bounds; beyond them the response
//! says that the connection ends, so that no caller sends its next request into it.

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::Request,
    http::{
        HeaderValue, StatusCode,
        header::{CONNECTION, EXPECT},
    },
    middleware::Next,
    response::Response,
};
use http_body_util::BodyExt;
use hyper::body::{Frame, SizeHint};
use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::timeout;

/// How much is read of it: more than any endpoint takes.
const LEFTOVER_LIMIT_BYTES: usize = 1024 * 1024;
/// How long in all.
const LEFTOVER_DEADLINE: Duration = Duration::from_secs(2);
/// How long for more to come: who sends nothing any more is not waited for.
const PAUSE: Duration = Duration::from_millis(200);

/// Reads the rest of a request's body before its response goes out.
pub(super) async fn read_leftover(request: Request, next: Next) -> Response {
    // Who waits for permission to send sends nothing unless it is asked.
    if request.body().is_end_stream() || request.headers().contains_key(EXPECT) {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let shared = Shared(Arc::new(Mutex::new(body)));
    let mut response = next.run(Request::from_parts(parts, Body::new(shared.clone()))).await;
    // Who was too slow was waited for long enough.
    if !shared.is_end_stream() && response.status() != StatusCode::REQUEST_TIMEOUT {
        let _ = timeout(LEFTOVER_DEADLINE, drop_rest(shared.clone())).await;
    }
    if !shared.is_end_stream() {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

async fn drop_rest(mut body: Shared) {
    let mut dropped = 0;
    while dropped < LEFTOVER_LIMIT_BYTES
        && let Ok(Some(Ok(frame))) = timeout(PAUSE, body.frame()).await
    {
        dropped += frame.data_ref().map_or(0, Bytes::len);
    }
}

/// A body that is still there when its reader has dropped it.
#[derive(Clone)]
struct Shared(Arc<Mutex<Body>>);

impl Shared {
    fn body(&self) -> MutexGuard<'_, Body> {
        // Nothing that holds it can panic half way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HttpBody for Shared {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut *self.body()).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body().is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body().size_hint()
    }
}
