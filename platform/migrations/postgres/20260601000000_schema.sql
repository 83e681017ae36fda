-- The schema on PostgreSQL: what SQLite's has after all its migrations. The application is part of every key and no id
-- comes from a sequence, so that the same tables distribute over several nodes by application. Times are milliseconds
-- since the Unix epoch, and what is so or not is 1 or 0, as in SQLite: the statements are the same. Secrets are stored as
-- SHA-256 only. Texts are compared by their bytes, whatever the database's collation is.
--
-- A plan that was made while a table had few rows is kept when it has many, and with few rows every index costs the same.
-- So no index may be one by which a request could find all of an application: it has the application last, and where the
-- clean-up or a list needs one by time, it is over an expression that only their statements have.

create table applications (
    app_id               text   collate "C" not null primary key,
    name                 text   not null,
    created_at           bigint not null,
    secret_hash          bytea,
    user_linking         bigint not null default 1 check (user_linking in (0, 1)),
    detections_retention bigint check (detections_retention >= 0)
);

-- The bytes of an application's detections are the sum of its rows: uploads at the same time change different ones.
create table stored_of_applications (
    app_id       text   collate "C" not null references applications (app_id) on delete cascade,
    shard        bigint not null,
    stored_bytes bigint not null,
    primary key (app_id, shard)
);

create table application_origins (
    app_id text collate "C" not null references applications (app_id) on delete cascade,
    origin text collate "C" not null,
    primary key (app_id, origin)
);

create index application_origins_by_origin on application_origins (origin);

create table api_keys (
    app_id     text   collate "C" not null references applications (app_id) on delete cascade,
    key_id     text   collate "C" not null,
    hash       bytea  not null,
    name       text   not null,
    scopes     text   not null,
    hint       text   not null,
    created_at bigint not null,
    expires_at bigint not null,
    revoked_at bigint,
    primary key (app_id, key_id)
);

create index api_keys_by_hash on api_keys (hash);

create table users (
    app_id             text   collate "C" not null,
    user_id            text   collate "C" not null,
    external_id        text   collate "C",
    created_at         bigint not null,
    disabled_at        bigint,
    deleted_at         bigint,
    former_external_id text   collate "C",
    stored_bytes       bigint not null default 0,
    counted_day        bigint not null default 0,
    bytes_of_day       bigint not null default 0,
    primary key (user_id, app_id)
);

create unique index users_by_external_id on users (external_id, app_id) where external_id is not null;
create index users_deleted on users ((deleted_at + 0)) where deleted_at + 0 is not null;

create table unused_users (
    created_at bigint not null,
    app_id     text   collate "C" not null,
    user_id    text   collate "C" not null,
    primary key (created_at, app_id, user_id)
);

-- A code is changed twice when it is used, soon after it was written, and finds room for that beside itself.
create table authentication_codes (
    app_id          text   collate "C" not null,
    hash            bytea  not null,
    external_id     text   collate "C" not null,
    expires_at      bigint not null,
    consumed_at     bigint,
    install_id      text   collate "C",
    idempotency_key bytea,
    generation      bigint,
    created_user    bigint,
    primary key (hash, app_id)
) with (fillfactor = 40);

create index authentication_codes_by_expiry on authentication_codes ((expires_at + 0));
create index authentication_codes_by_external_id on authentication_codes (external_id, app_id);

-- Nothing of an application's users refers to it: each new row would lock the application's, as all others do at the same
-- time. What is an application's goes with it all the same.
create function applications_take_all_along() returns trigger language plpgsql as $$
begin
    delete from users where app_id = old.app_id;
    delete from authentication_codes where app_id = old.app_id;
    delete from token_tombstones where app_id = old.app_id;
    return old;
end
$$;

create trigger applications_take_all_along before delete on applications
    for each row execute function applications_take_all_along();

create table installs (
    app_id              text   collate "C" not null,
    install_id          text   collate "C" not null,
    user_id             text   collate "C" not null,
    status              text   not null check (status in ('active', 'inactive', 'ended')),
    end_reason          text   check (end_reason in ('reset', 'token_reuse', 'expired')),
    family              bytea  not null,
    generation          bigint not null,
    app_name            text,
    app_version         text,
    app_origin          text,
    device_class        text   not null check (device_class in ('phone', 'tablet', 'desktop')),
    device_class_source text   not null,
    os                  text,
    os_version          text,
    model               text,
    language            text,
    time_zone           text,
    sdk_version         text   not null,
    sdk_runtime         text   not null,
    created_at          bigint not null,
    updated_at          bigint not null,
    awaits_link         bigint not null default 0 check (awaits_link in (0, 1)),
    creation_key        bytea,
    creation_generation bigint,
    expires_at          bigint not null,
    primary key (install_id, app_id),
    foreign key (app_id, user_id) references users (app_id, user_id) on delete cascade,
    check ((status = 'ended') = (end_reason is not null))
);

create index installs_by_user on installs (user_id, app_id);
create unique index installs_one_active on installs (user_id, app_id) where status = 'active';
create index installs_by_family on installs (family, app_id);
create index installs_expiring on installs ((expires_at + 0)) where status <> 'ended';
create index installs_ended on installs ((updated_at + 0)) where status = 'ended';

create table token_pairs (
    app_id             text   collate "C" not null,
    install_id         text   collate "C" not null,
    generation         bigint not null,
    status             text   not null check (status in ('current', 'exchanged', 'superseded')),
    idempotency_key    bytea,
    access_hash        bytea  not null,
    refresh_hash       bytea  not null,
    access_expires_at  bigint not null,
    refresh_expires_at bigint not null,
    first_used_at      bigint,
    primary key (install_id, app_id, generation),
    foreign key (app_id, install_id) references installs (app_id, install_id) on delete cascade,
    check ((status = 'exchanged') = (idempotency_key is not null))
);

-- No statement has this condition, and none takes the index for a short one that can be read whole.
create unique index token_pairs_one_current on token_pairs (install_id, app_id) where status || '' = 'current';
create index token_pairs_by_access on token_pairs (access_hash, app_id);
create index token_pairs_by_refresh on token_pairs (refresh_hash, app_id);

create table token_tombstones (
    app_id     text   collate "C" not null,
    hash       bytea  not null,
    expires_at bigint not null,
    primary key (hash, app_id)
);

create index token_tombstones_by_expiry on token_tombstones ((expires_at + 0));

create table user_metadata (
    app_id     text   collate "C" not null,
    user_id    text   collate "C" not null,
    key        bytea  not null,
    value      bytea,
    install_id text   collate "C" not null,
    revision   bigint not null,
    changed_at bigint not null,
    primary key (user_id, app_id, key),
    foreign key (app_id, user_id) references users (app_id, user_id) on delete cascade
);

create table detection_blocks (
    app_id     text   collate "C" not null,
    user_id    text   collate "C" not null,
    kind       text   collate "C" not null check (kind in ('position', 'motion')),
    first_time bigint not null,
    first_id   text   collate "C" not null,
    last_time  bigint not null,
    last_id    text   collate "C" not null,
    count      bigint not null,
    content    bytea  not null,
    dated      bigint not null,
    primary key (user_id, app_id, kind, first_time, first_id),
    foreign key (app_id, user_id) references users (app_id, user_id) on delete cascade
);

-- It is compressed already.
alter table detection_blocks alter column content set storage external;
create index detection_blocks_by_date on detection_blocks (app_id, (dated + 0));

create table trips (
    app_id       text   collate "C" not null,
    user_id      text   collate "C" not null,
    detection_id text   collate "C" not null,
    install_id   text   collate "C" not null,
    time         bigint not null,
    content      text   not null,
    dated        bigint not null,
    primary key (user_id, app_id, detection_id),
    foreign key (app_id, user_id) references users (app_id, user_id) on delete cascade
);

create index trips_by_time on trips (user_id, app_id, time, detection_id);
create index trips_by_date on trips (app_id, (dated + 0));

create table audit_events (
    app_id      text   collate "C" not null,
    -- The number of the transaction, and in the last 20 bits how many microseconds after its begin the event was recorded.
    seq         bigint not null default (pg_current_xact_id()::text::bigint << 20) + least(
        1048575, (extract(epoch from clock_timestamp() - transaction_timestamp()) * 1000000)::bigint),
    kind        text   collate "C" not null,
    user_id     text   collate "C",
    install_id  text   collate "C",
    key_id      text   collate "C",
    actor       text   not null check (actor in ('install', 'api_key', 'operator', 'platform', 'unknown')),
    actor_id    text,
    address     text,
    request     text,
    occurred_at bigint not null,
    check ((actor in ('install', 'api_key')) = (actor_id is not null))
);

create index audit_events_by_seq on audit_events (seq);
create index audit_events_by_app on audit_events (app_id, (occurred_at + 0));
create index audit_events_by_user on audit_events (user_id, app_id, occurred_at) where user_id is not null;
create index audit_events_by_key on audit_events (key_id, app_id, occurred_at) where key_id is not null;
create index audit_events_by_time on audit_events ((occurred_at + 0));
create index audit_events_with_address on audit_events (user_id, app_id)
    where user_id is not null and address is not null;

create function audit_events_are_final() returns trigger language plpgsql as $$
begin
    if new.address is not null or (to_jsonb(new) - 'address') is distinct from (to_jsonb(old) - 'address') then
        raise exception 'audit events are final';
    end if;
    return new;
end
$$;

create trigger audit_events_are_final before update on audit_events
    for each row execute function audit_events_are_final();

create table clock_watch (
    only_row      bigint primary key check (only_row = 1),
    trusted_at    bigint not null,
    seen_at       bigint not null,
    doubted_since bigint
);

create table pings (
    only_row bigint primary key check (only_row = 1),
    at       bigint not null
);

insert into pings values (1, 1);

-- The platforms that serve this database. Times are those of the database's clock.
create table replicas (
    replica_id text   collate "C" not null primary key,
    seen_at    bigint not null
);

-- What `platform import` fills this database from. A row without an end keeps every platform from working on it.
create table imports (
    only_row    bigint primary key check (only_row = 1),
    source      bytea  not null, -- recognizes the database that is imported
    begun_at    bigint not null,
    finished_at bigint
);

-- What an import has taken away for its time, and how it is made again.
create table set_aside (
    name       text collate "C" not null primary key,
    kind       text not null check (kind in ('index', 'reference')),
    definition text not null
);
