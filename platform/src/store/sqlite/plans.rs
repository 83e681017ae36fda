//! The plan of every statement: what SQLite would read for it, whatever the statistics say of the tables.
//!
//! It is read from the program that SQLite compiles (<https://sqlite.org/opcode.html>), since that, unlike
//! `explain query plan`, holds the cascades of deletions, the checks of foreign keys and the triggers too.

use super::SqliteStore;
use crate::store::sql::{Sql, texts};
use sqlx::{AssertSqlSafe, Connection, Row, SqliteConnection, query, query_as, sqlite::SqliteConnectOptions};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
    path::Path,
};

/// What may read more than the rows that it gives or changes, how, and why. A statement is here with each index that it
/// reads so.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("LIST_APPLICATIONS", "applications scanned", "an operator's list, and a server has few"),
    ("LIST_ORIGINS", "application_origins by app_id", "an operator's list, and an application has few"),
    ("LIST_API_KEYS", "api_keys by app_id", "an operator's list, and an application has few"),
    ("NEWEST_CHANGE", "audit_events scanned", "from its end, and only the first row of it"),
    ("CHANGES_AFTER", "audit_events by seq", "it gives every row that it reads"),
    // By time over all applications, and each row that is found goes, or is changed so that it is not found again.
    ("EXPIRED_SESSIONS", "installs_expiring by expires_at", "clean-up"),
    ("FIND_DELETED_USER", "users_deleted by deleted_at", "clean-up, and only the first row of it"),
    ("TAKE_UNUSED_USERS", "unused_users by created_at", "clean-up"),
    ("SUM_STORED", "applications scanned", "for the metrics, and a server has few"),
    ("DELETE_ENDED_INSTALLS", "installs_ended by updated_at", "clean-up"),
    ("DELETE_CODES_BEFORE", "authentication_codes_by_expiry by expires_at", "clean-up"),
    ("DELETE_TOMBSTONES_BEFORE", "token_tombstones_by_expiry by expires_at", "clean-up"),
    ("DELETE_EVENTS_BEFORE", "audit_events_by_time by occurred_at", "clean-up"),
    (
        "LIST_MIGRATIONS",
        "sqlite_autoindex__sqlx_migrations_1 scanned",
        "a row for each version of the schema",
    ),
    ("FIRST_MIGRATION", "sqlite_autoindex__sqlx_migrations_1 scanned", "only the first row of it"),
    ("HAS_OLD_ROWS", "detection_conversion scanned", "only the first row of it"),
    ("HAS_OLD_ROWS", "detections_by_time scanned", "only the first row of it"),
    ("RECORD_EVENT", "sqlite_sequence scanned", "it has one row"),
    ("HAS_FOREIGN_TABLES", "sqlite_schema scanned", "the tables, of which there are a dozen"),
    ("HAS_MIGRATIONS", "sqlite_schema scanned", "the tables, of which there are a dozen"),
];

/// How many rows of an index have the same value in their first so many columns.
type RowsPerPrefix = fn(first: &str, columns: usize) -> u64;

/// What `sqlite_stat1` may say: nothing, the truth of one large application, and of three databases that were measured
/// when they were something else than they are now.
const STATISTICS: &[(&str, Option<RowsPerPrefix>)] = &[
    ("no statistics", None),
    (
        "one application of a million",
        Some(|first, columns| match (first, columns) {
            ("app_id", 1) => 1_000_000,
            (_, 1) | ("app_id", 2) => 3,
            _ => 1,
        }),
    ),
    ("many small applications", Some(|first, columns| if first == "app_id" && columns == 1 { 2 } else { 1 })),
    ("one row", Some(|_, _| 1)),
    (
        "one user with a million rows",
        Some(|first, columns| if first == "app_id" && columns < 3 { 1_000_000 } else { 1 }),
    ),
];

/// A b-tree of the file: a table or an index.
#[derive(Clone, Debug)]
struct Tree {
    name: String,
    columns: Vec<String>,
    is_unique: bool,
}

impl Tree {
    /// What is read that is found by so many of the columns, if that may be much.
    fn wide_read(&self, is_bounded: bool, columns: usize) -> Option<String> {
        match &self.columns[..columns.min(self.columns.len())] {
            [] if is_bounded => Some(format!("{} by seq", self.name)),
            [] => Some(format!("{} scanned", self.name)),
            all if self.is_unique && all.len() == self.columns.len() => None,
            [only] if only == "app_id" || only.ends_with("_at") => Some(format!("{} by {only}", self.name)),
            _ => None,
        }
    }
}

async fn connect(file: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(file).foreign_keys(true);
    SqliteConnection::connect_with(&options).await.unwrap()
}

/// All b-trees by the page where they begin. One without columns is a table with row ids.
async fn trees(connection: &mut SqliteConnection) -> HashMap<i64, Tree> {
    let listed: Vec<(i64, String, String, String, bool)> =
        query_as("select rootpage, type, name, tbl_name, type = 'table' or sql like 'create unique%' from sqlite_schema where rootpage > 0")
            .fetch_all(&mut *connection)
            .await
            .unwrap();
    let mut trees =
        HashMap::from([(1, Tree { name: "sqlite_schema".to_owned(), columns: Vec::new(), is_unique: true })]);
    for (root, kind, name, table, is_unique) in listed {
        let index = if kind == "index" { name.clone() } else { format!("sqlite_autoindex_{table}_1") };
        let columns =
            query_as::<_, (i64, i64, Option<String>)>(AssertSqlSafe(format!("pragma index_info({index})")))
                .fetch_all(&mut *connection)
                .await
                .unwrap();
        let columns = columns.into_iter().map(|(_, _, column)| column.unwrap()).collect();
        trees.insert(root, Tree { name, columns, is_unique });
    }
    trees
}

/// Writes what `analyze` would write about tables of such rows.
async fn pretend(file: &Path, rows: RowsPerPrefix) {
    let mut connection = connect(file).await;
    // Makes the table of the statistics, and fills in nothing.
    query("analyze sqlite_schema").execute(&mut connection).await.unwrap();
    query("delete from sqlite_stat1").execute(&mut connection).await.unwrap();
    let indexed: Vec<(String, String)> = query_as(
        "select tbl_name, name from sqlite_schema where type = 'index'
        union all select name, name from sqlite_schema where type = 'table' and sql like '%without rowid%'",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    let trees = trees(&mut connection).await;
    for (table, index) in indexed {
        let tree = trees.values().find(|tree| tree.name == index).unwrap();
        let count = |columns: usize| match columns {
            all if tree.is_unique && all == tree.columns.len() => 1,
            some => rows(&tree.columns[0], some),
        };
        let counts: Vec<String> =
            (1..=tree.columns.len()).map(|columns| count(columns).to_string()).collect();
        let stat = format!("1000000 {}", counts.join(" "));
        query("insert into sqlite_stat1 values ($1, $2, $3)")
            .bind(table)
            .bind(index)
            .bind(stat)
            .execute(&mut connection)
            .await
            .unwrap();
    }
    connection.close().await.unwrap();
}

/// Everything that a statement reads by less than a row's key or a few equal columns: the b-tree, and by what.
async fn wide_reads(
    connection: &mut SqliteConnection,
    trees: &HashMap<i64, Tree>,
    text: &str,
) -> Vec<String> {
    let program = query(AssertSqlSafe(format!("explain {text}"))).fetch_all(connection).await.unwrap();
    assert!(!program.is_empty(), "{text}");
    let mut cursors: HashMap<i64, &Tree> = HashMap::new();
    let mut found = Vec::new();
    for (at, step) in program.iter().enumerate() {
        let (opcode, cursor, root): (&str, i64, i64) = (step.get("opcode"), step.get("p1"), step.get("p2"));
        match opcode {
            // A cascade or a trigger begins: it has cursors of its own.
            "Init" => cursors.clear(),
            "OpenRead" | "OpenWrite" | "ReopenIdx" => {
                cursors.insert(cursor, &trees[&root]);
            }
            "OpenEphemeral" | "OpenPseudo" | "SorterOpen" => {
                cursors.remove(&cursor);
            }
            "OpenAutoindex" => found.push("an index made for one statement".to_owned()),
            "Rewind" | "Last" | "SeekGE" | "SeekGT" | "SeekLE" | "SeekLT" => {
                let Some(tree) = cursors.get(&cursor) else { continue };
                // A range may be bounded where it begins, where it ends, or at both.
                let begin = opcode.starts_with("Seek").then_some(step);
                let end = program[at..].iter().find(|step| {
                    step.get::<i64, _>("p1") == cursor
                        && matches!(step.get("opcode"), "IdxGE" | "IdxGT" | "IdxLE" | "IdxLT")
                });
                let bounds = begin.into_iter().chain(end);
                let fixed = bounds.filter_map(|step| step.get::<&str, _>("p4").parse::<usize>().ok()).max();
                found.extend(tree.wide_read(begin.is_some(), fixed.unwrap_or(0)));
            }
            _ => {}
        }
    }
    found
}

#[tokio::test]
async fn no_statement_reads_more_as_an_application_grows() {
    let mut unused: BTreeSet<_> = EXCEPTIONS.iter().map(|&(name, what, _)| (name, what.to_owned())).collect();
    let mut wrong = BTreeMap::<_, Vec<_>>::new();
    for (statistics, rows) in STATISTICS {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("platform.db");
        SqliteStore::open(&file).await.unwrap().close().await;
        if let Some(rows) = rows {
            pretend(&file, *rows).await;
        }
        let mut connection = connect(&file).await;
        let trees = trees(&mut connection).await;
        for (name, Sql { sqlite: text, .. }) in texts::ALL.iter().filter(|(_, sql)| !sql.sqlite.is_empty()) {
            for what in wide_reads(&mut connection, &trees, text).await {
                let is_known = EXCEPTIONS.iter().any(|&(listed, how, _)| listed == *name && how == what);
                unused.remove(&(*name, what.clone()));
                if !is_known {
                    wrong.entry((*name, what)).or_default().push(*statistics);
                }
            }
        }
        connection.close().await.unwrap();
    }
    assert!(wrong.is_empty(), "these read more as an application grows: {wrong:#?}");
    assert!(unused.is_empty(), "these need no exception: {unused:?}");
}

/// What makes a table for itself each time that it runs, which costs as much as some statements do, and why.
const OWN_TABLES: &[(&str, &str)] = &[
    ("CONSUME_CODE", "gives what it changed"),
    ("CONSUME_CODE_OF_APP", "gives what it changed"),
    ("COUNT_STORED_OF_USER", "gives what it changed"),
    ("COUNT_STORED_OF_APPLICATION", "gives what it changed"),
    ("DEACTIVATE_INSTALLS", "gives what it changed"),
    ("TAKE_UNUSED_USERS", "gives what it deleted, of those that it found"),
    ("DELETE_TRIPS_BEFORE", "gives what it deleted, of those that it found"),
    ("DELETE_BLOCKS_BEFORE", "gives what it deleted, of those that it found"),
    ("DELETE_CODES_BEFORE", "deletes those that it found"),
    ("DELETE_CODES_OF", "deletes those that it found"),
    ("DELETE_ENDED_INSTALLS", "deletes those that it found"),
    ("DELETE_OLD_INSTALLS", "deletes those that it found"),
    ("DELETE_TOMBSTONES_BEFORE", "deletes those that it found"),
    ("DELETE_EVENTS_BEFORE", "deletes those that it found"),
    ("FORGET_REMOVED_METADATA", "deletes those that it found"),
    ("FORGET_ADDRESSES", "changes those that it found"),
    ("LIST_INSTALLS", "puts the newest in order"),
    // SQLite collects the keys of several rows before it deletes them, and what refers to one row is several.
    ("DELETE_EXCHANGED", "deletes several rows"),
    ("DELETE_INSTALL", "deletes several rows"),
    ("DELETE_METADATA", "deletes several rows"),
    ("DELETE_OLD_ROWS_UP_TO", "deletes several rows"),
    ("DELETE_PAIRS", "deletes several rows"),
    ("DELETE_SUPERSEDED", "deletes several rows"),
    ("FORGET_DELETED_USER", "deletes several rows"),
];

#[tokio::test]
async fn no_statement_makes_a_table_for_itself_without_need() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("platform.db");
    SqliteStore::open(&file).await.unwrap().close().await;
    let mut connection = connect(&file).await;
    let mut found = BTreeSet::new();
    for (name, Sql { sqlite: text, .. }) in texts::ALL.iter().filter(|(_, sql)| !sql.sqlite.is_empty()) {
        let explained = query(AssertSqlSafe(format!("explain {text}"))).fetch_all(&mut connection);
        if explained.await.unwrap().iter().any(|step| step.get::<&str, _>("opcode") == "OpenEphemeral") {
            found.insert(*name);
        }
    }
    assert_eq!(found, OWN_TABLES.iter().map(|(name, _)| *name).collect());
}

#[tokio::test]
async fn what_refers_to_a_row_is_found_by_all_that_it_refers_by() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("platform.db");
    SqliteStore::open(&file).await.unwrap().close().await;
    let mut connection = connect(&file).await;
    let trees = trees(&mut connection).await;
    let references: Vec<(String, i64, String)> = query_as(
        "select child.name, reference.id, group_concat(reference.\"from\", ' ' order by reference.seq)
        from sqlite_schema child join pragma_foreign_key_list(child.name) reference
        where child.type = 'table' group by child.name, reference.id",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    assert!(references.len() > 8, "{references:?}");
    for (table, _, columns) in references {
        let indexes: Vec<(String,)> =
            query_as("select name from sqlite_schema where tbl_name = $1 and (type = 'table' or sql not like '% where %')")
                .bind(&table)
                .fetch_all(&mut connection)
                .await
                .unwrap();
        let is_indexed = trees.values().any(|tree| {
            indexes.iter().any(|(name,)| *name == tree.name) && tree.columns.join(" ").starts_with(&columns)
        });
        assert!(is_indexed, "{table} refers by {columns}, and has no index that begins with it");
    }
}

#[test]
fn every_statement_is_in_the_list() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let source = fs::read_to_string(&path).unwrap();
            let product = source.split("#[cfg(test)]\nmod ").next().unwrap();
            let is_exempt = ["sql/texts.rs", "plans.rs", "tests.rs"].iter().any(|name| path.ends_with(name));
            let strange = product.split('"').skip(1).step_by(2).find(|literal| {
                let words: Vec<&str> = literal.split_whitespace().take(2).collect();
                matches!(words[..], ["select" | "insert" | "update" | "delete" | "with" | "replace", _])
                    && literal.contains(['$', '(', '*', '='])
            });
            assert!(
                is_exempt || strange.is_none(),
                "{}: {strange:?} belongs into store/sql/texts.rs",
                path.display()
            );
        }
    }
    assert!(texts::ALL.len() > 60);
}
