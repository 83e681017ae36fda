//! Limits of rates: who has to wait, for how long, and who never has to.

use crate::support::{Answer, Command, LISTED_ORIGIN, Sdk, ServerKey, TestPlatform, key, new_database};
use reqwest::Method;
use sentiance_platform::{
    http::{Limit, Limits, Rate, Settings, endpoints::ENDPOINTS},
    model::InstallId,
    random::OsRandomness,
    secret::{ApiKey, AppSecret, Plain, RefreshToken},
};
use sentiance_protocol::ErrorCode;
use serde_json::json;
use std::time::Duration;

async fn limited(limits: Limits) -> TestPlatform {
    TestPlatform::start_with(Settings { limits, ..Settings::default() }).await
}

/// Slow enough that a slow machine gives nothing back while a test runs.
fn three_at_once() -> Limit {
    Limit::To(Rate::per_minute(2, 3))
}

/// Asserts that the answer tells the caller to wait, and for how long.
#[track_caller]
fn told_to_wait(answer: &Answer, policy: &str) -> u64 {
    answer.refused(ErrorCode::TooManyRequests);
    let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=30).contains(&seconds), "{seconds}");
    let standing = format!("\"{policy}\";r=0;t={seconds}");
    assert!(answer.header("ratelimit").unwrap().contains(&standing), "{:?}", answer.headers);
    seconds
}

fn unknown_code() -> String {
    [key(), key(), key(), key()].concat()
}

/// Fails to exchange codes that nobody knows until failures from here are told to wait.
async fn exhaust_failures(platform: &TestPlatform) {
    for _ in 0..3 {
        let failed = platform.sdk().exchange(&unknown_code(), &key()).await;
        failed.refused(ErrorCode::AuthenticationCodeInvalid);
    }
    told_to_wait(&platform.sdk().exchange(&unknown_code(), &key()).await, "failures");
}

#[tokio::test]
async fn an_api_key_has_a_limit_of_its_own() {
    let platform = limited(Limits { per_key: three_at_once(), ..Limits::OFF }).await;
    for left in [2, 1, 0] {
        let answer = platform.server.ask_for_code("alice").await;
        answer.ok();
        assert_eq!(answer.header("ratelimit-policy"), Some("\"key\";q=3;w=90"));
        let standing = answer.header("ratelimit").unwrap();
        assert!(standing.starts_with(&format!("\"key\";r={left};t=")), "{standing}");
    }
    let seconds = told_to_wait(&platform.server.ask_for_code("alice").await, "key");
    told_to_wait(&platform.server.profile(&"0".repeat(24)).await, "key");

    let another =
        ServerKey::new(&platform.url, &platform.command().create_key(&platform.app_id, &["user.link"]));
    another.ask_for_code("alice").await.ok();
    platform.pass(Duration::from_secs(seconds));
    platform.server.ask_for_code("alice").await.ok();
    told_to_wait(&platform.server.ask_for_code("alice").await, "key");
}

#[tokio::test]
async fn keys_that_do_not_exist_are_not_counted() {
    let platform = limited(Limits { per_key: Limit::To(Rate::per_minute(1, 1)), ..Limits::OFF }).await;
    let invented = Plain::<ApiKey>::generate(&OsRandomness);
    let stranger = ServerKey::new(&platform.url, invented.reveal());
    for _ in 0..3 {
        stranger.ask_for_code("alice").await.refused(ErrorCode::ApiKeyUnknown);
    }
}

#[tokio::test]
async fn of_many_calls_at_once_exactly_the_burst_is_allowed() {
    let platform = limited(Limits { per_key: three_at_once(), ..Limits::OFF }).await;
    let calls = (0..30).map(|number| {
        let server = platform.server.clone();
        tokio::spawn(async move { server.ask_for_code(&number.to_string()).await.status.is_success() })
    });
    let calls: Vec<_> = calls.collect();
    let mut allowed = 0;
    for call in calls {
        allowed += u32::from(call.await.unwrap());
    }
    assert_eq!(allowed, 3);
}

#[tokio::test]
async fn codes_for_one_external_id_are_limited_and_those_given_stay_good() {
    let platform = limited(Limits { per_external_id: three_at_once(), ..Limits::OFF }).await;
    let mut codes = Vec::new();
    for _ in 0..3 {
        codes.push(platform.server.code("alice").await);
    }
    let seconds = told_to_wait(&platform.server.ask_for_code("alice").await, "external-id");
    platform.server.ask_for_code("bob").await.ok();
    let command = platform.command();
    let others = command.create_key(&command.create_app("Other", &[]), &["user.link"]);
    ServerKey::new(&platform.url, &others).ask_for_code("alice").await.ok();
    for code in codes {
        platform.sdk().create_user(&code).await.ok();
    }
    platform.pass(Duration::from_secs(seconds));
    platform.server.ask_for_code("alice").await.ok();
}

#[tokio::test]
async fn an_address_is_limited_and_pages_can_read_that() {
    let platform = limited(Limits { per_address: three_at_once(), ..Limits::OFF }).await;
    let mut page = platform.sdk().in_page(LISTED_ORIGIN);
    let code = platform.server.code("alice").await;
    let created = page.create_user(&code).await;
    created.ok();
    assert_eq!(created.header("ratelimit-policy"), Some("\"address\";q=3;w=90"));
    page.config().await.ok();

    let refused = page.config().await;
    let seconds = told_to_wait(&refused, "address");
    assert!(refused.is_shared_with(LISTED_ORIGIN));
    let exposed = refused.header("access-control-expose-headers").unwrap();
    for name in ["ratelimit", "ratelimit-policy", "retry-after"] {
        assert!(exposed.split(", ").any(|exposed| exposed == name), "{exposed}");
    }
    let unlisted = platform.sdk().in_page("https://unlisted.example.com").config().await;
    told_to_wait(&unlisted, "address");
    assert_eq!(unlisted.header("access-control-allow-origin"), None);

    // So is an application's server there; whoever watches the platform is not.
    told_to_wait(&platform.server.ask_for_code("alice").await, "address");
    for _ in 0..5 {
        assert!(reqwest::get(format!("{}/healthz", platform.url)).await.unwrap().status().is_success());
    }
    platform.pass(Duration::from_secs(seconds));
    page.config().await.ok();
}

#[tokio::test]
async fn what_is_good_works_from_an_address_whose_failures_are_exhausted() {
    let platform = limited(Limits { failures: three_at_once(), ..Limits::OFF }).await;
    let mut user = platform.sdk_with_user("alice").await;
    let unlinked = platform.sdk_with_unlinked_user(false).await;
    let code = platform.server.code("bob").await;
    let lost = (platform.sdk(), platform.server.code("carol").await, key());
    let lost_answer = lost.0.exchange(&lost.1, &lost.2).await;
    lost_answer.ok();
    exhaust_failures(&platform).await;

    user.own_profile().await.ok();
    let refreshed = user.refresh().await;
    refreshed.ok();
    assert_eq!(refreshed.header("ratelimit"), None, "a success is not charged");
    platform.sdk().create_user(&code).await.ok();
    platform.sdk().create_unlinked_user(&platform.credentials(false)).await.ok();
    unlinked.link_by_code(&platform.server.code("dave").await).await.ok();
    assert_eq!(lost.0.exchange(&lost.1, &lost.2).await.ok()["user_id"], lost_answer.ok()["user_id"]);
}

#[tokio::test]
async fn the_end_of_a_session_is_told_from_an_address_whose_failures_are_exhausted() {
    let platform = limited(Limits { failures: three_at_once(), ..Limits::OFF }).await;
    let ended = platform.sdk_with_user("ended").await;
    ended.reset().await.ok();
    let deleted = platform.sdk_with_user("deleted").await;
    platform.server.delete(&deleted.user_id).await.ok();
    let mut robbed = platform.sdk_with_user("robbed").await;
    let copy = robbed.clone();
    robbed.refresh().await.ok();
    robbed.refresh().await.ok();
    exhaust_failures(&platform).await;

    ended.send_refresh(&key()).await.refused(ErrorCode::SessionEnded);
    deleted.send_refresh(&key()).await.refused(ErrorCode::UserDeleted);
    copy.send_refresh(&key()).await.refused(ErrorCode::SessionEnded);
    robbed.config().await.refused(ErrorCode::SessionEnded);
}

#[tokio::test]
async fn failures_of_every_exchange_are_charged_to_the_address_and_come_back() {
    let platform = limited(Limits { failures: three_at_once(), ..Limits::OFF }).await;
    let unlinked = platform.sdk_with_unlinked_user(false).await;
    let used = platform.server.code("alice").await;
    platform.sdk().create_user(&used).await.ok();
    let wrong = Plain::<AppSecret>::generate(&OsRandomness);
    let credentials = json!({ "id": platform.app_id, "secret": wrong.reveal(), "linking": false });
    let family = Plain::of_creation(&InstallId::parse(&key()).unwrap(), &key());
    let token = Plain::<RefreshToken>::in_family(&family, &OsRandomness);
    let mut stranger = platform.sdk();
    stranger.refresh_token = token.reveal().to_owned();

    let fail = async |number: usize| match number {
        0 => platform.sdk().exchange(&unknown_code(), &key()).await,
        1 => platform.sdk().exchange(&used, &key()).await,
        2 => platform.sdk().exchange("garbage", &key()).await,
        3 => platform.sdk().exchange_credentials(&credentials, &key()).await,
        4 => stranger.send_refresh(&key()).await,
        _ => unlinked.link_by_code(&unknown_code()).await,
    };
    for number in 0..6 {
        platform.pass(Duration::from_secs(90));
        for left in [2, 1, 0] {
            let failed = fail(number).await;
            assert!(failed.status.is_client_error() && failed.status != 429, "{number}: {}", failed.text);
            let standing = failed.header("ratelimit").unwrap();
            assert!(standing.starts_with(&format!("\"failures\";r={left};t=")), "{number}: {standing}");
        }
        let seconds = told_to_wait(&fail(number).await, "failures");
        platform.pass(Duration::from_secs(seconds));
        assert_ne!(fail(number).await.status, 429, "{number}: one comes back in time");
    }
}

#[tokio::test]
async fn an_exhausted_address_does_not_occupy_the_writer_with_what_nobody_knows() {
    let platform = limited(Limits { failures: three_at_once(), ..Limits::OFF }).await;
    exhaust_failures(&platform).await;
    // Whatever comes to the writer now waits and gets 503, and what is only read is answered.
    let _held = platform.database.hold_writes().await;
    told_to_wait(&platform.sdk().exchange(&unknown_code(), &key()).await, "failures");
}

#[tokio::test]
async fn what_has_the_wrong_shape_is_refused_without_the_database() {
    let platform = limited(Limits::PRODUCTION).await;
    platform.store.close().await;
    let mut stranger = platform.sdk();
    let damaged = format!("srt_{}", "0".repeat(88));
    for garbage in ["", "garbage", &damaged, &"f".repeat(127), &"F".repeat(128), &"\u{e9}".repeat(64)] {
        let failed = platform.sdk().exchange(garbage, &key()).await;
        failed.refused(ErrorCode::AuthenticationCodeInvalid);
        let credentials = json!({ "id": platform.app_id, "secret": garbage, "linking": false });
        let failed = platform.sdk().exchange_credentials(&credentials, &key()).await;
        failed.refused(ErrorCode::ApplicationCredentialsInvalid);
        stranger.refresh_token = garbage.to_owned();
        stranger.send_refresh(&key()).await.refused(ErrorCode::TokenInvalid);
    }
    let damaged_key = ServerKey::new(&platform.url, &format!("stk_{}", "0".repeat(48)));
    damaged_key.ask_for_code("alice").await.refused(ErrorCode::ApiKeyMalformed);
    stranger.access_token = format!("sat_{}", "0".repeat(48));
    stranger.config().await.refused(ErrorCode::TokenInvalid);
}

#[tokio::test]
async fn serve_limits_by_default_and_as_it_is_told_and_dev_does_not() {
    let folders = [(); 3].map(|()| tempfile::tempdir().unwrap());
    // Of one database each would have a share.
    let commands = folders.each_ref().map(|folder| Command::on(new_database(folder).name()));
    let fail = async |url: &str| Sdk::new(url).exchange("garbage", &key()).await;

    let dev = commands[0].start(&["dev"]);
    let serve = commands[1].start(&["serve"]);
    let strict = commands[2].start(&["serve", "--limit-failures", "1/h:2", "--limit-per-address", "off"]);
    for attempt in 0..70 {
        assert_eq!(fail(&dev.url).await.status, 400);
        // The machine may be so slow that a failure or two come back meanwhile.
        let expected = if attempt < 60 { 400 } else { 429 };
        let answer = fail(&serve.url).await;
        assert!(answer.status == expected || (60..65).contains(&attempt), "{attempt}: {}", answer.status);
    }
    assert_eq!(fail(&strict.url).await.header("ratelimit-policy"), Some("\"failures\";q=2;w=7200"));
    assert_eq!(fail(&strict.url).await.status, 400);
    assert_eq!(fail(&strict.url).await.status, 429);
    let complaint = commands[2].fail(&["serve", "--address", "127.0.0.1:0", "--limit-per-key", "many"]);
    assert!(complaint.contains("50/s:200"), "{complaint}");

    let request = Sdk::new(&serve.url).request(Method::GET, "/sdk/v1/config");
    let standing = Answer::to(request).await;
    assert_eq!(standing.header("ratelimit-policy"), Some("\"address\";q=1000;w=10"));
}

#[tokio::test]
async fn an_exhausted_address_asks_the_database_nothing() {
    let platform = limited(Limits { per_address: three_at_once(), ..Limits::OFF }).await;
    let user = platform.sdk_with_user("alice").await;
    let stranger = |origin: &str| platform.sdk().in_page(origin);
    let unknown_key = ServerKey::new(&platform.url, Plain::<ApiKey>::generate(&OsRandomness).reveal());
    while user.config().await.status != 429 {}
    // Whatever asked the database now would fail otherwise.
    platform.store.close().await;
    for endpoint in ENDPOINTS {
        let path =
            endpoint.path.replace("{user_id}", &user.user_id).replace("{install_id}", &user.install_id);
        let method = endpoint.verb.method();
        let preflight = stranger("https://unlisted.example.com")
            .request(Method::OPTIONS, &path)
            .header("access-control-request-method", "POST");
        let requests = [
            user.request(method.clone(), &path).bearer_auth(&user.access_token),
            stranger("https://unlisted.example.com").request(method.clone(), &path),
            stranger(LISTED_ORIGIN).request(method.clone(), &path).bearer_auth(&platform.server.secret),
            unknown_key.request(method.clone(), &path),
            platform.server.request(method.clone(), &path),
            preflight,
        ];
        for (at, request) in requests.into_iter().enumerate() {
            let answer = Answer::to(request).await;
            if endpoint.path == "/healthz" {
                assert_ne!(answer.status, 429, "whoever watches the platform is not limited");
            } else {
                assert_eq!(answer.status, 429, "{at}: {method} {path}: {}", answer.text);
            }
        }
    }
}
