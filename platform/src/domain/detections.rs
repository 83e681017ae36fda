//! Detections: taking in what devices recorded, and reading it back.

use super::{Refusal, session::active_user};
use crate::{
    model::{
        AppId, Detection, DetectionContent, DetectionCursor, Session, StoredDetection, User, UserId,
        metadata, put_together,
    },
    store::{Transaction, Work},
};
use sentiance_protocol::{DetectionType, DetectionsResponse};

/// Stores what a device recorded; all of it, or nothing. What is known already is passed over, except for news of a
/// trip.
#[derive(Debug)]
pub struct RecordDetections {
    /// Whose device.
    pub session: Session,
    /// What it recorded.
    pub detections: Vec<Detection>,
}

impl Work for RecordDetections {
    type Output = DetectionsResponse;
    type Error = Refusal;

    async fn run<T: Transaction>(self, tx: &mut T) -> Result<DetectionsResponse, Refusal> {
        let user = active_user(tx, &self.session).await?;
        let mut response = DetectionsResponse { accepted: 0, known: 0 };
        for detection in self.detections {
            if record(tx, &user, &self.session, detection).await? {
                response.accepted += 1;
            } else {
                response.known += 1;
            }
        }
        Ok(response)
    }
}

/// Stores one detection; says whether it told anything new.
async fn record<T: Transaction>(
    tx: &mut T,
    User { app_id, user_id, .. }: &User,
    session: &Session,
    detection: Detection,
) -> Result<bool, Refusal> {
    if tx.insert_detection_if_new(app_id, user_id, &session.install_id, &detection).await? {
        return Ok(true);
    }
    let DetectionContent::Trip(news) = detection.content else { return Ok(false) };
    let stored = tx.find_detection(app_id, user_id, &detection.detection_id).await?;
    let Some(StoredDetection { detection: stored, .. }) = stored else { return Ok(false) };
    let DetectionContent::Trip(known) = &stored.content else { return Ok(false) };
    let trip = put_together(known, news);
    if trip == *known {
        return Ok(false);
    }
    if !metadata::fits(&trip.metadata) {
        return Err(Refusal::MetadataLimit);
    }
    let content = DetectionContent::Trip(trip);
    tx.replace_detection(app_id, user_id, &Detection { content, ..stored }).await?;
    Ok(true)
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
        let mut page = tx.list_detections(&app_id, &user_id, kind, after.as_ref(), limit + 1).await?;
        if page.len() <= limit as usize {
            return Ok((page, None));
        }
        page.truncate(limit as usize);
        let end = page.last().map(|StoredDetection { detection: last, .. }| DetectionCursor {
            time: last.time,
            detection_id: last.detection_id.clone(),
        });
        Ok((page, end))
    }
}
