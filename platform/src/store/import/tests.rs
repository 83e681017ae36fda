//! What is imported of the tables of both engines, and how they are read.

use super::{
    ImportError,
    row::{Chunk, Key},
    table::{Column, Kind, Layout, TABLES},
};
use crate::store::{
    postgres::{PostgresTarget, delete_in_postgres, read_in_postgres},
    sql::Value,
    sqlite::{SqliteSource, SqliteStore},
};
use postgres_cluster::Cluster;
use rusqlite::Connection;
use std::{collections::BTreeSet, path::PathBuf, time::Duration};
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

/// What of SQLite is not imported, and why.
const LEFT_IN_SQLITE: &[(&str, &str)] = &[
    ("_sqlx_migrations", "of the file's own schema"),
    ("sqlite_sequence", "PostgreSQL has its own places for events"),
    ("detections", "it must be empty: rows of an earlier version are brought over before"),
    ("detection_conversion", "how far that is"),
];
/// What of PostgreSQL nothing is imported into, and why.
const OWN_OF_POSTGRES: &[(&str, &str)] = &[
    ("schema_migrations", "of the database's own schema"),
    ("pings", "written to see whether the database can be written"),
    ("replicas", "the platforms that serve it"),
    ("imports", "the import itself"),
    ("set_aside", "the import itself"),
];

struct World {
    file: PathBuf,
    source: Connection,
    url: String,
    target: Client,
    _folder: TempDir,
}

impl World {
    /// Two empty databases with the schema of this platform.
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("platform.db");
        SqliteStore::open(&file).await.unwrap().close().await;
        let url = Cluster::shared().create_database().unwrap();
        drop(PostgresTarget::connect(&url).await.unwrap());
        let (target, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
        tokio::spawn(connection);
        World { source: Connection::open(&file).unwrap(), file, url, target, _folder: folder }
    }

    async fn layouts(&self) -> Result<Vec<Layout>, ImportError> {
        let target = PostgresTarget::connect(&self.url).await?;
        super::layouts(&SqliteSource::open(&self.file)?, &target).await
    }
}

#[tokio::test]
async fn every_table_is_imported_or_known_not_to_be() {
    let world = World::new().await;
    let mut listing = world.source.prepare("select name from sqlite_schema where type = 'table'").unwrap();
    let in_sqlite: BTreeSet<String> =
        listing.query_map((), |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let tables = "select table_name::text from information_schema.tables where table_schema = 'public'";
    let in_postgres: BTreeSet<String> =
        world.target.query(tables, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    for (engine, found, imported, others) in [
        ("SQLite", in_sqlite, TABLES.iter().map(|table| table.source).collect::<Vec<_>>(), LEFT_IN_SQLITE),
        ("PostgreSQL", in_postgres, TABLES.iter().map(|table| table.name).collect(), OWN_OF_POSTGRES),
    ] {
        let is_known =
            |name: &str| imported.contains(&name) || others.iter().any(|(other, _)| *other == name);
        let unknown: Vec<_> = found.iter().filter(|name| !is_known(name)).collect();
        assert!(unknown.is_empty(), "{engine} has tables of which the import knows nothing: {unknown:?}");
        assert!(
            imported.iter().all(|name| found.contains(*name)),
            "{engine} has no more all of {imported:?}"
        );
    }
}

#[tokio::test]
async fn every_column_is_imported() {
    let world = World::new().await;
    // What is not the same in both is an error here.
    assert_eq!(world.layouts().await.unwrap().len(), TABLES.len());
    for (add, remove, table) in [
        ("alter table trips add column more text", "alter table trips drop column more", "trips"),
        (
            "alter table applications add column more text",
            "alter table applications drop column more",
            "applications",
        ),
    ] {
        world.source.execute_batch(add).unwrap();
        let refused = world.layouts().await.map(drop);
        assert!(
            matches!(&refused, Err(ImportError::Columns { table: found, column }) if *found == table && column == "more"),
            "{refused:?}"
        );
        world.source.execute_batch(remove).unwrap();
        world.target.batch_execute(add).await.unwrap();
        assert!(world.layouts().await.is_err(), "only on PostgreSQL: {add}");
        world.source.execute_batch(add).unwrap();
        assert!(world.layouts().await.is_ok(), "in both: {add}");
        world.source.execute_batch(remove).unwrap();
        world.target.batch_execute(remove).await.unwrap();
    }
    world.source.execute_batch("alter table trips add column more integer").unwrap();
    world.target.batch_execute("alter table trips add column more text").await.unwrap();
    assert!(world.layouts().await.is_err(), "a column of another kind");
}

#[tokio::test]
async fn a_source_that_is_not_in_use_is_held_and_one_that_is_is_left_to_others() {
    let world = World::new().await;
    let open = || {
        let connection = Connection::open(&world.file).unwrap();
        connection.busy_timeout(Duration::ZERO).unwrap();
        let read = connection.query_row("select count(*) from users", (), |row| row.get::<_, i64>(0));
        read.map(|_| connection)
    };
    let server = open().unwrap();
    let source = SqliteSource::open(&world.file).unwrap();
    assert!(!source.is_alone());
    // Others come and write.
    server.execute_batch("begin immediate; insert into clock_watch values (1, 2, 3, null); commit").unwrap();
    let other = open().unwrap();
    drop((source, server, other));

    let source = SqliteSource::open(&world.file).unwrap();
    assert!(source.is_alone());
    assert!(open().is_err(), "no other can use it");
    drop(source);
    open().unwrap();
}

/// A key of odd values.
fn odd_key(layout: &Layout) -> Key {
    let mut chunk = Chunk::after(None);
    chunk.begin_row(layout.key_columns());
    for kind in layout.key_kinds() {
        chunk.push(match kind {
            Kind::Integer => Value::Integer(-5),
            Kind::Text => Value::Text("a'b\\c"),
            Kind::Bytes => Value::Bytes(b"\0'\\"),
        });
    }
    chunk.end_row();
    chunk.end_with_last(layout.key_columns());
    chunk.up_to.unwrap()
}

#[tokio::test]
async fn tables_are_read_in_the_order_of_an_index_however_large_they_are() {
    let world = World::new().await;
    let layouts = world.layouts().await.unwrap();
    let target = PostgresTarget::connect(&world.url).await.unwrap();
    // As it is while an import runs: without the indexes that it does not read by.
    target.begin(&[1], crate::clock::Timestamp(1)).await.unwrap();
    for layout in layouts {
        let table = layout.table.name;
        for is_after_key in [false, true] {
            let statement = format!("explain query plan {}", layout.read_in_sqlite(is_after_key, 10));
            let mut plan = world.source.prepare(&statement).unwrap();
            let keys = vec![Value::Integer(1); if is_after_key { layout.key_columns() } else { 0 }];
            let mut rows = plan.query(rusqlite::params_from_iter(&keys)).unwrap();
            while let Some(row) = rows.next().unwrap() {
                let step: String = row.get(3).unwrap();
                let wanted = if is_after_key { "SEARCH" } else { "SCAN" };
                assert!(step.starts_with(wanted) && !step.contains("TEMP B-TREE"), "{table}: {step}");
            }
        }
        let key = odd_key(&layout);
        for (after, limit) in [(None, None), (None, Some(5)), (Some(&key), Some(5))] {
            let statement = read_in_postgres(&layout, after, limit);
            let query = statement.strip_prefix("copy (").unwrap().split_once(") to stdout").unwrap().0;
            let plan = target.explain(query).await;
            assert!(plan.contains("Index Scan") || plan.contains("Index Only Scan"), "{table}: {plan}");
            assert!(
                !plan.contains("Sort") && !plan.contains("Filter") && !plan.contains("Seq Scan"),
                "{table}: {plan}"
            );
            assert_eq!(plan.contains("Index Cond"), after.is_some(), "{table}: {plan}");
        }
        let statement = delete_in_postgres(&layout);
        let lists = (1..=layout.key_columns()).map(|place| format!("${place}::"));
        let plan = target.explain(&lists.fold(statement, |text, list| text.replace(&list, "null::"))).await;
        let names: Vec<_> = layout.key_names().map(|name| format!("({name} = ")).collect();
        let condition = plan.lines().find(|line| line.contains("Index Cond")).unwrap_or_default();
        assert!(names.iter().all(|name| condition.contains(name)), "{table}: {plan}");
    }
}

#[tokio::test]
async fn a_part_of_a_table_costs_as_much_as_it_has_however_large_the_table_is() {
    let world = World::new().await;
    let layouts = world.layouts().await.unwrap();
    let target = PostgresTarget::connect(&world.url).await.unwrap();
    target.begin(&[1], crate::clock::Timestamp(1)).await.unwrap();
    world
        .target
        .batch_execute(
            "insert into applications (app_id, name, created_at) values ('a', '', 1);
            insert into users (app_id, user_id, created_at)
                select 'a', to_char(n, 'fm00000'), 1 from generate_series(1, 20000) n",
        )
        .await
        .unwrap();
    let users = layouts.iter().find(|layout| layout.table.name == "users").unwrap();
    let mut chunk = Chunk::after(None);
    chunk.begin_row(2);
    chunk.push(Value::Text("a"));
    chunk.push(Value::Text("10000"));
    chunk.end_row();
    chunk.end_with_last(2);
    let statement = read_in_postgres(users, chunk.up_to.as_ref(), Some(10));
    let query = statement.strip_prefix("copy (").unwrap().split_once(") to stdout").unwrap().0;
    let plan = target.explain(&format!("(analyze, buffers, timing off) {query}")).await;
    let buffers = plan.lines().find_map(|line| line.trim().strip_prefix("Buffers: shared ")).unwrap();
    let pages = buffers.split([' ', '=']).filter_map(|word| word.parse::<u32>().ok()).sum::<u32>();
    assert!((1..20).contains(&pages), "{plan}");
}

#[test]
fn keys_are_in_the_order_that_both_databases_have() {
    let table = &TABLES[0];
    let column = |name: &str, kind: &str, place_in_key| Column {
        name: name.to_owned(),
        kind: kind.to_owned(),
        place_in_key,
    };
    let columns = |integer, text, bytes| {
        [column("n", integer, 1), column("t", text, 2), column("b", bytes, 3)].to_vec()
    };
    let layout =
        Layout::of(table, &columns("integer", "text", "blob"), &columns("bigint", "text", "bytea")).unwrap();
    let key = |number: i64, text: &str, bytes: &[u8]| {
        let mut chunk = Chunk::after(None);
        chunk.begin_row(3);
        chunk.push(Value::Integer(number));
        chunk.push(Value::Text(text));
        chunk.push(Value::Bytes(bytes));
        chunk.end_row();
        chunk.end_with_last(3);
        chunk.up_to.unwrap()
    };
    let in_order = [
        key(i64::MIN, "z", b"z"),
        key(-1, "", b""),
        key(0, "", b""),
        key(0, "", b"\0"),
        key(0, "Zz", b""),
        key(0, "a", b"\xff"),
        key(0, "aa", b""),
        key(0, "é", b""),
        key(256, "", b""),
        key(i64::MAX, "", b""),
    ];
    for (place, key) in in_order.iter().enumerate() {
        for (other_place, other) in in_order.iter().enumerate() {
            assert_eq!(layout.comes_after(key, other), place > other_place, "{place} and {other_place}");
        }
    }
}
