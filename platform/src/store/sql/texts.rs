//! The text of every statement, written so that SQLite and PostgreSQL both take it: `$1`, `returning`,
//! `on conflict`. Where tables are distributed by application, each statement of a request goes to one node: it names the
//! application, or reads `applications`, `application_origins` and `api_keys`, which every node can have whole.
//!
//! No statement may read more rows as an application grows. Where SQLite could choose a search by the application
//! alone, `indexed by` names the index (PostgreSQL has no such words, and does without), or `+` takes a column out of the
//! choice, and `cross join` fixes the order. On PostgreSQL no index begins with the application; those that the clean-up
//! needs are over expressions, such as `expires_at + 0`, which no other statement has. SQLite's are over the columns.
//! Planners guess without statistics, and with those of a small database they guess wrong.

use super::{Value, values::ToValue};
use crate::{
    model::AppId,
    store::detections::{Order, Start},
};

/// The text of a statement for each engine; an empty one where only the other has it.
#[derive(Debug)]
pub(in crate::store) struct Sql {
    pub(in crate::store) sqlite: &'static str,
    pub(in crate::store) postgres: &'static str,
    /// For transactions that write: the rows that are found stay as they are until the end, and no other one decides by
    /// them meanwhile. In SQLite there is one writer.
    pub(in crate::store) postgres_locking: &'static str,
}

/// Declares statements, and lists them for the tests that read the plan of each: none can be left out. One that only one
/// engine has names it in brackets.
macro_rules! statements {
    ($(
        pub const $name:ident: Sql $([$only:ident])? = $text:expr
            $(, locking $rows:literal)? $(, postgres $other:expr)?;
    )+) => {
        $( pub(in crate::store) const $name: Sql = {
            const TEXT: &str = statements!(@on sqlite $($only)?, $text);
            const OTHER: &str = statements!(@on postgres $($only)?, statements!(@other $text $(, $other)?));
            const LOCK: &str = concat!("" $(, " for no key update of ", $rows)?);
            const FOR_SQLITE: [u8; TEXT.len()] = for_sqlite(TEXT);
            const FOR_POSTGRES: [u8; OTHER.len()] = without_hints(OTHER);
            const LOCKING: [u8; OTHER.len() + LOCK.len()] = joined(&FOR_POSTGRES, LOCK);
            Sql {
                sqlite: in_ascii(&FOR_SQLITE),
                postgres: in_ascii(&FOR_POSTGRES),
                postgres_locking: in_ascii(&LOCKING),
            }
        }; )+

        #[cfg(test)]
        pub(in crate::store) const ALL: &[(&str, Sql)] = &[$( (stringify!($name), $name) ),+];
    };
    (@other $text:expr) => { $text };
    (@other $text:expr, $other:expr) => { $other };
    (@on sqlite postgres, $text:expr) => { "" };
    (@on postgres sqlite, $text:expr) => { "" };
    (@on $engine:ident $($only:ident)?, $text:expr) => { $text };
}

const fn in_ascii(text: &[u8]) -> &str {
    match str::from_utf8(text) {
        Ok(text) => text,
        Err(_) => panic!("one ASCII character was replaced by another"),
    }
}

/// The text with `?1` for `$1`, which for SQLite is a name that is numbered by where it first stands
/// (<https://sqlite.org/lang_expr.html#varparam>), and with blanks for ` + 0`, by which PostgreSQL finds an index.
const fn for_sqlite<const LENGTH: usize>(text: &str) -> [u8; LENGTH] {
    const EXPRESSION: &[u8] = b" + 0";
    let (text, mut plain, mut at) = (text.as_bytes(), [b' '; LENGTH], 0);
    while at < LENGTH {
        if starts_with(text, at, EXPRESSION) {
            at += EXPRESSION.len();
        } else {
            plain[at] = if text[at] == b'$' { b'?' } else { text[at] };
            at += 1;
        }
    }
    plain
}

/// The text with blanks for what only tells SQLite which index to take: `indexed by name`, and `+` before a column.
const fn without_hints<const LENGTH: usize>(text: &str) -> [u8; LENGTH] {
    const HINT: &[u8] = b"indexed by ";
    let (text, mut plain, mut at) = (text.as_bytes(), [b' '; LENGTH], 0);
    while at < LENGTH {
        if starts_with(text, at, HINT) {
            at += HINT.len();
            while at < LENGTH && (text[at] == b'_' || text[at].is_ascii_alphanumeric()) {
                at += 1;
            }
        } else if text[at] == b'+' && at + 1 < LENGTH && text[at + 1].is_ascii_lowercase() {
            at += 1;
        } else {
            plain[at] = text[at];
            at += 1;
        }
    }
    plain
}

const fn joined<const LENGTH: usize>(text: &[u8], end: &str) -> [u8; LENGTH] {
    let (end, mut joined, mut at) = (end.as_bytes(), [0; LENGTH], 0);
    while at < LENGTH {
        joined[at] = if at < text.len() { text[at] } else { end[at - text.len()] };
        at += 1;
    }
    joined
}

const fn starts_with(text: &[u8], at: usize, start: &[u8]) -> bool {
    let mut length = 0;
    while length < start.len() {
        if at + length >= text.len() || text[at + length] != start[length] {
            return false;
        }
        length += 1;
    }
    true
}

// In both orders, after a key or with it: a comparison of rows is one search of the index. SQLite gives row by row, and is
// not told how many bytes fit.
macro_rules! list_rows {
    ($table:literal, $columns:literal, $kind:literal, $compared:literal, $order:literal) => {
        concat!(
            "select ",
            $columns,
            " from ",
            $table,
            " where app_id = $1 and user_id = $2 and $7 >= 0",
            $kind,
            " and (time, detection_id) ",
            $compared,
            " ($4, $5) order by time ",
            $order,
            ", detection_id ",
            $order,
            " limit $6"
        )
    };
}

macro_rules! list_trips {
    ($compared:literal, $order:literal) => {
        list_rows!(
            "trips",
            "detection_id, install_id, 'trip' as kind, time, content",
            " and $3 = 'trip'",
            $compared,
            $order
        )
    };
}

// PostgreSQL sends all rows. So it counts, without reading contents that lie apart, and sends those of the first bytes, with
// the row that no longer fits.
macro_rules! list_trips_in_postgres {
    ($compared:literal, $order:literal) => {
        concat!(
            "select detection_id, install_id, 'trip' as kind, time, content from (
                select detection_id, install_id, time, content,
                    sum(octet_length(content)) over (order by time ",
            $order,
            ", detection_id ",
            $order,
            " rows unbounded preceding) as bytes
                from trips
                where app_id = $1 and user_id = $2 and $3 = 'trip' and (time, detection_id) ",
            $compared,
            " ($4, $5) order by time ",
            $order,
            ", detection_id ",
            $order,
            " limit $6) as trips
            where bytes - octet_length(content) <= $7"
        )
    };
}

macro_rules! list_old_rows {
    ($compared:literal, $order:literal) => {
        list_rows!(
            "detections",
            "detection_id, install_id, kind, time, content",
            " and kind = $3",
            $compared,
            $order
        )
    };
}

macro_rules! list_blocks {
    ($compared:literal, $order:literal) => {
        concat!(
            "select first_time, first_id, last_time, last_id, count, content from detection_blocks
            where app_id = $1 and user_id = $2 and kind = $3 and (first_time, first_id) ",
            $compared,
            " ($4, $5)
            order by first_time ",
            $order,
            ", first_id ",
            $order,
            " limit $6"
        )
    };
}

macro_rules! installs_where {
    ($condition:literal) => {
        concat!(
            "select app_id, install_id, user_id, status, end_reason, awaits_link, family, generation, app_name, app_version,
                app_origin, device_class, device_class_source, os, os_version, model, language, time_zone, sdk_version,
                sdk_runtime, created_at
            from installs where app_id = $1 and ",
            $condition
        )
    };
}

macro_rules! session_where {
    ($first:literal, $second:literal, $condition:literal) => {
        concat!(
            "select p.app_id, p.install_id, p.generation, p.status as pair_status, p.idempotency_key,
                p.first_used_at, p.access_expires_at, p.refresh_expires_at,
                i.user_id, i.family, i.status as install_status, i.end_reason, i.generation as newest_generation,
                u.disabled_at, u.external_id is not null as is_linked
            from ",
            $first,
            " cross join ",
            $second,
            " cross join users u
            where i.app_id = p.app_id and i.install_id = p.install_id
                and u.app_id = i.app_id and u.user_id = i.user_id and u.deleted_at is null and ",
            $condition
        )
    };
}

macro_rules! list_events {
    ($time:literal, $condition:literal) => {
        concat!(
            "select app_id, kind, user_id, install_id, key_id, actor, actor_id, address, request, occurred_at
            from audit_events where app_id = $1 and ",
            $time,
            " >= $2",
            $condition,
            " order by ",
            $time,
            " desc, seq desc limit $3"
        )
    };
}

statements! {
// The schema.
pub const HAS_MIGRATIONS: Sql = "select exists (select 1 from sqlite_schema where name = '_sqlx_migrations')",
    postgres "select to_regclass('schema_migrations') is not null";
pub const HAS_FOREIGN_TABLES: Sql [sqlite] = "
    select exists (select 1 from sqlite_schema)
        and not exists (select 1 from sqlite_schema where name = '_sqlx_migrations')";
// The table is that of sqlx's migrator, which earlier versions used.
pub const CREATE_MIGRATIONS: Sql = "
    create table if not exists _sqlx_migrations (
        version bigint primary key, description text not null,
        installed_on timestamp not null default current_timestamp, success boolean not null,
        checksum blob not null, execution_time bigint not null)",
    postgres "
    create table if not exists schema_migrations (
        version bigint primary key, works_since bigint not null, applied_at timestamptz not null default now())";
pub const RECORD_MIGRATION: Sql = "
    insert into _sqlx_migrations (version, description, success, checksum, execution_time)
    values ($1, $2, true, $3, $4)",
    postgres "insert into schema_migrations (version, works_since) values ($1, $2)";
pub const LIST_MIGRATIONS: Sql = "select version, checksum, success from _sqlx_migrations order by version",
    postgres "select version, works_since from schema_migrations order by version";
// Of platforms that start at once, one migrates and the others wait. Any number that no other program uses.
pub const LOCK_SCHEMA: Sql [postgres] = "select pg_advisory_xact_lock(7315934202660130)";

// Changes nothing that anybody reads, and is written and flushed like any other change.
pub const PING: Sql = "pragma user_version = 0", postgres "update pings set at = 1 where only_row = 1";

pub const IS_READ_ONLY: Sql [postgres] = "select pg_is_in_recovery() or current_setting('transaction_read_only')::boolean";

// Applications.
pub const INSERT_APPLICATION: Sql =
    "insert into applications (app_id, name, created_at, user_linking) values ($1, $2, $3, $4)";
pub const SET_APP_SECRET: Sql = "update applications set secret_hash = $2 where app_id = $1";
pub const SET_FIRST_APP_SECRET: Sql =
    "update applications set secret_hash = $2 where app_id = $1 and secret_hash is null";
pub const INSERT_ORIGIN: Sql =
    "insert into application_origins (app_id, origin) values ($1, $2) on conflict do nothing";
pub const FIND_APPLICATION: Sql =
    "select app_id, name, created_at, user_linking from applications where app_id = $1";
pub const FIND_APPLICATION_BY_CREDENTIALS: Sql =
    "select app_id, name, created_at, user_linking from applications where app_id = $1 and secret_hash = $2";
pub const LIST_APPLICATIONS: Sql =
    "select app_id, name, created_at, user_linking from applications order by created_at, app_id";
pub const LIST_ORIGINS: Sql =
    "select origin from application_origins where app_id = $1 order by origin";
pub const LISTS_ORIGIN: Sql = "select 1 from application_origins where app_id = $1 and origin = $2";
pub const ANY_LISTS_ORIGIN: Sql = "select 1 from application_origins where origin = $1 limit 1";

// API keys.
pub const INSERT_API_KEY: Sql = "
    insert into api_keys (app_id, key_id, hash, name, scopes, hint, created_at, expires_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8)";
pub const FIND_API_KEY: Sql = "
    select app_id, key_id, name, scopes, hint, created_at, expires_at, revoked_at from api_keys where hash = $1";
pub const LIST_API_KEYS: Sql = "
    select app_id, key_id, name, scopes, hint, created_at, expires_at, revoked_at
    from api_keys where app_id = $1 order by created_at, key_id";
pub const REVOKE_API_KEY: Sql =
    "update api_keys set revoked_at = coalesce(revoked_at, $3) where app_id = $1 and key_id = $2";

// Authentication codes.
pub const INSERT_CODE: Sql =
    "insert into authentication_codes (app_id, hash, external_id, expires_at) values ($1, $2, $3, $4)";
pub const CONSUME_CODE: Sql = "
    update authentication_codes set consumed_at = $2
    where hash = $1 and consumed_at is null and expires_at > $2
    returning app_id, external_id";
pub const CONSUME_CODE_OF_APP: Sql = "
    update authentication_codes set consumed_at = $2
    where app_id = $3 and hash = $1 and consumed_at is null and expires_at > $2
    returning app_id, external_id";
pub const RECORD_REDEMPTION: Sql = "
    update authentication_codes
    set install_id = $3, idempotency_key = $4, generation = $5, created_user = $6
    where app_id = $1 and hash = $2";
pub const FIND_REDEMPTION: Sql = "
    select app_id, install_id, idempotency_key, generation, created_user
    from authentication_codes
    where hash = $1 and consumed_at is not null and idempotency_key is not null and expires_at >= $2", locking "authentication_codes";
pub const FIND_REDEMPTION_OF_APP: Sql = "
    select app_id, install_id, idempotency_key, generation, created_user
    from authentication_codes
    where app_id = $3 and hash = $1 and consumed_at is not null and idempotency_key is not null and expires_at >= $2",
    locking "authentication_codes";
pub const HAS_CODE: Sql = "select 1 from authentication_codes where hash = $1";
pub const HAS_CODE_OF_APP: Sql = "select 1 from authentication_codes where app_id = $2 and hash = $1";
pub const RECORD_CODE_LINK: Sql =
    "update authentication_codes set install_id = $3 where app_id = $1 and hash = $2";
pub const FIND_CODE_LINK: Sql = "
    select external_id from authentication_codes
    where app_id = $1 and hash = $2 and install_id = $3 and consumed_at is not null and idempotency_key is null", locking "authentication_codes";
pub const FIND_CODE_USE: Sql = "
    select app_id, external_id, install_id from authentication_codes
    where hash = $1 and consumed_at is not null and expires_at >= $2", locking "authentication_codes";
pub const FIND_CODE_USE_OF_APP: Sql = "
    select app_id, external_id, install_id from authentication_codes
    where app_id = $3 and hash = $1 and consumed_at is not null and expires_at >= $2", locking "authentication_codes";
pub const DELETE_CODES_BEFORE: Sql = "
    delete from authentication_codes where +expires_at < $1 and hash in (
        select hash from authentication_codes indexed by authentication_codes_by_expiry
        where expires_at + 0 < $1 limit $2)";
pub const DELETE_CODES_OF: Sql = "
    delete from authentication_codes where +app_id = $1 and hash in (
        select hash from authentication_codes indexed by authentication_codes_by_external_id
        where app_id = $1 and external_id = $2 and expires_at <= $3
        order by expires_at desc limit $4)";

// Users.
// PostgreSQL locks the row that is there, though it stays as it is
// (<https://www.postgresql.org/docs/15/sql-insert.html#SQL-ON-CONFLICT>).
pub const INSERT_USER_IF_NEW: Sql = "
    insert into users (app_id, user_id, external_id, created_at) values ($1, $2, $3, $4)
    on conflict (app_id, external_id) do nothing", postgres "
    insert into users (app_id, user_id, external_id, created_at) values ($1, $2, $3, $4)
    on conflict (app_id, external_id) where external_id is not null
        do update set created_at = users.created_at where false";
pub const FIND_USER: Sql = "
    select app_id, user_id, external_id, created_at, disabled_at
    from users where app_id = $1 and user_id = $2 and deleted_at is null", locking "users";
pub const FIND_USER_BY_EXTERNAL_ID: Sql = "
    select app_id, user_id, external_id, created_at, disabled_at
    from users where app_id = $1 and external_id = $2", locking "users";
pub const SET_EXTERNAL_ID: Sql = "update users set external_id = $3 where app_id = $1 and user_id = $2 and external_id is null and deleted_at is null";
pub const SET_USER_STATE: Sql =
    "update users set disabled_at = $3 where app_id = $1 and user_id = $2 and deleted_at is null";
pub const MARK_USER_DELETED: Sql = "
    update users set deleted_at = $3, former_external_id = external_id, external_id = null
    where app_id = $1 and user_id = $2 and deleted_at is null";
pub const FIND_DELETED_USER: Sql = "
    select app_id, user_id, former_external_id as external_id, deleted_at
    from users where deleted_at + 0 is not null order by deleted_at + 0 limit 1", locking "users";
pub const INSERT_UNUSED_USER: Sql =
    "insert into unused_users (created_at, app_id, user_id) values ($3, $1, $2)";
pub const TAKE_UNUSED_USERS: Sql = "
    delete from unused_users where (created_at, app_id, user_id) in (
        select created_at, app_id, user_id from unused_users where created_at < $1 order by created_at limit $2)
    returning app_id, user_id";
pub const IS_UNUSED_USER: Sql = "
    select 1 from users u
    where u.app_id = $1 and u.user_id = $2 and u.external_id is null and u.deleted_at is null and not exists (
        select 1 from installs i cross join token_pairs p
        where i.app_id = u.app_id and i.user_id = u.user_id and p.app_id = i.app_id and p.install_id = i.install_id
            and (p.first_used_at is not null or p.status = 'exchanged'))";
pub const COUNT_NO_LONGER_STORED: Sql = "
    update applications set stored_bytes = stored_bytes - (
        select stored_bytes from users where app_id = $1 and user_id = $2)
    where app_id = $1",
    postgres "
    insert into stored_of_applications as stored (app_id, shard, stored_bytes)
    select app_id, 0, -stored_bytes from users where app_id = $1 and user_id = $2
    on conflict (app_id, shard) do update set stored_bytes = stored.stored_bytes + excluded.stored_bytes";
pub const FORGET_DELETED_USER: Sql =
    "delete from users where app_id = $1 and user_id = $2 and deleted_at is not null";
pub const COUNT_STORED_OF_USER: Sql = "
    update users set
        stored_bytes = stored_bytes + $3,
        bytes_of_day = case
            when cast($4 as bigint) is null then bytes_of_day when counted_day = $4 then bytes_of_day + $3 else $3 end,
        counted_day = coalesce($4, counted_day)
    where app_id = $1 and user_id = $2
    returning stored_bytes, bytes_of_day";
pub const SUM_STORED: Sql = "select cast(coalesce(sum(stored_bytes), 0) as bigint) as stored_bytes from applications",
    postgres "select cast(coalesce(sum(stored_bytes), 0) as bigint) as stored_bytes from stored_of_applications";
// One row would let the uploads of an application through one after the other, each after the flush of the one before.
// The sum is that of the statement's begin.
pub const COUNT_STORED_OF_APPLICATION: Sql =
    "update applications set stored_bytes = stored_bytes + $2 where app_id = $1 returning stored_bytes",
    postgres "
    with counted as (
        insert into stored_of_applications as stored (app_id, shard, stored_bytes)
        values ($1, floor(random() * 32)::bigint, $2)
        on conflict (app_id, shard) do update set stored_bytes = stored.stored_bytes + excluded.stored_bytes)
    select cast(coalesce(sum(stored_bytes), 0) + $2 as bigint) as stored_bytes
    from stored_of_applications where app_id = $1";

// Installs.
pub const FIND_INSTALL: Sql = installs_where!("install_id = $2"), locking "installs";
pub const ANY_HAS_INSTALL: Sql = "select 1 from installs where install_id = $1 limit 1";
pub const FIND_OTHER_ACTIVE_CLASS: Sql = "
    select device_class from installs
    where app_id = $1 and user_id = $2 and install_id <> $3 and status = 'active' and exists (
        select 1 from token_pairs
        where token_pairs.app_id = installs.app_id and token_pairs.install_id = installs.install_id
            and token_pairs.status = 'current' and token_pairs.refresh_expires_at > $4)";
pub const LIST_INSTALLS: Sql =
    installs_where!("user_id = $2 order by updated_at desc, install_id limit $3");
pub const SAVE_INSTALL: Sql = "
    insert into installs (
        app_id, install_id, user_id, status, end_reason, awaits_link, family, generation, app_name, app_version, app_origin,
        device_class, device_class_source, os, os_version, model, language, time_zone, sdk_version, sdk_runtime,
        created_at, updated_at, expires_at)
    values (
        $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23)
    on conflict (app_id, install_id) do update set
        status = excluded.status, end_reason = excluded.end_reason, awaits_link = excluded.awaits_link,
        family = excluded.family, generation = excluded.generation, app_name = excluded.app_name, app_version = excluded.app_version,
        app_origin = excluded.app_origin, device_class = excluded.device_class,
        device_class_source = excluded.device_class_source, os = excluded.os, os_version = excluded.os_version,
        model = excluded.model, language = excluded.language, time_zone = excluded.time_zone,
        sdk_version = excluded.sdk_version, sdk_runtime = excluded.sdk_runtime, updated_at = excluded.updated_at,
        expires_at = excluded.expires_at";
pub const RECORD_CREATION: Sql = "
    update installs set creation_key = $3, creation_generation = $4 where app_id = $1 and install_id = $2";
pub const FIND_CREATION: Sql = "
    select creation_key, creation_generation from installs
    where app_id = $1 and install_id = $2 and creation_key is not null";
pub const MOVE_INSTALL: Sql = "
    update installs set user_id = $3, status = $4, updated_at = $5 where app_id = $1 and install_id = $2";
pub const CONFIRM_LINK: Sql =
    "update installs set awaits_link = 0 where app_id = $1 and install_id = $2";
pub const DEACTIVATE_INSTALLS: Sql = "
    update installs indexed by installs_one_active set status = 'inactive', updated_at = $3
    where app_id = $1 and user_id = $2 and status = 'active'
    returning install_id";
pub const END_INSTALL: Sql = "
    update installs set status = 'ended', end_reason = $3, updated_at = $4
    where app_id = $1 and install_id = $2 and status <> 'ended'";
pub const EXPIRED_SESSIONS: Sql = "
    select i.app_id, i.install_id, i.user_id,
        u.external_id is not null or exists (
            select 1 from token_pairs o
            where o.app_id = i.app_id and o.install_id = i.install_id
                and (o.first_used_at is not null or o.status = 'exchanged')) as is_known
    from installs i indexed by installs_expiring cross join users u
    where i.status <> 'ended' and i.expires_at <= $1
        and u.app_id = i.app_id and u.user_id = i.user_id and u.deleted_at is null
    limit $2",
    postgres "
    select i.app_id, i.install_id, i.user_id,
        u.external_id is not null or exists (
            select 1 from token_pairs o
            where o.app_id = i.app_id and o.install_id = i.install_id
                and (o.first_used_at is not null or o.status = 'exchanged')) as is_known
    from installs i cross join lateral (
        select external_id from users
        where app_id = i.app_id and user_id = i.user_id and deleted_at is null limit 1) u
    where i.status <> 'ended' and i.expires_at + 0 <= $1
    order by i.expires_at + 0 limit $2";
pub const DELETE_ENDED_INSTALLS: Sql = "
    delete from installs indexed by installs_by_install
    where status = 'ended' and updated_at < $1 and install_id in (
        select install_id from installs indexed by installs_ended
        where status = 'ended' and updated_at + 0 < $1 limit $2)";
pub const DELETE_OLD_INSTALLS: Sql = "
    delete from installs where app_id = $1 and user_id = $2 and status <> 'active' and (
        updated_at < $3 or install_id in (
            select install_id from installs where app_id = $1 and user_id = $2 and status <> 'active'
            order by updated_at desc, install_id limit 10 offset $4))";
pub const DELETE_INSTALL: Sql = "delete from installs where app_id = $1 and install_id = $2";

// Metadata.
pub const CHANGE_METADATA: Sql = "
    insert into user_metadata (app_id, user_id, key, value, install_id, revision, changed_at)
    values ($1, $2, $3, $4, $5, $6, $7)
    on conflict (app_id, user_id, key) do update set
        value = excluded.value, install_id = excluded.install_id, revision = excluded.revision,
        changed_at = excluded.changed_at
    where user_metadata.install_id <> excluded.install_id or user_metadata.revision <= excluded.revision";
pub const NEWEST_METADATA_REVISION: Sql =
    "select coalesce(max(revision), 0) as revision from user_metadata
    where app_id = $1 and user_id = $2 and install_id = $3";
pub const METADATA_OF: Sql =
    "select key, value from user_metadata where app_id = $1 and user_id = $2 and value is not null";
pub const DELETE_METADATA: Sql = "delete from user_metadata where app_id = $1 and user_id = $2";
pub const FORGET_REMOVED_METADATA: Sql = "
    delete from user_metadata
    where app_id = $1 and user_id = $2 and value is null and key not in (
        select key from user_metadata where app_id = $1 and user_id = $2 and value is null
        order by changed_at desc, key limit $3)";

// Detections.
pub const BLOCKS_AFTER: Sql = list_blocks!(">", "asc");
pub const BLOCKS_FROM: Sql = list_blocks!(">=", "asc");
pub const BLOCKS_BEFORE: Sql = list_blocks!("<", "desc");
pub const BLOCKS_UP_TO: Sql = list_blocks!("<=", "desc");
pub const INSERT_BLOCK: Sql = "
    insert into detection_blocks (
        app_id, user_id, kind, first_time, first_id, last_time, last_id, count, content, dated)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
pub const REPLACE_BLOCK: Sql = "
    update detection_blocks
    set first_time = $4, first_id = $5, last_time = $6, last_id = $7, count = $8, content = $9, dated = $10
    where app_id = $1 and user_id = $2 and kind = $3 and first_time = $11 and first_id = $12";
pub const FIND_TRIP: Sql = "
    select detection_id, install_id, 'trip' as kind, time, content from trips
    where app_id = $1 and user_id = $2 and detection_id = $3";
pub const SAVE_TRIP: Sql = "
    insert into trips (app_id, user_id, detection_id, install_id, time, content, dated)
    values ($1, $2, $3, $4, $5, $6, $7)
    on conflict (app_id, user_id, detection_id) do update set content = excluded.content, dated = excluded.dated";
pub const TRIPS_AFTER: Sql = list_trips!(">", "asc"), postgres list_trips_in_postgres!(">", "asc");
pub const TRIPS_FROM: Sql = list_trips!(">=", "asc"), postgres list_trips_in_postgres!(">=", "asc");
pub const TRIPS_BEFORE: Sql = list_trips!("<", "desc"), postgres list_trips_in_postgres!("<", "desc");
pub const TRIPS_UP_TO: Sql = list_trips!("<=", "desc"), postgres list_trips_in_postgres!("<=", "desc");
pub const SIZES_OF_BLOCKS: Sql = "
    select kind, first_time, first_id, octet_length(content) as bytes from detection_blocks
    where app_id = $1 and user_id = $2 order by kind, first_time, first_id limit $3";
pub const DELETE_BLOCKS_UP_TO: Sql = "
    delete from detection_blocks
    where app_id = $1 and user_id = $2 and (kind, first_time, first_id) <= ($3, $4, $5)";
pub const SIZES_OF_TRIPS: Sql = "
    select detection_id, octet_length(content) as bytes from trips
    where app_id = $1 and user_id = $2 order by detection_id limit $3";
pub const DELETE_TRIPS_UP_TO: Sql =
    "delete from trips where app_id = $1 and user_id = $2 and detection_id <= $3";
pub const SET_RETENTION: Sql = "update applications set detections_retention = $2 where app_id = $1";
pub const FIND_RETENTION: Sql = "select detections_retention from applications where app_id = $1";
pub const LIST_RETENTIONS: Sql =
    "select app_id, detections_retention from applications
    where app_id > $2 and coalesce(detections_retention, $1) > 0 order by app_id limit $3";
pub const DELETE_BLOCKS_BEFORE: Sql = "
    delete from detection_blocks where app_id = $1 and (user_id, kind, first_time, first_id) in (
        select user_id, kind, first_time, first_id from detection_blocks
        where app_id = $1 and dated + 0 < $2 order by dated + 0 limit $3)
    returning user_id, octet_length(content) as bytes";
pub const DELETE_TRIPS_BEFORE: Sql = "
    delete from trips where app_id = $1 and (user_id, detection_id) in (
        select user_id, detection_id from trips where app_id = $1 and dated + 0 < $2 order by dated + 0 limit $3)
    returning user_id, octet_length(content) as bytes";

// Detections of earlier versions.
pub const FIND_CONVERSION: Sql [sqlite] =
    "select app_id, user_id from detection_conversion where only_row = 1";
pub const ADVANCE_CONVERSION: Sql [sqlite] = "
    update detection_conversion set app_id = $1, user_id = $2 where only_row = 1";
pub const END_CONVERSION: Sql [sqlite] = "delete from detection_conversion where only_row = 1";
pub const NEXT_OLD_ROW: Sql [sqlite] = "
    select app_id, user_id from detections where (app_id, user_id) >= ($1, $2)
    order by app_id, user_id limit 1";
pub const NEXT_OLD_ROW_AFTER: Sql [sqlite] = "
    select app_id, user_id from detections where (app_id, user_id) > ($1, $2)
    order by app_id, user_id limit 1";
pub const FIND_OLD_ROW: Sql [sqlite] = "
    select detection_id, install_id, kind, time, content from detections
    where app_id = $1 and user_id = $2 and detection_id = $3";
pub const OLD_ROWS_AFTER: Sql [sqlite] = list_old_rows!(">", "asc");
pub const OLD_ROWS_FROM: Sql [sqlite] = list_old_rows!(">=", "asc");
pub const OLD_ROWS_BEFORE: Sql [sqlite] = list_old_rows!("<", "desc");
pub const OLD_ROWS_UP_TO: Sql [sqlite] = list_old_rows!("<=", "desc");
pub const DELETE_OLD_ROW: Sql [sqlite] =
    "delete from detections where app_id = $1 and user_id = $2 and detection_id = $3";
pub const SIZES_OF_OLD_ROWS: Sql [sqlite] = "
    select detection_id, octet_length(content) as bytes from detections
    where app_id = $1 and user_id = $2 order by detection_id limit $3";
pub const DELETE_OLD_ROWS_UP_TO: Sql [sqlite] =
    "delete from detections where app_id = $1 and user_id = $2 and detection_id <= $3";

// Tokens.
pub const INSERT_CURRENT_PAIR: Sql = "
    insert into token_pairs (
        app_id, install_id, generation, status, access_hash, refresh_hash, access_expires_at, refresh_expires_at)
    values ($1, $2, $3, 'current', $4, $5, $6, $7)";
pub const COUNT_PAIR: Sql = "
    update installs set generation = $3, updated_at = $4, expires_at = (
        select case when access_expires_at > refresh_expires_at then access_expires_at else refresh_expires_at end
        from token_pairs indexed by token_pairs_one_current
        where token_pairs.app_id = $1 and token_pairs.install_id = $2 and token_pairs.status = 'current')
    where app_id = $1 and install_id = $2";

// By a secret of an earlier version, which names no application; and, with `OF_APP`, by one that does.
pub const FIND_BY_ACCESS: Sql = session_where!("token_pairs p indexed by token_pairs_by_access", "installs i indexed by installs_by_install", "p.access_hash = $1"), locking "u, i, p";
pub const FIND_BY_ACCESS_OF_APP: Sql = session_where!("token_pairs p indexed by token_pairs_by_access", "installs i", "p.app_id = $2 and p.access_hash = $1"), locking "u, i, p";
pub const FIND_BY_REFRESH: Sql = session_where!("token_pairs p indexed by token_pairs_by_refresh", "installs i indexed by installs_by_install", "p.refresh_hash = $1"), locking "u, i, p";
pub const FIND_BY_REFRESH_OF_APP: Sql = session_where!("token_pairs p indexed by token_pairs_by_refresh", "installs i", "p.app_id = $2 and p.refresh_hash = $1"), locking "u, i, p";
pub const FIND_BY_FAMILY: Sql = session_where!(
    "installs i indexed by installs_by_family",
    "token_pairs p indexed by token_pairs_one_current",
    "i.family = $1 and p.status = 'current'"
), locking "u, i, p";
pub const FIND_BY_FAMILY_OF_APP: Sql = session_where!(
    "installs i indexed by installs_by_family",
    "token_pairs p indexed by token_pairs_one_current",
    "i.app_id = $2 and i.family = $1 and p.status = 'current'"
), locking "u, i, p";
pub const FIND_CURRENT: Sql =
    session_where!(
    "token_pairs p indexed by token_pairs_one_current",
    "installs i indexed by installs_by_install",
    "p.app_id = $1 and p.install_id = $2 and p.status = 'current'"
), locking "u, i, p";
pub const MARK_USED: Sql = "
    update token_pairs set first_used_at = $2
    where access_hash = $1 and first_used_at is null and status <> 'superseded'";
pub const MARK_USED_OF_APP: Sql = "
    update token_pairs indexed by token_pairs_by_access set first_used_at = $2
    where app_id = $3 and access_hash = $1 and first_used_at is null and status <> 'superseded'";
pub const SUPERSEDE_CURRENT: Sql = "
    update token_pairs set status = 'superseded' where app_id = $1 and install_id = $2 and status = 'current'";
pub const IS_ALTERNATIVE: Sql = "
    select 1 from token_pairs pair
    join token_pairs newest
        on newest.app_id = pair.app_id and newest.install_id = pair.install_id and newest.status = 'current'
    where pair.app_id = $1 and pair.install_id = $2 and pair.generation = $3
        and pair.status = 'superseded' and newest.first_used_at is null
        and not exists (
            select 1 from token_pairs parent
            where parent.app_id = pair.app_id and parent.install_id = pair.install_id
                and parent.status = 'exchanged' and parent.generation > pair.generation)";
pub const MAKE_CURRENT: Sql = "
    update token_pairs set status = 'current', generation = $4
    where app_id = $1 and install_id = $2 and generation = $3 and status = 'superseded'";
pub const MARK_EXCHANGED: Sql = "
    update token_pairs set status = 'exchanged', idempotency_key = $4
    where app_id = $1 and install_id = $2 and generation = $3";
pub const DELETE_EXCHANGED: Sql =
    "delete from token_pairs where app_id = $1 and install_id = $2 and status = 'exchanged'";
pub const DELETE_SUPERSEDED: Sql = "
    delete from token_pairs
    where app_id = $1 and install_id = $2 and status = 'superseded' and generation <= $3";
pub const DELETE_PAIRS: Sql = "delete from token_pairs where app_id = $1 and install_id = $2";
pub const BURY_TOKENS: Sql = "
    insert into token_tombstones (app_id, hash, expires_at)
    select app_id, access_hash, cast($3 as bigint) from token_pairs where app_id = $1 and install_id = $2
    union all
    select app_id, refresh_hash, cast($3 as bigint) from token_pairs where app_id = $1 and install_id = $2
    union all
    select app_id, family, cast($3 as bigint) from installs where app_id = $1 and install_id = $2
    on conflict (app_id, hash) do update set expires_at = excluded.expires_at";
pub const BURY: Sql = "
    insert into token_tombstones (app_id, hash, expires_at) values ($1, $2, $3)
    on conflict (app_id, hash) do update set expires_at = excluded.expires_at";
pub const FIND_TOMBSTONE: Sql = "select app_id from token_tombstones where hash = $1";
pub const FIND_TOMBSTONE_OF_APP: Sql = "select app_id from token_tombstones where app_id = $2 and hash = $1";
pub const DELETE_TOMBSTONES_BEFORE: Sql = "
    delete from token_tombstones indexed by token_tombstones_by_hash
    where expires_at < $1 and hash in (
        select hash from token_tombstones indexed by token_tombstones_by_expiry
        where expires_at + 0 < $1 limit $2)";

// The audit log.
pub const RECORD_EVENT: Sql = "
    insert into audit_events (
        app_id, kind, user_id, install_id, key_id, actor, actor_id, address, request, occurred_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
pub const USER_HAS_EVENT_SINCE: Sql = "
    select 1 from audit_events where app_id = $1 and user_id = $2 and kind = $3 and occurred_at >= $4 limit 1";
pub const KEY_HAS_EVENT_SINCE: Sql = "
    select 1 from audit_events where app_id = $1 and key_id = $2 and kind = $3 and occurred_at >= $4 limit 1";

pub const LIST_EVENTS: Sql = list_events!("occurred_at + 0", "");
pub const LIST_EVENTS_OF_USER: Sql = list_events!("occurred_at", " and user_id = $4");
pub const FORGET_ADDRESSES: Sql = "
    update audit_events set address = null where seq in (
        select seq from audit_events
        where app_id = $1 and user_id = $2 and user_id is not null and address is not null limit $3)",
    postgres "
    update audit_events set address = null
    where app_id = $1 and user_id = $2 and address is not null and seq in (
        select seq from audit_events
        where app_id = $1 and user_id = $2 and user_id is not null and address is not null limit $3)";
pub const DELETE_EVENTS_BEFORE: Sql = "
    delete from audit_events where seq in (select seq from audit_events where occurred_at < $1 limit $2)",
    // Two events may have one place.
    postgres "
    delete from audit_events where occurred_at < $1 and seq in (
        select seq from audit_events where occurred_at + 0 < $1 limit $2)";
pub const FIND_CLOCK_WATCH: Sql = "select trusted_at, seen_at, doubted_since from clock_watch where only_row = 1";
pub const SAVE_CLOCK_WATCH: Sql = "
    insert into clock_watch (only_row, trusted_at, seen_at, doubted_since) values (1, $1, $2, $3)
    on conflict (only_row) do update set
        trusted_at = excluded.trusted_at, seen_at = excluded.seen_at, doubted_since = excluded.doubted_since";
pub const NEWEST_CHANGE: Sql [sqlite] = "select coalesce(max(seq), 0) as seq from audit_events";
pub const CHANGES_AFTER: Sql [sqlite] = "
    select seq, app_id, user_id, install_id from audit_events where seq > $1 order by seq limit $2";
// An event's place begins with its transaction, and transactions are not committed in the order of their numbers. So the
// new events are those of transactions that began after an earlier snapshot, and of those that were under way in it
// (<https://www.postgresql.org/docs/15/functions-info.html#FUNCTIONS-PG-SNAPSHOT>). In a database that was restored from a
// dump, older events may have higher places: they are passed over until their numbers come up.
pub const SNAPSHOT: Sql [postgres] = "select pg_current_snapshot()::text as snapshot";
pub const CHANGES_SINCE: Sql [postgres] = "
    select found.seq, found.app_id, found.user_id, found.install_id
    from (select cast($1 as text)::pg_snapshot as snapshot) was cross join lateral (
        select seq, app_id, user_id, install_id from audit_events
        where seq >= pg_snapshot_xmax(was.snapshot)::text::bigint << 20
            and seq < pg_snapshot_xmax(pg_current_snapshot())::text::bigint << 20 and seq > $2
        union all
        select e.seq, e.app_id, e.user_id, e.install_id
        from pg_snapshot_xip(was.snapshot) as under_way(number) cross join audit_events e
        where e.seq >= under_way.number::text::bigint << 20
            and e.seq < (under_way.number::text::bigint + 1) << 20 and e.seq > $2
    ) found
    order by found.seq limit $3";
// Platforms that were seen within 15 seconds serve; this one is seen now. The first of them by name does what one does for
// all.
pub const ATTEND: Sql [postgres] = "
    with present as (select (extract(epoch from clock_timestamp()) * 1000)::bigint as now),
        own as (
            insert into replicas (replica_id, seen_at) select $1, now from present
            on conflict (replica_id) do update set seen_at = excluded.seen_at),
        gone as (delete from replicas using present where replica_id <> $1 and seen_at < now - 15000)
    select count(*) as others, coalesce(min(replica_id) > $1, true) as is_first
    from replicas cross join present where replica_id <> $1 and seen_at >= now - 15000";
pub const LEAVE: Sql [postgres] = "delete from replicas where replica_id = $1";
// Every transaction holds a lock on its own virtual number until it ends, which every user may see.
pub const UNDER_WAY: Sql [postgres] = "
    select coalesce(string_agg(virtualxid, ','), '') as transactions from pg_locks join pg_stat_activity using (pid)
    where locktype = 'virtualxid' and datname = current_database() and application_name = 'sentiance-platform'
        and pid <> pg_backend_pid()";
pub const IS_UNDER_WAY: Sql [postgres] = "
    select count(*) as count from pg_locks where locktype = 'virtualxid' and virtualxid = any(string_to_array($1, ','))";
pub const NOTIFY: Sql [postgres] = "select pg_notify('sentiance_changes', $1)";
pub const LISTEN: Sql [postgres] = "listen sentiance_changes";
// Moving from SQLite to PostgreSQL.
pub const FIRST_MIGRATION: Sql [sqlite] =
    "select version, installed_on, execution_time from _sqlx_migrations order by version limit 1";
pub const HAS_OLD_ROWS: Sql [sqlite] =
    "select exists (select 1 from detection_conversion) or exists (select 1 from detections)";
pub const COLUMNS_OF: Sql = "select name, lower(type) as type, pk from pragma_table_info($1)", postgres "
    select attname::text as name, format_type(atttypid, null) as type, 0::bigint as pk from pg_attribute
    where attrelid = $1::text::regclass and attnum > 0 and not attisdropped order by attnum";
// Any number that no other program uses. It is held for as long as the connection lasts.
pub const LOCK_IMPORT: Sql [postgres] = "select pg_try_advisory_lock(7315934202660131)";
pub const NO_PLATFORM: Sql [postgres] = "
    select count(*) = 0 from pg_stat_activity
    where datname = current_database() and application_name = 'sentiance-platform' and pid <> pg_backend_pid()";
pub const FIND_IMPORT: Sql [postgres] = "select source, finished_at from imports where only_row = 1";
pub const BEGIN_IMPORT: Sql [postgres] = "insert into imports (only_row, source, begun_at) values (1, $1, $2)";
pub const FINISH_IMPORT: Sql [postgres] = "update imports set finished_at = $1 where only_row = 1";
pub const LIST_INDEXES: Sql [postgres] = "
    select indexrelid::regclass::text, pg_get_indexdef(indexrelid)
    from pg_index where indrelid = $1::text::regclass and not indisunique";
pub const LIST_UNIQUE_INDEXES: Sql [postgres] = "
    select (select array_agg(a.attname::text order by a.attnum) from pg_attribute a where a.attrelid = i.indexrelid),
        coalesce(pg_get_expr(i.indpred, i.indrelid), 'true')
    from pg_index i where i.indrelid = $1::text::regclass and i.indisunique";
pub const LIST_REFERENCES: Sql [postgres] = "
    select conrelid::regclass::text, quote_ident(conname), pg_get_constraintdef(oid)
    from pg_constraint where contype = 'f' and connamespace = current_schema()::regnamespace";
pub const SET_ASIDE: Sql [postgres] = "insert into set_aside (name, kind, definition) values ($1, $2, $3)";
pub const LIST_SET_ASIDE: Sql [postgres] = "select name, definition from set_aside where kind = $1 order by name";
pub const FORGET_SET_ASIDE: Sql [postgres] = "delete from set_aside where name = $1";
}

/// Two statements that find by the hash of a secret: any row, and one of the application that the secret names.
#[derive(Clone, Copy)]
pub(super) struct BySecret {
    any: &'static Sql,
    of_app: &'static Sql,
}

impl BySecret {
    /// The one of them for a secret that names this application, if any, with its values.
    pub(super) fn of<'v>(
        self,
        app: &'v Option<AppId>,
        values: &[Value<'v>],
    ) -> (&'static Sql, Vec<Value<'v>>) {
        let named = app.as_ref().map(ToValue::to_value);
        let statement = if named.is_some() { self.of_app } else { self.any };
        (statement, values.iter().copied().chain(named).collect())
    }
}

macro_rules! by_secret {
    ($( $name:ident = $any:ident, $of_app:ident; )+) => {
        $( pub(super) const $name: BySecret = BySecret { any: &$any, of_app: &$of_app }; )+
    };
}

by_secret! {
    BY_ACCESS = FIND_BY_ACCESS, FIND_BY_ACCESS_OF_APP;
    BY_REFRESH = FIND_BY_REFRESH, FIND_BY_REFRESH_OF_APP;
    BY_FAMILY = FIND_BY_FAMILY, FIND_BY_FAMILY_OF_APP;
    MARKING_USED = MARK_USED, MARK_USED_OF_APP;
    TOMBSTONE = FIND_TOMBSTONE, FIND_TOMBSTONE_OF_APP;
    CONSUMING = CONSUME_CODE, CONSUME_CODE_OF_APP;
    REDEMPTION = FIND_REDEMPTION, FIND_REDEMPTION_OF_APP;
    CODE = HAS_CODE, HAS_CODE_OF_APP;
    CODE_USE = FIND_CODE_USE, FIND_CODE_USE_OF_APP;
}

/// Four statements that read the same rows from a key on.
pub(super) struct Reading {
    after: &'static Sql,
    from: &'static Sql,
    before: &'static Sql,
    up_to: &'static Sql,
}

impl Reading {
    /// The one of them that starts so.
    pub(super) fn from(&self, start: Start<'_>) -> &'static Sql {
        match (start.order, start.inclusive) {
            (Order::Ascending, false) => self.after,
            (Order::Ascending, true) => self.from,
            (Order::Descending, false) => self.before,
            (Order::Descending, true) => self.up_to,
        }
    }
}

pub(super) const BLOCKS: Reading =
    Reading { after: &BLOCKS_AFTER, from: &BLOCKS_FROM, before: &BLOCKS_BEFORE, up_to: &BLOCKS_UP_TO };
pub(super) const TRIPS: Reading =
    Reading { after: &TRIPS_AFTER, from: &TRIPS_FROM, before: &TRIPS_BEFORE, up_to: &TRIPS_UP_TO };
pub(super) const OLD_ROWS: Reading = Reading {
    after: &OLD_ROWS_AFTER,
    from: &OLD_ROWS_FROM,
    before: &OLD_ROWS_BEFORE,
    up_to: &OLD_ROWS_UP_TO,
};

#[cfg(test)]
mod tests {
    use super::ALL;
    use std::collections::BTreeSet;

    /// What goes to more than one node where the tables are distributed by application, or to a table that is not, and why.
    const EXCEPTIONS: &[(&str, &[&str])] = &[
        (
            "by a table that every node has whole",
            &["FIND_API_KEY", "ANY_LISTS_ORIGIN", "LIST_APPLICATIONS", "LIST_RETENTIONS"],
        ),
        (
            "a secret of an earlier version",
            &[
                "FIND_BY_ACCESS",
                "FIND_BY_REFRESH",
                "FIND_BY_FAMILY",
                "MARK_USED",
                "FIND_TOMBSTONE",
                "CONSUME_CODE",
                "FIND_REDEMPTION",
                "HAS_CODE",
                "FIND_CODE_USE",
            ],
        ),
        ("only where the server of an app names an install that is not its own", &["ANY_HAS_INSTALL"]),
        (
            "telling replicas of changes, which is no request",
            &["CHANGES_SINCE", "SNAPSHOT", "NOTIFY", "LISTEN"],
        ),
        (
            "clean-up, which is no request",
            &[
                "FIND_DELETED_USER",
                "TAKE_UNUSED_USERS",
                "EXPIRED_SESSIONS",
                "DELETE_CODES_BEFORE",
                "DELETE_ENDED_INSTALLS",
                "DELETE_TOMBSTONES_BEFORE",
                "DELETE_EVENTS_BEFORE",
                "FIND_CLOCK_WATCH",
                "SAVE_CLOCK_WATCH",
                "SUM_STORED",
            ],
        ),
        (
            "about the database and its platforms",
            &[
                "HAS_MIGRATIONS",
                "CREATE_MIGRATIONS",
                "RECORD_MIGRATION",
                "LIST_MIGRATIONS",
                "LOCK_SCHEMA",
                "PING",
                "IS_READ_ONLY",
                "ATTEND",
                "LEAVE",
                "UNDER_WAY",
                "IS_UNDER_WAY",
            ],
        ),
        (
            "an import",
            &[
                "COLUMNS_OF",
                "LOCK_IMPORT",
                "NO_PLATFORM",
                "FIND_IMPORT",
                "BEGIN_IMPORT",
                "FINISH_IMPORT",
                "LIST_INDEXES",
                "LIST_UNIQUE_INDEXES",
                "LIST_REFERENCES",
                "SET_ASIDE",
                "LIST_SET_ASIDE",
                "FORGET_SET_ASIDE",
            ],
        ),
    ];

    /// The application is compared with a value, or is among what is inserted.
    fn names_application(statement: &str) -> bool {
        let is_insert = statement.trim_start().starts_with("insert into");
        statement.contains("app_id = $") || is_insert && statement.contains("app_id")
    }

    #[test]
    fn every_statement_of_a_request_names_its_application() {
        let statements = ALL.iter().filter(|(_, sql)| !sql.postgres.is_empty());
        let others: BTreeSet<_> =
            statements.filter(|(_, sql)| !names_application(sql.postgres)).map(|(name, _)| *name).collect();
        let known: BTreeSet<_> = EXCEPTIONS.iter().flat_map(|(_, names)| *names).copied().collect();
        assert_eq!(others, known);
    }
}
