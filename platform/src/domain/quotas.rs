//! Quotas: how much may be stored for a user or an application. They are judged by counters that change in the
//! transaction of each upload, so that nothing is ever summed up.

use super::Refusal;
use crate::{
    clock::Timestamp,
    model::{AppId, UserId},
    store::{StoreError, Transaction, Work},
};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a caller waits where only the deletion of data makes room.
const LONG: Duration = Duration::from_secs(60 * 60);

/// How many bytes of detections may be stored; `None` where there is no bound.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quotas {
    /// For one user.
    pub per_user: Option<u64>,
    /// For one user in one day (UTC).
    pub per_user_and_day: Option<u64>,
    /// For all users of one application.
    pub per_application: Option<u64>,
}

/// Which quota is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quota {
    /// That of the user.
    User,
    /// That of the user for this day.
    UserAndDay,
    /// That of the application.
    Application,
}

impl Quotas {
    /// Counts bytes that were stored for a user (or, where negative, that became fewer), unless a quota forbids more.
    pub(super) async fn count<T: Transaction>(
        &self,
        tx: &mut T,
        (app_id, user_id): (&AppId, &UserId),
        bytes: i64,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        if bytes == 0 {
            return Ok(());
        }
        let day_ms = i64::try_from(DAY.as_millis()).unwrap_or(i64::MAX);
        let stored = tx.count_stored(app_id, user_id, bytes, Some(now.0.div_euclid(day_ms))).await?;
        let rest_of_day =
            Duration::from_millis(u64::try_from(day_ms - now.0.rem_euclid(day_ms)).unwrap_or_default());
        let is_over = |quota: Option<u64>, stored: u64| quota.is_some_and(|quota| stored > quota);
        if bytes < 0 {
            Ok(())
        } else if is_over(self.per_user_and_day, stored.of_user_today) {
            Err(Refusal::QuotaExceeded(Quota::UserAndDay, rest_of_day))
        } else if is_over(self.per_user, stored.of_user) {
            Err(Refusal::QuotaExceeded(Quota::User, LONG))
        } else if is_over(self.per_application, stored.of_application) {
            Err(Refusal::QuotaExceeded(Quota::Application, LONG))
        } else {
            Ok(())
        }
    }
}

/// Sums up how many bytes of detections are stored, from one counter for each application.
#[derive(Clone, Debug)]
pub struct SumStored;

impl Work for SumStored {
    type Output = u64;
    type Error = StoreError;

    async fn run<T: Transaction>(self, tx: &mut T) -> Result<u64, StoreError> {
        tx.stored_bytes().await
    }
}
