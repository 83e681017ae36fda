//! Which page may call what, and may read which answer: every endpoint that the router has, with every kind of origin,
//! of `Sec-Fetch-Site` and of credential. What is expected is a rule, and the endpoints are the router's own list.

use crate::support::{LISTED_ORIGIN, TestPlatform};
use futures_util::{StreamExt, stream};
use reqwest::{
    Client, Method, RequestBuilder, StatusCode,
    header::{HeaderMap, HeaderValue},
};
use sentiance_platform::{
    http::{
        EventSettings, Settings,
        endpoints::{Audience, ENDPOINTS, Endpoint, Verb},
    },
    random::OsRandomness,
    secret::{AccessToken, ApiKey, Plain},
};
use sentiance_protocol::{ErrorBody, ErrorCode};
use std::{collections::HashMap, time::Duration};

const OTHERS_ORIGIN: &str = "https://other.example.com";
/// How many requests are under way at once.
const AT_ONCE: usize = 16;

/// What kind of page sends a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Page {
    /// None: a server, or an app's own HTTP client.
    No,
    /// Its application lists it.
    Own,
    /// Another application lists it.
    Others,
    /// No application lists it.
    Foreign,
    /// No browser would send it.
    Impossible,
}

const PAGES: [(Page, &[&[u8]]); 14] = [
    (Page::No, &[]),
    (Page::Own, &[LISTED_ORIGIN.as_bytes()]),
    (Page::Others, &[OTHERS_ORIGIN.as_bytes()]),
    (Page::Foreign, &[b"https://evil.example.com"]),
    (Page::Foreign, &[b"https://app.example.com.evil.example.com"]),
    (Page::Foreign, &[b"http://localhost:3000"]),
    (Page::Foreign, &[b"null"]),
    (Page::Impossible, &[b""]),
    (Page::Impossible, &[b"https://app.example.com/"]),
    (Page::Impossible, &[b"https://APP.example.com"]),
    (Page::Impossible, &[b"https://app.example.com\xff"]),
    (Page::Impossible, &[b"https://app.example.com https://evil.example.com"]),
    (Page::Impossible, &[LISTED_ORIGIN.as_bytes(), b"https://evil.example.com"]),
    (Page::Impossible, &[b"https://evil.example.com", LISTED_ORIGIN.as_bytes()]),
];

/// What the SDK sends, and what monitoring and tracing tools of a page add to every `fetch`.
const REQUESTED_HEADERS: &str = "authorization,b3,baggage,content-type,elastic-apm-traceparent,newrelic,sentry-trace,\
                                 traceparent,tracestate,x-b3-traceid,x-cloud-trace-context,x-datadog-trace-id,\
                                 x-of-a-tool-to-come,x-request-id,x-requested-with";

const SITES: [&[&str]; 6] =
    [&[], &["none"], &["same-origin"], &["same-site"], &["cross-site"], &["none", "cross-site"]];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Credential {
    None,
    ValidKey,
    UnknownKey,
    /// For endpoints that only read.
    LiveToken,
    /// Its session has ended: it is recognized, and can change nothing.
    EndedToken,
    UnknownToken,
}

const CREDENTIALS: [Credential; 6] = [
    Credential::None,
    Credential::ValidKey,
    Credential::UnknownKey,
    Credential::LiveToken,
    Credential::EndedToken,
    Credential::UnknownToken,
];

impl Credential {
    fn is_key(self) -> bool {
        matches!(self, Credential::ValidKey | Credential::UnknownKey)
    }

    fn belongs_to_the_application(self) -> bool {
        matches!(self, Credential::LiveToken | Credential::EndedToken)
    }
}

#[derive(Clone, Copy)]
struct Cell {
    endpoint: &'static Endpoint,
    page: Page,
    origins: &'static [&'static [u8]],
    site: &'static [&'static str],
    credential: Credential,
    preflight: bool,
}

impl Cell {
    fn describe(&self) -> String {
        let origins: Vec<_> = self.origins.iter().map(|origin| String::from_utf8_lossy(origin)).collect();
        let Cell { endpoint, site, credential, preflight, .. } = self;
        let (method, path) = (endpoint.verb.method(), endpoint.path);
        format!("{method} {path} preflight={preflight} {origins:?} sec-fetch-site={site:?} {credential:?}")
    }

    /// What tells a browser from others.
    fn is_from_browser(&self) -> bool {
        self.page != Page::No || self.site.iter().any(|site| *site != "none")
    }

    /// The same request from no page.
    fn outside_of_pages(self) -> Cell {
        Cell { page: Page::No, origins: &[], site: &[], ..self }
    }

    /// What is the same in all requests that differ by their page only.
    fn request_outside_of_pages(&self) -> CellKey {
        let Cell { endpoint, credential, preflight, .. } = *self;
        CellKey { path: endpoint.path, method: endpoint.verb.method(), credential, preflight }
    }

    /// The rules.
    fn expected(&self, outside_of_pages: &HashMap<CellKey, Outcome>) -> Expected {
        let key = self.request_outside_of_pages();
        // Where the body says who calls (a code, a refresh token), an access token is not even read.
        let without = &outside_of_pages[&CellKey { credential: Credential::None, ..key.clone() }];
        let outside_of_pages = &outside_of_pages[&key];
        let refused = |code: ErrorCode| Expected {
            outcome: (StatusCode::from_u16(code.status()).unwrap(), code.as_str().to_owned()),
            readable: false,
        };
        let as_outside = |readable| Expected { outcome: outside_of_pages.clone(), readable };
        let for_pages = matches!(self.endpoint.audience, Audience::Sdks | Audience::SdksAndServers);
        match self.endpoint.audience {
            _ if self.preflight && (!for_pages || self.page == Page::No) => {
                refused(ErrorCode::MethodNotAllowed)
            }
            Audience::Operators => as_outside(false),
            Audience::Servers if self.is_from_browser() => refused(ErrorCode::BrowserNotAllowed),
            Audience::Servers => as_outside(false),
            _ if self.credential.is_key() && self.is_from_browser() => refused(ErrorCode::BrowserNotAllowed),
            _ => match self.page {
                Page::No => as_outside(false),
                Page::Foreign | Page::Impossible => refused(ErrorCode::OriginNotAllowed),
                // A preflight has no credential: whether this page's application is meant shows with the call itself.
                Page::Own | Page::Others if self.preflight => {
                    Expected { outcome: (StatusCode::NO_CONTENT, String::new()), readable: true }
                }
                Page::Others
                    if self.credential.belongs_to_the_application() && outside_of_pages != without =>
                {
                    refused(ErrorCode::OriginNotAllowed)
                }
                Page::Own | Page::Others => as_outside(true),
            },
        }
    }
}

/// A request from no page: what its kin from pages are compared with.
#[derive(Clone, PartialEq, Eq, Hash)]
struct CellKey {
    path: &'static str,
    method: Method,
    credential: Credential,
    preflight: bool,
}

/// Status, and error code if there is one.
type Outcome = (StatusCode, String);

struct Expected {
    outcome: Outcome,
    /// Whether the page may read the answer.
    readable: bool,
}

struct World {
    http: Client,
    platform: TestPlatform,
    live: String,
    ended: String,
    unknown_token: String,
    unknown_key: String,
}

impl World {
    async fn new() -> Self {
        // A stream that a cell has left open is no reason to refuse the next one.
        let events = EventSettings { streams_per_install: 100, ..Settings::default().events };
        let settings = Settings { events, ..Settings::default() };
        let platform = TestPlatform::start_with(settings).await;
        platform.command().create_app("Other", &[OTHERS_ORIGIN]);
        let live = platform.sdk_with_user("live").await.access_token;
        let ended = platform.sdk_with_user("ended").await;
        ended.reset().await.ok();
        World {
            http: Client::new(),
            live,
            ended: ended.access_token,
            unknown_token: Plain::<AccessToken>::generate(&OsRandomness).reveal().to_owned(),
            unknown_key: Plain::<ApiKey>::generate(&OsRandomness).reveal().to_owned(),
            platform,
        }
    }

    fn request(&self, cell: &Cell) -> RequestBuilder {
        // Nobody has these ids, and no endpoint takes this body: what a request gets past the gates changes nothing.
        let path = cell
            .endpoint
            .path
            .replace("{user_id}", "0123456789abcdef01234567")
            .replace("{install_id}", "0123456789abcdef0123456789abcdef");
        assert!(!path.contains('{'), "a parameter that is new here: {path}");
        let method = if cell.preflight { Method::OPTIONS } else { cell.endpoint.verb.method() };
        let mut request = self.http.request(method, format!("{}{path}", self.platform.url));
        for origin in cell.origins {
            request = request.header("origin", HeaderValue::from_bytes(origin).unwrap());
        }
        for site in cell.site {
            request = request.header("sec-fetch-site", *site);
        }
        if cell.preflight {
            return request
                .header("access-control-request-method", cell.endpoint.verb.method().as_str())
                .header("access-control-request-headers", REQUESTED_HEADERS);
        }
        let request = match cell.credential {
            Credential::None => request,
            Credential::ValidKey => request.bearer_auth(&self.platform.server.secret),
            Credential::UnknownKey => request.bearer_auth(&self.unknown_key),
            Credential::LiveToken => request.bearer_auth(&self.live),
            Credential::EndedToken => request.bearer_auth(&self.ended),
            Credential::UnknownToken => request.bearer_auth(&self.unknown_token),
        };
        if cell.endpoint.verb == Verb::Get { request } else { request.json(&serde_json::json!({ "x": 1 })) }
    }

    async fn send(&self, cell: &Cell) -> (Outcome, HeaderMap) {
        let response = self.request(cell).timeout(Duration::from_secs(60)).send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        // A successful answer may be a stream without an end, and its body says nothing about gates.
        let code = if status.is_client_error() || status.is_server_error() {
            let text = response.text().await.unwrap();
            serde_json::from_str::<ErrorBody>(&text).unwrap().error_code
        } else {
            String::new()
        };
        ((status, code), headers)
    }
}

/// Every cell.
fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    for endpoint in ENDPOINTS {
        for (page, origins) in PAGES {
            for site in SITES {
                let cell =
                    Cell { endpoint, page, origins, site, credential: Credential::None, preflight: true };
                cells.push(cell);
                let may_change = endpoint.verb != Verb::Get;
                let credentials = CREDENTIALS
                    .into_iter()
                    .filter(|credential| !(may_change && *credential == Credential::LiveToken));
                cells.extend(credentials.map(|credential| Cell { credential, preflight: false, ..cell }));
            }
        }
    }
    cells
}

/// Whatever is wrong with an answer.
fn faults(cell: &Cell, expected: &Expected, (outcome, headers): &(Outcome, HeaderMap)) -> Vec<String> {
    let value = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("not a text"));
    let lists = |name: &str, item: &str| {
        headers.get_all(name).iter().any(|value| {
            value.to_str().unwrap_or_default().to_lowercase().split(", ").any(|listed| listed == item)
        })
    };
    let for_pages = matches!(cell.endpoint.audience, Audience::Sdks | Audience::SdksAndServers);
    let shared = headers.keys().any(|name| name.as_str().starts_with("access-control-"));
    let mut faults = Vec::new();
    let mut check = |holds: bool, what: &str| {
        if !holds {
            faults.push(format!("{}: {what}; it is {outcome:?} {headers:?}", cell.describe()));
        }
    };
    check(outcome == &expected.outcome, &format!("expected {:?}", expected.outcome));
    check(shared == expected.readable, "CORS headers, where the page may read the answer and only there");
    if expected.readable {
        let origin = cell.origins[0];
        let allowed = headers.get_all("access-control-allow-origin").iter().collect::<Vec<_>>();
        check(allowed == [&HeaderValue::from_bytes(origin).unwrap()], "shared with this page alone");
        if cell.preflight {
            let method = cell.endpoint.verb.method().as_str().to_lowercase();
            check(lists("access-control-allow-methods", &method), "the method");
            for header in REQUESTED_HEADERS.split(',').chain(["if-none-match"]) {
                check(lists("access-control-allow-headers", header), header);
            }
            check(value("access-control-max-age").is_some(), "it is remembered");
        } else {
            for header in ["etag", "retry-after"] {
                check(lists("access-control-expose-headers", header), header);
            }
        }
    }
    check(value("access-control-allow-credentials").is_none(), "no cookies, ever");
    check(!for_pages || lists("vary", "origin"), "a cache must tell pages apart");
    // What compresses a stream holds its events back.
    let is_stream = value("content-type") == Some("text/event-stream");
    let caching = if is_stream { "no-store, no-transform" } else { "no-store" };
    check(value("cache-control") == Some(caching), "nothing is cached");
    check(value("referrer-policy") == Some("no-referrer"), "no address is passed on");
    check(value("x-content-type-options") == Some("nosniff"), "no answer is taken for a script");
    faults
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_endpoint_meets_every_kind_of_page_as_the_rules_say() {
    let world = World::new().await;
    let (world, cells) = (&world, cells());
    let is_outside = |cell: &&Cell| cell.page == Page::No && cell.site.is_empty();
    let mut outside_of_pages = HashMap::new();
    for cell in cells.iter().filter(is_outside) {
        outside_of_pages.insert(cell.request_outside_of_pages(), world.send(cell).await.0);
    }
    let outside_of_pages = &outside_of_pages;
    let results = stream::iter(&cells)
        .map(|cell| async move {
            let expected = cell.expected(outside_of_pages);
            faults(cell, &expected, &world.send(cell).await)
        })
        .buffer_unordered(AT_ONCE)
        .collect::<Vec<_>>()
        .await;
    let wrong: Vec<_> = results.into_iter().flatten().collect();
    println!("{} cells", cells.len());
    assert!(wrong.is_empty(), "{} faults, such as:\n{}", wrong.len(), wrong[..wrong.len().min(8)].join("\n"));
}

#[tokio::test]
async fn a_browser_is_turned_away_from_what_is_for_servers_before_anything_is_looked_up() {
    let world = World::new().await;
    let from_browser = |cell: &Cell| !cell.preflight && cell.is_from_browser();
    let is_for_servers = |cell: &Cell| {
        cell.endpoint.audience == Audience::Servers
            || (cell.credential.is_key() && cell.endpoint.audience != Audience::Operators)
    };
    // Without its database, whoever looks anything up has another answer.
    world.platform.store.close().await;
    for cell in cells().iter().filter(|cell| from_browser(cell) && is_for_servers(cell)) {
        let (outcome, _) = world.send(cell).await;
        let refused = (StatusCode::FORBIDDEN, ErrorCode::BrowserNotAllowed.as_str().to_owned());
        assert_eq!(outcome, refused, "{}", cell.describe());
        let looks_up = cell.credential == Credential::ValidKey && cell.endpoint.audience == Audience::Servers;
        if looks_up {
            let (outside, _) = world.send(&cell.outside_of_pages()).await;
            assert_eq!(outside.0, StatusCode::SERVICE_UNAVAILABLE, "{}", cell.describe());
        }
    }
}

#[tokio::test]
async fn what_is_not_listed_is_not_there() {
    let world = World::new().await;
    for endpoint in ENDPOINTS {
        let listed = Cell {
            endpoint,
            page: Page::No,
            origins: &[],
            site: &[],
            credential: Credential::ValidKey,
            preflight: false,
        };
        let (outcome, _) = world.send(&listed).await;
        let not_there = [ErrorCode::NotFound, ErrorCode::MethodNotAllowed].map(ErrorCode::as_str);
        assert!(!not_there.contains(&outcome.1.as_str()), "{} {outcome:?}", listed.describe());
    }
    for path in
        ["/", "/sdk", "/sdk/v1", "/sdk/v1/users/", "//sdk/v1/users", "/metrics", "/users", "/v2/users"]
    {
        let answer = reqwest::get(format!("{}{path}", world.platform.url)).await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
    }
}
