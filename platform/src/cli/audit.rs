//! `platform audit`: what happened to users, installs, keys and applications, and who did it.

use super::{Database, Problem, app::parse_app_id, now, output, user::parse_user_id};
use crate::{
    clock::Timestamp,
    domain::ListAuditEvents,
    model::{AppId, AuditEvent, UserId},
};
use clap::{Args, Subcommand};
use serde::Serialize;
use std::time::SystemTime;

#[derive(Debug, Subcommand)]
pub(super) enum AuditTask {
    /// Lists the newest events of an application, the newest last.
    #[command(after_help = "Example:\n  platform audit list --app 5f0c… --user 66a1… --since 7d --json")]
    List(List),
}

#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    database: Database,
    /// The application's id.
    #[arg(long, value_parser = parse_app_id)]
    app: AppId,
    /// Only those of this user.
    #[arg(long, value_parser = parse_user_id)]
    user: Option<UserId>,
    /// Only those since then: a time such as 2030-01-31T12:00:00Z, or how long ago, such as 7d or 12h.
    #[arg(long, value_parser = parse_since, value_name = "TIME")]
    since: Option<Timestamp>,
    /// How many, at most.
    #[arg(long, default_value_t = 100, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// One JSON object in each line.
    #[arg(long)]
    json: bool,
}

impl AuditTask {
    pub(super) async fn run(self) -> Result<(), Problem> {
        let AuditTask::List(List { database, app, user, since, limit, json }) = self;
        let store = database.open_to_read().await?;
        let work =
            ListAuditEvents { app_id: app, user_id: user, since: since.unwrap_or(Timestamp(0)), limit };
        let events = store.read(work).await?;
        store.close().await;
        for event in &events {
            let line = Line::of(event);
            if json {
                let json = serde_json::to_string(&line).map_err(|error| Problem(error.to_string()))?;
                output::line(json)?;
            } else {
                output::line(line.in_words())?;
            }
        }
        Ok(())
    }
}

/// An event as it is shown.
#[derive(Serialize)]
struct Line<'a> {
    time: String,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    install_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<&'a str>,
    by: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    by_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    reference: Option<&'a str>,
}

impl<'a> Line<'a> {
    fn of(event: &'a AuditEvent) -> Self {
        let (by, by_id) = event.actor.parts();
        Line {
            time: event.occurred_at.to_iso8601(),
            kind: event.kind.as_str(),
            user_id: event.user_id.as_ref().map(UserId::as_str),
            install_id: event.install_id.as_ref().map(|install| install.as_str()),
            key_id: event.key_id.as_ref().map(|key| key.as_str()),
            by,
            by_id,
            address: event.trace.address.map(|address| address.to_string()),
            reference: event.trace.request.as_deref(),
        }
    }

    /// Time, kind, and whatever else is known, each with its name.
    fn in_words(&self) -> String {
        let mut line = format!("{}\t{}", self.time, self.kind);
        let by = self.by_id.map_or(self.by.to_owned(), |id| format!("{}:{id}", self.by));
        let fields = [
            ("user", self.user_id),
            ("install", self.install_id),
            ("key", self.key_id),
            ("by", Some(&*by)),
            ("address", self.address.as_deref()),
            ("ref", self.reference),
        ];
        for (name, value) in fields {
            if let Some(value) = value {
                line.extend(["\t", name, "=", value]);
            }
        }
        line
    }
}

fn parse_since(text: &str) -> Result<Timestamp, String> {
    if let Ok(span) = humantime::parse_duration(text) {
        return Ok(now().minus(span));
    }
    let time = humantime::parse_rfc3339_weak(text)
        .map_err(|_| "must be a time such as 2030-01-31T12:00:00Z, or how long ago, such as 7d".to_owned())?;
    let span = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Ok(Timestamp(0).plus(span))
}
