-- What is looked for is found by more than the application, whatever the statistics say, and what the clean-up looks
-- for by its own time alone.

-- By time too: a query since a time reads no earlier event.
drop index audit_events_by_app;
create index audit_events_by_app on audit_events (app_id, occurred_at);
drop index audit_events_by_user;
create index audit_events_by_user on audit_events (app_id, user_id, occurred_at) where user_id is not null;
drop index audit_events_by_key;
create index audit_events_by_key on audit_events (app_id, key_id, occurred_at) where key_id is not null;

-- SQLite cannot change a primary key: the table is rebuilt. Foreign keys are off while migrations run.
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
    -- When both tokens of the current pair have expired. Found by the time of the last change, sessions that had not
    -- expired were read again by every clean-up once the lifetime of tokens was made shorter.
    expires_at          integer not null,
    -- The user before the install: a cascade cannot say which index it wants, and with the application alone at the
    -- beginning of the key, SQLite read all installs of the application to delete those of one user.
    primary key (app_id, user_id, install_id),
    foreign key (app_id, user_id) references users (app_id, user_id) on delete cascade,
    check ((status = 'ended') = (end_reason is not null))
) strict, without rowid;

insert into installs_rebuilt
select app_id, install_id, user_id, status, end_reason, family, generation, app_name, app_version, app_origin,
    device_class, device_class_source, os, os_version, model, language, time_zone, sdk_version, sdk_runtime,
    created_at, updated_at, awaits_link, creation_key, creation_generation,
    coalesce((
        select max(access_expires_at, refresh_expires_at) from token_pairs
        where token_pairs.app_id = installs.app_id and token_pairs.install_id = installs.install_id
            and token_pairs.status = 'current'), updated_at)
from installs;

drop table installs;
alter table installs_rebuilt rename to installs;
create unique index installs_by_install on installs (app_id, install_id);
create unique index installs_one_active on installs (app_id, user_id) where status = 'active';
create index installs_by_family on installs (family);
create index installs_by_id on installs (install_id);
create index installs_expiring on installs (expires_at) where status <> 'ended';
create index installs_ended on installs (updated_at) where status = 'ended';
