//! What is on its way between devices and platform.

use crate::server::Answer;
use sentiance_core::core::{Request, Ticket};

/// How long something can be on its way, in milliseconds.
pub(crate) const LONGEST_MS: f64 = 30_000.0;

/// A request on its way to the platform, or an answer on its way back.
#[derive(Clone)]
pub(crate) struct Flight {
    pub(crate) device: usize,
    pub(crate) tab: usize,
    /// Which of the tabs in that place.
    pub(crate) birth: u64,
    /// The one that waits for the answer; none for the second copy of a request.
    pub(crate) ticket: Option<Ticket>,
    pub(crate) request: Request,
    pub(crate) sent_at: f64,
    /// The answer, once the platform has acted.
    pub(crate) answer: Option<Answer>,
}

/// What becomes of a request before the platform has acted, or while it does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Arrival {
    Acts,
    /// The platform acts, and the same request will arrive once more.
    ActsTwice,
    Lost,
    TooMany,
    TooManyWithPause,
    Failure,
    Overload,
    PageInsteadOf200,
    PageInsteadOf503,
}

/// What becomes of an answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Return {
    Arrives,
    Lost,
    Half,
}

impl Arrival {
    /// What something else than the platform's domain answers.
    pub(crate) fn answer(self) -> Option<Answer> {
        let page = "<!doctype html><title>Welcome</title><p>Sign in to use this network.";
        let error = |code: &str| format!(r#"{{"message":"Not now.","errorCode":"{code}","ref":"-"}}"#);
        let (status, pause, kind, body) = match self {
            Arrival::Acts | Arrival::ActsTwice | Arrival::Lost => return None,
            Arrival::TooMany => (429, None, "application/json", error("TOO_MANY_REQUESTS")),
            Arrival::TooManyWithPause => (429, Some("7"), "application/json", error("TOO_MANY_REQUESTS")),
            Arrival::Failure => (500, None, "application/json", error("INTERNAL_ERROR")),
            Arrival::Overload => (503, Some("1"), "application/json", error("UNAVAILABLE")),
            Arrival::PageInsteadOf200 => (200, None, "text/html", page.to_owned()),
            Arrival::PageInsteadOf503 => (503, None, "text/html", page.to_owned()),
        };
        let mut headers = axum::http::HeaderMap::new();
        let mut put = |name: &'static str, value: &'static str| {
            headers.insert(name, axum::http::HeaderValue::from_static(value));
        };
        put("access-control-allow-origin", crate::wire::ORIGIN);
        put("content-type", kind);
        if let Some(pause) = pause {
            put("retry-after", pause);
        }
        Some(Answer { status, headers, body: body.into_bytes() })
    }
}
