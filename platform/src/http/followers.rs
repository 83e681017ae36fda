//! Who follows which install, and waking them when something may have become of it.
//!
//! A wake-up carries no news: whoever is woken reads the state from the database. So one too many, or two that become
//! one, change nothing. What wakes is the audit log, in which every process records what it changes.

use super::{
    EventSettings, Platform,
    client::{AddressPrefix, ClientAddress},
};
use crate::{
    model::{AppId, Change, InstallId, Session, UserId},
    store::{Changes, News, StoreError},
};
use std::{
    collections::HashMap,
    convert::Infallible,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::Notify, time::sleep};

/// How long changes are gathered, so that looking for them costs the same however many there are.
const GATHERING: Duration = Duration::from_millis(20);
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
    by_network: HashMap<AddressPrefix, usize>,
    /// Those of users who are not linked, by address.
    unlinked_by_address: HashMap<AddressPrefix, usize>,
    count: usize,
    unlinked: usize,
    has_ended: bool,
}

/// What a follower takes of what there is.
#[derive(Clone, Copy, Debug)]
struct Place {
    address: AddressPrefix,
    network: AddressPrefix,
    is_linked: bool,
}

/// However little room is left, an address may have so many.
const FEW: usize = 4;

impl Registry {
    /// The fewer streams are free, the fewer one address may have: so some are always left for others. Of users who are
    /// not linked everybody can make as many as they like, so they have less.
    fn has_room(&self, place: &Place, bounds: &EventSettings) -> bool {
        let free = bounds.streams.saturating_sub(self.count);
        let share = (free / 4).max(FEW);
        let (per_address, per_network) = (bounds.streams_per_address, 2 * bounds.streams_per_address);
        let per_unlinked_address = per_address.min(share).div_ceil(4).max(FEW);
        free > 0
            && of(&self.by_address, place.address) < per_address.min(share)
            && of(&self.by_network, place.network) < per_network.min(share)
            && (place.is_linked
                || self.unlinked < bounds.streams_unlinked
                    && of(&self.unlinked_by_address, place.address) < per_unlinked_address)
    }

    fn take(&mut self, place: &Place) {
        self.count += 1;
        *self.by_address.entry(place.address).or_default() += 1;
        *self.by_network.entry(place.network).or_default() += 1;
        if !place.is_linked {
            self.unlinked += 1;
            *self.unlinked_by_address.entry(place.address).or_default() += 1;
        }
    }

    fn give_back(&mut self, place: &Place) {
        self.count -= 1;
        fewer(&mut self.by_address, place.address);
        fewer(&mut self.by_network, place.network);
        if !place.is_linked {
            self.unlinked -= 1;
            fewer(&mut self.unlinked_by_address, place.address);
        }
    }
}

fn of(counts: &HashMap<AddressPrefix, usize>, prefix: AddressPrefix) -> usize {
    counts.get(&prefix).copied().unwrap_or(0)
}

fn fewer(counts: &mut HashMap<AddressPrefix, usize>, prefix: AddressPrefix) {
    if let Some(count) = counts.get_mut(&prefix) {
        *count -= 1;
        if *count == 0 {
            counts.remove(&prefix);
        }
    }
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
        client: ClientAddress,
    ) -> Result<Following, NoRoom> {
        let install = (session.app_id.clone(), session.install_id.clone());
        let user = (session.app_id.clone(), session.user_id.clone());
        let news = Arc::new(Notify::new());
        let mut registry = self.registry();
        let place =
            Place { address: client.prefix(), network: client.network(), is_linked: session.is_linked };
        let of_install = registry.by_install.get(&install).map_or(0, Vec::len);
        let has_room =
            of_install < self.bounds.streams_per_install && registry.has_room(&place, &self.bounds);
        if registry.has_ended || !has_room {
            return Err(NoRoom);
        }
        registry.take(&place);
        registry.by_install.entry(install.clone()).or_default().push(news.clone());
        registry.by_user.entry(user.clone()).or_default().push(news.clone());
        drop(registry);
        Ok(Following { followers: self.clone(), install, user, place, news })
    }

    /// Ends all, and lets nobody follow any more.
    pub(super) fn end(&self) {
        let mut registry = self.registry();
        registry.has_ended = true;
        registry.by_install.values().flatten().for_each(|news| news.notify_one());
    }

    fn wake(&self, news: News) {
        let registry = self.registry();
        let News::Of(changes) = news else {
            return registry.by_install.values().flatten().for_each(|news| news.notify_one());
        };
        for Change { app_id, user_id, install_id } in changes {
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
    place: Place,
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
        registry.give_back(&self.place);
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
    let mut changes = None;
    loop {
        let Err(error) = wake_at_changes(&platform, &mut changes).await;
        tracing::warn!(%error, "looking for changes failed; followers are told later");
        sleep(PAUSE).await;
    }
}

/// `changes` outlives an error, so that what came meanwhile is told after it.
async fn wake_at_changes(
    platform: &Platform,
    changes: &mut Option<Changes>,
) -> Result<Infallible, StoreError> {
    let changes = match changes {
        Some(changes) => changes,
        // Those who follow from now on read the state anyway.
        None => changes.insert(platform.store.changes().await?),
    };
    loop {
        platform.followers.wake(changes.next().await?);
        sleep(GATHERING).await;
    }
}
