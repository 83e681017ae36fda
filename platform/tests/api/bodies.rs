//! What a body may be: every field of every message, with every kind of value that it is not.

use crate::support::{Answer, Sdk, TestPlatform, key};
use sentiance_platform::http::endpoints::{ENDPOINTS, Endpoint, Verb};
use sentiance_protocol::ErrorCode;
use serde_json::{Value, json};

/// In a wrong field it must not come back.
const SECRET: &str = "srt_c0ffee00c0ffee00c0ffee00";

/// Endpoints whose body tells nothing, and is not read.
const WITHOUT_BODY: [&str; 2] = ["/sdk/v1/reset", "/sdk/v1/link/confirm"];

/// Fields of these names may be missing, or `null`.
const OPTIONAL: [&str; 21] = [
    "authentication_code",
    "application",
    "name",
    "version",
    "origin",
    "os",
    "os_version",
    "model",
    "language",
    "time_zone",
    "value",
    "position",
    "motion",
    "trip",
    "altitude",
    "speed",
    "heading",
    "rotation_mean",
    "ended_at",
    "timed_out",
    "transport_mode",
];

/// Messages with every field that an endpoint knows. Who adds an endpoint says here what it is sent.
fn samples(endpoint: &Endpoint, sdk: &Sdk) -> Vec<Value> {
    let info = json!({
        "app": { "name": "Test", "version": "1", "origin": "https://app.example.com" },
        "device": {
            "class": "phone", "class_source": "override", "os": "android", "os_version": "15", "model": "Pixel",
            "language": "en", "time_zone": "Europe/Brussels",
        },
        "sdk": { "version": "0.1.0", "runtime": "node" },
        "install_id": key(),
        "idempotency_key": key(),
    });
    let with = |mut sample: Value, name: &str, value: Value| {
        sample[name] = value;
        sample
    };
    match endpoint.path {
        "/users/auth-code" | "/v2/users/{install_id}/link" => vec![json!({ "external_id": "ada" })],
        "/sdk/v1/users" => vec![
            with(info.clone(), "authentication_code", json!("0".repeat(128))),
            with(info, "application", json!({ "id": "0".repeat(24), "secret": "s", "linking": true })),
        ],
        "/sdk/v1/token" => vec![json!({ "refresh_token": "r", "idempotency_key": key() })],
        "/sdk/v1/link" => vec![json!({ "authentication_code": "0".repeat(128) })],
        "/sdk/v1/metadata" => {
            vec![json!({ "revision": 1, "entries": [{ "key": "k", "value": "v" }, { "key": "gone" }] })]
        }
        "/sdk/v1/detections" => vec![json!({ "detections": [
            { "id": key(), "time": 1, "position": {
                "latitude": 1.5, "longitude": 2.5, "accuracy": 3.5, "altitude": 1.5, "speed": 4.5, "heading": 5.5,
            } },
            { "id": key(), "time": 2, "motion": {
                "duration_ms": 1, "samples": 2, "acceleration_mean": 1.5, "acceleration_max": 2.5, "rotation_mean": 1.5,
            } },
            { "id": key(), "time": 3, "trip": {
                "started_at": 3, "ended_at": 4, "timed_out": true, "transport_mode": 2,
                "metadata": [{ "key": "k", "value": "v" }],
            } },
        ] })],
        path => panic!("{path}: say what it is sent, for install {}", sdk.install_id),
    }
}

/// The kind of a value, as the messages name it.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// The sample with one value replaced by each kind that it is not, or removed; with the start of what must be told.
fn damaged(endpoint: &Endpoint, sample: &Value) -> Vec<(Value, String)> {
    let mut cases = Vec::new();
    for (pointer, place) in places(sample) {
        let place = place.trim_start_matches('.').to_owned();
        let value = sample.pointer(&pointer).unwrap();
        let name = place.rsplit('.').next().unwrap();
        let is_optional = OPTIONAL.contains(&name)
            && !["sdk.version", "authentication_code"].contains(&&*place)
            || place == "authentication_code" && endpoint.path == "/sdk/v1/users";
        let shown = if place.is_empty() { "body" } else { &place };
        let mut wrong =
            vec![json!(null), json!(true), json!(1.5), json!(SECRET), json!([]), json!({ "a": SECRET })];
        if let Value::Object(fields) = value {
            // As serde would take a struct.
            wrong.push(fields.values().cloned().collect());
        }
        wrong.push(json!([SECRET]));
        for wrong in wrong {
            // All that it has may be missing.
            if place == "app" && wrong.is_object() {
                continue;
            }
            let same_kind = kind(&wrong) == kind(value);
            if same_kind && !(wrong.is_object() || wrong.is_f64()) || wrong.is_null() && is_optional {
                continue;
            }
            // Of the right kind, it lacks fields or is no whole number: that is told deeper, or by another message.
            let told = match &wrong {
                Value::Object(_) if same_kind => String::new(),
                Value::Number(_) if same_kind && value.is_f64() => continue,
                Value::Number(_) if same_kind && !value.is_f64() => String::new(),
                _ => format!("{shown}: expected "),
            };
            let got = if told.is_empty() { String::new() } else { format!(", got {}.", kind(&wrong)) };
            // A time may have a fraction.
            if wrong.is_f64() && same_kind && ["time", "started_at", "ended_at"].contains(&name) {
                continue;
            }
            let mut case = sample.clone();
            *case.pointer_mut(&pointer).unwrap() = wrong;
            cases.push((case, format!("{told}|{got}")));
        }
        if let Some((parent, field)) = pointer.rsplit_once('/')
            && let Some(Value::Object(_)) = sample.pointer(parent)
            && !is_optional
        {
            let mut case = sample.clone();
            if let Some(Value::Object(fields)) = case.pointer_mut(parent) {
                fields.remove(field);
            }
            cases.push((case, format!("{place}: missing.|")));
        }
    }
    cases
}

/// The pointer to every value in it, and its place in words.
fn places(value: &Value) -> Vec<(String, String)> {
    let mut all = vec![(String::new(), String::new())];
    let inner: Vec<(String, String, &Value)> = match value {
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (format!("/{name}"), format!(".{name}"), value)).collect()
        }
        Value::Array(items) => {
            items.iter().enumerate().map(|(at, value)| (format!("/{at}"), format!("[{at}]"), value)).collect()
        }
        _ => Vec::new(),
    };
    for (pointer, place, value) in inner {
        let deeper = places(value).into_iter();
        all.extend(deeper.map(|(more, further)| (format!("{pointer}{more}"), format!("{place}{further}"))));
    }
    all
}

struct World {
    platform: TestPlatform,
    sdk: Sdk,
}

impl World {
    async fn new() -> Self {
        let platform = TestPlatform::start().await;
        let sdk = platform.sdk_with_user("alice").await;
        World { platform, sdk }
    }

    fn request(&self, endpoint: &Endpoint) -> reqwest::RequestBuilder {
        let path = endpoint.path.replace("{install_id}", &self.sdk.install_id);
        if endpoint.path.starts_with("/sdk/") {
            self.sdk.request(endpoint.verb.method(), &path).bearer_auth(&self.sdk.access_token)
        } else {
            self.platform.server.request(endpoint.verb.method(), &path)
        }
    }

    /// What an endpoint says to a body that is no good.
    async fn refusal(&self, endpoint: &Endpoint, body: String) -> String {
        let request = self.request(endpoint).header("content-type", "application/json");
        let answer = Answer::to(request.body(body.clone())).await;
        assert_eq!(answer.status, 400, "{} {body}: {}", endpoint.path, answer.text);
        let is_malformed = answer.error_code().as_deref() == Some(ErrorCode::MalformedRequest.as_str());
        assert!(is_malformed, "{} {body}: {}", endpoint.path, answer.text);
        assert!(!answer.text.contains(SECRET), "{} {body}: {}", endpoint.path, answer.text);
        serde_json::from_str::<Value>(&answer.text).unwrap()["message"].as_str().unwrap().to_owned()
    }
}

fn with_body() -> impl Iterator<Item = &'static Endpoint> {
    let takes_one = |endpoint: &&Endpoint| matches!(endpoint.verb, Verb::Post | Verb::Patch);
    ENDPOINTS.iter().filter(takes_one).filter(|endpoint| !WITHOUT_BODY.contains(&endpoint.path))
}

#[tokio::test]
async fn a_field_of_a_wrong_kind_is_named_with_what_was_expected() {
    let world = World::new().await;
    let mut tried = 0;
    for endpoint in with_body() {
        for sample in samples(endpoint, &world.sdk) {
            for (body, told) in damaged(endpoint, &sample) {
                let message = world.refusal(endpoint, body.to_string()).await;
                let (start, end) = told.split_once('|').unwrap();
                let is_told = message.starts_with(start) && message.ends_with(end);
                assert!(is_told, "{} {body}: expected {told}, and got {message}", endpoint.path);
                tried += 1;
            }
        }
    }
    assert!(tried > 300, "{tried}");
}

#[tokio::test]
async fn a_field_that_is_there_twice_is_named() {
    let world = World::new().await;
    for endpoint in with_body() {
        for sample in samples(endpoint, &world.sdk) {
            let text = sample.to_string();
            for (name, value) in sample.as_object().unwrap() {
                let twice = format!("{{\"{name}\":{value},{}", &text[1..]);
                let message = world.refusal(endpoint, twice).await;
                assert_eq!(message, format!("{name}: there more than once."), "{}", endpoint.path);
            }
        }
    }
}

#[tokio::test]
async fn a_field_that_no_message_has_is_passed_over_or_refused() {
    let world = World::new().await;
    for endpoint in with_body() {
        for sample in samples(endpoint, &world.sdk) {
            for (name, value) in [("later_version", json!({ "deep": [SECRET] })), (SECRET, json!(1))] {
                let mut body = sample.clone();
                body[name] = value;
                let answer = Answer::to(world.request(endpoint).json(&body)).await;
                assert!(!answer.text.contains(SECRET), "{}: {}", endpoint.path, answer.text);
                // What is for servers is fixed; the SDK's own protocol grows.
                let is_fixed = !endpoint.path.starts_with("/sdk/");
                let is_malformed =
                    answer.error_code().as_deref() == Some(ErrorCode::MalformedRequest.as_str());
                assert_eq!(is_malformed, is_fixed, "{}: {}", endpoint.path, answer.text);
            }
        }
    }
}

#[tokio::test]
async fn a_body_in_another_encoding_is_not_read() {
    let world = World::new().await;
    for endpoint in with_body() {
        for headers in [
            &[("content-type", "application/json"), ("content-encoding", "gzip")][..],
            &[("content-type", "application/json"), ("content-encoding", "identity, br")],
            &[("content-type", "application/json; charset=utf-16")],
            &[("content-type", "application/json; v=1; charset=\"iso-8859-1\"")],
            &[("content-type", "text/json")],
            &[],
        ] {
            let request = headers
                .iter()
                .fold(world.request(endpoint), |request, (name, value)| request.header(*name, *value));
            let answer = Answer::to(request.body("{}")).await;
            answer.refused(ErrorCode::UnsupportedMediaType);
        }
        for content_type in ["application/json; charset=UTF-8", "Application/JSON;charset=\"utf-8\""] {
            let request = world.request(endpoint).header("content-type", content_type);
            Answer::to(request.header("content-encoding", "identity").body("[]"))
                .await
                .refused(ErrorCode::MalformedRequest);
        }
    }
}
