//! What the platform must do, told a second time and independently: who is who, which install is active, which tokens
//! are good. It watches every request that the platform acted on, and every answer, be it lost afterwards.

use crate::{
    invariant::{Invariant, Violation},
    tables::Census,
    tally::Outcome,
};
use sentiance_core::core::{Body, Reply, Request, Response, UserState};
use sentiance_protocol::{
    CreateUserRequest, CreateUserResponse, DeviceClass, ErrorBody, ErrorCode, InstallState, LinkResponse,
    Secret, TokenGrant,
};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

#[derive(Default)]
pub(crate) struct Oracle {
    people: BTreeMap<String, Person>,
    codes: HashMap<String, Code>,
    installs: BTreeMap<String, Install>,
    /// The installs of deleted users.
    deleted: BTreeSet<String>,
    /// Whose each token is, and of which of the install's sessions.
    tokens: HashMap<String, (String, u32)>,
    /// Refresh tokens that were exchanged.
    exchanged: HashSet<String>,
    /// Refresh tokens, oldest first, for whoever would steal one.
    history: Vec<Stolen>,
    /// The installs whose device may come with an old token: it has lost what it wrote, or was robbed.
    suspects: BTreeSet<String>,
}

/// A token pair that was issued once.
#[derive(Clone)]
pub(crate) struct Stolen {
    pub(crate) install_id: String,
    pub(crate) access: Secret,
    pub(crate) refresh: Secret,
}

struct Person {
    external_id: Option<String>,
    disabled: bool,
}

struct Code {
    external_id: String,
    expires_at: f64,
    /// The install and key that it was exchanged by, or the install that it linked.
    used_by: Option<(String, Option<String>)>,
}

struct Install {
    user: String,
    class: DeviceClass,
    status: Status,
    /// Counts the sessions; only tokens of the last one are good.
    session: u32,
    key: String,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Status {
    Active,
    Inactive,
    Ended(&'static str),
}

type Checked = Result<Vec<Outcome>, Violation>;

impl Oracle {
    /// The app's backend got a code.
    pub(crate) fn issued_code(&mut self, code: &Secret, external_id: &str, expires_at: f64) {
        let external_id = external_id.to_owned();
        self.codes.insert(code.expose().to_owned(), Code { external_id, expires_at, used_by: None });
    }

    /// Whether a code can still be exchanged by a new install.
    pub(crate) fn is_good(&self, code: &Secret, now: f64) -> bool {
        self.codes.get(code.expose()).is_some_and(|code| code.used_by.is_none() && now < code.expires_at)
    }

    /// Whether a code has expired and was never used.
    pub(crate) fn has_expired(&self, code: &Secret, now: f64) -> bool {
        self.codes.get(code.expose()).is_some_and(|code| code.used_by.is_none() && now >= code.expires_at)
    }

    /// The user of an external id.
    pub(crate) fn user_of(&self, external_id: &str) -> Option<String> {
        let found = self.people.iter().find(|(_, person)| person.external_id.as_deref() == Some(external_id));
        found.map(|(id, _)| id.clone())
    }

    pub(crate) fn set_disabled(&mut self, user: &str, disabled: bool) {
        if let Some(person) = self.people.get_mut(user) {
            person.disabled = disabled;
        }
    }

    pub(crate) fn delete(&mut self, user: &str) {
        let Some(person) = self.people.remove(user) else { return };
        self.codes.retain(|_, code| Some(&code.external_id) != person.external_id.as_ref());
        let gone = self.installs.extract_if(.., |_, install| install.user == user);
        self.deleted.extend(gone.map(|(id, _)| id));
    }

    /// The app's backend has linked an install: the platform says to which user.
    pub(crate) fn linked(&mut self, install_id: &str, external_id: &str, user: &str) -> Checked {
        let Some(install) = self.installs.get(install_id) else {
            return Err(Violation::new(Invariant::NothingElse, "an unknown install was linked"));
        };
        let (own, class) = (install.user.clone(), install.class);
        let Some(known) = self.user_of(external_id) else {
            if user != own {
                return Err(Violation::new(
                    Invariant::OneUser,
                    format!("{external_id} became {user}, not {own}"),
                ));
            }
            if let Some(person) = self.people.get_mut(&own) {
                person.external_id = Some(external_id.to_owned());
            }
            return Ok(vec![Outcome::Linked]);
        };
        if user != known {
            return Err(Violation::new(
                Invariant::OneUser,
                format!("{external_id} is {known}, and now {user}"),
            ));
        }
        let mut outcomes = vec![Outcome::Linked];
        if own != known {
            let status = self.arrive(&known, install_id, class, &mut outcomes);
            if let Some(install) = self.installs.get_mut(install_id) {
                (install.user, install.status) = (known, status);
            }
            self.people.remove(&own);
            outcomes.push(Outcome::Moved);
        }
        Ok(outcomes)
    }

    /// What the platform should say of an install, if it knows it.
    pub(crate) fn truth(&self, install_id: &str) -> Option<UserState> {
        if self.deleted.contains(install_id) {
            return Some(UserState::Deleted);
        }
        let install = self.installs.get(install_id)?;
        let disabled = self.people.get(&install.user).is_some_and(|person| person.disabled);
        Some(match install.status {
            Status::Ended(_) => UserState::SessionEnded,
            _ if disabled => UserState::Disabled,
            Status::Active => UserState::Active,
            Status::Inactive => UserState::Inactive,
        })
    }

    /// The install that a token was issued to.
    pub(crate) fn install_of(&self, token: &Secret) -> Option<String> {
        self.tokens.get(token.expose()).map(|(install_id, _)| install_id.clone())
    }

    /// The user of an install.
    pub(crate) fn user_of_install(&self, install_id: &str) -> Option<&str> {
        self.installs.get(install_id).map(|install| install.user.as_str())
    }

    /// From now on an old token may come from this install, and end its session.
    pub(crate) fn suspect(&mut self, install_id: &str) {
        self.suspects.insert(install_id.to_owned());
    }

    pub(crate) fn is_suspect(&self, install_id: &str) -> bool {
        self.suspects.contains(install_id)
    }

    /// The tokens of installs that were removed.
    pub(crate) fn removed_tokens(&self) -> Vec<Stolen> {
        let is_removed = |stolen: &&Stolen| {
            matches!(self.truth(&stolen.install_id), Some(UserState::SessionEnded | UserState::Deleted))
        };
        self.history.iter().filter(is_removed).cloned().collect()
    }

    /// Tokens of living installs whose session has gone on since: two exchanges at least.
    pub(crate) fn old_tokens(&self) -> Vec<Stolen> {
        let later = |at: usize, stolen: &Stolen| {
            let later = self.history[at + 1..].iter().filter(|other| other.install_id == stolen.install_id);
            later.filter(|other| self.exchanged.contains(other.refresh.expose())).count()
        };
        let is_old = |(at, stolen): &(usize, &Stolen)| {
            self.installs
                .get(&stolen.install_id)
                .is_some_and(|install| !matches!(install.status, Status::Ended(_)))
                && self.exchanged.contains(stolen.refresh.expose())
                && later(*at, stolen) > 0
        };
        self.history.iter().enumerate().filter(is_old).map(|(_, stolen)| stolen.clone()).collect()
    }

    /// The platform acted on a request, and answers so.
    pub(crate) fn see(&mut self, now: f64, request: &Request, response: &Response) -> Checked {
        if response.status >= 500 {
            return Err(Violation::new(
                Invariant::NoPanic,
                format!("the platform answered {}", response.status),
            ));
        }
        match (&request.body, &response.reply) {
            (Body::CreateUser(body), Reply::User(answer)) => self.created(now, body, response.status, answer),
            (Body::CreateUser(body), Reply::Error(error)) => self.creation_refused(now, body, error),
            (Body::Refresh(body), Reply::Token(answer)) => self.refreshed(&body.refresh_token, &answer.token),
            (Body::Refresh(body), Reply::Error(error)) => {
                self.refused(Some(&body.refresh_token), error, true)
            }
            (_, Reply::Error(error)) => self.refused(request.bearer.as_ref(), error, false),
            (body, reply) => self.acted(request.bearer.as_ref(), body, reply, response.status),
        }
    }

    fn created(
        &mut self,
        now: f64,
        body: &CreateUserRequest,
        status: u16,
        answer: &CreateUserResponse,
    ) -> Checked {
        let install_id = &body.install_id;
        let mut outcomes = Vec::new();
        let external_id = match &body.authentication_code {
            Some(secret) => {
                let Some(code) = self.codes.get_mut(secret.expose()) else {
                    return Err(Violation::new(
                        Invariant::CodesOnce,
                        "a code was accepted that nobody issued",
                    ));
                };
                let by = (install_id.clone(), Some(body.idempotency_key.clone()));
                match &code.used_by {
                    None if now >= code.expires_at => {
                        return Err(Violation::new(Invariant::CodesOnce, "an expired code was accepted"));
                    }
                    None => code.used_by = Some(by),
                    Some(used) if *used == by => return self.created_again(body, answer),
                    Some(_) => {
                        let details = format!("a code of {} was accepted twice", code.external_id);
                        return Err(Violation::new(Invariant::CodesOnce, details));
                    }
                }
                Some(code.external_id.clone())
            }
            None if self.installs.contains_key(install_id) => return self.created_again(body, answer),
            None => None,
        };
        let known = external_id.as_ref().and_then(|external_id| self.user_of(external_id));
        match &known {
            Some(user) if *user != answer.user_id => {
                let details = format!("{external_id:?} is {user}, and now {}", answer.user_id);
                return Err(Violation::new(Invariant::OneUser, details));
            }
            Some(_) if status != 200 => {
                return Err(Violation::new(Invariant::NothingElse, "a restored user was called new"));
            }
            Some(_) => outcomes.push(Outcome::Restored),
            None if self.people.contains_key(&answer.user_id) || status != 201 => {
                return Err(Violation::new(Invariant::OneUser, "two people became one user"));
            }
            None if external_id.is_some() => outcomes.push(Outcome::Created),
            None => outcomes.push(Outcome::CreatedUnlinked),
        }
        let linked = external_id.is_some();
        let person = Person { external_id, disabled: false };
        let disabled = self.people.entry(answer.user_id.clone()).or_insert(person).disabled;
        let status = self.arrive(&answer.user_id, install_id, body.device.class, &mut outcomes);
        let session = self.installs.get(install_id).map_or(0, |install| install.session) + 1;
        let install = Install {
            user: answer.user_id.clone(),
            class: body.device.class,
            status,
            session,
            key: body.idempotency_key.clone(),
        };
        self.installs.insert(install_id.clone(), install);
        self.granted(install_id, &answer.token);
        let expected = match status {
            _ if disabled => InstallState::Disabled,
            Status::Active => InstallState::Active,
            _ => InstallState::Inactive,
        };
        if answer.install_state != expected {
            let details =
                format!("a {:?} was told {:?}, not {expected:?}", body.device.class, answer.install_state);
            return Err(Violation::new(Invariant::PhoneRule, details));
        }
        if answer.linked != linked {
            return Err(Violation::new(Invariant::NothingElse, "linked, or not, against what was asked"));
        }
        Ok(outcomes)
    }

    fn created_again(&mut self, body: &CreateUserRequest, answer: &CreateUserResponse) -> Checked {
        let Some(install) = self.installs.get(&body.install_id) else {
            return Err(Violation::new(Invariant::RemovedIsRemoved, "a removed install was created again"));
        };
        if install.key != body.idempotency_key || matches!(install.status, Status::Ended(_)) {
            return Err(Violation::new(Invariant::NothingElse, "another try was taken for a repetition"));
        }
        if install.user != answer.user_id {
            let details = format!("a repetition made {} of {}", answer.user_id, install.user);
            return Err(Violation::new(Invariant::OneUser, details));
        }
        self.granted(&body.install_id, &answer.token);
        Ok(vec![Outcome::RepeatedCreation])
    }

    /// An install comes to a user: the rule of phone and tablet.
    fn arrive(
        &mut self,
        user: &str,
        install_id: &str,
        class: DeviceClass,
        outcomes: &mut Vec<Outcome>,
    ) -> Status {
        let others =
            self.installs.iter_mut().filter(|(id, install)| install.user == user && *id != install_id);
        let active: Vec<&mut Install> =
            others.map(|(_, install)| install).filter(|install| install.status == Status::Active).collect();
        if class == DeviceClass::Tablet && active.iter().any(|other| other.class == DeviceClass::Phone) {
            outcomes.push(Outcome::YieldedToPhone);
            return Status::Inactive;
        }
        for other in active {
            other.status = Status::Inactive;
            outcomes.push(Outcome::Displaced);
        }
        Status::Active
    }

    fn granted(&mut self, install_id: &str, grant: &TokenGrant) {
        let session = self.installs.get(install_id).map_or(0, |install| install.session);
        for token in [&grant.access_token, &grant.refresh_token] {
            self.tokens.insert(token.expose().to_owned(), (install_id.to_owned(), session));
        }
        self.history.push(Stolen {
            install_id: install_id.to_owned(),
            access: grant.access_token.clone(),
            refresh: grant.refresh_token.clone(),
        });
    }

    fn creation_refused(&self, now: f64, body: &CreateUserRequest, error: &ErrorBody) -> Checked {
        let Some(code) = &body.authentication_code else {
            return match error.error_code.as_str() {
                // What was issued was used already, or is of another try.
                "INSTALL_CONFLICT" if self.truth(&body.install_id).is_some() => Ok(vec![]),
                other => Err(Violation::new(Invariant::FreshCodesWork, format!("good credentials: {other}"))),
            };
        };
        if self.is_good(code, now) && error.error_code != ErrorCode::InstallConflict.as_str() {
            let details = format!("a good code was refused: {}", error.error_code);
            return Err(Violation::new(Invariant::FreshCodesWork, details));
        }
        Ok(vec![Outcome::CodeRefused])
    }

    fn refreshed(&mut self, presented: &Secret, grant: &TokenGrant) -> Checked {
        let install_id = self.living(presented, "refreshed")?;
        if self.truth(&install_id) != Some(UserState::Active) {
            return Err(Violation::new(Invariant::NothingElse, "an install that may not act was refreshed"));
        }
        let again = !self.exchanged.insert(presented.expose().to_owned());
        self.granted(&install_id, grant);
        Ok(vec![if again { Outcome::RepeatedRefresh } else { Outcome::Refreshed }])
    }

    /// The install of a token that must be good.
    fn living(&self, token: &Secret, what: &str) -> Result<String, Violation> {
        let Some((install_id, session)) = self.tokens.get(token.expose()) else {
            return Err(Violation::new(Invariant::NothingElse, format!("an unknown token {what}")));
        };
        let is_living = self.installs.get(install_id).is_some_and(|install| {
            install.session == *session && !matches!(install.status, Status::Ended(_))
        });
        if is_living {
            return Ok(install_id.clone());
        }
        Err(Violation::new(Invariant::RemovedIsRemoved, format!("a token of a removed install {what}")))
    }

    /// A refusal must be true.
    fn refused(&mut self, token: Option<&Secret>, error: &ErrorBody, is_refresh: bool) -> Checked {
        let Some((install_id, session)) = token.and_then(|token| self.tokens.get(token.expose())).cloned()
        else {
            return Ok(vec![]);
        };
        let truth = self.truth(&install_id);
        let says = |code: ErrorCode| error.error_code == code.as_str();
        let is_true = if says(ErrorCode::SessionEnded) && truth != Some(UserState::SessionEnded) && is_refresh
        {
            // An old refresh token came back.
            if !self.is_suspect(&install_id) {
                let details = "the platform took a device's own refresh token for a stolen one".to_owned();
                return Err(Violation::new(Invariant::SessionsLast, details));
            }
            if let Some(install) = self.installs.get_mut(&install_id) {
                install.status = Status::Ended("token_reuse");
            }
            return Ok(vec![Outcome::TokenReuse]);
        } else if says(ErrorCode::SessionEnded) {
            truth == Some(UserState::SessionEnded)
        } else if says(ErrorCode::UserDeleted) {
            truth == Some(UserState::Deleted)
        } else if says(ErrorCode::UserDisabledRemotely) {
            matches!(truth, Some(UserState::Disabled | UserState::Inactive))
        } else {
            true
        };
        let is_session = self.installs.get(&install_id).is_none_or(|install| install.session == session);
        if !is_true && is_session {
            let details = format!("the platform says {}, but the install is {truth:?}", error.error_code);
            return Err(Violation::new(Invariant::SessionsLast, details));
        }
        Ok(if says(ErrorCode::RefreshTokenUsed) { vec![Outcome::RefreshTokenUsed] } else { vec![] })
    }

    /// A call with a token succeeded.
    fn acted(&mut self, bearer: Option<&Secret>, body: &Body, reply: &Reply, status: u16) -> Checked {
        let Some(bearer) = bearer else {
            return Err(Violation::new(Invariant::NothingElse, format!("{status} without a token")));
        };
        if matches!(body, Body::Goodbye) {
            // It may be said twice.
            if let Some((install_id, _)) = self.tokens.get(bearer.expose())
                && let Some(install) = self.installs.get_mut(install_id)
                && !matches!(install.status, Status::Ended(_))
            {
                install.status = Status::Ended("reset");
                return Ok(vec![Outcome::Goodbye]);
            }
            return Ok(vec![]);
        }
        let install_id = self.living(bearer, "acted")?;
        let truth = self.truth(&install_id);
        match (body, reply) {
            (Body::Config, Reply::Config(config)) if truth != Some(UserState::from(config.install_state)) => {
                let details = format!("told {:?}, is {truth:?}", config.install_state);
                Err(Violation::new(Invariant::TruthArrives, details))
            }
            (Body::Metadata(_) | Body::Detections(_), _) if truth != Some(UserState::Active) => Err(
                Violation::new(Invariant::NothingElse, format!("an upload of an install that is {truth:?}")),
            ),
            (Body::Metadata(_) | Body::Detections(_), _) => Ok(vec![Outcome::Uploaded]),
            (Body::Link(link), Reply::Linked(answer)) => {
                self.linked_by_code(&link.authentication_code, &install_id, answer)
            }
            (Body::ConfirmLink, Reply::Linked(answer)) => self.confirmed(&install_id, answer),
            _ => Ok(vec![]),
        }
    }

    fn linked_by_code(&mut self, secret: &Secret, install_id: &str, answer: &LinkResponse) -> Checked {
        let Some(code) = self.codes.get_mut(secret.expose()) else {
            return Err(Violation::new(Invariant::CodesOnce, "a code linked that nobody issued"));
        };
        let by = (install_id.to_owned(), None);
        match &code.used_by {
            Some(used) if *used != by => {
                return Err(Violation::new(Invariant::CodesOnce, "a code that was used linked a user"));
            }
            _ => code.used_by = Some(by),
        }
        let external_id = code.external_id.clone();
        let known = self.user_of(&external_id);
        if known.as_ref().is_some_and(|known| *known != answer.user_id) {
            return Err(Violation::new(Invariant::OneUser, format!("{external_id} is {known:?} already")));
        }
        if let Some(person) = self.people.get_mut(&answer.user_id) {
            person.external_id = Some(external_id);
        }
        Ok(vec![Outcome::LinkedByCode])
    }

    fn confirmed(&self, install_id: &str, answer: &LinkResponse) -> Checked {
        let user = self.user_of_install(install_id);
        if user != Some(&answer.user_id) {
            return Err(Violation::new(
                Invariant::OneUser,
                format!("{} instead of {user:?}", answer.user_id),
            ));
        }
        Ok(vec![])
    }

    /// The tables say what must be in them, and break no rule by themselves.
    pub(crate) fn compare(&self, census: &Census) -> Result<(), Violation> {
        let mut external_ids = BTreeSet::new();
        for external_id in census.users.iter().filter_map(|(_, external_id, _)| external_id.as_ref()) {
            if !external_ids.insert(external_id) {
                return Err(Violation::new(Invariant::OneUser, format!("two users are {external_id}")));
            }
        }
        let mut active = BTreeSet::new();
        for (install_id, user, status, _) in &census.installs {
            if status == "active" && !active.insert(user) {
                return Err(Violation::new(
                    Invariant::OneActiveInstall,
                    format!("{user} has two active installs"),
                ));
            }
            let class = self.installs.get(install_id).map(|install| install.class);
            let expected = self.installs.get(install_id).map(|install| install.status);
            if status == "active" && expected == Some(Status::Inactive) && class == Some(DeviceClass::Tablet)
            {
                return Err(Violation::new(Invariant::PhoneRule, "a tablet displaced an active phone"));
            }
        }
        let users: Vec<_> = self
            .people
            .iter()
            .map(|(id, person)| (id.clone(), person.external_id.clone(), person.disabled))
            .collect();
        if users != census.users {
            let details = format!("the users are {:?}, not {users:?}", census.users);
            return Err(Violation::new(Invariant::NothingElse, details));
        }
        let installs: Vec<_> = self
            .installs
            .iter()
            .map(|(id, install)| {
                let (status, reason) = match install.status {
                    Status::Active => ("active", None),
                    Status::Inactive => ("inactive", None),
                    Status::Ended(reason) => ("ended", Some(reason.to_owned())),
                };
                (id.clone(), install.user.clone(), status.to_owned(), reason)
            })
            .collect();
        if installs != census.installs {
            let details = format!("the installs are {:?}, not {installs:?}", census.installs);
            return Err(Violation::new(Invariant::NothingElse, details));
        }
        Ok(())
    }
}
