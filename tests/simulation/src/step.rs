//! The steps of which a schedule is made, and how they read.

use crate::network::{Arrival, Return};
use crate::spoil::Spoil;
use sentiance_core::core::LinkerKind;
use std::fmt;

/// The app's own users.
pub(crate) const PEOPLE: [&str; 2] = ["ada", "bob"];

/// A tab of a device.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct At {
    pub(crate) device: usize,
    pub(crate) tab: usize,
}

/// One step: what happens, and where. Whatever cannot happen when its turn comes is passed over, so that a schedule
/// from which steps were taken out is a schedule still.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Step {
    /// The storage does a tab's oldest job, or fails at it.
    Storage { at: At, fails: bool },
    /// A tab's oldest chore beside the record is done, or fails.
    Chore { at: At, fails: bool },
    /// A tab learns whether it got a lock.
    Lock { at: At },
    /// A tab hears that another one committed.
    Hear { at: At },
    /// A tab becomes the one that records, or the one that follows the platform's events.
    Lead { at: At },
    /// What is new arrives at a tab that follows.
    Push { at: At },
    /// What it follows breaks.
    Cut { at: At },
    /// All that a device can do without the network is done.
    CatchUp { device: usize },
    /// A request meets its fate.
    Arrive { which: usize, arrival: Arrival },
    /// An answer meets its fate.
    Return { which: usize, how: Return },
    /// A linker that was called does what it does.
    Linker { at: At, answer: LinkerAnswer },
    /// Time passes until a tab's next timer.
    Timer { at: At },
    /// Time passes. While devices are offline, what is on its way gets nowhere.
    Wait { ms: u32, online: bool },
    /// The app calls a function.
    Call { at: At, call: AppCall },
    /// A tab dies, and the app opens it again.
    TabDies { at: At },
    /// A device loses its power, and what was written last.
    PowerCut { device: usize },
    /// Something else than the SDK does this to one of a device's stores, under the open tabs.
    Spoil { device: usize, spoil: Spoil },
    /// A device's clock is set.
    SetClock { device: usize, error_ms: i32 },
    /// A page comes back to the front.
    Resume { at: At },
    /// The platform stops, or crashes; it is down until it is started.
    Stop(Stop),
    /// The platform is started.
    Start,
    /// An operator acts.
    Operator(Operator),
    /// Somebody tries a token of a removed install.
    OldToken { which: usize },
    /// A thief uses a refresh token that was exchanged long ago.
    StolenToken { which: usize },
}

/// How the platform stops.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Stop {
    Properly,
    CrashIdle,
    /// While it works on that request: before the commit.
    CrashBeforeCommit {
        which: usize,
    },
    /// While it works on that request: after the commit, before the answer.
    CrashAfterCommit {
        which: usize,
    },
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Operator {
    Disable { who: usize },
    Enable { who: usize },
    Delete { who: usize },
    RevokeKey,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum LinkerAnswer {
    Links { who: usize },
    Fails,
    Never,
}

/// A call of the API, and how the app came by its arguments.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum AppCall {
    /// `createUser` with a code that the backend has just got.
    Create {
        who: usize,
    },
    /// With the code that this device used last.
    CreateAgain,
    /// With the code that another device used last.
    CreateShared {
        other: usize,
    },
    /// With a code that nobody issued.
    CreateInvented,
    /// With a code that has expired.
    CreateExpired,
    /// Without a code.
    CreateUnlinked {
        linker: LinkerKind,
    },
    Token,
    Reset,
    Exists,
    Status,
    Listen {
        on: bool,
    },
    LinkUser,
    LinkByCode {
        who: usize,
    },
    Enable,
    Disable,
    StartTrip,
    StopTrip,
    Drive,
    Metadata {
        key: usize,
    },
    Submit,
}

impl AppCall {
    pub(crate) fn name(self) -> &'static str {
        match self {
            AppCall::Create { .. }
            | AppCall::CreateAgain
            | AppCall::CreateShared { .. }
            | AppCall::CreateInvented
            | AppCall::CreateExpired
            | AppCall::CreateUnlinked { .. } => "createUser",
            AppCall::Token => "requestUserAccessToken",
            AppCall::Reset => "reset",
            AppCall::Exists => "userExists",
            AppCall::Status => "getSdkStatus",
            AppCall::Listen { .. } => "addSdkStatusUpdateListener",
            AppCall::LinkUser => "linkUser",
            AppCall::LinkByCode { .. } => "linkUserWithAuthCode",
            AppCall::Enable => "enableDetections",
            AppCall::Disable => "disableDetections",
            AppCall::StartTrip => "startTrip",
            AppCall::StopTrip => "stopTrip",
            AppCall::Drive => "a position",
            AppCall::Metadata { .. } => "addUserMetadataField",
            AppCall::Submit => "submitDetections",
        }
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "device {}, tab {}", self.device + 1, self.tab + 1)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Step::Storage { at, fails: false } => write!(f, "{at}: the storage does what it was asked"),
            Step::Storage { at, fails: true } => write!(f, "{at}: the storage fails"),
            Step::Chore { at, fails: false } => write!(f, "{at}: what stands beside the record is changed"),
            Step::Chore { at, fails: true } => {
                write!(f, "{at}: what stands beside the record can't be changed")
            }
            Step::Lock { at } => write!(f, "{at}: learns whether it got the lock"),
            Step::Hear { at } => write!(f, "{at}: hears that another tab has committed"),
            Step::Lead { at } => write!(f, "{at}: gets the role that it wants"),
            Step::Push { at } => write!(f, "{at}: hears what is new"),
            Step::Cut { at } => write!(f, "{at}: its stream of events breaks"),
            Step::CatchUp { device } => write!(f, "device {}: does all that it can", device + 1),
            Step::Arrive { which, arrival } => write!(f, "request {}: {arrival}", which + 1),
            Step::Return { which, how } => write!(f, "answer {}: {how}", which + 1),
            Step::Linker { at, answer } => match answer {
                LinkerAnswer::Links { who } => {
                    write!(f, "{at}: the linker links the install to {}", PEOPLE[who])
                }
                LinkerAnswer::Fails => write!(f, "{at}: the linker fails"),
                LinkerAnswer::Never => write!(f, "{at}: the linker never returns"),
            },
            Step::Timer { at } => write!(f, "{at}: time passes until its next timer"),
            Step::Wait { ms, online } => {
                let seconds = f64::from(ms) / 1_000.0;
                write!(f, "{seconds} s pass, {}", if online { "online" } else { "offline" })
            }
            Step::Call { at, call } => match call {
                AppCall::Create { who } => {
                    write!(f, "{at}: the app calls createUser with a new code of {}", PEOPLE[who])
                }
                AppCall::CreateAgain => write!(f, "{at}: the app calls createUser with the same code again"),
                AppCall::CreateShared { other } => {
                    write!(f, "{at}: the app calls createUser with the code of device {}", other + 1)
                }
                AppCall::CreateInvented => write!(f, "{at}: the app calls createUser with an invented code"),
                AppCall::CreateExpired => write!(f, "{at}: the app calls createUser with an expired code"),
                AppCall::CreateUnlinked { linker: LinkerKind::NoOp } => {
                    write!(f, "{at}: the app calls createUser without a code, with NO_OP_LINKER")
                }
                AppCall::CreateUnlinked { .. } => {
                    write!(f, "{at}: the app calls createUser without a code, with a linker")
                }
                AppCall::LinkByCode { who } => {
                    write!(f, "{at}: the app calls linkUserWithAuthCode with a new code of {}", PEOPLE[who])
                }
                AppCall::Listen { on: false } => write!(f, "{at}: the app removes its status listener"),
                AppCall::Drive => write!(f, "{at}: the device is somewhere else"),
                other => write!(f, "{at}: the app calls {}", other.name()),
            },
            Step::TabDies { at } => write!(f, "{at}: dies, and is opened again"),
            Step::PowerCut { device } => {
                write!(f, "device {}: loses its power, and what it wrote last", device + 1)
            }
            Step::Spoil { device, spoil } => write!(f, "device {}: {}", device + 1, spoil.fault().text()),
            Step::SetClock { device, error_ms } => {
                let minutes = f64::from(error_ms) / 60_000.0;
                write!(f, "device {}: its clock is set, {minutes} minutes off", device + 1)
            }
            Step::Resume { at } => write!(f, "{at}: comes to the front"),
            Step::Stop(Stop::Properly) => write!(f, "the platform stops"),
            Step::Stop(Stop::CrashIdle) => write!(f, "the platform crashes"),
            Step::Stop(Stop::CrashBeforeCommit { which }) => {
                write!(f, "the platform crashes while it works on request {}, before the commit", which + 1)
            }
            Step::Stop(Stop::CrashAfterCommit { which }) => {
                write!(f, "the platform crashes while it works on request {}, after the commit", which + 1)
            }
            Step::Start => write!(f, "the platform is started"),
            Step::Operator(operator) => match operator {
                Operator::Disable { who } => write!(f, "an operator disables {}", PEOPLE[who]),
                Operator::Enable { who } => write!(f, "an operator enables {}", PEOPLE[who]),
                Operator::Delete { who } => write!(f, "the app's backend deletes {}", PEOPLE[who]),
                Operator::RevokeKey => write!(f, "an operator revokes the API key"),
            },
            Step::OldToken { .. } => write!(f, "somebody tries a token of a removed install"),
            Step::StolenToken { .. } => write!(f, "a thief uses an old refresh token"),
        }
    }
}

impl fmt::Display for Arrival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Arrival::Acts => "the platform acts",
            Arrival::ActsTwice => "the platform acts, and will get it once more",
            Arrival::Lost => "never arrives",
            Arrival::TooMany => "is answered 429",
            Arrival::TooManyWithPause => "is answered 429, with a pause",
            Arrival::Failure => "is answered 500",
            Arrival::Overload => "is answered 503, with a pause",
            Arrival::PageInsteadOf200 => "is answered 200, with a page",
            Arrival::PageInsteadOf503 => "is answered 503, with a page",
        })
    }
}

impl fmt::Display for Return {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Return::Arrives => "arrives",
            Return::Lost => "is lost",
            Return::Half => "is cut off in the middle",
        })
    }
}
