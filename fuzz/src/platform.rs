//! The platform's real router on a real database, and requests as text: a line with method and path, header lines, an
//! empty line, the body. What a text cannot know stands in braces: `{token}`, `{code}` and so on.

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version},
};
use http_body_util::BodyExt;
use sentiance_platform::{
    clock::{Clock, Timestamp},
    domain::{Acting, ByKey, CreateApiKey, CreateApplication, IssueCode},
    http::{Platform, Settings, router},
    model::{ApiKeyRecord, ApiKeyState, AppId, Application, ExternalId, KeyId, Scope},
    random::{OsRandomness, Randomness},
    secret::{ApiKey, AppSecret, Hashed, Plain},
    store::Store,
};
use std::{
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tower::ServiceExt;

/// The origin that the application lists.
pub const LISTED_ORIGIN: &str = "https://app.example.com";
/// After so many requests all is made anew, so that what they leave does not pile up.
const REQUESTS_PER_WORLD: usize = 5_000;
/// More than any answer has.
pub const LONGEST_ANSWER: usize = 1 << 20;

/// An answer: its body, unless it is a stream.
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

pub struct World {
    runtime: Runtime,
    router: Router,
    store: Store,
    app_id: AppId,
    key: Hashed<ApiKey>,
    install: u64,
    served: usize,
    names: Vec<(&'static str, String)>,
    _folder: TempDir,
}

impl World {
    pub fn new() -> Self {
        let log = tracing_subscriber::fmt().with_max_level(tracing_subscriber::filter::LevelFilter::ERROR);
        // Only the first world can: there is one log.
        let _ = log.with_writer(std::io::stderr).try_init();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        // In memory, where the machine has such a folder: the disk's speed is not what is tested.
        let folder = ["/dev/shm", "/tmp"].into_iter().find(|path| Path::new(path).is_dir()).unwrap_or(".");
        let folder = tempfile::tempdir_in(folder).expect("a folder");
        let random = Counting::default();
        let (app_id, secret) = (AppId::generate(&random), Plain::<AppSecret>::generate(&random));
        let key = Plain::<ApiKey>::generate(&random);
        let store = runtime.block_on(async {
            let store = Store::open(&folder.path().join("platform.db")).await.expect("a database");
            let application = Application {
                app_id: app_id.clone(),
                name: "Fuzz".to_owned(),
                created_at: NOW,
                user_linking: true,
            };
            let origins = vec![LISTED_ORIGIN.parse().expect("an origin")];
            let work = CreateApplication { application, secret: secret.hash(), origins };
            store.write(work).await.expect("an application");
            let record = ApiKeyRecord {
                app_id: app_id.clone(),
                key_id: KeyId::generate(&random),
                name: "fuzz".to_owned(),
                scopes: Scope::ALL.to_vec(),
                hint: key.hint(),
                created_at: NOW,
                expires_at: Timestamp(i64::MAX),
                state: ApiKeyState::Valid,
            };
            store.write(CreateApiKey { record, hash: key.hash() }).await.expect("a key");
            store
        });
        // The addresses that a proxy names are read, too.
        let trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
        let settings = Settings { trusted_proxies, ..Settings::default() };
        let platform = Platform::new(store.clone(), Fixed, random, settings);
        let mut world = World {
            router: runtime.block_on(async { router(Arc::new(platform)) }),
            runtime,
            store,
            names: vec![
                ("{app}", app_id.to_string()),
                ("{app_secret}", secret.reveal().to_owned()),
                ("{key}", key.reveal().to_owned()),
            ],
            app_id,
            key: key.hash(),
            install: 0,
            served: 0,
            _folder: folder,
        };
        world.create_user();
        world
    }

    /// Answers the request that the text is; `None` where it is none, or one that no HTTP connection would hand on.
    pub fn answer(&mut self, text: &[u8]) -> Option<(Request<()>, Answer)> {
        let mut text = self.fill_in(text);
        if contains(&text, b"{code}") {
            text = replace(&text, b"{code}", self.new_code().as_bytes());
        }
        let request = parse(&text)?;
        let described = request.extensions().get::<Arc<Request<()>>>().cloned()?;
        let answer = self.send(request);
        let method = described.method();
        let may_have_ended = method == Method::DELETE || described.uri().path().starts_with("/sdk/v1/");
        if (200..300).contains(&answer.status) && method != Method::GET && may_have_ended {
            self.create_user();
        }
        self.served += 1;
        if self.served > REQUESTS_PER_WORLD {
            *self = World::new();
        }
        Some((Request::clone(&described), answer))
    }

    fn send(&self, request: Request<Body>) -> Answer {
        self.runtime.block_on(async {
            let response = self.router.clone().oneshot(request).await.expect("infallible");
            let (parts, mut body) = response.into_parts();
            let is_stream = parts.headers.get("content-type").is_some_and(|kind| kind == "text/event-stream");
            let mut bytes = Vec::new();
            while !is_stream
                && bytes.len() <= LONGEST_ANSWER
                && let Some(frame) = body.frame().await
            {
                bytes.extend(frame.expect("a body that is whole").into_data().unwrap_or_default());
            }
            Answer { status: parts.status.as_u16(), headers: parts.headers, body: bytes }
        })
    }

    /// A user on a new install, whose names replace those of the one before.
    fn create_user(&mut self) {
        self.install += 1;
        let install = format!("{:032x}", self.install);
        let body = format!(
            r#"{{"authentication_code":"{}","install_id":"{install}","idempotency_key":"{install}","app":{{}},
            "device":{{"class":"phone","class_source":"override"}},"sdk":{{"version":"1","runtime":"node"}}}}"#,
            self.new_code(),
        );
        let text = format!("POST /sdk/v1/users\ncontent-type: application/json\n\n{body}");
        let answer = self.send(parse(text.as_bytes()).expect("a request"));
        let created: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
        let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
        let fresh = [
            ("{user}", text(&created["user_id"])),
            ("{token}", text(&created["token"]["access_token"])),
            ("{refresh}", text(&created["token"]["refresh_token"])),
            ("{install}", install),
        ];
        self.names.retain(|(name, _)| fresh.iter().all(|(other, _)| name != other));
        self.names.extend(fresh);
    }

    fn new_code(&mut self) -> String {
        let code = Plain::new_code(&self.app_id, &OsRandomness);
        let external_id = ExternalId::parse("alice".to_owned()).expect("an external id");
        let by = ByKey { key: self.key, scope: Scope::UserLink };
        let act = IssueCode { external_id, code: code.hash() };
        self.runtime.block_on(self.store.write(Acting { by, clock: Arc::new(Fixed), act })).expect("a code");
        code.reveal().to_owned()
    }

    fn fill_in(&self, text: &[u8]) -> Vec<u8> {
        self.names.iter().fold(text.to_vec(), |text, (name, value)| {
            if contains(&text, name.as_bytes()) {
                replace(&text, name.as_bytes(), value.as_bytes())
            } else {
                text
            }
        })
    }
}

impl Default for World {
    fn default() -> Self {
        World::new()
    }
}

/// Reads a request. It keeps a copy of itself without its body, for whoever judges the answer.
fn parse(text: &[u8]) -> Option<Request<Body>> {
    let end = text.windows(2).position(|pair| pair == b"\n\n");
    let (head, body) = end.map_or((text, &[][..]), |end| (&text[..end], &text[end + 2..]));
    let mut lines = head.split(|byte| *byte == b'\n');
    let first = lines.next()?;
    let space = first.iter().position(|byte| *byte == b' ')?;
    let method = Method::from_bytes(&first[..space]).ok()?;
    let uri = Uri::try_from(&first[space + 1..]).ok().filter(|uri| uri.path().starts_with('/'))?;
    let mut described = Request::builder().method(method).uri(uri).version(Version::HTTP_11).body(()).ok()?;
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = HeaderName::from_bytes(&line[..colon]).ok()?;
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?;
        described.headers_mut().append(name, value);
    }
    // Every request of HTTP/1.1 has one; those that are tried say it only where it matters.
    described.headers_mut().entry("host").or_insert(HeaderValue::from_static("fuzz"));
    let mut request = described.clone().map(|()| Body::from(body.to_vec()));
    request.extensions_mut().insert(Arc::new(described));
    request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 1))));
    Some(request)
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

fn replace(text: &[u8], name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut replaced = Vec::with_capacity(text.len() + value.len());
    let mut rest = text;
    while let Some(at) = rest.windows(name.len()).position(|window| window == name) {
        replaced.extend_from_slice(&rest[..at]);
        replaced.extend_from_slice(value);
        rest = &rest[at + name.len()..];
    }
    replaced.extend_from_slice(rest);
    replaced
}

/// The time stands still, so that an input does the same whenever it is tried.
const NOW: Timestamp = Timestamp(1_700_000_000_000);

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        NOW
    }

    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }
}

/// Never the same bytes, and the same ones in every run.
#[derive(Default)]
struct Counting(AtomicU64);

impl Randomness for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        let count = self.0.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = count.to_be_bytes()[at % 8] ^ (at as u8);
        }
    }
}
