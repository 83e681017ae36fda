-- Positions and motions as blocks, up to 256 of one user, kind and day (UTC) in each, ordered by their keys and without
-- overlap; and trips as rows of their own. What is in `detections` is brought over while the platform runs.

create table detection_blocks (
    app_id     text    not null,
    user_id    text    not null,
    kind       text    not null check (kind in ('position', 'motion')),
    first_time integer not null, -- the key of the first detection in it
    first_id   text    not null,
    last_time  integer not null, -- and of the last one
    last_id    text    not null,
    count      integer not null,
    content    blob    not null, -- see store/detections/block.rs
    dated      integer not null, -- the time of the last detection, but not later than that at which it was stored
    primary key (app_id, user_id, kind, first_time, first_id),
    foreign key (app_id, user_id) references users (app_id, user_id) on delete cascade
) strict;

-- What is too old is found without its users.
create index detection_blocks_by_date on detection_blocks (app_id, dated);

create table trips (
    app_id       text    not null,
    user_id      text    not null,
    detection_id text    not null,
    install_id   text    not null,
    time         integer not null,
    content      text    not null, -- JSON: what the messages about it give together
    dated        integer not null,
    primary key (app_id, user_id, detection_id),
    foreign key (app_id, user_id) references users (app_id, user_id) on delete cascade
) strict;

create index trips_by_time on trips (app_id, user_id, time, detection_id);
create index trips_by_date on trips (app_id, dated);

-- The user whose rows in `detections` are brought over now; none once all have been.
create table detection_conversion (
    only_row integer primary key check (only_row = 1),
    app_id   text not null,
    user_id  text not null
) strict;

insert into detection_conversion
select 1, app_id, user_id from detections order by app_id, user_id limit 1;

-- How long detections are kept, in milliseconds: 0 for ever, null as long as the platform's option says.
alter table applications add column detections_retention integer check (detections_retention >= 0);
