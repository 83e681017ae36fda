//! What comes out of the state machine: what the driver shall do.
//!
//! The driver answers each effect that carries a [`Ticket`] with exactly one event, within a deadline of its own, so
//! that no conversation waits for ever.

use super::activity::UserActivity;
use super::claim::{Claim, SideStore};
use super::error::SdkError;
use super::event::{CallId, Ticket};
use super::machine::InitState;
use super::metadata::MetadataEdit;
use super::queue::Addition;
use super::record::{Record, Stamp, User};
use super::status::SdkStatus;
use super::usage::UsageEdit;
use sentiance_protocol::{CreateUserRequest, EpochMs, LinkRequest, MetadataRequest, RefreshRequest, Secret};

/// What the driver shall do.
#[derive(Clone, Debug)]
pub enum Effect {
    /// The options that came with this call take effect, before anything else happens.
    ApplyOptions(CallId),
    /// The options that came with this call are withdrawn again: what they replaced is in force, but for the storage.
    WithdrawOptions(CallId),
    /// Read the record. Answered by [`Event::Loaded`](super::Event::Loaded).
    Load(Ticket),
    /// Write `record` if the storage still holds what `expected` says. Loads and commits are performed, and
    /// answered, in their order. Answered by [`Event::Committed`](super::Event::Committed).
    Commit {
        /// Names the answer.
        ticket: Ticket,
        /// What the storage must hold.
        expected: Stamp,
        /// What it shall hold.
        record: Box<Record>,
    },
    /// Remove the record, since it could not be overwritten, if the storage still holds what `expected` says; then,
    /// now that there is room, write `tombstone`, which may fail. Answered by
    /// [`Event::Committed`](super::Event::Committed).
    Remove {
        /// Names the answer.
        ticket: Ticket,
        /// What the storage must hold.
        expected: Stamp,
        /// A record without a user, by which another tab's creation knows that it was overtaken.
        tombstone: Box<Record>,
    },
    /// Tell the other tabs that the record changed.
    Announce,
    /// Take a lock if it is free; never wait. Answered by [`Event::Locked`](super::Event::Locked).
    Lock(Ticket, LockName),
    /// Give a lock back.
    Unlock(LockName),
    /// Give back the lock that this ticket got, since whoever asked for it has given up.
    UnlockTicket(Ticket),
    /// Send a request. Answered by [`Event::Responded`](super::Event::Responded), unless aborted. One with
    /// [`Body::Events`] is a stream: each of the platform's words in it is an
    /// [`Event::Streamed`](super::Event::Streamed), and the answer comes when it has ended.
    Send(Ticket, Box<Request>),
    /// Stop waiting for the answer.
    Abort(Ticket),
    /// Start a timer; one that runs already starts again.
    StartTimer(Timer, f64),
    /// Stop a timer, if it runs.
    StopTimer(Timer),
    /// Settle a call.
    Settle(CallId, Result<Output, SdkError>),
    /// Tell the status listeners.
    EmitStatus(Box<SdkStatus>),
    /// Tell the listeners of the user's activity.
    EmitActivity(UserActivity),
    /// Tell the listeners that a trip has timed out.
    EmitTripTimeout,
    /// Look at the surroundings again. Answered by [`Event::Surroundings`](super::Event::Surroundings), as is every
    /// change of them; not where nothing tells of them.
    LookAround,
    /// See from now on that the app itself gets a position, or no more. Answered by
    /// [`Event::Surroundings`](super::Event::Surroundings).
    ObserveApp(bool),
    /// Record positions and motion from now on, or no more.
    Sense(bool),
    /// Be the one tab that has this role, as soon as no other has it, or no longer. Answered by
    /// [`Event::Leading`](super::Event::Leading) once this tab is.
    Lead(Role, bool),
    /// Add entries to the queue. Answered by [`Event::Queued`](super::Event::Queued), or, where the queue knows a later
    /// epoch and another owner than the claim, by [`Event::Superseded`](super::Event::Superseded), as are the other jobs
    /// that carry a claim. Then nothing was changed.
    Enqueue(Ticket, Box<Addition>),
    /// Read the claimant's oldest entries, so many that they make one body of at most `max_bytes`, and at most
    /// `max_entries`. Answered by [`Event::Batch`](super::Event::Batch).
    TakeBatch {
        /// Names the answer.
        ticket: Ticket,
        /// Whose entries.
        claim: Claim,
        /// How long the body may be.
        max_bytes: usize,
        /// How many entries it may have.
        max_entries: usize,
    },
    /// Remove entries that were sent. Answered by [`Event::Queued`](super::Event::Queued).
    DropBatch(Ticket, Vec<f64>),
    /// Remove what earlier users left in a store. Does not create one that is not there. Answered by
    /// [`Event::Cleared`](super::Event::Cleared).
    Clear {
        /// Names the response.
        ticket: Ticket,
        /// Which store.
        store: SideStore,
        /// A claim without an install.
        claim: Claim,
        /// Whether also what was set without a user goes.
        all: bool,
    },
    /// Change one of the documents beside the record, if it is to be changed. Answered by
    /// [`Event::Edited`](super::Event::Edited).
    Edit(Ticket, Edit),
    /// Call the linker that came with this call. Answered by
    /// [`Event::LinkerAnswered`](super::Event::LinkerAnswered), or never: the core has a deadline for it.
    AskLinker {
        /// Names the answer.
        ticket: Ticket,
        /// Whose linker.
        call: CallId,
        /// What it is called with.
        install_id: String,
    },
    /// Tell the app's logger.
    Warn(Warning),
}

/// A change of one of the documents beside the record.
#[derive(Clone, Debug)]
pub enum Edit {
    /// Of the metadata, in the name of its user.
    Metadata(Claim, MetadataEdit),
    /// Of the transferred bytes.
    Usage(UsageEdit),
}

/// What only one tab does at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LockName {
    /// A creation. Refused also while another tab resets.
    Creation,
    /// A reset.
    Reset,
    /// A refresh. Only to save requests: nothing depends on it.
    Refresh,
    /// A refresh by one of the tabs that have waited in vain for the holder of the lock before.
    LateRefresh,
    /// An upload. Only to save requests, too.
    Upload,
}

impl LockName {
    /// The name under which the tabs share it.
    pub fn as_str(self) -> &'static str {
        match self {
            LockName::Creation => "sentiance.core.creation",
            LockName::Reset => "sentiance.core.reset",
            LockName::Refresh => "sentiance.core.refresh",
            LockName::LateRefresh => "sentiance.core.refresh.late",
            LockName::Upload => "sentiance.core.upload",
        }
    }
}

/// What one tab does for all tabs of a device, for as long as it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Reads the sensors.
    Recording,
    /// Follows the platform's events.
    Following,
}

/// The timers, each of which runs at most once at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    /// `createUser` must be settled.
    CreationDeadline,
    /// The creation is sent again.
    CreationRetry,
    /// `requestUserAccessToken` must be settled.
    RefreshDeadline,
    /// The refresh is sent again.
    RefreshRetry,
    /// Another tab has had some time to refresh.
    RefreshElsewhere,
    /// The other tabs had time enough to see what a refresh brought.
    RefreshSeen,
    /// `reset` must be settled.
    ResetDeadline,
    /// The platform is asked for the install's state, where its events can't be followed.
    Poll,
    /// The platform's events are followed again.
    Follow,
    /// `linkUser` or `linkUserWithAuthCode` must be settled.
    LinkDeadline,
    /// A link is sent again.
    LinkRetry,
    /// `submitDetections` must be settled.
    SubmitDeadline,
    /// What is queued is sent.
    Upload,
    /// It is sent again, after a failure.
    UploadRetry,
    /// The app wants detections no longer.
    DetectionsExpiry,
    /// The trip has lasted too long.
    TripTimeout,
    /// The stored record was looked at for long enough.
    Look,
}

impl Timer {
    /// Whether a process must stay alive for it.
    pub fn matters(self) -> bool {
        !matches!(
            self,
            Timer::RefreshSeen
                | Timer::Poll
                | Timer::Follow
                | Timer::UploadRetry
                | Timer::DetectionsExpiry
                | Timer::TripTimeout
        )
    }
}

/// A request to the platform.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The platform's URL, without a trailing slash.
    pub platform_url: String,
    /// The path, from `/`.
    pub path: &'static str,
    /// The access token that goes into `Authorization`.
    pub bearer: Option<Secret>,
    /// The body, and with it what kind of reply is expected.
    pub body: Body,
    /// How long an answer may take, in milliseconds; of a stream, its first word.
    pub timeout_ms: f64,
    /// Whether it shall survive the page's end.
    pub keepalive: bool,
}

impl Request {
    /// A request in the name of `user`.
    pub(crate) fn of_user(
        user: &User,
        method: Method,
        path: &'static str,
        body: Body,
        timeout_ms: f64,
    ) -> Request {
        Request {
            method,
            platform_url: user.platform_url.clone(),
            path,
            bearer: Some(user.token.access_token.clone()),
            body,
            timeout_ms,
            keepalive: false,
        }
    }
}

/// HTTP methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `GET`.
    Get,
    /// `POST`.
    Post,
    /// `PATCH`.
    Patch,
}

/// The body of a request, and with it what kind of reply is expected.
#[derive(Clone, Debug)]
pub enum Body {
    /// Expects [`Reply::User`](super::Reply::User).
    CreateUser(Box<CreateUserRequest>),
    /// Expects [`Reply::Token`](super::Reply::Token).
    Refresh(RefreshRequest),
    /// No body; expects [`Reply::Config`](super::Reply::Config).
    Config,
    /// No body; expects a stream of the platform's events, and [`Reply::Empty`](super::Reply::Empty) when it has ended.
    Events,
    /// An empty object; expects [`Reply::Empty`](super::Reply::Empty).
    Goodbye,
    /// Expects [`Reply::Linked`](super::Reply::Linked).
    Link(LinkRequest),
    /// An empty object; expects [`Reply::Linked`](super::Reply::Linked).
    ConfirmLink,
    /// Expects [`Reply::Metadata`](super::Reply::Metadata).
    Metadata(MetadataRequest),
    /// A `DetectionsRequest` that is written already; expects [`Reply::Empty`](super::Reply::Empty).
    Detections(String),
}

/// What a call resolves with.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// `undefined`.
    Nothing,
    /// A boolean.
    Bool(bool),
    /// The user id, or `null`.
    UserId(Option<String>),
    /// An initialization state.
    InitState(InitState),
    /// `{initState}`.
    Reset(InitState),
    /// `{userInfo}`.
    User(UserInfo),
    /// A user access token.
    Token(UserAccessToken),
    /// A status.
    Status(Box<SdkStatus>),
    /// `{sdkStatus, detectionStatus}`.
    Detections(Box<SdkStatus>),
    /// `{}`.
    Done,
    /// A number of bytes, as a text.
    Bytes(f64),
    /// A sum of [`DataType`](super::DataType)s, as their names.
    DataTypes(u32),
    /// What the user is doing.
    Activity(UserActivity),
}

/// A user, as `createUser` tells it.
#[derive(Clone, Debug, PartialEq)]
pub struct UserInfo {
    /// The Sentiance user id.
    pub user_id: String,
    /// The access token: a secret, despite its public name `tokenId`.
    pub token: Secret,
    /// When it expires, by the platform's clock.
    pub token_expiry: EpochMs,
    /// Whether it has.
    pub is_token_expired: bool,
}

impl UserInfo {
    pub(crate) fn of(user: &User, now: EpochMs) -> UserInfo {
        UserInfo {
            user_id: user.id.clone(),
            token: user.token.access_token.clone(),
            token_expiry: user.token.expires_at,
            is_token_expired: user.is_token_expired(now),
        }
    }
}

/// A token, as `requestUserAccessToken` tells it.
#[derive(Clone, Debug, PartialEq)]
pub struct UserAccessToken {
    /// The access token: a secret, despite its public name `tokenId`.
    pub token: Secret,
    /// When it expires, by the platform's clock.
    pub expiry: EpochMs,
}

/// What the app's logger is told. Holds no secret and no personal data.
#[derive(Clone, Debug, PartialEq)]
pub struct Warning {
    /// A fixed name.
    pub code: &'static str,
    /// A sentence for a developer.
    pub message: String,
}

impl Warning {
    /// The storage can't be used: the user lives in memory only.
    pub fn storage_unavailable(why: &str) -> Self {
        Warning {
            code: "STORAGE_UNAVAILABLE",
            message: ["The storage can't be used, so a user lasts until this page or process ends: ", why]
                .concat(),
        }
    }

    /// A write failed: the change lives in memory only, until the next write succeeds; or nothing was changed.
    pub fn write_failed(why: &str) -> Self {
        Warning {
            code: "STORAGE_WRITE_FAILED",
            message: ["The newest state could not be stored, so it lives in memory at most: ", why].concat(),
        }
    }

    /// Something that was to be sent can't be queued.
    pub fn queue_failed(why: &str) -> Self {
        Warning {
            code: "QUEUE_WRITE_FAILED",
            message: ["What was recorded could not be kept: ", why].concat(),
        }
    }

    /// An entry that was to be sent was dropped, since it is refused for good.
    pub fn upload_refused(why: &str) -> Self {
        Warning {
            code: "UPLOAD_REFUSED",
            message: ["An entry was refused for good, so it was dropped: ", why].concat(),
        }
    }

    /// The platform refuses every upload, whatever it holds.
    pub fn upload_blocked(why: &str) -> Self {
        Warning {
            code: "UPLOAD_BLOCKED",
            message: ["The platform refuses every upload, so what is queued is kept: ", why].concat(),
        }
    }

    /// What a reset was to remove is still there.
    pub fn not_cleared(why: &str) -> Self {
        Warning {
            code: "RESET_INCOMPLETE",
            message: ["What the user recorded could not be removed; the next start tries again: ", why]
                .concat(),
        }
    }

    /// The stored record is gone, and no reset removed it.
    pub fn user_removed() -> Self {
        Warning {
            code: "STORED_USER_REMOVED",
            message:
                "The storage was emptied or replaced from outside: its user is gone, with what was not sent. \
                      createUser restores the user."
                    .to_owned(),
        }
    }

    /// The queue of detections can't be kept on disk.
    pub fn queue_unavailable(why: &str) -> Self {
        Warning {
            code: "QUEUE_UNAVAILABLE",
            message: ["Detections can't be stored, so those not sent are lost when this page ends: ", why]
                .concat(),
        }
    }

    /// A call was rejected for what the app's or the runtime's own code threw.
    pub fn call_failed(why: &str) -> Self {
        Warning {
            code: "CALL_FAILED",
            message: ["A call was rejected, since this was thrown: ", why].concat(),
        }
    }

    /// Another platform is named than the user's.
    pub fn other_platform(present: &str, named: &str) -> Self {
        Warning {
            code: "OTHER_PLATFORM_NAMED",
            message: [
                "The stored user belongs to ",
                present,
                " and stays there, but ",
                named,
                " is named. Call reset first.",
            ]
            .concat(),
        }
    }

    /// Nothing names a platform.
    pub fn default_platform() -> Self {
        Warning {
            code: "DEFAULT_PLATFORM",
            message: "No platformUrl is named: https://api.sentiance.com is used.".to_owned(),
        }
    }

    /// The stored record can't be read.
    pub fn record_unreadable() -> Self {
        Warning {
            code: "STORED_RECORD_UNREADABLE",
            message: "The stored record can't be read. It was set aside; createUser restores the user."
                .to_owned(),
        }
    }
}
