//! Detections: taking in what devices recorded, and reading it back.

use super::{
    Quotas, Refusal,
    acting::{About, Act, ByEither, ByToken, Caller},
};
use crate::{
    clock::Timestamp,
    model::{
        Detection, DetectionContent, DetectionCursor, Gathered, GatheredContent, Session, StoredDetection,
    },
    store::{Page, Transaction, Turn},
};
use sentiance_protocol::{DetectionType, DetectionsResponse};

/// How many bytes of content a page has, at most; a single detection that is larger makes a page of its own. Each
/// connection may hold one page that its reader does not take, so all of them together stay in bounds.
const PAGE_MAX_BYTES: usize = 128 * 1024;

/// Stores what a device recorded; all of it, or nothing. What is known already is passed over, except for news of a
/// trip.
#[derive(Debug)]
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
        let mut bytes = 0;
        for detection in detections {
            let messages = detection.messages;
            match record(tx, &session, detection).await? {
                Some(more) => {
                    response.accepted += messages;
                    bytes += more;
                }
                None => response.known += messages,
            }
        }
        quotas.count(tx, (&session.app_id, &session.user_id), bytes, now).await?;
        Ok(response)
    }
}

/// Stores one detection; tells how many bytes more are stored then, or nothing where it told nothing new.
async fn record<T: Transaction>(
    tx: &mut T,
    Session { app_id, user_id, install_id, .. }: &Session,
    Gathered { detection_id, time, content, .. }: Gathered,
) -> Result<Option<i64>, Refusal> {
    let news = match content {
        GatheredContent::Whole(content) => {
            let detection = Detection { detection_id, time, content };
            let is_new = tx.insert_detection_if_new(app_id, user_id, install_id, &detection).await?;
            return Ok(is_new.then(|| size(&detection)));
        }
        GatheredContent::Trip(news) => news,
    };
    let Some(stored) = tx.find_detection(app_id, user_id, &detection_id).await? else {
        let content = DetectionContent::Trip(news.put_together(None)?);
        let detection = Detection { detection_id, time, content };
        tx.insert_detection_if_new(app_id, user_id, install_id, &detection).await?;
        return Ok(Some(size(&detection)));
    };
    let before = size(&stored.detection);
    let Detection { detection_id, time, content: DetectionContent::Trip(known) } = stored.detection else {
        // An id is for one thing.
        return Ok(None);
    };
    let trip = news.put_together(Some(&known))?;
    if trip == known {
        return Ok(None);
    }
    let detection = Detection { detection_id, time, content: DetectionContent::Trip(trip) };
    tx.replace_detection(app_id, user_id, &detection).await?;
    Ok(Some(size(&detection) - before))
}

fn size(detection: &Detection) -> i64 {
    i64::try_from(detection.stored_bytes()).unwrap_or(i64::MAX)
}

/// Reads a page of a user's detections, oldest first.
#[derive(Debug)]
pub struct ListDetections {
    /// Whose.
    pub about: About,
    /// Only those of this type.
    pub kind: Option<DetectionType>,
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
        let ListDetections { about, kind, after, limit } = self;
        let (app_id, user_id) = caller.subject(about)?;
        tx.find_user(&app_id, &user_id).await?.ok_or(Refusal::UserNotFound)?;
        let size = Page { limit, bytes: PAGE_MAX_BYTES };
        let (page, has_more) = tx.list_detections(&app_id, &user_id, kind, after.as_ref(), size).await?;
        let last = page.last().filter(|_| has_more);
        let end = last.map(|StoredDetection { detection: last, .. }| DetectionCursor {
            time: last.time,
            detection_id: last.detection_id.clone(),
        });
        Ok((page, end))
    }
}
