//! Fills a platform's database with users, each on one install, for measurements: `seed_users FILE COUNT`. The users are
//! spread over the last days as if they had come one by one; their tokens are not known.

use sqlx::{Connection, SqliteConnection, raw_sql, sqlite::SqliteConnectOptions};
use std::{env::args, error::Error};

/// Into the newest application. The numbers become ids, so that rows come in no order, as they do in life.
const SEED: &str = "
    create temporary table seeds as
    with recursive counter (n) as (select 1 union all select n + 1 from counter where n < COUNT)
    select app_id, lower(hex(randomblob(12))) as user_id, lower(hex(randomblob(16))) as install_id, n,
        (unixepoch() - n % 864000) * 1000 as at
    from (select app_id from applications order by created_at desc limit 1), counter;
    insert into users (app_id, user_id, external_id, created_at)
    select app_id, user_id, 'seed ' || user_id, at from seeds order by app_id, user_id;
    insert into installs (app_id, install_id, user_id, status, family, generation, device_class,
        device_class_source, os, model, sdk_version, sdk_runtime, created_at, updated_at, expires_at)
    select app_id, install_id, user_id, 'active', randomblob(32), 1, 'phone', 'override', 'android', 'Pixel 9',
        '0.1.0', 'node', at, at, at + 15552000000 from seeds order by app_id, user_id;
    insert into token_pairs (app_id, install_id, generation, status, access_hash, refresh_hash, access_expires_at,
        refresh_expires_at)
    select app_id, install_id, 1, 'current', randomblob(32), randomblob(32), at + 86400000, at + 15552000000
    from seeds order by app_id, install_id;
    insert into audit_events (app_id, kind, user_id, install_id, actor, actor_id, occurred_at)
    select app_id, 'user_created', user_id, install_id, 'install', install_id, at from seeds order by at;";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (Some(file), Some(count)) = (args().nth(1), args().nth(2)) else {
        return Err("usage: seed_users FILE COUNT".into());
    };
    let count: u32 = count.parse()?;
    let options = SqliteConnectOptions::new().filename(file).foreign_keys(true);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let mut transaction = connection.begin_with("begin immediate").await?;
    let seed = SEED.replace("COUNT", &count.to_string());
    raw_sql(sqlx::AssertSqlSafe(seed)).execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(connection.close().await?)
}
