//! Variants that are broken on purpose: each expresses a bug that could be, at a seam where it can be put in from
//! outside. The simulation must catch each of them.

use crate::invariant::Invariant;
use sentiance_core::core::Timer;

/// A bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// The platform creates where it should restore.
    CreatesInsteadOfRestoring,
    /// The platform does not deactivate the other installs.
    DeactivatesNobody,
    /// A tablet says that it is a desktop.
    TabletInDisguise,
    /// The storage says that it has written, and has not.
    StorageForgets,
    /// The driver loses a timer: the deadline of `createUser`.
    LosesDeadline,
    /// The driver takes any page that says 503 for the end of the session.
    BelievesAnyPage,
    /// The driver lets a record without a user replace one with a user.
    StorageDoesNotCompare,
    /// The storage loses the user when another tab writes.
    UserFallsOut,
    /// The platform leaves a consumed code good.
    CodeStaysGood,
    /// The platform does not hear a goodbye. Nobody looks into its tables, or that would be seen first.
    GoodbyeUnheard,
    /// The driver never gives a lock back.
    KeepsLocks,
    /// The platform revokes what it has just issued in exchange for a refresh token.
    RevokesWhatItIssues,
    /// The driver can't read what the platform says of the install's state.
    DeafToState,
    /// The platform takes in twice what is sent twice.
    CountsTwice,
    /// The platform deletes a user who is only disabled.
    DeletesTheDisabled,
    /// The platform fails when a user is restored.
    FailsToRestore,
    /// A store beside the record decides by the epoch that it remembers, and says that all is done.
    StoreDecides,
    /// The driver says that a store is cleared before it has cleared it.
    ResetDoesNotWait,
}

impl Broken {
    /// All of them, with the invariant by which each is caught. A bug can break more than one, so there can be others
    /// that see it first.
    pub const ALL: [(Broken, &'static [Invariant]); 18] = [
        (Broken::CreatesInsteadOfRestoring, &[Invariant::OneUser]),
        (Broken::DeactivatesNobody, &[Invariant::OneActiveInstall]),
        (Broken::TabletInDisguise, &[Invariant::PhoneRule]),
        (Broken::StorageForgets, &[Invariant::ShownIsStored]),
        (Broken::LosesDeadline, &[Invariant::Deadlines]),
        (Broken::BelievesAnyPage, &[Invariant::SessionsLast]),
        (
            Broken::StorageDoesNotCompare,
            &[Invariant::UsersStay, Invariant::SessionsLast, Invariant::TruthArrives],
        ),
        (Broken::UserFallsOut, &[Invariant::UsersStay]),
        (Broken::CodeStaysGood, &[Invariant::CodesOnce]),
        (Broken::GoodbyeUnheard, &[Invariant::RemovedIsRemoved]),
        (Broken::KeepsLocks, &[Invariant::FreshCodesWork]),
        (Broken::RevokesWhatItIssues, &[Invariant::RefreshWorks]),
        (Broken::DeafToState, &[Invariant::TruthArrives]),
        (Broken::CountsTwice, &[Invariant::EffectOnce]),
        (Broken::DeletesTheDisabled, &[Invariant::NothingElse]),
        (Broken::FailsToRestore, &[Invariant::NoPanic]),
        (Broken::StoreDecides, &[Invariant::ResetsAreWhole, Invariant::EffectOnce]),
        (Broken::ResetDoesNotWait, &[Invariant::ResetsAreWhole]),
    ];

    /// How the platform's tables are changed for it.
    pub(crate) fn sql(self) -> &'static str {
        match self {
            Broken::CreatesInsteadOfRestoring => {
                "create trigger broken before insert on users when new.external_id is not null begin
                     update users set external_id = null
                     where app_id = new.app_id and external_id = new.external_id;
                 end"
            }
            Broken::DeactivatesNobody => {
                // The statements name this index, so it stays, but no longer guards the rule.
                "drop index installs_one_active;
                 create index installs_one_active on installs (app_id, user_id) where status = 'active';
                 create trigger broken before update of status on installs when new.status = 'inactive' begin
                     select raise(ignore);
                 end"
            }
            Broken::CodeStaysGood => {
                "create trigger broken after update of consumed_at on authentication_codes begin
                     update authentication_codes set consumed_at = null
                     where app_id = new.app_id and hash = new.hash and consumed_at is not null;
                 end"
            }
            Broken::GoodbyeUnheard => {
                "create trigger broken before update of status on installs when new.end_reason = 'reset' begin
                     select raise(ignore);
                 end"
            }
            Broken::RevokesWhatItIssues => {
                "create trigger broken after insert on token_pairs when exists (
                     select 1 from token_pairs
                     where app_id = new.app_id and install_id = new.install_id and status = 'exchanged')
                 begin
                     update token_pairs set access_hash = zeroblob(32), refresh_hash = zeroblob(32)
                     where app_id = new.app_id and install_id = new.install_id and generation = new.generation;
                 end"
            }
            Broken::CountsTwice => {
                "create trigger broken before insert on trips when exists (
                     select 1 from trips
                     where app_id = new.app_id and user_id = new.user_id and detection_id = new.detection_id)
                 begin
                     insert or ignore into trips (app_id, user_id, detection_id, install_id, time, content, dated)
                     values (new.app_id, new.user_id, substr(new.detection_id || 'x', 2), new.install_id, new.time,
                         new.content, new.dated);
                 end"
            }
            Broken::DeletesTheDisabled => {
                "create trigger broken after update of disabled_at on users when new.disabled_at is not null begin
                     delete from users where app_id = new.app_id and user_id = new.user_id;
                 end"
            }
            Broken::FailsToRestore => {
                "create trigger broken before update of status on installs when new.status = 'inactive' begin
                     select raise(abort, 'broken');
                 end"
            }
            _ => "",
        }
    }

    /// The timer that the driver loses.
    pub(crate) fn lost_timer(self) -> Option<Timer> {
        (self == Broken::LosesDeadline).then_some(Timer::CreationDeadline)
    }
}
