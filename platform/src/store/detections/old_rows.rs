//! Rows of an earlier version, which had one for each detection: they are found where they are, and brought over while
//! the platform runs, some at a time. A later version will know nothing of them.

use super::{Detections, Of, Order, Page, Recorded, Start, record};
use crate::{
    clock::Timestamp,
    model::{AppId, DetectionId, DetectionKey, StoredDetection, UserId},
    store::StoreError,
};
use sentiance_protocol::DetectionType;
use std::future::Future;

type Stored<T> = Result<T, StoreError>;

/// How many users are looked at in one transaction.
const USERS: u32 = 100;
/// How much of one user is brought over in one transaction: some milliseconds of work.
const ROWS: Page = Page { limit: 500, bytes: 1024 * 1024 };

/// How far the old rows have been brought over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conversion {
    /// There are none.
    Done,
    /// Those of the users before this one, in order of ids, have been.
    At(AppId, UserId),
}

impl Conversion {
    /// Whether this user may have old rows.
    pub fn may_have_rows(&self, app: &AppId, user: &UserId) -> bool {
        match self {
            Conversion::Done => false,
            Conversion::At(next_app, next_user) => (app, user) >= (next_app, next_user),
        }
    }
}

/// The old rows.
pub trait OldRows: Send {
    /// How far they have been brought over.
    fn conversion(&mut self) -> impl Future<Output = Stored<Conversion>> + Send;
    /// Goes on with the next user who has some, in order of ids: this one, or one after it where it is finished. Tells
    /// who that is; none where there is no more.
    fn advance_conversion(
        &mut self,
        is_finished: bool,
    ) -> impl Future<Output = Stored<Option<(AppId, UserId)>>> + Send;
    /// The user's old row of that id.
    fn find_old_row(
        &mut self,
        app: &AppId,
        user: &UserId,
        detection: &DetectionId,
    ) -> impl Future<Output = Stored<Option<StoredDetection>>> + Send;
    /// Old rows of a kind by their keys, and whether there are more than fit into the page.
    fn list_old_rows(
        &mut self,
        of: Of<'_>,
        start: Start<'_>,
        page: Page,
    ) -> impl Future<Output = Stored<(Vec<StoredDetection>, bool)>> + Send;
    /// Deletes an old row.
    fn delete_old_row(
        &mut self,
        app: &AppId,
        user: &UserId,
        detection: &DetectionId,
    ) -> impl Future<Output = Stored<()>> + Send;
}

/// Brings some rows of one user over. Returns the user and by how many bytes the stored data grew; `None` where no old row
/// is left.
pub async fn bring_over<T: Detections + OldRows>(
    tx: &mut T,
    now: Timestamp,
) -> Result<Option<(AppId, UserId, i64)>, StoreError> {
    let Some(mut next) = tx.advance_conversion(false).await? else { return Ok(None) };
    for _ in 0..USERS {
        let (app, user) = next;
        for kind in [DetectionType::Position, DetectionType::Motion, DetectionType::Trip] {
            let of = Of { app: &app, user: &user, kind };
            let first = DetectionKey::first_at(Timestamp(i64::MIN));
            let start = Start { key: &first, inclusive: true, order: Order::Ascending };
            let (rows, _) = tx.list_old_rows(of, start, ROWS).await?;
            if !rows.is_empty() {
                let bytes = bring_rows_over(tx, of, rows, now).await?;
                return Ok(Some((app, user, bytes)));
            }
        }
        match tx.advance_conversion(true).await? {
            Some(later) => next = later,
            None => return Ok(None),
        }
    }
    let (app, user) = next;
    Ok(Some((app, user, 0)))
}

/// Brings rows of one kind over; tells how many bytes more are stored then.
async fn bring_rows_over<T: Detections + OldRows>(
    tx: &mut T,
    of: Of<'_>,
    rows: Vec<StoredDetection>,
    now: Timestamp,
) -> Result<i64, StoreError> {
    let mut before = 0;
    for row in &rows {
        before += i64::try_from(row.detection.stored_bytes()).unwrap_or(i64::MAX);
        tx.delete_old_row(of.app, of.user, &row.detection.detection_id).await?;
    }
    if of.kind != DetectionType::Trip {
        let Recorded { bytes, .. } = record(tx, of, rows, now).await?;
        return Ok(bytes - before);
    }
    for trip in rows {
        tx.save_trip(of.app, of.user, &trip, trip.detection.time.min(now)).await?;
    }
    // A trip takes as much as it did.
    Ok(0)
}

/// The user's old row of that id, whatever it is. That of a trip is brought over.
pub async fn bring_trip_over<T: Detections + OldRows>(
    tx: &mut T,
    (app, user): (&AppId, &UserId),
    detection: &DetectionId,
    now: Timestamp,
) -> Result<Option<StoredDetection>, StoreError> {
    if !tx.conversion().await?.may_have_rows(app, user) {
        return Ok(None);
    }
    let row = tx.find_old_row(app, user, detection).await?;
    if let Some(trip) = row.as_ref().filter(|row| row.detection.kind() == DetectionType::Trip) {
        tx.delete_old_row(app, user, detection).await?;
        tx.save_trip(app, user, trip, trip.detection.time.min(now)).await?;
    }
    Ok(row)
}
