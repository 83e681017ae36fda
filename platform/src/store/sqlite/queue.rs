//! What waits for the writer, in the order in which it gets its turn.

use crate::store::Turn;
use std::collections::{HashMap, VecDeque, hash_map::Entry};

/// How many use cases may wait. More are refused: a caller that is told to come back is better off than one that
/// waits until its deadline.
pub(super) const LENGTH: usize = 1024;
/// How many of them may be large ones, so that those never take the places of the others.
const SHARED_LENGTH: usize = 512;
/// How many may be of one share. The SDK sends one upload after the other.
const SHARE_LENGTH: usize = 8;

/// How much a share may spend more with each turn.
const QUANTUM: u32 = 32;

/// Use cases that wait: the prompt ones in the order in which they came, and behind them the shares, which take turns. A
/// turn brings a share some credit, and a use case is taken when the credit pays for it ("deficit round robin", Shreedhar
/// and Varghese 1995). So a caller's large writes wait for each other, and small ones of others pass them.
#[derive(Debug)]
pub(super) struct Queue<T> {
    prompt: VecDeque<T>,
    shares: HashMap<u64, Share<T>>,
    /// The shares in which something waits, the next one first.
    turns: VecDeque<u64>,
    shared: usize,
}

/// What waits of one owner, with what each costs.
#[derive(Debug)]
struct Share<T> {
    waiting: VecDeque<(u32, T)>,
    credit: u32,
}

/// There is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// For anything.
    All,
    /// For large writes, or for those of this share.
    Share,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Queue { prompt: VecDeque::new(), shares: HashMap::new(), turns: VecDeque::new(), shared: 0 }
    }
}

impl<T> Queue<T> {
    pub(super) fn len(&self) -> usize {
        self.prompt.len() + self.shared
    }

    pub(super) fn prompt_len(&self) -> usize {
        self.prompt.len()
    }

    pub(super) fn push(&mut self, turn: Turn, item: T) -> Result<(), Full> {
        if self.len() >= LENGTH {
            return Err(Full::All);
        }
        match turn {
            Turn::Prompt => self.prompt.push_back(item),
            Turn::Shared { share, cost } => {
                if self.shared >= SHARED_LENGTH {
                    return Err(Full::Share);
                }
                match self.shares.entry(share) {
                    Entry::Occupied(known) if known.get().waiting.len() >= SHARE_LENGTH => {
                        return Err(Full::Share);
                    }
                    Entry::Occupied(mut known) => known.get_mut().waiting.push_back((cost, item)),
                    Entry::Vacant(place) => {
                        place.insert(Share { waiting: VecDeque::from([(cost, item)]), credit: 0 });
                        self.turns.push_back(share);
                    }
                }
                self.shared += 1;
            }
        }
        Ok(())
    }

    pub(super) fn pop_prompt(&mut self) -> Option<T> {
        self.prompt.pop_front()
    }

    /// The first of the next share that can pay for it.
    pub(super) fn pop_shared(&mut self) -> Option<T> {
        loop {
            let id = self.turns.pop_front()?;
            let Entry::Occupied(mut entry) = self.shares.entry(id) else { continue };
            let share = entry.get_mut();
            share.credit = share.credit.saturating_add(QUANTUM);
            let Some((cost, item)) = share.waiting.pop_front() else {
                entry.remove();
                continue;
            };
            if cost > share.credit {
                share.waiting.push_front((cost, item));
                self.turns.push_back(id);
                continue;
            }
            share.credit = (share.credit - cost).min(QUANTUM);
            if share.waiting.is_empty() {
                entry.remove();
            } else {
                self.turns.push_back(id);
            }
            self.shared -= 1;
            return Some(item);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Full, LENGTH, Queue, SHARE_LENGTH, SHARED_LENGTH};
    use crate::store::Turn;

    fn shared(share: u64) -> Turn {
        Turn::Shared { share, cost: 1 }
    }

    #[test]
    fn small_writes_pass_the_large_ones_of_others() {
        let mut queue = Queue::default();
        for number in 0..3 {
            queue.push(Turn::Shared { share: 1, cost: 600 }, ("large", number)).unwrap();
            queue.push(Turn::Shared { share: 2, cost: 600 }, ("other large", number)).unwrap();
        }
        for number in 0..3 {
            queue.push(shared(3), ("small", number)).unwrap();
        }
        let order: Vec<_> = std::iter::from_fn(|| queue.pop_shared()).map(|(name, _)| name).collect();
        assert_eq!(order[..3], ["small"; 3]);
        assert_eq!(order[3..], ["large", "other large", "large", "other large", "large", "other large"]);
    }

    #[test]
    fn shares_take_turns_however_much_one_of_them_waits_with() {
        let mut queue = Queue::default();
        for number in 0..4 {
            queue.push(shared(1), ("heavy", number)).unwrap();
        }
        queue.push(shared(2), ("light", 0)).unwrap();
        queue.push(Turn::Prompt, ("prompt", 0)).unwrap();
        assert_eq!(queue.pop_prompt(), Some(("prompt", 0)));
        let order: Vec<_> = std::iter::from_fn(|| queue.pop_shared()).collect();
        let expected = [("heavy", 0), ("light", 0), ("heavy", 1), ("heavy", 2), ("heavy", 3)];
        assert_eq!(order, expected);
        assert_eq!((queue.len(), queue.pop_prompt()), (0, None));
    }

    #[test]
    fn one_share_and_all_shares_leave_places_for_others() {
        let mut queue = Queue::default();
        for _ in 0..SHARE_LENGTH {
            queue.push(shared(0), ()).unwrap();
        }
        assert_eq!(queue.push(shared(0), ()), Err(Full::Share));
        let mut share = 0;
        while queue.push(shared(share), ()).is_ok() || share == 0 {
            share += 1;
        }
        assert_eq!(queue.len(), SHARED_LENGTH);
        while queue.push(Turn::Prompt, ()).is_ok() {}
        assert_eq!(queue.len(), LENGTH);
        assert_eq!(queue.push(Turn::Prompt, ()), Err(Full::All));
    }
}
