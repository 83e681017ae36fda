-- The address of an event goes with its user, and does not come back.

create trigger audit_addresses_are_final before update of address on audit_events when new.address is not null
begin
    select raise(abort, 'audit events are final');
end;

-- What earlier versions kept: addresses of users that are gone. That of a server which asked for a deletion stays.
update audit_events set address = null
where address is not null and user_id is not null and (kind <> 'user_deleted' or actor <> 'api_key')
    and not exists (
        select 1 from users where users.app_id = audit_events.app_id and users.user_id = audit_events.user_id);

-- What the clean-up knows of the clock. Before the first clean-up there is no row, except where events tell the time.
create table clock_watch (
    only_row      integer primary key check (only_row = 1),
    trusted_at    integer not null, -- the last time that was taken for right
    seen_at       integer not null, -- the last time that was seen
    doubted_since integer           -- when it was first seen that may be wrong; none: it is trusted
) strict;

insert into clock_watch (only_row, trusted_at, seen_at)
select 1, max(occurred_at), max(occurred_at) from audit_events having count(*) > 0;
