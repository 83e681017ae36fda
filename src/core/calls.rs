//! The calls of the API, and those that are answered at once.

use super::change::Change;
use super::commits::Owner;
use super::effect::{Effect, Output};
use super::error::{Code, Reason, SdkError};
use super::event::{Call, CallId, CreateUserOptions, LinkerKind, Topic};
use super::machine::{Core, InitState};
use super::platform_url::PlatformUrl;
use sentiance_protocol::{API_KEY_PREFIX, Secret};

/// Why a call is refused that would have to wait behind a thousand others.
pub(super) const TOO_MANY_CALLS: &str = "Too many calls wait already.";

impl Core {
    /// Runs a call on an SDK that has read its storage.
    pub(super) fn run(&mut self, id: CallId, call: Call) {
        let resetting = self.init_state() == InitState::Resetting;
        let outcome = match call {
            Call::Initialize(_) | Call::EnsureInitialized if resetting => Err(SdkError::passing(
                Code::Initialization,
                Reason::SdkResetInProgress,
                "The SDK is being reset.",
            )),
            Call::Initialize(options) => return self.initialize(id, *options),
            Call::Reset => return self.start_reset(id),
            Call::EnsureInitialized => Ok(Output::Nothing),
            Call::GetInitState => Ok(Output::InitState(self.init_state())),
            Call::UserExists => Ok(Output::Bool(self.record.user.is_some())),
            Call::IsUserLinked => Ok(Output::Bool(self.record.user.as_ref().is_some_and(|user| user.linked))),
            _ if resetting => Err(SdkError::not_initialized()),
            Call::GetUserId => Ok(Output::UserId(self.record.user.as_ref().map(|user| user.id.clone()))),
            Call::GetSdkStatus => {
                // For the next time: where there is no page that comes and goes, this is when a device learns.
                self.check_if_due();
                self.emit(Effect::LookAround);
                Ok(Output::Status(Box::new(self.status())))
            }
            Call::AddListener { topic: Topic::Activity, is_function: true } => {
                Ok(Output::Activity(self.activity()))
            }
            Call::AddListener { is_function: true, .. } => Ok(Output::Nothing),
            Call::AddListener { is_function: false, .. } => Err(SdkError::new(
                Code::MissingParams,
                Reason::InvalidParams,
                "The listener must be a function.",
            )),
            Call::CreateUser(options, identity) => return self.start_creation(id, *options, *identity),
            Call::RequestUserAccessToken => return self.request_token(id),
            Call::GetUserActivity => Ok(Output::Activity(self.activity())),
            Call::IsTripOngoing { external } => Ok(Output::Bool(external && self.record.trip.is_some())),
            Call::GetQuota(quota, measure) => Ok(Output::Bytes(self.quota(quota, measure))),
            Call::GetTransmittableDataTypes => Ok(Output::DataTypes(self.record.preferences().data_types)),
            Call::IsAllowedToUseMobileData => Ok(Output::Bool(self.record.preferences().mobile_data)),
            Call::IsAppSessionDataCollectionEnabled => {
                Ok(Output::Bool(self.record.preferences().app_session))
            }
            Call::Nothing => Ok(Output::Nothing),
            Call::Refuse(error) => Err(error),
            // All of these wait for the storage.
            _ if !self.may_commit() || !self.may_edit() => {
                Err(SdkError::passing(Code::Unexpected, Reason::UnexpectedError, TOO_MANY_CALLS))
            }
            Call::LinkUser => return self.start_link(id, None),
            Call::LinkUserWithAuthCode(code) => match refuse_api_key(&code) {
                Ok(()) => return self.start_link(id, Some(code)),
                Err(error) => Err(error),
            },
            Call::EnableDetections(expires_at) => return self.enable_detections(id, expires_at),
            Call::DisableDetections => return self.disable_detections(id),
            Call::SubmitDetections => return self.submit_detections(id),
            Call::StartTrip { metadata, transport_mode } => {
                return self.start_trip(id, metadata, transport_mode);
            }
            Call::StopTrip => return self.stop_trip(id),
            Call::AddTripMetadata(metadata) => return self.add_trip_metadata(id, metadata),
            Call::ChangeMetadata(entries) => return self.change_metadata(id, entries),
            Call::Choose(preference) => {
                return self.commit(Change::SetPreference(preference), Owner::Preference(id));
            }
        };
        self.settle(id, outcome);
    }
}

impl CreateUserOptions {
    /// What the original checks in JavaScript, before anything else; and that no API key is sent anywhere.
    pub(super) fn validate(&self) -> Result<(), SdkError> {
        let refuse = |reason, details: &str| Err(SdkError::new(Code::MissingParams, reason, details));
        if let Some(code) = &self.auth_code {
            refuse_api_key(code)?;
        } else if self.app_id.is_none() && self.app_secret.is_none() {
            return refuse(
                Reason::MissingParams,
                "Invalid user creation options: pass an authCode, or an appId, an appSecret and a linker.",
            );
        } else if self.linker == LinkerKind::None {
            return refuse(
                Reason::MissingParams,
                "Invalid user creation options: without an authCode a linker is needed. Pass NO_OP_LINKER to create \
                 an unlinked user.",
            );
        } else if self.app_id.is_none() || self.app_secret.is_none() {
            return refuse(
                Reason::MissingParams,
                "Invalid user creation options: appId and appSecret belong together.",
            );
        } else if self.linker == LinkerKind::Invalid {
            return refuse(Reason::InvalidParams, "linker must be a function, or NO_OP_LINKER.");
        }
        match self.platform_url.as_deref().map(PlatformUrl::parse) {
            Some(Err(why)) => refuse(Reason::InvalidParams, why),
            _ => Ok(()),
        }
    }
}

/// Refuses an API key in the place of an authentication code, before it is sent anywhere. Looked for anywhere in the
/// text: a whole `Authorization` header is passed by mistake, too.
pub(super) fn refuse_api_key(code: &Secret) -> Result<(), SdkError> {
    let prefix = API_KEY_PREFIX.as_bytes();
    match code.expose().as_bytes().windows(prefix.len()).any(|window| window == prefix) {
        false => Ok(()),
        true => Err(SdkError::new(
            Code::MissingParams,
            Reason::ApiKeyRefused,
            "This is an API key, not an authentication code. An API key must never reach an app: keep it on your \
             server, request an authentication code with it there, and pass that code to the SDK. If this key was \
             shipped, revoke it.",
        )),
    }
}
