//! The documents beside the record: the user's metadata, and the bytes that were transferred. Both are read at start,
//! and changed by edits that the driver applies to what is stored at that moment.

use super::effect::{Edit, Effect, Output, Warning};
use super::error::{Code, Reason, SdkError};
use super::event::{CallId, Document, EditFailure, Measure, Quota, Ticket};
use super::machine::Core;
use super::metadata::{self, Metadata, MetadataEdit};
use super::usage::{Usage, UsageEdit};
use sentiance_protocol::{DISK_QUOTA_BYTES, MOBILE_QUOTA_BYTES, MetadataEntry, WIFI_QUOTA_BYTES};

/// How many edits may wait.
const MAX_EDITS: usize = 1_000;
/// How much may be transferred before it is written down, in bytes: what a tab that dies forgets.
const UNWRITTEN_BYTES: f64 = 16.0 * 1024.0;

/// The documents, as this tab knows them.
#[derive(Debug, Default)]
pub(super) struct Documents {
    pub(super) metadata: Metadata,
    usage: Usage,
    /// What was transferred and is not written down.
    unwritten: UsageEdit,
    edits: Vec<(Ticket, Option<CallId>)>,
}

impl Documents {
    /// What is left of them when the user is gone: the edits that are under way.
    pub(super) fn after(before: &Documents) -> Documents {
        Documents { edits: before.edits.clone(), ..Documents::default() }
    }
}

impl Core {
    /// Whether a call may ask for an edit, or there are too many before it.
    pub(super) fn may_edit(&self) -> bool {
        self.documents.edits.len() < MAX_EDITS
    }

    /// The install of the user of this device.
    pub(super) fn install_id(&self) -> Option<&String> {
        self.record.user.as_ref().map(|user| &user.install_id)
    }

    /// Reads both.
    pub(super) fn read_documents(&mut self) {
        self.edit_metadata(MetadataEdit::Read, None);
        self.edit(Edit::Usage(UsageEdit::default()), None);
    }

    /// Reads or changes the metadata of the user that this tab knows.
    pub(super) fn edit_metadata(&mut self, edit: MetadataEdit, waiter: Option<CallId>) -> Ticket {
        self.edit(Edit::Metadata(self.claim(), edit), waiter)
    }

    fn edit(&mut self, edit: Edit, waiter: Option<CallId>) -> Ticket {
        let ticket = self.ticket();
        self.documents.edits.push((ticket, waiter));
        self.emit(Effect::Edit(ticket, edit));
        ticket
    }

    pub(super) fn change_metadata(&mut self, call: CallId, entries: Vec<MetadataEntry>) {
        if let Err(why) = metadata::check(&entries) {
            return self.settle(call, Err(SdkError::invalid(why)));
        }
        self.edit_metadata(MetadataEdit::Change(entries), Some(call));
    }

    pub(super) fn on_edited(&mut self, ticket: Ticket, outcome: Result<Document, EditFailure>) {
        let Some(at) = self.documents.edits.iter().position(|(other, _)| *other == ticket) else { return };
        let (_, waiter) = self.documents.edits.remove(at);
        let settled = match outcome {
            Ok(Document::Metadata(metadata)) => {
                // Else another user has come, or gone, while it was on its way.
                if metadata.is_of(self.install_id()) {
                    self.documents.metadata = metadata;
                }
                self.metadata_changed(ticket);
                Ok(Output::Nothing)
            }
            Ok(Document::Usage(usage)) => {
                self.documents.usage = usage;
                Ok(Output::Nothing)
            }
            Err(EditFailure::Refused(why)) => Err(SdkError::invalid(why)),
            Err(EditFailure::Late | EditFailure::Superseded(_)) => {
                self.upload_storage_failed(ticket, "Another user has come.");
                Err(SdkError::late(Code::Unexpected))
            }
            Err(EditFailure::Storage(why)) => Err(self.edit_failed(ticket, &why, true)),
            Err(EditFailure::TooLong(why)) => Err(self.edit_failed(ticket, &why, false)),
        };
        if let Some(call) = waiter {
            self.settle(call, settled);
        }
    }

    fn edit_failed(&mut self, ticket: Ticket, why: &str, retryable: bool) -> SdkError {
        // The same as of the record, which is beside it: said once.
        self.emit(Effect::Warn(Warning::write_failed(why)));
        self.upload_storage_failed(ticket, why);
        let cause = match retryable {
            true => "failed: ",
            false => "takes no text of this length: ",
        };
        let details = ["Nothing was changed, since the storage ", cause, why].concat();
        SdkError { retryable, ..SdkError::new(Code::Unexpected, Reason::UnexpectedError, details) }
    }

    /// Bytes went over the network.
    pub(super) fn count_transfer(&mut self, bytes: f64) {
        let unwritten = &mut self.documents.unwritten;
        unwritten.now = self.now;
        if self.surroundings.is_mobile_network {
            unwritten.mobile += bytes;
        } else {
            unwritten.wifi += bytes;
        }
        if unwritten.wifi + unwritten.mobile > UNWRITTEN_BYTES {
            self.write_usage();
        }
    }

    /// Writes down what was transferred.
    pub(super) fn write_usage(&mut self) {
        let edit = std::mem::take(&mut self.documents.unwritten);
        if self.documents.usage.apply(&edit) {
            self.edit(Edit::Usage(edit), None);
        }
    }

    /// One side of a quota, in bytes.
    pub(super) fn quota(&self, quota: Quota, measure: Measure) -> f64 {
        let (unwritten, usage) = (&self.documents.unwritten, &self.documents.usage);
        match (quota, measure) {
            (Quota::WiFi, Measure::Usage) => usage.wifi(self.now) + unwritten.wifi,
            (Quota::Mobile, Measure::Usage) => usage.mobile(self.now) + unwritten.mobile,
            (Quota::Disk, Measure::Usage) => self.queue.bytes,
            (_, Measure::Limit) => {
                let config = self.record.user.as_ref().map(|user| &user.config);
                f64::from(match quota {
                    Quota::WiFi => {
                        config.and_then(|config| config.wifi_quota_bytes).unwrap_or(WIFI_QUOTA_BYTES)
                    }
                    Quota::Mobile => {
                        config.and_then(|config| config.mobile_quota_bytes).unwrap_or(MOBILE_QUOTA_BYTES)
                    }
                    Quota::Disk => {
                        config.and_then(|config| config.disk_quota_bytes).unwrap_or(DISK_QUOTA_BYTES)
                    }
                })
            }
        }
    }

    /// `OK`, `WARNING` or `EXCEEDED`.
    pub(super) fn quota_status(&self, quota: Quota) -> &'static str {
        let usage = self.quota(quota, Measure::Usage);
        let mut limit = self.quota(quota, Measure::Limit);
        if quota == Quota::Disk {
            // What the browser still gives may be less.
            limit = limit.min(self.surroundings.free_bytes.map_or(limit, |free| usage + free));
        }
        let refused = quota == Quota::Disk && self.queue_refused;
        if refused || usage >= limit {
            "EXCEEDED"
        } else if usage > limit * 0.9 {
            "WARNING"
        } else {
            "OK"
        }
    }

    /// Whether more can be stored.
    pub(super) fn has_room(&self) -> bool {
        self.quota_status(Quota::Disk) != "EXCEEDED"
    }
}
