//! A reference platform of a hundred lines: the rules of the domain as far as one device can feel them.

use sentiance_core::core::{Body, Reply, Request, Response};
use sentiance_protocol::{
    ConfigResponse, CreateUserRequest, CreateUserResponse, EpochMs, ErrorBody, ErrorCode, InstallState,
    RefreshRequest, RefreshResponse, SdkConfiguration, Secret, TokenGrant,
};
use std::collections::HashMap;

/// How long an access token lives.
pub(crate) const TOKEN_LIFE_MS: f64 = 60.0 * 60_000.0;

#[derive(Default)]
pub(crate) struct Platform {
    installs: HashMap<String, Install>,
    /// Which code was redeemed, by which install and key.
    redeemed: HashMap<String, (String, String)>,
}

struct Install {
    person: String,
    active: bool,
    ended: bool,
    generation: u32,
    /// Whether anything of the newest pair was used.
    used: bool,
    /// The key that bought the newest pair.
    key: String,
}

/// The person of each of the three codes.
pub(crate) fn person_of(code: &str) -> &'static str {
    if code == "code-2" { "person-1" } else { "person-0" }
}

impl Platform {
    pub(crate) fn answer(&mut self, request: &Request, now: EpochMs) -> Response {
        let result = match &request.body {
            Body::CreateUser(body) => self.create(body, now),
            Body::Refresh(body) => self.refresh(body, now),
            Body::Config => self.config(request, now),
            Body::Goodbye => self.goodbye(request),
            Body::Link(_) | Body::ConfirmLink | Body::Metadata(_) | Body::Detections(_) => Ok(Reply::Empty),
        };
        let (status, reply) = match result {
            Ok(reply) => (200, reply),
            Err(code) => (code.status(), Reply::Error(error_body(code))),
        };
        Response { status, reply, retry_after_ms: None, bytes: 0.0 }
    }

    /// Another device becomes a person's active one.
    pub(crate) fn deactivate(&mut self, person: &str) {
        for install in self.installs.values_mut().filter(|install| install.person == person) {
            install.active = false;
        }
    }

    /// Whether an access token was issued, to whom ever and when ever.
    pub(crate) fn has_issued(&self, token: &Secret) -> bool {
        let (id, generation) = parse(token);
        self.installs.get(id).is_some_and(|install| install.generation >= generation)
    }

    /// The people who have more than one active install.
    pub(crate) fn overbooked(&self) -> Vec<&str> {
        let active = |person: &str| {
            self.installs.values().filter(|install| install.active && install.person == person).count()
        };
        ["person-0", "person-1"].into_iter().filter(|person| active(person) > 1).collect()
    }

    fn create(&mut self, body: &CreateUserRequest, now: EpochMs) -> Result<Reply, ErrorCode> {
        let code = body.authentication_code.as_ref().map_or("", Secret::expose);
        let person = person_of(code);
        if let Some((install_id, key)) = self.redeemed.get(code) {
            let unused = self.installs.get(install_id).is_some_and(|install| !install.used && !install.ended);
            if *install_id != body.install_id || *key != body.idempotency_key || !unused {
                return Err(ErrorCode::AuthenticationCodeInvalid);
            }
        } else {
            if self.installs.get(&body.install_id).is_some_and(|install| install.person != person) {
                return Err(ErrorCode::InstallConflict);
            }
            self.redeemed.insert(code.to_owned(), (body.install_id.clone(), body.idempotency_key.clone()));
            self.deactivate(person);
        }
        let before = self.installs.get(&body.install_id).map_or(0, |install| install.generation);
        let install = Install {
            person: person.to_owned(),
            active: true,
            ended: false,
            generation: before + 1,
            used: false,
            key: body.idempotency_key.clone(),
        };
        let token = grant(&body.install_id, install.generation, now);
        self.deactivate(person);
        self.installs.insert(body.install_id.clone(), install);
        Ok(Reply::User(Box::new(CreateUserResponse {
            user_id: person.to_owned(),
            linked: true,
            install_state: InstallState::Active,
            token,
            config: SdkConfiguration { status_poll_seconds: 60, ..SdkConfiguration::default() },
            server_time: now,
        })))
    }

    fn refresh(&mut self, body: &RefreshRequest, now: EpochMs) -> Result<Reply, ErrorCode> {
        let (id, generation) = parse(&body.refresh_token);
        let install = self.installs.get_mut(id).ok_or(ErrorCode::TokenInvalid)?;
        if install.ended {
            return Err(ErrorCode::SessionEnded);
        }
        if !install.active {
            return Err(ErrorCode::UserDisabledRemotely);
        }
        let is_newest = generation == install.generation;
        let is_repeated = !install.used && body.idempotency_key == install.key;
        if !is_newest && !is_repeated {
            return Err(ErrorCode::RefreshTokenUsed);
        }
        install.generation += 1;
        install.used = false;
        install.key = body.idempotency_key.clone();
        let token = grant(id, install.generation, now);
        Ok(Reply::Token(RefreshResponse { token, server_time: now }))
    }

    fn config(&mut self, request: &Request, now: EpochMs) -> Result<Reply, ErrorCode> {
        let install = self.authenticate(request)?;
        let install_state = if install.active { InstallState::Active } else { InstallState::Inactive };
        let config = SdkConfiguration { status_poll_seconds: 60, ..SdkConfiguration::default() };
        Ok(Reply::Config(ConfigResponse { install_state, config, server_time: now }, None))
    }

    fn goodbye(&mut self, request: &Request) -> Result<Reply, ErrorCode> {
        let install = self.authenticate(request)?;
        install.ended = true;
        install.active = false;
        Ok(Reply::Empty)
    }

    fn authenticate(&mut self, request: &Request) -> Result<&mut Install, ErrorCode> {
        let (id, generation) = parse(request.bearer.as_ref().ok_or(ErrorCode::CredentialsMissing)?);
        let install = self.installs.get_mut(id).ok_or(ErrorCode::TokenInvalid)?;
        if install.ended {
            return Err(ErrorCode::SessionEnded);
        }
        if generation + 1 < install.generation {
            return Err(ErrorCode::TokenInvalid);
        }
        install.used |= generation == install.generation;
        Ok(install)
    }
}

fn grant(install_id: &str, generation: u32, now: EpochMs) -> TokenGrant {
    let text = format!("{install_id}/{generation}");
    TokenGrant {
        access_token: Secret::new(text.clone()),
        refresh_token: Secret::new(text),
        expires_at: now.plus(TOKEN_LIFE_MS),
        generation,
    }
}

fn parse(token: &Secret) -> (&str, u32) {
    let (id, generation) = token.expose().split_once('/').unwrap();
    (id, generation.parse().unwrap())
}

pub(crate) fn error_body(code: ErrorCode) -> ErrorBody {
    ErrorBody { message: String::new(), error_code: code.as_str().to_owned(), reference: String::new() }
}
