//! What comes back from the network: a line with the call, the status and `Retry-After`, then the body. Whoever sent it,
//! every call comes to its end, and the SDK can read what it stores.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use sentiance_core::core::{Call, RECORD_VERSION, Record};
use sentiance_fuzz::{
    device::{Answer, Device, Stored},
    json,
};
use sentiance_protocol::{Message, Secret};

const RECORD: &str = include_str!("../corpus/stored_state/user");

fuzz_target!(|text: &str| -> Corpus {
    let Some((head, body)) = text.split_once('\n') else { return Corpus::Reject };
    let mut words = head.split(' ');
    let (Some(call), Some(Ok(status))) = (words.next(), words.next().map(str::parse::<u16>)) else {
        return Corpus::Reject;
    };
    // The driver hands on finite, positive times only.
    let retry_after_ms = words.next().and_then(|word| word.parse().ok());
    let retry_after_ms = retry_after_ms.filter(|ms: &f64| ms.is_finite()).map(|ms| ms.max(0.0));
    let answer = Answer { status, retry_after_ms, body };
    let record = RECORD.lines().next().and_then(json::parse).and_then(|parsed| Record::read(&parsed));
    let with_user = Stored { record, ..Stored::default() };
    assert!(with_user.record.as_ref().is_some_and(|record| record.version == RECORD_VERSION));
    let mut device = Device::new(if call == "create" { Stored::default() } else { with_user }, Some(answer));
    match call {
        "create" => device.create_user(),
        "token" => device.call(Call::RequestUserAccessToken),
        "link" => device.call(Call::LinkUserWithAuthCode(Secret::new("c".repeat(128)))),
        "status" => device.call(Call::GetSdkStatus),
        "reset" => device.call(Call::Reset),
        _ => return Corpus::Reject,
    }
    for call in [Call::GetSdkStatus, Call::GetUserId, Call::RequestUserAccessToken, Call::UserExists] {
        device.call(call);
    }
    Corpus::Keep
});
