//! What people do: the app on a device, its backend, an operator, a thief.

use crate::{
    identity::identity,
    invariant::{Invariant, Violation},
    random::SeededRandomness,
    step::{AppCall, At, LinkerAnswer, Operator, PEOPLE},
    tally::Fault,
    wire::{self, HOST, ORIGIN},
    world::World,
};
use axum::{body::Body as HttpBody, http};
use sentiance_core::core::{Body, Call, CreateUserOptions, Event, Method, Request, Topic, UserState};
use sentiance_platform::{
    clock::Timestamp,
    domain::{CreateApiKey, CreateApplication, RevokeApiKey, SetUserState},
    model::{
        Actor, ApiKeyRecord, ApiKeyState, AppId, Application, KeyId, Scope, Trace, UserId,
        UserState as PlatformUser,
    },
    secret::{ApiKey, AppSecret, Plain},
};
use sentiance_protocol::{
    AUTHENTICATION_CODE_LIFETIME_MS, AuthCodeResponse, LinkInstallResponse, MetadataEntry, Position,
    RefreshRequest, Secret,
};
use serde_json::{Value, json};

impl World<'_> {
    /// The app's people set up their application.
    pub(crate) fn open_application(&mut self) {
        let random = self.server.random().clone();
        let app_id = AppId::generate(&random);
        let secret = Plain::<AppSecret>::generate(&random);
        let application = Application {
            app_id: app_id.clone(),
            name: "App".to_owned(),
            created_at: Timestamp(0),
            user_linking: true,
        };
        let origins = vec![ORIGIN.parse().expect("an origin")];
        let created = CreateApplication { application, secret: secret.hash(), origins };
        self.server.operate(created).expect("an application");
        self.app_id = app_id.as_str().to_owned();
        self.app_secret = Secret::new(secret.reveal());
        self.new_api_key(&random);
    }

    fn new_api_key(&mut self, random: &SeededRandomness) {
        let key = Plain::<ApiKey>::generate(random);
        let key_id = KeyId::generate(random);
        self.key_id = key_id.as_str().to_owned();
        self.api_key = Secret::new(key.reveal());
        let record = ApiKeyRecord {
            app_id: self.parsed_app_id(),
            key_id,
            name: "backend".to_owned(),
            scopes: Scope::ALL.to_vec(),
            hint: key.hint(),
            created_at: Timestamp(0),
            expires_at: Timestamp(i64::MAX),
            state: ApiKeyState::Valid,
        };
        self.server.operate(CreateApiKey { record, hash: key.hash() }).expect("an API key");
    }

    fn parsed_app_id(&self) -> AppId {
        AppId::parse(&self.app_id).expect("an id")
    }

    /// The app calls a function.
    pub(crate) fn app_calls(&mut self, at: At, call: AppCall) {
        let name = call.name();
        let call = match call {
            AppCall::Create { who } => match self.fetch_code(who) {
                Some(code) => return self.create_by_code(at, code),
                None => return,
            },
            AppCall::CreateAgain => match self.devices[at.device].app.code.clone() {
                Some(code) => return self.create_by_code(at, code),
                None => return,
            },
            AppCall::CreateShared { other } => match self.devices[other].app.code.clone() {
                Some(code) => {
                    self.tally.fault(Fault::SharedCode);
                    return self.create_by_code(at, code);
                }
                None => return,
            },
            AppCall::CreateInvented => {
                self.tally.fault(Fault::WrongCode);
                return self.create_by_code(at, Secret::new("0123456789abcdef".repeat(8)));
            }
            AppCall::CreateExpired => {
                let expired = |code: &&Secret| self.oracle.has_expired(code, self.now);
                let Some(code) = self.codes.iter().find(expired).cloned() else { return };
                self.tally.fault(Fault::ExpiredCode);
                return self.create_by_code(at, code);
            }
            AppCall::CreateUnlinked { linker } => {
                let options = CreateUserOptions {
                    app_id: Some(self.app_id.clone()),
                    app_secret: Some(self.app_secret.clone()),
                    linker,
                    ..CreateUserOptions::default()
                };
                return self.create(at, options);
            }
            AppCall::Token => Call::RequestUserAccessToken,
            AppCall::Reset => {
                self.devices[at.device].app.reset_since = true;
                Call::Reset
            }
            AppCall::Exists => Call::UserExists,
            AppCall::Status => Call::GetSdkStatus,
            AppCall::Listen { on } => return self.feed(at, Event::Listening(Topic::Status, on)),
            AppCall::LinkUser => Call::LinkUser,
            AppCall::LinkByCode { who } => match self.fetch_code(who) {
                Some(code) => Call::LinkUserWithAuthCode(code),
                None => return,
            },
            AppCall::Enable => Call::EnableDetections(None),
            AppCall::Disable => Call::DisableDetections,
            AppCall::StartTrip => Call::StartTrip { metadata: Vec::new(), transport_mode: Some(2) },
            AppCall::StopTrip => Call::StopTrip,
            AppCall::Drive => return self.drive(at),
            AppCall::Metadata { key } => {
                let app = &mut self.devices[at.device].app;
                app.count += 1;
                let value = Some(format!("{}", app.count));
                Call::ChangeMetadata(vec![MetadataEntry { key: format!("key-{key} of {at}"), value }])
            }
            AppCall::Submit => Call::SubmitDetections,
        };
        self.call(at, name, call);
    }

    pub(crate) fn call(&mut self, at: At, name: &'static str, call: Call) {
        let now = self.now;
        let device = &mut self.devices[at.device];
        if !device.knows_record(at.tab) {
            device.tabs[at.tab].feed(now, Event::Look);
        }
        device.tabs[at.tab].call(now, name, call);
        self.take(at);
    }

    pub(crate) fn create_by_code(&mut self, at: At, code: Secret) {
        self.devices[at.device].app.code = Some(code.clone());
        self.create(at, CreateUserOptions { auth_code: Some(code), ..CreateUserOptions::default() });
    }

    fn create(&mut self, at: At, options: CreateUserOptions) {
        let identity = identity(self.devices[at.device].make.class);
        self.call(at, "createUser", Call::CreateUser(Box::new(options), Box::new(identity)));
    }

    fn drive(&mut self, at: At) {
        let now = self.now;
        let device = &mut self.devices[at.device];
        if !device.tabs[at.tab].senses {
            return;
        }
        device.app.count += 1;
        let position = Position {
            latitude: f64::from(u32::try_from(at.device).unwrap_or(0)),
            longitude: f64::from(device.app.count) / 100.0,
            accuracy: 10.0,
            altitude: None,
            speed: None,
            heading: None,
        };
        let time = sentiance_protocol::EpochMs(device.tabs[at.tab].local(now));
        self.feed(at, Event::Located(position, time));
    }

    /// A linker that was called does what it does.
    pub(crate) fn answer_linker(&mut self, at: At, answer: LinkerAnswer) {
        let linkings = &mut self.devices[at.device].tabs[at.tab].linkings;
        if linkings.is_empty() {
            return;
        }
        let linking = linkings.remove(0);
        let outcome = match answer {
            LinkerAnswer::Links { who } => self.link_install(&linking.install_id, PEOPLE[who]),
            LinkerAnswer::Fails => false,
            LinkerAnswer::Never => return,
        };
        let outcome = if outcome { Ok(()) } else { Err("The linker returned false.".to_owned()) };
        self.feed(at, Event::LinkerAnswered(linking.ticket, outcome));
    }

    // The app's backend.

    fn backend(&mut self, method: http::Method, path: &str, body: &Value) -> Option<(u16, Vec<u8>)> {
        if !self.is_up {
            return None;
        }
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("host", HOST)
            .header("authorization", format!("Bearer {}", self.api_key.expose()))
            .header("content-type", "application/json")
            .body(HttpBody::from(body.to_string()))
            .expect("a request");
        let answer = self.ask(request);
        if answer.status >= 500 {
            let details = format!("{path} answered {}", answer.status);
            self.violated(Invariant::NoPanic, details);
        }
        Some((answer.status, answer.body))
    }

    /// The app's backend asks for a code.
    pub(crate) fn fetch_code(&mut self, who: usize) -> Option<Secret> {
        let body = json!({ "external_id": PEOPLE[who] });
        let (status, body) = self.backend(http::Method::POST, "/users/auth-code", &body)?;
        let answer = serde_json::from_slice::<AuthCodeResponse>(&body).ok().filter(|_| status == 200);
        let Some(answer) = answer else {
            self.violated(Invariant::FreshCodesWork, format!("no code: {status}"));
            return None;
        };
        let code = answer.authentication_code;
        let expires_at = self.now + f64::from(AUTHENTICATION_CODE_LIFETIME_MS);
        self.oracle.issued_code(&code, PEOPLE[who], expires_at);
        self.codes.push(code.clone());
        Some(code)
    }

    /// The app's backend links an install; whether that worked.
    fn link_install(&mut self, install_id: &str, external_id: &str) -> bool {
        let path = format!("/v2/users/{install_id}/link");
        let body = json!({ "external_id": external_id });
        let Some((status, body)) = self.backend(http::Method::POST, &path, &body) else { return false };
        let linked = serde_json::from_slice::<LinkInstallResponse>(&body).ok().filter(|_| status == 200);
        let Some(linked) = linked else { return false };
        match self.oracle.linked(install_id, external_id, &linked.id) {
            Ok(outcomes) => outcomes.into_iter().for_each(|outcome| self.tally.outcome(outcome)),
            Err(violation) => self.report(violation),
        }
        self.check_tables();
        true
    }

    // Operators.

    pub(crate) fn operate(&mut self, operator: Operator) {
        if !self.is_up {
            return;
        }
        match operator {
            Operator::Disable { who } => self.set_disabled(who, true),
            Operator::Enable { who } => self.set_disabled(who, false),
            Operator::Delete { who } => {
                let Some(user) = self.oracle.user_of(PEOPLE[who]) else { return };
                let path = format!("/users/{user}");
                let answer = self.backend(http::Method::DELETE, &path, &Value::Null);
                if answer.is_none_or(|(status, _)| status != 200) {
                    return self.violated(Invariant::NothingElse, "a user could not be deleted");
                }
                self.tally.fault(Fault::UserDeleted);
                self.oracle.delete(&user);
                self.check_tables();
            }
            Operator::RevokeKey => self.revoke_key(),
        }
    }

    fn set_disabled(&mut self, who: usize, disabled: bool) {
        let Some(user) = self.oracle.user_of(PEOPLE[who]) else { return };
        let state =
            if disabled { PlatformUser::Disabled(Timestamp(self.now as i64)) } else { PlatformUser::Enabled };
        let user_id = UserId::parse(&user).expect("an id");
        let work = SetUserState {
            app_id: self.parsed_app_id(),
            user_id,
            state,
            by: Actor::Operator,
            trace: Trace::default(),
            now: Timestamp(self.now as i64),
        };
        self.server.operate(work).expect("the user is there");
        self.tally.fault(if disabled { Fault::UserDisabled } else { Fault::UserEnabled });
        self.oracle.set_disabled(&user, disabled);
        self.check_tables();
    }

    /// The backend gets another key; the revoked one must not work from then on.
    fn revoke_key(&mut self) {
        self.tally.fault(Fault::KeyRevoked);
        let key_id = KeyId::parse(&self.key_id).expect("an id");
        let now = Timestamp(self.now as i64);
        let work = RevokeApiKey { app_id: self.parsed_app_id(), key_id, now };
        self.server.operate(work).expect("the key is there");
        let body = json!({ "external_id": PEOPLE[0] });
        let answer = self.backend(http::Method::POST, "/users/auth-code", &body);
        if answer.is_none_or(|(status, _)| status != 401) {
            return self.violated(Invariant::RemovedIsRemoved, "a revoked API key works");
        }
        let random = self.server.random().clone();
        self.new_api_key(&random);
    }

    // Those who should not.

    /// Somebody tries the tokens of an install that was removed.
    pub(crate) fn try_old_token(&mut self, which: usize) {
        let removed = self.oracle.removed_tokens();
        if removed.is_empty() || !self.is_up {
            return;
        }
        self.tally.fault(Fault::OldToken);
        let token = removed[which % removed.len()].clone();
        let mut request = self.request("/sdk/v1/config", Method::Get, Body::Config);
        request.bearer = Some(token.access);
        self.send_by_hand(&request);
        let refresh = self.refresh_by_hand(token.refresh);
        self.send_by_hand(&refresh);
    }

    /// A thief uses a refresh token that was exchanged long ago.
    pub(crate) fn use_stolen_token(&mut self, which: usize) {
        let old = self.oracle.old_tokens();
        if old.is_empty() || !self.is_up {
            return;
        }
        self.tally.fault(Fault::StolenToken);
        let stolen = old[which % old.len()].clone();
        self.oracle.suspect(&stolen.install_id);
        let refresh = self.refresh_by_hand(stolen.refresh);
        if let Some(answer) = self.send_by_hand(&refresh)
            && answer < 400
            && self.oracle.truth(&stolen.install_id) == Some(UserState::Active)
        {
            self.report(Violation::new(Invariant::RemovedIsRemoved, "a thief's old refresh token works"));
        }
    }

    fn refresh_by_hand(&mut self, refresh_token: Secret) -> Request {
        self.keys += 1;
        let body = RefreshRequest { refresh_token, idempotency_key: format!("{:032x}", self.keys) };
        self.request("/sdk/v1/token", Method::Post, Body::Refresh(body))
    }

    pub(crate) fn request(&self, path: &'static str, method: Method, body: Body) -> Request {
        Request {
            method,
            platform_url: String::new(),
            path,
            bearer: None,
            body,
            timeout_ms: 0.0,
            keepalive: false,
        }
    }

    /// Sends a request of nobody's device, and judges the answer.
    pub(crate) fn send_by_hand(&mut self, request: &Request) -> Option<u16> {
        let answer = self.ask(wire::to_http(request));
        let response = wire::read(&request.body, &answer)?;
        self.judge(request, &response);
        Some(answer.status)
    }
}
