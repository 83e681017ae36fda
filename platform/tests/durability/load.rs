//! A load of devices that remember what they were told, and hold the platform to it.

use crate::support::{Answer, Sdk, ServerKey, key};
use fastrand::Rng;
use reqwest::{Method, RequestBuilder, StatusCode};
use sentiance_protocol::ErrorCode;
use serde_json::json;
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

/// How long anything of this may take before the test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// How long a device waits after a lost answer or a refusal that may pass.
const PAUSE: Duration = Duration::from_millis(20);
/// How often the SDK sends a request at most, how long it waits for a response, and for how long it tries in all: `Tries`
/// and `Timeouts` in the SDK's core.
const SDK_TRIES: u32 = 4;
const SDK_REQUEST: Duration = Duration::from_secs(10);
const SDK_CREATION: Duration = Duration::from_secs(30);
const SDK_REFRESH: Duration = Duration::from_secs(15);

/// What was tried.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) requests: AtomicU64,
    pub(crate) acknowledged: watch::Sender<u64>,
    /// The connection was refused, or broke before the answer.
    pub(crate) lost: AtomicU64,
    /// The platform said that it could not, for now.
    pub(crate) put_off: AtomicU64,
    /// Creations and refreshes that were sent again with the key of the first time, and answered.
    pub(crate) repeated: AtomicU64,
    /// Calls that failed as often as the SDK tries, so that the application had to call again.
    pub(crate) failed: AtomicU64,
    /// How long the longest call took, with all its tries, in milliseconds.
    pub(crate) slowest: AtomicU64,
}

impl Tally {
    /// Waits until so many more requests were acknowledged.
    pub(crate) async fn acknowledges(&self, more: u64) {
        let mut acknowledged = self.acknowledged.subscribe();
        let enough = *acknowledged.borrow() + more;
        let waited = timeout(PATIENCE, acknowledged.wait_for(|count| *count >= enough));
        waited.await.expect("the platform goes on").unwrap();
    }
}

/// What the person on a device was told.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) external_id: String,
    pub(crate) user_id: String,
    /// The device that is active.
    device: Sdk,
    /// The one before, which is not.
    displaced: Option<Sdk>,
    /// The ids that this external id had before it was deleted, and a device of each.
    deleted: Vec<Sdk>,
    is_deleted: bool,
    used_codes: Vec<String>,
}

/// The kinds of calls that a load consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Calls {
    All,
    /// Nobody is deleted, so that everybody who was acknowledged once is there later.
    WithoutDeletions,
}

/// How devices go on after a lost response, or a refusal that may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// They try again at once, until they get a response.
    AtOnce,
    /// They rest as the SDK does, and take for a failure of the test what takes longer than the SDK waits.
    LikeTheSdk,
}

/// Several workers, each with people of its own.
pub(crate) struct Load {
    pub(crate) tally: Arc<Tally>,
    /// Everybody who was acknowledged so far.
    known: Arc<Mutex<Vec<(String, String)>>>,
    stop: Arc<AtomicBool>,
    workers: JoinSet<Vec<Person>>,
}

impl Load {
    /// A load on the platform at the present URL, which a server of the application calls, too.
    pub(crate) fn start(
        (server, url): (ServerKey, watch::Receiver<String>),
        manner: Manner,
        workers: usize,
        calls: Calls,
        seed: u64,
    ) -> Self {
        let (tally, known, stop) = (Arc::new(Tally::default()), Arc::default(), Arc::default());
        let mut load = Load { tally, known, stop, workers: JoinSet::new() };
        for number in 0..workers {
            let worker = Worker {
                name: format!("worker {number}"),
                rng: Rng::with_seed(seed.wrapping_add(number as u64)),
                calls,
                manner,
                server: server.clone(),
                url: url.clone(),
                tally: load.tally.clone(),
                known: load.known.clone(),
                people: Vec::new(),
            };
            load.workers.spawn(worker.run(load.stop.clone()));
        }
        load
    }

    /// External id and user id of everybody whose creation was acknowledged so far.
    pub(crate) fn known(&self) -> Vec<(String, String)> {
        self.known.lock().unwrap().clone()
    }

    /// Lets every worker finish what it is at; gives all that they know.
    pub(crate) async fn stop(mut self) -> Vec<Person> {
        self.stop.store(true, SeqCst);
        let mut people = Vec::new();
        while let Some(worker) = timeout(PATIENCE, self.workers.join_next()).await.expect("workers end") {
            people.extend(worker.unwrap());
        }
        people
    }
}

struct Worker {
    name: String,
    rng: Rng,
    calls: Calls,
    manner: Manner,
    server: ServerKey,
    url: watch::Receiver<String>,
    tally: Arc<Tally>,
    known: Arc<Mutex<Vec<(String, String)>>>,
    people: Vec<Person>,
}

impl Worker {
    async fn run(mut self, stop: Arc<AtomicBool>) -> Vec<Person> {
        while !stop.load(SeqCst) {
            if self.people.is_empty() || self.rng.u8(..100) < 40 {
                self.meet().await;
                continue;
            }
            let index = self.rng.usize(..self.people.len());
            let mut person = self.people.swap_remove(index);
            match self.rng.u8(..100) {
                0..30 => self.restore(&mut person).await,
                30..60 if !person.is_deleted => self.refresh(&mut person).await,
                60..75 if !person.is_deleted => self.use_token(&person).await,
                75..85 if !person.is_deleted && self.calls == Calls::All => self.delete(&mut person).await,
                _ => self.try_used_code(&person).await,
            }
            self.people.push(person);
        }
        self.people
    }

    /// Sends a request until it is answered; says whether an earlier try may have been heard, too.
    async fn ask(&mut self, request: impl Fn(&str) -> RequestBuilder) -> (Answer, bool) {
        if self.manner == Manner::LikeTheSdk {
            return self.ask_like_the_sdk(request).await;
        }
        let mut repeated = false;
        loop {
            let url = self.url.borrow_and_update().clone();
            self.tally.requests.fetch_add(1, SeqCst);
            match Answer::if_any(request(&url)).await {
                Ok(answer) if answer.status == StatusCode::SERVICE_UNAVAILABLE => {
                    answer.refused(ErrorCode::Unavailable);
                    self.tally.put_off.fetch_add(1, SeqCst);
                    sleep(PAUSE).await;
                }
                Ok(answer) => {
                    self.tally.acknowledged.send_modify(|count| *count += 1);
                    return (answer, repeated);
                }
                Err(_) => {
                    self.tally.lost.fetch_add(1, SeqCst);
                    repeated = true;
                    // The news of another address, or the end of the pause: whichever comes first.
                    let _ = timeout(PAUSE, self.url.changed()).await;
                }
            }
        }
    }

    async fn ask_like_the_sdk(&mut self, request: impl Fn(&str) -> RequestBuilder) -> (Answer, bool) {
        let (began, mut tries, mut repeated) = (Instant::now(), 0, false);
        loop {
            let url = self.url.borrow().clone();
            self.tally.requests.fetch_add(1, SeqCst);
            let pause = match Answer::within(SDK_REQUEST, request(&url)).await {
                Ok(answer) if answer.status.is_server_error() => {
                    // What stands in front of the platform may say that it is gone, with a page of its own.
                    let code = answer.error_code();
                    let is_ours = code.as_deref().is_some_and(|code| {
                        [ErrorCode::Unavailable, ErrorCode::DatabaseUnavailable]
                            .map(ErrorCode::as_str)
                            .contains(&code)
                    });
                    assert!(is_ours || code.is_none(), "{} {}", answer.status, answer.text);
                    assert_eq!(is_ours, answer.header("retry-after").is_some(), "{}", answer.text);
                    self.tally.put_off.fetch_add(1, SeqCst);
                    Duration::from_secs(
                        answer.header("retry-after").map_or(0, |seconds| seconds.parse().unwrap()),
                    )
                }
                Ok(answer) => {
                    self.tally.acknowledged.send_modify(|count| *count += 1);
                    self.took(began);
                    return (answer, repeated);
                }
                Err(_) => {
                    self.tally.lost.fetch_add(1, SeqCst);
                    Duration::ZERO
                }
            };
            repeated = true;
            tries += 1;
            if tries == SDK_TRIES {
                self.tally.failed.fetch_add(1, SeqCst);
                tries = 0;
            }
            let ceiling = Duration::from_millis(500 << tries);
            sleep(pause + ceiling.mul_f64(self.rng.f64())).await;
        }
    }

    fn took(&self, began: Instant) {
        let took = u64::try_from(began.elapsed().as_millis()).unwrap();
        self.tally.slowest.fetch_max(took, SeqCst);
    }

    /// A call that carries an idempotency key, and is the same however often it is sent.
    async fn ask_once(&mut self, deadline: Duration, request: impl Fn(&str) -> RequestBuilder) -> Answer {
        let deadline = if self.manner == Manner::LikeTheSdk { deadline } else { PATIENCE };
        let asked = timeout(deadline, self.ask(request)).await;
        let (answer, repeated) = asked.expect("no call takes longer than the SDK tries");
        self.tally.repeated.fetch_add(repeated.into(), SeqCst);
        answer
    }

    /// Redeems a new code on a new device.
    async fn redeem(&mut self, external_id: &str) -> (Answer, Sdk, String) {
        let (server, body) = (self.server.clone(), json!({ "external_id": external_id }));
        let ask = |url: &str| server.at(url).request(Method::POST, "/users/auth-code").json(&body);
        let code = self.ask(ask).await.0.ok()["authentication_code"].as_str().unwrap().to_owned();
        let mut device = Sdk::new("");
        let body = device.creation(&code, &key());
        let send = |url: &str| device.at(url).request(Method::POST, "/sdk/v1/users").json(&body);
        let mut answer = self.ask_once(SDK_CREATION, send).await;
        if self.rng.u8(..100) < 10 {
            // As if the answer had been lost on the way: the same try once more.
            let user_id = answer.ok()["user_id"].clone();
            answer = self.ask_once(SDK_CREATION, send).await;
            assert_eq!(answer.ok()["user_id"], user_id, "the same user");
        }
        answer.ok();
        device.remember_user(&answer);
        (answer, device, code)
    }

    async fn meet(&mut self) {
        let external_id = format!("{} person {}", self.name, self.people.len());
        let (answer, device, code) = self.redeem(&external_id).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{external_id} is new");
        self.known.lock().unwrap().push((external_id.clone(), device.user_id.clone()));
        self.people.push(Person {
            external_id,
            user_id: device.user_id.clone(),
            device,
            displaced: None,
            deleted: Vec::new(),
            is_deleted: false,
            used_codes: vec![code],
        });
    }

    /// The person signs in on another device, after a deletion as another user.
    async fn restore(&mut self, person: &mut Person) {
        let (answer, device, code) = self.redeem(&person.external_id).await;
        if person.is_deleted {
            assert_eq!(answer.status, StatusCode::CREATED, "the one before is gone");
            assert_ne!(device.user_id, person.user_id);
            person.is_deleted = false;
        } else {
            assert_eq!(answer.status, StatusCode::OK);
            assert_eq!(device.user_id, person.user_id, "the same user, restored");
            person.displaced = Some(person.device.clone());
        }
        person.user_id = device.user_id.clone();
        person.device = device;
        person.used_codes.push(code);
    }

    async fn refresh(&mut self, person: &mut Person) {
        let device = person.device.clone();
        let body = json!({ "refresh_token": device.refresh_token, "idempotency_key": key() });
        let send = |url: &str| device.at(url).request(Method::POST, "/sdk/v1/token").json(&body);
        let answer = self.ask_once(SDK_REFRESH, send).await;
        answer.ok();
        person.device.remember_token(&answer);
    }

    async fn use_token(&mut self, person: &Person) {
        let device = &person.device;
        let config = |url: &str| {
            device.at(url).request(Method::GET, "/sdk/v1/config").bearer_auth(&device.access_token)
        };
        assert_eq!(self.ask(config).await.0.ok()["install_state"], "active");
    }

    async fn delete(&mut self, person: &mut Person) {
        let (server, path) = (self.server.clone(), format!("/users/{}", person.user_id));
        let (answer, repeated) = self.ask(|url| server.at(url).request(Method::DELETE, &path)).await;
        if !(repeated && answer.status == StatusCode::NOT_FOUND) {
            answer.ok();
        }
        person.is_deleted = true;
        person.deleted.push(person.device.clone());
        person.displaced = None;
    }

    async fn try_used_code(&mut self, person: &Person) {
        let code = &person.used_codes[self.rng.usize(..person.used_codes.len())];
        let stranger = Sdk::new("");
        let body = stranger.creation(code, &key());
        let (answer, _) =
            self.ask(|url| stranger.at(url).request(Method::POST, "/sdk/v1/users").json(&body)).await;
        answer.refused(ErrorCode::AuthenticationCodeInvalid);
    }
}

/// Asserts that the platform, which runs, knows of everybody what everybody was told.
pub(crate) async fn assert_knows(server: &ServerKey, url: &str, people: &[Person]) {
    for person in people {
        for deleted in &person.deleted {
            server.profile(&deleted.user_id).await.refused(ErrorCode::UserNotFound);
            deleted.at(url).own_profile().await.refused(ErrorCode::UserDeleted);
        }
        for code in &person.used_codes {
            Sdk::new(url).exchange(code, &key()).await.refused(ErrorCode::AuthenticationCodeInvalid);
        }
        if person.is_deleted {
            continue;
        }
        let profile = server.profile(&person.user_id).await.ok();
        assert_eq!(profile["external_id"], person.external_id.as_str());
        let mut device = person.device.at(url);
        assert_eq!(device.state().await, "active");
        if let Some(displaced) = &person.displaced {
            assert_eq!(displaced.at(url).state().await, "inactive");
        }
        device.refresh().await.ok();
        device.own_profile().await.ok();
    }
}

/// External id and user id of everybody who is there, in order.
pub(crate) fn users_of(people: &[Person]) -> Vec<(String, String)> {
    let mut users: Vec<_> = people
        .iter()
        .filter(|person| !person.is_deleted)
        .map(|person| (person.external_id.clone(), person.user_id.clone()))
        .collect();
    users.sort();
    users
}
