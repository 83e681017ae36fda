-- SQLite makes a table for a list of more than two values each time that it checks one: eight for each new user, a fifth
-- of all that it did. The same conditions, as comparisons. They change nothing of what is stored, and so only the texts of
-- the tables (https://sqlite.org/lang_altertable.html#otheralter).
pragma writable_schema = on;
update sqlite_schema
set sql = replace(replace(replace(sql,
    'status in (''active'', ''inactive'', ''ended'')',
    'status = ''active'' or status = ''inactive'' or status = ''ended'''),
    'end_reason in (''reset'', ''token_reuse'', ''expired'')',
    'end_reason = ''reset'' or end_reason = ''token_reuse'' or end_reason = ''expired'''),
    'device_class in (''phone'', ''tablet'', ''desktop'')',
    'device_class = ''phone'' or device_class = ''tablet'' or device_class = ''desktop''')
where type = 'table' and name = 'installs';
update sqlite_schema
set sql = replace(sql,
    'status in (''current'', ''exchanged'', ''superseded'')',
    'status = ''current'' or status = ''exchanged'' or status = ''superseded''')
where type = 'table' and name = 'token_pairs';
update sqlite_schema
set sql = replace(sql,
    'actor in (''install'', ''api_key'', ''operator'', ''platform'', ''unknown'')',
    'actor = ''install'' or actor = ''api_key'' or actor = ''operator'' or actor = ''platform'' or actor = ''unknown''')
where type = 'table' and name = 'audit_events';
pragma writable_schema = reset;
-- Any change of the schema tells other processes to read it again.
create table read_again (at integer);
drop table read_again;
