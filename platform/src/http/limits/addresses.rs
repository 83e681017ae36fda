//! Limits that go by the caller's address, and more loosely by the network that it is in.

use super::{
    Limit, Standing,
    share::Share,
    table::{Exhausted, Table},
};
use crate::{
    clock::Timestamp,
    http::client::{AddressPrefix, ClientAddress},
};

/// How many addresses' worth a network of IPv6 (the first 48 bits) may use: one customer may have all of it, and so may
/// many customers of a mobile provider.
const ADDRESSES_PER_SITE: u32 = 16;

/// What addresses have used of a limit.
#[derive(Debug)]
pub(in crate::http) struct AddressTable {
    own: Table<AddressPrefix>,
    sites: Table<AddressPrefix>,
}

impl AddressTable {
    /// Nothing has been used yet.
    pub(super) fn new(limit: Limit, share: &Share) -> Self {
        AddressTable {
            own: Table::new(limit, share),
            sites: Table::new(limit.times(ADDRESSES_PER_SITE), share),
        }
    }

    /// Where an address stands. `None` where there is no limit.
    pub(super) fn look(&self, client: ClientAddress, now: Timestamp) -> Option<Result<Standing, Exhausted>> {
        match self.own.look(&client.prefix(), now) {
            Some(Ok(standing)) => {
                let of_site = client.site().and_then(|site| self.sites.look(&site, now));
                Some(of_site.map_or(Ok(standing), |said| said.map(|_| standing)))
            }
            said => said,
        }
    }

    /// Charges an address for one, if that is allowed. `None` where there is no limit.
    pub(super) fn charge(
        &self,
        client: ClientAddress,
        now: Timestamp,
    ) -> Option<Result<Standing, Exhausted>> {
        match self.own.charge(client.prefix(), now) {
            Some(Ok(standing)) => {
                let of_site = client.site().and_then(|site| self.sites.charge(site, now));
                Some(of_site.map_or(Ok(standing), |said| said.map(|_| standing)))
            }
            said => said,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{AddressTable, Share};
    use crate::{
        clock::Timestamp,
        http::{Limit, Rate, client::ClientAddress},
    };

    #[test]
    fn a_network_of_ipv6_has_sixteen_addresses_worth() {
        let table = AddressTable::new(Limit::To(Rate::per_minute(2, 3)), &Share::default());
        let charge = |text: String| {
            let client = ClientAddress::of_peer(text.parse().unwrap());
            (
                table.charge(client, Timestamp(0)).unwrap().is_ok(),
                table.look(client, Timestamp(0)).unwrap().is_ok(),
            )
        };
        let allowed = (0..100).filter(|subnet| charge(format!("2001:db8:1:{subnet:x}::1")).0).count();
        assert_eq!(allowed, 48);
        assert_eq!(charge("2001:db8:1:ffff::1".to_owned()), (false, false));
        assert_eq!(charge("2001:db8:2::1".to_owned()), (true, true));
        for _ in 0..20 {
            assert!(charge("203.0.113.5".to_owned()).0 || !charge("203.0.113.5".to_owned()).1);
        }
    }
}
