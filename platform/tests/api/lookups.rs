//! Secrets that are no good look alike: the same answer for the same work, so that neither tells how near a guess was.
//! The work is the statements that the database is given: they are counted, not timed.

use crate::support::{Answer, Command, Database, LISTED_ORIGIN, Running, Sdk, ServerKey, key, new_database};
use reqwest::{Client, Method, RequestBuilder};
use sentiance_platform::{
    random::{OsRandomness, bytes, hex},
    secret::{AccessToken, ApiKey, AppSecret, Kind, Plain, RefreshToken},
};
use serde_json::json;
use std::{path::PathBuf, time::Duration};
use tempfile::TempDir;

/// How often each request is tried.
const TRIES: usize = 3;

const OTHERS_ORIGIN: &str = "https://other.example.com";

/// A platform whose log holds every statement.
struct Watched {
    http: Client,
    running: Running,
    database: Database,
    log: PathBuf,
    app_id: String,
    server: ServerKey,
    app_secret: String,
    others: ServerKey,
    _folder: TempDir,
}

impl Watched {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (database, log) = (new_database(&folder), folder.path().join("log"));
        let command = Command::on(database.name());
        let created = command.run(&["app", "create", "--name", "Test", "--origin", LISTED_ORIGIN]);
        let (app_id, app_secret) =
            (Command::value_of(&created, "app id: "), Command::value_of(&created, "app secret: "));
        let api_key = command.create_key(&app_id, &["user.link", "user.read"]);
        let other_key = command.create_key(&command.create_app("Other", &[OTHERS_ORIGIN]), &["user.link"]);
        let watched =
            command.through(&["env", "RUST_LOG=info,sentiance_platform::statements=debug"]).logging_to(&log);
        // Each try fails, and more of them than a caller may fail with would be told to wait.
        let running = watched.start(&["serve", "--limit-failures", "1000/s:10000"]);
        Watched {
            http: Client::new(),
            server: ServerKey::new(&running.url, &api_key),
            others: ServerKey::new(&running.url, &other_key),
            running,
            database,
            log,
            app_id,
            app_secret,
            _folder: folder,
        }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.running.url))
    }

    /// Waits until the log has all that came before: its lines are written in their order, but not at once.
    async fn statements(&self) -> Vec<String> {
        let marker = Answer::to(self.request(Method::GET, "/healthz")).await;
        let id = marker.header("x-request-id").unwrap();
        let log = loop {
            let log = std::fs::read_to_string(&self.log).unwrap();
            if log.contains(id) {
                break log;
            }
            tokio::task::yield_now().await;
        };
        log.lines()
            .filter(|line| line.contains("sentiance_platform::statements"))
            .map(str::to_owned)
            .collect()
    }

    /// What a request is answered, without what differs in any two answers; and how many statements that took.
    async fn tell(&self, request: RequestBuilder) -> (String, usize) {
        let before = self.statements().await.len();
        let answer = Answer::to(request).await;
        let statements = self.statements().await.len() - before;
        let mut body: serde_json::Value = serde_json::from_str(&answer.text).unwrap();
        body.as_object_mut().unwrap().remove("ref").unwrap();
        let mut headers = answer.headers;
        for name in ["date", "ratelimit", "x-request-id"] {
            headers.remove(name);
        }
        let mut headers: Vec<_> = headers.iter().map(|header| format!("{header:?}")).collect();
        headers.sort();
        (format!("{} {headers:?} {body}", answer.status), statements)
    }

    /// The same of the try that took the fewest statements: what the platform does beside its requests, such as looking
    /// for changes, can only add to them.
    async fn tell_calmly(&self, request: &RequestBuilder) -> (String, usize) {
        let mut told = self.tell(request.try_clone().unwrap()).await;
        for _ in 1..TRIES {
            let (answer, statements) = self.tell(request.try_clone().unwrap()).await;
            assert_eq!(told.0, answer, "the same request is answered the same");
            told.1 = told.1.min(statements);
        }
        told
    }

    /// Asserts that all of these are answered the same, for the same work.
    async fn all_alike(&self, requests: Vec<(&str, RequestBuilder)>) {
        let mut first = None;
        for (what, request) in requests {
            let told = self.tell_calmly(&request).await;
            assert!(told.1 > 0, "{what}: the statements are seen");
            let first = first.get_or_insert_with(|| told.clone());
            assert_eq!(*first, told, "{what}");
        }
    }
}

/// A well-formed secret that shares all but the last digit of its random part with this one.
fn with_another_end<K: Kind>(secret: &str) -> String {
    with_another_digit::<K>(secret, K::PREFIX.len() + K::BYTES * 2 - 1)
}

fn with_another_digit<K: Kind>(secret: &str, at: usize) -> String {
    let mut body = secret[..K::PREFIX.len() + K::BYTES * 2].to_owned();
    let other = if body[at..].starts_with('0') { "1" } else { "0" };
    body.replace_range(at..=at, other);
    let checksum = crc32fast::hash(body.as_bytes());
    let text = format!("{body}{checksum:08x}");
    assert!(Plain::<K>::parse(&text).is_some() && text != secret);
    text
}

fn random<K: Kind>() -> String {
    Plain::<K>::generate(&OsRandomness).reveal().to_owned()
}

#[tokio::test]
async fn a_code_that_is_no_good_does_not_tell_why() {
    let watched = Watched::start();
    let sdk = || Sdk::new(&watched.running.url);
    let (used, late) = (watched.server.code("used").await, watched.server.code("late").await);
    let others = watched.others.code("others").await;
    sdk().exchange(&used, &key()).await.ok();
    let near = format!("{}{}", &used[..127], if used.ends_with('0') { "1" } else { "0" });
    watched
        .database
        .tamper("update authentication_codes set expires_at = 1 where external_id = 'late'")
        .await;

    let try_in_page = |code: &str| {
        let body = sdk().creation(code, &key());
        watched.request(Method::POST, "/sdk/v1/users").header("origin", LISTED_ORIGIN).json(&body)
    };
    watched
        .all_alike(vec![
            ("unknown", try_in_page(&hex(&bytes::<64>(&OsRandomness)))),
            ("unknown again", try_in_page(&hex(&bytes::<64>(&OsRandomness)))),
            ("all but the last digit of a used one", try_in_page(&near)),
            ("expired", try_in_page(&late)),
        ])
        .await;
    // That a used code came back is written down, which is more work. Only who has the whole code can bring it about.
    let (unknown, _) = watched.tell(try_in_page(&hex(&bytes::<64>(&OsRandomness)))).await;
    assert_eq!(watched.tell(try_in_page(&used)).await.0, unknown);
    // That it is another application's shows only after it was found, and its consumption is taken back.
    assert_eq!(watched.tell(try_in_page(&others)).await.0, unknown);
    // It was not spent by that.
    sdk().in_page(OTHERS_ORIGIN).exchange(&others, &key()).await.ok();
}

#[tokio::test]
async fn a_key_or_token_that_is_no_good_does_not_tell_how_near_it_is() {
    let watched = Watched::start();
    let mut sdk = Sdk::new(&watched.running.url);
    sdk.create_user(&watched.server.code("alice").await).await.ok();
    sdk.own_profile().await.ok();
    let ask = |api_key: &str| {
        let request = watched.request(Method::POST, "/users/auth-code").bearer_auth(api_key);
        request.json(&json!({ "external_id": "alice" }))
    };
    let profile = |token: &str| watched.request(Method::GET, "/v2/users/me").bearer_auth(token);
    let refresh = |token: &str| {
        let body = json!({ "refresh_token": token, "idempotency_key": key() });
        watched.request(Method::POST, "/sdk/v1/token").json(&body)
    };
    let create = |id: &str, secret: &str| {
        let credentials = json!({ "id": id, "secret": secret, "linking": false });
        let body = Sdk::new(&watched.running.url).unlinked_creation(&credentials, &key());
        watched.request(Method::POST, "/sdk/v1/users").json(&body)
    };
    watched
        .all_alike(vec![
            ("an unknown key", ask(&random::<ApiKey>())),
            ("a key with a wrong end", ask(&with_another_end::<ApiKey>(&watched.server.secret))),
        ])
        .await;
    watched
        .all_alike(vec![
            ("an unknown access token", profile(&random::<AccessToken>())),
            (
                "an access token with a wrong end",
                profile(&with_another_end::<AccessToken>(&sdk.access_token)),
            ),
        ])
        .await;
    // Whoever shows the first half of a refresh token has held one of that session: that is not nearness, but theft.
    let family_end = RefreshToken::PREFIX.len() + RefreshToken::BYTES - 1;
    let near = with_another_digit::<RefreshToken>(&sdk.refresh_token, family_end);
    watched
        .all_alike(vec![
            ("an unknown refresh token", refresh(&random::<RefreshToken>())),
            ("a refresh token with a wrong first half", refresh(&near)),
        ])
        .await;
    let nobody = hex(&bytes::<12>(&OsRandomness));
    watched
        .all_alike(vec![
            ("an unknown application", create(&nobody, &random::<AppSecret>())),
            ("a wrong secret", create(&watched.app_id, &random::<AppSecret>())),
            (
                "a secret with a wrong end",
                create(&watched.app_id, &with_another_end::<AppSecret>(&watched.app_secret)),
            ),
            ("a right secret of another application", create(&nobody, &watched.app_secret)),
        ])
        .await;
    sdk.refresh().await.ok();
}

/// Not asserted: what a machine does besides decides more than what is compared.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "it measures time, and asserts nothing of it")]
async fn how_long_refusals_take_is_printed() {
    const TRIES: usize = 100;
    let watched = Watched::start();
    let near = with_another_end::<ApiKey>(&watched.server.secret);
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..TRIES {
        for (times, api_key) in times.iter_mut().zip([random::<ApiKey>(), near.clone()]) {
            let path = "/v2/users/0123456789abcdef01234567";
            let request = watched.request(Method::GET, path).bearer_auth(api_key);
            let started = std::time::Instant::now();
            Answer::to(request).await;
            times.push(started.elapsed());
        }
    }
    let [unknown, near] = times.map(|mut times| {
        times.sort();
        times[TRIES / 2]
    });
    println!("median of {TRIES}: an unknown key {unknown:?}, one with a wrong end {near:?}");
    assert!(unknown.max(near) < Duration::from_secs(10));
}
