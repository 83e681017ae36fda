//! `createUser`: lock, note what will be sent, send, have the app link the user where it brought a linker, keep the
//! user.
//!
//! The note (install id and idempotency key) is stored *before* the request, so that after a lost answer, even
//! across a restart, the same code with the same key gets the same user from the platform.

use super::change::{Change, Refusal};
use super::commits::Owner;
use super::effect::{Body, Effect, LockName, Method, Output, Request, Timer, UserInfo};
use super::error::{Code, Reason, SdkError};
use super::event::{
    CallId, CreateUserOptions, Entropy, LinkerKind, LockOutcome, Reply, Response, Ticket, TransportError, hex,
};
use super::machine::Core;
use super::meaning::{Meaning, told};
use super::metadata::MetadataEdit;
use super::platform_url::PlatformUrl;
use super::preferences::DataType;
use super::record::{Pending, User, UserState};
use super::retry::Tries;
use super::settings::Identity;
use sentiance_protocol::{
    ApplicationCredentials, CreateUserRequest, CreateUserResponse, DeviceInfo, LinkResponse, Secret,
};

/// A creation under way.
#[derive(Debug)]
pub(super) struct Creation {
    call: CallId,
    credential: Credential,
    pub(super) platform_url: PlatformUrl,
    identity: Identity,
    stage: Stage,
    tries: Tries,
    /// What the last try met.
    failure: Option<(Reason, String)>,
    /// What was noted, and is sent.
    pub(super) pending: Option<Pending>,
    /// The user that the platform answered with, until it is in the record.
    received: Option<Box<User>>,
    /// The keys of the metadata that this user has already.
    metadata_keys: Option<String>,
}

/// What the platform takes for a user.
#[derive(Debug)]
enum Credential {
    Code(Secret),
    Application(ApplicationCredentials),
}

#[derive(Debug, PartialEq)]
enum Stage {
    Locking(Ticket),
    Beginning,
    Sending(Ticket),
    Retrying,
    /// The app's linker and its backend are at it.
    Linking,
    /// The platform made the user; what an earlier one left is still being removed.
    Clearing,
    Finishing,
}

impl Core {
    pub(super) fn start_creation(&mut self, call: CallId, options: CreateUserOptions, identity: Identity) {
        let refused = if self.creation.is_some() {
            Some((Reason::UserCreationInProgress, "Another user creation is in progress."))
        } else if self.record.user.is_some() {
            Some((
                Reason::UserAlreadyExists,
                "There is a user on this device already; call reset to remove it.",
            ))
        } else if self.entropy.is_none() {
            Some((Reason::UnexpectedError, NO_ENTROPY))
        } else {
            None
        };
        if let Some((reason, details)) = refused {
            return self.settle(call, Err(SdkError::new(Code::CreateUser, reason, details)));
        }
        let platform_url = match self.choose_platform(options.platform_url.as_deref()) {
            Ok(url) => url,
            Err(why) => {
                let error = SdkError::new(Code::CreateUser, Reason::InvalidParams, why);
                return self.settle(call, Err(error));
            }
        };
        let linking = options.linker == LinkerKind::Function;
        let credential = match (options.auth_code, options.app_id, options.app_secret) {
            (Some(code), ..) => Credential::Code(Secret::new(code.expose().trim_ascii())),
            (None, Some(id), Some(secret)) => {
                Credential::Application(ApplicationCredentials { id, secret, linking })
            }
            _ => return,
        };
        let ticket = self.ticket();
        self.creation = Some(Creation {
            call,
            credential,
            platform_url,
            identity: self.permitted(identity),
            stage: Stage::Locking(ticket),
            tries: Tries::default(),
            failure: None,
            pending: None,
            received: None,
            metadata_keys: None,
        });
        self.emit(Effect::StartTimer(Timer::CreationDeadline, self.settings.timeouts.creation));
        self.emit(Effect::Lock(ticket, LockName::Creation));
    }

    /// What the app lets the SDK say of itself and of the device. Without the class, the rule of phone and tablet could
    /// not work; without a version, nothing could.
    fn permitted(&self, identity: Identity) -> Identity {
        if self.record.preferences().may_send(DataType::SdkInfo) {
            return identity;
        }
        let DeviceInfo { class, class_source, .. } = identity.device;
        let device = DeviceInfo {
            class,
            class_source,
            os: None,
            os_version: None,
            model: None,
            language: None,
            time_zone: None,
        };
        Identity { device, ..identity }
    }

    pub(super) fn on_creation_lock(&mut self, ticket: Ticket, outcome: LockOutcome) -> bool {
        let Some(creation) =
            self.creation.as_mut().filter(|creation| creation.stage == Stage::Locking(ticket))
        else {
            return false;
        };
        match outcome {
            LockOutcome::Acquired => {}
            LockOutcome::Busy => {
                let details = "Another tab is creating a user.";
                self.fail_creation(SdkError::passing(
                    Code::CreateUser,
                    Reason::UserCreationInProgress,
                    details,
                ));
                return true;
            }
            LockOutcome::Resetting => {
                let details = "Another tab is resetting the SDK.";
                self.fail_creation(SdkError::passing(Code::CreateUser, Reason::SdkResetInProgress, details));
                return true;
            }
        }
        creation.stage = Stage::Beginning;
        let owner = Owner::Creation(creation.call);
        let Some(entropy) = &self.entropy else {
            let error = SdkError::new(Code::CreateUser, Reason::UnexpectedError, NO_ENTROPY);
            self.fail_creation(error);
            return true;
        };
        let pending = Pending {
            install_id: entropy.install_id(),
            key: entropy.idempotency_key(),
            code_fingerprint: creation.credential.fingerprint(&creation.platform_url, entropy),
        };
        self.commit(Change::BeginCreation(pending), owner);
        true
    }

    /// The record changed as the creation asked, or could not.
    pub(super) fn creation_changed(&mut self, call: CallId, result: Result<(), Refusal>) {
        let Some(creation) = self.creation.as_mut().filter(|creation| creation.call == call) else { return };
        match (&creation.stage, result) {
            (Stage::Beginning, Ok(())) => {
                creation.pending = self.record.pending.clone();
                self.clear_stores(false);
                self.send_creation();
            }
            (Stage::Finishing, Ok(())) => self.creation_succeeded(),
            (_, Ok(())) => {}
            (_, Err(refusal)) => {
                self.fail_creation(match refusal {
                    Refusal::UserExists => SdkError::new(
                        Code::CreateUser,
                        Reason::UserAlreadyExists,
                        "Another tab created a user on this device.",
                    ),
                    Refusal::Superseded | Refusal::TripExists => reset_came_between(),
                });
            }
        }
    }

    pub(super) fn send_creation(&mut self) {
        let Some(creation) = &self.creation else { return };
        let Some(pending) = &creation.pending else {
            return self.fail_creation(reset_came_between());
        };
        let (authentication_code, application) = match &creation.credential {
            Credential::Code(code) => (Some(code.clone()), None),
            Credential::Application(application) => (None, Some(application.clone())),
        };
        let body = CreateUserRequest {
            authentication_code,
            application,
            install_id: pending.install_id.clone(),
            idempotency_key: pending.key.clone(),
            app: creation.identity.app.clone(),
            device: creation.identity.device.clone(),
            sdk: creation.identity.sdk.clone(),
        };
        let request = Request {
            method: Method::Post,
            platform_url: creation.platform_url.as_str().to_owned(),
            path: "/sdk/v1/users",
            bearer: None,
            body: Body::CreateUser(Box::new(body)),
            timeout_ms: self.settings.timeouts.request,
            keepalive: false,
        };
        let ticket = self.ticket();
        if let Some(creation) = &mut self.creation {
            creation.stage = Stage::Sending(ticket);
        }
        self.emit(Effect::Send(ticket, Box::new(request)));
    }

    pub(super) fn on_creation_response(
        &mut self,
        ticket: Ticket,
        response: &Result<Box<Response>, TransportError>,
    ) {
        if !self.creation.as_ref().is_some_and(|creation| creation.stage == Stage::Sending(ticket)) {
            return;
        }
        if let Ok(response) = response
            && let Reply::User(user) = &response.reply
        {
            return self.creation_answered(user);
        }
        let (reason, details, pause) = match response {
            Err(TransportError::NoFetch) => {
                let details = "This runtime has no fetch; pass one to initialize({fetch}).";
                return self.fail_creation(SdkError::new(Code::CreateUser, Reason::UnexpectedError, details));
            }
            Err(TransportError::Unreachable) => {
                (Reason::NetworkError, unreachable(self.creation_address()), None)
            }
            Err(TransportError::TimedOut) => (Reason::NetworkError, TIMED_OUT.to_owned(), None),
            Ok(response) => match refusal_of(response, self.creation_address()) {
                Refused::ForGood(details) => {
                    self.drop_pending();
                    return self.fail_creation(SdkError::new(Code::CreateUser, Reason::ServerError, details));
                }
                Refused::ForNow(reason, details) => (reason, details, response.pause()),
            },
        };
        let fraction = self.jitter();
        let deadline = self.settings.timeouts.creation;
        let Some(creation) = &mut self.creation else { return };
        match creation.tries.delay(fraction, pause).filter(|delay| *delay < deadline) {
            Some(delay) => {
                creation.stage = Stage::Retrying;
                creation.failure = Some((reason, details));
                self.emit(Effect::StartTimer(Timer::CreationRetry, delay));
            }
            None => self.fail_creation(SdkError::passing(Code::CreateUser, reason, details)),
        }
    }

    /// Where the creation is sent.
    fn creation_address(&self) -> &str {
        self.creation.as_ref().map_or("", |creation| creation.platform_url.as_str())
    }

    fn creation_answered(&mut self, answer: &CreateUserResponse) {
        let Some(creation) = &mut self.creation else { return };
        let Some(pending) = &creation.pending else { return };
        let user = Box::new(User {
            id: answer.user_id.clone(),
            linked: answer.linked,
            install_id: pending.install_id.clone(),
            platform_url: creation.platform_url.as_str().to_owned(),
            state: UserState::from(answer.install_state),
            state_at: Some(answer.server_time),
            token: answer.token.clone(),
            issued_at: answer.server_time,
            refresh_key: None,
            pause_until: None,
            clock_offset: answer.server_time.since(self.now),
            config: answer.config.clone(),
        });
        creation.received = Some(user.clone());
        creation.metadata_keys = answer.metadata_keys.clone();
        let call = creation.call;
        if creation.credential.needs_linker() {
            creation.stage = Stage::Linking;
            self.link_created(call, user);
        } else {
            self.finish_creation(user);
        }
    }

    /// The app's backend has linked the install, perhaps to a user that was there before.
    pub(super) fn creation_linked(&mut self, mut user: Box<User>, answer: &LinkResponse) {
        user.id = answer.user_id.clone();
        user.linked = true;
        user.state = UserState::from(answer.install_state);
        // Only now did it come to that user. Of two installs that did, the later stays.
        user.issued_at = user.platform_time(self.now);
        if let Some(creation) = &mut self.creation {
            creation.metadata_keys = answer.metadata_keys.clone();
        }
        self.finish_creation(user);
    }

    fn finish_creation(&mut self, user: Box<User>) {
        let Some(creation) = &mut self.creation else { return };
        creation.received = Some(user);
        creation.stage = Stage::Clearing;
        if !self.is_clearing() {
            self.creation_cleared();
        }
    }

    /// No store holds anything of an earlier user, as far as it could be removed.
    pub(super) fn creation_cleared(&mut self) {
        let Some(creation) = self.creation.as_mut().filter(|creation| creation.stage == Stage::Clearing)
        else {
            return;
        };
        let Some(user) = creation.received.clone() else { return };
        creation.stage = Stage::Finishing;
        let owner = Owner::Creation(creation.call);
        // From here on nothing can fail but the storage, which has a deadline of its own and loses no user.
        self.emit(Effect::StopTimer(Timer::CreationDeadline));
        self.commit(Change::FinishCreation(user), owner);
    }

    fn creation_succeeded(&mut self) {
        let (Some(creation), Some(user)) = (self.creation.take(), &self.record.user) else { return };
        let info = UserInfo::of(user, self.now);
        self.emit(Effect::Unlock(LockName::Creation));
        if let Some(keys) = creation.metadata_keys {
            self.edit_metadata(MetadataEdit::Learn(keys), None);
        }
        self.settle(creation.call, Ok(Output::User(info)));
    }

    pub(super) fn creation_timed_out(&mut self) {
        if self.creation.as_ref().is_some_and(|creation| creation.stage == Stage::Linking) {
            return self.link_timed_out();
        }
        if self.creation.as_ref().is_some_and(|creation| creation.stage == Stage::Clearing) {
            return self.creation_cleared();
        }
        let failure = self.creation.as_mut().and_then(|creation| creation.failure.take());
        let (reason, met) = failure.unwrap_or_else(|| (Reason::NetworkError, TIMED_OUT.to_owned()));
        let details = [&met, " The same code can be tried again while it lives."].concat();
        self.fail_creation(SdkError::passing(Code::CreateUser, reason, details));
    }

    /// A reset in this tab wins over a creation.
    pub(super) fn cancel_creation(&mut self) {
        self.fail_creation(reset_came_between());
    }

    fn drop_pending(&mut self) {
        if let Some(pending) = self.creation.as_ref().and_then(|creation| creation.pending.as_ref()) {
            let install_id = pending.install_id.clone();
            self.commit(Change::DropCreation { install_id }, Owner::Nobody);
        }
    }

    /// Ends the creation, and leaves nothing of it behind.
    pub(super) fn fail_creation(&mut self, error: SdkError) {
        // With a linker no other try is for the same user, so what was noted is of no use.
        if self.creation.as_ref().is_some_and(|creation| creation.credential.needs_linker()) {
            self.drop_pending();
        }
        let Some(creation) = self.creation.take() else { return };
        self.emit(Effect::StopTimer(Timer::CreationDeadline));
        match creation.stage {
            Stage::Sending(ticket) => self.emit(Effect::Abort(ticket)),
            Stage::Retrying => self.emit(Effect::StopTimer(Timer::CreationRetry)),
            Stage::Linking => drop(self.drop_link()),
            _ => {}
        }
        if !matches!(creation.stage, Stage::Locking(_)) {
            self.emit(Effect::Unlock(LockName::Creation));
        }
        self.settle(creation.call, Err(error));
        // What the platform made for this install is of no use any more.
        if let Some(user) = creation.received {
            self.say_goodbye(&user);
        }
    }
}

const NO_ENTROPY: &str = "This runtime has no crypto.getRandomValues. In React Native, install \
                          react-native-get-random-values and import it before this package.";
pub(super) const TIMED_OUT: &str = "The platform did not respond in time.";

/// What an app is told where no response came. The browser hides from a page which of these it was.
pub(super) fn unreachable(address: &str) -> String {
    let causes = " could not be reached (see the cause): no connection, or in a page an origin that it does not list, a \
                  tool's header, or connect-src.";
    ["The platform at ", address, causes].concat()
}

/// What a refusal means.
pub(super) enum Refused {
    ForGood(String),
    ForNow(Reason, String),
}

/// Reads an answer that is no success.
pub(super) fn refusal_of(response: &Response, address: &str) -> Refused {
    let Reply::Error(body) = &response.reply else {
        let details = [
            "What answered at ",
            address,
            " is not the platform: a wrong platformUrl, a captive portal or a proxy?",
        ]
        .concat();
        return Refused::ForNow(Reason::NetworkError, details);
    };
    match response.meaning() {
        Meaning::Retry => Refused::ForNow(Reason::ServerError, told(body)),
        _ => Refused::ForGood(told(body)),
    }
}

fn reset_came_between() -> SdkError {
    SdkError::new(Code::CreateUser, Reason::SdkResetInProgress, "A reset came in between.")
}

impl Credential {
    fn needs_linker(&self) -> bool {
        matches!(self, Credential::Application(application) if application.linking)
    }

    /// Tells whether another try is for the same user. With a linker it never is: its user is the backend's choice,
    /// each time anew.
    fn fingerprint(&self, platform_url: &PlatformUrl, entropy: &Entropy) -> String {
        match self {
            Credential::Code(code) => fingerprint(platform_url, code),
            Credential::Application(application) if application.linking => {
                fingerprint(platform_url, &Secret::new(entropy.idempotency_key()))
            }
            Credential::Application(application) => fingerprint(platform_url, &application.secret),
        }
    }
}

/// Tells one secret on one platform from another without keeping any of it: 64-bit FNV-1a. Not a secret's hash: it has
/// 160 random bits or more, and all that depends on this is whether a try is a repetition.
fn fingerprint(platform_url: &PlatformUrl, secret: &Secret) -> String {
    let bytes = platform_url.as_str().bytes().chain([0]).chain(secret.expose().bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    hex(&hash.to_be_bytes())
}
