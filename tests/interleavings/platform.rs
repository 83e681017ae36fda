//! A reference platform of a few hundred lines: the rules of the domain as far as one device can feel them. Here is who
//! is who; what it is told of them is in `uploads`.

use crate::uploads::Uploads;
use sentiance_core::core::{Body, Reply, Request, Response};
use sentiance_protocol::{
    ConfigResponse, CreateUserRequest, CreateUserResponse, EpochMs, ErrorBody, ErrorCode, InstallState,
    LinkResponse, MetadataResponse, RefreshRequest, RefreshResponse, SdkConfiguration, Secret, TokenGrant,
};
use std::collections::{HashMap, HashSet};

/// How long an access token lives.
pub(crate) const TOKEN_LIFE_MS: f64 = 60.0 * 60_000.0;
/// How many bytes the bodies of every request and its answer have.
const TRANSFER_BYTES: f64 = 1_000.0;

#[derive(Default)]
pub(crate) struct Platform {
    installs: HashMap<String, Install>,
    /// Which code was redeemed, by which install and key.
    redeemed: HashMap<String, (String, String)>,
    /// The person of each external id.
    people: HashMap<&'static str, String>,
    pub(crate) uploads: Uploads,
    /// How the SDK shall behave.
    pub(crate) config: SdkConfiguration,
    /// How many requests there were.
    pub(crate) asked: u32,
    /// Whether its events can be followed.
    pub(crate) has_streams: bool,
}

struct Install {
    person: String,
    active: bool,
    ended: bool,
    /// Whether the app's backend may still bring it to a person who is known.
    awaits_link: bool,
    generation: u32,
    expires_at: EpochMs,
    /// The generation of the pair that was exchanged last.
    parent: u32,
    /// Of pairs up to this generation, only the parent is good for anything.
    over: u32,
    /// Of the pairs since, all of which were issued for the parent, the one that was used: it alone is good from then on.
    chosen: Option<u32>,
    /// The key that bought them.
    key: String,
}

/// The external id of each of the three codes: two of one person, one of another.
pub(crate) fn external_id_of(code: &str) -> &'static str {
    if code == "code-2" { "bob" } else { "ada" }
}

impl Platform {
    pub(crate) fn answer(&mut self, request: &Request, now: EpochMs) -> Response {
        self.asked += 1;
        let result = match &request.body {
            Body::CreateUser(body) => self.create(body, now),
            Body::Refresh(body) => self.refresh(body, now),
            Body::Events if !self.has_streams => Err(ErrorCode::NotFound),
            Body::Config | Body::Events => self.config(request, now),
            Body::Goodbye => self.goodbye(request),
            Body::Link(body) => self.link_by_code(request, body.authentication_code.expose(), now),
            Body::ConfirmLink => self.confirm_link(request),
            Body::Metadata(body) => self.authorize(request, now).map(|(install_id, person)| {
                let revision = self.uploads.change_metadata(&install_id, &person, body);
                Reply::Metadata(MetadataResponse { revision })
            }),
            Body::Detections(body) => self.authorize(request, now).map(|(install_id, person)| {
                self.uploads.take_in(&install_id, &person, body);
                Reply::Empty
            }),
        };
        let (status, reply) = match result {
            Ok(reply) => (200, reply),
            Err(code) => (code.status(), Reply::Error(error_body(code))),
        };
        Response { status, reply, retry_after_ms: None, bytes: TRANSFER_BYTES }
    }

    /// Another device becomes the active one of whoever has that external id.
    pub(crate) fn restore_elsewhere(&mut self, external_id: &str) {
        if let Some(person) = self.people.get(external_id).cloned() {
            self.deactivate(&person);
        }
    }

    /// The app's backend links an install; whether the platform let it.
    pub(crate) fn link_install(&mut self, install_id: &str, external_id: &'static str) -> bool {
        let known = self.people.get(external_id).cloned();
        let Some(install) = self.installs.get(install_id).filter(|install| !install.ended) else {
            return false;
        };
        if self.is_linked(&install.person) {
            return known.as_ref() == Some(&install.person);
        }
        match known {
            Some(person) if install.awaits_link => {
                self.deactivate(&person);
                if let Some(install) = self.installs.get_mut(install_id) {
                    (install.person, install.active) = (person, true);
                }
                true
            }
            Some(_) => false,
            None => {
                self.people.insert(external_id, install.person.clone());
                true
            }
        }
    }

    /// Whether that install's session is alive, and it is its person's active one.
    pub(crate) fn is_active(&self, install_id: &str) -> bool {
        self.installs.get(install_id).is_some_and(|install| install.active && !install.ended)
    }

    /// The person that an install belongs to.
    pub(crate) fn person(&self, install_id: &str) -> &str {
        self.installs.get(install_id).map_or("", |install| &install.person)
    }

    fn is_linked(&self, person: &str) -> bool {
        self.people.values().any(|linked| linked == person)
    }

    fn deactivate(&mut self, person: &str) {
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
        let people: HashSet<&str> = self.installs.values().map(|install| install.person.as_str()).collect();
        people.into_iter().filter(|person| active(person) > 1).collect()
    }

    fn create(&mut self, body: &CreateUserRequest, now: EpochMs) -> Result<Reply, ErrorCode> {
        let (person, awaits_link) = match &body.authentication_code {
            Some(code) => (self.redeem(code.expose(), body)?, false),
            None => {
                let linking = body.application.as_ref().is_some_and(|application| application.linking);
                (self.person_for(body)?, linking)
            }
        };
        let known = self.installs.get(&body.install_id);
        let before = known.map_or(0, |install| install.generation);
        let over = known.filter(|known| known.key == body.idempotency_key).map_or(before, |known| known.over);
        let install = Install {
            person: person.clone(),
            active: true,
            ended: false,
            awaits_link,
            generation: before + 1,
            expires_at: now.plus(TOKEN_LIFE_MS),
            parent: 0,
            over,
            chosen: None,
            key: body.idempotency_key.clone(),
        };
        let token = grant(&body.install_id, install.generation, now);
        self.deactivate(&person);
        self.installs.insert(body.install_id.clone(), install);
        Ok(Reply::User(Box::new(CreateUserResponse {
            linked: self.is_linked(&person),
            user_id: person,
            install_state: InstallState::Active,
            token,
            config: self.config.clone(),
            server_time: now,
            metadata_keys: None,
        })))
    }

    /// The person of a code.
    fn redeem(&mut self, code: &str, body: &CreateUserRequest) -> Result<String, ErrorCode> {
        let external_id = external_id_of(code);
        if let Some((install_id, key)) = self.redeemed.get(code) {
            if *install_id != body.install_id || *key != body.idempotency_key || !self.is_unused(install_id) {
                return Err(ErrorCode::AuthenticationCodeInvalid);
            }
        } else {
            let person = self.people.get(external_id);
            if self.installs.get(&body.install_id).is_some_and(|install| Some(&install.person) != person) {
                return Err(ErrorCode::InstallConflict);
            }
            self.redeemed.insert(code.to_owned(), (body.install_id.clone(), body.idempotency_key.clone()));
        }
        let name = if external_id == "ada" { "person-0" } else { "person-1" };
        Ok(self.people.entry(external_id).or_insert_with(|| name.to_owned()).clone())
    }

    /// The person whom an application's credentials make for an install: a new one, unless this is a repetition.
    fn person_for(&self, body: &CreateUserRequest) -> Result<String, ErrorCode> {
        match self.installs.get(&body.install_id) {
            None => Ok(format!("of-{}", body.install_id)),
            Some(install) if install.key == body.idempotency_key && self.is_unused(&body.install_id) => {
                Ok(install.person.clone())
            }
            Some(_) => Err(ErrorCode::InstallConflict),
        }
    }

    fn is_unused(&self, install_id: &str) -> bool {
        self.installs.get(install_id).is_some_and(|install| install.chosen.is_none() && !install.ended)
    }

    fn link_by_code(&mut self, request: &Request, code: &str, now: EpochMs) -> Result<Reply, ErrorCode> {
        let (install_id, person) = self.authorize(request, now)?;
        let external_id = external_id_of(code);
        let by = (install_id.clone(), "link".to_owned());
        let is_repetition = self.redeemed.get(code) == Some(&by);
        if self.redeemed.contains_key(code) && !is_repetition {
            return Err(ErrorCode::AuthenticationCodeInvalid);
        }
        match self.people.get(external_id) {
            Some(known) if *known == person => {}
            _ if self.is_linked(&person) => return Err(ErrorCode::UserAlreadyLinked),
            Some(_) => return Err(ErrorCode::CannotLinkExistingPerson),
            None => {
                self.people.insert(external_id, person.clone());
            }
        }
        self.redeemed.insert(code.to_owned(), by);
        self.linked(&install_id)
    }

    fn confirm_link(&mut self, request: &Request) -> Result<Reply, ErrorCode> {
        let (install_id, _) = parse(request.bearer.as_ref().ok_or(ErrorCode::CredentialsMissing)?);
        let install_id = install_id.to_owned();
        self.authenticate(request)?;
        if !self.is_linked(self.person(&install_id)) {
            return Err(ErrorCode::UserNotLinked);
        }
        self.linked(&install_id)
    }

    fn linked(&mut self, install_id: &str) -> Result<Reply, ErrorCode> {
        let install = self.installs.get_mut(install_id).ok_or(ErrorCode::TokenInvalid)?;
        install.awaits_link = false;
        let install_state = state_of(install);
        let user_id = install.person.clone();
        Ok(Reply::Linked(LinkResponse { user_id, linked: true, install_state, metadata_keys: None }))
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
        let is_repeated =
            generation == install.parent && install.chosen.is_none() && body.idempotency_key == install.key;
        if install.may_choose(generation) {
            (install.parent, install.over, install.chosen) = (generation, install.generation, None);
        } else if !is_repeated {
            return Err(ErrorCode::RefreshTokenUsed);
        }
        install.generation += 1;
        install.expires_at = now.plus(TOKEN_LIFE_MS);
        install.key = body.idempotency_key.clone();
        let token = grant(id, install.generation, now);
        Ok(Reply::Token(RefreshResponse { token, server_time: now }))
    }

    /// What the platform says of an install to whoever follows it.
    pub(crate) fn state(&self, install_id: &str) -> Result<InstallState, ErrorCode> {
        let install = self.installs.get(install_id).ok_or(ErrorCode::TokenInvalid)?;
        if install.ended { Err(ErrorCode::SessionEnded) } else { Ok(state_of(install)) }
    }

    /// An install's session ends for good.
    pub(crate) fn end(&mut self, install_id: &str) {
        if let Some(install) = self.installs.get_mut(install_id) {
            install.ended = true;
        }
    }

    /// What the platform says of an install, in a stream.
    pub(crate) fn word(&self, state: Result<InstallState, ErrorCode>, now: EpochMs) -> Reply {
        match state {
            Ok(install_state) => {
                let config = self.config.clone();
                Reply::Config(ConfigResponse { install_state, config, server_time: now })
            }
            Err(code) => Reply::Error(error_body(code)),
        }
    }

    fn config(&mut self, request: &Request, now: EpochMs) -> Result<Reply, ErrorCode> {
        let config = self.config.clone();
        let install_state = state_of(self.authenticate(request)?);
        Ok(Reply::Config(ConfigResponse { install_state, config, server_time: now }))
    }

    fn goodbye(&mut self, request: &Request) -> Result<Reply, ErrorCode> {
        let install = self.authenticate(request)?;
        install.ended = true;
        install.active = false;
        Ok(Reply::Empty)
    }

    /// The install that may act with this request, and its person.
    fn authorize(&mut self, request: &Request, now: EpochMs) -> Result<(String, String), ErrorCode> {
        let (install_id, _) = parse(request.bearer.as_ref().ok_or(ErrorCode::CredentialsMissing)?);
        let install = self.authenticate(request)?;
        if !install.active {
            return Err(ErrorCode::UserDisabledRemotely);
        }
        if now.since(install.expires_at) > 0.0 {
            return Err(ErrorCode::TokenExpired);
        }
        Ok((install_id.to_owned(), install.person.clone()))
    }

    fn authenticate(&mut self, request: &Request) -> Result<&mut Install, ErrorCode> {
        let (id, generation) = parse(request.bearer.as_ref().ok_or(ErrorCode::CredentialsMissing)?);
        let install = self.installs.get_mut(id).ok_or(ErrorCode::TokenInvalid)?;
        if install.ended {
            return Err(ErrorCode::SessionEnded);
        }
        if install.may_choose(generation) {
            install.chosen = Some(generation);
        } else if generation != install.parent {
            return Err(ErrorCode::TokenInvalid);
        }
        Ok(install)
    }
}

impl Install {
    /// Whether the pair of that generation is the one that was used first, or can be.
    fn may_choose(&self, generation: u32) -> bool {
        generation > self.over && self.chosen.is_none_or(|chosen| chosen == generation)
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

fn state_of(install: &Install) -> InstallState {
    if install.active { InstallState::Active } else { InstallState::Inactive }
}

/// The install and the generation that a token stands for.
pub(crate) fn parse(token: &Secret) -> (&str, u32) {
    let (id, generation) = token.expose().split_once('/').unwrap();
    (id, generation.parse().unwrap())
}

pub(crate) fn error_body(code: ErrorCode) -> ErrorBody {
    ErrorBody { message: String::new(), error_code: code.as_str().to_owned(), reference: String::new() }
}
