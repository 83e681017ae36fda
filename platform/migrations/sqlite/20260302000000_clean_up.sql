-- What the clean-up looks for, by time and over all applications; and sessions that nobody used for too long, which
-- are now written as ended.

drop index authentication_codes_by_expiry;
create index authentication_codes_by_expiry on authentication_codes (expires_at);
drop index token_tombstones_by_expiry;
create index token_tombstones_by_expiry on token_tombstones (expires_at);

-- SQLite cannot change a check: the table is made anew. Foreign keys are off while migrations run.
create table installs_rebuilt (
    app_id              text    not null,
    install_id          text    not null,
    user_id             text    not null,
    status              text    not null check (status in ('active', 'inactive', 'ended')),
    end_reason          text    check (end_reason in ('reset', 'token_reuse', 'expired')),
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
    awaits_link         integer not null default 0 check (awaits_link in (0, 1)),
    creation_key        blob,
    creation_generation integer,
    primary key (app_id, install_id),
    foreign key (app_id, user_id) references users (app_id, user_id) on delete cascade,
    check ((status = 'ended') = (end_reason is not null))
) strict, without rowid;

insert into installs_rebuilt
select app_id, install_id, user_id, status, end_reason, family, generation, app_name, app_version, app_origin,
    device_class, device_class_source, os, os_version, model, language, time_zone, sdk_version, sdk_runtime,
    created_at, updated_at, awaits_link, creation_key, creation_generation
from installs;

drop table installs;
alter table installs_rebuilt rename to installs;
create unique index installs_one_active on installs (app_id, user_id) where status = 'active';
create index installs_by_user on installs (app_id, user_id);
create index installs_by_family on installs (family);
create index installs_by_id on installs (install_id);
create index installs_live on installs (updated_at) where status <> 'ended';
create index installs_ended on installs (updated_at) where status = 'ended';
