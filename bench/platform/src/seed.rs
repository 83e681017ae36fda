//! Fills a database with users in bulk, as if they had come one by one over the last days.

use anyhow::Context;
use rusqlite::Connection;
use std::path::Path;

/// Into the newest application. The ids are random, so that rows come in no order, as they do in life. One user in a
/// thousand has 20 installs.
const SEED: &str = "
    create temporary table seeds as
    with recursive counter (n) as (select 1 union all select n + 1 from counter where n < ?1)
    select app_id, lower(hex(randomblob(12))) as user_id, n, (unixepoch() - n % 864000) * 1000 as at
    from (select app_id from applications order by created_at desc limit 1), counter";
const DEVICES: &str = "
    create temporary table devices as
    with recursive copies (copy) as (select 1 union all select copy + 1 from copies where copy < 20)
    select app_id, user_id, lower(hex(randomblob(16))) as install_id, copy, at
    from seeds, copies where copy = 1 or n % 1000 = 0";
const ROWS: &str = "
    insert into users (app_id, user_id, external_id, created_at)
    select app_id, user_id, 'seed ' || user_id, at from seeds order by app_id, user_id;
    insert into installs (app_id, install_id, user_id, status, family, generation, device_class,
        device_class_source, os, model, sdk_version, sdk_runtime, created_at, updated_at, expires_at)
    select app_id, install_id, user_id, case copy when 1 then 'active' else 'inactive' end, randomblob(32), 1, 'phone',
        'user_agent', 'android', 'Pixel 9', '0.1.0', 'browser', at, at, at + 15552000000
    from devices order by app_id, user_id;
    insert into token_pairs (app_id, install_id, generation, status, access_hash, refresh_hash, access_expires_at,
        refresh_expires_at)
    select app_id, install_id, 1, 'current', randomblob(32), randomblob(32), at + 86400000, at + 15552000000
    from devices order by app_id, install_id;
    insert into audit_events (app_id, kind, user_id, install_id, actor, actor_id, address, request, occurred_at)
    select app_id, 'user_created', user_id, install_id, 'install', install_id, '203.0.113.7', lower(hex(randomblob(18))), at
    from devices where copy = 1 order by at;";

pub(crate) fn fill(database: &Path, users: u32) -> anyhow::Result<()> {
    let connection = Connection::open(database)?;
    // Nothing of it would be missed.
    connection.execute_batch("pragma synchronous = off; pragma foreign_keys = off; begin")?;
    connection.execute(SEED, (users,)).context("users")?;
    connection.execute(DEVICES, ()).context("devices")?;
    connection.execute_batch(ROWS)?;
    connection.execute_batch("commit; pragma wal_checkpoint(truncate)").or_else(|error| match error {
        // The checkpoint tells a row.
        rusqlite::Error::ExecuteReturnedResults => Ok(()),
        error => Err(error),
    })?;
    Ok(())
}
