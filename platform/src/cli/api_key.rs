//! `platform api-key`: the keys of an application's servers.

use super::{
    Database, Problem, RANDOM,
    app::{parse_app_id, parse_name},
    close_when_gone, now, output,
};
use crate::{
    clock::Timestamp,
    domain::{CreateApiKey, ListApiKeys, RevokeApiKey},
    model::{ApiKeyRecord, ApiKeyState, AppId, KeyId, Scope},
    secret::{ApiKey, Plain},
    store::Store,
};
use clap::Subcommand;
use std::time::Duration;

#[derive(Debug, Subcommand)]
pub(super) enum ApiKeyTask {
    /// Adds a key and prints it: the only time that it is shown.
    #[command(
        after_help = "Example:\n  platform api-key create --app 5f0c… --scope user.link --scope user.read --name backend"
    )]
    Create {
        #[command(flatten)]
        database: Database,
        /// The application's id.
        #[arg(long, value_parser = parse_app_id)]
        app: AppId,
        /// What the key may do: user.read, user.delete or user.link; repeat it for more.
        #[arg(long = "scope", value_name = "SCOPE", required = true)]
        scopes: Vec<Scope>,
        /// What to call it.
        #[arg(long, value_parser = parse_name)]
        name: Option<String>,
        /// How long it works.
        #[arg(long, default_value_t = 365, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=3650))]
        expires_in_days: u32,
    },
    /// Lists the keys of an application, without their secrets.
    #[command(after_help = "Example:\n  platform api-key list --app 5f0c…")]
    List {
        #[command(flatten)]
        database: Database,
        /// The application's id.
        #[arg(long, value_parser = parse_app_id)]
        app: AppId,
    },
    /// Revokes a key. When it returns, no request with the key can have an effect any more.
    #[command(after_help = "Example:\n  platform api-key revoke --app 5f0c… 9b1d…")]
    Revoke {
        #[command(flatten)]
        database: Database,
        /// The application's id.
        #[arg(long, value_parser = parse_app_id)]
        app: AppId,
        /// The key's id, as `api-key list` shows it.
        #[arg(value_parser = parse_key_id)]
        key: KeyId,
    },
}

impl ApiKeyTask {
    pub(super) async fn run(self) -> Result<(), Problem> {
        match self {
            ApiKeyTask::Create { database, app, scopes, name, expires_in_days } => {
                let scopes = Scope::ALL.into_iter().filter(|scope| scopes.contains(scope)).collect();
                let expires_at = now().plus(days(expires_in_days));
                let store = database.open().await?;
                let name = name.unwrap_or_default();
                let (key_id, secret) = create(&store, app, scopes, name, expires_at).await?;
                store.close().await;
                output::line(format_args!("key id: {key_id}"))?;
                output::line(format_args!("api key: {}", secret.reveal()))
            }
            ApiKeyTask::List { database, app } => {
                let store = database.open_to_read().await?;
                let keys = store.read(ListApiKeys(app)).await?;
                store.close().await;
                keys.iter().try_for_each(|key| output::line(in_one_line(key, now())))
            }
            ApiKeyTask::Revoke { database, app, key } => {
                let store = database.open().await?;
                store.write(RevokeApiKey { app_id: app, key_id: key.clone(), now: now() }).await?;
                let gone = close_when_gone(&store).await;
                output::line(format_args!("revoked {key}"))?;
                gone
            }
        }
    }
}

/// Adds a key; gives its id and its secret.
pub(super) async fn create(
    store: &Store,
    app_id: AppId,
    scopes: Vec<Scope>,
    name: String,
    expires_at: Timestamp,
) -> Result<(KeyId, Plain<ApiKey>), Problem> {
    let secret = Plain::<ApiKey>::generate(&RANDOM);
    let key_id = KeyId::generate(&RANDOM);
    let record = ApiKeyRecord {
        app_id,
        key_id: key_id.clone(),
        name,
        scopes,
        hint: secret.hint(),
        created_at: now(),
        expires_at,
        state: ApiKeyState::Valid,
    };
    store.write(CreateApiKey { record, hash: secret.hash() }).await?;
    Ok((key_id, secret))
}

pub(super) fn days(count: u32) -> Duration {
    Duration::from_secs(u64::from(count) * 24 * 60 * 60)
}

fn parse_key_id(text: &str) -> Result<KeyId, String> {
    KeyId::parse(text).ok_or_else(|| "a key's id is 16 lower-case hex digits".to_owned())
}

fn in_one_line(key: &ApiKeyRecord, now: Timestamp) -> String {
    let scopes: Vec<_> = key.scopes.iter().copied().map(Scope::as_str).collect();
    let state = match key.state {
        ApiKeyState::Revoked(at) => format!("revoked {}", at.to_iso8601()),
        ApiKeyState::Valid if key.expires_at <= now => format!("expired {}", key.expires_at.to_iso8601()),
        ApiKeyState::Valid => format!("valid until {}", key.expires_at.to_iso8601()),
    };
    let (id, hint, scopes) = (&key.key_id, &key.hint, scopes.join(" "));
    format!("{id}\t…{hint}\t{scopes}\t{state}\t{}", output::in_one_column(&key.name))
}
