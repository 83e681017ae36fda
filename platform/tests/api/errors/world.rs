//! What the requests of the table are made of: devices and keys in every state that matters.

use crate::support::{Command, Sdk, TestPlatform, key};
use reqwest::{Client, Method, RequestBuilder};
use sentiance_platform::http::Settings;
use serde_json::{Value, json};
use std::time::Duration;

/// Everything that the requests are made of.
pub(super) struct World {
    pub(super) platform: TestPlatform,
    pub(super) http: Client,
    /// An API key without the scope `user.link`.
    pub(super) weak_key: String,
    pub(super) revoked_key: String,
    pub(super) expired_key: String,
    /// An API key whose row no state machine can be in.
    pub(super) broken_key: String,
    pub(super) alice: Sdk,
    pub(super) bob: Sdk,
    /// Has an expired access token.
    pub(super) stale: Sdk,
    /// Was displaced by another device.
    pub(super) displaced: Sdk,
    /// Said goodbye.
    pub(super) ended: Sdk,
    /// Has a deleted user.
    pub(super) deleted: Sdk,
    /// Holds a refresh token that was exchanged.
    pub(super) spent: Sdk,
    /// Has a user who is not linked.
    pub(super) unlinked: Sdk,
    /// Has a user who was not linked, and is disabled.
    pub(super) disabled: Sdk,
    /// Has a user who was linked by the install.
    pub(super) linked: Sdk,
    pub(super) used_code: String,
    /// A code of a user who exists.
    pub(super) alices_code: String,
    /// A code of a user who does not.
    pub(super) new_code: String,
    /// An API key of an application that does not allow linking by installs.
    pub(super) strict_key: String,
    /// An API key of another application.
    pub(super) other_key: String,
}

impl World {
    pub(super) async fn new() -> Self {
        let settings = Settings { arrival_deadline: Duration::from_secs(2), ..Settings::default() };
        let platform = TestPlatform::start_with(settings).await;
        let (command, app) = (platform.command(), platform.app_id.clone());
        let short = ["api-key", "create", "--app", &app, "--scope", "user.link", "--expires-in-days", "1"];
        let expired_key = Command::value_of(&command.run(&short), "api key: ");
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
        let strict = Command::value_of(&strict, "app id: ");
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

    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.platform.url))
    }

    pub(super) fn post(&self, path: &str) -> RequestBuilder {
        self.request(Method::POST, path)
    }

    pub(super) fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    pub(super) fn delete(&self, path: &str) -> RequestBuilder {
        self.request(Method::DELETE, path)
    }

    pub(super) fn ask_for_code(&self, key: &str) -> RequestBuilder {
        self.post("/users/auth-code").bearer_auth(key).json(&json!({ "external_id": "alice" }))
    }

    pub(super) fn ask_for_code_with(&self, body: &Value) -> RequestBuilder {
        self.post("/users/auth-code").bearer_auth(&self.platform.server.secret).json(body)
    }

    /// A creation with a used code and one field changed: whatever is checked first shows.
    pub(super) fn create_with(&self, path: &[&str], value: Value) -> RequestBuilder {
        let mut body = self.platform.sdk().creation(&self.used_code, &key());
        let (last, parents) = path.split_last().unwrap();
        let parent = parents.iter().fold(&mut body, |body, name| &mut body[*name]);
        parent[*last] = value;
        self.post("/sdk/v1/users").json(&body)
    }

    /// A creation by credentials that are right but for one field.
    pub(super) fn create_unlinked_with(&self, field: &str, value: Value) -> RequestBuilder {
        let mut credentials = self.platform.credentials(false);
        credentials[field] = value;
        let body = self.platform.sdk().unlinked_creation(&credentials, &key());
        self.post("/sdk/v1/users").json(&body)
    }

    pub(super) fn link(&self, install: &str, key: &str) -> RequestBuilder {
        self.post(&format!("/v2/users/{install}/link"))
            .bearer_auth(key)
            .json(&json!({ "external_id": "alice" }))
    }

    pub(super) fn link_by_code(&self, token: &str, code: &str) -> RequestBuilder {
        self.post("/sdk/v1/link").bearer_auth(token).json(&json!({ "authentication_code": code }))
    }

    pub(super) fn confirm(&self, token: &str) -> RequestBuilder {
        self.post("/sdk/v1/link/confirm").bearer_auth(token).json(&json!({}))
    }

    pub(super) fn change_metadata(&self, token: &str, entry: Value) -> RequestBuilder {
        let body = json!({ "revision": 1, "entries": [entry] });
        self.request(Method::PATCH, "/sdk/v1/metadata").bearer_auth(token).json(&body)
    }

    pub(super) fn upload(&self, token: &str, detections: Value) -> RequestBuilder {
        self.post("/sdk/v1/detections").bearer_auth(token).json(&json!({ "detections": detections }))
    }

    pub(super) fn refresh_with(&self, token: &str) -> RequestBuilder {
        self.post("/sdk/v1/token").json(&json!({ "refresh_token": token, "idempotency_key": key() }))
    }

    pub(super) fn me(&self, token: &str) -> RequestBuilder {
        self.get("/v2/users/me").bearer_auth(token)
    }

    pub(super) fn config(&self, token: &str) -> RequestBuilder {
        self.get("/sdk/v1/config").bearer_auth(token)
    }

    pub(super) fn reset(&self, token: &str) -> RequestBuilder {
        self.post("/sdk/v1/reset").bearer_auth(token)
    }
}
