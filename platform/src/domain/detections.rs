//! Detections: taking in what devices recorded, and reading it back.

use super::{
    Quotas, Refusal,
    acting::{About, Act, ByEither, ByToken, Caller},
};
use crate::{
    clock::Timestamp,
    model::{
        Detection, DetectionContent, DetectionCursor, DetectionId, Gathered, GatheredContent, Session,
        StoredDetection, TripNews,
    },
    store::{
        StoreError, Transaction, Turn, Work,
        detections::{self, Listing, Of, Order, Page},
    },
};
use sentiance_protocol::{DetectionType, DetectionsResponse};

/// How many bytes of content a page has, at most; a single detection that is larger makes a page of its own. Each
/// connection may hold one page that its reader does not take, so all of them together stay in bounds.
const PAGE_MAX_BYTES: usize = 128 * 1024;

/// Stores what a device recorded; all of it, or nothing. What is known already is passed over, except for news of a
/// trip.
#[derive(Clone, Debug)]
pub struct RecordDetections {
    /// What the device recorded, the messages of each trip put together.
    pub detections: Vec<Gathered>,
    /// How much may be stored.
    pub quotas: Quotas,
    /// Its turn among the writes that wait.
    pub turn: Turn,
}

impl Act for RecordDetections {
    type By = ByToken;
    type Output = DetectionsResponse;

    fn turn(&self) -> Turn {
        self.turn
    }

    async fn act<T: Transaction>(
        self,
        tx: &mut T,
        session: Session,
        now: Timestamp,
    ) -> Result<DetectionsResponse, Refusal> {
        let RecordDetections { detections, quotas, .. } = self;
        let mut response = DetectionsResponse { accepted: 0, known: 0 };
        let (mut positions, mut motions, mut bytes) = (Vec::new(), Vec::new(), 0);
        for Gathered { detection_id, time, content, messages } in detections {
            let content = match content {
                GatheredContent::Whole(content) => content,
                GatheredContent::Trip(news) => {
                    match record_trip(tx, &session, (detection_id, time), news, now).await? {
                        Some(more) => {
                            response.accepted += messages;
                            bytes += more;
                        }
                        None => response.known += messages,
                    }
                    continue;
                }
            };
            let detection = Detection { detection_id, time, content };
            let kind = match detection.kind() {
                DetectionType::Motion => &mut motions,
                _ => &mut positions,
            };
            kind.push(StoredDetection { install_id: session.install_id.clone(), detection });
        }
        for (kind, uploaded) in [(DetectionType::Position, positions), (DetectionType::Motion, motions)] {
            let of = Of { app: &session.app_id, user: &session.user_id, kind };
            let count = u32::try_from(uploaded.len()).unwrap_or(u32::MAX);
            let recorded = detections::record(tx, of, uploaded, now).await?;
            response.accepted += recorded.added;
            response.known += count - recorded.added;
            bytes += recorded.bytes;
        }
        quotas.count(tx, (&session.app_id, &session.user_id), bytes, now).await?;
        Ok(response)
    }
}

/// Stores what some messages tell of a trip; tells how many bytes more are stored then, or nothing where they told nothing
/// new.
async fn record_trip<T: Transaction>(
    tx: &mut T,
    Session { app_id, user_id, install_id, .. }: &Session,
    (detection_id, time): (DetectionId, Timestamp),
    news: TripNews,
    now: Timestamp,
) -> Result<Option<i64>, Refusal> {
    let mut stored = tx.find_trip(app_id, user_id, &detection_id).await?;
    if stored.is_none() {
        stored = detections::bring_trip_over(tx, (app_id, user_id), &detection_id, now).await?;
    }
    let before = stored.as_ref().map_or(0, |stored| size(&stored.detection));
    let known = match stored.as_ref().map(|stored| &stored.detection.content) {
        None => None,
        Some(DetectionContent::Trip(known)) => Some(known),
        // An id is for one thing.
        Some(_) => return Ok(None),
    };
    let trip = news.put_together(known)?;
    if known == Some(&trip) {
        return Ok(None);
    }
    let (install_id, time) = match stored {
        Some(stored) => (stored.install_id, stored.detection.time),
        None => (install_id.clone(), time),
    };
    let detection = Detection { detection_id, time, content: DetectionContent::Trip(trip) };
    let bytes = size(&detection) - before;
    tx.save_trip(app_id, user_id, &StoredDetection { install_id, detection }, time.min(now)).await?;
    Ok(Some(bytes))
}

fn size(detection: &Detection) -> i64 {
    i64::try_from(detection.stored_bytes()).unwrap_or(i64::MAX)
}

/// Reads a page of a user's detections.
#[derive(Clone, Debug)]
pub struct ListDetections {
    /// Whose.
    pub about: About,
    /// Only those of this type.
    pub kind: Option<DetectionType>,
    /// Only those of this time and later.
    pub from: Option<Timestamp>,
    /// Only those before this time.
    pub to: Option<Timestamp>,
    /// In which order.
    pub order: Order,
    /// Where the page before ended; none for the first.
    pub after: Option<DetectionCursor>,
    /// How many, at most.
    pub limit: u32,
}

impl Act for ListDetections {
    type By = ByEither;
    /// The page, and where it ends if there is more.
    type Output = (Vec<StoredDetection>, Option<DetectionCursor>);

    fn reads_much(&self) -> bool {
        true
    }

    async fn act<T: Transaction>(
        self,
        tx: &mut T,
        caller: Caller,
        _: Timestamp,
    ) -> Result<Self::Output, Refusal> {
        let ListDetections { about, kind, from, to, order, after, limit } = self;
        let (app_id, user_id) = caller.subject(about)?;
        tx.find_user(&app_id, &user_id).await?.ok_or(Refusal::UserNotFound)?;
        let page = Page { limit, bytes: PAGE_MAX_BYTES };
        let listing = Listing { kind, from, to, after, order, page };
        let (page, has_more) = detections::list(tx, (&app_id, &user_id), &listing).await?;
        let last = page.last().filter(|_| has_more);
        let end = last.map(|StoredDetection { detection: last, .. }| DetectionCursor {
            key: last.key(),
            kind: last.kind(),
        });
        Ok((page, end))
    }
}

/// Brings some detections of an earlier version over into the form of this one.
#[derive(Clone, Copy, Debug)]
pub struct BringOver {
    /// The present.
    pub now: Timestamp,
}

impl Work for BringOver {
    /// Whether there may be more.
    type Output = bool;
    type Error = StoreError;

    fn turn(&self) -> Turn {
        Turn::HOUSEKEEPING
    }

    async fn run<T: Transaction>(self, tx: &mut T) -> Result<bool, StoreError> {
        let Some((app_id, user_id, bytes)) = detections::bring_over(tx, self.now).await? else {
            return Ok(false);
        };
        if bytes != 0 {
            // Counted for no day, since nothing was uploaded.
            tx.count_stored(&app_id, &user_id, bytes, None).await?;
        }
        Ok(true)
    }
}
