//! The plan of every statement: what PostgreSQL would read for it in a large application, with the planner's statistics of
//! it and without any.

use super::{PostgresStore, connections::settings};
use crate::store::sql::texts;
use postgres_cluster::Cluster;
use serde_json::Value;
use std::collections::BTreeSet;
use tokio_postgres::{Client, NoTls};

/// What may read more than the rows that it gives or changes, and why. A statement is here with each table that it reads
/// so.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("LIST_APPLICATIONS", "applications", "an operator's list, and a server has few"),
    ("LIST_RETENTIONS", "applications", "by pages, and a server has few"),
    ("LIST_EVENTS", "audit_events", "the newest ones, and only as many as are asked for"),
    ("LIST_ORIGINS", "application_origins", "an operator's list, and an application has few"),
    ("LIST_API_KEYS", "api_keys", "an operator's list, and an application has few"),
    ("SUM_STORED", "stored_of_applications", "for the metrics, and a server has few applications"),
    ("COUNT_STORED_OF_APPLICATION", "stored_of_applications", "an application has 32"),
    ("ATTEND", "replicas", "a database has few"),
    ("LIST_SET_ASIDE", "set_aside", "an import's own list, and there are a few dozen"),
    ("LIST_MIGRATIONS", "schema_migrations", "a row for each version of the schema"),
    // By time over all applications, and each row that is found goes, or is changed so that it is not found again.
    ("EXPIRED_SESSIONS", "installs", "clean-up"),
    ("FIND_DELETED_USER", "users", "clean-up, and only the first row of it"),
    ("TAKE_UNUSED_USERS", "unused_users", "clean-up"),
    ("DELETE_ENDED_INSTALLS", "installs", "clean-up"),
    ("DELETE_CODES_BEFORE", "authentication_codes", "clean-up"),
    ("DELETE_TOMBSTONES_BEFORE", "token_tombstones", "clean-up"),
    ("DELETE_EVENTS_BEFORE", "audit_events", "clean-up"),
    ("DELETE_BLOCKS_BEFORE", "detection_blocks", "clean-up of one application"),
    ("DELETE_TRIPS_BEFORE", "trips", "clean-up of one application"),
];

/// One application with 20,000 users; each has something of everything.
const LARGE: &str = "
    insert into applications (app_id, name, created_at) select 'a' || n, '', n from generate_series(1, 2000) n;
    insert into applications (app_id, name, created_at) values ('a', '', 1);
    insert into application_origins select 'a' || n, 'https://' || n from generate_series(1, 2000) n;
    insert into api_keys (app_id, key_id, hash, name, scopes, hint, created_at, expires_at)
        select 'a' || n, n, sha256(n::text::bytea), '', '', '', n, n from generate_series(1, 2000) n;
    insert into stored_of_applications select 'a' || n, 0, 1 from generate_series(1, 2000) n;
    insert into users (app_id, user_id, external_id, created_at, deleted_at)
        select 'a', 'u' || n, case when n % 10 > 0 then 'e' || n end, n, case when n % 1000 = 0 then n end
        from generate_series(1, 20000) n;
    insert into unused_users select n, 'a', 'u' || n from generate_series(1, 20000, 10) n;
    insert into authentication_codes (app_id, hash, external_id, expires_at)
        select 'a', sha256(n::text::bytea), 'e' || n, n from generate_series(1, 20000) n;
    insert into installs (app_id, install_id, user_id, status, end_reason, family, generation, device_class,
            device_class_source, sdk_version, sdk_runtime, created_at, updated_at, expires_at)
        select 'a', 'i' || n, 'u' || n, case when n % 10 = 0 then 'ended' else 'active' end,
            case when n % 10 = 0 then 'reset' end, sha256(n::text::bytea), 1, 'phone', '', '', '', n, n, n
        from generate_series(1, 20000) n;
    insert into token_pairs (app_id, install_id, generation, status, access_hash, refresh_hash, access_expires_at,
            refresh_expires_at)
        select 'a', 'i' || n, g, case g when 2 then 'current' else 'superseded' end,
            sha256((n || 'a' || g)::bytea), sha256((n || 'r' || g)::bytea), n, n
        from generate_series(1, 20000) n, generate_series(1, 2) g;
    insert into token_tombstones select 'a', sha256(n::text::bytea), n from generate_series(1, 20000) n;
    insert into user_metadata
        select 'a', 'u' || n, 'k', 'v', 'i' || n, 1, n from generate_series(1, 20000) n;
    insert into detection_blocks
        select 'a', 'u' || n, 'position', t, 'd', t, 'd', 1, 'c', t
        from generate_series(1, 20000) n, generate_series(1, 3) t;
    insert into trips
        select 'a', 'u' || n, 't' || t, 'i' || n, t, 'c', t from generate_series(1, 20000) n, generate_series(1, 2) t;
    insert into audit_events (app_id, seq, kind, user_id, install_id, key_id, actor, address, occurred_at)
        select 'a', n, 'user_created', 'u' || n, 'i' || n, case when n % 100 = 0 then (n % 1000)::text end, 'platform',
            '192.0.2.1', n
        from generate_series(1, 20000) n;
";

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn database() -> Client {
    let url = Cluster::shared().create_database().unwrap();
    PostgresStore::open(&url).await.unwrap();
    connect(&url).await
}

/// The tables that a statement reads by less than a row's key or a few equal columns.
async fn wide_reads(client: &Client, text: &str) -> BTreeSet<String> {
    let statement = client.prepare(text).await.unwrap_or_else(|error| panic!("{text}: {error:?}"));
    let count = statement.params().len();
    let values = vec!["null"; count].join(", ");
    let (open, close) = if count == 0 { ("", "") } else { ("(", ")") };
    client.batch_execute(&format!("deallocate all; prepare planned as {text}")).await.unwrap();
    let explain = format!("explain (format json) execute planned{open}{values}{close}");
    let plan = client.simple_query(&explain).await.unwrap();
    let plan: String = plan
        .iter()
        .filter_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        })
        .collect();
    let mut found = BTreeSet::new();
    look_through(&serde_json::from_str(&plan).unwrap(), None, &mut found);
    found
}

/// `table` is that of the node above, since a bitmap of an index names the index only.
fn look_through(node: &Value, table: Option<&str>, found: &mut BTreeSet<String>) {
    match node {
        Value::Array(nodes) => nodes.iter().for_each(|node| look_through(node, table, found)),
        Value::Object(fields) => {
            let field = |name: &str| fields.get(name).and_then(Value::as_str);
            let table = field("Relation Name").or(table);
            let is_wide = match field("Node Type") {
                // Starting processes for a part of a statement costs more than a few rows do.
                Some("Seq Scan" | "Gather" | "Gather Merge") => true,
                Some("Index Scan" | "Index Only Scan" | "Bitmap Index Scan") => {
                    let is_key =
                        |condition: &str| table == Some("applications") && condition.contains("app_id = ");
                    !field("Index Cond").is_some_and(|condition| is_narrow(condition) || is_key(condition))
                }
                _ => false,
            };
            if is_wide {
                found.insert(table.unwrap_or("?").to_owned());
            }
            fields.values().for_each(|field| look_through(field, table, found));
        }
        _ => {}
    }
}

/// Whether a condition such as `((app_id = $1) AND (user_id = $2))` fixes more than the application, or bounds a row's
/// place in the log.
fn is_narrow(condition: &str) -> bool {
    condition.split(" AND ").any(|part| {
        let part = part.trim_matches(['(', ')', ' ']);
        let Some((column, _)) = part.split_once(' ') else { return false };
        let is_equal = part.contains(" = ");
        let is_place = column == "seq" || part.starts_with("ROW(");
        !matches!(column, "app_id" | "status") && (is_equal || is_place)
    })
}

#[test]
fn a_condition_is_narrow_where_it_fixes_more_than_the_application() {
    assert!(is_narrow("((app_id = $1) AND (user_id = $2))"));
    assert!(is_narrow("(hash = $1)"));
    assert!(!is_narrow("(app_id = $1)"));
    assert!(!is_narrow("((app_id = $1) AND (dated < $2))"));
    assert!(!is_narrow("(expires_at < $1)"));
}

#[tokio::test]
async fn no_statement_reads_more_as_an_application_grows_on_postgres() {
    let mut unused: BTreeSet<_> = EXCEPTIONS.iter().map(|&(name, table, _)| (name, table)).collect();
    let mut wrong = Vec::new();
    let client = database().await;
    client.batch_execute(&settings("set")).await.unwrap();
    // A plan is kept on its connection until the table is analyzed again, and a new database has few rows.
    let small = |users| LARGE.replace("20000", users).replace("2000", "2");
    let empty = "truncate applications, users, authentication_codes, token_tombstones, unused_users, audit_events cascade";
    for (state, prepare) in [
        ("of an empty database", String::new()),
        ("with statistics of few rows", format!("{}; analyze", small("3"))),
        ("with statistics of dozens of rows", format!("{empty}; {}; analyze", small("60"))),
        ("without statistics", format!("{empty}; delete from pg_statistic; {LARGE}")),
        ("with statistics", "analyze".to_owned()),
    ] {
        client.batch_execute(&prepare).await.unwrap();
        client.batch_execute("set plan_cache_mode = force_generic_plan").await.unwrap();
        for (name, sql) in texts::ALL {
            for text in [sql.postgres, sql.postgres_locking] {
                let is_planned = ["select", "insert", "update", "delete", "with"];
                if !text.split_whitespace().next().is_some_and(|word| is_planned.contains(&word)) {
                    continue;
                }
                for table in wide_reads(&client, text).await {
                    unused.retain(|&(listed, of)| listed != *name || of != table);
                    if !EXCEPTIONS.iter().any(|&(listed, of, _)| listed == *name && of == table) {
                        wrong.push(format!("{name} reads {table} ({state})"));
                    }
                }
            }
        }
    }
    wrong.dedup();
    assert!(wrong.is_empty(), "these read more as an application grows: {wrong:#?}");
    assert!(unused.is_empty(), "these need no exception: {unused:?}");
}

#[tokio::test]
async fn what_refers_to_a_row_is_found_by_all_that_it_refers_by_on_postgres() {
    let client = database().await;
    let references = client
        .query(
            "select reference.conrelid::regclass::text, reference.conkey::int2[],
                exists (
                    select 1 from pg_index
                    where indrelid = reference.conrelid and indpred is null
                        and (indkey::int2[])[0:cardinality(reference.conkey) - 1] @> reference.conkey)
            from pg_constraint reference where contype = 'f'",
            &[],
        )
        .await
        .unwrap();
    assert!(references.len() > 7, "{references:?}");
    for reference in references {
        let (table, columns, is_indexed): (String, Vec<i16>, bool) =
            (reference.get(0), reference.get(1), reference.get(2));
        assert!(is_indexed, "{table} refers by {columns:?}, and has no index that begins with them");
    }
}
