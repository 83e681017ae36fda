-- The audit log: what happened to users, installs, keys and applications, for whoever answers for their security. It
-- takes the place of the narrow `security_events`. Rows name nobody but by random ids, so they stay when a user goes.
-- It is also the feed by which the processes on one database learn of each other's changes: `seq` is no id, but the
-- order in which this database committed.

create table audit_events (
    seq         integer primary key autoincrement, -- never used twice, though old rows go
    app_id      text    not null,
    kind        text    not null,
    user_id     text,
    install_id  text,
    key_id      text,
    actor       text    not null check (actor in ('install', 'api_key', 'operator', 'platform', 'unknown')),
    actor_id    text,
    address     text,
    request     text, -- the `ref` of the answer
    occurred_at integer not null,
    check ((actor in ('install', 'api_key')) = (actor_id is not null))
) strict;

create index audit_events_by_app on audit_events (app_id);
create index audit_events_by_user on audit_events (app_id, user_id) where user_id is not null;
create index audit_events_by_key on audit_events (app_id, key_id) where key_id is not null;
create index audit_events_by_time on audit_events (occurred_at);

-- What is written stays as it is until it is too old; only the address goes with its user.
create trigger audit_events_are_final before update of
    seq, app_id, kind, user_id, install_id, key_id, actor, actor_id, request, occurred_at on audit_events
begin
    select raise(abort, 'audit events are final');
end;

insert into audit_events (app_id, kind, user_id, install_id, actor, occurred_at)
select app_id, 'refresh_token_reused', user_id, install_id, 'unknown', occurred_at
from security_events order by occurred_at;

drop table security_events;
