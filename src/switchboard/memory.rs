//! A table whose entries are forgotten when their time is over.
//!
//! What is over is never found; it is cleared away whenever the table has doubled since the last time, so
//! that looking and putting stay cheap at any rate and the table never holds more than twice what counts.

use std::collections::BTreeMap;

use crate::timestamp::Timestamp;

/// Not cleared away below this size.
const SMALL: usize = 64;

#[derive(Debug)]
pub(super) struct Memory<K, V> {
    entries: BTreeMap<K, (V, Timestamp)>,
    clear_at: usize,
}

impl<K, V> Default for Memory<K, V> {
    fn default() -> Self {
        Self { entries: BTreeMap::new(), clear_at: SMALL }
    }
}

impl<K: Ord, V> Memory<K, V> {
    /// What stands under this key, unless its time is over.
    pub(super) fn get(&self, key: &K, now: Timestamp) -> Option<&V> {
        self.entries.get(key).filter(|(_, until)| now < *until).map(|(value, _)| value)
    }

    /// Remembers a value until then.
    pub(super) fn put(&mut self, key: K, value: V, (until, now): (Timestamp, Timestamp)) {
        if self.entries.len() >= self.clear_at {
            self.entries.retain(|_, (_, until)| now < *until);
            self.clear_at = SMALL.max(2 * self.entries.len());
        }
        self.entries.insert(key, (value, until));
    }

    /// Forgets every value that does not fit.
    pub(super) fn retain(&mut self, fits: impl Fn(&V) -> bool) {
        self.entries.retain(|_, (value, _)| fits(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_is_neither_found_nor_kept() {
        let at = Timestamp::from_millis;
        let mut memory = Memory::default();
        for millis in 0..10_000 {
            memory.put(millis, "x", (at(millis + 100), at(millis)));
            assert!(memory.get(&millis, at(millis + 99)).is_some() && memory.get(&millis, at(millis + 100)).is_none());
            assert!(memory.entries.len() <= 201, "{}", memory.entries.len());
        }
    }
}
