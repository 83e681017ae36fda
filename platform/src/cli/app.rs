//! `platform app`: applications.

use super::{Database, Problem, RANDOM, close_when_gone, now, output, serve::parse_lifetime};
use crate::{
    domain::{CreateApplication, ListApplications, SetAppSecret, SetRetention},
    model::{AppId, Application, Origin, Retention},
    secret::{AppSecret, Plain},
    store::Store,
};
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(super) enum App {
    /// Adds an application and prints its secret: the only time that it is shown.
    #[command(after_help = "Example:\n  platform app create --name Rides --origin https://rides.example.com")]
    Create {
        #[command(flatten)]
        database: Database,
        /// What to call it.
        #[arg(long, value_parser = parse_name)]
        name: String,
        /// The origin of pages that may call the SDK's endpoints; repeat it for more.
        #[arg(long = "origin", value_name = "ORIGIN")]
        origins: Vec<Origin>,
        /// Refuses `POST /v2/users/:install_id/link`: no server links this application's users by their installs.
        #[arg(long)]
        no_user_linking: bool,
    },
    /// Replaces an application's secret and prints the new one: the only time that it is shown.
    #[command(after_help = "Example:\n  platform app rotate-secret --app 5f0c…")]
    RotateSecret {
        #[command(flatten)]
        database: Database,
        /// The application's id.
        #[arg(long, value_parser = parse_app_id)]
        app: AppId,
    },
    /// Sets how long an application's detections are kept. What is older is removed for good, while a server runs.
    #[command(after_help = "Example:\n  platform app set-retention --app 5f0c… --detections 90d")]
    SetRetention {
        #[command(flatten)]
        database: Database,
        /// The application's id.
        #[arg(long, value_parser = parse_app_id)]
        app: AppId,
        /// How long: a time such as 90d, forever, or default for what the server's --detections-retention says.
        #[arg(long, value_name = "TIME", value_parser = parse_retention)]
        detections: Retention,
    },
    /// Lists all applications with their origins.
    #[command(after_help = "Example:\n  platform app list")]
    List {
        #[command(flatten)]
        database: Database,
    },
}

impl App {
    pub(super) async fn run(self) -> Result<(), Problem> {
        match self {
            App::Create { database, name, origins, no_user_linking } => {
                let store = database.open_or_create().await?;
                let (app_id, secret) = create(&store, name, origins, !no_user_linking).await?;
                store.close().await;
                output::line(format_args!("app id: {app_id}"))?;
                output::line(format_args!("app secret: {}", secret.reveal()))
            }
            App::RotateSecret { database, app } => {
                let store = database.open().await?;
                let secret = Plain::<AppSecret>::generate(&RANDOM);
                store.write(SetAppSecret { app_id: app, secret: secret.hash(), now: now() }).await?;
                // It is shown whatever comes: the one before creates no users any more.
                let gone = close_when_gone(&store).await;
                output::line(format_args!("app secret: {}", secret.reveal()))?;
                gone
            }
            App::SetRetention { database, app, detections } => {
                let store = database.open().await?;
                store.write(SetRetention { app_id: app, retention: detections, now: now() }).await?;
                store.close().await;
                Ok(())
            }
            App::List { database } => {
                let store = database.open_to_read().await?;
                let listed = store.read(ListApplications).await?;
                store.close().await;
                for (app, origins) in listed {
                    let created_at = app.created_at.to_iso8601();
                    let origins = origins.join(" ");
                    let name = output::in_one_column(&app.name);
                    output::line(format_args!("{}\t{name}\t{created_at}\t{origins}", app.app_id))?;
                }
                Ok(())
            }
        }
    }
}

/// Adds an application; gives its id and its secret.
pub(super) async fn create(
    store: &Store,
    name: String,
    origins: Vec<Origin>,
    user_linking: bool,
) -> Result<(AppId, Plain<AppSecret>), Problem> {
    let app_id = AppId::generate(&RANDOM);
    let secret = Plain::<AppSecret>::generate(&RANDOM);
    let application = Application { app_id: app_id.clone(), name, created_at: now(), user_linking };
    store.write(CreateApplication { application, secret: secret.hash(), origins }).await?;
    Ok((app_id, secret))
}

/// Reads from the command line how long something is kept.
pub(super) fn parse_retention(text: &str) -> Result<Retention, String> {
    match text {
        "default" => Ok(Retention::Default),
        "forever" => Ok(Retention::Forever),
        text => parse_lifetime(text).map(Retention::For),
    }
}

/// Reads an application's id from the command line.
pub(super) fn parse_app_id(text: &str) -> Result<AppId, String> {
    AppId::parse(text).ok_or_else(|| "an application's id is 24 lower-case hex digits".to_owned())
}

/// The longest name, in characters.
const NAME_MAX_CHARS: usize = 100;

/// A name that fits into one line of a list, and shows what it is.
pub(super) fn parse_name(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("a name must not be empty".to_owned());
    }
    if let Some(odd) = text.chars().find(|character| output::breaks_a_line(*character)) {
        return Err(format!("a name is one line of text: it must not hold {}", odd.escape_unicode()));
    }
    let length = text.chars().count();
    if length > NAME_MAX_CHARS {
        return Err(format!("a name has at most {NAME_MAX_CHARS} characters, and this one has {length}"));
    }
    Ok(text.to_owned())
}
