//! What it costs the platform to forget what is too old, which it does by itself.

use crate::{
    accounting::{Cost, now},
    database::Engine,
    seed,
    server::Server,
};
use anyhow::ensure;
use std::{path::Path, time::Duration};
use tokio::time::sleep;

/// About twice as many rows are due.
const SEEDS: u32 = 10_000;
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
const DEADLINE: Duration = Duration::from_secs(300);

/// The cost of one row, with the start of the platform, which is when it begins.
pub(crate) async fn measure(binary: &Path, engine: Engine, users: u32) -> anyhow::Result<Cost> {
    let (began, mut due) = (now(), 0);
    let server = Server::start(binary, engine, |database| {
        seed::users(database, users)?;
        due = seed::due(database, SEEDS)?;
        Ok(())
    })
    .await?;
    let (platform, database) = server.usage()?;
    let nothing = (platform.of_nothing(), database);
    while seed::left(server.database())? > 0 {
        ensure!(began.elapsed() < DEADLINE, "the platform does not forget what is too old");
        sleep(LOOK_INTERVAL).await;
    }
    let usage = server.usage()?;
    server.stop().await?;
    Ok(Cost::of_many(&nothing, &usage, due as usize))
}
