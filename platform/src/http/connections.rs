//! How many connections may be open: in all, and from one address, so that no address takes them all.
//!
//! A connection that an address has too many of is closed as soon as it is accepted: it takes no place, and whoever
//! waits behind it is not held up. Those of trusted proxies carry the calls of many, and count only among all.

use super::client::{AddressPrefix, ClientAddress, TrustedProxy};
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many addresses' worth of connections a network of IPv6 (the first 48 bits) may have.
const ADDRESSES_PER_SITE: usize = 2;
/// Places are few when less than one in so many is free.
const FEW: usize = 4;

/// The places for connections.
#[derive(Debug)]
pub(super) struct Connections {
    all: usize,
    free: Arc<Semaphore>,
    per_address: usize,
    exempt: Vec<TrustedProxy>,
    taken: Arc<Mutex<HashMap<AddressPrefix, usize>>>,
}

/// A place among all connections, for the next caller.
#[derive(Debug)]
pub(super) struct Place {
    _permit: Option<OwnedSemaphorePermit>,
}

impl Connections {
    /// So many in all, and so many of one address that is not exempt.
    pub(super) fn new(all: usize, per_address: usize, exempt: Vec<TrustedProxy>) -> Self {
        Connections { all, free: Arc::new(Semaphore::new(all)), per_address, exempt, taken: Arc::default() }
    }

    /// Waits for a place.
    pub(super) async fn place(&self) -> Place {
        // The semaphore is never closed, so there always is a place in the end.
        Place { _permit: self.free.clone().acquire_owned().await.ok() }
    }

    /// Whether so few places are left that a silent connection may keep one only for a short time.
    pub(super) fn are_few_left(&self) -> bool {
        self.free.available_permits() < self.all.div_ceil(FEW)
    }

    /// Gives the place to a connection of this peer; back where its address has its share.
    pub(super) fn admit(&self, place: Place, peer: IpAddr) -> Result<ConnectionSlot, (Place, AddressPrefix)> {
        let client = ClientAddress::of_peer(peer);
        let is_exempt = self.exempt.iter().any(|proxy| proxy.contains(client.ip()));
        let own = (client.prefix(), self.per_address);
        let site = client.site().map(|site| (site, self.per_address.saturating_mul(ADDRESSES_PER_SITE)));
        let shares: Vec<_> = [Some(own), site].into_iter().flatten().filter(|_| !is_exempt).collect();
        let mut taken = lock(&self.taken);
        let full =
            shares.iter().find(|(prefix, bound)| taken.get(prefix).is_some_and(|count| count >= bound));
        if let Some((prefix, _)) = full {
            return Err((place, *prefix));
        }
        let counted: Vec<_> = shares.into_iter().map(|(prefix, _)| prefix).collect();
        for prefix in &counted {
            *taken.entry(*prefix).or_default() += 1;
        }
        let share = Share { _place: place, counted, taken: self.taken.clone() };
        Ok(ConnectionSlot(Arc::new(Mutex::new(Some(share)))))
    }
}

/// What one connection has of the places.
#[derive(Debug)]
struct Share {
    _place: Place,
    counted: Vec<AddressPrefix>,
    taken: Arc<Mutex<HashMap<AddressPrefix, usize>>>,
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = lock(&self.taken);
        for prefix in &self.counted {
            let left = taken.remove(prefix).unwrap_or(0).saturating_sub(1);
            if left > 0 {
                taken.insert(*prefix, left);
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing in here can panic half-way.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The place of a connection among those that may be open at once.
#[derive(Clone, Debug)]
pub(super) struct ConnectionSlot(Arc<Mutex<Option<Share>>>);

impl ConnectionSlot {
    /// Lets another connection have it: this one has become a stream, which is counted elsewhere, or has ended.
    pub(super) fn give_back(&self) {
        let share = lock(&self.0).take();
        drop(share);
    }
}

#[cfg(test)]
mod tests {
    use super::{ConnectionSlot, Connections};

    async fn admit(connections: &Connections, peer: &str) -> Option<ConnectionSlot> {
        let place = connections.place().await;
        connections.admit(place, peer.parse().unwrap()).ok()
    }

    #[tokio::test]
    async fn an_address_has_its_share_and_gives_it_back() {
        let connections = Connections::new(100, 2, vec!["10.0.0.0/8".parse().unwrap()]);
        let first = admit(&connections, "203.0.113.5").await.unwrap();
        let second = admit(&connections, "::ffff:203.0.113.5").await.unwrap();
        for same in ["203.0.113.5", "2002:cb00:7105::1", "2002:cb00:7105:1::", "64:ff9b::cb00:7105"] {
            assert!(admit(&connections, same).await.is_none(), "{same}");
        }
        let neighbour = admit(&connections, "203.0.113.6").await;
        assert!(neighbour.is_some());
        first.give_back();
        first.give_back();
        let third = admit(&connections, "203.0.113.5").await.unwrap();
        assert!(admit(&connections, "203.0.113.5").await.is_none());
        drop((second, third, neighbour));
        assert!(super::lock(&connections.taken).is_empty(), "nothing is kept of who has gone");
        assert_eq!(connections.free.available_permits(), 100);
    }

    #[tokio::test]
    async fn a_network_of_ipv6_has_no_more_than_two_addresses() {
        let connections = Connections::new(100, 2, Vec::new());
        let mut open = Vec::new();
        for subnet in 0..9 {
            open.extend(admit(&connections, &format!("2001:db8:1:{subnet}::1")).await);
        }
        assert_eq!(open.len(), 4);
        assert!(admit(&connections, "2001:db8:2::1").await.is_some());
    }

    #[tokio::test]
    async fn trusted_proxies_are_bounded_by_all_places_only() {
        let connections = Connections::new(8, 2, vec!["10.0.0.0/8".parse().unwrap()]);
        let mut open = Vec::new();
        for _ in 0..8 {
            assert_eq!(connections.are_few_left(), open.len() > 6);
            open.extend(admit(&connections, "10.1.2.3").await);
        }
        assert_eq!(open.len(), 8);
    }
}
