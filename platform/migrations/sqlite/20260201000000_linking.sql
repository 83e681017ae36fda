-- Users without an external id, who are created by an application's credentials and linked later.

alter table applications add column secret_hash blob; -- none: nobody creates users by this application's credentials
alter table applications add column user_linking integer not null default 1 check (user_linking in (0, 1));

-- SQLite cannot make a column nullable: the table is made anew. Foreign keys are off while migrations run, or this
-- would delete the installs with the old table.
create table users_rebuilt (
    app_id      text    not null references applications (app_id) on delete cascade,
    user_id     text    not null,
    external_id text, -- none: the user is not linked
    created_at  integer not null,
    disabled_at integer,
    primary key (app_id, user_id)
) strict, without rowid;

insert into users_rebuilt (app_id, user_id, external_id, created_at, disabled_at)
select app_id, user_id, external_id, created_at, disabled_at from users;

drop table users;
alter table users_rebuilt rename to users;
create unique index users_by_external_id on users (app_id, external_id);

-- Set from a creation that announces a linker until the link is confirmed: such an install may come to a known user.
alter table installs add column awaits_link integer not null default 0 check (awaits_link in (0, 1));
-- How the application's credentials were exchanged, for a caller whose answer was lost: both set, or none.
alter table installs add column creation_key blob;
alter table installs add column creation_generation integer;

create index installs_by_id on installs (install_id);

-- From now on a consumed code with an install id and no idempotency key is one that linked that install.
