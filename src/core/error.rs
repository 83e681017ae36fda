//! Every way a call can fail: the only list of codes and reasons. The TypeScript unions and the error glossary are
//! generated from it.

use super::record::UserState;

macro_rules! names {
    ($(#[doc = $type_doc:literal])+ $type:ident { $( $(#[doc = $doc:literal])+ $variant:ident = $name:literal, )+ }) => {
        $(#[doc = $type_doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $type { $( $(#[doc = $doc])+ $variant, )+ }

        impl $type {
            /// The name that JavaScript sees.
            pub const fn as_str(self) -> &'static str {
                match self { $($type::$variant => $name),+ }
            }

            /// Every name with its meaning, for the generated documentation.
            #[cfg(not(target_arch = "wasm32"))]
            pub const GLOSSARY: &'static [(&'static str, &'static str)] = &[$(($name, concat!($($doc),+))),+];
        }
    };
}

names! {
    /// The `code` of an error: which call failed, or why none could start.
    Code {
        /// The SDK is not initialized, or is being reset.
        NotInitialized = "E_SDK_NOT_INITIALIZED",
        /// An argument is missing or cannot be used.
        MissingParams = "E_SDK_MISSING_PARAMS",
        /// `createUser` failed.
        CreateUser = "E_SDK_CREATE_USER_ERROR",
        /// `requestUserAccessToken` failed.
        GetToken = "E_SDK_GET_TOKEN_ERROR",
        /// `reset` failed.
        Reset = "E_SDK_RESET_ERROR",
        /// `linkUser` failed.
        UserLink = "E_SDK_USER_LINK_ERROR",
        /// `linkUserWithAuthCode` failed.
        UserLinkAuthCode = "E_SDK_USER_LINK_AUTH_CODE_ERROR",
        /// `enableDetections` or `enableDetectionsWithExpiryDate` failed.
        EnableDetections = "E_SDK_ENABLE_DETECTIONS_ERROR",
        /// `disableDetections` failed: never, but applications compare with it.
        DisableDetections = "E_SDK_DISABLE_DETECTIONS_ERROR",
        /// `submitDetections` failed.
        SubmitDetections = "E_SDK_SUBMIT_DETECTIONS_ERROR",
        /// `startTrip` failed.
        StartTrip = "E_SDK_START_TRIP_ERROR",
        /// `stopTrip` failed.
        StopTrip = "E_SDK_STOP_TRIP_ERROR",
        /// The initialization failed (a `SdkInitializationError`).
        Initialization = "E_SDK_INITIALIZATION_ERROR",
        /// The SDK itself failed.
        Unexpected = "E_SDK_UNEXPECTED_ERROR",
    }
}

names! {
    /// The `reason` of an error: why. Most messages begin with it: `Reason: <reason> - …`.
    Reason {
        /// A reset is in progress, or came in between.
        SdkResetInProgress = "SDK_RESET_IN_PROGRESS",
        /// The initialization is in progress.
        SdkInitInProgress = "SDK_INIT_IN_PROGRESS",
        /// Another creation is in progress, in this tab or in another.
        UserCreationInProgress = "USER_CREATION_IN_PROGRESS",
        /// There is a user on this device already.
        UserAlreadyExists = "USER_ALREADY_EXISTS",
        /// The platform could not be reached.
        NetworkError = "NETWORK_ERROR",
        /// The platform refused, or failed.
        ServerError = "SERVER_ERROR",
        /// Anything else; the details say what.
        UnexpectedError = "UNEXPECTED_ERROR",
        /// There is no user on this device.
        NoUser = "NO_USER",
        /// The user is disabled, deleted, or active on another device, or the session of this install is over; the details
        /// say which, and what to do.
        UserDisabledRemotely = "USER_DISABLED_REMOTELY",
        /// The reset could not remove the stored user, or the initialization failed in another way than those below.
        ExceptionOrError = "EXCEPTION_OR_ERROR",
        /// A required argument is missing.
        MissingParams = "MISSING_PARAMS",
        /// An argument has the wrong type or an impossible value.
        InvalidParams = "INVALID_PARAMS",
        /// An API key was passed where an authentication code belongs.
        ApiKeyRefused = "API_KEY_REFUSED",
        /// The linker threw, did not return `true`, or did not return in time.
        AppSideLinkingFailed = "APP_SIDE_LINKING_FAILED",
        /// The user is linked already.
        UserAlreadyLinked = "USER_ALREADY_LINKED",
        /// The expiry date has passed.
        PastExpiryDate = "PAST_EXPIRY_DATE",
        /// Detections are not enabled, or have expired.
        DetectionsDisabled = "DETECTIONS_DISABLED",
        /// Detections are enabled, but something keeps them from running; `getSdkStatus` tells what.
        DetectionsBlocked = "DETECTIONS_BLOCKED",
        /// A trip is under way already.
        TripAlreadyStarted = "TRIP_ALREADY_STARTED",
        /// No trip is under way.
        NoOngoingTrip = "NO_ONGOING_TRIP",
        /// The SDK is not initialized.
        SdkNotInitialized = "SDK_NOT_INITIALIZED",
        /// The runtime lacks something that the SDK cannot do without.
        UnsupportedOsVersion = "UNSUPPORTED_OS_VERSION",
        /// Other options than those in force were given while a user exists.
        ReinitializationNotAllowed = "REINITIALIZATION_NOT_ALLOWED",
    }
}

/// A rejection.
#[derive(Clone, Debug, PartialEq)]
pub struct SdkError {
    /// Which call.
    pub code: Code,
    /// Why.
    pub reason: Reason,
    /// A sentence for a developer. Holds no secret and no personal data.
    pub details: String,
    /// Whether the same call can succeed later, with the same arguments.
    pub retryable: bool,
}

impl SdkError {
    /// An error that the same call will meet again.
    pub fn new(code: Code, reason: Reason, details: impl Into<String>) -> Self {
        SdkError { code, reason, details: details.into(), retryable: false }
    }

    /// An error that can pass.
    pub fn passing(code: Code, reason: Reason, details: impl Into<String>) -> Self {
        SdkError { retryable: true, ..SdkError::new(code, reason, details) }
    }

    /// What every guarded call answers while the SDK is not initialized.
    pub fn not_initialized() -> Self {
        SdkError::passing(Code::NotInitialized, Reason::SdkNotInitialized, "Sdk not initialized")
    }

    /// The call needs a user.
    pub(crate) fn no_user(code: Code) -> Self {
        SdkError::new(code, Reason::NoUser, "There is no user on this device.")
    }

    /// The platform does not let the user of this device act.
    pub(crate) fn disabled(code: Code, state: UserState) -> Self {
        let details = match state {
            UserState::Inactive => "Another device is this user's active one.",
            UserState::Deleted => "The user was deleted on the platform.",
            UserState::SessionEnded => {
                "The platform ended this install's session; call reset, then createUser."
            }
            UserState::Unknown => {
                "The platform does not know this install's session; call reset, then createUser."
            }
            UserState::Spent => {
                "This install's refresh token was used elsewhere; call reset, then createUser."
            }
            UserState::Disabled => "The user is disabled on the platform.",
            UserState::Refused | UserState::Active => {
                "The user is disabled on the platform, or active on another device."
            }
        };
        SdkError::new(code, Reason::UserDisabledRemotely, details)
    }

    /// An argument that can't be used.
    pub(crate) fn invalid(details: impl Into<String>) -> Self {
        SdkError::new(Code::MissingParams, Reason::InvalidParams, details)
    }

    /// An argument that is missing.
    pub(crate) fn missing(details: impl Into<String>) -> Self {
        SdkError::new(Code::MissingParams, Reason::MissingParams, details)
    }

    /// The text in front of the details, and the details: `Reason: <REASON> - <details>`.
    ///
    /// Two codes keep the original's form: a guard's message is the constant alone, and a refused argument is told
    /// in plain words, since applications print them as they are.
    pub fn message(&self) -> String {
        match self.code {
            Code::NotInitialized | Code::MissingParams => self.details.clone(),
            _ => ["Reason: ", self.reason.as_str(), " - ", &self.details].concat(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Code, Reason, SdkError};

    #[test]
    fn the_message_has_the_form_that_applications_parse() {
        let error = SdkError::new(Code::CreateUser, Reason::UserAlreadyExists, "There is a user.");
        assert_eq!(error.message(), "Reason: USER_ALREADY_EXISTS - There is a user.");
        assert_eq!(SdkError::not_initialized().message(), "Sdk not initialized");
    }
}
