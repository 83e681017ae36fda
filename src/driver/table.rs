//! A small map and a small queue. They hold a handful of entries, for which a hash map and a ring buffer would be a
//! dozen kilobytes of code.

use std::cell::RefCell;

/// A map from `K` to `V`, shared without a lock. Nothing is borrowed while other code runs.
pub(super) struct Table<K, V>(RefCell<Vec<(K, V)>>);

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Table(RefCell::default())
    }
}

impl<K: PartialEq, V> Table<K, V> {
    /// Puts `value` under `key`, and returns what was there.
    pub(super) fn insert(&self, key: K, value: V) -> Option<V> {
        let before = self.remove(&key);
        self.0.borrow_mut().push((key, value));
        before
    }

    /// Takes out what is under `key`.
    pub(super) fn remove(&self, key: &K) -> Option<V> {
        let mut entries = self.0.borrow_mut();
        let at = entries.iter().position(|(other, _)| other == key)?;
        Some(entries.swap_remove(at).1)
    }

    /// What `read` makes of the value under `key`.
    pub(super) fn with<R>(&self, key: &K, read: impl FnOnce(&V) -> R) -> Option<R> {
        self.0.borrow().iter().find(|(other, _)| other == key).map(|(_, value)| read(value))
    }

    /// The keys whose entries pass `test`.
    pub(super) fn keys_where(&self, test: impl Fn(&V) -> bool) -> Vec<K>
    where
        K: Copy,
    {
        self.0.borrow().iter().filter(|(_, value)| test(value)).map(|(key, _)| *key).collect()
    }
}

/// First in, first out.
pub(super) struct Queue<T>(RefCell<Vec<T>>);

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Queue(RefCell::default())
    }
}

impl<T> Queue<T> {
    pub(super) fn push(&self, item: T) {
        self.0.borrow_mut().push(item);
    }

    pub(super) fn pop(&self) -> Option<T> {
        let mut items = self.0.borrow_mut();
        if items.is_empty() { None } else { Some(items.remove(0)) }
    }
}
