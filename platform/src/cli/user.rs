//! `platform user`: users.

use super::{Database, Problem, app::parse_app_id, now, output};
use crate::{
    domain::{DeleteUser, Lifetimes, RemoveLeftovers, SetUserState, ShowUser},
    model::{Actor, AppId, EndReason, Install, InstallStatus, Trace, User, UserId, UserState},
};
use clap::{Args, Subcommand};
use std::time::Duration;
use tokio::time::sleep;

/// Between two batches of a deletion.
const PAUSE: Duration = Duration::from_millis(20);

#[derive(Debug, Subcommand)]
pub(super) enum UserTask {
    /// Shows a user and the user's installs.
    #[command(after_help = "Example:\n  platform user show --app 5f0c… 66a1…")]
    Show(Subject),
    /// Disables a user: the SDK keeps the user id, but may do nothing.
    #[command(after_help = "Example:\n  platform user disable --app 5f0c… 66a1…")]
    Disable(Subject),
    /// Enables a user again.
    #[command(after_help = "Example:\n  platform user enable --app 5f0c… 66a1…")]
    Enable(Subject),
    /// Deletes a user with all data, for good.
    #[command(after_help = "Example:\n  platform user delete --app 5f0c… 66a1…")]
    Delete(Subject),
}

/// Which user a command is about.
#[derive(Debug, Args)]
pub(super) struct Subject {
    #[command(flatten)]
    database: Database,
    /// The application's id.
    #[arg(long, value_parser = parse_app_id)]
    app: AppId,
    /// The Sentiance user id.
    #[arg(value_parser = parse_user_id)]
    user: UserId,
}

impl UserTask {
    pub(super) async fn run(self) -> Result<(), Problem> {
        match self {
            UserTask::Show(Subject { database, app, user }) => {
                let store = database.open_to_read().await?;
                let (user, installs) = store.read(ShowUser { app_id: app, user_id: user }).await?;
                store.close().await;
                show(&user, &installs)
            }
            UserTask::Disable(subject) => subject.set(UserState::Disabled(now()), "disabled").await,
            UserTask::Enable(subject) => subject.set(UserState::Enabled, "enabled").await,
            UserTask::Delete(Subject { database, app, user }) => {
                let store = database.open().await?;
                let work = DeleteUser {
                    app_id: app,
                    user_id: user.clone(),
                    tombstones_for: Lifetimes::default().refresh_token,
                    by: Actor::Operator,
                    trace: Trace::default(),
                    now: now(),
                };
                let leftovers = RemoveLeftovers { tombstones_for: work.tombstones_for };
                store.write(work).await?;
                // No server may be there that would do it. In batches: one that is there goes on writing.
                while store.write(leftovers.clone()).await? {
                    sleep(PAUSE).await;
                }
                store.close().await;
                output::line(format_args!("deleted {user}"))
            }
        }
    }
}

impl Subject {
    async fn set(self, state: UserState, done: &str) -> Result<(), Problem> {
        let store = self.database.open().await?;
        let work = SetUserState {
            app_id: self.app,
            user_id: self.user.clone(),
            state,
            by: Actor::Operator,
            trace: Trace::default(),
            now: now(),
        };
        store.write(work).await?;
        store.close().await;
        output::line(format_args!("{done} {}", self.user))
    }
}

fn show(user: &User, installs: &[Install]) -> Result<(), Problem> {
    output::line(format_args!("user id: {}", user.user_id))?;
    match &user.external_id {
        Some(external_id) => output::line(format_args!("external id: {}", external_id.as_str()))?,
        None => output::line("external id: none, the user is not linked")?,
    }
    output::line(format_args!("created: {}", user.created_at.to_iso8601()))?;
    match user.state {
        UserState::Enabled => output::line("state: enabled")?,
        UserState::Disabled(since) => {
            output::line(format_args!("state: disabled since {}", since.to_iso8601()))?
        }
    }
    for install in installs {
        let status = match install.status {
            InstallStatus::Active => "active",
            InstallStatus::Inactive => "inactive",
            InstallStatus::Ended(EndReason::Reset) => "ended by reset",
            InstallStatus::Ended(EndReason::TokenReuse) => "ended, a stolen token was used",
            InstallStatus::Ended(EndReason::Expired) => "ended, not used for too long",
        };
        let class = install.device.class.as_str();
        let os = install.device.os.as_deref().unwrap_or("unknown system");
        let runtime = &install.sdk.runtime;
        output::line(format_args!("install: {}\t{status}\t{class}\t{os}\t{runtime}", install.install_id))?;
    }
    Ok(())
}

/// Reads a user's id from the command line.
pub(super) fn parse_user_id(text: &str) -> Result<UserId, String> {
    UserId::parse(text).ok_or_else(|| "a user's id is 24 lower-case hex digits".to_owned())
}
