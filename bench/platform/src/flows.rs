//! The kinds of requests that are measured, each by several callers at once, as fast as each gets its response.

use crate::{
    accounting::now,
    caller::{Caller, new_id, string},
    server::{App, Server},
};
use serde_json::{Value, json};
use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};
use tokio::time::sleep;

/// The first is what the others are compared with.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Flow {
    Health,
    Config,
    AuthCode,
    Creation,
    Restoration,
    Refresh,
    Profile,
    Linking,
    Deletion,
    Upload,
    Page,
}

impl Flow {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Flow::Health => "healthz",
            Flow::Config => "config",
            Flow::AuthCode => "auth-code",
            Flow::Creation => "creation",
            Flow::Restoration => "restoration",
            Flow::Refresh => "refresh",
            Flow::Profile => "profile",
            Flow::Linking => "linking",
            Flow::Deletion => "deletion",
            Flow::Upload => "upload 300",
            Flow::Page => "page 1000",
        }
    }

    /// Callers that are connected and have what they need, so that only the flow itself is measured.
    pub(crate) async fn prepare(
        self,
        server: &Server,
        connections: usize,
        requests: usize,
    ) -> anyhow::Result<Vec<Client>> {
        let mut clients = Vec::new();
        for number in 0..connections {
            let count = requests / connections + usize::from(number < requests % connections);
            clients.push(Client::prepare(self, server, count).await?);
        }
        Ok(clients)
    }
}

/// How fast callers send their requests.
#[derive(Clone, Copy)]
pub(crate) enum Pace {
    /// Each as soon as it has the response before.
    Closed,
    /// So many a second, all together, whether the responses come or not.
    Fixed(u32),
}

/// Has all callers send their requests; tells how long each response took. At a fixed rate that is from the moment at
/// which the request was due, so that what waits for a slow response counts, too.
pub(crate) async fn run(clients: Vec<Client>, pace: Pace) -> anyhow::Result<Vec<Duration>> {
    let (began, callers) = (now(), clients.len());
    let due = |number: usize| match pace {
        Pace::Closed => None,
        Pace::Fixed(rate) => {
            let between = Duration::from_secs(1) / rate.max(1);
            let every = between * u32::try_from(callers).unwrap_or(u32::MAX);
            Some((began + between * u32::try_from(number).unwrap_or(u32::MAX), every))
        }
    };
    let clients = clients.into_iter().enumerate();
    let running: Vec<_> = clients.map(|(number, client)| tokio::spawn(client.run(due(number)))).collect();
    let mut waited = Vec::new();
    for client in running {
        waited.extend(client.await??);
    }
    Ok(waited)
}

/// How many positions an upload has.
const POSITIONS: u64 = 300;
/// How many uploads a user has made whose pages are read.
const UPLOADS_BEFORE: usize = 10;

/// A caller, and what it still has to send.
pub(crate) struct Client {
    flow: Flow,
    caller: Caller,
    api_key: String,
    app: App,
    left: usize,
    /// A code, an install id or a user id for each request.
    given: VecDeque<String>,
    access_token: String,
    refresh_token: String,
    walk: Walk,
}

impl Client {
    async fn prepare(flow: Flow, server: &Server, requests: usize) -> anyhow::Result<Self> {
        let mut client = Client {
            flow,
            caller: Caller::connect(server.address()).await?,
            api_key: server.api_key().to_owned(),
            app: server.app().clone(),
            left: requests,
            given: VecDeque::new(),
            access_token: String::new(),
            refresh_token: String::new(),
            walk: Walk::new(),
        };
        for _ in 0..requests {
            let given = match flow {
                Flow::Creation => client.code(&new_id()).await?,
                Flow::Restoration => {
                    let person = new_id();
                    let code = client.code(&person).await?;
                    client.create(&code).await?;
                    client.code(&person).await?
                }
                Flow::Linking => client.unlinked_install().await?,
                Flow::Deletion => {
                    let code = client.code(&new_id()).await?;
                    string(&client.create(&code).await?, "/user_id")?
                }
                _ => break,
            };
            client.given.push_back(given);
        }
        if matches!(flow, Flow::Config | Flow::Refresh | Flow::Profile | Flow::Upload | Flow::Page) {
            let code = client.code(&new_id()).await?;
            let created = client.create(&code).await?;
            client.remember(&created)?;
            // The first use of a token is a write.
            client.caller.get("/sdk/v1/config", Some(&client.access_token)).await?;
        }
        if matches!(flow, Flow::Page) {
            for _ in 0..UPLOADS_BEFORE {
                client.upload().await?;
            }
        }
        Ok(client)
    }

    /// Sends all; where the first one is due at a moment, the others follow at the same distance.
    async fn run(mut self, mut due: Option<(Instant, Duration)>) -> anyhow::Result<Vec<Duration>> {
        let mut waited = Vec::with_capacity(self.left);
        while self.left > 0 {
            self.left -= 1;
            let mut began = now();
            if let Some((at, every)) = &mut due {
                sleep(at.saturating_duration_since(began)).await;
                began = *at;
                *at += *every;
            }
            self.send_one().await?;
            waited.push(began.elapsed());
        }
        Ok(waited)
    }

    async fn send_one(&mut self) -> anyhow::Result<()> {
        match self.flow {
            Flow::Health => drop(self.caller.get("/healthz", None).await?),
            Flow::Config => drop(self.caller.get("/sdk/v1/config", Some(&self.access_token)).await?),
            Flow::AuthCode => drop(self.code(&new_id()).await?),
            Flow::Creation | Flow::Restoration => {
                let code = self.given.pop_front().unwrap_or_default();
                self.create(&code).await?;
            }
            Flow::Profile => drop(self.caller.get("/v2/users/me", Some(&self.access_token)).await?),
            Flow::Linking => {
                let path = format!("/v2/users/{}/link", self.given.pop_front().unwrap_or_default());
                let body = json!({ "external_id": new_id() });
                self.caller.post(&path, Some(&self.api_key), body).await?;
            }
            Flow::Deletion => {
                let path = format!("/users/{}", self.given.pop_front().unwrap_or_default());
                self.caller.delete(&path, Some(&self.api_key)).await?;
            }
            Flow::Refresh => {
                let body = json!({ "refresh_token": self.refresh_token, "idempotency_key": new_id() });
                let refreshed = self.caller.post("/sdk/v1/token", None, body).await?;
                self.remember(&refreshed)?;
            }
            Flow::Upload => self.upload().await?,
            Flow::Page => {
                let path = "/v2/users/me/detections?type=position&limit=1000&order=desc";
                drop(self.caller.get(path, Some(&self.access_token)).await?);
            }
        }
        Ok(())
    }

    async fn code(&mut self, external_id: &str) -> anyhow::Result<String> {
        self.caller.code(&self.api_key, external_id).await
    }

    async fn create(&mut self, code: &str) -> anyhow::Result<Value> {
        self.caller.create(&json!({ "authentication_code": code }), &new_id()).await
    }

    /// An install whose user is not linked.
    async fn unlinked_install(&mut self) -> anyhow::Result<String> {
        let (App { id, secret }, install_id) = (&self.app, new_id());
        let credentials = json!({ "application": { "id": id, "secret": secret, "linking": true } });
        self.caller.create(&credentials, &install_id).await?;
        Ok(install_id)
    }

    async fn upload(&mut self) -> anyhow::Result<()> {
        let positions: Vec<_> = (0..POSITIONS).map(|_| self.walk.next_position()).collect();
        let body = json!({ "detections": positions });
        self.caller.post("/sdk/v1/detections", Some(&self.access_token), body).await?;
        Ok(())
    }

    fn remember(&mut self, response: &Value) -> anyhow::Result<()> {
        self.access_token = string(response, "/token/access_token")?;
        self.refresh_token = string(response, "/token/refresh_token")?;
        Ok(())
    }
}

/// A person who walks, with a fix about once a second, as a browser on a phone gives them.
struct Walk {
    time: u64,
    latitude: f64,
    longitude: f64,
    heading: f64,
    speed: f64,
}

impl Walk {
    fn new() -> Self {
        Walk {
            time: 1_700_000_000_000,
            latitude: 50.846_557,
            longitude: 4.351_697,
            heading: 90.0,
            speed: 1.4,
        }
    }

    fn next_position(&mut self) -> Value {
        let noise = |size: f64| (fastrand::f64() - 0.5) * size;
        self.time += fastrand::u64(980..1020);
        self.heading = (self.heading + noise(20.0)).rem_euclid(360.0);
        self.speed = (self.speed + noise(0.2)).clamp(0.3, 2.5);
        // Meters to degrees, about.
        self.latitude += self.speed * self.heading.to_radians().cos() / 111_320.0;
        self.longitude += self.speed * self.heading.to_radians().sin() / 70_300.0;
        // Phones give seven digits of a place, and some numbers in single precision.
        let digits = |number: f64, scale: f64| (number * scale).round() / scale;
        let degrees = |degrees: f64| digits(degrees + noise(1e-5), 1e7);
        let single = |number: f64| f64::from(number as f32);
        let position = json!({
            "latitude": degrees(self.latitude),
            "longitude": degrees(self.longitude),
            "accuracy": digits(4.0 + noise(3.0), 1e3),
            "altitude": digits(80.0 + noise(2.0), 10.0),
            "speed": single(self.speed),
            "heading": single(self.heading),
        });
        json!({ "id": new_id(), "time": self.time, "position": position })
    }
}
