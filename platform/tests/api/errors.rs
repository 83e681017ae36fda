//! The table of errors: what is wrong with a request, and the one answer to it.

use crate::support::{Answer, Sdk, TestPlatform, key};
use reqwest::{Client, Method, RequestBuilder};
use sentiance_platform::{
    http::Settings,
    random::OsRandomness,
    secret::{ApiKey, Plain},
};
use sentiance_protocol::ErrorCode::{self, *};
use serde_json::{Value, json};
use std::{collections::HashSet, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Codes that this platform cannot be brought to answer with: it does not limit rates yet, and restoring a user leaves
/// one active install.
const UNREACHABLE: [ErrorCode; 2] = [TooManyRequests, MultipleInstallsActive];

/// One line of the table.
struct Row {
    what: &'static str,
    request: RequestBuilder,
    expected: ErrorCode,
}

/// Everything that the table's requests are made of.
struct World {
    platform: TestPlatform,
    http: Client,
    /// An API key without the scope `user.link`.
    weak_key: String,
    revoked_key: String,
    expired_key: String,
    /// An API key whose row no state machine can be in.
    broken_key: String,
    alice: Sdk,
    bob: Sdk,
    /// Has an expired access token.
    stale: Sdk,
    /// Was displaced by another device.
    displaced: Sdk,
    /// Said goodbye.
    ended: Sdk,
    /// Has a deleted user.
    deleted: Sdk,
    /// Holds a refresh token that was exchanged.
    spent: Sdk,
    /// Has a user who is not linked.
    unlinked: Sdk,
    /// Has a user who was not linked, and is disabled.
    disabled: Sdk,
    /// Has a user who was linked by the install.
    linked: Sdk,
    used_code: String,
    /// A code of a user who exists.
    alices_code: String,
    /// A code of a user who does not.
    new_code: String,
    /// An API key of an application that does not allow linking by installs.
    strict_key: String,
    /// An API key of another application.
    other_key: String,
}

impl World {
    async fn new() -> Self {
        let settings = Settings { arrival_deadline: Duration::from_millis(300), ..Settings::default() };
        let platform = TestPlatform::start_with(settings).await;
        let (command, app) = (platform.command(), platform.app_id.clone());
        let short = ["api-key", "create", "--app", &app, "--scope", "user.link", "--expires-in-days", "1"];
        let expired_key = crate::support::Command::value_of(&command.run(&short), "api key: ");
        let stale = platform.sdk_with_user("stale").await;
        platform.pass(Duration::from_secs(2 * 24 * 3600));

        let displaced = platform.sdk_with_user("moved").await;
        platform.sdk_with_user("moved").await;
        let ended = platform.sdk_with_user("ended").await;
        ended.reset().await.ok();
        let deleted = platform.sdk_with_user("deleted").await;
        platform.server.delete(&deleted.user_id).await.ok();
        let spent = platform.sdk_with_user("spent").await;
        spent.clone().refresh().await.ok();
        let unlinked = platform.sdk_with_unlinked_user(false).await;
        let disabled = platform.sdk_with_unlinked_user(false).await;
        command.run(&["user", "disable", "--app", &app, &disabled.user_id]);
        let linked = platform.sdk_with_unlinked_user(true).await;
        platform.server.link(&linked.install_id, "linked").await.ok();
        linked.confirm_link().await.ok();
        let strict = command.run(&["app", "create", "--name", "Strict", "--no-user-linking"]);
        let strict = crate::support::Command::value_of(&strict, "app id: ");
        let used_code = platform.server.code("used").await;
        platform.sdk().create_user(&used_code).await.ok();

        let revoked_key = command.create_key(&app, &["user.link"]);
        let listed = command.run(&["api-key", "list", "--app", &app]);
        let newest = listed.lines().last().unwrap().split('\t').next().unwrap().to_owned();
        command.run(&["api-key", "revoke", "--app", &app, &newest]);
        let broken_key = command.create_key(&app, &["user.delete"]);
        platform.tamper("update api_keys set scopes = 'nonsense' where scopes = 'user.delete'").await;

        World {
            weak_key: command.create_key(&app, &["user.read"]),
            revoked_key,
            expired_key,
            broken_key,
            alice: platform.sdk_with_user("alice").await,
            bob: platform.sdk_with_user("bob").await,
            stale,
            displaced,
            ended,
            deleted,
            spent,
            unlinked,
            disabled,
            linked,
            used_code,
            alices_code: platform.server.code("alice").await,
            new_code: platform.server.code("new").await,
            other_key: command.create_key(&command.create_app("Other", &[]), &["user.link"]),
            strict_key: command.create_key(&strict, &["user.link"]),
            http: Client::new(),
            platform,
        }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.platform.url))
    }

    fn post(&self, path: &str) -> RequestBuilder {
        self.request(Method::POST, path)
    }

    fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    fn delete(&self, path: &str) -> RequestBuilder {
        self.request(Method::DELETE, path)
    }

    fn ask_for_code(&self, key: &str) -> RequestBuilder {
        self.post("/users/auth-code").bearer_auth(key).json(&json!({ "external_id": "alice" }))
    }

    fn ask_for_code_with(&self, body: &Value) -> RequestBuilder {
        self.post("/users/auth-code").bearer_auth(&self.platform.server.secret).json(body)
    }

    /// A creation with a used code and one field changed: whatever is checked first shows.
    fn create_with(&self, path: &[&str], value: Value) -> RequestBuilder {
        let mut body = self.platform.sdk().creation(&self.used_code, &key());
        let (last, parents) = path.split_last().unwrap();
        let parent = parents.iter().fold(&mut body, |body, name| &mut body[*name]);
        parent[*last] = value;
        self.post("/sdk/v1/users").json(&body)
    }

    /// A creation by credentials that are right but for one field.
    fn create_unlinked_with(&self, field: &str, value: Value) -> RequestBuilder {
        let mut credentials = self.platform.credentials(false);
        credentials[field] = value;
        let body = self.platform.sdk().unlinked_creation(&credentials, &key());
        self.post("/sdk/v1/users").json(&body)
    }

    fn link(&self, install: &str, key: &str) -> RequestBuilder {
        self.post(&format!("/v2/users/{install}/link"))
            .bearer_auth(key)
            .json(&json!({ "external_id": "alice" }))
    }

    fn link_by_code(&self, token: &str, code: &str) -> RequestBuilder {
        self.post("/sdk/v1/link").bearer_auth(token).json(&json!({ "authentication_code": code }))
    }

    fn confirm(&self, token: &str) -> RequestBuilder {
        self.post("/sdk/v1/link/confirm").bearer_auth(token).json(&json!({}))
    }

    fn change_metadata(&self, token: &str, entry: Value) -> RequestBuilder {
        let body = json!({ "revision": 1, "entries": [entry] });
        self.request(Method::PATCH, "/sdk/v1/metadata").bearer_auth(token).json(&body)
    }

    fn upload(&self, token: &str, detections: Value) -> RequestBuilder {
        self.post("/sdk/v1/detections").bearer_auth(token).json(&json!({ "detections": detections }))
    }

    fn refresh_with(&self, token: &str) -> RequestBuilder {
        self.post("/sdk/v1/token").json(&json!({ "refresh_token": token, "idempotency_key": key() }))
    }

    fn me(&self, token: &str) -> RequestBuilder {
        self.get("/v2/users/me").bearer_auth(token)
    }

    fn config(&self, token: &str) -> RequestBuilder {
        self.get("/sdk/v1/config").bearer_auth(token)
    }

    fn reset(&self, token: &str) -> RequestBuilder {
        self.post("/sdk/v1/reset").bearer_auth(token)
    }
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
    let listed = crate::support::LISTED_ORIGIN;
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
