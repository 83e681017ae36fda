//! What an operator's commands cost, each a process of its own beside the server.

use crate::{
    accounting::{Cost, Usage, now},
    caller::{Caller, new_id, string},
    server::Server,
};
use serde_json::json;

/// A process takes much longer than a request.
const MOST_COMMANDS: usize = 200;

/// Disables one user after the other.
pub(crate) async fn disable(server: &Server, requests: usize) -> anyhow::Result<Cost> {
    let mut caller = Caller::connect(server.address()).await?;
    let mut users = Vec::new();
    for _ in 0..requests.min(MOST_COMMANDS) {
        let code = caller.code(server.api_key(), &new_id()).await?;
        let created = caller.create(&json!({ "authentication_code": code }), &new_id()).await?;
        users.push(string(&created, "/user_id")?);
    }
    let (before, database) = (Usage::of_children()?, server.database().usage()?);
    let mut waited = Vec::new();
    for user in &users {
        let began = now();
        server.command(&["user", "disable", "--app", &server.app().id, user]).await?;
        waited.push(began.elapsed());
    }
    let after = Usage::of_children()?;
    // The database's own process for a command ends with it, so that what it used is not known.
    let unknown = (database.of_nothing(), database.of_nothing());
    Ok(Cost::of_requests(&(before, unknown.0), &(after, unknown.1), waited))
}
