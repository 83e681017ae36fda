-- Users whom anybody can create who has the app, in the order of their creation: after some days each is looked at once,
-- and removed if it was never used. No foreign key: a user may go before.
create table unused_users (
    created_at integer not null,
    app_id     text    not null,
    user_id    text    not null,
    primary key (created_at, app_id, user_id)
) strict, without rowid;
