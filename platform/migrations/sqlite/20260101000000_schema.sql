-- The first schema. Every table is keyed by application first and no id comes from a sequence, so that the same
-- tables distribute over several nodes by application. Times are milliseconds since the Unix epoch. Secrets are
-- stored as SHA-256 only.

create table applications (
    app_id     text    not null,
    name       text    not null,
    created_at integer not null,
    primary key (app_id)
) strict, without rowid;

-- The pages that may call the SDK's endpoints.
create table application_origins (
    app_id text not null references applications (app_id) on delete cascade,
    origin text not null,
    primary key (app_id, origin)
) strict, without rowid;

create index application_origins_by_origin on application_origins (origin);

create table api_keys (
    app_id     text    not null references applications (app_id) on delete cascade,
    key_id     text    not null,
    hash       blob    not null,
    name       text    not null,
    scopes     text    not null, -- names, separated by spaces
    hint       text    not null, -- the last characters of the secret
    created_at integer not null,
    expires_at integer not null,
    revoked_at integer,
    primary key (app_id, key_id)
) strict, without rowid;

create index api_keys_by_hash on api_keys (hash);

create table users (
    app_id      text    not null references applications (app_id) on delete cascade,
    user_id     text    not null,
    external_id text    not null,
    created_at  integer not null,
    disabled_at integer,
    primary key (app_id, user_id)
) strict, without rowid;

create unique index users_by_external_id on users (app_id, external_id);

create table authentication_codes (
    app_id          text    not null references applications (app_id) on delete cascade,
    hash            blob    not null,
    external_id     text    not null,
    expires_at      integer not null,
    consumed_at     integer,
    -- How it was exchanged, for a caller whose answer was lost: all set, or none.
    install_id      text,
    idempotency_key blob,
    generation      integer,
    created_user    integer,
    primary key (app_id, hash)
) strict, without rowid;

create index authentication_codes_by_hash on authentication_codes (hash);
create index authentication_codes_by_expiry on authentication_codes (app_id, expires_at);
create index authentication_codes_by_external_id on authentication_codes (app_id, external_id);

create table installs (
    app_id              text    not null,
    install_id          text    not null,
    user_id             text    not null,
    status              text    not null check (status in ('active', 'inactive', 'ended')),
    end_reason          text    check (end_reason in ('reset', 'token_reuse')),
    family              blob    not null,
    generation          integer not null,
    app_name            text,
    app_version         text,
    app_origin          text,
    device_class        text    not null check (device_class in ('phone', 'tablet', 'desktop')),
    device_class_source text    not null,
    os                  text,
    os_version          text,
    model               text,
    language            text,
    time_zone           text,
    sdk_version         text    not null,
    sdk_runtime         text    not null,
    created_at          integer not null,
    updated_at          integer not null,
    primary key (app_id, install_id),
    foreign key (app_id, user_id) references users (app_id, user_id) on delete cascade,
    check ((status = 'ended') = (end_reason is not null))
) strict, without rowid;

-- The rule of the one active device, guarded by the database itself.
create unique index installs_one_active on installs (app_id, user_id) where status = 'active';
create index installs_by_user on installs (app_id, user_id);
create index installs_by_family on installs (family);

create table token_pairs (
    app_id             text    not null,
    install_id         text    not null,
    generation         integer not null,
    status             text    not null check (status in ('current', 'exchanged', 'superseded')),
    idempotency_key    blob,
    access_hash        blob    not null,
    refresh_hash       blob    not null,
    access_expires_at  integer not null,
    refresh_expires_at integer not null,
    first_used_at      integer,
    primary key (app_id, install_id, generation),
    foreign key (app_id, install_id) references installs (app_id, install_id) on delete cascade,
    check ((status = 'exchanged') = (idempotency_key is not null))
) strict, without rowid;

create unique index token_pairs_one_current on token_pairs (app_id, install_id) where status = 'current';
create index token_pairs_by_access on token_pairs (access_hash);
create index token_pairs_by_refresh on token_pairs (refresh_hash);

-- What is left of a deleted user: hashes by which its devices learn what happened.
create table token_tombstones (
    app_id     text    not null references applications (app_id) on delete cascade,
    hash       blob    not null,
    expires_at integer not null,
    primary key (app_id, hash)
) strict, without rowid;

create index token_tombstones_by_hash on token_tombstones (hash);
create index token_tombstones_by_expiry on token_tombstones (app_id, expires_at);

create table security_events (
    app_id      text    not null,
    event_id    text    not null,
    kind        text    not null,
    user_id     text    not null,
    install_id  text    not null,
    occurred_at integer not null,
    primary key (app_id, event_id),
    foreign key (app_id, user_id) references users (app_id, user_id) on delete cascade
) strict, without rowid;

create index security_events_by_user on security_events (app_id, user_id);
