//! Detections: taking in what devices recorded, and reading it back.

use super::{Quotas, Refusal, session::active_user};
use crate::{
    clock::Timestamp,
    model::{
        AppId, Detection, DetectionContent, DetectionCursor, Gathered, GatheredContent, Session,
        StoredDetection, User, UserId,
    },
    store::{Page, Transaction, Turn, Work},
};
use sentiance_protocol::{DetectionType, DetectionsResponse};

/// How many bytes of content a page has, at most; a single detection that is larger makes a page of its own. Each
/// connection may hold one page that its reader does not take, so all of them together stay in bounds.
const PAGE_MAX_BYTES: usize = 128 * 1024;

/// Stores what a device recorded; all of it, or nothing. What is known already is passed over, except for news of a
/// trip.
#[derive(Debug)]
pub struct RecordDetections {
    /// Whose device.
    pub session: Session,
    /// What it recorded, the messages of each trip put together.
    pub detections: Vec<Gathered>,
    /// How much may be stored.
    pub quotas: Quotas,
    /// The present.
    pub now: Timestamp,
}

impl Work for RecordDetections {
    type Output = DetectionsResponse;
    type Error = Refusal;

    fn turn(&self) -> Turn {
        Turn::among_uploads(&(&self.session.app_id, &self.session.user_id), self.detections.len())
    }

    async fn run<T: Transaction>(self, tx: &mut T) -> Result<DetectionsResponse, Refusal> {
        let RecordDetections { session, detections, quotas, now } = self;
        let user = active_user(tx, &session).await?;
        let mut response = DetectionsResponse { accepted: 0, known: 0 };
        let mut bytes = 0;
        for detection in detections {
            let messages = detection.messages;
            match record(tx, &user, &session, detection).await? {
                Some(more) => {
                    response.accepted += messages;
                    bytes += more;
                }
                None => response.known += messages,
            }
        }
        quotas.count(tx, (&user.app_id, &user.user_id), bytes, now).await?;
        Ok(response)
    }
}

/// Stores one detection; tells how many bytes more are stored then, or nothing where it told nothing new.
async fn record<T: Transaction>(
    tx: &mut T,
    User { app_id, user_id, .. }: &User,
    session: &Session,
    Gathered { detection_id, time, content, .. }: Gathered,
) -> Result<Option<i64>, Refusal> {
    let install_id = &session.install_id;
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
    /// The application.
    pub app_id: AppId,
    /// The user.
    pub user_id: UserId,
    /// Only those of this type.
    pub kind: Option<DetectionType>,
    /// Where the page before ended; none for the first.
    pub after: Option<DetectionCursor>,
    /// How many, at most.
    pub limit: u32,
}

impl Work for ListDetections {
    /// The page, and where it ends if there is more.
    type Output = (Vec<StoredDetection>, Option<DetectionCursor>);
    type Error = Refusal;

    async fn run<T: Transaction>(self, tx: &mut T) -> Result<Self::Output, Refusal> {
        let ListDetections { app_id, user_id, kind, after, limit } = self;
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
