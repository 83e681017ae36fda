//! A transaction on a connection. Statements are sent without waiting for those before them where nothing depends on
//! their results: the responses are read when the next result is needed, or at the commit.

use super::{
    connections::{Lent, settings},
    failure::{Kind, Verdict, kind_of, store_error},
};
use crate::store::{
    StoreError,
    sql::{Cells, Engine, OneLine, STATEMENTS, Sql, Value},
};
use futures_util::{StreamExt, future::BoxFuture};
use std::{
    collections::VecDeque,
    error::Error,
    ops::ControlFlow,
    pin::pin,
    sync::LazyLock,
    task::{Context, Poll, Waker},
};
use tokio_postgres::{
    Row, RowStream,
    types::{IsNull, ToSql, Type, private::BytesMut, to_sql_checked},
};

/// What a connection is set to that is another one for each transaction.
static LOCAL_SETTINGS: LazyLock<String> = LazyLock::new(|| settings("set local"));

/// What a transaction is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// It writes: what it decides by is locked.
    Write,
    /// It reads, and all its statements see one state.
    Read,
    /// It reads, and each statement is on its own.
    LookUp,
}

/// What is to come: how many rows a statement changed.
type Sent<'c> = BoxFuture<'c, Result<u64, tokio_postgres::Error>>;

/// A transaction.
pub(super) struct PostgresTransaction<'c> {
    client: &'c Lent,
    access: Access,
    /// What was sent, and whose response was not read yet.
    sent: VecDeque<Sent<'c>>,
    /// How many rows each of the others changed, in the order in which they were sent.
    changed: Vec<u64>,
    /// The first error.
    failed: Option<(Kind, StoreError)>,
    recorded: bool,
}

/// How a transaction ended.
pub(super) struct Ended<T, E> {
    pub(super) verdict: Verdict<T, E>,
    /// Nothing of it is left on the connection, which can be used for another one.
    pub(super) is_over: bool,
    /// The connection broke.
    pub(super) was_cut: bool,
    /// Whether an event was recorded.
    pub(super) recorded: bool,
    /// Whether something can be written, where it tells: one that wrote nothing, or that met another one, does not.
    pub(super) can_write: Option<Result<(), StoreError>>,
}

impl<'c> PostgresTransaction<'c> {
    pub(super) fn begin(client: &'c Lent, access: Access) -> Self {
        let mut transaction = PostgresTransaction {
            client,
            access,
            sent: VecDeque::new(),
            changed: Vec::new(),
            failed: None,
            recorded: false,
        };
        transaction.send_text(match access {
            Access::LookUp => return transaction,
            Access::Write => "begin isolation level read committed",
            Access::Read => "begin isolation level repeatable read read only",
        });
        if !client.is_own {
            // What is set for a session would be set for others.
            transaction.send_text(&LOCAL_SETTINGS);
        }
        transaction
    }

    /// Sends a request, which happens when it is polled for the first time.
    fn send(&mut self, mut request: Sent<'c>) {
        if let Poll::Ready(response) = request.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            request = Box::pin(async move { response });
        }
        self.sent.push_back(request);
    }

    fn send_text(&mut self, text: &'static str) {
        let client = self.client;
        self.send(Box::pin(async move { client.batch_execute(text).await.map(|()| 0) }));
    }

    /// Reads the responses to everything that was sent.
    async fn settle(&mut self) -> Result<(), StoreError> {
        while let Some(request) = self.sent.pop_front() {
            let changed = request.await.map_err(|error| self.note(error))?;
            self.changed.push(changed);
        }
        Ok(())
    }

    fn note(&mut self, error: tokio_postgres::Error) -> StoreError {
        let kind = kind_of(&error);
        let error = store_error(error);
        self.failed.get_or_insert_with(|| (kind, error.clone()));
        error
    }

    /// Whether the connection broke.
    pub(super) fn was_cut(&self) -> bool {
        matches!(self.failed, Some((Kind::Cut, _)))
    }

    /// Commits what the use case did, or undoes it.
    pub(super) async fn end<T, E: From<StoreError>>(mut self, result: Result<T, E>) -> Ended<T, E> {
        let is_kept = result.is_ok() && self.access == Access::Write;
        let earlier = self.sent.len();
        self.send_text(if is_kept { "commit" } else { "rollback" });
        let (mut outcome, mut is_over) = (Ok(()), false);
        for (place, request) in std::mem::take(&mut self.sent).into_iter().enumerate() {
            let response = request.await.map_err(|error| self.note(error));
            is_over = place == earlier && response.is_ok();
            // The first error is the cause of the others.
            outcome = outcome.and(response.map(drop));
        }
        let was_cut = self.was_cut();
        let is_over = is_over && !matches!(self.failed, Some((Kind::ReadOnly, _)));
        let (can_write, again) = match self.failed {
            None => (is_kept.then_some(Ok(())), None),
            Some((Kind::MetAnother, error)) => (None, Some(error)),
            // Where the commit was sent, it may have come to pass.
            Some((Kind::Cut, error)) if !is_kept => (Some(Err(error.clone())), Some(error)),
            Some((_, error)) => (Some(Err(error)), None),
        };
        let verdict = match (result, outcome, again) {
            (Ok(output), Ok(()), _) => Verdict::Done(output),
            (_, _, Some(error)) => Verdict::Again(error),
            (Ok(_), Err(error), None) => Verdict::Refused(error.into()),
            (Err(error), _, None) => Verdict::Refused(error),
        };
        Ended { verdict, is_over, was_cut, recorded: self.recorded, can_write }
    }

    /// The request for a statement, which is not sent yet.
    async fn request(
        &mut self,
        statement: &'static Sql,
        values: &[Value<'_>],
    ) -> Result<Request<'c>, StoreError> {
        let text = if self.access == Access::Write { statement.postgres_locking } else { statement.postgres };
        tracing::debug!(target: STATEMENTS, "{}", OneLine(text));
        let (client, values) = (self.client, values.iter().map(Owned::of).collect::<Vec<_>>());
        if !client.is_own {
            let typed = values.into_iter().map(|value| {
                let kind = value.kind();
                (value, kind)
            });
            return Ok(Box::pin(async move { all_of(client.query_typed_raw(text, typed).await?).await }));
        }
        // The first time on a connection this waits for a response.
        let prepared = match client.prepare_cached(text).await {
            Ok(prepared) => prepared,
            Err(error) => {
                // The cause may be a statement that was sent before, and whose response was not read yet.
                self.settle().await?;
                return Err(self.note(error));
            }
        };
        Ok(Box::pin(async move { all_of(client.query_raw(&prepared, values).await?).await }))
    }

    /// Sends a request behind what was sent before, and gives its response.
    async fn response(&mut self, mut request: Request<'c>) -> Result<Response, StoreError> {
        let sent = request.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        self.settle().await?;
        let response = match sent {
            Poll::Ready(response) => response,
            Poll::Pending => request.await,
        };
        response.map_err(|error| self.note(error))
    }
}

/// The rows that a statement gives, and how many it changed.
type Response = (Vec<Row>, u64);
type Request<'c> = BoxFuture<'c, Result<Response, tokio_postgres::Error>>;

async fn all_of(stream: RowStream) -> Result<Response, tokio_postgres::Error> {
    let mut stream = pin!(stream);
    let mut rows = Vec::new();
    while let Some(row) = stream.next().await {
        rows.push(row?);
    }
    Ok((rows, stream.rows_affected().unwrap_or_default()))
}

impl Engine for PostgresTransaction<'_> {
    const HAS_OLD_ROWS: bool = false;
    type Started = Started;

    async fn start(&mut self, statement: &'static Sql, values: &[Value<'_>]) -> Result<Started, StoreError> {
        let request = self.request(statement, values).await?;
        let started = Started(self.changed.len() + self.sent.len());
        self.send(Box::pin(async move { request.await.map(|(_, changed)| changed) }));
        Ok(started)
    }

    async fn changed(&mut self, Started(place): Started) -> Result<u64, StoreError> {
        self.settle().await?;
        Ok(self.changed.get(place).copied().unwrap_or_default())
    }

    async fn read<T: Send>(
        &mut self,
        statement: &'static Sql,
        values: &[Value<'_>],
        mut take: impl FnMut(&dyn Cells) -> Result<ControlFlow<T>, StoreError> + Send,
    ) -> Result<Option<T>, StoreError> {
        let request = self.request(statement, values).await?;
        let (rows, _) = self.response(request).await?;
        for row in &rows {
            if let ControlFlow::Break(found) = take(row)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn note_recorded(&mut self) {
        self.recorded = true;
    }
}

/// A place among what was sent.
#[derive(Debug)]
pub(super) struct Started(usize);

/// A value that is sent after the statement's caller has gone on.
#[derive(Debug)]
enum Owned {
    Null,
    Integer(i64),
    Text(String),
    Bytes(Vec<u8>),
}

impl Owned {
    fn of(value: &Value<'_>) -> Self {
        match *value {
            Value::Null => Owned::Null,
            Value::Integer(number) => Owned::Integer(number),
            Value::Text(text) => Owned::Text(text.to_owned()),
            Value::Bytes(bytes) => Owned::Bytes(bytes.to_owned()),
        }
    }

    /// The type that is told to the server where it is not asked.
    fn kind(&self) -> Type {
        match self {
            Owned::Null => Type::UNKNOWN,
            Owned::Integer(_) => Type::INT8,
            Owned::Text(_) => Type::TEXT,
            Owned::Bytes(_) => Type::BYTEA,
        }
    }
}

impl ToSql for Owned {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Owned::Null => Ok(IsNull::Yes),
            Owned::Integer(number) if *kind == Type::INT4 => i32::try_from(*number)?.to_sql(kind, out),
            Owned::Integer(number) => number.to_sql(kind, out),
            Owned::Text(text) => text.to_sql(kind, out),
            Owned::Bytes(bytes) => bytes.to_sql(kind, out),
        }
    }

    // Whether the value fits is found out above.
    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

impl Cells for Row {
    fn cell(&self, place: usize) -> Option<Value<'_>> {
        let kind = self.columns().get(place)?.type_();
        let value = match *kind {
            Type::INT8 => self.try_get::<_, Option<i64>>(place).ok()?.map(Value::Integer),
            Type::INT4 => {
                self.try_get::<_, Option<i32>>(place).ok()?.map(|number| Value::Integer(number.into()))
            }
            Type::BOOL => {
                self.try_get::<_, Option<bool>>(place).ok()?.map(|is_so| Value::Integer(is_so.into()))
            }
            Type::BYTEA => self.try_get::<_, Option<&[u8]>>(place).ok()?.map(Value::Bytes),
            _ => self.try_get::<_, Option<&str>>(place).ok()?.map(Value::Text),
        };
        Some(value.unwrap_or(Value::Null))
    }

    fn name(&self, place: usize) -> &str {
        self.columns().get(place).map_or("", |column| column.name())
    }
}
