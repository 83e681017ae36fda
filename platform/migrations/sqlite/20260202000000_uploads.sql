-- What devices upload: the metadata of users, and detections.

create table user_metadata (
    app_id     text    not null,
    user_id    text    not null,
    key        blob    not null, -- UTF-8; not a text, since an app may send NUL, which not every database can store in one
    value      blob,             -- UTF-8; none: removed, and kept so that an earlier revision does not bring it back
    install_id text    not null, -- who wrote it
    revision   integer not null, -- counts the changes of that install
    changed_at integer not null,
    primary key (app_id, user_id, key),
    foreign key (app_id, user_id) references users (app_id, user_id) on delete cascade
) strict, without rowid;

create table detections (
    app_id       text    not null,
    user_id      text    not null,
    detection_id text    not null,
    install_id   text    not null,
    kind         text    not null check (kind in ('position', 'motion', 'trip')),
    time         integer not null,
    content      text    not null, -- JSON, as it was uploaded; what came of a trip is put together
    primary key (app_id, user_id, detection_id),
    foreign key (app_id, user_id) references users (app_id, user_id) on delete cascade
) strict, without rowid;

create index detections_by_time on detections (app_id, user_id, time, detection_id);
create index detections_by_kind on detections (app_id, user_id, kind, time, detection_id);
