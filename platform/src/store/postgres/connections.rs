//! The connections: as many as are needed at once, and not more than the database is to have of one platform.

use super::{
    failure::{silence, store_error},
    tls,
    url::Parameters,
};
use crate::store::{StoreError, sql::texts};
use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime, TimeoutType,
    Timeouts,
};
use std::{fmt, io, net::IpAddr, sync::Arc, time::Duration};
use tokio::{
    join,
    time::{error::Elapsed, timeout},
};
use tokio_postgres::{Config, config::Host};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How long a use case waits for a connection.
const LEND_DEADLINE: Duration = Duration::from_secs(5);
/// How long a health check waits for one: a proxy gives it a few seconds in all.
const TRY_WAIT: Duration = Duration::from_millis(200);
/// How long a new connection may take.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
/// What is set on every connection. A platform that is cut off, or waits for another one, must not hold for long what it
/// has locked; spans are in milliseconds.
const SETTINGS: &[&str] = &[
    // One statement. A use case has a few, each of which takes a few milliseconds.
    "statement_timeout = 5000",
    // Waiting for a row that another transaction has.
    "lock_timeout = 4000",
    // Doing nothing in a transaction.
    "idle_in_transaction_session_timeout = 5000",
    // Every statement finds a few rows by an index. Without statistics, as after an import, the planner guesses that it
    // finds many, and would read whole tables.
    "enable_seqscan = off",
    "enable_hashjoin = off",
    "enable_mergejoin = off",
    // How many rows are looked at decides. While tables have few, all indexes have as few pages, and a plan is kept when
    // they have many.
    "cpu_tuple_cost = 100",
    "cpu_index_tuple_cost = 100",
    // Processes that are started for a part of a statement cost more than what a statement reads.
    "max_parallel_workers_per_gather = 0",
    // Where only what is off would do, the cost is so high that the plan would be compiled for it.
    "jit = off",
];

/// The connections of one platform.
pub(super) struct Connections {
    pool: Pool,
    config: Config,
    tls: MakeRustlsConnect,
    /// Whether a connection stays the same for all its transactions, so that statements can be prepared on it once. Behind a
    /// pooler that gives each transaction another one (pgbouncer in transaction mode) it does not.
    is_own: bool,
}

impl fmt::Debug for Connections {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Connections").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Connections {
    pub(super) fn to(url: &str) -> Result<Self, StoreError> {
        let Parameters { mut config, size, prepares: is_own, encrypts, authorities } = Parameters::of(url)?;
        let tls = tls::connector(encrypts, authorities.as_deref())?;
        if !encrypts && config.get_hosts().iter().any(is_elsewhere) {
            tracing::warn!(
                "the connections to the database are not encrypted; sslmode=verify-full in its URL does that"
            );
        }
        config.connect_timeout(CONNECT_DEADLINE).application_name("sentiance-platform");
        config.keepalives_idle(Duration::from_secs(10)).tcp_user_timeout(Duration::from_secs(10));
        let manager = Manager::from_config(
            config.clone(),
            tls.clone(),
            ManagerConfig { recycling_method: RecyclingMethod::Fast },
        );
        let mut builder = Pool::builder(manager)
            .max_size(size)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(LEND_DEADLINE))
            .create_timeout(Some(CONNECT_DEADLINE));
        if is_own {
            builder = builder.post_create(Hook::async_fn(|client, _| {
                Box::pin(
                    async move { client.batch_execute(&settings("set")).await.map_err(HookError::Backend) },
                )
            }));
        }
        let pool = builder.build().map_err(|error| StoreError::Database(Arc::new(error)))?;
        Ok(Connections { pool, config, tls, is_own })
    }

    /// A connection, once there is one.
    pub(super) async fn lend(&self) -> Result<Lent, StoreError> {
        self.lend_within(LEND_DEADLINE).await
    }

    async fn lend_within(&self, wait: Duration) -> Result<Lent, StoreError> {
        let timeouts = Timeouts { wait: Some(wait), ..self.pool.timeouts() };
        let object = self.pool.timeout_get(&timeouts).await.map_err(|error| match error {
            PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)) => {
                store_error(error)
            }
            PoolError::Timeout(TimeoutType::Create | TimeoutType::Recycle) => silence(),
            // All are in use, or the platform ends.
            _ => StoreError::Unavailable,
        })?;
        Ok(Lent { object: Some(object), is_own: self.is_own, is_clean: true })
    }

    /// Forgets those that are not in use: what cut one of them has most often cut all, which is not seen at once.
    pub(super) fn drop_idle(&self) {
        self.pool.retain(|_, _| false);
    }

    /// Whether there is a connection to a server that can be written to.
    pub(super) async fn try_one(&self) -> Result<(), StoreError> {
        match self.lend_within(TRY_WAIT).await {
            // That all are in use tells nothing of the server.
            Err(StoreError::Unavailable) if !self.pool.is_closed() => self.try_new_one().await,
            Err(error) => Err(error),
            Ok(mut client) => {
                let tried = timeout(LEND_DEADLINE, is_read_only(&client)).await;
                let is_read_only = client.in_time(tried.map(|tried| tried.map_err(store_error)))?;
                // Another connection may come to another server.
                client.set_clean(!is_read_only);
                refuse_if(is_read_only)
            }
        }
    }

    /// The same with a connection outside of the pool.
    async fn try_new_one(&self) -> Result<(), StoreError> {
        let tried = timeout(CONNECT_DEADLINE, async {
            let (client, connection) = self.config.connect(self.tls.clone()).await?;
            // The connection ends with the client.
            let ask = async move { is_read_only(&client).await };
            join!(ask, connection).0
        });
        refuse_if(tried.await.map_err(|_| silence())?.map_err(store_error)?)
    }

    pub(super) fn waiting(&self) -> usize {
        self.pool.status().waiting
    }

    /// For a connection outside of the pool, that stays the same. None behind a pooler.
    pub(super) fn direct(&self) -> Option<(Config, MakeRustlsConnect)> {
        self.is_own.then(|| (self.config.clone(), self.tls.clone()))
    }

    pub(super) fn close(&self) {
        self.pool.close();
    }
}

async fn is_read_only(client: &tokio_postgres::Client) -> Result<bool, tokio_postgres::Error> {
    let rows = client.query_typed(texts::IS_READ_ONLY.postgres, &[]).await?;
    Ok(rows.first().is_some_and(|row| row.try_get(0).unwrap_or(false)))
}

fn refuse_if(is_read_only: bool) -> Result<(), StoreError> {
    if is_read_only {
        return Err(StoreError::Disk(Arc::new(io::Error::from(io::ErrorKind::ReadOnlyFilesystem))));
    }
    Ok(())
}

/// Whether a host is another machine, as far as its name tells.
fn is_elsewhere(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            name != "localhost" && !name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        Host::Unix(_) => false,
    }
}

/// The statements that set everything, by `set` or `set local`.
pub(super) fn settings(set: &str) -> String {
    SETTINGS.iter().map(|setting| format!("{set} {setting}; ")).collect()
}

/// A connection that goes back to the others when it is dropped, unless something is left undone on it.
pub(super) struct Lent {
    object: Option<Object>,
    pub(super) is_own: bool,
    is_clean: bool,
}

impl Lent {
    /// Whether it can be used again, should it be dropped now.
    pub(super) fn set_clean(&mut self, is_clean: bool) {
        self.is_clean = is_clean;
    }

    /// What came on it, if it came in time. Where nothing comes, the connection is not used again.
    pub(super) fn in_time<T, E: From<StoreError>>(
        &mut self,
        came: Result<Result<T, E>, Elapsed>,
    ) -> Result<T, E> {
        came.unwrap_or_else(|_| {
            self.set_clean(false);
            Err(silence().into())
        })
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        // The server undoes what is open on a connection that ends.
        if let (false, Some(object)) = (self.is_clean, self.object.take()) {
            drop(Object::take(object));
        }
    }
}

impl std::ops::Deref for Lent {
    type Target = deadpool_postgres::ClientWrapper;

    fn deref(&self) -> &Self::Target {
        let Some(object) = &self.object else { unreachable!("it is there until the drop") };
        object
    }
}
