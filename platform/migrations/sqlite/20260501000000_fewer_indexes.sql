-- Two pairs of indexes of which one can do for both: each is written with every code and every install.

-- By the hash first, since a code is found by it alone: the key is the index.
create table authentication_codes_rebuilt (
    app_id          text    not null references applications (app_id) on delete cascade,
    hash            blob    not null,
    external_id     text    not null,
    expires_at      integer not null,
    consumed_at     integer,
    -- How it was exchanged, for a caller whose response was lost: all set, or none.
    install_id      text,
    idempotency_key blob,
    generation      integer,
    created_user    integer,
    primary key (hash, app_id)
) strict, without rowid;

insert into authentication_codes_rebuilt
select app_id, hash, external_id, expires_at, consumed_at, install_id, idempotency_key, generation, created_user
from authentication_codes;

drop table authentication_codes;
alter table authentication_codes_rebuilt rename to authentication_codes;
create index authentication_codes_by_expiry on authentication_codes (expires_at);
create index authentication_codes_by_external_id on authentication_codes (app_id, external_id);

-- Also for those who know no application.
drop index installs_by_id;
drop index installs_by_install;
create unique index installs_by_install on installs (install_id, app_id);
