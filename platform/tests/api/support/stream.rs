//! A stream of events, as its reader sees it.

use super::Answer;
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::Value;
use std::time::Duration;
use tokio::time::timeout;

/// Longer than anything that a test waits for takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// One block of the stream.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Block {
    Event { name: String, data: Value },
    Comment(String),
}

#[derive(Debug)]
pub(crate) struct EventStream {
    pub(crate) response: Response,
    arrived: String,
}

impl EventStream {
    /// Opens the stream, which the platform must accept.
    pub(crate) async fn open(request: RequestBuilder) -> Self {
        let request = request.header("accept", "text/event-stream");
        let response = timeout(PATIENCE, request.send()).await.unwrap().unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{:?}", response.text().await);
        EventStream { response, arrived: String::new() }
    }

    /// Tries to open the stream, and gives the answer where the platform refuses.
    pub(crate) async fn try_open(request: RequestBuilder) -> Result<Self, Answer> {
        let response = timeout(PATIENCE, request.send()).await.unwrap().unwrap();
        if response.status() == StatusCode::OK {
            return Ok(EventStream { response, arrived: String::new() });
        }
        let (status, headers) = (response.status(), response.headers().clone());
        Err(Answer { status, headers, text: response.text().await.unwrap() })
    }

    /// The next block; nothing after the end.
    pub(crate) async fn block(&mut self) -> Option<Block> {
        loop {
            if let Some((block, rest)) = self.arrived.split_once("\n\n") {
                let block = parse(block);
                self.arrived = rest.to_owned();
                return Some(block);
            }
            let chunk = timeout(PATIENCE, self.response.chunk()).await.unwrap();
            // A connection that is cut ends a stream, too.
            let chunk = chunk.ok().flatten()?;
            self.arrived.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The next event, without the comments before it; nothing after the end.
    pub(crate) async fn event(&mut self) -> Option<(String, Value)> {
        loop {
            if let Block::Event { name, data } = self.block().await? {
                return Some((name, data));
            }
        }
    }

    /// The next event must have this name and carry this state.
    pub(crate) async fn tells(&mut self, name: &str, state: &str) {
        let (got, data) = self.event().await.unwrap();
        assert_eq!((got.as_str(), &data["install_state"]), (name, &Value::from(state)), "{data}");
    }

    /// The next event must be the last, with this name and code.
    pub(crate) async fn ends_with(&mut self, name: &str, code: &str) {
        let (got, data) = self.event().await.unwrap();
        assert_eq!((got.as_str(), &data["errorCode"]), (name, &Value::from(code)), "{data}");
        assert_eq!(data["ref"].as_str().map(str::len), Some(36));
        self.has_ended().await;
    }

    /// There must be no more events.
    pub(crate) async fn has_ended(&mut self) {
        assert_eq!(self.event().await, None);
    }
}

fn parse(block: &str) -> Block {
    if let Some(comment) = block.strip_prefix(":") {
        return Block::Comment(comment.trim().to_owned());
    }
    let field = |name: &str| {
        let mut values = block.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        let value = values.next().unwrap_or_else(|| panic!("no {name} in {block}"));
        assert_eq!(values.next(), None, "one {name} only: {block}");
        value
    };
    Block::Event { name: field("event").to_owned(), data: serde_json::from_str(field("data")).unwrap() }
}
