//! What a run has gone through: which faults were injected, and which outcomes occurred. A kind that never occurs means
//! that the simulation has stopped looking for what it was made for, so that is a failure, too.

use std::fmt;

macro_rules! kinds {
    ($(#[doc = $type_doc:literal])+ $type:ident { $( $variant:ident = $text:literal, )+ }) => {
        $(#[doc = $type_doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[expect(missing_docs, reason = "each has its text")]
        pub enum $type { $($variant),+ }

        impl $type {
            /// All of them.
            pub const ALL: &'static [$type] = &[$($type::$variant),+];

            /// In words.
            pub fn text(self) -> &'static str {
                match self { $($type::$variant => $text),+ }
            }
        }
    };
}

kinds! {
    /// Something that goes wrong, or that is done to the world.
    Fault {
        LostRequest = "requests lost on the way",
        Refused = "connections refused while the platform was down",
        LostAnswer = "answers lost after the platform had acted",
        HalfAnswer = "answers cut off in the middle",
        Duplicated = "requests that arrived twice",
        Reordered = "answers that overtook others",
        Silence = "requests that timed out",
        TooMany = "429 without Retry-After",
        TooManyWithPause = "429 with Retry-After",
        Failure = "500",
        Overload = "503 with Retry-After",
        PageInsteadOf200 = "HTML pages with 200",
        PageInsteadOf503 = "HTML pages with 503",
        Restart = "restarts of the platform",
        CrashIdle = "crashes of the platform between two requests",
        CrashBeforeCommit = "crashes of the platform in the middle of a transaction",
        CrashAfterCommit = "crashes of the platform after the commit, before the answer",
        FailedWrite = "storage writes that failed",
        FailedRead = "storage reads that failed",
        FailedChore = "failures of what is stored beside the record",
        PowerCut = "power cuts of a device, with its last writes lost",
        RecordEmptied = "records emptied from outside",
        RecordCutOff = "records cut off",
        RecordRestored = "records restored to an older copy",
        MetadataEmptied = "documents of metadata emptied from outside",
        MetadataCutOff = "documents of metadata cut off",
        MetadataRestored = "documents of metadata restored to an older copy",
        UsageEmptied = "counts of bytes emptied from outside",
        UsageCutOff = "counts of bytes cut off",
        UsageRestored = "counts of bytes restored to an older copy",
        QueueEmptied = "queues emptied from outside",
        QueueCutOff = "queues cut off",
        QueueRestored = "queues restored to an older copy",
        TabDeath = "tabs that died and came back",
        ClockStep = "steps of a device's clock",
        LostAnnouncement = "tabs that closed with an announcement unheard",
        StreamCut = "streams of events that broke",
        KeyRevoked = "API keys revoked",
        UserDisabled = "users disabled",
        UserEnabled = "users enabled",
        UserDeleted = "users deleted",
        WrongCode = "wrong codes",
        ExpiredCode = "expired codes",
        SharedCode = "codes used on a second device",
        OldToken = "tokens of removed installs tried",
        StolenToken = "old refresh tokens used by a thief",
    }
}

kinds! {
    /// What can come of it.
    Outcome {
        Created = "users created by code",
        CreatedUnlinked = "users created without a code",
        Restored = "users restored on another install",
        Displaced = "active installs displaced",
        YieldedToPhone = "tablets that yielded to an active phone",
        RepeatedCreation = "creations answered again after a lost answer",
        Refreshed = "sessions refreshed",
        RepeatedRefresh = "refreshes answered again after a lost answer",
        RefreshTokenUsed = "refresh tokens refused as used",
        TokenReuse = "sessions ended for the reuse of a token",
        CodeRefused = "codes refused",
        Linked = "users linked by the app's backend",
        Moved = "installs that were linked to a user who was known",
        LinkedByCode = "users linked by code",
        Goodbye = "installs that said goodbye",
        ToldInactive = "devices told that another took over",
        StreamOpened = "streams of events opened",
        Pushed = "changes pushed to a device",
        ToldRefused = "devices refused without a reason",
        ToldDisabled = "devices told that the user is disabled",
        ToldDeleted = "devices told that the user was deleted",
        ToldEnded = "devices told that the session is over",
        Conflict = "commits that met another tab's",
        Warned = "warnings that something lives in memory only",
        DeadlinePassed = "calls ended by their deadline",
        Reset = "resets",
        Uploaded = "uploads taken in",
        UploadRepeated = "uploads taken in again without effect",
        StatusTold = "changes of the status told to listeners",
    }
}

/// The counts of a run.
#[derive(Clone, Debug)]
pub struct Tally {
    /// How many seeds.
    pub seeds: u64,
    /// How many steps.
    pub steps: u64,
    /// How many requests the platform answered.
    pub requests: u64,
    faults: Vec<u64>,
    outcomes: Vec<u64>,
}

impl Default for Tally {
    fn default() -> Self {
        Tally {
            seeds: 0,
            steps: 0,
            requests: 0,
            faults: vec![0; Fault::ALL.len()],
            outcomes: vec![0; Outcome::ALL.len()],
        }
    }
}

impl Tally {
    pub(crate) fn of_one_seed() -> Self {
        Tally { seeds: 1, ..Tally::default() }
    }

    pub(crate) fn fault(&mut self, fault: Fault) {
        self.faults[fault as usize] += 1;
    }

    pub(crate) fn outcome(&mut self, outcome: Outcome) {
        self.outcomes[outcome as usize] += 1;
    }

    /// Adds another run's.
    pub fn add(&mut self, other: &Tally) {
        self.seeds += other.seeds;
        self.steps += other.steps;
        self.requests += other.requests;
        for (sum, count) in self.faults.iter_mut().zip(&other.faults) {
            *sum += count;
        }
        for (sum, count) in self.outcomes.iter_mut().zip(&other.outcomes) {
            *sum += count;
        }
    }

    /// How often something went wrong.
    pub fn injected(&self) -> u64 {
        self.faults.iter().sum()
    }

    /// What never occurred.
    pub fn missing(&self) -> Vec<&'static str> {
        let faults = Fault::ALL.iter().filter(|fault| self.faults[**fault as usize] == 0);
        let outcomes = Outcome::ALL.iter().filter(|outcome| self.outcomes[**outcome as usize] == 0);
        faults.map(|fault| fault.text()).chain(outcomes.map(|outcome| outcome.text())).collect()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seeds, steps, requests) = (self.seeds, self.steps, self.requests);
        writeln!(f, "{seeds} seeds, {steps} steps, {requests} requests, {} faults", self.injected())?;
        writeln!(f, "faults:")?;
        for fault in Fault::ALL {
            writeln!(f, "{:>10}  {}", self.faults[*fault as usize], fault.text())?;
        }
        writeln!(f, "outcomes:")?;
        for outcome in Outcome::ALL {
            writeln!(f, "{:>10}  {}", self.outcomes[*outcome as usize], outcome.text())?;
        }
        Ok(())
    }
}
