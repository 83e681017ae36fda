//! The database of a test, on the engine that is tested, and what a test does with it behind the platform's back.

use super::Command;
use postgres_cluster::Cluster;
use rustix::process::{Pid, Signal, kill_process};
use sqlx::{
    AssertSqlSafe, Connection, Executor, SqliteConnection, query_scalar, sqlite::SqliteConnectOptions,
};
use std::{
    fmt::Write,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    sync::OnceCell,
    time::{sleep, timeout},
};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

/// The environment variable that names the engine: `sqlite`, or `postgresql`.
const ENGINE: &str = "PLATFORM_TEST_ENGINE";
/// What is added to a URL: so many platforms run at once that the server would have no connections left.
const FEW_CONNECTIONS: &str = "?pool_size=6";
const PATIENCE: Duration = Duration::from_secs(30);

/// Whether the tests run on PostgreSQL. Those of what only a file has are in modules called `file`, and left out.
pub(crate) fn is_on_postgres() -> bool {
    match std::env::var(ENGINE).as_deref() {
        Ok("postgresql") => true,
        Ok("sqlite") | Err(_) => false,
        Ok(other) => panic!("{ENGINE} is {other}, not sqlite or postgresql"),
    }
}

/// A database for a platform: in a folder, or on a server, where it lasts as long as the folder. The server's has the schema
/// already, as making it takes longer than most tests.
pub(crate) fn new_database(folder: &TempDir) -> Database {
    static TEMPLATE: OnceLock<String> = OnceLock::new();
    Database::of(folder, |cluster| {
        let template = TEMPLATE.get_or_init(|| {
            let url = cluster.create_database().unwrap();
            Command::on(Path::new(&url)).run(&["migrate"]);
            url
        });
        cluster.copy_database(template).unwrap()
    })
}

/// The same without a schema.
pub(crate) fn empty_database(folder: &TempDir) -> Database {
    Database::of(folder, |cluster| cluster.create_database().unwrap())
}

/// A database of a test.
#[derive(Clone)]
pub(crate) struct Database {
    /// By which the platform is told which one it is.
    name: PathBuf,
    engine: Engine,
}

#[derive(Clone)]
enum Engine {
    Sqlite,
    /// With a connection of the test's own, once it has needed one.
    Postgres {
        url: String,
        client: Arc<OnceCell<Client>>,
    },
}

impl Database {
    fn of(folder: &TempDir, create: impl FnOnce(&Cluster) -> String) -> Self {
        if !is_on_postgres() {
            return Database { name: folder.path().join("platform.db"), engine: Engine::Sqlite };
        }
        /// The databases there are, and the folders of their tests.
        static ALL: Mutex<Vec<(PathBuf, String)>> = Mutex::new(Vec::new());
        let cluster = Cluster::shared();
        let url = create(cluster);
        let mut all = ALL.lock().unwrap();
        let ended = all.extract_if(.., |(folder, _)| !folder.exists()).collect::<Vec<_>>();
        all.push((folder.path().to_owned(), url.clone()));
        drop(all);
        ended.iter().for_each(|(_, url)| cluster.drop_database(url).unwrap());
        let name = PathBuf::from(format!("{url}{FEW_CONNECTIONS}"));
        Database { name, engine: Engine::Postgres { url, client: Arc::default() } }
    }

    /// What the platform is told.
    pub(crate) fn name(&self) -> &Path {
        &self.name
    }

    /// Where it is, if it is a file.
    pub(crate) fn file(&self) -> Option<&Path> {
        matches!(self.engine, Engine::Sqlite).then_some(&self.name)
    }

    async fn open_file(&self) -> SqliteConnection {
        // As the platform writes: what is moved meanwhile leaves no copy in a page.
        let options = SqliteConnectOptions::new().filename(&self.name).pragma("secure_delete", "on");
        SqliteConnection::connect_with(&options).await.unwrap()
    }

    /// Changes it.
    pub(crate) async fn tamper(&self, sql: &str) {
        self.try_to_tamper(sql).await.unwrap();
    }

    /// Changes it, unless the database refuses; gives what it says then.
    pub(crate) async fn try_to_tamper(&self, sql: &str) -> Result<(), String> {
        match &self.engine {
            Engine::Sqlite => {
                let changed = self.open_file().await.execute(AssertSqlSafe(sql)).await;
                changed.map(drop).map_err(|error| error.to_string())
            }
            Engine::Postgres { url, client } => {
                let client = client.get_or_init(|| connect(url)).await;
                client.batch_execute(sql).await.map_err(|error| what_it_says(&error))
            }
        }
    }

    /// The number that a query gives.
    pub(crate) async fn count(&self, query: &str) -> i64 {
        match &self.engine {
            Engine::Sqlite => {
                query_scalar(AssertSqlSafe(query)).fetch_one(&mut self.open_file().await).await.unwrap()
            }
            // There the sum of integers is no integer.
            Engine::Postgres { .. } => {
                self.texts(&format!("select ({query})::bigint")).await[0].parse().unwrap()
            }
        }
    }

    /// The texts that a query gives, which has one column.
    pub(crate) async fn texts(&self, query: &str) -> Vec<String> {
        match &self.engine {
            Engine::Sqlite => {
                query_scalar(AssertSqlSafe(query)).fetch_all(&mut self.open_file().await).await.unwrap()
            }
            Engine::Postgres { url, client } => {
                let client = client.get_or_init(|| connect(url)).await;
                let messages =
                    client.simple_query(query).await.unwrap_or_else(|error| panic!("{query}: {error}"));
                let rows = messages.iter().filter_map(|message| match message {
                    SimpleQueryMessage::Row(row) => Some(row),
                    _ => None,
                });
                rows.map(|row| row.get(0).unwrap().to_owned()).collect()
            }
        }
    }

    /// How many bytes applications are counted to have stored, as a value in SQL.
    pub(crate) fn stored_bytes(&self) -> &'static str {
        match self.engine {
            Engine::Sqlite => "(select sum(stored_bytes) from applications)",
            Engine::Postgres { .. } => "(select coalesce(sum(stored_bytes), 0) from stored_of_applications)",
        }
    }

    /// How these bytes are written in SQL.
    pub(crate) fn literal(&self, bytes: &[u8]) -> String {
        let mut digits = String::new();
        bytes.iter().for_each(|byte| write!(digits, "{byte:02x}").unwrap());
        match self.engine {
            Engine::Sqlite => format!("x'{digits}'"),
            Engine::Postgres { .. } => format!("'\\x{digits}'::bytea"),
        }
    }

    /// The columns of the platform's tables that can hold a text, as `table.column`.
    pub(crate) async fn columns_for_text(&self) -> Vec<String> {
        self.texts(match self.engine {
            Engine::Sqlite => {
                "select t.name || '.' || c.name from sqlite_schema t join pragma_table_info(t.name) c
                where t.type = 'table' and t.name not like 'sqlite%' and t.name <> '_sqlx_migrations'
                    and upper(c.type) not in ('INTEGER', 'REAL')"
            }
            Engine::Postgres { .. } => {
                "select table_name || '.' || column_name from information_schema.columns
                where table_schema = 'public' and table_name <> 'schema_migrations' and data_type <> 'bigint'"
            }
        })
        .await
    }

    /// Everything that it holds: a line for each row of each table.
    pub(crate) async fn contents(&self) -> Vec<String> {
        self.rows("x").await
    }

    /// The same with what each write changes, though it changes nothing else.
    pub(crate) async fn traces(&self) -> Vec<String> {
        match &self.engine {
            Engine::Sqlite => {
                let log = PathBuf::from(format!("{}-wal", self.name.display()));
                vec![log.metadata().unwrap().len().to_string()]
            }
            Engine::Postgres { .. } => {
                let mut traces = self.rows("(x.xmin, x.xmax, x)").await;
                // A platform says in there that it lives.
                traces.retain(|trace| !trace.starts_with("replicas("));
                traces
            }
        }
    }

    async fn rows(&self, of_postgres: &str) -> Vec<String> {
        let selects = match self.engine {
            Engine::Sqlite => {
                "select 'select ''' || t.name || ''' || ' || group_concat('quote(' || c.name || ')', '||'' ''||') || ' from ' || t.name
                from sqlite_schema t, pragma_table_info(t.name) c where t.type = 'table' group by t.name"
                    .to_owned()
            }
            Engine::Postgres { .. } => format!(
                "select format('select %L || {of_postgres}::text from %I x', table_name, table_name)
                from information_schema.tables where table_schema = 'public'"
            ),
        };
        self.texts(&self.texts(&selects).await.join(" union all ")).await
    }

    /// What it holds elsewhere than in the test's folder, by what that is: on a server the rows, and what the server says.
    pub(crate) async fn elsewhere(&self) -> Vec<(String, Vec<u8>)> {
        match self.engine {
            Engine::Sqlite => Vec::new(),
            Engine::Postgres { .. } => vec![
                ("rows".to_owned(), self.contents().await.join("\n").into_bytes()),
                ("log of the server".to_owned(), Cluster::shared().log().unwrap().into_bytes()),
            ],
        }
    }

    /// Lets everybody else read, and wait with what they would write.
    pub(crate) async fn hold_writes(&self) -> HeldWrites {
        match &self.engine {
            Engine::Sqlite => {
                let mut connection = self.open_file().await;
                connection.execute("begin immediate").await.unwrap();
                HeldWrites::Sqlite(connection)
            }
            Engine::Postgres { url, .. } => {
                let client = connect(url).await;
                client.batch_execute(LOCK_ALL).await.unwrap();
                HeldWrites::Postgres(client)
            }
        }
    }

    /// Stops those of the server's processes that wait for what is held, as soon as there is one.
    pub(crate) async fn stop_who_waits(&self) -> Stopped {
        let waiting = "select pid::text from pg_stat_activity
            where datname = current_database() and wait_event_type = 'Lock'";
        let found = async {
            loop {
                let found = self.texts(waiting).await;
                if !found.is_empty() {
                    break found;
                }
                sleep(Duration::from_millis(2)).await;
            }
        };
        let found = timeout(PATIENCE, found).await.unwrap();
        let processes = found.iter().map(|pid| Pid::from_raw(pid.parse().unwrap()).unwrap()).collect();
        let stopped = Stopped(processes);
        stopped.tell(Signal::STOP);
        stopped
    }
}

/// Reading goes on, and all that writes or locks a row waits, but for what platforms tell each other all the time. Where
/// this meets a transaction that is under way, it is not this that gives way.
const LOCK_ALL: &str = "
    begin;
    set local deadlock_timeout = '1min';
    do $$ begin
        execute (
            select format('lock table %s in exclusive mode', string_agg(quote_ident(table_name), ', '))
            from information_schema.tables where table_schema = 'public' and table_name <> 'replicas');
    end $$";

/// What others would write waits as long as this lives.
pub(crate) enum HeldWrites {
    Sqlite(SqliteConnection),
    Postgres(Client),
}

impl HeldWrites {
    /// Writes, before everybody else.
    pub(crate) async fn run(&mut self, sql: &str) {
        match self {
            HeldWrites::Sqlite(connection) => {
                connection.execute(AssertSqlSafe(sql)).await.unwrap();
            }
            HeldWrites::Postgres(client) => client.batch_execute(sql).await.unwrap(),
        }
    }

    /// Lets the others go on, after what was written here.
    pub(crate) async fn release(mut self) {
        self.run("commit").await;
    }
}

/// Processes of the server that do nothing, until this is dropped.
pub(crate) struct Stopped(Vec<Pid>);

impl Stopped {
    fn tell(&self, signal: Signal) {
        for process in &self.0 {
            // Its connection may have ended meanwhile.
            let _ = kill_process(*process, signal);
        }
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        self.tell(Signal::CONT);
    }
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

fn what_it_says(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(|| error.to_string(), |error| error.message().to_owned())
}
