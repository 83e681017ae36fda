//! The order among the stores. The record alone says whose device this is. Documents and queue remember in whose name,
//! and in which epoch of the record, they were last used, so that a tab which has not heard of a later user changes
//! nothing of theirs. But each store can be lost or restored alone: what they remember may be of a record that is gone.
//! So they decide nothing. They say which epoch they know, and the record is raised above it by compare-and-set, which
//! succeeds only where the record is still the claimant's; then the job is repeated.

use super::change::{Change, Refusal};
use super::commits::Owner;
use super::effect::{Edit, Effect, Warning};
use super::error::{Code, Reason, SdkError};
use super::event::EditFailure;
use super::machine::Core;
use super::metadata::MetadataEdit;
use super::record::Record;

/// How often one job is repeated. Once is enough, unless other tabs raise the epoch at the same time.
const MAX_TRIES: u32 = 4;
/// The highest epoch that a store can have come to. What is higher was damaged, and counts as none.
const HIGHEST_EPOCH: u32 = 1 << 30;
const LATE: &str = "Another user has come to this device, or a reset came in between; nothing was changed.";

/// In whose name a document or the queue is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The install of the user, as the tab knows it; `None` where it knows of none.
    pub install_id: Option<String>,
    /// The record's epoch, as the tab knows it.
    pub epoch: u32,
    /// How often the job was repeated.
    pub(crate) tries: u32,
}

impl Claim {
    /// A first claim.
    pub fn new(install_id: Option<String>, epoch: u32) -> Claim {
        Claim { install_id, epoch, tries: 0 }
    }

    /// Whether a store that was last used by `owner` in the epoch `known` must not take this claim for the newer one.
    /// Then this is the epoch that it knows.
    pub fn superseded_by(&self, owner: Option<&str>, known: u32) -> Option<u32> {
        let is_late = self.install_id.as_deref() != owner && self.epoch <= known;
        (is_late && known <= HIGHEST_EPOCH).then_some(known)
    }

    /// What a store remembers that knew `known`, and has accepted this claim.
    pub fn raised(&self, known: u32) -> u32 {
        if known <= HIGHEST_EPOCH { known.max(self.epoch) } else { self.epoch }
    }
}

/// One of the stores beside the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SideStore {
    /// The queue of detections.
    Queue,
    /// The documents.
    Documents,
}

impl Record {
    /// The same of a store that is empty, and remembers nothing: beside it is this record.
    pub fn superseding(&self, claim: &Claim) -> Option<u32> {
        claim.superseded_by(self.user.as_ref().map(|user| user.install_id.as_str()), self.epoch)
    }
}

impl Effect {
    fn claim_mut(&mut self) -> Option<&mut Claim> {
        match self {
            Effect::Enqueue(_, addition) => Some(&mut addition.claim),
            Effect::TakeBatch { claim, .. } | Effect::Clear { claim, .. } => Some(claim),
            Effect::Edit(_, Edit::Metadata(claim, _)) => Some(claim),
            _ => None,
        }
    }
}

impl Core {
    /// The claim of the user that this tab knows.
    pub(super) fn claim(&self) -> Claim {
        Claim::new(self.install_id().cloned(), self.record.epoch)
    }

    /// A store knows a later epoch, and another owner, than the claim of that job.
    pub(super) fn on_superseded(&mut self, epoch: u32, mut job: Box<Effect>) {
        let Some(claim) = job.claim_mut() else { return };
        let change = Change::Overtake { install_id: claim.install_id.clone(), epoch };
        let number = self.ticket().0;
        self.superseded.push((number, job));
        self.commit(change, Owner::Claim(number));
    }

    /// The record was raised above what the store knew, or is another's.
    pub(super) fn claim_decided(&mut self, number: u32, result: Result<(), Refusal>) {
        let Some(at) = self.superseded.iter().position(|(other, _)| *other == number) else { return };
        let (_, mut job) = self.superseded.remove(at);
        let newest = self.claim();
        // What was set without a user is the next one's, who may have come meanwhile.
        let passes_on = matches!(&*job, Effect::Edit(_, Edit::Metadata(claim, edit))
            if claim.install_id.is_none() && !matches!(edit, MetadataEdit::Acknowledge(_) | MetadataEdit::Recount(_)));
        let Some(claim) = job.claim_mut() else { return };
        claim.tries += 1;
        if (result.is_err() && !passes_on) || claim.tries > MAX_TRIES {
            return self.refuse_claim(*job);
        }
        *claim = Claim { tries: claim.tries, ..newest };
        self.emit(*job);
    }

    /// Nothing was done; the waiting call is rejected.
    fn refuse_claim(&mut self, job: Effect) {
        match job {
            Effect::Enqueue(ticket, _) => {
                if let Some(Some(waiting)) = self.end_addition(ticket) {
                    self.settle(waiting.call, Err(SdkError::late(waiting.code)));
                }
            }
            Effect::TakeBatch { ticket, .. } => self.on_batch(ticket, Err(LATE.to_owned())),
            Effect::Edit(ticket, _) => self.on_edited(ticket, Err(EditFailure::Late)),
            // A later user's start has had the store emptied of what was left.
            Effect::Clear { ticket, .. } => self.on_cleared(ticket, Ok(())),
            _ => {}
        }
    }

    /// Removes from the stores beside the record what earlier users left; `all`, also what was set without one.
    pub(super) fn clear_stores(&mut self, all: bool) {
        for store in [SideStore::Queue, SideStore::Documents] {
            let ticket = self.ticket();
            self.clearing.push(ticket);
            let claim = Claim::new(None, self.record.epoch);
            self.emit(Effect::Clear { ticket, store, claim, all });
        }
    }

    /// Whether a store is being cleared.
    pub(super) fn is_clearing(&self) -> bool {
        !self.clearing.is_empty()
    }

    /// A store was cleared, or could not be: then this is tried again at the next start or creation.
    pub(super) fn on_cleared(&mut self, ticket: super::event::Ticket, outcome: Result<(), String>) {
        let Some(at) = self.clearing.iter().position(|other| *other == ticket) else { return };
        self.clearing.remove(at);
        if let Err(why) = outcome
            && self.reset.is_some()
        {
            self.emit(Effect::Warn(Warning::not_cleared(&why)));
        }
        if !self.is_clearing() {
            self.reset_cleared();
            self.creation_cleared();
        }
    }
}

impl SdkError {
    /// What the call was about belongs to a user who is gone.
    pub(super) fn late(code: Code) -> Self {
        SdkError::new(code, Reason::SdkResetInProgress, LATE)
    }
}
