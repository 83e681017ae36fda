//! Adding detections to the blocks of a user.

use super::{BLOCK_MAX_ENTRIES, Block, Detections, Of, OldRows, Order, Start};
use crate::{
    clock::Timestamp,
    model::{DetectionKey, StoredDetection},
    store::StoreError,
};
use std::{cmp::Ordering, ops::Range};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// What came of adding detections.
#[derive(Clone, Copy, Debug, Default)]
pub struct Recorded {
    /// How many were new.
    pub added: u32,
    /// How many bytes more are stored; it may be fewer, since more of them in a block are smaller.
    pub bytes: i64,
}

/// Adds detections of one kind that is stored in blocks, except for those that the user has. Costs at most a block read
/// and one written for each of them, however many there are already; and one of each where all come after the others.
pub async fn record<T: Detections + OldRows>(
    tx: &mut T,
    of: Of<'_>,
    mut detections: Vec<StoredDetection>,
    now: Timestamp,
) -> Result<Recorded, StoreError> {
    let mut recorded = Recorded::default();
    if detections.is_empty() {
        return Ok(recorded);
    }
    detections.sort_by(|one, other| one.detection.key_parts().cmp(&other.detection.key_parts()));
    detections.dedup_by(|later, earlier| later.detection.key_parts() == earlier.detection.key_parts());
    if tx.conversion().await?.may_have_rows(of.app, of.user) {
        remove_rows(tx, of, &mut detections).await?;
    }
    let mut rest = detections.into_iter().peekable();
    while let Some(next) = rest.peek() {
        let key = next.detection.key();
        let place = Place::of(tx, of, &key).await?;
        let mut news = Vec::new();
        while let Some(entry) = rest.next_if(|entry| place.holds(&entry.detection.key())) {
            news.push(entry);
        }
        place.add(tx, of, news, now, &mut recorded).await?;
    }
    Ok(recorded)
}

/// Takes out what is stored as an old row.
async fn remove_rows<T: OldRows>(
    tx: &mut T,
    of: Of<'_>,
    detections: &mut Vec<StoredDetection>,
) -> Result<(), StoreError> {
    let mut unknown = Vec::with_capacity(detections.len());
    for entry in detections.drain(..) {
        if tx.find_old_row(of.app, of.user, &entry.detection.detection_id).await?.is_none() {
            unknown.push(entry);
        }
    }
    *detections = unknown;
    Ok(())
}

/// Where detections belong that are next to each other.
struct Place {
    /// The block to which they come, if there is one.
    block: Option<Block>,
    /// The times of its day.
    day: Range<i64>,
    /// Where the next block begins.
    end: Option<DetectionKey>,
}

impl Place {
    async fn of<T: Detections>(tx: &mut T, of: Of<'_>, key: &DetectionKey) -> Result<Self, StoreError> {
        let begin = key.time.0 - key.time.0.rem_euclid(DAY_MS);
        let day = begin..begin.saturating_add(DAY_MS);
        let is_of_day = |block: &Block| day.contains(&block.first.time.0);
        let before = Start { key, inclusive: true, order: Order::Descending };
        let before = tx.list_blocks(of, before, 1).await?.pop().filter(is_of_day);
        let after = Start { key, inclusive: false, order: Order::Ascending };
        let after = tx.list_blocks(of, after, 1).await?.pop().filter(is_of_day);
        let end = after.as_ref().map(|block| block.first.clone());
        // What comes before all others of its day goes into the first block of it.
        Ok(Place { block: before.or(after), day, end })
    }

    fn holds(&self, key: &DetectionKey) -> bool {
        self.day.contains(&key.time.0) && self.end.as_ref().is_none_or(|end| key < end)
    }

    /// Adds detections for which this is the place.
    async fn add<T: Detections>(
        self,
        tx: &mut T,
        of: Of<'_>,
        news: Vec<StoredDetection>,
        now: Timestamp,
        recorded: &mut Recorded,
    ) -> Result<(), StoreError> {
        let is_later = |block: &Block| news.first().is_some_and(|first| first.detection.key() > block.last);
        // What comes at the end fills one block after the other; what comes between leaves room for more.
        let is_at_end = self.block.as_ref().is_none_or(is_later);
        let is_full = self.block.as_ref().is_some_and(|block| block.count as usize >= BLOCK_MAX_ENTRIES);
        let mut replaced = self.block.filter(|_| !(is_full && is_at_end));
        let known = replaced.as_ref().map(|block| block.entries(of.kind)).transpose()?.unwrap_or_default();
        let before = known.len();
        let entries = merge(known, news);
        let added = entries.len() - before;
        if added == 0 {
            return Ok(());
        }
        recorded.added += u32::try_from(added).unwrap_or(u32::MAX);
        for part in parts(&entries, is_at_end) {
            let impossible = StoreError::Inconsistent { table: "detection_blocks", column: "content" };
            let block = Block::of(part).ok_or(impossible)?;
            let dated = block.last.time.min(now);
            recorded.bytes += count(&block);
            match replaced.take() {
                Some(old) => {
                    recorded.bytes -= count(&old);
                    tx.replace_block(of, &old.first, &block, dated).await?;
                }
                None => tx.insert_block(of, &block, dated).await?,
            }
        }
        Ok(())
    }
}

fn count(block: &Block) -> i64 {
    i64::try_from(block.stored_bytes()).unwrap_or(i64::MAX)
}

/// The detections of two lists in order; of two with the same key that of the first list.
fn merge(known: Vec<StoredDetection>, news: Vec<StoredDetection>) -> Vec<StoredDetection> {
    let mut merged = Vec::with_capacity(known.len() + news.len());
    let (mut known, mut news) = (known.into_iter().peekable(), news.into_iter().peekable());
    loop {
        let order = match (known.peek(), news.peek()) {
            (None, _) => break merged.extend(news),
            (_, None) => break merged.extend(known),
            (Some(one), Some(other)) => one.detection.key_parts().cmp(&other.detection.key_parts()),
        };
        if order == Ordering::Equal {
            news.next();
        }
        merged.extend(if order == Ordering::Greater { news.next() } else { known.next() });
    }
    merged
}

/// As many parts as are needed: full ones and a rest, or such of about the same size.
fn parts(entries: &[StoredDetection], fill: bool) -> impl Iterator<Item = &[StoredDetection]> {
    let count = entries.len().div_ceil(BLOCK_MAX_ENTRIES).max(1);
    let size = if fill { BLOCK_MAX_ENTRIES } else { entries.len().div_ceil(count).max(1) };
    entries.chunks(size)
}
