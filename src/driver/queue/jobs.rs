//! What is done with the queue, wherever it is.

use super::DetectionQueue;
use super::database::Durability;
use super::entry::Draft;
use super::transaction::{Transaction, Verdict};
use crate::core::{Addition, Batch, Event, QueueOutcome, QueueState, Ticket};
use crate::driver::pump::Driver;
use std::rc::Rc;

/// What stands before and behind the detections of a batch.
const HEAD: &str = "{\"detections\":[";
const TAIL: &str = "]}";
/// What the error of a browser without room begins with.
const NO_ROOM: &str = "QuotaExceededError";

/// Something to be done with the queue.
pub(in crate::driver) enum Job {
    Add(Ticket, Box<Addition>),
    Take { ticket: Ticket, install_id: String, max_bytes: usize },
    Drop(Ticket, Vec<f64>),
    Clear,
}

/// How much the queue may hold.
#[derive(Clone, Copy)]
enum Limit {
    Bytes(f64),
    HalfOfWhatItHolds,
}

impl Job {
    /// Does it, and tells the core.
    pub(super) async fn perform(self, driver: &Rc<Driver>) {
        let queue = &driver.queue;
        let event = match self {
            Job::Add(ticket, addition) => {
                let outcome = queue.add(driver, &addition).await;
                driver.look_around_after_write();
                Event::Queued(ticket, outcome)
            }
            Job::Take { ticket, install_id, max_bytes } => {
                Event::Batch(ticket, queue.take(driver, &install_id, max_bytes).await)
            }
            Job::Drop(ticket, keys) => Event::Queued(ticket, queue.remove(driver, &keys).await),
            Job::Clear => return queue.clear(driver).await,
        };
        driver.dispatch(event);
    }

    /// Tells the core that it can't be done now.
    pub(super) fn refuse(self, driver: &Rc<Driver>) {
        let why = "too many changes of the queue wait".to_owned();
        driver.dispatch(match self {
            Job::Add(ticket, _) | Job::Drop(ticket, _) => Event::Queued(ticket, Err(why)),
            Job::Take { ticket, .. } => Event::Batch(ticket, Err(why)),
            Job::Clear => return,
        });
    }
}

impl DetectionQueue {
    async fn add(&self, driver: &Driver, addition: &Addition) -> QueueOutcome {
        let limit = Limit::Bytes(addition.limit_bytes);
        let outcome = self.write(driver, addition, limit).await;
        match outcome {
            Err(why) if why.starts_with(NO_ROOM) => {
                // By itself, since what does not fit undoes what would have made room for it.
                let nothing = Addition { detections: Vec::new(), ..addition.clone() };
                self.write(driver, &nothing, Limit::HalfOfWhatItHolds).await?;
                self.write(driver, addition, limit).await
            }
            outcome => outcome,
        }
    }

    async fn write(&self, driver: &Driver, addition: &Addition, limit: Limit) -> QueueOutcome {
        let drafts: Option<Vec<Draft>> = addition.detections.iter().map(Draft::of).collect();
        let drafts = drafts.ok_or("a detection could not be encoded")?;
        // A trip is told once; of positions, the next one is not far.
        let is_detail = drafts.iter().all(|draft| draft.is_detail);
        let durability = if is_detail { Durability::Relaxed } else { Durability::Strict };
        let mut transaction = self.begin(driver, durability).await?;
        let outcome = add_to(&mut transaction, &addition.install_id, drafts, limit).await;
        let state = transaction.state;
        transaction.finish(outcome.map(|()| state)).await
    }

    async fn take(&self, driver: &Driver, install_id: &str, max_bytes: usize) -> Result<Batch, String> {
        let mut transaction = self.begin(driver, Durability::Relaxed).await?;
        let mut batch = Batch { keys: Vec::new(), body: HEAD.to_owned() };
        let swept = transaction
            .sweep(&mut |entry, _| {
                if !entry.is_of(install_id) {
                    return Verdict::Remove;
                }
                let text = entry.text();
                if HEAD.len() + text.len() + TAIL.len() > max_bytes {
                    // Nothing behind it would ever be sent.
                    return Verdict::Drop;
                }
                // One more for the comma.
                if batch.body.len() + 1 + text.len() + TAIL.len() > max_bytes {
                    return Verdict::Stop;
                }
                if !batch.keys.is_empty() {
                    batch.body.push(',');
                }
                batch.body.push_str(&text);
                batch.keys.push(entry.key());
                Verdict::Keep
            })
            .await;
        batch.body.push_str(TAIL);
        transaction.finish(swept.map(|()| batch)).await
    }

    async fn remove(&self, driver: &Driver, keys: &[f64]) -> QueueOutcome {
        let mut transaction = self.begin(driver, Durability::Relaxed).await?;
        let mut left = keys.len();
        let swept = transaction
            .sweep(&mut |entry, _| {
                if left == 0 {
                    return Verdict::Stop;
                }
                let was_sent = keys.contains(&entry.key());
                left -= usize::from(was_sent);
                if was_sent { Verdict::Remove } else { Verdict::Keep }
            })
            .await;
        let state = transaction.state;
        transaction.finish(swept.map(|()| state)).await
    }
}

/// Adds to the queue, after room was made in it.
async fn add_to(
    transaction: &mut Transaction,
    install_id: &str,
    drafts: Vec<Draft>,
    limit: Limit,
) -> Result<(), String> {
    let limit = match limit {
        Limit::Bytes(bytes) => transaction.limit().min(bytes),
        Limit::HalfOfWhatItHolds => transaction.state.bytes / 2.0,
    };
    let added: f64 = drafts.iter().map(Draft::bytes).sum();
    let fits = |state: &QueueState| state.bytes + added <= limit;
    if !fits(&transaction.state) {
        transaction
            .sweep(&mut |entry, state| {
                if fits(state) {
                    Verdict::Stop
                } else if !entry.is_of(install_id) {
                    Verdict::Remove
                } else if entry.is_detail() {
                    Verdict::Drop
                } else {
                    Verdict::Keep
                }
            })
            .await?;
        if added > 0.0 && !fits(&transaction.state) {
            return Err("the queue is full".to_owned());
        }
    }
    for draft in drafts {
        transaction.add(install_id, draft)?;
    }
    Ok(())
}
