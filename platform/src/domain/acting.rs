//! Acting on somebody's behalf: who presents a credential is found out inside the transaction that acts, and nowhere else.
//!
//! Between the head of a request and its turn in the database lie seconds in which its key may be revoked, its session
//! end, its user go. So a use case that acts is an [`Act`], which cannot run alone: an [`Acting`] looks its credential up
//! again in the same transaction, and hands it the caller as of then.

use super::{Refusal, session::require_origin};
use crate::{
    clock::{Clock, Timestamp},
    model::{Actor, ApiKeyRecord, ApiKeyState, AppId, Origin, Permission, Scope, Session, UserId},
    secret::{AccessToken, ApiKey, Hashed},
    store::{Transaction, Turn, Work},
};
use std::{future::Future, sync::Arc};

/// A credential that was presented, and its subject.
pub trait Credential: Clone + Send + 'static {
    /// Its subject.
    type Holder: Send;

    /// Its subject as of this transaction; refused where it no longer permits the call.
    fn resolve<T: Transaction>(
        self,
        tx: &mut T,
        now: Timestamp,
    ) -> impl Future<Output = Result<Self::Holder, Refusal>> + Send;
}

/// An API key, and the scope that a call needs of it.
#[derive(Clone, Copy, Debug)]
pub struct ByKey {
    /// The key.
    pub key: Hashed<ApiKey>,
    /// What it must be good for.
    pub scope: Scope,
}

/// An access token, and what a call asks of it.
#[derive(Clone, Debug)]
pub struct ByToken {
    /// The token. What is found is the session of this very token, not whatever its install has now.
    pub token: Hashed<AccessToken>,
    /// The page's origin, where the application must list it.
    pub origin: Option<Origin>,
    /// What it must be good for.
    pub permission: Permission,
}

/// Either of the two, for calls that both may make.
#[derive(Clone, Debug)]
pub enum ByEither {
    /// A server of an application.
    Key(ByKey),
    /// A user's device.
    Token(ByToken),
}

/// The subject of either of the two.
#[derive(Clone, Debug)]
pub enum Caller {
    /// A server of an application.
    Server(ApiKeyRecord),
    /// A user's device.
    User(Session),
}

impl Credential for ByKey {
    type Holder = ApiKeyRecord;

    async fn resolve<T: Transaction>(self, tx: &mut T, now: Timestamp) -> Result<ApiKeyRecord, Refusal> {
        let key = tx.find_api_key(self.key).await?.ok_or(Refusal::ApiKeyUnknown)?;
        match key.state {
            ApiKeyState::Revoked(_) => Err(Refusal::ApiKeyRevoked),
            ApiKeyState::Valid if key.expires_at <= now => Err(Refusal::ApiKeyExpired),
            ApiKeyState::Valid if !key.scopes.contains(&self.scope) => Err(Refusal::ScopeMissing(self.scope)),
            ApiKeyState::Valid => Ok(key),
        }
    }
}

impl ByToken {
    /// The token's session, whatever it permits.
    pub(super) async fn find<T: Transaction>(&self, tx: &mut T) -> Result<Session, Refusal> {
        if let Some(session) = tx.find_by_access(self.token).await? {
            require_origin(tx, &session.app_id, self.origin.as_ref()).await?;
            return Ok(session);
        }
        let app_id = tx.find_tombstone(self.token).await?.ok_or(Refusal::TokenInvalid)?;
        require_origin(tx, &app_id, self.origin.as_ref()).await?;
        Err(Refusal::UserDeleted)
    }
}

impl Credential for ByToken {
    type Holder = Session;

    async fn resolve<T: Transaction>(self, tx: &mut T, now: Timestamp) -> Result<Session, Refusal> {
        let session = self.find(tx).await?;
        session.permits(self.permission, now)?;
        Ok(session)
    }
}

impl Credential for ByEither {
    type Holder = Caller;

    async fn resolve<T: Transaction>(self, tx: &mut T, now: Timestamp) -> Result<Caller, Refusal> {
        match self {
            ByEither::Key(by) => Ok(Caller::Server(by.resolve(tx, now).await?)),
            ByEither::Token(by) => Ok(Caller::User(by.resolve(tx, now).await?)),
        }
    }
}

impl Caller {
    /// The user that a call is about: any of the application for its server, and only itself for a user.
    ///
    /// # Errors
    /// A user may not call about this one.
    pub(super) fn subject(self, about: About) -> Result<(AppId, UserId), Refusal> {
        match (self, about) {
            (Caller::User(session), About::Own) => Ok((session.app_id, session.user_id)),
            (Caller::User(session), About::User(user_id)) if session.user_id == user_id => {
                Ok((session.app_id, user_id))
            }
            (Caller::User(_), _) => Err(Refusal::NotOwnUser),
            (Caller::Server(key), About::User(user_id)) => Ok((key.app_id, user_id)),
            (Caller::Server(_), About::Own | About::NoUser) => Err(Refusal::UserNotFound),
        }
    }

    /// As the audit log names it.
    pub(super) fn actor(&self) -> Actor {
        match self {
            Caller::User(session) => Actor::Install(session.install_id.clone()),
            Caller::Server(key) => Actor::ApiKey(key.key_id.clone()),
        }
    }
}

/// Which user a call names.
#[derive(Clone, Debug)]
pub enum About {
    /// The caller's own.
    Own,
    /// The one of this id.
    User(UserId),
    /// None: what stands for the id has not the shape of one.
    NoUser,
}

impl About {
    /// The user that a part of a path names.
    pub fn parse(id: &str) -> Self {
        UserId::parse(id).map_or(About::NoUser, About::User)
    }
}

/// What somebody with a credential wants: a use case that gets its caller from the transaction it runs in.
pub trait Act: Clone + Send + 'static {
    /// The credential that it needs.
    type By: Credential;
    /// Its result when its writes are kept.
    type Output: Send + 'static;

    /// When it gets its turn at the writer.
    fn turn(&self) -> Turn {
        Turn::Prompt
    }

    /// Whether it may read so much that other tasks of its thread should not wait for it.
    fn reads_much(&self) -> bool {
        false
    }

    /// Does it, for this caller, at this time.
    fn act<T: Transaction>(
        self,
        tx: &mut T,
        caller: <Self::By as Credential>::Holder,
        now: Timestamp,
    ) -> impl Future<Output = Result<Self::Output, Refusal>> + Send;
}

/// An [`Act`] with the credential that was presented for it: one transaction judges and acts.
#[derive(Clone)]
pub struct Acting<A: Act> {
    /// What was presented.
    pub by: A::By,
    /// Read when the transaction has begun: what expires while the call waits for its turn has expired.
    pub clock: Arc<dyn Clock>,
    /// What is wanted.
    pub act: A,
}

impl<A: Act> Work for Acting<A> {
    type Output = A::Output;
    type Error = Refusal;

    fn turn(&self) -> Turn {
        self.act.turn()
    }

    fn reads_much(&self) -> bool {
        self.act.reads_much()
    }

    async fn run<T: Transaction>(self, tx: &mut T) -> Result<A::Output, Refusal> {
        let now = self.clock.now();
        let caller = self.by.resolve(tx, now).await?;
        self.act.act(tx, caller, now).await
    }
}
