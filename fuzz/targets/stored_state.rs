//! What a device finds in its storage: three lines of JSON, the record, the metadata and the transferred bytes. The SDK
//! starts with whatever it can read of them, and every call comes to its end.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use sentiance_core::core::{Call, Measure, Metadata, Quota, RECORD_VERSION, Record, Usage};
use sentiance_fuzz::{
    device::{Device, Stored},
    json,
};
use sentiance_protocol::{Message, MetadataEntry};

fuzz_target!(|text: &str| -> Corpus {
    let mut lines = text.split('\n');
    let record: Option<Record> = read(lines.next());
    let record = record.filter(|record| record.version == RECORD_VERSION && record.is_sound());
    let stored = Stored {
        record,
        metadata: read::<Metadata>(lines.next()).unwrap_or_default(),
        usage: read::<Usage>(lines.next()).unwrap_or_default(),
    };
    if stored.record.is_none() {
        return Corpus::Reject;
    }
    let mut device = Device::new(stored, None);
    let entry = MetadataEntry { key: "a".to_owned(), value: Some("b".to_owned()) };
    for call in [
        Call::EnsureInitialized,
        Call::GetSdkStatus,
        Call::GetUserId,
        Call::GetTransmittableDataTypes,
        Call::GetQuota(Quota::WiFi, Measure::Usage),
        Call::GetQuota(Quota::Disk, Measure::Limit),
        Call::RequestUserAccessToken,
        Call::ChangeMetadata(vec![entry.clone()]),
        Call::EnableDetections(None),
        Call::StartTrip { metadata: vec![entry.clone()], transport_mode: Some(1) },
        Call::AddTripMetadata(vec![entry]),
        Call::StopTrip,
        Call::Reset,
        Call::UserExists,
    ] {
        device.call(call);
    }
    Corpus::Keep
});

fn read<T: Message>(line: Option<&str>) -> Option<T> {
    line.and_then(json::parse).and_then(|parsed| T::read(&parsed))
}
