//! Small clients: an application's server, and an SDK on a device.

use super::EventStream;
use reqwest::{Client, Method, RequestBuilder, StatusCode, header::HeaderMap};
use sentiance_platform::random::{OsRandomness, bytes, hex};
use sentiance_protocol::{ErrorBody, ErrorCode};
use serde_json::{Value, json};
use std::time::Duration;

/// A new install id or idempotency key.
pub(crate) fn key() -> String {
    hex(&bytes::<16>(&OsRandomness))
}

pub(crate) fn phone() -> Value {
    json!({ "class": "phone", "class_source": "override", "os": "android", "model": "Pixel 9" })
}

pub(crate) fn tablet() -> Value {
    json!({ "class": "tablet", "class_source": "user_agent" })
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) async fn to(request: RequestBuilder) -> Self {
        Self::if_any(request).await.unwrap()
    }

    /// The answer, unless it is lost.
    pub(crate) async fn if_any(request: RequestBuilder) -> reqwest::Result<Self> {
        Self::within(Duration::from_secs(20), request).await
    }

    /// The same, where it comes in time.
    pub(crate) async fn within(deadline: Duration, request: RequestBuilder) -> reqwest::Result<Self> {
        let response = request.timeout(deadline).send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        Ok(Answer { status, headers, text: response.text().await? })
    }

    /// The JSON of a successful answer.
    #[track_caller]
    pub(crate) fn ok(&self) -> Value {
        assert!(self.status.is_success(), "{} {}", self.status, self.text);
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    /// Asserts that it is a refusal with this code, in the shape of every error answer.
    #[track_caller]
    pub(crate) fn refused(&self, code: ErrorCode) {
        let body: ErrorBody = serde_json::from_str(&self.text)
            .unwrap_or_else(|_| panic!("{} is not an error answer: {}", self.status, self.text));
        assert_eq!(body.error_code, code.as_str(), "{}", body.message);
        assert_eq!(self.status.as_u16(), code.status());
        assert!(!body.message.is_empty());
        assert_eq!(body.reference.len(), 36, "ref is a UUID");
        assert_eq!(self.header("cache-control"), Some("no-store"));
    }

    /// The code of a refusal.
    pub(crate) fn error_code(&self) -> Option<String> {
        serde_json::from_str::<ErrorBody>(&self.text).ok().map(|body| body.error_code)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Whether a browser would let the page read it.
    pub(crate) fn is_shared_with(&self, origin: &str) -> bool {
        self.header("access-control-allow-origin") == Some(origin)
    }
}

/// An application's server.
#[derive(Clone)]
pub(crate) struct ServerKey {
    http: Client,
    url: String,
    pub(crate) secret: String,
}

impl ServerKey {
    pub(crate) fn new(url: &str, secret: &str) -> Self {
        ServerKey { http: Client::new(), url: url.to_owned(), secret: secret.to_owned() }
    }

    /// The same, with another client, such as one that calls from another address.
    pub(crate) fn through(self, http: Client) -> Self {
        ServerKey { http, ..self }
    }

    /// The same, where the platform is reached elsewhere now.
    pub(crate) fn at(&self, url: &str) -> Self {
        ServerKey { url: url.to_owned(), ..self.clone() }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url)).bearer_auth(&self.secret)
    }

    pub(crate) async fn ask_for_code(&self, external_id: &str) -> Answer {
        let body = json!({ "external_id": external_id });
        Answer::to(self.request(Method::POST, "/users/auth-code").json(&body)).await
    }

    pub(crate) async fn code(&self, external_id: &str) -> String {
        text_of(&self.ask_for_code(external_id).await.ok(), "authentication_code")
    }

    pub(crate) async fn profile(&self, user_id: &str) -> Answer {
        Answer::to(self.request(Method::GET, &format!("/v2/users/{user_id}"))).await
    }

    pub(crate) async fn link(&self, install_id: &str, external_id: &str) -> Answer {
        let request = self.request(Method::POST, &format!("/v2/users/{install_id}/link"));
        Answer::to(request.json(&json!({ "external_id": external_id }))).await
    }

    /// A page of a user's detections, as the query says.
    pub(crate) async fn detections(&self, user_id: &str, query: &str) -> Answer {
        Answer::to(self.request(Method::GET, &format!("/v2/users/{user_id}/detections{query}"))).await
    }

    /// A page of a user's trips, as the query says.
    pub(crate) async fn trips(&self, user_id: &str, query: &str) -> Answer {
        Answer::to(self.request(Method::GET, &format!("/v2/users/{user_id}/trips{query}"))).await
    }

    pub(crate) async fn delete(&self, user_id: &str) -> Answer {
        Answer::to(self.request(Method::DELETE, &format!("/users/{user_id}"))).await
    }
}

/// An SDK on a device: remembers what the platform gave it, as the real one does.
#[derive(Clone)]
pub(crate) struct Sdk {
    http: Client,
    url: String,
    pub(crate) install_id: String,
    pub(crate) device: Value,
    /// The page that it runs in.
    pub(crate) origin: Option<String>,
    pub(crate) user_id: String,
    pub(crate) access_token: String,
    pub(crate) refresh_token: String,
}

impl Sdk {
    pub(crate) fn new(url: &str) -> Self {
        Sdk {
            http: Client::new(),
            url: url.to_owned(),
            install_id: key(),
            device: phone(),
            origin: None,
            user_id: String::new(),
            access_token: String::new(),
            refresh_token: String::new(),
        }
    }

    /// The same, where the platform is reached elsewhere now.
    pub(crate) fn at(&self, url: &str) -> Self {
        Sdk { url: url.to_owned(), ..self.clone() }
    }

    /// The same, with another client, such as one that calls from another address.
    pub(crate) fn through(self, http: Client) -> Self {
        Sdk { http, ..self }
    }

    pub(crate) fn with_new_install(self) -> Self {
        Sdk { install_id: key(), ..self }
    }

    pub(crate) fn on(self, device: Value) -> Self {
        Sdk { device, ..self }
    }

    /// The same, from another address of this machine, such as `127.0.0.77`.
    pub(crate) fn calling_from(self, address: &str) -> Self {
        let http = Client::builder().local_address(Some(address.parse().unwrap())).build().unwrap();
        Sdk { http, ..self }
    }

    pub(crate) fn in_page(self, origin: &str) -> Self {
        Sdk { origin: Some(origin.to_owned()), ..self }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        match &self.origin {
            Some(origin) => request.header("origin", origin).header("sec-fetch-site", "cross-site"),
            None => request,
        }
    }

    /// The body of a creation.
    pub(crate) fn creation(&self, code: &str, idempotency_key: &str) -> Value {
        json!({
            "authentication_code": code,
            "install_id": self.install_id,
            "idempotency_key": idempotency_key,
            "app": { "name": "Test", "version": "1.0" },
            "device": self.device,
            "sdk": { "version": "0.1.0", "runtime": "node" },
        })
    }

    /// The body of a creation by an application's credentials.
    pub(crate) fn unlinked_creation(&self, credentials: &Value, idempotency_key: &str) -> Value {
        let mut body = self.creation("", idempotency_key);
        body["authentication_code"] = Value::Null;
        body["application"] = credentials.clone();
        body
    }

    /// Sends a creation by an application's credentials, and does not look at the answer.
    pub(crate) async fn exchange_credentials(&self, credentials: &Value, idempotency_key: &str) -> Answer {
        let body = self.unlinked_creation(credentials, idempotency_key);
        Answer::to(self.request(Method::POST, "/sdk/v1/users").json(&body)).await
    }

    /// Creates a user who is not linked, and remembers what came back.
    pub(crate) async fn create_unlinked_user(&mut self, credentials: &Value) -> Answer {
        let answer = self.exchange_credentials(credentials, &key()).await;
        self.remember_user(&answer);
        answer
    }

    /// Sends a creation, and does not look at the answer.
    pub(crate) async fn exchange(&self, code: &str, idempotency_key: &str) -> Answer {
        let body = self.creation(code, idempotency_key);
        Answer::to(self.request(Method::POST, "/sdk/v1/users").json(&body)).await
    }

    /// Creates a user, and remembers what came back.
    pub(crate) async fn create_user(&mut self, code: &str) -> Answer {
        let answer = self.exchange(code, &key()).await;
        self.remember_user(&answer);
        answer
    }

    pub(crate) fn remember_user(&mut self, answer: &Answer) {
        if answer.status.is_success() {
            self.user_id = text_of(&answer.ok(), "user_id");
            self.remember_token(answer);
        }
    }

    pub(crate) fn remember_token(&mut self, answer: &Answer) {
        let token = &answer.ok()["token"];
        self.access_token = text_of(token, "access_token");
        self.refresh_token = text_of(token, "refresh_token");
    }

    /// Sends a refresh, and does not look at the answer.
    pub(crate) async fn send_refresh(&self, idempotency_key: &str) -> Answer {
        let body = json!({ "refresh_token": self.refresh_token, "idempotency_key": idempotency_key });
        Answer::to(self.request(Method::POST, "/sdk/v1/token").json(&body)).await
    }

    /// Refreshes the session, and remembers what came back.
    pub(crate) async fn refresh(&mut self) -> Answer {
        let answer = self.send_refresh(&key()).await;
        if answer.status.is_success() {
            self.remember_token(&answer);
        }
        answer
    }

    pub(crate) async fn config(&self) -> Answer {
        Answer::to(self.request(Method::GET, "/sdk/v1/config").bearer_auth(&self.access_token)).await
    }

    /// The request for a stream of events.
    pub(crate) fn events(&self) -> RequestBuilder {
        self.request(Method::GET, "/sdk/v1/events").bearer_auth(&self.access_token)
    }

    /// Follows what becomes of this install; the first event was read.
    pub(crate) async fn follow(&self, state: &str) -> EventStream {
        let mut stream = EventStream::open(self.events()).await;
        stream.tells("state", state).await;
        stream
    }

    /// What the platform says of this install.
    pub(crate) async fn state(&self) -> String {
        text_of(&self.config().await.ok(), "install_state")
    }

    pub(crate) async fn own_profile(&self) -> Answer {
        Answer::to(self.request(Method::GET, "/v2/users/me").bearer_auth(&self.access_token)).await
    }

    pub(crate) async fn reset(&self) -> Answer {
        let request = self.request(Method::POST, "/sdk/v1/reset").bearer_auth(&self.access_token);
        Answer::to(request.json(&json!({}))).await
    }

    pub(crate) async fn link_by_code(&self, code: &str) -> Answer {
        let request = self.request(Method::POST, "/sdk/v1/link").bearer_auth(&self.access_token);
        Answer::to(request.json(&json!({ "authentication_code": code }))).await
    }

    pub(crate) async fn confirm_link(&self) -> Answer {
        let request = self.request(Method::POST, "/sdk/v1/link/confirm").bearer_auth(&self.access_token);
        Answer::to(request.json(&json!({}))).await
    }

    /// Sets entries of the user's metadata, and removes those whose value is `null`.
    pub(crate) async fn change_metadata(&self, revision: u32, entries: &[(&str, Option<&str>)]) -> Answer {
        let entries: Vec<_> =
            entries.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect();
        let request = self.request(Method::PATCH, "/sdk/v1/metadata").bearer_auth(&self.access_token);
        Answer::to(request.json(&json!({ "revision": revision, "entries": entries }))).await
    }

    pub(crate) async fn upload(&self, detections: &[Value]) -> Answer {
        let request = self.request(Method::POST, "/sdk/v1/detections").bearer_auth(&self.access_token);
        Answer::to(request.json(&json!({ "detections": detections }))).await
    }

    pub(crate) async fn delete_user(&self, user_id: &str) -> Answer {
        let path = format!("/users/{user_id}");
        Answer::to(self.request(Method::DELETE, &path).bearer_auth(&self.access_token)).await
    }
}

fn text_of(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("no {field} in {value}")).to_owned()
}
