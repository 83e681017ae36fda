//! Revocation takes effect at once: a token that was taken away is refused by the very next request, on every endpoint.

use crate::support::{Answer, EventStream, Sdk, TestPlatform, key};
use reqwest::RequestBuilder;
use sentiance_platform::http::endpoints::{Audience, ENDPOINTS, Endpoint};
use sentiance_protocol::ErrorCode::{
    self, RefreshTokenUsed, SessionEnded, TokenExpired, TokenInvalid, UserDeleted, UserDisabledRemotely,
};
use serde_json::json;
use std::time::Duration;

/// What an endpoint asks of a token.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    /// To act for the user.
    Action,
    /// To learn the state.
    State,
    /// To say goodbye.
    Goodbye,
    /// No access token: it takes a refresh token.
    Refresh,
}

/// A way to take a token away, and what each kind of endpoint then answers; `None` where it still works, by design.
struct Case {
    what: &'static str,
    sdk: Sdk,
    action: Option<ErrorCode>,
    state: Option<ErrorCode>,
    goodbye: Option<ErrorCode>,
    refresh: Option<ErrorCode>,
}

fn needs(endpoint: &Endpoint) -> Option<Needs> {
    let with_token = matches!(endpoint.audience, Audience::Sdks | Audience::SdksAndServers);
    match endpoint.path {
        _ if !with_token => None,
        "/sdk/v1/users" => None,
        "/sdk/v1/token" => Some(Needs::Refresh),
        "/sdk/v1/config" | "/sdk/v1/events" | "/sdk/v1/link/confirm" => Some(Needs::State),
        "/sdk/v1/reset" => Some(Needs::Goodbye),
        // Whatever is new acts for the user, until somebody says otherwise here.
        _ => Some(Needs::Action),
    }
}

fn request(sdk: &Sdk, endpoint: &Endpoint) -> RequestBuilder {
    let path = endpoint.path.replace("{user_id}", &sdk.user_id);
    let request = sdk.request(endpoint.verb.method(), &path).bearer_auth(&sdk.access_token);
    match endpoint.path {
        "/sdk/v1/token" => {
            request.json(&json!({ "refresh_token": sdk.refresh_token, "idempotency_key": key() }))
        }
        "/sdk/v1/link" => request.json(&json!({ "authentication_code": "0".repeat(128) })),
        "/sdk/v1/metadata" => request.json(&json!({ "revision": 1, "entries": [] })),
        "/sdk/v1/detections" => request.json(&json!({ "detections": [] })),
        _ if endpoint.verb.method() == "POST" => request.json(&json!({})),
        _ => request,
    }
}

async fn cases(platform: &TestPlatform) -> Vec<Case> {
    let command = platform.command();
    let app = &platform.app_id;
    let case = |what, sdk, [action, state, goodbye, refresh]: [Option<ErrorCode>; 4]| Case {
        what,
        sdk,
        action,
        state,
        goodbye,
        refresh,
    };
    // Each was used, so that nothing is refused for being unknown.
    let used = async |user: &str| {
        let sdk = platform.sdk_with_user(user).await;
        sdk.own_profile().await.ok();
        sdk
    };
    let long_ago = used("expired").await;
    platform.pass(Duration::from_secs(25 * 3600));
    let displaced = used("displaced").await;
    platform.sdk_with_user("displaced").await;
    let disabled = used("disabled").await;
    command.run(&["user", "disable", "--app", app, &disabled.user_id]);
    let deleted = used("deleted").await;
    platform.server.delete(&deleted.user_id).await.ok();
    let deleted_by_command = used("deleted by command").await;
    command.run(&["user", "delete", "--app", app, &deleted_by_command.user_id]);
    let reset = used("reset").await;
    reset.reset().await.ok();
    let stolen = used("stolen").await;
    let mut owner = stolen.clone();
    owner.refresh().await.ok();
    owner.refresh().await.ok();
    stolen.send_refresh(&key()).await.refused(SessionEnded);
    let replaced = used("replaced").await;
    replaced.clone().create_user(&platform.server.code("replaced").await).await.ok();
    let first = used("superseded").await;
    let (mut superseded, try_key) = (first.clone(), key());
    superseded.remember_token(&first.send_refresh(&try_key).await);
    let mut again = first.clone();
    again.remember_token(&first.send_refresh(&try_key).await);
    again.own_profile().await.ok();

    let learns = |action, refresh| [Some(action), None, None, Some(refresh)];
    let over = |code, goodbye| [Some(code), Some(code), goodbye, Some(code)];
    vec![
        case("the access token has expired", long_ago, [Some(TokenExpired), None, None, None]),
        case("another device took over", displaced, learns(UserDisabledRemotely, UserDisabledRemotely)),
        case("the user was disabled", disabled, learns(UserDisabledRemotely, UserDisabledRemotely)),
        case("the user was deleted", deleted, over(UserDeleted, Some(UserDeleted))),
        case("the user was deleted by command", deleted_by_command, over(UserDeleted, Some(UserDeleted))),
        case("the SDK said goodbye", reset, over(SessionEnded, None)),
        case("a stolen token was used", owner, over(SessionEnded, None)),
        case("the install has a new session", replaced, over(TokenInvalid, Some(TokenInvalid))),
        case("the answer was lost, and another pair issued and used", superseded, {
            [Some(TokenInvalid), Some(TokenInvalid), Some(TokenInvalid), Some(RefreshTokenUsed)]
        }),
    ]
}

#[tokio::test]
async fn what_was_taken_away_is_refused_by_the_next_request_on_every_endpoint() {
    let platform = TestPlatform::start().await;
    for case in cases(&platform).await {
        // What ends the session comes last.
        let mut endpoints: Vec<_> =
            ENDPOINTS.iter().filter_map(|endpoint| Some((needs(endpoint)?, endpoint))).collect();
        endpoints.sort_by_key(|(needs, _)| match needs {
            Needs::Action | Needs::State => 0,
            Needs::Refresh => 1,
            Needs::Goodbye => 2,
        });
        assert!(endpoints.len() >= 12, "{}", endpoints.len());
        for (needs, endpoint) in endpoints {
            let expected = match needs {
                Needs::Action => case.action,
                Needs::State => case.state,
                Needs::Goodbye => case.goodbye,
                Needs::Refresh => case.refresh,
            };
            let what = format!("{}: {}", case.what, endpoint.path);
            // A stream that is accepted has no end.
            if endpoint.path == "/sdk/v1/events" && expected.is_none() {
                let stream = EventStream::try_open(request(&case.sdk, endpoint)).await;
                assert!(stream.is_ok(), "{what}");
                continue;
            }
            let answer = Answer::to(request(&case.sdk, endpoint)).await;
            let code = answer.error_code();
            assert_eq!(code.as_deref(), expected.map(ErrorCode::as_str), "{what}: {}", answer.text);
        }
    }
}
