//! Who follows which install, and waking them when something may have become of it.
//!
//! A wake-up carries no news: whoever is woken reads the state from the database. So one too many, or two that become
//! one, change nothing. What wakes is the audit log, in which every process records what it changes.

use super::{EventSettings, Platform, client::AddressPrefix};
use crate::{
    domain::{ChangesAfter, NewestChange},
    model::{AppId, Change, InstallId, Session, UserId},
    store::StoreError,
};
use std::{
    collections::HashMap,
    convert::Infallible,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::Notify, time::sleep};

/// How long a database that cannot be asked is left alone.
const PAUSE: Duration = Duration::from_secs(1);

/// All followers of this process.
#[derive(Debug)]
pub(super) struct Followers {
    bounds: EventSettings,
    registry: Mutex<Registry>,
}

#[derive(Debug, Default)]
struct Registry {
    by_install: HashMap<(AppId, InstallId), Vec<Arc<Notify>>>,
    /// The same ones, by the user as they last read it.
    by_user: HashMap<(AppId, UserId), Vec<Arc<Notify>>>,
    by_address: HashMap<AddressPrefix, usize>,
    count: usize,
    has_ended: bool,
}

/// There are as many followers as may be, or the platform is shutting down.
#[derive(Debug)]
pub(super) struct NoRoom;

impl Followers {
    /// Room for as many as the settings say.
    pub(super) fn new(bounds: EventSettings) -> Self {
        Followers { bounds, registry: Mutex::default() }
    }

    /// Registers a follower of a session's install. It reads the state only after this, so that it misses no change.
    pub(super) fn follow(
        self: &Arc<Self>,
        session: &Session,
        address: AddressPrefix,
    ) -> Result<Following, NoRoom> {
        let EventSettings { streams, streams_per_install, streams_per_address, .. } = self.bounds;
        let install = (session.app_id.clone(), session.install_id.clone());
        let user = (session.app_id.clone(), session.user_id.clone());
        let news = Arc::new(Notify::new());
        let mut registry = self.registry();
        let of_install = registry.by_install.get(&install).map_or(0, Vec::len);
        let of_address = registry.by_address.get(&address).copied().unwrap_or(0);
        let has_room =
            registry.count < streams && of_install < streams_per_install && of_address < streams_per_address;
        if registry.has_ended || !has_room {
            return Err(NoRoom);
        }
        registry.count += 1;
        registry.by_address.insert(address, of_address + 1);
        registry.by_install.entry(install.clone()).or_default().push(news.clone());
        registry.by_user.entry(user.clone()).or_default().push(news.clone());
        drop(registry);
        Ok(Following { followers: self.clone(), install, user, address, news })
    }

    /// Ends all, and lets nobody follow any more.
    pub(super) fn end(&self) {
        let mut registry = self.registry();
        registry.has_ended = true;
        registry.by_install.values().flatten().for_each(|news| news.notify_one());
    }

    fn wake(&self, changes: Vec<Change>) {
        let registry = self.registry();
        for Change { app_id, user_id, install_id, .. } in changes {
            let of_install = install_id.and_then(|id| registry.by_install.get(&(app_id.clone(), id)));
            let of_user = user_id.and_then(|id| registry.by_user.get(&(app_id, id)));
            of_install.into_iter().chain(of_user).flatten().for_each(|news| news.notify_one());
        }
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        // Nothing in here can panic half-way.
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One follower, until it is dropped.
#[derive(Debug)]
pub(super) struct Following {
    followers: Arc<Followers>,
    install: (AppId, InstallId),
    user: (AppId, UserId),
    address: AddressPrefix,
    news: Arc<Notify>,
}

impl Following {
    /// Returns when something may have become of the install since the last return.
    pub(super) async fn news(&self) {
        self.news.notified().await;
    }

    /// Whether the platform is shutting down.
    pub(super) fn has_ended(&self) -> bool {
        self.followers.registry().has_ended
    }

    /// The install has this user. If that is another one than before, what became of that user may have been missed.
    pub(super) fn is_still_of(&mut self, user_id: UserId) -> bool {
        if self.user.1 == user_id {
            return true;
        }
        let mut registry = self.followers.registry();
        remove(&mut registry.by_user, &self.user, &self.news);
        self.user.1 = user_id;
        registry.by_user.entry(self.user.clone()).or_default().push(self.news.clone());
        false
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let mut registry = self.followers.registry();
        remove(&mut registry.by_install, &self.install, &self.news);
        remove(&mut registry.by_user, &self.user, &self.news);
        registry.count -= 1;
        let left = registry.by_address.remove(&self.address).unwrap_or(0).saturating_sub(1);
        if left > 0 {
            registry.by_address.insert(self.address, left);
        }
    }
}

fn remove<K: Hash + Eq>(index: &mut HashMap<K, Vec<Arc<Notify>>>, key: &K, news: &Arc<Notify>) {
    if let Some(followers) = index.get_mut(key) {
        followers.retain(|other| !Arc::ptr_eq(other, news));
        if followers.is_empty() {
            index.remove(key);
        }
    }
}

/// Wakes followers for as long as the platform runs.
pub(super) async fn keep_awake(platform: Arc<Platform>) {
    let mut last = None;
    loop {
        let Err(error) = wake_at_changes(&platform, &mut last).await;
        tracing::warn!(%error, "looking for changes failed; followers are told later");
        sleep(PAUSE).await;
    }
}

async fn wake_at_changes(platform: &Platform, last: &mut Option<i64>) -> Result<Infallible, StoreError> {
    let mut changes = platform.store.changes().await?;
    let mut seq = match *last {
        Some(seq) => seq,
        // Whoever follows from now on reads the state anyway.
        None => platform.store.read(NewestChange).await?,
    };
    loop {
        *last = Some(seq);
        let new = platform.store.read(ChangesAfter(seq)).await?;
        match new.last() {
            Some(newest) => seq = newest.seq,
            None => changes.wait().await?,
        }
        platform.followers.wake(new);
    }
}
