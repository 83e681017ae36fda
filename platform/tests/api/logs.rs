//! The log: one line for each request, under an id that its answer has too, and nothing in it that a caller wrote.

use crate::support::{
    Answer, Command, Database, LISTED_ORIGIN, Running, Sdk, ServerKey, TestPlatform, key, new_database,
};
use reqwest::{Client, Method};
use sentiance_protocol::ErrorCode;
use serde_json::Value;
use std::{collections::HashSet, io::BufRead, time::Duration};
use tempfile::TempDir;
use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};

const CANARY: &str = "canary7f3a";

fn start(arguments: &[&str]) -> (TempDir, Running) {
    let (folder, _, running) = start_with_database(arguments);
    (folder, running)
}

fn start_with_database(arguments: &[&str]) -> (TempDir, Database, Running) {
    let folder = tempfile::tempdir().unwrap();
    let database = new_database(&folder);
    let running = Command::on(database.name()).start(arguments);
    (folder, database, running)
}

/// Ends the server and gives its log, each line an object.
fn lines_of(running: Running) -> Vec<Value> {
    running.terminate();
    let (succeeded, log) = running.wait();
    assert!(succeeded, "{log}");
    log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"))).collect()
}

#[track_caller]
fn only_line_of<'l>(lines: &'l [Value], id: &str) -> &'l Value {
    let found: Vec<_> = lines.iter().filter(|line| line.to_string().contains(id)).collect();
    assert_eq!(found.len(), 1, "{id}: {found:?}");
    assert_eq!(found[0]["ref"], id);
    found[0]
}

fn id_of(answer: &Answer) -> String {
    let id = answer.header("x-request-id").unwrap();
    assert_eq!(id.len(), 36, "{id}");
    id.to_owned()
}

#[tokio::test]
async fn each_answer_has_an_id_under_which_the_log_has_one_line() {
    let (_folder, running) = start(&["serve", "--log-format", "json"]);
    let get = async |path: &str| Answer::to(Client::new().get(format!("{}{path}", running.url))).await;
    let answered = get("/readyz").await;
    let refused = get("/v2/users/0123456789abcdef01234567?page=1").await;
    let nowhere = get("/nowhere").await;
    let ids = [&answered, &refused, &nowhere].map(id_of);
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 3);
    for (answer, id) in [(&refused, &ids[1]), (&nowhere, &ids[2])] {
        let body: Value = serde_json::from_str(&answer.text).unwrap();
        assert_eq!(body["ref"], **id, "an error's ref is the request's id");
    }

    let lines = lines_of(running);
    for (id, route, status, level, error_code) in [
        (&ids[0], "/readyz", 200, "INFO", Value::Null),
        (&ids[1], "/v2/users/{user_id}", 401, "INFO", "CREDENTIALS_MISSING".into()),
        (&ids[2], "none", 404, "INFO", "NOT_FOUND".into()),
    ] {
        let line = only_line_of(&lines, id);
        assert_eq!((&line["method"], &line["route"]), (&"GET".into(), &route.into()));
        assert_eq!((&line["status"], &line["level"]), (&status.into(), &level.into()));
        assert_eq!(line["error_code"], error_code);
        assert!(line["ms"].is_f64() && line["timestamp"].is_string(), "{line}");
    }
}

#[tokio::test]
async fn what_a_caller_calls_its_request_is_not_taken_for_its_id() {
    let (_folder, running) = start(&["serve", "--log-format", "json"]);
    let foreign = "00000000-0000-4000-8000-000000000000";
    let request = Client::new().get(format!("{}/v2/users/me", running.url)).header("x-request-id", foreign);
    let answer = Answer::to(request).await;
    assert_ne!(id_of(&answer), foreign);
    assert!(!answer.text.contains(foreign));
    let lines = lines_of(running);
    assert!(!lines.iter().any(|line| line.to_string().contains(foreign)), "{lines:?}");
}

#[tokio::test]
async fn pages_can_read_the_id() {
    let platform = TestPlatform::start().await;
    let refused = platform.sdk().in_page(LISTED_ORIGIN).config().await;
    refused.refused(ErrorCode::CredentialsMissing);
    id_of(&refused);
    let exposed = refused.header("access-control-expose-headers").unwrap();
    assert!(exposed.split(", ").any(|name| name == "x-request-id"), "{exposed}");
}

#[tokio::test]
async fn nothing_that_a_caller_wrote_comes_into_the_log() {
    for format in ["text", "json"] {
        let (_folder, running) = start(&["dev", "--log-format", format]);
        let server = ServerKey::new(&running.url, &running.value_of("api key: "));
        let body = format!("{{\"external_id\":\"{CANARY}\\n\\u001b[31m\",\"{CANARY}\":1}}");
        let request = |method: &str, path: &str| {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            server
                .request(method, path)
                .header("user-agent", CANARY)
                .header("x-request-id", CANARY)
                .header("x-forwarded-for", CANARY)
                .header("content-type", "application/json")
                .body(body.clone())
        };
        let paths = [
            "/users/auth-code",
            "/v2/users/canary7f3a%0a%1b/link",
            "/v2/users/canary7f3a?cursor=canary7f3a%0d%0a",
            "/canary7f3a%0aINFO",
            "/sdk/v1/users",
        ];
        let mut count = 0;
        for method in ["GET", "POST", "DELETE", CANARY] {
            for path in paths {
                assert!(Answer::to(request(method, path)).await.status.is_client_error(), "{method} {path}");
                count += 1;
            }
        }
        server.code(CANARY).await;
        running.terminate();
        let (_, log) = running.wait();
        assert!(!log.contains(CANARY), "{log}");
        // One for each request, and one for the end.
        assert_eq!(log.lines().count(), count + 2, "{log}");
        for line in log.lines() {
            assert!(!line.contains(char::is_control), "{line:?}");
            assert!(line.starts_with(if format == "json" { "{\"timestamp\":\"" } else { "20" }), "{line}");
        }
    }
}

#[tokio::test]
async fn an_address_is_named_where_a_limit_refused_it_and_nowhere_else() {
    let limits = ["--limit-failures", "1/h:1", "--trusted-proxy", "127.0.0.1", "--log-format", "json"];
    let (_folder, running) = start(&[&["serve"][..], &limits].concat());
    let mut ids = Vec::new();
    for address in ["203.0.113.9", "203.0.113.9", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2:3:4:5:6"] {
        let sdk = Sdk::new(&running.url);
        let request = sdk.request(Method::POST, "/sdk/v1/users").json(&sdk.creation("garbage", &key()));
        ids.push(id_of(&Answer::to(request.header("x-forwarded-for", address)).await));
    }
    let lines = lines_of(running);
    for (id, address) in [(&ids[1], "203.0.113.9"), (&ids[3], "2001:db8:1:2::/64")] {
        let line = only_line_of(&lines, id);
        assert_eq!((&line["error_code"], &line["limit"]), (&"TOO_MANY_REQUESTS".into(), &"failures".into()));
        assert_eq!(line["address"], address);
    }
    for id in [&ids[0], &ids[2]] {
        assert_eq!(only_line_of(&lines, id)["address"], Value::Null);
    }
    let text = format!("{lines:?}");
    assert_eq!((text.matches("203.0.113").count(), text.matches("2001:db8").count()), (1, 1), "{text}");
    assert!(!text.contains("127.0.0.1"), "{text}");
}

#[tokio::test]
async fn a_failure_is_logged_once_with_its_cause_which_the_answer_does_not_tell() {
    let (_folder, database, running) = start_with_database(&["dev", "--log-format", "json"]);
    let server = ServerKey::new(&running.url, &running.value_of("api key: "));
    let mut sdk = Sdk::new(&running.url);
    sdk.create_user(&server.code("alice").await).await.ok();
    database.tamper("update users set external_id = ''").await;
    let failed = sdk.own_profile().await;
    failed.refused(ErrorCode::InternalError);
    assert!(!failed.text.contains("external_id"), "{}", failed.text);

    let lines = lines_of(running);
    let line = only_line_of(&lines, &id_of(&failed));
    assert_eq!((&line["level"], &line["message"]), (&"ERROR".into(), &"failed".into()));
    assert_eq!(line["cause"], "the database holds an impossible value in users.external_id");
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_a_line_too() {
    let (_folder, database, mut running) = start_with_database(&["dev"]);
    let server = ServerKey::new(&running.url, &running.value_of("api key: "));
    let body = Sdk::new(&running.url).creation(&server.code("alice").await, &key()).to_string();
    let _held = database.hold_writes().await;
    let mut stream = TcpStream::connect(running.url.strip_prefix("http://").unwrap()).await.unwrap();
    let length = body.len();
    let head = format!(
        "POST /sdk/v1/users HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    // The server has the request when another one, sent later, was answered.
    assert!(reqwest::get(format!("{}/healthz", running.url)).await.unwrap().status().is_success());
    drop(stream);
    let mut log = running.take_log().lines();
    let reading = tokio::task::spawn_blocking(move || {
        log.find(|line| line.as_ref().is_ok_and(|line| line.contains("/sdk/v1/users"))).unwrap().unwrap()
    });
    let line = timeout(Duration::from_secs(20), reading).await.unwrap().unwrap();
    assert!(line.contains("abandoned") && line.contains("ref="), "{line}");
}

#[tokio::test]
async fn a_reader_of_the_log_that_is_slow_holds_nobody_up() {
    let (_folder, running) = start(&["serve"]);
    let http = Client::new();
    // More than the pipe to a reader that never reads can hold.
    let all = async {
        for _ in 0..1_000 {
            assert_eq!(http.get(format!("{}/nowhere", running.url)).send().await.unwrap().status(), 404);
        }
    };
    timeout(Duration::from_secs(60), all).await.unwrap();
    running.terminate();
    let (succeeded, log) = running.wait();
    assert!(succeeded && log.len() > 100_000, "{}", log.len());
    assert_eq!(log.lines().filter(|line| line.contains("NOT_FOUND")).count(), 1_000, "and nothing is lost");
}
