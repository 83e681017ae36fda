//! Limits of rates: how often an API key, an external id or an address may ask, and how often an address may fail.
//!
//! They count in this process, which gives its part of them where several platforms serve one PostgreSQL database
//! ([`share`]). Limits keep one caller from using up what is there
//! for all; that secrets cannot be guessed is owed to their length. So no limit ever stands between a user and a
//! credential that is good: [`exchange`] says how.

mod addresses;
pub(super) mod exchange;
mod fields;
mod pages;
mod rate;
mod share;
mod table;
mod upload;

pub(super) use exchange::Exchange;
pub(super) use fields::{Meter, announce};
pub use rate::{Limit, NotALimit, Rate};
pub(super) use table::Standing;
pub(super) use upload::Upload;

use super::{
    Platform,
    client::{AddressPrefix, ClientAddress},
    cors::share,
    failure::Failure,
};
use crate::{
    clock::Timestamp,
    model::{AppId, ExternalId},
    secret::{ApiKey, Hashed},
};
use addresses::AddressTable;
use axum::{
    extract::{MatchedPath, Request, State},
    http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, ORIGIN},
    middleware::Next,
    response::{IntoResponse, Response},
};
use pages::KnownPages;
use sha2::{Digest, Sha256};
use share::Share;
use std::sync::Arc;
use table::{Exhausted, Table};

/// How much is allowed.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Calls with one API key.
    pub per_key: Limit,
    /// Codes for one external id of one application.
    pub per_external_id: Limit,
    /// Calls from one address.
    pub per_address: Limit,
    /// Failed exchanges of codes, credentials and refresh tokens from one address.
    pub failures: Limit,
    /// KiB of uploads of one user.
    pub upload_per_user: Limit,
    /// KiB of uploads from one address.
    pub upload_per_address: Limit,
    /// Users who are created by an application's credentials, from one address.
    pub unlinked_per_address: Limit,
    /// Users who are created by one application's credentials.
    pub unlinked_per_app: Limit,
}

impl Limits {
    /// None: for development, and for tests that are about something else.
    pub const OFF: Limits = Limits {
        per_key: Limit::Off,
        per_external_id: Limit::Off,
        per_address: Limit::Off,
        failures: Limit::Off,
        upload_per_user: Limit::Off,
        upload_per_address: Limit::Off,
        unlinked_per_address: Limit::Off,
        unlinked_per_app: Limit::Off,
    };

    /// For production; the documentation gives the reason for each.
    pub const PRODUCTION: Limits = Limits {
        per_key: Limit::To(Rate::per_second(100, 1000)),
        per_external_id: Limit::To(Rate::per_minute(10, 20)),
        per_address: Limit::To(Rate::per_second(100, 1000)),
        failures: Limit::To(Rate::per_minute(30, 60)),
        upload_per_user: Limit::To(Rate::per_second(64, 8 * 1024)),
        upload_per_address: Limit::To(Rate::per_second(1024, 32 * 1024)),
        unlinked_per_address: Limit::To(Rate::per_minute(30, 300)),
        unlinked_per_app: Limit::To(Rate::per_second(50, 5000)),
    };
}

/// Which limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Policy {
    Key,
    ExternalId,
    Address,
    Failures,
    UserUpload,
    AddressUpload,
    UnlinkedAddress,
    UnlinkedApplication,
    DiskReserve,
    Streams,
    UserBytes,
    UserBytesOfDay,
    ApplicationBytes,
}

impl Policy {
    /// Its name in the answer's fields and in the log.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Policy::Key => "key",
            Policy::ExternalId => "external-id",
            Policy::Address => "address",
            Policy::Failures => "failures",
            Policy::UserUpload => "user-upload",
            Policy::AddressUpload => "address-upload",
            Policy::UnlinkedAddress => "unlinked-address",
            Policy::UnlinkedApplication => "unlinked-application",
            Policy::DiskReserve => "disk-reserve",
            Policy::Streams => "streams",
            Policy::UserBytes => "user-bytes",
            Policy::UserBytesOfDay => "user-bytes-of-day",
            Policy::ApplicationBytes => "application-bytes",
        }
    }

    /// What a refused caller is told.
    pub(super) const fn refusal(self) -> &'static str {
        match self {
            Policy::Key => "Too many requests with this API key: wait as long as Retry-After says.",
            Policy::ExternalId => "Too many codes for this external id: wait as long as Retry-After says.",
            Policy::Address => "Too many requests from this address: wait as long as Retry-After says.",
            Policy::Failures => {
                "Too many attempts from this address have failed, as this one has: wait as long as Retry-After says."
            }
            Policy::UserUpload => "Too many uploads of this user: wait as long as Retry-After says.",
            Policy::AddressUpload => "Too many uploads from this address: wait as long as Retry-After says.",
            Policy::UnlinkedAddress => {
                "Too many new users from this address: wait as long as Retry-After says."
            }
            Policy::UnlinkedApplication => {
                "Too many new users of this application: wait as long as Retry-After says."
            }
            Policy::DiskReserve => "The platform's disk is nearly full: nothing that needs room is taken in.",
            Policy::Streams => {
                "There are as many event streams as may be: ask for the state, or come back later."
            }
            Policy::UserBytes => "The user has stored as much as one user may: nothing more is taken in.",
            Policy::UserBytesOfDay => {
                "The user has stored as much as one user may in a day: try again tomorrow."
            }
            Policy::ApplicationBytes => {
                "The application has stored as much as it may: nothing more is taken in."
            }
        }
    }
}

/// All limits, with what callers have used of them.
#[derive(Debug)]
pub(super) struct Limiters {
    keys: Table<[u8; 32]>,
    external_ids: Table<[u8; 32]>,
    addresses: AddressTable,
    failures: AddressTable,
    pages: KnownPages,
    user_uploads: Table<[u8; 32]>,
    address_uploads: Table<AddressPrefix>,
    unlinked_addresses: Table<AddressPrefix>,
    unlinked_apps: Table<AppId>,
    share: Share,
}

impl Limiters {
    /// Nobody has used anything yet.
    pub(super) fn new(limits: Limits) -> Self {
        let share = Share::default();
        Limiters {
            keys: Table::new(limits.per_key, &share),
            external_ids: Table::new(limits.per_external_id, &share),
            addresses: AddressTable::new(limits.per_address, &share),
            failures: AddressTable::new(limits.failures, &share),
            pages: KnownPages::default(),
            user_uploads: Table::new(limits.upload_per_user, &share),
            address_uploads: Table::new(limits.upload_per_address, &share),
            unlinked_addresses: Table::new(limits.unlinked_per_address, &share),
            unlinked_apps: Table::new(limits.unlinked_per_app, &share),
            share,
        }
    }

    /// So many platforms share the limits from now on.
    pub(super) fn share_among(&self, replicas: u32) {
        self.share.set(replicas);
    }

    /// Refuses a key whose limit is exhausted, before it is looked up. Only keys that exist are ever
    /// [charged](Self::charge_key), so that inventing keys fills no table.
    pub(super) fn look_at_key(
        &self,
        key: &Hashed<ApiKey>,
        now: Timestamp,
        meter: &Meter,
    ) -> Result<(), Failure> {
        match self.keys.look(key.digest(), now) {
            Some(Err(exhausted)) => meter.settle(Policy::Key, Some(Err(exhausted))),
            _ => Ok(()),
        }
    }

    /// Charges a call to a key that exists.
    pub(super) fn charge_key(
        &self,
        key: &Hashed<ApiKey>,
        now: Timestamp,
        meter: &Meter,
    ) -> Result<(), Failure> {
        meter.settle(Policy::Key, self.keys.charge(*key.digest(), now))
    }

    /// Charges a code to the external id that it is for.
    pub(super) fn charge_external_id(
        &self,
        app: &AppId,
        external_id: &ExternalId,
        now: Timestamp,
        meter: &Meter,
    ) -> Result<(), Failure> {
        let id = digest(app, external_id.as_str());
        meter.settle(Policy::ExternalId, self.external_ids.charge(id, now))
    }

    /// Charges a user who is to be created by an application's credentials, to the address and to the application. What
    /// comes to nothing is to be [given back](Self::give_back_unlinked): who does not know the secret uses nothing up.
    pub(super) fn charge_unlinked(
        &self,
        address: AddressPrefix,
        app: &AppId,
        now: Timestamp,
        meter: &Meter,
    ) -> Result<(), Failure> {
        meter.settle(Policy::UnlinkedAddress, self.unlinked_addresses.charge(address, now))?;
        let of_app = self.unlinked_apps.charge(app.clone(), now);
        meter.settle(Policy::UnlinkedApplication, of_app).inspect_err(|_| {
            self.unlinked_addresses.give_back(&address);
        })
    }

    /// Takes the charge back for a user who was not created.
    pub(super) fn give_back_unlinked(&self, address: AddressPrefix, app: &AppId) {
        self.unlinked_addresses.give_back(&address);
        self.unlinked_apps.give_back(app);
    }
}

/// Stands for an id within an application. All ids of applications have one length, so that no two pairs give one text.
fn digest(app: &AppId, id: &str) -> [u8; 32] {
    Sha256::new().chain_update(app.as_str()).chain_update(id).finalize().into()
}

/// Charges each call to the address that it comes from, before anything is looked up for it.
pub(super) async fn limit_addresses(
    State(platform): State<Arc<Platform>>,
    client: ClientAddress,
    meter: Meter,
    request: Request,
    next: Next,
) -> Response {
    // It costs nothing, and who watches the platform must not be taken for a flood.
    if request.extensions().get::<MatchedPath>().is_some_and(|path| path.as_str() == "/healthz") {
        return next.run(request).await;
    }
    let charged = platform.limits.addresses.charge(client, platform.clock.now());
    match meter.settle(Policy::Address, charged) {
        Ok(()) => next.run(request).await,
        Err(failure) => failure.into_response(),
    }
}

/// The same for endpoints that pages call. They can read that they must wait, if they could read an answer before.
pub(super) async fn limit_addresses_of_pages(
    state: State<Arc<Platform>>,
    client: ClientAddress,
    meter: Meter,
    request: Request,
    next: Next,
) -> Response {
    let pages = &state.0.clone().limits.pages;
    let origin = request.headers().get(ORIGIN).cloned();
    let mut response = limit_addresses(state, client, meter, request, next).await;
    let Some(origin) = origin else { return response };
    let is_limited =
        response.extensions().get::<Failure>().is_some_and(|failure| failure.limit == Some(Policy::Address));
    if is_limited && pages.knows(&origin) {
        share(&mut response, origin);
    } else if response.headers().get(ACCESS_CONTROL_ALLOW_ORIGIN) == Some(&origin) {
        pages.remember(&origin);
    }
    response
}
