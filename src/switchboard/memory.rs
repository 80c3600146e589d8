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
        self.clear(now);
        self.entries.insert(key, (value, until));
    }

    /// What stands under this key, whether its time is over or not, from now on remembered until then at least.
    pub(super) fn get_or_default(&mut self, key: K, (until, now): (Timestamp, Timestamp)) -> &mut V
    where
        V: Default,
    {
        self.clear(now);
        let (value, end) = self.entries.entry(key).or_insert_with(|| (V::default(), until));
        *end = until.max(*end);
        value
    }

    /// All values, those whose time is over as well.
    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.entries.values_mut().map(|(value, _)| value)
    }

    fn clear(&mut self, now: Timestamp) {
        if self.entries.len() >= self.clear_at {
            self.entries.retain(|_, (_, until)| now < *until);
            self.clear_at = SMALL.max(2 * self.entries.len());
        }
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
