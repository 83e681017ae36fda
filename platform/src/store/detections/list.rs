//! Reading the detections of a user in order, whatever they are stored as.

use super::{BLOCK_MAX_ENTRIES, Detections, Of, OldRows, Page};
use crate::{
    clock::Timestamp,
    model::{AppId, DetectionCursor, DetectionKey, StoredDetection, UserId},
    store::StoreError,
};
use sentiance_protocol::DetectionType;
use std::ops::ControlFlow;

/// In which order detections are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The oldest first.
    #[default]
    Ascending,
    /// The newest first.
    Descending,
}

/// Which detections of a user are read.
#[derive(Clone, Debug)]
pub struct Listing {
    /// Only those of this kind.
    pub kind: Option<DetectionType>,
    /// Only those of this time and later.
    pub from: Option<Timestamp>,
    /// Only those before this time.
    pub to: Option<Timestamp>,
    /// Only those that come after it in the order.
    pub after: Option<DetectionCursor>,
    /// The order.
    pub order: Order,
    /// How much is read.
    pub page: Page,
}

/// The user's detections, and whether there are more than fit into the page. What it costs depends on the page, and not
/// on how many detections there are.
pub async fn list<T: Detections + OldRows>(
    tx: &mut T,
    (app, user): (&AppId, &UserId),
    listing: &Listing,
) -> Result<(Vec<StoredDetection>, bool), StoreError> {
    let kinds = [DetectionType::Position, DetectionType::Motion, DetectionType::Trip];
    let may_have_old_rows = tx.conversion().await?.may_have_rows(app, user);
    let (mut listed, mut has_more) = (Vec::new(), false);
    for kind in kinds.into_iter().filter(|kind| listing.kind.is_none_or(|wanted| wanted == *kind)) {
        let of = Of { app, user, kind };
        let mut reading = Reading::of(kind, listing);
        match kind {
            DetectionType::Trip => read_rows(tx, of, Rows::Trips, &mut reading).await?,
            DetectionType::Position | DetectionType::Motion => read_blocks(tx, of, &mut reading).await?,
        }
        has_more |= reading.is_full;
        listed.append(&mut reading.found);
        if may_have_old_rows {
            let mut reading = Reading::of(kind, listing);
            read_rows(tx, of, Rows::Old, &mut reading).await?;
            has_more |= reading.is_full;
            listed.append(&mut reading.found);
        }
    }
    // Each source has given as much as fits into the page by itself, so what comes first of all is among them.
    listed.sort_by(|(one, ..), (other, ..)| match listing.order {
        Order::Ascending => one.cmp(other),
        Order::Descending => other.cmp(one),
    });
    let (mut page, mut bytes) = (Vec::new(), 0);
    for (_, length, detection) in listed {
        bytes += length;
        if !page.is_empty() && (page.len() >= listing.page.limit as usize || bytes > listing.page.bytes) {
            return Ok((page, true));
        }
        page.push(detection);
    }
    Ok((page, has_more))
}

/// Reads what is wanted from one source, in order.
struct Reading<'l> {
    kind: DetectionType,
    listing: &'l Listing,
    /// With the place in the order, and how many bytes of content it has.
    found: Vec<(DetectionCursor, usize, StoredDetection)>,
    bytes: usize,
    /// There is more than fits into a page.
    is_full: bool,
}

impl<'l> Reading<'l> {
    fn of(kind: DetectionType, listing: &'l Listing) -> Self {
        Reading { kind, listing, found: Vec::new(), bytes: 0, is_full: false }
    }

    /// The first key that may be wanted.
    fn begin(&self) -> DetectionKey {
        let Listing { from, to, after, order, .. } = self.listing;
        let cursor = after.as_ref().map(|cursor| cursor.key.clone());
        match order {
            Order::Ascending => {
                let from = from.map(DetectionKey::first_at);
                cursor.max(from).unwrap_or(DetectionKey::first_at(Timestamp(i64::MIN)))
            }
            Order::Descending => {
                let to = to.map(DetectionKey::first_at);
                let end = cursor.into_iter().chain(to).min();
                end.unwrap_or(DetectionKey::first_at(Timestamp(i64::MAX)))
            }
        }
    }

    /// Takes the next one in order, if it is wanted; tells whether there can be more.
    fn take(&mut self, detection: StoredDetection) -> ControlFlow<()> {
        let Listing { from, to, after, order, page, .. } = self.listing;
        let time = detection.detection.time;
        let is_before = to.is_none_or(|to| time < to);
        let is_after = from.is_none_or(|from| time >= from);
        let place = DetectionCursor { key: detection.detection.key(), kind: self.kind };
        let (is_in_time, is_past) = match order {
            Order::Ascending => (is_before && is_after, !is_before),
            Order::Descending => (is_before && is_after, !is_after),
        };
        if is_past {
            return ControlFlow::Break(());
        }
        let is_behind = after.as_ref().is_none_or(|after| match order {
            Order::Ascending => place > *after,
            Order::Descending => place < *after,
        });
        if !is_in_time || !is_behind {
            return ControlFlow::Continue(());
        }
        let length = detection.detection.content_bytes();
        self.bytes += length;
        let is_over = self.found.len() >= page.limit as usize || self.bytes > page.bytes;
        if !self.found.is_empty() && is_over {
            self.is_full = true;
            return ControlFlow::Break(());
        }
        self.found.push((place, length, detection));
        ControlFlow::Continue(())
    }
}

/// Which rows are read.
#[derive(Clone, Copy)]
enum Rows {
    Trips,
    Old,
}

async fn read_rows<T: Detections + OldRows>(
    tx: &mut T,
    of: Of<'_>,
    which: Rows,
    reading: &mut Reading<'_>,
) -> Result<(), StoreError> {
    let Listing { page, order, .. } = reading.listing;
    let (mut begin, mut inclusive) = (reading.begin(), true);
    loop {
        let (rows, has_more) = match which {
            Rows::Trips => tx.list_trips(of, &begin, inclusive, *order, *page).await?,
            Rows::Old => tx.list_old_rows(of, &begin, inclusive, *order, *page).await?,
        };
        let Some(last) = rows.last() else { return Ok(()) };
        (begin, inclusive) = (last.detection.key(), false);
        for row in rows {
            if reading.take(row).is_break() {
                return Ok(());
            }
        }
        if !has_more {
            return Ok(());
        }
    }
}

async fn read_blocks<T: Detections>(
    tx: &mut T,
    of: Of<'_>,
    reading: &mut Reading<'_>,
) -> Result<(), StoreError> {
    let limit = reading.listing.page.limit;
    let wanted = reading.begin();
    let mut begin = wanted.clone();
    let order = reading.listing.order;
    // The one that begins before, and may reach beyond.
    let mut blocks = match order {
        Order::Ascending => tx.blocks_up_to(of, &begin, true, 1).await?,
        Order::Descending => Vec::new(),
    };
    let mut inclusive = order == Order::Descending;
    loop {
        let missing = (limit as usize).saturating_sub(reading.found.len());
        let count = u32::try_from(missing.div_ceil(BLOCK_MAX_ENTRIES) + 1).unwrap_or(u32::MAX);
        let more = match order {
            Order::Ascending => tx.blocks_from(of, &begin, false, count).await?,
            Order::Descending => tx.blocks_up_to(of, &begin, inclusive, count).await?,
        };
        inclusive = false;
        let is_last = more.len() < count as usize;
        blocks.extend(more);
        let Some(last) = blocks.last() else { return Ok(()) };
        begin = last.first.clone();
        for block in blocks.drain(..).filter(|block| order == Order::Descending || block.last >= wanted) {
            let mut entries = block.entries(of.kind)?;
            if order == Order::Descending {
                entries.reverse();
            }
            for entry in entries {
                if reading.take(entry).is_break() {
                    return Ok(());
                }
            }
        }
        if is_last {
            return Ok(());
        }
    }
}
