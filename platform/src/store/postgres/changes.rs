//! Waiting for changes: every platform tells the others after its commits, and looks by itself for what it was not told.
//!
//! It is told outside of the transaction that records: one that notifies commits alone, since PostgreSQL puts
//! notifications in the order of commits (<https://www.postgresql.org/docs/15/sql-notify.html>).

use super::{
    connections::Connections,
    transaction::{Access, PostgresTransaction},
};
use crate::{
    model::Change,
    store::{
        StoreError,
        changes::{AT_ONCE, News},
        sql::{Ask, texts, values},
    },
};
use futures_util::{StreamExt, stream};
use std::{future::pending, sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_postgres::{AsyncMessage, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How often it looks by itself. A look without news reads the end of an index.
const LOOK_INTERVAL: Duration = Duration::from_millis(400);
/// How long at least from one look to the next: changes that come meanwhile are read together.
const REST: Duration = Duration::from_millis(10);
/// How long one look may take.
const DEADLINE: Duration = Duration::from_secs(5);
/// After how long it listens again where its connection broke.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);

/// Waits for changes.
#[derive(Debug)]
pub struct PostgresChanges {
    connections: Arc<Connections>,
    /// By which this process knows what it has told itself.
    name: Arc<str>,
    /// Told by this process's commits.
    recorded: watch::Receiver<()>,
    /// Others are to be told.
    is_news: bool,
    listener: Option<Listener>,
    /// Whatever this one does not see has not been told yet.
    told: Snapshot,
    /// Too much for one time: a snapshot up to which all is being told, and the place of the newest event that was.
    telling: Option<(Snapshot, i64)>,
    looked: Instant,
}

impl PostgresChanges {
    /// From now on.
    pub(super) async fn on(
        connections: Arc<Connections>,
        name: Arc<str>,
        recorded: watch::Receiver<()>,
    ) -> Result<Self, StoreError> {
        let client = connections.lend().await?;
        let told = Snapshot::now(&mut PostgresTransaction::begin(&client, Access::LookUp)).await?;
        drop(client);
        let listener = connections.direct().map(|(config, tls)| Listener::start(config, tls, name.clone()));
        let looked = Instant::now();
        Ok(PostgresChanges {
            connections,
            name,
            recorded,
            is_news: false,
            listener,
            told,
            telling: None,
            looked,
        })
    }

    /// What was recorded since the last time, once there is something.
    pub async fn next(&mut self) -> Result<News, StoreError> {
        loop {
            sleep_until(self.looked + REST).await;
            self.looked = Instant::now();
            if let Some(news) = self.look().await? {
                return Ok(news);
            }
            tokio::select! {
                recorded = self.recorded.changed() => {
                    recorded.map_err(|_| StoreError::Unavailable)?;
                    self.is_news = true;
                }
                () = Listener::heard(&mut self.listener) => {}
                () = sleep(LOOK_INTERVAL) => {}
            }
        }
    }

    async fn look(&mut self) -> Result<Option<News>, StoreError> {
        let mut client = self.connections.lend().await?;
        let mut transaction = PostgresTransaction::begin(&client, Access::LookUp);
        let looked = timeout(DEADLINE, self.look_on(&mut transaction)).await;
        drop(transaction);
        client.in_time(looked)
    }

    async fn look_on(&mut self, tx: &mut PostgresTransaction<'_>) -> Result<Option<News>, StoreError> {
        if self.is_news {
            tx.post(&texts::NOTIFY, values![*self.name]).await?;
        }
        // What is committed after the snapshot may be told now and the next time: once too often changes nothing.
        let (now, after) = match &self.telling {
            Some(telling) => telling.clone(),
            None => (Snapshot::now(tx).await?, i64::MIN),
        };
        self.is_news = false;
        if now.next() < self.told.next() {
            self.told = now;
            return Ok(Some(News::OfAll));
        }
        let values = values![self.told.0, after, AT_ONCE];
        let new: Vec<(i64, Change)> = tx.list(&texts::CHANGES_SINCE, values).await?;
        match new.last() {
            Some((newest, _)) if new.len() >= AT_ONCE as usize => self.telling = Some((now, *newest)),
            _ => (self.told, self.telling) = (now, None),
        }
        Ok((!new.is_empty()).then(|| News::Of(new.into_iter().map(|(_, change)| change).collect())))
    }
}

/// Which transactions were committed: the text of a snapshot has the oldest one that was under way, the one that will begin
/// next, and all that were under way.
#[derive(Clone, Debug)]
struct Snapshot(String);

impl Snapshot {
    async fn now(tx: &mut PostgresTransaction<'_>) -> Result<Self, StoreError> {
        let now = tx.first_of(&texts::SNAPSHOT, values![], "snapshots", |row| row.take("snapshot")).await?;
        now.map(Snapshot).ok_or(StoreError::Unavailable)
    }

    /// The number of the transaction that will begin next. It goes down only where the database is another one, which has
    /// not seen all of the former.
    fn next(&self) -> Option<u64> {
        self.0.split(':').nth(1)?.parse().ok()
    }
}

/// Hears what others tell, on a connection of its own, and connects again where that breaks.
#[derive(Debug)]
struct Listener {
    heard: watch::Receiver<()>,
    task: JoinHandle<()>,
}

impl Listener {
    fn start(config: Config, tls: MakeRustlsConnect, own: Arc<str>) -> Self {
        let (tell, heard) = watch::channel(());
        let task = tokio::spawn(async move {
            while !tell.is_closed() {
                if let Err(error) = listen(&config, &tls, &own, &tell).await {
                    tracing::debug!(%error, "other platforms are not heard; changes are looked for instead");
                }
                sleep(LISTEN_AGAIN).await;
            }
        });
        Listener { heard, task }
    }

    /// Returns when something was heard; never where changes are only looked for.
    async fn heard(listener: &mut Option<Listener>) {
        let heard = match listener {
            Some(Listener { heard, .. }) => heard.changed().await.is_ok(),
            None => false,
        };
        if !heard {
            pending().await
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Listens until the connection breaks.
async fn listen(
    config: &Config,
    tls: &MakeRustlsConnect,
    own: &str,
    tell: &watch::Sender<()>,
) -> Result<(), tokio_postgres::Error> {
    let (client, mut connection) = config.connect(tls.clone()).await?;
    let hear = async {
        let mut messages = stream::poll_fn(|context| connection.poll_message(context));
        while let Some(message) = messages.next().await {
            match message? {
                AsyncMessage::Notification(notification) if notification.payload() != own => {
                    tell.send_replace(());
                }
                _ => {}
            }
        }
        Ok(())
    };
    let ask = async {
        client.batch_execute(texts::LISTEN.postgres).await?;
        // The client must live as long as the connection.
        pending().await
    };
    tokio::select! {
        heard = hear => heard,
        asked = ask => asked,
    }
}
