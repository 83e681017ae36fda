//! The audit log: what is recorded, what is not, and what is left of it when a user goes.

use crate::support::{Answer, LISTED_ORIGIN, ServerKey, TestPlatform, key};
use reqwest::Method;
use sentiance_platform::{
    random::OsRandomness,
    secret::{ApiKey, Plain},
};
use sentiance_protocol::ErrorCode;
use serde_json::Value;
use std::time::Duration;
use tokio::time::timeout;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// What happened and who did it, in order.
fn in_short(events: &[Value]) -> Vec<(String, String)> {
    let text = |event: &Value, field: &str| event[field].as_str().unwrap().to_owned();
    events.iter().map(|event| (text(event, "kind"), text(event, "by"))).collect()
}

fn short<const N: usize>(events: [(&str, &str); N]) -> Vec<(String, String)> {
    events.map(|(kind, by)| (kind.to_owned(), by.to_owned())).to_vec()
}

#[tokio::test]
async fn what_happens_to_a_user_is_recorded_with_who_did_it_and_from_where() {
    let platform = TestPlatform::start().await;
    let first = platform.sdk_with_user("alice@example.com").await;
    let second = platform.sdk_with_user("alice@example.com").await;
    for task in ["disable", "enable"] {
        platform.command().run(&["user", task, "--app", &platform.app_id, &first.user_id]);
    }
    second.reset().await.ok();
    second.reset().await.ok();

    let of_user = ["--user", &first.user_id];
    let events = platform.audit(&of_user);
    let expected = short([
        ("user_created", "install"),
        ("install_deactivated", "install"),
        ("user_restored", "install"),
        ("user_disabled", "operator"),
        ("user_enabled", "operator"),
        ("session_reset", "install"),
    ]);
    assert_eq!(in_short(&events), expected);
    let displaced = &events[1];
    assert_eq!(displaced["install_id"], first.install_id, "which install");
    assert_eq!(displaced["by_id"], second.install_id, "by which");
    assert_eq!(displaced["address"], "127.0.0.1");
    assert_eq!(displaced["ref"].as_str().unwrap().len(), 36);
    assert_eq!(displaced["ref"], events[2]["ref"], "one request did both");
    assert!(displaced["time"].as_str().unwrap().ends_with('Z'));
    assert_eq!(events[3].get("address"), None, "a command has no address");

    platform.server.delete(&first.user_id).await.ok();
    let events = platform.audit(&of_user);
    assert_eq!(in_short(&events)[..6], expected, "the log outlives the user");
    assert_eq!((&events[6]["kind"], &events[6]["by"]), (&"user_deleted".into(), &"api_key".into()));
    assert!(events[..6].iter().all(|event| event.get("address").is_none()), "the addresses go with the user");
    let named =
        "select count(*) from audit_events where concat_ws(' ', user_id, install_id, key_id, actor_id,
        address, request) like '%alice%'";
    assert_eq!(platform.count_rows(named).await, 0, "nobody is named");
}

#[tokio::test]
async fn links_are_recorded() {
    let platform = TestPlatform::start().await;
    let known = platform.sdk_with_user("alice").await;
    let linked = platform.sdk_with_unlinked_user(true).await;
    platform.server.link(&linked.install_id, "alice").await.ok();
    let by_code = platform.sdk_with_unlinked_user(false).await;
    by_code.link_by_code(&platform.server.code("bob").await).await.ok();

    let of_alice = in_short(&platform.audit(&["--user", &known.user_id]));
    let expected =
        [("user_created", "install"), ("install_deactivated", "install"), ("user_linked", "api_key")];
    assert_eq!(of_alice, short(expected));
    let of_empty = in_short(&platform.audit(&["--user", &linked.user_id]));
    assert_eq!(of_empty, short([("user_deleted", "api_key")]));
    let of_bob = in_short(&platform.audit(&["--user", &by_code.user_id]));
    assert_eq!(of_bob, short([("user_linked", "install")]));
}

#[tokio::test]
async fn what_operators_do_to_applications_and_keys_is_recorded() {
    let platform = TestPlatform::start().await;
    let (command, app) = (platform.command(), &platform.app_id);
    command.run(&["app", "rotate-secret", "--app", app]);
    let listed = command.run(&["api-key", "list", "--app", app]);
    let key_id = listed.split('\t').next().unwrap();
    command.run(&["api-key", "revoke", "--app", app, key_id]);
    let events = platform.audit(&[]);
    let expected =
        ["application_created", "api_key_created", "application_secret_changed", "api_key_revoked"];
    assert_eq!(in_short(&events), short(expected.map(|kind| (kind, "operator"))));
    assert_eq!((&events[1]["key_id"], &events[3]["key_id"]), (&key_id.into(), &key_id.into()));
}

#[tokio::test]
async fn neither_refreshes_nor_failures_that_anybody_can_cause_are_recorded() {
    let platform = TestPlatform::start().await;
    let mut sdk = platform.sdk_with_user("alice").await;
    let before = platform.count_rows("select count(*) from audit_events").await;
    for _ in 0..5 {
        sdk.refresh().await.ok();
        sdk.config().await.ok();
        sdk.exchange(&"0".repeat(128), &key()).await.refused(ErrorCode::AuthenticationCodeInvalid);
    }
    let mut wrong = platform.credentials(false);
    wrong["id"] = "0".repeat(24).into();
    platform
        .sdk()
        .exchange_credentials(&wrong, &key())
        .await
        .refused(ErrorCode::ApplicationCredentialsInvalid);
    platform.server.ask_for_code("alice").await.ok();
    assert_eq!(platform.count_rows("select count(*) from audit_events").await, before);
}

#[tokio::test]
async fn a_used_code_that_somebody_else_shows_is_recorded_once_an_hour() {
    let platform = TestPlatform::start().await;
    let (code, try_key) = (platform.server.code("alice").await, key());
    let mut sdk = platform.sdk();
    sdk.remember_user(&sdk.clone().exchange(&code, &try_key).await);
    let reuses = "select count(*) from audit_events where kind = 'authentication_code_reused'";
    sdk.exchange(&code, &key()).await.refused(ErrorCode::AuthenticationCodeInvalid);
    assert_eq!(platform.count_rows(reuses).await, 0, "the same install may have lost its key");

    let unlinked = platform.sdk_with_unlinked_user(false).await;
    for _ in 0..5 {
        platform.sdk().exchange(&code, &key()).await.refused(ErrorCode::AuthenticationCodeInvalid);
        unlinked.link_by_code(&code).await.refused(ErrorCode::AuthenticationCodeInvalid);
    }
    let recorded = platform.audit(&["--user", &sdk.user_id]);
    assert_eq!(
        in_short(&recorded),
        short([("user_created", "install"), ("authentication_code_reused", "unknown")])
    );
    assert_eq!(recorded[1]["address"], "127.0.0.1");
    sdk.own_profile().await.ok();

    platform.pass(2 * HOUR);
    platform.sdk().exchange(&code, &key()).await.refused(ErrorCode::AuthenticationCodeInvalid);
    assert_eq!(platform.count_rows(reuses).await, 2);
}

#[tokio::test]
async fn a_reused_refresh_token_is_recorded_under_the_reference_of_its_answer() {
    let platform = TestPlatform::start().await;
    let mut sdk = platform.sdk_with_user("alice").await;
    let stolen = sdk.clone();
    sdk.refresh().await.ok();
    sdk.refresh().await.ok();
    let answer = stolen.send_refresh(&key()).await;
    answer.refused(ErrorCode::SessionEnded);
    stolen.send_refresh(&key()).await.refused(ErrorCode::SessionEnded);
    let events = platform.audit(&["--user", &sdk.user_id]);
    let expected = [("user_created", "install"), ("refresh_token_reused", "unknown")];
    assert_eq!(in_short(&events), short(expected), "once, however often it comes back");
    let body: Value = serde_json::from_str(&answer.text).unwrap();
    assert_eq!(events[1]["ref"], body["ref"]);
}

#[tokio::test]
async fn an_api_key_that_a_browser_sends_is_recorded_once_a_day() {
    let platform = TestPlatform::start().await;
    let exposures = "select count(*) from audit_events where kind = 'api_key_exposed'";
    let send = async |key: &ServerKey, path| {
        let request = key.request(Method::POST, path).header("origin", LISTED_ORIGIN);
        Answer::to(request).await.refused(ErrorCode::BrowserNotAllowed);
    };
    let invented = ServerKey::new(&platform.url, Plain::<ApiKey>::generate(&OsRandomness).reveal());
    send(&invented, "/users/auth-code").await;
    // One report at a time: while one is under way, another is left to the next request.
    let recorded = async |expected| {
        while platform.count_rows(exposures).await < expected {
            send(&platform.server, "/users/auth-code").await;
        }
        for _ in 0..3 {
            send(&platform.server, "/sdk/v1/reset").await;
        }
        assert_eq!(platform.count_rows(exposures).await, expected);
    };
    timeout(10 * SECOND, recorded(1)).await.unwrap();
    platform.pass(25 * HOUR);
    timeout(10 * SECOND, recorded(2)).await.unwrap();
    let event = platform.audit(&[]).into_iter().find(|event| event["kind"] == "api_key_exposed").unwrap();
    let listed = platform.command().run(&["api-key", "list", "--app", &platform.app_id]);
    assert_eq!(event["key_id"], listed.split('\t').next().unwrap());
    assert_eq!(event["address"], "127.0.0.1");
    platform.server.ask_for_code("alice").await.ok();
}

#[tokio::test]
async fn the_log_is_listed_by_user_time_and_number_in_lines_or_as_json() {
    let platform = TestPlatform::start().await;
    let alice = platform.sdk_with_user("alice").await;
    let bob = platform.sdk_with_user("bob").await;
    let list = |options: &[&str]| {
        let mut arguments = vec!["audit", "list", "--app", &platform.app_id];
        arguments.extend(options);
        platform.command().run(&arguments)
    };
    let newest = list(&["--limit", "1"]);
    let fields: Vec<_> = newest.trim_end().split('\t').collect();
    assert_eq!(fields[1], "user_created");
    assert_eq!(fields[2], format!("user={}", bob.user_id));
    assert_eq!(fields[3], format!("install={}", bob.install_id));
    assert_eq!(fields[4], format!("by=install:{}", bob.install_id));
    assert_eq!(fields[5], "address=127.0.0.1");
    assert!(fields[6].starts_with("ref=") && fields.len() == 7, "{newest}");

    assert_eq!(list(&["--user", &alice.user_id]).lines().count(), 1);
    assert_eq!(list(&[]).lines().count(), 4);
    assert_eq!(list(&["--since", "1h"]).lines().count(), 4);
    assert_eq!(list(&["--since", "2100-01-01T00:00:00Z"]), "");

    let fail = |arguments: &[&str]| platform.command().fail(arguments);
    assert!(fail(&["audit", "list", "--app", &"0".repeat(24)]).contains("no such application"));
    assert!(fail(&["audit", "list", "--app", &platform.app_id, "--since", "soon"]).contains("such as 7d"));
}

#[tokio::test]
async fn what_was_recorded_cannot_be_changed() {
    let platform = TestPlatform::start().await;
    platform.sdk_with_user("alice").await;
    for change in ["kind = 'user_deleted'", "occurred_at = 0", "actor = 'operator', actor_id = null"] {
        let change = format!("update audit_events set {change}");
        let refused = platform.database.try_to_tamper(&change).await.unwrap_err();
        assert!(refused.contains("final"), "{refused}");
    }
}
