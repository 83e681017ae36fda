//! Exchanges: a code, an application's credentials or a refresh token for tokens; and what it costs an address when they
//! fail.
//!
//! Only a failure is charged, and only what has failed is refused: a good credential is taken from any address, however
//! often others at that address have failed. An exhausted address costs less, though. Each exchange takes its turn
//! at the one writer; once an address has failed too often, whether anybody knows its next credential is asked of a
//! reader first, and one that nobody knows never comes to the writer.

use super::{Meter, Policy};
use crate::{
    domain::{Exchanged, IsKnown, Refusal},
    http::{Platform, client::ClientAddress, failure::Failure},
    secret::{Code, Hashed},
    store::Work,
};
use axum::{extract::FromRequestParts, http::request::Parts};
use sentiance_protocol::ErrorCode;
use std::{convert::Infallible, sync::Arc};

/// What is exchanged, as the metrics name it.
pub(in crate::http) const CODE: &str = "code";
pub(in crate::http) const APPLICATION: &str = "application";
pub(in crate::http) const REFRESH_TOKEN: &str = "refresh_token";

/// An attempt to exchange something.
pub(in crate::http) struct Exchange {
    platform: Arc<Platform>,
    client: ClientAddress,
    meter: Meter,
}

impl FromRequestParts<Arc<Platform>> for Exchange {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, platform: &Arc<Platform>) -> Result<Self, Infallible> {
        let Ok(client) = ClientAddress::from_request_parts(parts, platform).await;
        let Ok(meter) = Meter::from_request_parts(parts, platform).await;
        Ok(Exchange { platform: platform.clone(), client, meter })
    }
}

impl Exchange {
    /// Exchanges a credential that is well formed. `outcome` names what came of it.
    pub(in crate::http) async fn of<W>(
        &self,
        presented: IsKnown,
        work: W,
        outcome: fn(&W::Output) -> &'static str,
    ) -> Result<W::Output, Failure>
    where
        W: Work<Error = Refusal>,
    {
        let credential = name_of(&presented);
        let output = self.attempt(presented, work).await?;
        self.platform.metrics.exchanged(credential, outcome(&output));
        Ok(output)
    }

    /// Exchanges an authentication code. Whoever shows one that another install has used learns no more than that it is
    /// not valid.
    pub(in crate::http) async fn of_code<W, G>(
        &self,
        code: Hashed<Code>,
        work: W,
        outcome: fn(&G) -> &'static str,
    ) -> Result<G, Failure>
    where
        W: Work<Output = Exchanged<G>, Error = Refusal>,
    {
        match self.attempt(IsKnown::Code(code), work).await? {
            Exchanged::Granted(granted) => {
                self.platform.metrics.exchanged(CODE, outcome(&granted));
                Ok(granted)
            }
            Exchanged::ReuseRecorded => Err(self.failed(CODE, Refusal::CodeInvalid.into())),
        }
    }

    async fn attempt<W>(&self, presented: IsKnown, work: W) -> Result<W::Output, Failure>
    where
        W: Work<Error = Refusal>,
    {
        let credential = name_of(&presented);
        let Platform { store, limits, clock, .. } = &*self.platform;
        let standing = limits.failures.look(self.client, clock.now());
        if matches!(standing, Some(Err(_))) {
            let refusal = presented.refusal();
            if !store.look_up(presented).await? {
                return Err(self.failed(credential, refusal.into()));
            }
        }
        store.write(work).await.map_err(|refusal| self.failed(credential, refusal.into()))
    }

    /// Charges a failure to the address, if the credential was at fault, and gives its answer: too many of them are told
    /// to wait. What the platform knows of a session is told as it is, since the SDK acts on it.
    pub(in crate::http) fn failed(&self, credential: &'static str, failure: Failure) -> Failure {
        let failure = self.charged(failure);
        self.platform.metrics.exchanged(credential, failure.code.as_str());
        failure
    }

    fn charged(&self, failure: Failure) -> Failure {
        use ErrorCode::{ApplicationCredentialsInvalid, AuthenticationCodeInvalid, TokenInvalid};
        if !matches!(failure.code, ApplicationCredentialsInvalid | AuthenticationCodeInvalid | TokenInvalid) {
            return failure;
        }
        let Platform { limits, clock, .. } = &*self.platform;
        let charged = limits.failures.charge(self.client, clock.now());
        self.meter.settle(Policy::Failures, charged).err().unwrap_or(failure)
    }
}

fn name_of(presented: &IsKnown) -> &'static str {
    match presented {
        IsKnown::Code(_) => CODE,
        IsKnown::Credentials(..) => APPLICATION,
        IsKnown::RefreshToken(_) => REFRESH_TOKEN,
    }
}
