//! The rule of the one active device.

use crate::support::{Sdk, TestPlatform, phone, tablet};
use sentiance_protocol::ErrorCode;
use serde_json::{Value, json};
use std::time::Duration;

fn desktop() -> Value {
    json!({ "class": "desktop", "class_source": "client_hints" })
}

async fn alice_on(platform: &TestPlatform, device: Value) -> Sdk {
    let mut sdk = platform.sdk().on(device);
    sdk.create_user(&platform.server.code("alice").await).await.ok();
    sdk
}

#[tokio::test]
async fn a_second_device_deactivates_the_first() {
    let platform = TestPlatform::start().await;
    let first = alice_on(&platform, phone()).await;
    let second = alice_on(&platform, phone()).await;
    assert_eq!(second.state().await, "active");
    assert_eq!(first.state().await, "inactive", "the first learns it");
    first.own_profile().await.refused(ErrorCode::UserDisabledRemotely);
    first.clone().refresh().await.refused(ErrorCode::UserDisabledRemotely);
    second.own_profile().await.ok();
}

#[tokio::test]
async fn restoring_on_a_tablet_leaves_the_phone_active() {
    let platform = TestPlatform::start().await;
    let on_phone = alice_on(&platform, phone()).await;
    let on_tablet = alice_on(&platform, tablet()).await;
    assert_eq!(on_tablet.user_id, on_phone.user_id, "the tablet has the user");
    assert_eq!(on_tablet.state().await, "inactive");
    assert_eq!(on_phone.state().await, "active");
    on_phone.own_profile().await.ok();
}

#[tokio::test]
async fn a_phone_displaces_a_tablet_and_a_desktop_displaces_a_phone() {
    let platform = TestPlatform::start().await;
    let on_tablet = alice_on(&platform, tablet()).await;
    assert_eq!(on_tablet.state().await, "active");
    let on_phone = alice_on(&platform, phone()).await;
    assert_eq!(on_tablet.state().await, "inactive");
    let on_desktop = alice_on(&platform, desktop()).await;
    assert_eq!(on_phone.state().await, "inactive");
    assert_eq!(on_desktop.state().await, "active");
}

#[tokio::test]
async fn a_tablet_is_active_after_the_phone_said_goodbye() {
    let platform = TestPlatform::start().await;
    let on_phone = alice_on(&platform, phone()).await;
    on_phone.reset().await.ok();
    assert_eq!(alice_on(&platform, tablet()).await.state().await, "active");
}

#[tokio::test]
async fn a_phone_whose_session_expired_keeps_no_tablet_away() {
    let platform = TestPlatform::start().await;
    alice_on(&platform, phone()).await;
    platform.pass(Duration::from_secs(181 * 24 * 3600));
    assert_eq!(alice_on(&platform, tablet()).await.state().await, "active");
}

#[tokio::test]
async fn an_inactive_device_becomes_active_by_another_code() {
    let platform = TestPlatform::start().await;
    let mut first = alice_on(&platform, phone()).await;
    let second = alice_on(&platform, phone()).await;
    first.create_user(&platform.server.code("alice").await).await.ok();
    assert_eq!(first.state().await, "active");
    assert_eq!(second.state().await, "inactive");
}

#[tokio::test]
async fn a_tablet_that_yields_to_a_phone_of_another_user_does_not_exist() {
    let platform = TestPlatform::start().await;
    alice_on(&platform, phone()).await;
    let mut bobs = platform.sdk().on(tablet());
    bobs.create_user(&platform.server.code("bob").await).await.ok();
    assert_eq!(bobs.state().await, "active");
}
