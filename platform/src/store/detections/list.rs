//! Reading the detections of a user in order, whatever they are stored as.

use super::{BLOCK_MAX_ENTRIES, Detections, Of, OldRows, Page};
use crate::{
    clock::Timestamp,
    model::{AppId, DetectionCursor, DetectionKey, StoredDetection, UserId},
    store::StoreError,
};
use sentiance_protocol::DetectionType;
use std::{cmp::Ordering, ops::ControlFlow};

/// In which order detections are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The oldest first.
    #[default]
    Ascending,
    /// The newest first.
    Descending,
}

impl Order {
    /// How two of them stand in this order.
    fn compare<T: Ord>(self, one: &T, other: &T) -> Ordering {
        match self {
            Order::Ascending => one.cmp(other),
            Order::Descending => other.cmp(one),
        }
    }
}

/// Where a listing begins, and how it goes on from there.
#[derive(Clone, Copy, Debug)]
pub struct Start<'k> {
    /// The key.
    pub key: &'k DetectionKey,
    /// Whether what has this key is listed too.
    pub inclusive: bool,
    /// The order.
    pub order: Order,
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
    // The first of those that did not fit into the page of their source. What comes behind it is for another page, even
    // where it would fit into this one.
    let (mut listed, mut rest) = (Vec::new(), None);
    let mut gather = |reading: Reading<'_>| {
        listed.extend(reading.found);
        rest = rest
            .take()
            .into_iter()
            .chain(reading.rest)
            .min_by(|one, other| listing.order.compare(one, other));
    };
    for kind in kinds.into_iter().filter(|kind| listing.kind.is_none_or(|wanted| wanted == *kind)) {
        let of = Of { app, user, kind };
        let mut reading = Reading::of(kind, listing);
        match kind {
            DetectionType::Trip => read_rows(tx, of, Rows::Trips, &mut reading).await?,
            DetectionType::Position | DetectionType::Motion => read_blocks(tx, of, &mut reading).await?,
        }
        gather(reading);
        if may_have_old_rows {
            let mut reading = Reading::of(kind, listing);
            read_rows(tx, of, Rows::Old, &mut reading).await?;
            gather(reading);
        }
    }
    listed.sort_by(|(one, ..), (other, ..)| listing.order.compare(one, other));
    let (mut page, mut bytes) = (Vec::new(), 0);
    for (place, length, detection) in listed {
        bytes += length;
        let is_over = page.len() >= listing.page.limit as usize || bytes > listing.page.bytes;
        let is_behind_rest = rest.as_ref().is_some_and(|rest| listing.order.compare(&place, rest).is_gt());
        if is_behind_rest || (is_over && !page.is_empty()) {
            return Ok((page, true));
        }
        page.push(detection);
    }
    Ok((page, rest.is_some()))
}

/// Reads what is wanted from one source, in order.
struct Reading<'l> {
    kind: DetectionType,
    listing: &'l Listing,
    /// With the place in the order, and how many bytes of content it has.
    found: Vec<(DetectionCursor, usize, StoredDetection)>,
    bytes: usize,
    /// The first that does not fit into the page.
    rest: Option<DetectionCursor>,
}

impl<'l> Reading<'l> {
    fn of(kind: DetectionType, listing: &'l Listing) -> Self {
        Reading { kind, listing, found: Vec::new(), bytes: 0, rest: None }
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
        let is_past = match order {
            Order::Ascending => !is_before,
            Order::Descending => !is_after,
        };
        if is_past {
            return ControlFlow::Break(());
        }
        let is_behind = after.as_ref().is_none_or(|after| order.compare(&place, after).is_gt());
        if !is_before || !is_after || !is_behind {
            return ControlFlow::Continue(());
        }
        let length = detection.detection.content_bytes();
        self.bytes += length;
        let is_over = self.found.len() >= page.limit as usize || self.bytes > page.bytes;
        if !self.found.is_empty() && is_over {
            self.rest = Some(place);
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
    let &Listing { page, order, .. } = reading.listing;
    let (mut begin, mut inclusive) = (reading.begin(), true);
    loop {
        let start = Start { key: &begin, inclusive, order };
        let (rows, has_more) = match which {
            Rows::Trips => tx.list_trips(of, start, page).await?,
            Rows::Old => tx.list_old_rows(of, start, page).await?,
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
    let &Listing { page, order, .. } = reading.listing;
    let wanted = reading.begin();
    let (mut begin, mut inclusive) = (wanted.clone(), order == Order::Descending);
    // The one that begins before, and may reach beyond.
    let mut blocks = match order {
        Order::Ascending => {
            let start = Start { key: &begin, inclusive: true, order: Order::Descending };
            tx.list_blocks(of, start, 1).await?
        }
        Order::Descending => Vec::new(),
    };
    loop {
        let missing = (page.limit as usize).saturating_sub(reading.found.len());
        let count = u32::try_from(missing.div_ceil(BLOCK_MAX_ENTRIES) + 1).unwrap_or(u32::MAX);
        let more = tx.list_blocks(of, Start { key: &begin, inclusive, order }, count).await?;
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
