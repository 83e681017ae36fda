//! What must hold, whatever happens.

use std::fmt;

/// What must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invariant {
    /// One user per external id.
    OneUser,
    /// At most one active install per user.
    OneActiveInstall,
    /// The newest device is the active one, but a tablet never displaces an active phone.
    PhoneRule,
    /// A device shows no user that its stored record does not have after a restart, unless it warned.
    ShownIsStored,
    /// No call stays pending past its deadline.
    Deadlines,
    /// No session ends without the platform's word, and the platform's word has a cause.
    SessionsLast,
    /// No user leaves a device but by a reset of the app.
    UsersStay,
    /// A code is consumed once.
    CodesOnce,
    /// The tokens of a removed install never work.
    RemovedIsRemoved,
    /// At rest, a fresh code creates a user.
    FreshCodesWork,
    /// At rest, the active install gets a token that works.
    RefreshWorks,
    /// At rest, each device knows what the platform says of it.
    TruthArrives,
    /// What was queued arrives, and takes effect once.
    EffectOnce,
    /// A reset leaves nothing of any user, and the next one is recorded.
    ResetsAreWhole,
    /// The platform does what it is asked to, and nothing else.
    NothingElse,
    /// Nothing panics, and the platform never fails by itself.
    NoPanic,
}

impl Invariant {
    /// All of them.
    pub const ALL: [Invariant; 16] = [
        Invariant::OneUser,
        Invariant::OneActiveInstall,
        Invariant::PhoneRule,
        Invariant::ShownIsStored,
        Invariant::Deadlines,
        Invariant::SessionsLast,
        Invariant::UsersStay,
        Invariant::CodesOnce,
        Invariant::RemovedIsRemoved,
        Invariant::FreshCodesWork,
        Invariant::RefreshWorks,
        Invariant::TruthArrives,
        Invariant::EffectOnce,
        Invariant::ResetsAreWhole,
        Invariant::NothingElse,
        Invariant::NoPanic,
    ];

    /// As a sentence.
    pub fn text(self) -> &'static str {
        match self {
            Invariant::OneUser => "one user per external id",
            Invariant::OneActiveInstall => "at most one active install per user",
            Invariant::PhoneRule => {
                "the newest device is active, but a tablet never displaces an active phone"
            }
            Invariant::ShownIsStored => "no device shows a user that is not stored, unless it warned",
            Invariant::Deadlines => "no call stays pending past its deadline",
            Invariant::SessionsLast => "no session ends without the platform's word",
            Invariant::UsersStay => "no user leaves a device but by a reset",
            Invariant::CodesOnce => "a code is consumed once",
            Invariant::RemovedIsRemoved => "the tokens of a removed install never work",
            Invariant::FreshCodesWork => "at rest, a fresh code creates a user",
            Invariant::RefreshWorks => "at rest, the active install gets a token that works",
            Invariant::TruthArrives => "at rest, each device knows what the platform says of it",
            Invariant::EffectOnce => "what was queued arrives, and takes effect once",
            Invariant::ResetsAreWhole => "a reset leaves nothing, and the next user is recorded",
            Invariant::NothingElse => "the platform does what it is asked to, and nothing else",
            Invariant::NoPanic => "nothing panics, and the platform never fails by itself",
        }
    }
}

/// What did not hold.
#[derive(Clone, Debug)]
pub struct Violation {
    /// Which invariant.
    pub invariant: Invariant,
    /// What was seen instead.
    pub details: String,
}

impl Violation {
    pub(crate) fn new(invariant: Invariant, details: impl Into<String>) -> Self {
        Violation { invariant, details: details.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "violated: {}\n  {}", self.invariant.text(), self.details)
    }
}
