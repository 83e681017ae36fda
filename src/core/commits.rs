//! The queue of changes to the record: one at a time, by compare-and-set, applied again after a conflict.

use super::change::{Applied, Change, Refusal};
use super::effect::{Effect, Output, Warning};
use super::event::{CallId, CommitOutcome, Ticket};
use super::machine::Core;
use super::record::{Record, User};

/// How often a change is applied again when other tabs commit in between.
const MAX_CONFLICTS: u32 = 8;

/// How many changes may wait.
const MAX_QUEUED: usize = 1_000;

/// Who asked for a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// The creation of this call.
    Creation(CallId),
    /// The refresh of this number.
    Refresh(u32),
    /// The reset of this call.
    Reset(CallId),
    /// The linking of this call.
    Link(CallId),
    /// This call, which asked for detections or against them.
    Detections(CallId),
    /// This call, which chose something.
    Preference(CallId),
    /// The change of a trip with this number.
    Trip(u32),
    /// The job of that number, whose claim a store could not accept.
    Claim(u32),
    /// Nobody waits for it.
    Nobody,
}

/// The changes that are asked for. Bounded, since every conversation asks for one at a time, and every other call asks
/// whether it may.
#[derive(Debug, Default)]
pub(super) struct Commits {
    queue: Vec<(Change, Owner)>,
    current: Option<Current>,
}

#[derive(Debug)]
struct Current {
    ticket: Ticket,
    change: Change,
    owner: Owner,
    next: Box<Record>,
    conflicts: u32,
}

impl Commits {
    /// Asks for a change, to be followed by `next_commit`.
    pub(super) fn push(&mut self, change: Change, owner: Owner) {
        self.queue.push((change, owner));
    }
}

impl Core {
    /// Asks for a change. `owner` is told when it is stored, or can't be.
    pub(super) fn commit(&mut self, change: Change, owner: Owner) {
        self.commits.push(change, owner);
        self.next_commit();
    }

    /// Whether a call may ask for a change, or there are too many before it.
    pub(super) fn may_commit(&self) -> bool {
        self.commits.queue.len() < MAX_QUEUED
    }

    /// Puts the token of `ours` back into the record, where the storage lost it. To be followed by `next_commit`.
    pub(super) fn keep_newest_token(&mut self, ours: Option<User>) {
        if let (Some(ours), Some(stored)) = (ours, &self.record.user)
            && ours.install_id == stored.install_id
            && ours.token.generation > stored.token.generation
        {
            let change = Change::FinishRefresh {
                install_id: ours.install_id,
                parent: stored.token.generation,
                token: ours.token,
                issued_at: ours.issued_at,
                clock_offset: ours.clock_offset,
            };
            self.commits.push(change, Owner::Nobody);
        }
    }

    pub(super) fn next_commit(&mut self) {
        while self.commits.current.is_none() {
            if self.commits.queue.is_empty() {
                return;
            }
            let (change, owner) = self.commits.queue.remove(0);
            self.try_change(change, owner, 0);
        }
    }

    fn try_change(&mut self, change: Change, owner: Owner, conflicts: u32) {
        // A reset that was given up must not remove a user that was created since.
        if matches!(change, Change::Erase) && !self.is_resetting(owner) {
            return;
        }
        match change.apply(&self.record) {
            Applied::Next(next) => {
                let ticket = self.ticket();
                let expected = self.base.clone();
                self.emit(Effect::Commit { ticket, expected, record: next.clone() });
                self.commits.current = Some(Current { ticket, change, owner, next, conflicts });
            }
            Applied::Unchanged => self.changed(owner, Ok(())),
            Applied::Refused(refusal) => self.changed(owner, Err(refusal)),
        }
    }

    pub(super) fn on_committed(&mut self, ticket: Ticket, outcome: CommitOutcome) {
        if self.on_removed(ticket, &outcome) {
            return;
        }
        let Some(current) = self.commits.current.take_if(|current| current.ticket == ticket) else { return };
        let Current { change, owner, next, conflicts, .. } = current;
        match outcome {
            CommitOutcome::Written => {
                self.base = next.stamp();
                self.unsaved = false;
                self.emit(Effect::Announce);
                self.replace_record(&change, next, owner);
            }
            CommitOutcome::Conflict(stored) if conflicts < MAX_CONFLICTS => {
                // What could not be stored before gives way to what another tab could store.
                self.unsaved = false;
                self.adopt(stored);
                self.try_change(change, owner, conflicts + 1);
            }
            CommitOutcome::Conflict(_) => {
                self.write_failed(change, owner, "other tabs keep changing the record");
            }
            CommitOutcome::Failed(why) => self.write_failed(change, owner, &why),
        }
        self.next_commit();
    }

    /// A user that was created, and a token that was refreshed, stay usable in memory. Only a removal must reach the
    /// storage: in memory alone it would bring the user back at the next start.
    fn write_failed(&mut self, change: Change, owner: Owner, why: &str) {
        if matches!(change, Change::Erase) {
            return self.remove_record();
        }
        // Applied again, since this tab may have seen a newer record while the write was under way.
        match change.apply(&self.record) {
            Applied::Next(next) => {
                self.unsaved = true;
                self.emit(Effect::Warn(Warning::write_failed(why)));
                self.replace_record(&change, next, owner);
            }
            Applied::Unchanged => self.changed(owner, Ok(())),
            Applied::Refused(refusal) => self.changed(owner, Err(refusal)),
        }
    }

    fn replace_record(&mut self, change: &Change, next: Box<Record>, owner: Owner) {
        let before = std::mem::replace(&mut self.record, *next);
        if matches!(change, Change::Erase) {
            self.erased(before.user);
        }
        self.changed(owner, Ok(()));
        self.on_record_changed();
    }

    fn changed(&mut self, owner: Owner, result: Result<(), Refusal>) {
        match owner {
            Owner::Creation(call) => self.creation_changed(call, result),
            Owner::Refresh(number) => self.refresh_changed(number, result),
            Owner::Reset(call) => self.reset_changed(call),
            Owner::Link(call) => self.link_changed(call, result),
            Owner::Detections(call) => self.detections_changed(call),
            Owner::Preference(call) => self.settle(call, Ok(Output::Nothing)),
            Owner::Trip(number) => self.trip_changed(number, result),
            Owner::Claim(number) => self.claim_decided(number, result),
            Owner::Nobody => {}
        }
    }
}
