//! Forgetting what is too old, a little at a time, so that no table grows for ever and no caller waits for it.

use super::{Lifetimes, Refusal, audit::record, codes::REPLAY_WINDOW, removal::remove_user};
use crate::{
    clock::Timestamp,
    model::{Actor, AppId, AuditKind, ClockWatch, EndReason, ExpiredSession, Trace, UserId},
    store::{StoreError, Transaction, Turn, Work},
};
use std::{collections::BTreeMap, time::Duration};

/// How many rows of a table are forgotten at once.
const BATCH: u32 = 50;

/// Forgets a batch of each table:
///
/// - audit events older than they are kept,
/// - authentication codes for which nobody may come back any more, and tombstones that have expired,
/// - sessions whose tokens have expired: they end, and with them goes a user to whom nobody can ever come again and who
///   was never used,
/// - users who are not linked and were not used within some days: everybody who has the app can create those,
/// - installs whose session ended long ago.
///
/// Unless the clock has jumped: what it would end by mistake could not be brought back.
#[derive(Clone, Debug)]
pub struct CleanUp {
    /// How long audit events are kept.
    pub keep_events: Duration,
    /// How long users are kept who are not linked and were never used.
    pub keep_unused_users: Duration,
    /// How long tokens live.
    pub lifetimes: Lifetimes,
    /// The present.
    pub now: Timestamp,
    /// What the monotonic clock says of the time since the last clean-up of this process.
    pub elapsed: Option<Duration>,
}

/// What a clean-up did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cleaned {
    /// There was nothing more to forget.
    All,
    /// There may be more to forget.
    Some,
    /// Nothing was forgotten: the clock is not to be trusted since this time of it.
    Nothing(Timestamp),
}

impl Work for CleanUp {
    type Output = Cleaned;
    type Error = Refusal;

    fn turn(&self) -> Turn {
        Turn::HOUSEKEEPING
    }

    async fn run<T: Transaction>(self, tx: &mut T) -> Result<Cleaned, Refusal> {
        let CleanUp { keep_events, keep_unused_users, lifetimes, now, elapsed } = self;
        let clock = ClockWatch::look(tx.clock_watch().await?, now, elapsed);
        tx.save_clock_watch(clock).await?;
        if let Some(since) = clock.doubted_since {
            return Ok(Cleaned::Nothing(since));
        }
        let long_ago = now.minus(lifetimes.refresh_token);
        let expired = tx.expired_sessions(now, BATCH).await?;
        let mut counts = vec![expired.len() as u64];
        for session in expired {
            end(tx, session, lifetimes, now).await?;
        }
        let unused = tx.take_unused_users(now.minus(keep_unused_users), BATCH).await?;
        counts.push(unused.len() as u64);
        for (app_id, user_id) in unused {
            if tx.is_unused_user(&app_id, &user_id).await? {
                remove(tx, &app_id, &user_id, lifetimes, now).await?;
            }
        }
        counts.push(tx.delete_ended_installs(long_ago, BATCH).await?);
        counts.push(tx.delete_codes_before(now.minus(REPLAY_WINDOW), BATCH).await?);
        counts.push(tx.delete_tombstones_before(now, BATCH).await?);
        counts.push(tx.delete_events_before(now.minus(keep_events), BATCH).await?);
        let is_full = counts.into_iter().any(|count| count >= BATCH.into());
        Ok(if is_full { Cleaned::Some } else { Cleaned::All })
    }
}

async fn end<T: Transaction>(
    tx: &mut T,
    session: ExpiredSession,
    lifetimes: Lifetimes,
    now: Timestamp,
) -> Result<(), Refusal> {
    let ExpiredSession { app_id, install_id, user_id, is_known } = session;
    if !is_known {
        return remove(tx, &app_id, &user_id, lifetimes, now).await;
    }
    tx.end_install(&app_id, &install_id, EndReason::Expired, now).await?;
    let subject = (&app_id, &user_id, Some(&install_id));
    Ok(record(tx, AuditKind::SessionExpired, subject, Actor::Platform, &Trace::default(), now).await?)
}

async fn remove<T: Transaction>(
    tx: &mut T,
    app_id: &AppId,
    user_id: &UserId,
    lifetimes: Lifetimes,
    now: Timestamp,
) -> Result<(), Refusal> {
    let Some(user) = tx.find_user(app_id, user_id).await? else { return Ok(()) };
    let until = now.plus(lifetimes.refresh_token);
    remove_user(tx, user, until, Actor::Platform, &Trace::default(), now).await
}

/// Forgets some of the detections that are older than their applications keep them, of one application after the other.
/// Nothing while the clock is not to be trusted.
#[derive(Clone, Debug)]
pub struct ForgetDetections {
    /// How long they are kept for applications of which nothing else is set; none for ever.
    pub keep: Option<Duration>,
    /// The last application that is done; none at the beginning.
    pub after: Option<AppId>,
    /// The present.
    pub now: Timestamp,
}

impl Work for ForgetDetections {
    /// How to go on; none at the end.
    type Output = Option<ForgetDetections>;
    type Error = StoreError;

    fn turn(&self) -> Turn {
        Turn::HOUSEKEEPING
    }

    async fn run<T: Transaction>(self, tx: &mut T) -> Result<Option<ForgetDetections>, StoreError> {
        if tx.clock_watch().await?.is_none_or(|clock| clock.doubted_since.is_some()) {
            return Ok(None);
        }
        let ForgetDetections { keep, mut after, now } = self;
        let applications = tx.detections_retentions(keep, after.as_ref(), BATCH).await?;
        let is_last = applications.len() < BATCH as usize;
        for (app_id, retention) in applications {
            let deleted = tx.delete_detections_before(&app_id, now.minus(retention), BATCH).await?;
            let is_any = !deleted.is_empty();
            let mut by_user = BTreeMap::<UserId, i64>::new();
            for (user_id, bytes) in deleted {
                *by_user.entry(user_id).or_default() += i64::try_from(bytes).unwrap_or(i64::MAX);
            }
            for (user_id, bytes) in by_user {
                tx.count_stored(&app_id, &user_id, -bytes, None).await?;
            }
            if is_any {
                // There may be more of this one.
                return Ok(Some(ForgetDetections { keep, after, now }));
            }
            after = Some(app_id);
        }
        Ok((!is_last).then_some(ForgetDetections { keep, after, now }))
    }
}
