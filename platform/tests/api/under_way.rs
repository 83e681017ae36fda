//! What is taken away while a request is under way: judged at its head, and again where it acts.
//!
//! Every endpoint with a credential is held open at each of its awaits. Meanwhile its credential is taken away, in each
//! way that there is. Then the request may go on: it must be refused, and must have changed nothing.

use crate::support::{LISTED_ORIGIN, Sdk, ServerKey, TestPlatform, is_on_postgres, key};
use futures_util::future::{BoxFuture, FutureExt};
use sentiance_platform::{
    domain::{CreateApiKey, CreateApplication, RevokeApiKey, SetUserState},
    http::{
        Settings,
        endpoints::{Audience, ENDPOINTS, Endpoint, Verb},
    },
    model::{Actor, ApiKeyRecord, ApiKeyState, AppId, Application, KeyId, Scope, Trace, UserId, UserState},
    random::OsRandomness,
    secret::{ApiKey, AppSecret, Plain},
    store::{StoreError, Transaction, Turn, Work},
};
use sentiance_protocol::ErrorCode::{
    self, ApiKeyExpired, ApiKeyRevoked, ApiKeyUnknown, AuthenticationCodeInvalid, InsufficientScope,
    OriginNotAllowed, RefreshTokenUsed, SessionEnded, TokenExpired, TokenInvalid, UserDeleted,
    UserDisabledRemotely,
};
use serde_json::{Value, json};
use std::{
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Notify,
    time::{sleep, timeout},
};

const PATIENCE: Duration = Duration::from_secs(30);
/// What no one but a held request writes.
const MARKER: &str = "written under way";
const DAY: Duration = Duration::from_secs(25 * 60 * 60);

/// Where a request is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    /// Its head has come and was judged, its body has not.
    BodyWithheld,
    /// Half of its body has come.
    HalfTheBody,
    /// It waits for its turn to write; on PostgreSQL, which has no turns, for the first row that its transaction locks.
    InTheQueue,
}

/// What an endpoint is called with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum With {
    Key,
    Token(Needs),
    RefreshToken,
    Code,
}

/// What an endpoint asks of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needs {
    Action,
    State,
    Goodbye,
}

/// How something is taken away.
enum Taking {
    /// By one write, through the platform.
    Write(BoxFuture<'static, ()>),
    /// In the database.
    Sql(String),
    /// By time.
    Time(Duration),
}

/// A way to take something away, and what each kind of call is then told; `None` where it still works, by design.
#[derive(Clone, Copy)]
struct Way {
    what: &'static str,
    /// Whether it takes this credential away; with which refusal.
    refusal: fn(With) -> Option<Option<ErrorCode>>,
    take: fn(&Victim<'_>) -> Taking,
}

/// Whose request is held: a user of an application of its own.
struct Victim<'a> {
    platform: &'a TestPlatform,
    app_id: AppId,
    /// The key that is taken away.
    key_id: KeyId,
    key: ServerKey,
    /// Another key of the same application.
    server: ServerKey,
    sdk: Sdk,
    /// The same install with its first tokens, and with those after the present ones.
    first: Sdk,
    next: Sdk,
    /// An install that was never seen.
    newcomer: Sdk,
    /// Codes for the same user.
    codes: [String; 2],
}

fn of_token(
    action: ErrorCode,
    state: Option<ErrorCode>,
    goodbye: Option<ErrorCode>,
) -> impl Fn(Needs) -> Option<ErrorCode> {
    move |needs| match needs {
        Needs::Action => Some(action),
        Needs::State => state,
        Needs::Goodbye => goodbye,
    }
}

fn other_ways() -> Vec<Way> {
    vec![
        Way {
            what: "the code was used by another device",
            refusal: |with| (with == With::Code).then_some(Some(AuthenticationCodeInvalid)),
            take: |victim| {
                let (sdk, code) = (victim.platform.sdk(), victim.codes[0].clone());
                Taking::Write(
                    async move {
                        sdk.exchange(&code, &key()).await.ok();
                    }
                    .boxed(),
                )
            },
        },
        Way {
            what: "the page's origin is no longer listed",
            refusal: |with| match with {
                With::Key => None,
                With::Code => Some(Some(AuthenticationCodeInvalid)),
                With::Token(_) | With::RefreshToken => Some(Some(OriginNotAllowed)),
            },
            take: |victim| {
                Taking::Sql(format!("delete from application_origins where app_id = '{}'", victim.app_id))
            },
        },
        Way {
            what: "the application is gone",
            refusal: |with| {
                Some(Some(match with {
                    With::Key => ApiKeyUnknown,
                    With::Code => AuthenticationCodeInvalid,
                    With::Token(_) | With::RefreshToken => TokenInvalid,
                }))
            },
            take: |victim| {
                Taking::Sql(format!("delete from applications where app_id = '{}'", victim.app_id))
            },
        },
    ]
}

fn ways_of_keys() -> Vec<Way> {
    vec![
        Way {
            what: "the key was revoked",
            refusal: |with| (with == With::Key).then_some(Some(ApiKeyRevoked)),
            take: |victim| {
                let (store, now) = (victim.platform.store.clone(), victim.platform.now());
                let work = RevokeApiKey { app_id: victim.app_id.clone(), key_id: victim.key_id.clone(), now };
                Taking::Write(async move { store.write(work).await.unwrap() }.boxed())
            },
        },
        Way {
            what: "the key expired",
            refusal: |with| (with == With::Key).then_some(Some(ApiKeyExpired)),
            take: |_| Taking::Time(DAY),
        },
        Way {
            what: "the key lost its scopes",
            refusal: |with| (with == With::Key).then_some(Some(InsufficientScope)),
            take: |victim| {
                Taking::Sql(format!(
                    "update api_keys set scopes = 'user.read' where key_id = '{}'",
                    victim.key_id
                ))
            },
        },
    ]
}

fn ways_of_tokens() -> Vec<Way> {
    vec![
        Way {
            what: "the access token expired",
            refusal: |with| match with {
                With::Token(needs) => Some(of_token(TokenExpired, None, None)(needs)),
                _ => None,
            },
            take: |_| Taking::Time(DAY),
        },
        Way {
            what: "another device took over",
            refusal: |with| match with {
                With::Token(needs) => Some(of_token(UserDisabledRemotely, None, None)(needs)),
                With::RefreshToken => Some(Some(UserDisabledRemotely)),
                _ => None,
            },
            take: |victim| {
                let (sdk, code) = (victim.platform.sdk(), victim.codes[1].clone());
                Taking::Write(
                    async move {
                        sdk.exchange(&code, &key()).await.ok();
                    }
                    .boxed(),
                )
            },
        },
        Way {
            what: "the user was disabled",
            refusal: |with| match with {
                With::Token(needs) => Some(of_token(UserDisabledRemotely, None, None)(needs)),
                With::RefreshToken => Some(Some(UserDisabledRemotely)),
                _ => None,
            },
            take: |victim| {
                let (store, now) = (victim.platform.store.clone(), victim.platform.now());
                let work = SetUserState {
                    app_id: victim.app_id.clone(),
                    user_id: UserId::parse(&victim.sdk.user_id).unwrap(),
                    state: UserState::Disabled(now),
                    by: Actor::Operator,
                    trace: Trace::default(),
                    now,
                };
                Taking::Write(async move { store.write(work).await.unwrap() }.boxed())
            },
        },
        Way {
            what: "the user was deleted",
            refusal: |with| match with {
                With::Token(needs) => {
                    Some(of_token(UserDeleted, Some(UserDeleted), Some(UserDeleted))(needs))
                }
                With::RefreshToken => Some(Some(UserDeleted)),
                _ => None,
            },
            take: |victim| {
                let (server, user_id) = (victim.server.clone(), victim.sdk.user_id.clone());
                Taking::Write(
                    async move {
                        server.delete(&user_id).await.ok();
                    }
                    .boxed(),
                )
            },
        },
        Way {
            what: "the install was reset",
            refusal: |with| match with {
                With::Token(needs) => Some(of_token(SessionEnded, Some(SessionEnded), None)(needs)),
                With::RefreshToken => Some(Some(SessionEnded)),
                _ => None,
            },
            take: |victim| {
                let install = &victim.sdk.install_id;
                Taking::Sql(format!(
                    "update installs set status = 'ended', end_reason = 'reset' where install_id = '{install}'"
                ))
            },
        },
        Way {
            what: "the install has a new session",
            refusal: |with| match with {
                With::Token(needs) => {
                    Some(of_token(TokenInvalid, Some(TokenInvalid), Some(TokenInvalid))(needs))
                }
                With::RefreshToken => Some(Some(TokenInvalid)),
                _ => None,
            },
            take: |victim| {
                let (sdk, code) = (victim.sdk.clone(), victim.codes[1].clone());
                Taking::Write(
                    async move {
                        sdk.exchange(&code, &key()).await.ok();
                    }
                    .boxed(),
                )
            },
        },
        Way {
            what: "a stolen token was used",
            refusal: |with| match with {
                With::Token(needs) => Some(of_token(SessionEnded, Some(SessionEnded), None)(needs)),
                With::RefreshToken => Some(Some(SessionEnded)),
                _ => None,
            },
            take: |victim| {
                let thief = victim.first.clone();
                Taking::Write(async move { thief.send_refresh(&key()).await.refused(SessionEnded) }.boxed())
            },
        },
        Way {
            what: "its pair was exchanged, and so was the next",
            refusal: |with| match with {
                With::Token(needs) => {
                    Some(of_token(TokenInvalid, Some(TokenInvalid), Some(TokenInvalid))(needs))
                }
                _ => None,
            },
            take: |victim| {
                let next = victim.next.clone();
                Taking::Write(
                    async move {
                        next.send_refresh(&key()).await.ok();
                    }
                    .boxed(),
                )
            },
        },
        Way {
            what: "its refresh token was exchanged",
            refusal: |with| (with == With::RefreshToken).then_some(Some(RefreshTokenUsed)),
            take: |victim| {
                let sdk = victim.sdk.clone();
                Taking::Write(
                    async move {
                        sdk.send_refresh(&key()).await.ok();
                    }
                    .boxed(),
                )
            },
        },
    ]
}

/// What an endpoint can be called with. Who adds an endpoint is asked here what it needs.
fn credentials(endpoint: &Endpoint) -> Vec<With> {
    match (endpoint.audience, endpoint.path) {
        (Audience::Operators, _) => vec![],
        (Audience::Servers, _) => vec![With::Key],
        (Audience::SdksAndServers, _) => vec![With::Key, With::Token(Needs::Action)],
        (Audience::Sdks, "/sdk/v1/users") => vec![With::Code],
        (Audience::Sdks, "/sdk/v1/token") => vec![With::RefreshToken],
        (Audience::Sdks, "/sdk/v1/config" | "/sdk/v1/events" | "/sdk/v1/link/confirm") => {
            vec![With::Token(Needs::State)]
        }
        (Audience::Sdks, "/sdk/v1/reset") => vec![With::Token(Needs::Goodbye)],
        (Audience::Sdks, _) => vec![With::Token(Needs::Action)],
    }
}

/// What the endpoint is sent; `None` where it reads no body.
fn body(endpoint: &Endpoint, victim: &Victim<'_>) -> Option<Value> {
    match endpoint.path {
        "/users/auth-code" | "/v2/users/{install_id}/link" => Some(json!({ "external_id": MARKER })),
        "/sdk/v1/users" => Some(victim.newcomer.creation(&victim.codes[0], &key())),
        "/sdk/v1/token" => {
            Some(json!({ "refresh_token": victim.sdk.refresh_token, "idempotency_key": key() }))
        }
        "/sdk/v1/link" => Some(json!({ "authentication_code": victim.codes[0] })),
        "/sdk/v1/metadata" => Some(json!({ "revision": 1, "entries": [{ "key": "k", "value": MARKER }] })),
        "/sdk/v1/detections" => Some(json!({ "detections": [
            { "id": key(), "time": 1, "position": { "latitude": 1, "longitude": 2, "accuracy": 3 } },
        ] })),
        "/sdk/v1/reset" | "/sdk/v1/link/confirm" => None,
        path => {
            assert!(matches!(endpoint.verb, Verb::Get | Verb::Delete), "{path}: say what it is sent");
            None
        }
    }
}

/// The rows that only the held request would have written; `None` where it writes nothing, or something that whatever
/// takes the credential away writes too.
fn effects(endpoint: &Endpoint, with: With, victim: &Victim<'_>) -> Option<String> {
    let (app_id, install_id) = (&victim.app_id, &victim.newcomer.install_id);
    let actor = if with == With::Key { "api_key" } else { "install" };
    let rows = match endpoint.path {
        "/users/auth-code" => format!("authentication_codes where external_id = '{MARKER}'"),
        "/v2/users/{install_id}/link" => format!("users where external_id = '{MARKER}'"),
        "/users/{user_id}" => format!("audit_events where kind = 'user_deleted' and actor = '{actor}'"),
        "/sdk/v1/link" => {
            "authentication_codes where consumed_at is not null and idempotency_key is null".to_owned()
        }
        "/sdk/v1/metadata" => "user_metadata where true".to_owned(),
        "/sdk/v1/detections" => "detection_blocks where true".to_owned(),
        "/sdk/v1/reset" => "audit_events where kind = 'session_reset'".to_owned(),
        "/sdk/v1/users" => format!("installs where install_id = '{install_id}'"),
        "/sdk/v1/token" | "/sdk/v1/link/confirm" => return None,
        path => {
            assert!(endpoint.verb == Verb::Get, "{path}: say what it writes");
            return None;
        }
    };
    Some(format!("select count(*) from {rows} and app_id = '{app_id}'"))
}

/// A use case that changes nothing, and makes a group of its own: no upload joins one that has taken so long, and what is
/// prompt begins the next.
#[derive(Clone)]
struct Nothing;

impl Work for Nothing {
    type Output = ();
    type Error = StoreError;

    fn turn(&self) -> Turn {
        Turn::HOUSEKEEPING
    }

    async fn run<T: Transaction>(self, _: &mut T) -> Result<(), StoreError> {
        std::thread::sleep(Duration::from_millis(50));
        Ok(())
    }
}

impl<'a> Victim<'a> {
    async fn new(platform: &'a TestPlatform, endpoint: &Endpoint, with: With, moment: Moment) -> Self {
        let (app_id, secret) = (AppId::generate(&OsRandomness), Plain::<AppSecret>::generate(&OsRandomness));
        let now = platform.now();
        let application =
            Application { app_id: app_id.clone(), name: "A".to_owned(), created_at: now, user_linking: true };
        let origins = vec![LISTED_ORIGIN.parse().unwrap()];
        let work = CreateApplication { application, secret: secret.hash(), origins };
        platform.store.write(work).await.unwrap();
        let (_, server) = new_key(platform, &app_id).await;
        let (key_id, key) = new_key(platform, &app_id).await;

        let mut sdk = platform.sdk();
        if endpoint.path == "/v2/users/{install_id}/link" {
            let credentials = json!({ "id": app_id.as_str(), "secret": secret.reveal(), "linking": false });
            sdk.create_unlinked_user(&credentials).await.ok();
        } else {
            sdk.create_user(&server.code("alice").await).await.ok();
        }
        let first = sdk.clone();
        sdk.refresh().await.ok();
        sdk.refresh().await.ok();
        // A call that only reads has to wait where its token is shown for the first time.
        if endpoint.verb != Verb::Get || moment != Moment::InTheQueue {
            sdk.own_profile().await.ok();
        }
        let mut next = sdk.clone();
        if with != With::RefreshToken {
            next.refresh().await.ok();
        }
        let codes = [server.code("alice").await, server.code("alice").await];
        Victim { platform, app_id, key_id, key, server, sdk, first, next, newcomer: platform.sdk(), codes }
    }

    /// The head and the body of the request.
    fn request(&self, endpoint: &Endpoint, with: With, moment: Moment) -> (String, String) {
        let path = endpoint.path.replace("{user_id}", &self.sdk.user_id);
        let path = path.replace("{install_id}", &self.sdk.install_id);
        let body = body(endpoint, self).map(|body| body.to_string()).unwrap_or_default();
        let method = endpoint.verb.method();
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n");
        let secret = match with {
            With::Key => Some(&self.key.secret),
            With::Token(_) => Some(&self.sdk.access_token),
            With::RefreshToken | With::Code => None,
        };
        if let Some(secret) = secret {
            head.push_str(&format!("authorization: Bearer {secret}\r\n"));
        }
        if with != With::Key {
            head.push_str(&format!("origin: {LISTED_ORIGIN}\r\n"));
        }
        if !body.is_empty() {
            head.push_str(&format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len()));
        }
        if moment != Moment::InTheQueue {
            head.push_str("expect: 100-continue\r\n");
        }
        (format!("{head}\r\n"), body)
    }

    /// Holds the request open, takes its credential away, and lets it go on.
    async fn held(&self, endpoint: &Endpoint, with: With, moment: Moment, taking: Taking) -> String {
        let (head, body) = self.request(endpoint, with, moment);
        let mut stream =
            TcpStream::connect(self.platform.url.strip_prefix("http://").unwrap()).await.unwrap();
        if moment == Moment::InTheQueue {
            let request = format!("{head}{body}");
            if is_on_postgres() {
                self.take_while_it_waits(&mut stream, &request, taking).await;
            } else {
                self.take_before_its_turn(&mut stream, &request, taking).await;
            }
            return response(&mut stream).await;
        }
        stream.write_all(head.as_bytes()).await.unwrap();
        // The platform asks for the body when the head was found good.
        let mut go_on = [0; 25];
        timeout(PATIENCE, stream.read_exact(&mut go_on)).await.unwrap().unwrap();
        assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
        let sent = if moment == Moment::HalfTheBody { body.len() / 2 } else { 0 };
        stream.write_all(&body.as_bytes()[..sent]).await.unwrap();
        match taking {
            Taking::Write(write) => write.await,
            Taking::Sql(sql) => self.platform.tamper(&sql).await,
            Taking::Time(span) => self.platform.pass(span),
        }
        // What a deletion leaves goes by itself.
        self.platform.until_rows("select count(*) from users where deleted_at is not null", 0).await;
        let before = self.contents().await;
        stream.write_all(&body.as_bytes()[sent..]).await.unwrap();
        let answer = response(&mut stream).await;
        let changed = self.contents().await != before;
        assert!(!changed || answer.starts_with("HTTP/1.1 2"), "{} {with:?} {moment:?}", endpoint.path);
        answer
    }

    /// What the database holds, but for the record of a code that came back: showing one does no more than that. And
    /// but for what a platform writes by itself, that it lives.
    async fn contents(&self) -> Vec<String> {
        let mut lines = self.platform.database.contents().await;
        lines.retain(|line| {
            !line.contains("authentication_code_reused")
                && !line.starts_with("sqlite_sequence")
                && !line.starts_with("replicas(")
        });
        lines
    }

    /// Has the credential taken away by what comes before the request in the writer's queue.
    async fn take_before_its_turn(&self, stream: &mut TcpStream, request: &str, taking: Taking) {
        let store = self.platform.store.clone();
        let mut held = self.platform.database.hold_writes().await;
        // The writer is busy with this until the lock is given back.
        let mut busy = Box::pin(store.write(Nothing));
        assert!((&mut busy).now_or_never().is_none());
        self.until_waiting(0).await;
        let mut write = None;
        if let Taking::Write(taking) = taking {
            write = Some(tokio::spawn(taking));
            self.until_waiting(1).await;
            stream.write_all(request.as_bytes()).await.unwrap();
            self.until_waiting(2).await;
        } else {
            stream.write_all(request.as_bytes()).await.unwrap();
            self.until_waiting(1).await;
            match taking {
                Taking::Sql(sql) => held.run(&sql).await,
                Taking::Time(span) => self.platform.pass(span),
                Taking::Write(_) => unreachable!(),
            }
        }
        held.release().await;
        busy.await.unwrap();
        if let Some(write) = write {
            write.await.unwrap();
        }
    }

    /// The same where there is no queue: the request waits in the middle of its transaction, for what others have locked, and
    /// goes on when its credential has been taken away.
    async fn take_while_it_waits(&self, stream: &mut TcpStream, request: &str, taking: Taking) {
        let mut held = self.platform.database.hold_writes().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let stopped = self.platform.database.stop_who_waits().await;
        let mut write = None;
        match taking {
            Taking::Sql(sql) => held.run(&sql).await,
            Taking::Time(span) => self.platform.pass(span),
            Taking::Write(taking) => write = Some(taking),
        }
        held.release().await;
        if let Some(write) = write {
            write.await;
        }
        drop(stopped);
    }

    async fn until_waiting(&self, count: usize) {
        let counted = async {
            while self.platform.store.waiting() != count {
                sleep(Duration::from_millis(2)).await;
            }
        };
        let has_come = timeout(PATIENCE, counted).await;
        assert!(has_come.is_ok(), "it did not come to the writer's queue");
    }
}

async fn new_key(platform: &TestPlatform, app_id: &AppId) -> (KeyId, ServerKey) {
    let (key_id, secret) = (KeyId::generate(&OsRandomness), Plain::<ApiKey>::generate(&OsRandomness));
    let record = ApiKeyRecord {
        app_id: app_id.clone(),
        key_id: key_id.clone(),
        name: String::new(),
        scopes: Scope::ALL.to_vec(),
        hint: secret.hint(),
        created_at: platform.now(),
        expires_at: platform.now().plus(Duration::from_secs(60 * 60)),
        state: ApiKeyState::Valid,
    };
    platform.store.write(CreateApiKey { record, hash: secret.hash() }).await.unwrap();
    (key_id, ServerKey::new(&platform.url, secret.reveal()))
}

/// What is answered; of a stream, its head.
async fn response(stream: &mut TcpStream) -> String {
    let (mut answer, mut part) = (Vec::new(), [0; 4096]);
    loop {
        let read = timeout(PATIENCE, stream.read(&mut part)).await.unwrap().unwrap_or(0);
        answer.extend_from_slice(&part[..read]);
        let text = String::from_utf8_lossy(&answer);
        if read == 0 || (text.contains("text/event-stream") && text.contains("\r\n\r\n")) {
            return text.into_owned();
        }
    }
}

/// Whether a request that waits in the middle of its transaction was judged before, and is no more: keys are not locked,
/// and the time is that of the begin. In a queue there is nothing of a transaction yet.
fn is_judged_at_the_begin(with: With, taking: &Taking) -> bool {
    is_on_postgres() && (with == With::Key || matches!(taking, Taking::Time(_)))
}

/// Holds every endpoint whose credential is taken away in this way, at every moment that it has.
async fn check(platform: &TestPlatform, way: Way) -> usize {
    let mut checked = 0;
    for endpoint in ENDPOINTS {
        for with in credentials(endpoint) {
            let Some(expected) = (way.refusal)(with) else { continue };
            for moment in [Moment::BodyWithheld, Moment::HalfTheBody, Moment::InTheQueue] {
                let victim = Victim::new(platform, endpoint, with, moment).await;
                let has_body = body(endpoint, &victim).is_some();
                // What has no body is not held for it, and what writes nothing, not even the first use of a token, has no
                // turn: of these nothing lies between the judgement and the act, which see one state of the database.
                let writes = endpoint.verb != Verb::Get || with != With::Key;
                if !(if moment == Moment::InTheQueue { writes } else { has_body }) {
                    continue;
                }
                let what = format!("{}: {} {with:?} {moment:?}", way.what, endpoint.path);
                let taking = (way.take)(&victim);
                let is_judged = moment == Moment::InTheQueue && is_judged_at_the_begin(with, &taking);
                let answer = victim.held(endpoint, with, moment, taking).await;
                checked += 1;
                if is_judged {
                    // As though it had come before: it is all done, or refused.
                    let is_whole =
                        ["HTTP/1.1 2", "HTTP/1.1 4"].iter().any(|status| answer.starts_with(status));
                    assert!(is_whole, "{what}: {answer}");
                    continue;
                }
                let Some(code) = expected else {
                    assert!(answer.starts_with("HTTP/1.1 2"), "{what}: {answer}");
                    continue;
                };
                assert!(answer.contains(&format!("\"errorCode\":\"{}\"", code.as_str())), "{what}: {answer}");
                if let Some(count) = effects(endpoint, with, &victim) {
                    assert_eq!(platform.count_rows(&count).await, 0, "{what}: it was done all the same");
                }
            }
        }
    }
    checked
}

async fn check_all(ways: Vec<Way>) {
    // What the platform does by itself waits with the request otherwise.
    let platform = TestPlatform::start_with(Settings { clean_up_interval: DAY, ..Settings::default() }).await;
    platform.until_rows("select count(*) from clock_watch", 1).await;
    for way in ways {
        let checked = check(&platform, way).await;
        assert!(checked > 0, "{}", way.what);
    }
}

#[tokio::test]
async fn a_key_that_goes_while_a_request_is_under_way_does_nothing() {
    check_all(ways_of_keys()).await;
}

#[tokio::test]
async fn a_token_that_goes_while_a_request_is_under_way_does_nothing() {
    check_all(ways_of_tokens()).await;
}

#[tokio::test]
async fn a_code_origin_or_application_that_goes_meanwhile_does_nothing() {
    check_all(other_ways()).await;
}

/// Reads a user twice, and waits in between.
#[derive(Clone)]
struct ReadTwice {
    app_id: AppId,
    user_id: UserId,
    has_read: Arc<Notify>,
    go_on: Arc<Mutex<mpsc::Receiver<()>>>,
}

impl Work for ReadTwice {
    type Output = [bool; 2];
    type Error = StoreError;

    fn reads_much(&self) -> bool {
        true
    }

    async fn run<T: Transaction>(self, tx: &mut T) -> Result<[bool; 2], StoreError> {
        let first = tx.find_user(&self.app_id, &self.user_id).await?.is_some();
        self.has_read.notify_one();
        self.go_on.lock().unwrap().recv().unwrap();
        Ok([first, tx.find_user(&self.app_id, &self.user_id).await?.is_some()])
    }
}

// A read blocks its thread where it waits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_statements_of_a_read_see_one_state() {
    let platform = TestPlatform::start().await;
    let sdk = platform.sdk_with_user("alice").await;
    let (has_read, (go, go_on)) = (Arc::new(Notify::new()), mpsc::channel());
    let (read, go_on) = (has_read.clone(), Arc::new(Mutex::new(go_on)));
    let (app_id, user_id) = (AppId::parse(&platform.app_id).unwrap(), UserId::parse(&sdk.user_id).unwrap());
    let store = platform.store.clone();
    let reading =
        tokio::spawn(
            async move { store.read(ReadTwice { app_id, user_id, has_read, go_on }).await.unwrap() },
        );
    read.notified().await;
    platform.server.delete(&sdk.user_id).await.ok();
    go.send(()).unwrap();
    assert_eq!(reading.await.unwrap(), [true, true]);
    sdk.own_profile().await.refused(UserDeleted);
}
