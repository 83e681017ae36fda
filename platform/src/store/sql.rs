//! The text of every statement, written so that SQLite and PostgreSQL both take it: `$1`, `returning`,
//! `on conflict`. Statements that find a row by a secret's hash start without an application: the hash tells it.
//!
//! No statement may read more rows as an application grows. Where SQLite could choose a search by the application
//! alone, `indexed by` names the index (PostgreSQL has no such words, and does without), or `+` takes a column out of the
//! choice, and `cross join` fixes the order.
//! The planner of SQLite guesses without statistics, and with those of a small database it guesses wrong.

use super::detections::{Order, Start};

/// Declares statements, and lists them for the test that reads the plan of each: none can be left out.
macro_rules! statements {
    ($( $visibility:vis const $name:ident: &str = $text:expr; )+) => {
        $( $visibility const $name: &str = {
            const TEXT: &str = $text;
            const NUMBERED: [u8; TEXT.len()] = numbered(TEXT);
            match str::from_utf8(&NUMBERED) {
                Ok(text) => text,
                Err(_) => panic!("one ASCII character was replaced by another"),
            }
        }; )+

        #[cfg(test)]
        pub(super) const ALL: &[(&str, &str)] = &[$( (stringify!($name), $name) ),+];
    };
}

/// The text with `?1` for `$1`, which for SQLite is a name that is numbered by where it first stands
/// (<https://sqlite.org/lang_expr.html#varparam>).
const fn numbered<const LENGTH: usize>(text: &str) -> [u8; LENGTH] {
    let (text, mut numbered, mut at) = (text.as_bytes(), [0; LENGTH], 0);
    while at < LENGTH {
        numbered[at] = if text[at] == b'$' { b'?' } else { text[at] };
        at += 1;
    }
    numbered
}

// In both orders, after a key or with it: a comparison of rows is one search of the index.
macro_rules! list_rows {
    ($table:literal, $columns:literal, $kind:literal, $compared:literal, $order:literal) => {
        concat!(
            "select ",
            $columns,
            " from ",
            $table,
            " where app_id = $1 and user_id = $2",
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
    ($condition:literal) => {
        concat!(
            "select app_id, kind, user_id, install_id, key_id, actor, actor_id, address, request, occurred_at
            from audit_events where app_id = $1 and occurred_at >= $2",
            $condition,
            " order by occurred_at desc, seq desc limit $3"
        )
    };
}

statements! {
// The database itself, whichever program made it.
pub(super) const HAS_MIGRATIONS: &str =
    "select exists (select 1 from sqlite_schema where name = '_sqlx_migrations')";
pub(super) const HAS_FOREIGN_TABLES: &str = "
    select exists (select 1 from sqlite_schema)
        and not exists (select 1 from sqlite_schema where name = '_sqlx_migrations')";
// The table is that of sqlx's migrator, which earlier versions used.
pub(super) const CREATE_MIGRATIONS: &str = "
    create table if not exists _sqlx_migrations (
        version bigint primary key, description text not null,
        installed_on timestamp not null default current_timestamp, success boolean not null,
        checksum blob not null, execution_time bigint not null)";
pub(super) const RECORD_MIGRATION: &str = "
    insert into _sqlx_migrations (version, description, success, checksum, execution_time)
    values ($1, $2, true, $3, $4)";
pub(super) const LIST_MIGRATIONS: &str =
    "select version, checksum, success from _sqlx_migrations order by version";

// Changes nothing that anybody reads, and is written and flushed like any other change.
pub(super) const PING: &str = "pragma user_version = 0";

// Applications.
pub(super) const INSERT_APPLICATION: &str =
    "insert into applications (app_id, name, created_at, user_linking) values ($1, $2, $3, $4)";
pub(super) const SET_APP_SECRET: &str = "update applications set secret_hash = $2 where app_id = $1";
pub(super) const SET_FIRST_APP_SECRET: &str =
    "update applications set secret_hash = $2 where app_id = $1 and secret_hash is null";
pub(super) const INSERT_ORIGIN: &str =
    "insert into application_origins (app_id, origin) values ($1, $2) on conflict do nothing";
pub(super) const FIND_APPLICATION: &str =
    "select app_id, name, created_at, user_linking from applications where app_id = $1";
pub(super) const FIND_APPLICATION_BY_CREDENTIALS: &str =
    "select app_id, name, created_at, user_linking from applications where app_id = $1 and secret_hash = $2";
pub(super) const LIST_APPLICATIONS: &str =
    "select app_id, name, created_at, user_linking from applications order by created_at, app_id";
pub(super) const LIST_ORIGINS: &str =
    "select origin from application_origins where app_id = $1 order by origin";
pub(super) const LISTS_ORIGIN: &str = "select 1 from application_origins where app_id = $1 and origin = $2";
pub(super) const ANY_LISTS_ORIGIN: &str = "select 1 from application_origins where origin = $1 limit 1";

// API keys.
pub(super) const INSERT_API_KEY: &str = "
    insert into api_keys (app_id, key_id, hash, name, scopes, hint, created_at, expires_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8)";
pub(super) const FIND_API_KEY: &str = "
    select app_id, key_id, name, scopes, hint, created_at, expires_at, revoked_at from api_keys where hash = $1";
pub(super) const LIST_API_KEYS: &str = "
    select app_id, key_id, name, scopes, hint, created_at, expires_at, revoked_at
    from api_keys where app_id = $1 order by created_at, key_id";
pub(super) const REVOKE_API_KEY: &str =
    "update api_keys set revoked_at = coalesce(revoked_at, $3) where app_id = $1 and key_id = $2";

// Authentication codes.
pub(super) const INSERT_CODE: &str =
    "insert into authentication_codes (app_id, hash, external_id, expires_at) values ($1, $2, $3, $4)";
pub(super) const CONSUME_CODE: &str = "
    update authentication_codes set consumed_at = $2
    where hash = $1 and consumed_at is null and expires_at > $2
    returning app_id, external_id";
pub(super) const RECORD_REDEMPTION: &str = "
    update authentication_codes
    set install_id = $3, idempotency_key = $4, generation = $5, created_user = $6
    where app_id = $1 and hash = $2";
pub(super) const FIND_REDEMPTION: &str = "
    select app_id, install_id, idempotency_key, generation, created_user
    from authentication_codes
    where hash = $1 and consumed_at is not null and idempotency_key is not null and expires_at >= $2";
pub(super) const HAS_CODE: &str = "select 1 from authentication_codes where hash = $1";
pub(super) const RECORD_CODE_LINK: &str =
    "update authentication_codes set install_id = $3 where app_id = $1 and hash = $2";
pub(super) const FIND_CODE_LINK: &str = "
    select external_id from authentication_codes
    where app_id = $1 and hash = $2 and install_id = $3 and consumed_at is not null and idempotency_key is null";
pub(super) const FIND_CODE_USE: &str = "
    select app_id, external_id, install_id from authentication_codes
    where hash = $1 and consumed_at is not null and expires_at >= $2";
pub(super) const DELETE_CODES_BEFORE: &str = "
    delete from authentication_codes where +expires_at < $1 and hash in (
        select hash from authentication_codes indexed by authentication_codes_by_expiry
        where expires_at < $1 limit $2)";
pub(super) const DELETE_CODES_OF: &str = "
    delete from authentication_codes where +app_id = $1 and hash in (
        select hash from authentication_codes indexed by authentication_codes_by_external_id
        where app_id = $1 and external_id = $2 and expires_at <= $3
        order by expires_at desc limit $4)";

// Users.
pub(super) const INSERT_USER_IF_NEW: &str = "
    insert into users (app_id, user_id, external_id, created_at) values ($1, $2, $3, $4)
    on conflict (app_id, external_id) do nothing";
pub(super) const FIND_USER: &str = "
    select app_id, user_id, external_id, created_at, disabled_at
    from users where app_id = $1 and user_id = $2 and deleted_at is null";
pub(super) const FIND_USER_BY_EXTERNAL_ID: &str = "
    select app_id, user_id, external_id, created_at, disabled_at
    from users where app_id = $1 and external_id = $2";
pub(super) const SET_EXTERNAL_ID: &str = "update users set external_id = $3 where app_id = $1 and user_id = $2 and external_id is null and deleted_at is null";
pub(super) const SET_USER_STATE: &str =
    "update users set disabled_at = $3 where app_id = $1 and user_id = $2 and deleted_at is null";
pub(super) const MARK_USER_DELETED: &str = "
    update users set deleted_at = $3, former_external_id = external_id, external_id = null
    where app_id = $1 and user_id = $2 and deleted_at is null";
pub(super) const FIND_DELETED_USER: &str = "
    select app_id, user_id, former_external_id as external_id, deleted_at
    from users where deleted_at is not null order by deleted_at limit 1";
pub(super) const INSERT_UNUSED_USER: &str =
    "insert into unused_users (created_at, app_id, user_id) values ($3, $1, $2)";
pub(super) const TAKE_UNUSED_USERS: &str = "
    delete from unused_users where (created_at, app_id, user_id) in (
        select created_at, app_id, user_id from unused_users where created_at < $1 order by created_at limit $2)
    returning app_id, user_id";
pub(super) const IS_UNUSED_USER: &str = "
    select 1 from users u
    where u.app_id = $1 and u.user_id = $2 and u.external_id is null and u.deleted_at is null and not exists (
        select 1 from installs i cross join token_pairs p
        where i.app_id = u.app_id and i.user_id = u.user_id and p.app_id = i.app_id and p.install_id = i.install_id
            and (p.first_used_at is not null or p.status = 'exchanged'))";
pub(super) const COUNT_NO_LONGER_STORED: &str = "
    update applications set stored_bytes = stored_bytes - (
        select stored_bytes from users where app_id = $1 and user_id = $2)
    where app_id = $1";
pub(super) const FORGET_DELETED_USER: &str =
    "delete from users where app_id = $1 and user_id = $2 and deleted_at is not null";
pub(super) const COUNT_STORED_OF_USER: &str = "
    update users set
        stored_bytes = stored_bytes + $3,
        bytes_of_day = case when $4 is null then bytes_of_day when counted_day = $4 then bytes_of_day + $3 else $3 end,
        counted_day = coalesce($4, counted_day)
    where app_id = $1 and user_id = $2
    returning stored_bytes, bytes_of_day";
pub(super) const SUM_STORED: &str = "select coalesce(sum(stored_bytes), 0) as stored_bytes from applications";
pub(super) const COUNT_STORED_OF_APPLICATION: &str =
    "update applications set stored_bytes = stored_bytes + $2 where app_id = $1 returning stored_bytes";

// Installs.
pub(super) const FIND_INSTALL: &str = installs_where!("install_id = $2");
pub(super) const ANY_HAS_INSTALL: &str = "select 1 from installs where install_id = $1 limit 1";
pub(super) const FIND_OTHER_ACTIVE_CLASS: &str = "
    select device_class from installs
    where app_id = $1 and user_id = $2 and install_id <> $3 and status = 'active' and exists (
        select 1 from token_pairs
        where token_pairs.app_id = installs.app_id and token_pairs.install_id = installs.install_id
            and token_pairs.status = 'current' and token_pairs.refresh_expires_at > $4)";
pub(super) const LIST_INSTALLS: &str =
    installs_where!("user_id = $2 order by updated_at desc, install_id limit $3");
pub(super) const SAVE_INSTALL: &str = "
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
pub(super) const RECORD_CREATION: &str = "
    update installs set creation_key = $3, creation_generation = $4 where app_id = $1 and install_id = $2";
pub(super) const FIND_CREATION: &str = "
    select creation_key, creation_generation from installs
    where app_id = $1 and install_id = $2 and creation_key is not null";
pub(super) const MOVE_INSTALL: &str = "
    update installs set user_id = $3, status = $4, updated_at = $5 where app_id = $1 and install_id = $2";
pub(super) const CONFIRM_LINK: &str =
    "update installs set awaits_link = 0 where app_id = $1 and install_id = $2";
pub(super) const DEACTIVATE_INSTALLS: &str = "
    update installs indexed by installs_one_active set status = 'inactive', updated_at = $3
    where app_id = $1 and user_id = $2 and status = 'active'
    returning install_id";
pub(super) const END_INSTALL: &str = "
    update installs set status = 'ended', end_reason = $3, updated_at = $4
    where app_id = $1 and install_id = $2 and status <> 'ended'";
pub(super) const EXPIRED_SESSIONS: &str = "
    select i.app_id, i.install_id, i.user_id,
        u.external_id is not null or exists (
            select 1 from token_pairs o
            where o.app_id = i.app_id and o.install_id = i.install_id
                and (o.first_used_at is not null or o.status = 'exchanged')) as is_known
    from installs i indexed by installs_expiring cross join users u
    where i.status <> 'ended' and i.expires_at <= $1
        and u.app_id = i.app_id and u.user_id = i.user_id and u.deleted_at is null
    limit $2";
pub(super) const DELETE_ENDED_INSTALLS: &str = "
    delete from installs indexed by installs_by_install
    where status = 'ended' and updated_at < $1 and install_id in (
        select install_id from installs indexed by installs_ended
        where status = 'ended' and updated_at < $1 limit $2)";
pub(super) const DELETE_STALE_INSTALLS: &str = "
    delete from installs where app_id = $1 and user_id = $2 and status <> 'active' and updated_at < $3";
pub(super) const DELETE_SURPLUS_INSTALLS: &str = "
    delete from installs where app_id = $1 and user_id = $2 and install_id in (
        select install_id from installs where app_id = $1 and user_id = $2 and status <> 'active'
        order by updated_at desc, install_id limit 10 offset $3)";
pub(super) const DELETE_INSTALL: &str = "delete from installs where app_id = $1 and install_id = $2";

// Metadata.
pub(super) const CHANGE_METADATA: &str = "
    insert into user_metadata (app_id, user_id, key, value, install_id, revision, changed_at)
    values ($1, $2, $3, $4, $5, $6, $7)
    on conflict (app_id, user_id, key) do update set
        value = excluded.value, install_id = excluded.install_id, revision = excluded.revision,
        changed_at = excluded.changed_at
    where user_metadata.install_id <> excluded.install_id or user_metadata.revision <= excluded.revision";
pub(super) const NEWEST_METADATA_REVISION: &str =
    "select coalesce(max(revision), 0) as revision from user_metadata
    where app_id = $1 and user_id = $2 and install_id = $3";
pub(super) const METADATA_OF: &str =
    "select key, value from user_metadata where app_id = $1 and user_id = $2 and value is not null";
pub(super) const DELETE_METADATA: &str = "delete from user_metadata where app_id = $1 and user_id = $2";
pub(super) const FORGET_REMOVED_METADATA: &str = "
    delete from user_metadata
    where app_id = $1 and user_id = $2 and value is null and key not in (
        select key from user_metadata where app_id = $1 and user_id = $2 and value is null
        order by changed_at desc, key limit $3)";

// Detections.
pub(super) const BLOCKS_AFTER: &str = list_blocks!(">", "asc");
pub(super) const BLOCKS_FROM: &str = list_blocks!(">=", "asc");
pub(super) const BLOCKS_BEFORE: &str = list_blocks!("<", "desc");
pub(super) const BLOCKS_UP_TO: &str = list_blocks!("<=", "desc");
pub(super) const INSERT_BLOCK: &str = "
    insert into detection_blocks (
        app_id, user_id, kind, first_time, first_id, last_time, last_id, count, content, dated)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
pub(super) const REPLACE_BLOCK: &str = "
    update detection_blocks
    set first_time = $4, first_id = $5, last_time = $6, last_id = $7, count = $8, content = $9, dated = $10
    where app_id = $1 and user_id = $2 and kind = $3 and first_time = $11 and first_id = $12";
pub(super) const FIND_TRIP: &str = "
    select detection_id, install_id, 'trip' as kind, time, content from trips
    where app_id = $1 and user_id = $2 and detection_id = $3";
pub(super) const SAVE_TRIP: &str = "
    insert into trips (app_id, user_id, detection_id, install_id, time, content, dated)
    values ($1, $2, $3, $4, $5, $6, $7)
    on conflict (app_id, user_id, detection_id) do update set content = excluded.content, dated = excluded.dated";
pub(super) const TRIPS_AFTER: &str = list_trips!(">", "asc");
pub(super) const TRIPS_FROM: &str = list_trips!(">=", "asc");
pub(super) const TRIPS_BEFORE: &str = list_trips!("<", "desc");
pub(super) const TRIPS_UP_TO: &str = list_trips!("<=", "desc");
pub(super) const SIZES_OF_BLOCKS: &str = "
    select kind, first_time, first_id, octet_length(content) as bytes from detection_blocks
    where app_id = $1 and user_id = $2 order by kind, first_time, first_id limit $3";
pub(super) const DELETE_BLOCKS_UP_TO: &str = "
    delete from detection_blocks
    where app_id = $1 and user_id = $2 and (kind, first_time, first_id) <= ($3, $4, $5)";
pub(super) const SIZES_OF_TRIPS: &str = "
    select detection_id, octet_length(content) as bytes from trips
    where app_id = $1 and user_id = $2 order by detection_id limit $3";
pub(super) const DELETE_TRIPS_UP_TO: &str =
    "delete from trips where app_id = $1 and user_id = $2 and detection_id <= $3";
pub(super) const SET_RETENTION: &str = "update applications set detections_retention = $2 where app_id = $1";
pub(super) const FIND_RETENTION: &str = "select detections_retention from applications where app_id = $1";
pub(super) const LIST_RETENTIONS: &str =
    "select app_id, detections_retention from applications
    where app_id > $2 and coalesce(detections_retention, $1) > 0 order by app_id limit $3";
pub(super) const DELETE_BLOCKS_BEFORE: &str = "
    delete from detection_blocks where app_id = $1 and (user_id, kind, first_time, first_id) in (
        select user_id, kind, first_time, first_id from detection_blocks
        where app_id = $1 and dated < $2 order by dated limit $3)
    returning user_id, octet_length(content) as bytes";
pub(super) const DELETE_TRIPS_BEFORE: &str = "
    delete from trips where app_id = $1 and (user_id, detection_id) in (
        select user_id, detection_id from trips where app_id = $1 and dated < $2 order by dated limit $3)
    returning user_id, octet_length(content) as bytes";

// Detections of earlier versions.
pub(super) const FIND_CONVERSION: &str =
    "select app_id, user_id from detection_conversion where only_row = 1";
pub(super) const ADVANCE_CONVERSION: &str = "
    update detection_conversion set app_id = $1, user_id = $2 where only_row = 1";
pub(super) const END_CONVERSION: &str = "delete from detection_conversion where only_row = 1";
pub(super) const NEXT_OLD_ROW: &str = "
    select app_id, user_id from detections where (app_id, user_id) >= ($1, $2)
    order by app_id, user_id limit 1";
pub(super) const NEXT_OLD_ROW_AFTER: &str = "
    select app_id, user_id from detections where (app_id, user_id) > ($1, $2)
    order by app_id, user_id limit 1";
pub(super) const FIND_OLD_ROW: &str = "
    select detection_id, install_id, kind, time, content from detections
    where app_id = $1 and user_id = $2 and detection_id = $3";
pub(super) const OLD_ROWS_AFTER: &str = list_old_rows!(">", "asc");
pub(super) const OLD_ROWS_FROM: &str = list_old_rows!(">=", "asc");
pub(super) const OLD_ROWS_BEFORE: &str = list_old_rows!("<", "desc");
pub(super) const OLD_ROWS_UP_TO: &str = list_old_rows!("<=", "desc");
pub(super) const DELETE_OLD_ROW: &str =
    "delete from detections where app_id = $1 and user_id = $2 and detection_id = $3";
pub(super) const SIZES_OF_OLD_ROWS: &str = "
    select detection_id, octet_length(content) as bytes from detections
    where app_id = $1 and user_id = $2 order by detection_id limit $3";
pub(super) const DELETE_OLD_ROWS_UP_TO: &str =
    "delete from detections where app_id = $1 and user_id = $2 and detection_id <= $3";

// Tokens.
pub(super) const INSERT_CURRENT_PAIR: &str = "
    insert into token_pairs (
        app_id, install_id, generation, status, access_hash, refresh_hash, access_expires_at, refresh_expires_at)
    values ($1, $2, $3, 'current', $4, $5, $6, $7)";
pub(super) const COUNT_PAIR: &str = "
    update installs set generation = $3, updated_at = $4, expires_at = (
        select case when access_expires_at > refresh_expires_at then access_expires_at else refresh_expires_at end
        from token_pairs indexed by token_pairs_one_current
        where token_pairs.app_id = $1 and token_pairs.install_id = $2 and token_pairs.status = 'current')
    where app_id = $1 and install_id = $2";

pub(super) const FIND_BY_ACCESS: &str = session_where!("token_pairs p indexed by token_pairs_by_access", "installs i indexed by installs_by_install", "p.access_hash = $1");
pub(super) const FIND_BY_REFRESH: &str = session_where!("token_pairs p indexed by token_pairs_by_refresh", "installs i indexed by installs_by_install", "p.refresh_hash = $1");
pub(super) const FIND_BY_FAMILY: &str = session_where!(
    "installs i indexed by installs_by_family",
    "token_pairs p indexed by token_pairs_one_current",
    "i.family = $1 and p.status = 'current'"
);
pub(super) const FIND_CURRENT: &str =
    session_where!(
    "token_pairs p indexed by token_pairs_one_current",
    "installs i indexed by installs_by_install",
    "p.app_id = $1 and p.install_id = $2 and p.status = 'current'"
);
pub(super) const MARK_USED: &str = "
    update token_pairs set first_used_at = $2
    where access_hash = $1 and first_used_at is null and status <> 'superseded'";
pub(super) const SUPERSEDE_CURRENT: &str = "
    update token_pairs set status = 'superseded' where app_id = $1 and install_id = $2 and status = 'current'";
pub(super) const IS_ALTERNATIVE: &str = "
    select 1 from token_pairs pair
    join token_pairs newest
        on newest.app_id = pair.app_id and newest.install_id = pair.install_id and newest.status = 'current'
    where pair.app_id = $1 and pair.install_id = $2 and pair.generation = $3
        and pair.status = 'superseded' and newest.first_used_at is null
        and not exists (
            select 1 from token_pairs parent
            where parent.app_id = pair.app_id and parent.install_id = pair.install_id
                and parent.status = 'exchanged' and parent.generation > pair.generation)";
pub(super) const MAKE_CURRENT: &str = "
    update token_pairs set status = 'current', generation = $4
    where app_id = $1 and install_id = $2 and generation = $3 and status = 'superseded'";
pub(super) const MARK_EXCHANGED: &str = "
    update token_pairs set status = 'exchanged', idempotency_key = $4
    where app_id = $1 and install_id = $2 and generation = $3";
pub(super) const DELETE_EXCHANGED: &str =
    "delete from token_pairs where app_id = $1 and install_id = $2 and status = 'exchanged'";
pub(super) const DELETE_SUPERSEDED: &str = "
    delete from token_pairs
    where app_id = $1 and install_id = $2 and status = 'superseded' and generation <= $3";
pub(super) const DELETE_PAIRS: &str = "delete from token_pairs where app_id = $1 and install_id = $2";
pub(super) const BURY_TOKENS: &str = "
    insert into token_tombstones (app_id, hash, expires_at)
    select app_id, access_hash, $3 from token_pairs where app_id = $1 and install_id = $2
    union all
    select app_id, refresh_hash, $3 from token_pairs where app_id = $1 and install_id = $2
    union all
    select app_id, family, $3 from installs where app_id = $1 and install_id = $2
    on conflict (app_id, hash) do update set expires_at = excluded.expires_at";
pub(super) const BURY: &str = "
    insert into token_tombstones (app_id, hash, expires_at) values ($1, $2, $3)
    on conflict (app_id, hash) do update set expires_at = excluded.expires_at";
pub(super) const FIND_TOMBSTONE: &str = "select app_id from token_tombstones where hash = $1";
pub(super) const DELETE_TOMBSTONES_BEFORE: &str = "
    delete from token_tombstones indexed by token_tombstones_by_hash
    where expires_at < $1 and hash in (
        select hash from token_tombstones indexed by token_tombstones_by_expiry
        where expires_at < $1 limit $2)";

// The audit log.
pub(super) const RECORD_EVENT: &str = "
    insert into audit_events (
        app_id, kind, user_id, install_id, key_id, actor, actor_id, address, request, occurred_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
pub(super) const USER_HAS_EVENT_SINCE: &str = "
    select 1 from audit_events where app_id = $1 and user_id = $2 and kind = $3 and occurred_at >= $4 limit 1";
pub(super) const KEY_HAS_EVENT_SINCE: &str = "
    select 1 from audit_events where app_id = $1 and key_id = $2 and kind = $3 and occurred_at >= $4 limit 1";

pub(super) const LIST_EVENTS: &str = list_events!("");
pub(super) const LIST_EVENTS_OF_USER: &str = list_events!(" and user_id = $4");
pub(super) const FORGET_ADDRESSES: &str = "
    update audit_events set address = null where seq in (
        select seq from audit_events
        where app_id = $1 and user_id = $2 and user_id is not null and address is not null limit $3)";
pub(super) const DELETE_EVENTS_BEFORE: &str = "
    delete from audit_events where seq in (select seq from audit_events where occurred_at < $1 limit $2)";
pub(super) const FIND_CLOCK_WATCH: &str = "select trusted_at, seen_at, doubted_since from clock_watch where only_row = 1";
pub(super) const SAVE_CLOCK_WATCH: &str = "
    insert into clock_watch (only_row, trusted_at, seen_at, doubted_since) values (1, $1, $2, $3)
    on conflict (only_row) do update set
        trusted_at = excluded.trusted_at, seen_at = excluded.seen_at, doubted_since = excluded.doubted_since";
pub(super) const NEWEST_CHANGE: &str = "select coalesce(max(seq), 0) as seq from audit_events";
pub(super) const CHANGES_AFTER: &str = "
    select seq, app_id, user_id, install_id from audit_events where seq > $1 order by seq limit $2";
}

/// Four statements that read the same rows from a key on.
pub(super) struct Reading {
    after: &'static str,
    from: &'static str,
    before: &'static str,
    up_to: &'static str,
}

impl Reading {
    /// The one of them that starts so.
    pub(super) fn from(&self, start: Start<'_>) -> &'static str {
        match (start.order, start.inclusive) {
            (Order::Ascending, false) => self.after,
            (Order::Ascending, true) => self.from,
            (Order::Descending, false) => self.before,
            (Order::Descending, true) => self.up_to,
        }
    }
}

pub(super) const BLOCKS: Reading =
    Reading { after: BLOCKS_AFTER, from: BLOCKS_FROM, before: BLOCKS_BEFORE, up_to: BLOCKS_UP_TO };
pub(super) const TRIPS: Reading =
    Reading { after: TRIPS_AFTER, from: TRIPS_FROM, before: TRIPS_BEFORE, up_to: TRIPS_UP_TO };
pub(super) const OLD_ROWS: Reading =
    Reading { after: OLD_ROWS_AFTER, from: OLD_ROWS_FROM, before: OLD_ROWS_BEFORE, up_to: OLD_ROWS_UP_TO };
