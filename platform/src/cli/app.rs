//! `platform app`: applications.

use super::{Database, Problem, RANDOM, now, output};
use crate::{
    domain::{CreateApplication, ListApplications},
    model::{AppId, Application, Origin},
    store::Store,
};
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(super) enum App {
    /// Adds an application.
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
            App::Create { database, name, origins } => {
                let store = database.open_or_create().await?;
                let app_id = create(&store, name, origins).await?;
                store.close().await;
                output::line(format_args!("app id: {app_id}"))
            }
            App::List { database } => {
                let store = database.open().await?;
                let listed = store.read(ListApplications).await?;
                store.close().await;
                for (app, origins) in listed {
                    let created_at = app.created_at.to_iso8601();
                    let origins = origins.join(" ");
                    output::line(format_args!("{}\t{}\t{created_at}\t{origins}", app.app_id, app.name))?;
                }
                Ok(())
            }
        }
    }
}

/// Adds an application; gives its id.
pub(super) async fn create(store: &Store, name: String, origins: Vec<Origin>) -> Result<AppId, Problem> {
    let app_id = AppId::generate(&RANDOM);
    let application = Application { app_id: app_id.clone(), name, created_at: now() };
    store.write(CreateApplication { application, origins }).await?;
    Ok(app_id)
}

/// Reads an application's id from the command line.
pub(super) fn parse_app_id(text: &str) -> Result<AppId, String> {
    AppId::parse(text).ok_or_else(|| "an application's id is 24 lower-case hex digits".to_owned())
}

/// A name that fits into one line of a list.
fn parse_name(text: &str) -> Result<String, &'static str> {
    if text.trim().is_empty() || text.chars().any(char::is_control) {
        return Err("a name is a line of text that is not empty");
    }
    Ok(text.to_owned())
}
