//! What goes into the state machine.

use super::effect::{Effect, Role};
use super::error::SdkError;
use super::metadata::Metadata;
use super::options::InitializeOptions;
use super::preferences::Preference;
use super::queue::{Batch, QueueOutcome};
use super::record::Record;
use super::settings::Identity;
use super::surroundings::Surroundings;
use super::usage::Usage;
use sentiance_protocol::{
    ConfigResponse, CreateUserResponse, EpochMs, ErrorBody, LinkResponse, MetadataEntry, MetadataResponse,
    Motion, Position, RefreshResponse, Secret,
};

/// One step: what happened, when, and fresh randomness for it.
#[derive(Clone, Debug)]
pub struct Input {
    /// This device's clock.
    pub now: EpochMs,
    /// Fresh random bytes, or `None` where the runtime has no secure source of them.
    pub entropy: Option<Entropy>,
    /// What happened.
    pub event: Event,
}

/// Random bytes of one step, from a cryptographically secure source.
#[derive(Clone)]
pub struct Entropy(pub [u8; 40]);

impl std::fmt::Debug for Entropy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Entropy(…)")
    }
}

impl Entropy {
    /// 128 bits, as 32 hex digits, for an install id.
    pub(crate) fn install_id(&self) -> String {
        hex(&self.0[..16])
    }

    /// 128 other bits, as 32 hex digits, for an idempotency key.
    pub(crate) fn idempotency_key(&self) -> String {
        hex(&self.0[16..32])
    }

    /// A number from 0 to 1, for jitter.
    pub(crate) fn fraction(&self) -> f64 {
        f64::from(u32::from_be_bytes([self.0[32], self.0[33], self.0[34], self.0[35]])) / f64::from(u32::MAX)
    }
}

/// `bytes` as lower-case hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]])
        .map(char::from)
        .collect()
}

/// Names one call of the API, from its start until it is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(pub u32);

/// Names one effect that is answered by an event. An answer whose ticket nobody waits for is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket(pub u32);

/// What happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// The app called a function.
    Call(CallId, Call),
    /// Answers [`Effect::Load`](super::Effect::Load).
    Loaded(Ticket, LoadOutcome),
    /// Answers [`Effect::Commit`](super::Effect::Commit) and [`Effect::Remove`](super::Effect::Remove).
    Committed(Ticket, CommitOutcome),
    /// Answers [`Effect::Lock`](super::Effect::Lock).
    Locked(Ticket, LockOutcome),
    /// Answers [`Effect::Send`](super::Effect::Send).
    Responded(Ticket, Result<Box<Response>, TransportError>),
    /// The platform said this in the stream of that request: a [`Reply::Config`], or a [`Reply::Error`].
    Streamed(Ticket, Box<Reply>),
    /// A timer ran out.
    TimerFired(super::Timer),
    /// Another tab says that it committed.
    RecordChanged,
    /// The page became visible again, came back from the cache, or the device is online again.
    Resumed,
    /// The page is visible, or not any more.
    Visible(bool),
    /// A listener of that kind is attached, or the last one is gone.
    Listening(Topic, bool),
    /// The surroundings, or what has become of them.
    Surroundings(Box<Surroundings>),
    /// The device is here: a position, and when it was there, by this device's clock.
    Located(Position, EpochMs),
    /// The device can't tell where it is.
    Unlocated,
    /// The device moved so.
    Moved(Motion),
    /// This tab is the one that has the role, to that extent.
    Leading(Role, Extent),
    /// The page is put to sleep: nothing of it may be left open. [`Event::Resumed`] ends that.
    Suspended,
    /// Answers [`Effect::Enqueue`](super::Effect::Enqueue) and [`Effect::DropBatch`](super::Effect::DropBatch).
    Queued(Ticket, QueueOutcome),
    /// Answers [`Effect::TakeBatch`](super::Effect::TakeBatch).
    Batch(Ticket, Result<Batch, String>),
    /// Answers [`Effect::Edit`](super::Effect::Edit): what the document holds now, or why it could not be changed.
    Edited(Ticket, Result<Document, EditFailure>),
    /// Answers [`Effect::Clear`](super::Effect::Clear).
    Cleared(Ticket, Result<(), String>),
    /// Answers a job with a claim that the store could not accept: the epoch that the store knows, and the job.
    Superseded(u32, Box<Effect>),
    /// A call follows, and the record may not be what the core knows.
    Look,
    /// Answers [`Effect::AskLinker`](super::Effect::AskLinker): that the install was linked, or what went wrong.
    LinkerAnswered(Ticket, Result<(), String>),
}

/// One of the documents beside the record.
#[derive(Clone, Debug)]
pub enum Document {
    /// The metadata.
    Metadata(Metadata),
    /// The transferred bytes.
    Usage(Usage),
}

/// Why a document could not be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EditFailure {
    /// It would break a limit; nothing was changed.
    Refused(&'static str),
    /// The storage failed. Holds why.
    Storage(String),
    /// The storage takes no text as long as this. Holds what it said.
    TooLong(String),
    /// The store knows a later epoch, and another owner, than the claim: nothing was changed.
    Superseded(u32),
    /// What it was about belongs to a user who is gone.
    Late,
}

/// What a listener listens to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// The status.
    Status,
    /// What the user is doing.
    Activity,
    /// A trip that timed out.
    TripTimeout,
}

/// When a tab may act in a role that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Always: no other tab has it.
    Always,
    /// While it is visible: the tabs can't agree on one.
    WhileVisible,
    /// While someone listens to the status: otherwise, what is left open would keep the process alive.
    WhileListening,
}

/// A call of the API.
#[derive(Clone, Debug)]
pub enum Call {
    /// `initialize(options)`.
    Initialize(Box<InitializeOptions>),
    /// `ensureInitialized()`.
    EnsureInitialized,
    /// `getInitState()`.
    GetInitState,
    /// `userExists()`.
    UserExists,
    /// `isUserLinked()`.
    IsUserLinked,
    /// `getUserId()`.
    GetUserId,
    /// `createUser(options)`, with what the SDK says of app, device and itself.
    CreateUser(Box<CreateUserOptions>, Box<Identity>),
    /// `requestUserAccessToken()`.
    RequestUserAccessToken,
    /// `getSdkStatus()`.
    GetSdkStatus,
    /// `addSdkStatusUpdateListener(listener)` and its siblings: settles when the listener may be attached.
    AddListener {
        /// What it listens to.
        topic: Topic,
        /// Whether the listener is a function.
        is_function: bool,
    },
    /// `reset()`.
    Reset,
    /// `linkUser(linker)`.
    LinkUser,
    /// `linkUserWithAuthCode(code)`.
    LinkUserWithAuthCode(Secret),
    /// `enableDetections()` and `enableDetectionsWithExpiryDate(time)`.
    EnableDetections(Option<EpochMs>),
    /// `disableDetections()`.
    DisableDetections,
    /// `submitDetections()`.
    SubmitDetections,
    /// `getUserActivity()`.
    GetUserActivity,
    /// `startTrip(metadata, hint)`.
    StartTrip {
        /// What the app says of the trip.
        metadata: Vec<MetadataEntry>,
        /// 1 to 11, if it is one of those.
        transport_mode: Option<u32>,
    },
    /// `stopTrip()`.
    StopTrip,
    /// `isTripOngoing(type)`.
    IsTripOngoing {
        /// Whether trips count that the app started. The web detects no others.
        external: bool,
    },
    /// `addTripMetadata(metadata)`.
    AddTripMetadata(Vec<MetadataEntry>),
    /// `addUserMetadataField`, `addUserMetadataFields` and `removeUserMetadataField`.
    ChangeMetadata(Vec<MetadataEntry>),
    /// One of the six functions that tell of quotas.
    GetQuota(Quota, Measure),
    /// One of the three functions that choose something.
    Choose(Preference),
    /// `getTransmittableDataTypes()`.
    GetTransmittableDataTypes,
    /// `isAllowedToUseMobileData()`.
    IsAllowedToUseMobileData,
    /// `isAppSessionDataCollectionEnabled()`.
    IsAppSessionDataCollectionEnabled,
    /// A function that has nothing to do on the web.
    Nothing,
    /// A function whose arguments can't be used. Settled by the guard first, as in the original.
    Refuse(SdkError),
}

/// What a quota is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quota {
    /// Transfers over Wi-Fi.
    WiFi,
    /// Transfers over mobile networks.
    Mobile,
    /// What is stored.
    Disk,
}

/// Which side of a quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// How much may be used.
    Limit,
    /// How much is.
    Usage,
}

/// What the app passed as `linker`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LinkerKind {
    /// Nothing.
    #[default]
    None,
    /// `NO_OP_LINKER`.
    NoOp,
    /// A function, which the driver keeps under the call.
    Function,
    /// Something else.
    Invalid,
}

/// The options of `createUser`, as the app gave them; empty texts are given as `None`.
#[derive(Clone, Debug, Default)]
pub struct CreateUserOptions {
    /// `authCode`. Wins over all the others.
    pub auth_code: Option<Secret>,
    /// `appId`.
    pub app_id: Option<String>,
    /// `appSecret`.
    pub app_secret: Option<Secret>,
    /// `linker`.
    pub linker: LinkerKind,
    /// `platformUrl`.
    pub platform_url: Option<String>,
}

/// What the storage held.
#[derive(Clone, Debug)]
pub enum LoadOutcome {
    /// A record, or none.
    Found(Option<Box<Record>>),
    /// Something that is no record of this version. The driver set it aside under another key.
    Unreadable,
    /// A record of a later version of the SDK. Nothing of it is used, and only a reset replaces it.
    Newer,
    /// There is no storage here. The driver goes on in memory. Holds why.
    Unavailable(String),
    /// The storage can't be read now. What it holds must not be overlooked, so nothing goes on. Holds why.
    Failed(String),
}

/// What came of a write.
#[derive(Clone, Debug)]
pub enum CommitOutcome {
    /// The record is stored.
    Written,
    /// Another tab committed first; this is what the storage holds now.
    Conflict(Option<Box<Record>>),
    /// The storage refused, or did not answer in time. Holds why.
    Failed(String),
}

/// What came of asking for a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockOutcome {
    /// It is held now.
    Acquired,
    /// Another tab holds it.
    Busy,
    /// Another tab is resetting, which excludes it.
    Resetting,
}

/// An answer of the platform, or of something between it and this device.
#[derive(Clone, Debug)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub reply: Reply,
    /// `Retry-After`, in milliseconds.
    pub retry_after_ms: Option<f64>,
    /// How many bytes the bodies of request and answer had.
    pub bytes: f64,
}

/// The body of an answer.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Of a creation.
    User(Box<CreateUserResponse>),
    /// Of a refresh.
    Token(RefreshResponse),
    /// Of a check.
    Config(ConfigResponse),
    /// Of a link.
    Linked(LinkResponse),
    /// Of metadata.
    Metadata(MetadataResponse),
    /// Nothing, or nothing that matters.
    Empty,
    /// The platform's error.
    Error(ErrorBody),
    /// Not what the platform says: a captive portal's page, a proxy's, half a body.
    Unreadable,
}

/// Why no answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportError {
    /// No connection, or the browser refused the answer (CORS).
    Unreachable,
    /// No answer in time.
    TimedOut,
    /// The runtime has no `fetch`, or for a stream none that streams.
    NoFetch,
}
