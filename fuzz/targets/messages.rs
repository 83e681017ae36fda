//! Messages between SDK and platform: the first line names the type, the rest is JSON. What one side accepts and writes
//! again, the other side reads as the same.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use sentiance_fuzz::json;
use sentiance_protocol::{
    ConfigResponse, CreateUserRequest, CreateUserResponse, DetectionsRequest, DetectionsResponse, ErrorBody,
    LinkRequest, LinkResponse, Message, MetadataRequest, RefreshRequest, RefreshResponse,
};
use serde::{Serialize, de::DeserializeOwned};
use std::fmt::Debug;

fuzz_target!(|text: &str| -> Corpus {
    let Some((name, text)) = text.split_once('\n') else { return Corpus::Reject };
    match name {
        "create" => check::<CreateUserRequest>(text),
        "created" => check::<CreateUserResponse>(text),
        "refresh" => check::<RefreshRequest>(text),
        "refreshed" => check::<RefreshResponse>(text),
        "config" => check::<ConfigResponse>(text),
        "link" => check::<LinkRequest>(text),
        "linked" => check::<LinkResponse>(text),
        "metadata" => check::<MetadataRequest>(text),
        "detections" => check::<DetectionsRequest>(text),
        "recorded" => check::<DetectionsResponse>(text),
        "error" => check::<ErrorBody>(text),
        _ => return Corpus::Reject,
    }
    Corpus::Keep
});

fn check<T: Message + Serialize + DeserializeOwned + PartialEq + Debug>(text: &str) {
    // The SDK reads it: then the platform understands what the SDK writes.
    if let Some(read) = json::parse(text).and_then(|parsed| T::read(&parsed)) {
        let written = json::write(&read);
        let by_platform: T = serde_json::from_value(written.0.clone()).expect("the platform can't read it");
        assert_eq!(json::write(&by_platform).0, written.0);
    }
    // The platform reads it: then the SDK understands what the platform writes.
    if let Ok(read) = serde_json::from_str::<T>(text) {
        let written = serde_json::to_value(&read).expect("a message can be written");
        let by_sdk = T::read(&json::Parsed(written.clone())).expect("the SDK can't read it");
        assert_eq!(serde_json::to_value(&by_sdk).expect("a message can be written"), written);
    }
}
