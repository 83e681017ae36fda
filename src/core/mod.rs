//! The pure state machine: `(state, input) → (state, effects)`.
//!
//! It does no I/O, reads no clock, draws no random numbers and knows no JavaScript type, so every interleaving of
//! calls, responses, timers and tabs can be replayed natively. The driver performs the effects and brings back what
//! came of them as events.
//!
//! | file | job |
//! |---|---|
//! | `machine` | the state, and the one door: [`Core::handle`] |
//! | `event`, `effect` | what goes in, what comes out |
//! | `calls` | the calls of the API that need no conversation |
//! | `creation`, `link`, `refresh`, `reset`, `check`, `follow`, `upload` | one conversation each |
//! | `upload_schedule`, `upload_refusal` | when what is queued is sent, and who waits for it; what is refused for good |
//! | `meaning`, `reply` | what a response is, and what an error means |
//! | `recording`, `trips` | detections: what is recorded, and when |
//! | `documents`, `metadata`, `usage` | what is stored beside the record |
//! | `commits` | the queue of changes to the record, and compare-and-set |
//! | `record`, `change` | what is stored, and every way it may change |
//! | `options` | what `initialize` and the page name, judged against the user that is there |
//! | `soundness` | what a stored record must hold to be trusted |
//! | `status`, `activity`, `error`, `motion`, `queue`, `surroundings` | values |
//! | `retry`, `platform_url`, `preferences`, `settings` | rules and choices |

mod activity;
mod calls;
mod change;
mod check;
mod claim;
mod commits;
mod creation;
mod documents;
mod effect;
mod error;
mod event;
mod follow;
mod link;
mod machine;
mod meaning;
mod metadata;
mod motion;
mod options;
mod platform_url;
mod preferences;
mod queue;
mod record;
mod recording;
mod refresh;
mod reply;
mod reset;
mod retry;
mod settings;
mod soundness;
mod status;
mod surroundings;
mod trips;
mod upload;
mod upload_refusal;
mod upload_schedule;
mod usage;

pub use activity::{Fix, UserActivity};
pub use claim::{Claim, SideStore};
pub use effect::{
    Body, Edit, Effect, LockName, Method, Output, Request, Role, Timer, UserAccessToken, UserInfo, Warning,
};
pub use error::{Code, Reason, SdkError};
pub use event::{
    Call, CallId, CommitOutcome, CreateUserOptions, Document, EditFailure, Entropy, Event, Extent, Input,
    LinkerKind, LoadOutcome, LockOutcome, Measure, Quota, Reply, Response, Ticket, Topic, TransportError,
};
pub use machine::{Core, InitState};
pub use metadata::{Metadata, MetadataEdit, StoredEntry};
pub use motion::MotionWindow;
pub use options::{InitializeOptions, StorageChoice};
pub use platform_url::{DEFAULT_PLATFORM_URL, PlatformUrl};
pub use preferences::{DataType, Preference, Preferences};
pub use queue::{Addition, Batch, QueueFailure, QueueOutcome, QueueState};
pub use record::{Detections, OngoingTrip, Pending, RECORD_VERSION, Record, Stamp, User, UserState};
pub use settings::{Identity, Settings, Timeouts};
pub use status::{SdkStatus, StatusValue};
pub use surroundings::{LocationAccess, Surroundings};
pub use usage::{DayUsage, Usage, UsageEdit};
