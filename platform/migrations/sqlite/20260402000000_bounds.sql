-- Users are marked when they are deleted, and what they stored goes in batches afterwards: nobody waits for as long as
-- one user has stored. While the row is marked, nothing finds it.

alter table users add column deleted_at integer;
alter table users add column former_external_id text; -- of a deleted user, until the codes of it are gone

create index users_deleted on users (deleted_at) where deleted_at is not null;

-- How many bytes of detections are stored, counted with each upload from now on.
alter table users add column stored_bytes integer not null default 0;
alter table users add column counted_day integer not null default 0; -- days since 1970
alter table users add column bytes_of_day integer not null default 0;
alter table applications add column stored_bytes integer not null default 0;

-- A user's addresses are forgotten some at a time: those that are left must be found without the others.
create index audit_events_with_address on audit_events (app_id, user_id)
    where user_id is not null and address is not null;
