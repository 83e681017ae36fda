//! The kinds of requests that are measured, each by several callers at once, as fast as each gets its response.

use crate::{
    caller::{Caller, string},
    server::Server,
};
use serde_json::{Value, json};
use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// The first is what the others are compared with.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Flow {
    Health,
    Config,
    AuthCode,
    Creation,
    Restoration,
    Refresh,
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

/// Has all callers send their requests; tells how long each response took.
pub(crate) async fn run(clients: Vec<Client>) -> anyhow::Result<Vec<Duration>> {
    let running: Vec<_> = clients.into_iter().map(|client| tokio::spawn(client.run())).collect();
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
    left: usize,
    codes: VecDeque<String>,
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
            left: requests,
            codes: VecDeque::new(),
            access_token: String::new(),
            refresh_token: String::new(),
            walk: Walk::new(),
        };
        let codes = if matches!(flow, Flow::Creation | Flow::Restoration) { requests } else { 0 };
        let person = new_id();
        for _ in 0..codes {
            let external_id = if matches!(flow, Flow::Restoration) { person.clone() } else { new_id() };
            let code = client.code(&external_id).await?;
            client.codes.push_back(code);
        }
        if matches!(flow, Flow::Config | Flow::Refresh | Flow::Upload | Flow::Page) {
            let code = client.code(&person).await?;
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

    #[expect(clippy::disallowed_methods, reason = "it measures time")]
    async fn run(mut self) -> anyhow::Result<Vec<Duration>> {
        let mut waited = Vec::with_capacity(self.left);
        while self.left > 0 {
            self.left -= 1;
            let began = Instant::now();
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
                let code = self.codes.pop_front().unwrap_or_default();
                self.create(&code).await?;
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
        let body = json!({ "external_id": external_id });
        let response = self.caller.post("/users/auth-code", Some(&self.api_key), body).await?;
        string(&response, "/authentication_code")
    }

    async fn create(&mut self, code: &str) -> anyhow::Result<Value> {
        let body = json!({
            "authentication_code": code,
            "install_id": new_id(),
            "idempotency_key": new_id(),
            "app": { "name": "Bench", "version": "1.0.0" },
            "device": { "class": "phone", "class_source": "user_agent", "os": "android", "model": "Pixel 9" },
            "sdk": { "version": "0.1.0", "runtime": "browser" },
        });
        self.caller.post("/sdk/v1/users", None, body).await
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

/// 32 hex digits: an install id, an idempotency key, an external id.
fn new_id() -> String {
    format!("{:032x}", fastrand::u128(..))
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
