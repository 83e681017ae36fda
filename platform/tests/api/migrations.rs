//! Databases of earlier versions: brought up to date, and nothing in them is lost.

mod file;

use crate::support::TestPlatform;

#[tokio::test]
async fn a_value_that_is_none_of_those_that_there_are_is_refused_by_the_database_itself() {
    let platform = TestPlatform::start().await;
    platform.sdk_with_user("alice").await;
    for change in [
        "update installs set status = 'gone'",
        "update installs set status = 'ended', end_reason = 'why not'",
        "update installs set status = 'ended'",
        "update installs set device_class = 'watch'",
        "update installs set awaits_link = 2",
        "update token_pairs set status = 'lost'",
        "update token_pairs set status = 'exchanged'",
        "insert into audit_events (app_id, kind, actor, occurred_at) values ('a', 'b', 'anyone', 1)",
        "insert into audit_events (app_id, kind, actor, occurred_at) values ('a', 'b', 'install', 1)",
    ] {
        let refused = platform.database.try_to_tamper(change).await.unwrap_err();
        assert!(refused.to_lowercase().contains("check constraint"), "{change}: {refused}");
    }
    for change in [
        "update installs set status = 'inactive'",
        "update installs set status = 'ended', end_reason = 'expired'",
        "update installs set device_class = 'tablet'",
        "update token_pairs set status = 'superseded'",
        "insert into audit_events (app_id, kind, actor, occurred_at) values ('a', 'b', 'unknown', 1)",
    ] {
        platform.database.tamper(change).await;
    }
}
