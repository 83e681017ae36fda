//! The table of errors: what is wrong with a request, and the one answer to it.

mod world;

use crate::support::{Answer, LISTED_ORIGIN, TestPlatform, key};
use reqwest::{Method, RequestBuilder};
use sentiance_platform::{
    random::OsRandomness,
    secret::{ApiKey, Plain},
};
use sentiance_protocol::ErrorCode::{self, *};
use serde_json::{Value, json};
use std::collections::HashSet;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use world::World;

/// Codes that this platform cannot be brought to answer with by one request: it has no limits of rates (`rate_limits` is
/// about them) and no quotas (`quotas`), restoring a user leaves one active install, and a trip becomes too large by
/// several requests (`detections`). And what a full disk is answered with, which `tests/durability` is about.
const UNREACHABLE: [ErrorCode; 5] =
    [TooManyRequests, QuotaExceeded, MultipleInstallsActive, TripTooLarge, DatabaseUnavailable];

/// One line of the table.
struct Row {
    what: &'static str,
    request: RequestBuilder,
    expected: ErrorCode,
}

#[rustfmt::skip]
fn table(world: &World) -> Vec<Row> {
    let World { platform, alice, bob, stale, displaced, ended, deleted, spent, .. } = world;
    let World { unlinked, disabled, linked, alices_code, new_code, .. } = world;
    let good = &platform.server.secret;
    let (body, last) = good.split_at(good.len() - 1);
    let damaged_key = format!("{body}{}", if last == "0" { "1" } else { "0" });
    let unknown_key = Plain::<ApiKey>::generate(&OsRandomness);
    let token = &alice.access_token;
    let (alices, bobs) = (format!("/v2/users/{}", alice.user_id), format!("/v2/users/{}", bob.user_id));
    let nobodys = format!("/v2/users/{}", "0".repeat(24));
    let (delete_alice, delete_bob) = (format!("/users/{}", alice.user_id), format!("/users/{}", bob.user_id));
    let delete_nobody = format!("/users/{}", "0".repeat(24));
    let too_big = json!({ "external_id": "x".repeat(20_000) });
    let create_too_big = world.post("/sdk/v1/users").json(&too_big);
    let id = json!({ "external_id": "alice" });
    let entry = json!({ "key": "a", "value": "b" });
    let (some_detections, own_detections) = (format!("{alices}/detections"), "/v2/users/me/detections");
    let listed = LISTED_ORIGIN;
    let (null, unlisted) = ("null", "https://unlisted.example.com");

    let row = |what, request, expected| Row { what, request, expected };
    vec![
        row("no such path", world.get("/nowhere"), NotFound),
        row("no such version", world.get("/sdk/v9/config"), NotFound),

        row("code: wrong method", world.get("/users/auth-code"), MethodNotAllowed),
        row("code: no credentials", world.post("/users/auth-code").json(&id), CredentialsMissing),
        row("code: not a bearer", world.post("/users/auth-code").basic_auth("a", Some("b")).json(&id), CredentialsMissing),
        row("code: an empty bearer", world.post("/users/auth-code").header("authorization", "Bearer ").json(&id), CredentialsMissing),
        row("code: any text as key", world.ask_for_code("letmein"), ApiKeyMalformed),
        row("code: only the prefix", world.ask_for_code("stk_"), ApiKeyMalformed),
        row("code: a key with a wrong checksum", world.ask_for_code(&damaged_key), ApiKeyMalformed),
        row("code: a key with a right checksum that nobody issued", world.ask_for_code(unknown_key.reveal()), ApiKeyUnknown),
        row("code: a revoked key", world.ask_for_code(&world.revoked_key), ApiKeyRevoked),
        row("code: an expired key", world.ask_for_code(&world.expired_key), ApiKeyExpired),
        row("code: a key without the scope", world.ask_for_code(&world.weak_key), InsufficientScope),
        row("code: a user's token", world.ask_for_code(token), UserTokenNotAccepted),
        row("code: a key whose row is impossible", world.ask_for_code(&world.broken_key), InternalError),
        row("code: from a page", world.ask_for_code(good).header("origin", listed), BrowserNotAllowed),
        row("code: from a same-origin page", world.ask_for_code(good).header("sec-fetch-site", "same-origin"), BrowserNotAllowed),
        row("code: from a page, without a key", world.post("/users/auth-code").header("origin", listed), BrowserNotAllowed),
        row("code: no content type", world.post("/users/auth-code").bearer_auth(good).body("{}"), UnsupportedMediaType),
        row("code: another content type", world.post("/users/auth-code").bearer_auth(good).header("content-type", "text/plain").body("{}"), UnsupportedMediaType),
        row("code: a form", world.post("/users/auth-code").bearer_auth(good).header("content-type", "application/x-www-form-urlencoded").body("external_id=a"), UnsupportedMediaType),
        row("code: not JSON", world.post("/users/auth-code").bearer_auth(good).header("content-type", "application/json").body("{external_id:1}"), MalformedRequest),
        row("code: not UTF-8", world.post("/users/auth-code").bearer_auth(good).header("content-type", "application/json").body(b"{\"external_id\":\"\xff\"}".to_vec()), MalformedRequest),
        row("code: nothing", world.post("/users/auth-code").bearer_auth(good).header("content-type", "application/json"), MalformedRequest),
        row("code: nested too deeply", world.post("/users/auth-code").bearer_auth(good).header("content-type", "application/json").body("[".repeat(1000)), MalformedRequest),
        row("code: a list", world.ask_for_code_with(&json!([])), MalformedRequest),
        row("code: no external id", world.ask_for_code_with(&json!({})), MalformedRequest),
        row("code: a number as external id", world.ask_for_code_with(&json!({ "external_id": 5 })), MalformedRequest),
        row("code: null as external id", world.ask_for_code_with(&json!({ "external_id": null })), MalformedRequest),
        row("code: an unknown field", world.ask_for_code_with(&json!({ "external_id": "a", "more": 1 })), MalformedRequest),
        row("code: an empty external id", world.ask_for_code_with(&json!({ "external_id": "" })), InvalidExternalId),
        row("code: an external id of 257 characters", world.ask_for_code_with(&json!({ "external_id": "x".repeat(257) })), InvalidExternalId),
        row("code: an external id with NUL", world.ask_for_code_with(&json!({ "external_id": "a\0b" })), InvalidExternalId),
        row("code: a body over 16 KiB", world.ask_for_code_with(&too_big), PayloadTooLarge),

        row("create: wrong method", world.get("/sdk/v1/users"), MethodNotAllowed),
        row("create: no content type", world.post("/sdk/v1/users").body("{}"), UnsupportedMediaType),
        row("create: an empty object", world.post("/sdk/v1/users").json(&json!({})), MalformedRequest),
        row("create: no device class", world.create_with(&["device"], json!({})), MalformedRequest),
        row("create: an unknown device class", world.create_with(&["device", "class"], json!("watch")), MalformedRequest),
        row("create: a short install id", world.create_with(&["install_id"], json!("abc")), MalformedRequest),
        row("create: an upper-case install id", world.create_with(&["install_id"], json!("A".repeat(32))), MalformedRequest),
        row("create: a short idempotency key", world.create_with(&["idempotency_key"], json!("abc")), MalformedRequest),
        row("create: a text that is too long", world.create_with(&["device", "model"], json!("x".repeat(129))), MalformedRequest),
        row("create: a text with NUL", world.create_with(&["sdk", "version"], json!("\0")), MalformedRequest),
        row("create: a body over 16 KiB", create_too_big, PayloadTooLarge),
        row("create: a used code", world.create_with(&["authentication_code"], json!(world.used_code)), AuthenticationCodeInvalid),
        row("create: an unknown code", world.create_with(&["authentication_code"], json!("0".repeat(128))), AuthenticationCodeInvalid),
        row("create: an API key as code", world.create_with(&["authentication_code"], json!(good)), AuthenticationCodeInvalid),
        row("create: from an unlisted page", world.create_with(&["app"], json!({})).header("origin", unlisted), OriginNotAllowed),
        row("create: from a page without an origin", world.create_with(&["app"], json!({})).header("origin", null), OriginNotAllowed),

        row("create: a code and credentials", world.create_with(&["application"], platform.credentials(false)), MalformedRequest),
        row("create: neither code nor credentials", world.create_with(&["authentication_code"], Value::Null), MalformedRequest),
        row("create: credentials that do not tell about a linker", world.create_unlinked_with("linking", Value::Null), MalformedRequest),
        row("create: a wrong application id", world.create_unlinked_with("id", json!("0".repeat(24))), ApplicationCredentialsInvalid),
        row("create: a wrong application secret", world.create_unlinked_with("secret", json!(good)), ApplicationCredentialsInvalid),
        row("create: credentials from an unlisted page", world.create_unlinked_with("linking", json!(false)).header("origin", unlisted), OriginNotAllowed),

        row("link install: wrong method", world.get(&format!("/v2/users/{}/link", linked.install_id)), MethodNotAllowed),
        row("link install: no credentials", world.post(&format!("/v2/users/{}/link", linked.install_id)), CredentialsMissing),
        row("link install: a user's token", world.link(&linked.install_id, token), UserTokenNotAccepted),
        row("link install: a key without the scope", world.link(&linked.install_id, &world.weak_key), InsufficientScope),
        row("link install: from a page", world.link(&linked.install_id, good).header("origin", listed), BrowserNotAllowed),
        row("link install: an empty external id", world.post(&format!("/v2/users/{}/link", linked.install_id)).bearer_auth(good).json(&json!({ "external_id": "" })), InvalidExternalId),
        row("link install: an unknown field", world.post(&format!("/v2/users/{}/link", linked.install_id)).bearer_auth(good).json(&json!({ "external_id": "a", "more": 1 })), MalformedRequest),
        row("link install: no such install", world.link(&"0".repeat(32), good), InstallNotFound),
        row("link install: another application", world.link(&linked.install_id, &world.other_key), InstallDoesNotBelongToApp),
        row("link install: switched off", world.link(&linked.install_id, &world.strict_key), UserLinkingNotConfigured),
        row("link install: a disabled user", world.link(&disabled.install_id, good), InstallDisabled),
        row("link install: a deleted user", world.link(&deleted.install_id, good), InstallDeleted),
        row("link install: after goodbye", world.link(&ended.install_id, good), InstallDeleted),
        row("link install: a user in use, a known external id", world.link(&unlinked.install_id, good), CannotLinkExistingPerson),
        row("link install: another external id", world.link(&linked.install_id, good), InstallLinkedToOtherUser),
        row("link install: displaced", world.post(&format!("/v2/users/{}/link", displaced.install_id)).bearer_auth(good).json(&json!({ "external_id": "moved" })), InstallDeactivated),

        row("link: wrong method", world.get("/sdk/v1/link"), MethodNotAllowed),
        row("link: no credentials", world.post("/sdk/v1/link"), CredentialsMissing),
        row("link: an API key", world.link_by_code(good, new_code), ApiKeyNotAccepted),
        row("link: no code", world.post("/sdk/v1/link").bearer_auth(&unlinked.access_token).json(&json!({})), MalformedRequest),
        row("link: a used code", world.link_by_code(&unlinked.access_token, &world.used_code), AuthenticationCodeInvalid),
        row("link: a code of a known user", world.link_by_code(&unlinked.access_token, alices_code), CannotLinkExistingPerson),
        row("link: a linked user", world.link_by_code(&linked.access_token, new_code), UserAlreadyLinked),
        row("link: a displaced device", world.link_by_code(&displaced.access_token, new_code), UserDisabledRemotely),
        row("link: a disabled user", world.link_by_code(&disabled.access_token, new_code), UserDisabledRemotely),
        row("link: an expired token", world.link_by_code(&stale.access_token, new_code), TokenExpired),
        row("link: from an unlisted page", world.link_by_code(&unlinked.access_token, new_code).header("origin", unlisted), OriginNotAllowed),

        row("confirm: wrong method", world.get("/sdk/v1/link/confirm"), MethodNotAllowed),
        row("confirm: no credentials", world.post("/sdk/v1/link/confirm"), CredentialsMissing),
        row("confirm: an API key", world.confirm(good), ApiKeyNotAccepted),
        row("confirm: a user whom nobody linked", world.confirm(&unlinked.access_token), UserNotLinked),
        row("confirm: a disabled user whom nobody linked", world.confirm(&disabled.access_token), UserDisabledRemotely),
        row("confirm: after goodbye", world.confirm(&ended.access_token), SessionEnded),
        row("confirm: a deleted user", world.confirm(&deleted.access_token), UserDeleted),

        row("metadata: wrong method", world.post("/sdk/v1/metadata"), MethodNotAllowed),
        row("metadata: no credentials", world.request(Method::PATCH, "/sdk/v1/metadata"), CredentialsMissing),
        row("metadata: an API key", world.change_metadata(good, entry.clone()), ApiKeyNotAccepted),
        row("metadata: no key", world.change_metadata(token, json!({ "value": "b" })), MalformedRequest),
        row("metadata: a number as value", world.change_metadata(token, json!({ "key": "a", "value": 1 })), MalformedRequest),
        row("metadata: a value that is too long", world.change_metadata(token, json!({ "key": "a", "value": "x".repeat(501) })), MetadataLimitExceeded),
        row("metadata: a displaced device", world.change_metadata(&displaced.access_token, entry.clone()), UserDisabledRemotely),
        row("metadata: a disabled user", world.change_metadata(&disabled.access_token, entry.clone()), UserDisabledRemotely),
        row("metadata: an expired token", world.change_metadata(&stale.access_token, entry.clone()), TokenExpired),
        row("metadata: from an unlisted page", world.change_metadata(token, entry).header("origin", unlisted), OriginNotAllowed),

        row("detections: wrong method", world.get("/sdk/v1/detections"), MethodNotAllowed),
        row("detections: no credentials", world.post("/sdk/v1/detections"), CredentialsMissing),
        row("detections: an API key", world.upload(good, json!([])), ApiKeyNotAccepted),
        row("detections: no list", world.upload(token, json!({})), MalformedRequest),
        row("detections: nothing in one", world.upload(token, json!([{ "id": "0".repeat(32), "time": 0 }])), MalformedRequest),
        row("detections: a body over 64 KiB", world.upload(token, json!(["x".repeat(66_000)])), PayloadTooLarge),
        row("detections: a displaced device", world.upload(&displaced.access_token, json!([])), UserDisabledRemotely),
        row("detections: an expired token", world.upload(&stale.access_token, json!([])), TokenExpired),
        row("detections: from an unlisted page", world.upload(token, json!([])).header("origin", unlisted), OriginNotAllowed),

        row("read detections: wrong method", world.post(&some_detections), MethodNotAllowed),
        row("read detections: no credentials", world.get(&some_detections), CredentialsMissing),
        row("read detections: another user's token", world.get(&some_detections).bearer_auth(&bob.access_token), AccessDenied),
        row("read detections: me, with an API key", world.get(own_detections).bearer_auth(good), ApiKeyNotAccepted),
        row("read detections: a wrong limit", world.get(&format!("{some_detections}?limit=0")).bearer_auth(good), MalformedRequest),
        row("read detections: an API key in a page", world.get(&some_detections).bearer_auth(good).header("origin", listed), BrowserNotAllowed),

        row("refresh: wrong method", world.get("/sdk/v1/token"), MethodNotAllowed),
        row("refresh: an empty object", world.post("/sdk/v1/token").json(&json!({})), MalformedRequest),
        row("refresh: a short idempotency key", world.post("/sdk/v1/token").json(&json!({ "refresh_token": alice.refresh_token, "idempotency_key": "a" })), MalformedRequest),
        row("refresh: any text as token", world.refresh_with("srt_x"), TokenInvalid),
        row("refresh: an access token", world.refresh_with(token), TokenInvalid),
        row("refresh: a token that was exchanged", world.refresh_with(&spent.refresh_token), RefreshTokenUsed),
        row("refresh: a displaced device", world.refresh_with(&displaced.refresh_token), UserDisabledRemotely),
        row("refresh: after goodbye", world.refresh_with(&ended.refresh_token), SessionEnded),
        row("refresh: a deleted user", world.refresh_with(&deleted.refresh_token), UserDeleted),
        row("refresh: from an unlisted page", world.refresh_with(&alice.refresh_token).header("origin", unlisted), OriginNotAllowed),

        row("config: wrong method", world.post("/sdk/v1/config"), MethodNotAllowed),
        row("config: no credentials", world.get("/sdk/v1/config"), CredentialsMissing),
        row("config: an API key", world.config(good), ApiKeyNotAccepted),
        row("config: an API key in a page", world.config(good).header("origin", listed), BrowserNotAllowed),
        row("config: any text as token", world.config("sat_x"), TokenInvalid),
        row("config: a refresh token", world.config(&alice.refresh_token), TokenInvalid),
        row("config: after goodbye", world.config(&ended.access_token), SessionEnded),
        row("config: a deleted user", world.config(&deleted.access_token), UserDeleted),
        row("config: from an unlisted page", world.config(token).header("origin", unlisted), OriginNotAllowed),

        row("reset: wrong method", world.get("/sdk/v1/reset"), MethodNotAllowed),
        row("reset: no credentials", world.post("/sdk/v1/reset"), CredentialsMissing),
        row("reset: an API key", world.reset(good), ApiKeyNotAccepted),
        row("reset: an unknown token", world.reset("sat_x"), TokenInvalid),
        row("reset: a deleted user", world.reset(&deleted.access_token), UserDeleted),
        row("reset: from an unlisted page", world.reset(token).header("origin", unlisted), OriginNotAllowed),

        row("me: wrong method", world.post("/v2/users/me"), MethodNotAllowed),
        row("me: no credentials", world.get("/v2/users/me"), CredentialsMissing),
        row("me: an API key", world.me(good), ApiKeyNotAccepted),
        row("me: an unknown token", world.me("sat_x"), TokenInvalid),
        row("me: an expired token", world.me(&stale.access_token), TokenExpired),
        row("me: a displaced device", world.me(&displaced.access_token), UserDisabledRemotely),
        row("me: after goodbye", world.me(&ended.access_token), SessionEnded),
        row("me: a deleted user", world.me(&deleted.access_token), UserDeleted),

        row("profile: wrong method", world.post(&alices), MethodNotAllowed),
        row("profile: no credentials", world.get(&alices), CredentialsMissing),
        row("profile: another user's token", world.get(&bobs).bearer_auth(token), AccessDenied),
        row("profile: a damaged key", world.get(&alices).bearer_auth(&damaged_key), ApiKeyMalformed),
        row("profile: a key without the scope", world.get(&alices).bearer_auth(&world.broken_key), InternalError),
        row("profile: nobody", world.get(&nobodys).bearer_auth(good), UserNotFound),
        row("profile: not a user id", world.get("/v2/users/alice").bearer_auth(good), UserNotFound),
        row("profile: an API key in a page", world.get(&alices).bearer_auth(good).header("sec-fetch-site", "cross-site"), BrowserNotAllowed),

        row("delete: wrong method", world.get(&delete_alice), MethodNotAllowed),
        row("delete: no credentials", world.delete(&delete_alice), CredentialsMissing),
        row("delete: another user's token", world.delete(&delete_bob).bearer_auth(token), AccessDenied),
        row("delete: a key without the scope", world.delete(&delete_alice).bearer_auth(&world.weak_key), InsufficientScope),
        row("delete: a revoked key", world.delete(&delete_alice).bearer_auth(&world.revoked_key), ApiKeyRevoked),
        row("delete: nobody", world.delete(&delete_nobody).bearer_auth(good), UserNotFound),
        row("delete: an API key in a page", world.delete(&delete_alice).bearer_auth(good).header("origin", listed), BrowserNotAllowed),
    ]
}

#[tokio::test]
async fn every_wrong_request_gets_its_answer() {
    let world = World::new().await;
    let mut seen = HashSet::new();
    for Row { what, request, expected } in table(&world) {
        let answer = Answer::to(request).await;
        let body: Value = serde_json::from_str(&answer.text).unwrap_or_default();
        assert_eq!(body["errorCode"], expected.as_str(), "{what}: {} {}", answer.status, answer.text);
        answer.refused(expected);
        seen.insert(expected);
    }

    // What a table of requests cannot hold: an install of another user, a body that never ends, a closed database.
    let code = world.platform.server.code("carol").await;
    world.alice.exchange(&code, &key()).await.refused(InstallConflict);
    assert!(stalled_body(&world.platform.url).await.contains(RequestTimeout.as_str()));
    world.alice.own_profile().await.ok();
    world.platform.store.close().await;
    let closed = world.platform.server.ask_for_code("alice").await;
    closed.refused(Unavailable);
    assert_eq!(closed.header("retry-after"), Some("1"));
    Answer::to(world.get("/readyz")).await.refused(Unavailable);
    assert_eq!(Answer::to(world.get("/healthz")).await.text, "ok", "the process itself lives");
    seen.extend([InstallConflict, RequestTimeout, Unavailable]);

    let missing: Vec<_> =
        ErrorCode::ALL.iter().filter(|code| !seen.contains(code) && !UNREACHABLE.contains(code)).collect();
    assert!(missing.is_empty(), "codes that no line of the table shows: {missing:?}");
}

/// Sends half a body and waits for the answer.
async fn stalled_body(url: &str) -> String {
    let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).await.unwrap();
    let head = "POST /sdk/v1/token HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
                content-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn no_answer_repeats_what_was_sent() {
    let platform = TestPlatform::start().await;
    let request = platform.server.request(Method::POST, "/users/auth-code");
    let answer = Answer::to(request.json(&json!({ "external_id": "alice", "canary": "canary" }))).await;
    answer.refused(MalformedRequest);
    let request = platform.server.request(Method::POST, "/users/auth-code");
    let wrong_type = Answer::to(request.json(&json!({ "external_id": { "canary": "canary" } }))).await;
    wrong_type.refused(MalformedRequest);
    for answer in [answer, wrong_type] {
        assert!(!answer.text.contains("canary"), "{}", answer.text);
    }
}
