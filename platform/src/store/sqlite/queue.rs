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

/// Use cases that wait: the prompt ones in the order in which they came, and behind them the shares, each of which gets
/// one turn after the other. So a caller's large writes wait for each other, and nobody else's wait for all of them.
#[derive(Debug)]
pub(super) struct Queue<T> {
    prompt: VecDeque<T>,
    shares: HashMap<u64, VecDeque<T>>,
    /// The shares in which something waits, the next one first.
    turns: VecDeque<u64>,
    shared: usize,
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
            Turn::Shared(share) => {
                if self.shared >= SHARED_LENGTH {
                    return Err(Full::Share);
                }
                match self.shares.entry(share) {
                    Entry::Occupied(waiting) if waiting.get().len() >= SHARE_LENGTH => {
                        return Err(Full::Share);
                    }
                    Entry::Occupied(mut waiting) => waiting.get_mut().push_back(item),
                    Entry::Vacant(place) => {
                        place.insert(VecDeque::from([item]));
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

    /// The first of the share whose turn it is.
    pub(super) fn pop_shared(&mut self) -> Option<T> {
        let share = self.turns.pop_front()?;
        let Entry::Occupied(mut waiting) = self.shares.entry(share) else { return None };
        let item = waiting.get_mut().pop_front();
        if waiting.get().is_empty() {
            waiting.remove();
        } else {
            self.turns.push_back(share);
        }
        self.shared -= usize::from(item.is_some());
        item
    }
}

#[cfg(test)]
mod tests {
    use super::{Full, LENGTH, Queue, SHARE_LENGTH, SHARED_LENGTH};
    use crate::store::Turn;

    #[test]
    fn shares_take_turns_however_much_one_of_them_waits_with() {
        let mut queue = Queue::default();
        for number in 0..4 {
            queue.push(Turn::Shared(1), ("heavy", number)).unwrap();
        }
        queue.push(Turn::Shared(2), ("light", 0)).unwrap();
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
            queue.push(Turn::Shared(0), ()).unwrap();
        }
        assert_eq!(queue.push(Turn::Shared(0), ()), Err(Full::Share));
        let mut share = 0;
        while queue.push(Turn::Shared(share), ()).is_ok() || share == 0 {
            share += 1;
        }
        assert_eq!(queue.len(), SHARED_LENGTH);
        while queue.push(Turn::Prompt, ()).is_ok() {}
        assert_eq!(queue.len(), LENGTH);
        assert_eq!(queue.push(Turn::Prompt, ()), Err(Full::All));
    }
}
