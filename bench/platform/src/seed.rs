//! Fills a database in bulk, with rows as requests would have left them: in the one application, with random ids, so that
//! they come in no order, as they do in life.

use crate::database::{Database, Engine};

/// Users with one device, but for one in a thousand, who has had 20.
pub(crate) fn users(database: &Database, count: u32) -> anyhow::Result<()> {
    if count == 0 {
        return Ok(());
    }
    database.run(&statements(database.engine(), count, USERS))
}

/// What the clean-up forgets: codes, audit events, and sessions of which nothing was heard for too long. Gives how many.
pub(crate) fn due(database: &Database, seeds: u32) -> anyhow::Result<u32> {
    if seeds > 0 {
        database.run(&statements(database.engine(), seeds, DUE))?;
    }
    left(database)
}

/// How much of that is left.
pub(crate) fn left(database: &Database) -> anyhow::Result<u32> {
    Ok(database.number(&with_expressions(database.engine(), LEFT))?.try_into()?)
}

const USERS: &str = "
    create temporary table devices as
    select app_id, user_id, {install_id} as install_id, copy, at
    from seeds, ({copies}) as copies where copy = 1 or n % 1000 = 0;
    insert into users (app_id, user_id, external_id, created_at)
    select app_id, user_id, 'seed ' || user_id, at from seeds order by app_id, user_id;
    insert into installs (app_id, install_id, user_id, status, family, generation, device_class,
        device_class_source, os, model, sdk_version, sdk_runtime, created_at, updated_at, expires_at)
    select app_id, install_id, user_id, case copy when 1 then 'active' else 'inactive' end, {bytes}, 1, 'phone',
        'user_agent', 'android', 'Pixel 9', '0.1.0', 'browser', at, at, at + 15552000000
    from devices order by app_id, user_id;
    insert into token_pairs (app_id, install_id, generation, status, access_hash, refresh_hash, access_expires_at,
        refresh_expires_at)
    select app_id, install_id, 1, 'current', {bytes}, {bytes}, at + 86400000, at + 15552000000
    from devices order by app_id, install_id;
    insert into audit_events (app_id, kind, user_id, install_id, actor, actor_id, address, request, occurred_at)
    select app_id, 'user_created', user_id, install_id, 'install', install_id, '203.0.113.7', {request}, at
    from devices where copy = 1 order by at;";
/// Codes and sessions of a year ago (31,536,000,000 milliseconds), and events of two. PostgreSQL takes a product of two
/// smaller numbers for one of 32 bits.
const DUE: &str = "
    insert into authentication_codes (app_id, hash, external_id, expires_at)
    select app_id, {bytes}, user_id, at - 31536000000 from seeds where n % 10 <> 0;
    insert into audit_events (app_id, kind, user_id, actor, occurred_at)
    select app_id, 'user_created', user_id, 'platform', at - 63072000000 from seeds where n % 10 <> 0;
    insert into users (app_id, user_id, external_id, created_at)
    select app_id, user_id, 'due ' || user_id, at - 31536000000 from seeds where n % 10 = 0;
    insert into installs (app_id, install_id, user_id, status, family, generation, device_class,
        device_class_source, sdk_version, sdk_runtime, created_at, updated_at, expires_at)
    select app_id, {install_id}, user_id, 'active', {bytes}, 1, 'phone', 'user_agent', '0.1.0', 'browser',
        at - 31536000000, at - 31536000000, at - 15552000000
    from seeds where n % 10 = 0;";
const LEFT: &str = "
    select (select count(*) from authentication_codes where expires_at < {now} - 8640000000)
        + (select count(*) from audit_events where occurred_at < {now} - 43200000000)
        + (select count(*) from installs where status <> 'ended' and expires_at < {now})";

/// A batch for one connection that makes seeds, the last ten days' milliseconds with them, and then the rows.
fn statements(engine: Engine, seeds: u32, rows: &str) -> String {
    // Nothing of it would be missed, and references hold.
    let (before, numbers, after) = match engine {
        Engine::Sqlite => (
            "pragma synchronous = off; pragma foreign_keys = off; pragma cache_size = -1000000; begin;",
            "with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < {seeds})
                select n from numbers",
            "commit; pragma wal_checkpoint(truncate);",
        ),
        Engine::Postgresql => (
            "set session_replication_role = replica; set synchronous_commit = off; set work_mem = '256MB';",
            "select n::bigint from generate_series(1, {seeds}) as n",
            "analyze; checkpoint;",
        ),
    };
    let numbers = numbers.replace("{seeds}", &seeds.to_string());
    let seeds = format!(
        "create temporary table seeds as
         select app_id, {{user_id}} as user_id, n, {{now}} - n % 864000 * 1000 as at from applications, ({numbers}) as numbers;"
    );
    format!("{before} {} {after}", with_expressions(engine, &(seeds + rows)))
}

/// A statement with what the engines call differently.
fn with_expressions(engine: Engine, statement: &str) -> String {
    let expressions = match engine {
        Engine::Sqlite => [
            ("{now}", "unixepoch() * 1000"),
            ("{user_id}", "lower(hex(randomblob(12)))"),
            ("{install_id}", "lower(hex(randomblob(16)))"),
            ("{request}", "lower(hex(randomblob(18)))"),
            ("{bytes}", "randomblob(32)"),
            (
                "{copies}",
                "with recursive copies (copy) as (select 1 union all select copy + 1 from copies where copy < 20)
                    select copy from copies",
            ),
        ],
        Engine::Postgresql => [
            ("{now}", "(extract(epoch from now())::bigint * 1000)"),
            ("{user_id}", "left(replace(gen_random_uuid()::text, '-', ''), 24)"),
            ("{install_id}", "replace(gen_random_uuid()::text, '-', '')"),
            ("{request}", "gen_random_uuid()::text"),
            ("{bytes}", "sha256(gen_random_uuid()::text::bytea)"),
            ("{copies}", "select copy from generate_series(1, 20) as copy"),
        ],
    };
    expressions
        .iter()
        .fold(statement.to_owned(), |statement, (name, expression)| statement.replace(name, expression))
}
