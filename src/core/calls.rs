//! The calls of the API, and those that are answered at once.

use super::effect::Output;
use super::error::{Code, Reason, SdkError};
use super::event::{Call, CallId, CreateUserOptions};
use super::machine::{Core, InitState};
use super::platform_url::PlatformUrl;
use sentiance_protocol::API_KEY_PREFIX;

impl Core {
    /// Runs a call on an SDK that has read its storage.
    pub(super) fn run(&mut self, id: CallId, call: Call) {
        let resetting = self.init_state() == InitState::Resetting;
        let outcome = match call {
            Call::Initialize { .. } | Call::EnsureInitialized if resetting => Err(SdkError::passing(
                Code::Initialization,
                Reason::SdkResetInProgress,
                "The SDK is being reset.",
            )),
            Call::Initialize { platform_url, replaces_storage, timeouts } => {
                return self.reinitialize(id, platform_url, replaces_storage, timeouts);
            }
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
                Ok(Output::Status(Box::new(self.status())))
            }
            Call::AddSdkStatusUpdateListener { is_function: true } => Ok(Output::Nothing),
            Call::AddSdkStatusUpdateListener { is_function: false } => Err(SdkError::new(
                Code::MissingParams,
                Reason::InvalidParams,
                "The listener must be a function.",
            )),
            Call::CreateUser(options, identity) => return self.start_creation(id, *options, *identity),
            Call::RequestUserAccessToken => return self.request_token(id),
        };
        self.settle(id, outcome);
    }
}

impl CreateUserOptions {
    /// What the original checks in JavaScript, before anything else; and that no API key is sent anywhere.
    pub(super) fn validate(&self) -> Result<(), SdkError> {
        let refuse = |reason, details: &str| Err(SdkError::new(Code::MissingParams, reason, details));
        if let Some(code) = &self.auth_code {
            // Anywhere in it: a whole `Authorization` header is passed by mistake, too.
            let prefix = API_KEY_PREFIX.as_bytes();
            if code.expose().as_bytes().windows(prefix.len()).any(|window| window == prefix) {
                return refuse(
                    Reason::ApiKeyRefused,
                    "This is an API key, not an authentication code. An API key must never reach an app: keep it on \
                     your server, request an authentication code with it there, and pass that code to createUser. \
                     If this key was shipped, revoke it.",
                );
            }
        } else if self.app_id.is_none() && self.app_secret.is_none() {
            return refuse(
                Reason::MissingParams,
                "Invalid user creation options: pass an authCode, or an appId, an appSecret and a linker.",
            );
        } else if !self.has_linker {
            return refuse(
                Reason::MissingParams,
                "Invalid user creation options: without an authCode a linker is needed. Pass NO_OP_LINKER to create \
                 an unlinked user.",
            );
        } else {
            return Err(SdkError::new(
                Code::NotImplemented,
                Reason::NotImplemented,
                "This version creates users by authentication code only.",
            ));
        }
        match self.platform_url.as_deref().map(PlatformUrl::parse) {
            Some(Err(why)) => refuse(Reason::InvalidParams, why),
            _ => Ok(()),
        }
    }
}
