//! A canary in everything: a whole run of the real program with every endpoint, the command line, failures and an abrupt
//! end, at the most talkative level of the log; then every byte that it left behind is searched for the secrets, in
//! clear and in the forms that they take on the way.

use crate::support::{
    Answer, Command, Database, LISTED_ORIGIN, Running, Sdk, ServerKey, is_on_postgres, key, new_database,
};
use reqwest::{Client, Method};
use serde_json::json;
use std::{collections::BTreeMap, path::Path};
use tempfile::TempDir;

/// Everything that must not be found, by name.
#[derive(Default)]
struct Secrets(BTreeMap<String, String>);

impl Secrets {
    fn add(&mut self, name: &str, secret: &str) {
        assert!(secret.len() >= 16, "{name} is long enough to be found nowhere by chance");
        self.0.insert(format!("{name} {}", self.0.len()), secret.to_owned());
    }

    /// The names of those that are somewhere in there, with the form in which they are.
    fn found_in(&self, haystack: &[u8]) -> Vec<String> {
        let forms = self.0.iter().flat_map(|(name, secret)| {
            forms_of(secret).into_iter().map(move |(form, bytes)| (format!("{name} ({form})"), bytes))
        });
        forms.filter(|(_, bytes)| contains(haystack, bytes)).map(|(name, _)| name).collect()
    }
}

/// A secret in clear, and as it looks in URLs, in headers, in dumps of memory, and cut to what is random in it.
fn forms_of(secret: &str) -> Vec<(&'static str, Vec<u8>)> {
    // Without the prefix, which anybody knows, and without the checksum.
    let random = secret.split_once('_').map_or(secret, |(_, rest)| &rest[..rest.len() - 8]);
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut forms = vec![
        ("clear", secret.as_bytes().to_vec()),
        ("random part", random.as_bytes().to_vec()),
        ("first half", random.as_bytes()[..random.len() / 2].to_vec()),
        ("second half", random.as_bytes()[random.len() / 2..].to_vec()),
        ("upper case", random.to_uppercase().into_bytes()),
        ("reversed", random.bytes().rev().collect()),
        ("hex of the text", hex(random.as_bytes()).into_bytes()),
        ("percent", random.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>().into_bytes()),
        (
            "list of numbers",
            random.bytes().map(|byte| format!("{byte}, ")).collect::<String>().trim_end().into(),
        ),
    ];
    // Base64 of a text in which the secret stands at any place.
    for (form, skipped) in [("base64", 0), ("base64 from the second", 1), ("base64 from the third", 2)] {
        forms.push((form, base64(&random.as_bytes()[skipped..])));
    }
    let digits = random.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    if let Ok(bytes) = digits.map(|pair| u8::from_str_radix(pair, 16)).collect::<Result<Vec<_>, _>>() {
        forms.push(("bytes", bytes.clone()));
        forms.push(("bytes reversed", bytes.iter().rev().copied().collect()));
        forms.push((
            "hex of the reversed bytes",
            hex(&bytes.iter().rev().copied().collect::<Vec<_>>()).into(),
        ));
        forms.push(("base64 of the bytes", base64(&bytes)));
    }
    forms
}

/// Whole groups only: what follows the secret decides the rest.
fn base64(bytes: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let groups = bytes.chunks_exact(3).map(|group| {
        let bits = group.iter().fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte));
        [bits >> 18, bits >> 12, bits >> 6, bits].map(|digit| DIGITS[digit & 63])
    });
    groups.flatten().collect()
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    // `memchr`-fast enough: most places fail at the first byte.
    let Some(first) = needle.first() else { return false };
    let mut rest = haystack;
    while let Some(at) = rest.iter().position(|byte| byte == first) {
        rest = &rest[at..];
        if rest.starts_with(needle) {
            return true;
        }
        rest = &rest[1..];
    }
    false
}

/// A run of the program, and what it has left so far.
struct Run {
    http: Client,
    folder: TempDir,
    database: Database,
    command: Command,
    running: Running,
    secrets: Secrets,
    /// Bodies of error answers, what commands said, and the metrics.
    said: Vec<u8>,
}

impl Run {
    fn start(options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = new_database(&folder);
        let mut secrets = Secrets::default();
        let command = Command::on(database.name());
        let created = command.run(&["app", "create", "--name", "Test", "--origin", LISTED_ORIGIN]);
        secrets.add("app secret", &Command::value_of(&created, "app secret: "));
        let command = command
            .through(&["env", "RUST_LOG=trace", "RUST_BACKTRACE=full"])
            .logging_to(&folder.path().join("log"));
        let running = command.start(&[&["serve", "--metrics-address", "127.0.0.1:0"], options].concat());
        Run { http: Client::new(), folder, database, command, running, secrets, said: Vec::new() }
    }

    /// Keeps a refusal.
    fn hear(&mut self, answer: &Answer) {
        assert!(!answer.status.is_success(), "{}", answer.text);
        self.said.extend_from_slice(answer.text.as_bytes());
        self.said.extend_from_slice(format!("{:?}", answer.headers).as_bytes());
    }

    /// Every file in the folder: the log, the database with its WAL and shared memory, and what was put there. Of a server
    /// all rows, and its own log.
    async fn written(&self) -> Vec<(String, Vec<u8>)> {
        let mut written = vec![("answers and complaints".to_owned(), self.said.clone())];
        collect_files(self.folder.path(), &mut written);
        written.extend(self.database.elsewhere().await);
        written
    }
}

fn collect_files(folder: &Path, into: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect_files(&path, into);
        } else {
            into.push((
                path.file_name().unwrap().to_string_lossy().into_owned(),
                std::fs::read(&path).unwrap(),
            ));
        }
    }
}

/// Everything that a platform is asked for, well and badly.
async fn whole_day(run: &mut Run) {
    let listed = run.command.run(&["app", "list"]);
    let app_id = listed.split_whitespace().next().unwrap().to_owned();
    let api_key = run.command.create_key(&app_id, &["user.link", "user.read", "user.delete"]);
    let weak_key = run.command.create_key(&app_id, &["user.read"]);
    let app_secret = run.command.run(&["app", "rotate-secret", "--app", &app_id]);
    let app_secret = Command::value_of(&app_secret, "app secret: ");
    for (name, secret) in [("api key", &api_key), ("weak key", &weak_key), ("new app secret", &app_secret)] {
        run.secrets.add(name, secret);
    }
    let url = run.running.url.clone();
    let server = ServerKey::new(&url, &api_key);

    // One device's whole life, with each credential that it ever has.
    let code = server.code("canary-external-id-of-alice").await;
    let mut sdk = Sdk::new(&url).in_page(LISTED_ORIGIN);
    let creation_key = key();
    let answer = sdk.exchange(&code, &creation_key).await;
    answer.ok();
    sdk.remember_user(&answer);
    run.secrets.add("code", &code);
    run.secrets.add("idempotency key", &creation_key);
    run.secrets.add("access token", &sdk.access_token);
    run.secrets.add("refresh token", &sdk.refresh_token);
    let first = sdk.clone();
    let refresh_key = key();
    let answer = sdk.send_refresh(&refresh_key).await;
    answer.ok();
    sdk.remember_token(&answer);
    run.secrets.add("idempotency key of a refresh", &refresh_key);
    run.secrets.add("second access token", &sdk.access_token);
    run.secrets.add("second refresh token", &sdk.refresh_token);
    for answer in [
        sdk.config().await,
        sdk.own_profile().await,
        sdk.change_metadata(1, &[("color", Some("blue"))]).await,
        sdk.upload(&[]).await,
        server.profile(&sdk.user_id).await,
        server.detections(&sdk.user_id, "?limit=2").await,
    ] {
        answer.ok();
    }
    let credentials = json!({ "id": app_id, "secret": app_secret, "linking": true });
    let mut unlinked = Sdk::new(&url);
    unlinked.create_unlinked_user(&credentials).await.ok();
    run.secrets.add("access token of an unlinked user", &unlinked.access_token);
    run.secrets.add("refresh token of an unlinked user", &unlinked.refresh_token);
    server.link(&unlinked.install_id, "canary-external-id-of-bob").await.ok();
    unlinked.confirm_link().await.ok();

    // Refusals, each with a secret in the request.
    let post = |path: &str| run.http.request(Method::POST, format!("{url}{path}"));
    let get = |path: &str| run.http.request(Method::GET, format!("{url}{path}"));
    let wrong_body = json!({ "external_id": { "key": api_key }, code.clone(): code });
    let requests = [
        post("/users/auth-code").bearer_auth(&weak_key).json(&json!({ "external_id": "x" })),
        post("/users/auth-code").bearer_auth(&api_key).json(&wrong_body),
        post("/users/auth-code").bearer_auth(&api_key).header("origin", LISTED_ORIGIN),
        post("/users/auth-code").bearer_auth(format!("{api_key}0")),
        post(&format!("/users/auth-code?key={api_key}")),
        post("/sdk/v1/users").body(code.clone()),
        post("/sdk/v1/users").header("content-type", "application/json").body(format!("{{\"{code}")),
        post("/sdk/v1/users").json(&sdk.creation(&code, &key())),
        post("/sdk/v1/users").json(&sdk.unlinked_creation(&json!({ "id": app_id, "secret": code }), &key())),
        post("/sdk/v1/token")
            .json(&json!({ "refresh_token": first.refresh_token, "idempotency_key": key() })),
        post("/sdk/v1/link").bearer_auth(&sdk.access_token).json(&json!({ "authentication_code": code })),
        get(&format!("/v2/users/{}", sdk.access_token)).bearer_auth(&api_key),
        get(&format!("/v2/users/me/detections?cursor={}", sdk.refresh_token)).bearer_auth(&sdk.access_token),
        get(&format!("/{}", sdk.refresh_token)),
        get("/v2/users/me").header("authorization", format!("Basic {api_key}")),
        get("/v2/users/me").bearer_auth(&api_key).header("origin", "https://evil.example.com"),
        get("/v2/users/me").bearer_auth(format!("{}{}", sdk.access_token, sdk.access_token)),
        get("/v2/users/me").header("cookie", format!("token={}", sdk.access_token)),
    ];
    for request in requests {
        let answer = Answer::to(request).await;
        run.hear(&answer);
    }
    // The command line, with what does not belong there.
    for arguments in [
        ["user", "show", "--app", &app_id, &sdk.access_token],
        ["api-key", "revoke", "--app", &app_id, &api_key],
        ["app", "rotate-secret", "--app", &api_key, ""],
    ] {
        let arguments: Vec<_> = arguments.into_iter().filter(|argument| !argument.is_empty()).collect();
        run.command.output(&arguments);
    }
    for arguments in [&["app", "list"][..], &["api-key", "list", "--app", &app_id]] {
        run.said.extend(run.command.run(arguments).into_bytes());
    }
    if run.database.file().is_some() {
        let backup = run.folder.path().join("backup.db");
        run.command.run(&["backup", backup.to_str().unwrap()]);
    }

    // What fails inside: a row that cannot be, and its cause in the log.
    sdk.own_profile().await.ok();
    run.database.tamper("update users set external_id = '' where external_id like '%alice'").await;
    let broken = sdk.own_profile().await;
    assert_eq!(broken.status, 500, "{}", broken.text);
    run.hear(&broken);
    sdk.reset().await.ok();
    let ended = sdk.config().await;
    run.hear(&ended);
    let metrics = Answer::to(run.http.get(run.running.value_of("metrics on "))).await;
    assert!(metrics.text.contains("platform_exchanges"), "{}", metrics.text);
    run.said.extend_from_slice(metrics.text.as_bytes());
}

#[tokio::test]
async fn nothing_that_a_day_leaves_behind_holds_a_secret() {
    search_what_is_left(&["--log-format", "text"], " DEBUG ").await;
}

#[tokio::test]
async fn nothing_that_a_day_leaves_behind_holds_a_secret_where_the_log_is_json() {
    search_what_is_left(&["--log-format", "json"], "\"level\":\"DEBUG\"").await;
}

/// Searches what a day leaves behind for everything that was secret on it. `detailed` is how the log shows that it has
/// details.
#[expect(clippy::print_stdout, reason = "a figure for whoever reads the output")]
async fn search_what_is_left(options: &[&str], detailed: &str) {
    let mut run = Run::start(options);
    whole_day(&mut run).await;
    // An abrupt end: whatever the process says as it dies is in the log.
    run.running.abort();
    let written = run.written().await;
    let names: Vec<_> = written.iter().map(|(name, _)| name.as_str()).collect();
    let places = if is_on_postgres() {
        &["log", "rows", "log of the server"][..]
    } else {
        &["log", "platform.db", "platform.db-wal", "platform.db-shm", "backup.db"]
    };
    for expected in places {
        assert!(names.contains(expected), "{expected} was searched: {names:?}");
    }
    let (_, log) = written.iter().find(|(name, _)| name == "log").unwrap();
    let text = String::from_utf8_lossy(log);
    for shown in
        [detailed, "sentiance_platform::statements", "INTERNAL_ERROR", "SESSION_ENDED", "BROWSER_NOT_ALLOWED"]
    {
        assert!(text.contains(shown), "the log holds {shown}");
    }
    for (name, bytes) in &written {
        let found = run.secrets.found_in(bytes);
        assert!(found.is_empty(), "{name} holds {found:?}");
    }
    assert!(!text.contains("canary-external-id"), "no personal data in the log");
    println!(
        "{} secrets in {} forms in {} bytes of {} files",
        run.secrets.0.len(),
        forms_of("stk_0123456789abcdef0123456789abcdef0123456700000000").len(),
        written.iter().map(|(_, bytes)| bytes.len()).sum::<usize>(),
        written.len()
    );
}

#[test]
fn a_leak_in_any_form_is_found() {
    let mut secrets = Secrets::default();
    secrets.add("key", "stk_00112233445566778899aabbccddeeff0123456789abcdef");
    for (form, bytes) in forms_of("stk_00112233445566778899aabbccddeeff0123456789abcdef") {
        let mut haystack = vec![0xa5; 100_000];
        haystack.splice(50_001..50_001, bytes);
        assert!(!secrets.found_in(&haystack).is_empty(), "{form}");
    }
    assert!(secrets.found_in(&vec![0xa5; 100_000]).is_empty());
    let near = "stk_99112233445566778899aabbccddeeff0123456789abcdef stk_ 00112233";
    assert!(secrets.found_in(near.as_bytes()).iter().all(|name| name.contains("second half")));
}

#[tokio::test]
async fn a_planted_secret_is_found_where_the_program_writes() {
    let mut run = Run::start(&[]);
    let secret = "sat_00112233445566778899aabbccddeeff0011223300000000";
    run.secrets.add("planted", secret);
    run.running.abort();
    let holds_it = async |run: &Run| {
        let written = run.written().await;
        written.iter().any(|(_, bytes)| !run.secrets.found_in(bytes).is_empty())
    };
    assert!(!holds_it(&run).await);
    // An application's name is kept as it is: whoever writes a secret there is found out.
    run.command.run(&["app", "create", "--name", secret]);
    assert!(holds_it(&run).await, "the database and its WAL are searched");
}
