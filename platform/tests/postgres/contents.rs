//! Everything that a database holds, in a form that is the same for both engines.

use sqlx::{
    AssertSqlSafe, Connection, Row as _, SqliteConnection, TypeInfo, ValueRef,
    sqlite::{SqliteConnectOptions, SqliteRow},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};
use tokio_postgres::{Row, types::Type};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cell {
    Null,
    Integer(i64),
    Text(String),
    Bytes(Vec<u8>),
}

/// The rows of a table.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Rows {
    /// The names of the columns, in order.
    columns: Vec<String>,
    /// The values of each row, in the order of the columns.
    rows: BTreeSet<Vec<Cell>>,
}

/// The rows of all tables.
pub(crate) type Contents = BTreeMap<String, Rows>;

/// What only one engine has.
const OWN: &[&str] = &[
    "_sqlx_migrations",
    "sqlite_sequence",
    "schema_migrations",
    "pings",
    "replicas",
    "imports",
    "set_aside",
];

/// Those of a file. What SQLite counts in the rows of applications is where PostgreSQL has it.
pub(crate) async fn of_file(file: &Path) -> Contents {
    let options = SqliteConnectOptions::new().filename(file);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    let tables: Vec<String> = sqlx::query_scalar("select name from sqlite_schema where type = 'table'")
        .fetch_all(&mut connection)
        .await
        .unwrap();
    let mut contents = Contents::new();
    for table in tables.into_iter().filter(|table| !OWN.contains(&table.as_str())) {
        let found = format!("select * from {table}");
        let found = sqlx::query(AssertSqlSafe(found)).fetch_all(&mut connection).await.unwrap();
        let columns = format!("select name from pragma_table_info('{table}') order by cid");
        let columns = sqlx::query_scalar(AssertSqlSafe(columns)).fetch_all(&mut connection).await.unwrap();
        let cells = |row: &SqliteRow| (0..row.len()).map(|place| cell_of_sqlite(row, place)).collect();
        contents.insert(table, Rows::of(columns, found.iter().map(cells)));
    }
    connection.close().await.unwrap();
    assert!(contents.remove("detections").unwrap().rows.is_empty());
    assert!(contents.remove("detection_conversion").unwrap().rows.is_empty());
    let Rows { mut columns, rows } = contents.remove("applications").unwrap();
    let place = columns.iter().position(|column| column == "stored_bytes").unwrap();
    columns.remove(place);
    let (mut applications, mut counts) = (BTreeSet::new(), BTreeSet::new());
    for mut row in rows {
        let stored = row.remove(place);
        // The application's id is the first column.
        counts.insert(vec![row[0].clone(), Cell::Integer(0), stored]);
        applications.insert(row);
    }
    contents.insert("applications".to_owned(), Rows { columns, rows: applications });
    let columns = ["app_id", "shard", "stored_bytes"].map(str::to_owned).into();
    contents.insert("stored_of_applications".to_owned(), Rows { columns, rows: counts });
    contents
}

impl Rows {
    /// Puts the columns in the order of their names.
    fn of(columns: Vec<String>, rows: impl Iterator<Item = Vec<Cell>>) -> Self {
        let mut places: Vec<usize> = (0..columns.len()).collect();
        places.sort_by_key(|place| &columns[*place]);
        let in_order = |mut row: Vec<Cell>| {
            places.iter().map(|place| std::mem::replace(&mut row[*place], Cell::Null)).collect()
        };
        let rows = rows.map(in_order).collect();
        Rows { columns: places.iter().map(|place| columns[*place].clone()).collect(), rows }
    }
}

fn cell_of_sqlite(row: &SqliteRow, place: usize) -> Cell {
    let value = row.try_get_raw(place).unwrap();
    match value.type_info().name() {
        _ if value.is_null() => Cell::Null,
        "INTEGER" => Cell::Integer(row.get(place)),
        "TEXT" => Cell::Text(row.get(place)),
        "BLOB" => Cell::Bytes(row.get(place)),
        other => panic!("a value of the type {other}"),
    }
}

/// Those of a PostgreSQL database.
pub(crate) async fn of_database(client: &tokio_postgres::Client) -> Contents {
    let tables = "select table_name::text from information_schema.tables where table_schema = 'public'";
    let mut contents = Contents::new();
    for table in client.query(tables, &[]).await.unwrap() {
        let table: String = table.get(0);
        if OWN.contains(&table.as_str()) {
            continue;
        }
        let found = client.prepare(&format!("select * from {table}")).await.unwrap();
        let columns = found.columns().iter().map(|column| column.name().to_owned()).collect();
        let found = client.query(&found, &[]).await.unwrap();
        let cells = |row: &Row| (0..row.len()).map(|place| cell_of_postgres(row, place)).collect();
        contents.insert(table, Rows::of(columns, found.iter().map(cells)));
    }
    contents
}

fn cell_of_postgres(row: &Row, place: usize) -> Cell {
    let cell = match *row.columns()[place].type_() {
        Type::INT8 => row.get::<_, Option<i64>>(place).map(Cell::Integer),
        Type::TEXT => row.get::<_, Option<String>>(place).map(Cell::Text),
        Type::BYTEA => row.get::<_, Option<Vec<u8>>>(place).map(Cell::Bytes),
        ref other => panic!("a column of the type {other}"),
    };
    cell.unwrap_or(Cell::Null)
}

/// How many rows differ in each table that differs, with an example.
pub(crate) fn differences(wanted: &Contents, found: &Contents) -> Vec<String> {
    let (tables, none): (BTreeSet<_>, _) = (wanted.keys().chain(found.keys()).collect(), Rows::default());
    let differ = tables.into_iter().filter_map(|table| {
        let (wanted, found) = (wanted.get(table).unwrap_or(&none), found.get(table).unwrap_or(&none));
        let missing: Vec<_> = wanted.rows.difference(&found.rows).collect();
        let surplus: Vec<_> = found.rows.difference(&wanted.rows).collect();
        (wanted != found).then(|| {
            format!(
                "{table} {:?} and {:?}: {} missing, such as {:?}, and {} surplus, such as {:?}",
                wanted.columns,
                found.columns,
                missing.len(),
                missing.first(),
                surplus.len(),
                surplus.first()
            )
        })
    });
    differ.collect()
}

/// What the database is made of: constraints, indexes and triggers.
pub(crate) async fn schema(client: &tokio_postgres::Client) -> Vec<String> {
    let parts = "
        select conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) || ' ' || convalidated
            from pg_constraint where connamespace = 'public'::regnamespace
        union all select indexdef from pg_indexes where schemaname = 'public'
        union all select pg_get_triggerdef(oid) from pg_trigger where not tgisinternal
        order by 1";
    client.query(parts, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}
