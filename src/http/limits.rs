//! Rates: how often somebody may ask, and how often somebody may be wrong.
//!
//! A leaky bucket per key (GCRA: one moment per key says it all), in the daemon's own time. Written
//! here because each tenant has its own rate and because failures are judged before they are counted:
//! an address that was wrong too often is turned away unheard, so that a right guess among many wrong
//! ones tells nothing. The table forgets keys that have rested, and never grows past its bound.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::timestamp::Timestamp;

/// Most keys remembered.
const MAX_KEYS: usize = 16_384;

/// So many at once, and then one each time `every` has gone by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rate {
    /// At once, after a rest.
    pub(super) burst: u32,
    /// The pause between two in the long run.
    pub(super) every: Duration,
}

impl Rate {
    /// `burst` at once, `per_minute` in the long run; none at all where either is zero.
    pub(super) fn per_minute(burst: u32, per_minute: u32) -> Self {
        match per_minute {
            0 => Self { burst: 0, every: Duration::from_mins(1) },
            _ => Self { burst, every: Duration::from_mins(1) / per_minute },
        }
    }

    /// How far ahead of time a key may run.
    fn tolerance(self) -> Duration {
        self.every * self.burst
    }
}

/// Too many; worth trying again after this long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooMany {
    /// At least a second.
    pub(super) retry_after: Duration,
}

impl TooMany {
    /// For `Retry-After`: whole seconds, rounded up.
    pub(super) fn seconds(self) -> u64 {
        self.retry_after.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX).max(1)
    }
}

/// Buckets by key: for each, the moment at which it will be empty again.
#[derive(Debug)]
pub(super) struct Buckets<K> {
    empty_at: Mutex<HashMap<K, Timestamp>>,
}

impl<K> Default for Buckets<K> {
    fn default() -> Self {
        Self { empty_at: Mutex::default() }
    }
}

impl<K: Eq + Hash> Buckets<K> {
    /// Counts one, unless that is too many.
    pub(super) fn take(&self, key: K, rate: Rate, now: Timestamp) -> Result<(), TooMany> {
        self.step(key, now, |empty_at| judge(empty_at, rate, now).map(|()| empty_at + rate.every))
    }

    /// Whether one more would be too many, counting nothing.
    pub(super) fn check(&self, key: &K, rate: Rate, now: Timestamp) -> Result<(), TooMany> {
        let table = self.empty_at.lock().unwrap_or_else(PoisonError::into_inner);
        table.get(key).map_or(Ok(()), |empty_at| judge((*empty_at).max(now), rate, now))
    }

    /// Counts one, whatever comes of it; a full bucket stays full.
    pub(super) fn count(&self, key: K, rate: Rate, now: Timestamp) {
        let full = now + rate.tolerance();
        // Infallible: the step always says where the bucket stands.
        let _ = self.step(key, now, |empty_at| Ok((empty_at + rate.every).min(full)));
    }

    /// Takes back what was counted.
    pub(super) fn forgive(&self, key: K, rate: Rate, now: Timestamp) {
        // Infallible, as above.
        let _ = self.step(key, now, |empty_at| Ok(empty_at - rate.every));
    }

    fn step(
        &self,
        key: K,
        now: Timestamp,
        step: impl FnOnce(Timestamp) -> Result<Timestamp, TooMany>,
    ) -> Result<(), TooMany> {
        let mut table = self.empty_at.lock().unwrap_or_else(PoisonError::into_inner);
        if table.len() >= MAX_KEYS && !table.contains_key(&key) {
            table.retain(|_, empty_at| *empty_at > now);
            if table.len() >= MAX_KEYS {
                table.clear();
            }
        }
        let empty_at = table.get(&key).copied().unwrap_or(now).max(now);
        table.insert(key, step(empty_at)?);
        Ok(())
    }
}

fn judge(empty_at: Timestamp, rate: Rate, now: Timestamp) -> Result<(), TooMany> {
    let ahead = empty_at.since(now) + rate.every;
    match ahead.checked_sub(rate.tolerance()) {
        None | Some(Duration::ZERO) => Ok(()),
        Some(over) => Err(TooMany { retry_after: over }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_000_000);

    #[test]
    fn a_burst_passes_and_then_one_each_period() {
        let (buckets, rate) = (Buckets::default(), Rate::per_minute(10, 60));
        assert!((0..10).all(|_| buckets.take("token", rate, START).is_ok()));
        let refused = buckets.take("token", rate, START).unwrap_err();
        assert_eq!(refused.seconds(), 1);
        assert!(buckets.take("other", rate, START).is_ok());
        let later = START + Duration::from_secs(1);
        assert!(buckets.take("token", rate, later).is_ok());
        assert!(buckets.take("token", rate, later).is_err());
    }

    #[test]
    fn a_rate_of_zero_lets_nothing_through() {
        for rate in [Rate::per_minute(0, 60), Rate::per_minute(10, 0)] {
            assert!(Buckets::default().take("token", rate, START).is_err());
        }
    }

    #[test]
    fn asking_whether_there_is_room_takes_none() {
        let (buckets, rate) = (Buckets::default(), Rate::per_minute(5, 5));
        assert!((0..100).all(|_| buckets.check(&"a", rate, START).is_ok()));
        (0..5).for_each(|_| buckets.count("a", rate, START));
        assert_eq!(buckets.check(&"a", rate, START).unwrap_err().seconds(), 12);
        assert!(buckets.check(&"a", rate, START + Duration::from_secs(12)).is_ok());
    }

    #[test]
    fn failures_beyond_the_limit_do_not_lock_for_longer() {
        let (buckets, rate) = (Buckets::default(), Rate::per_minute(5, 5));
        (0..500).for_each(|_| buckets.count("a", rate, START));
        assert!(buckets.check(&"a", rate, START + Duration::from_secs(12)).is_ok());
    }

    #[test]
    fn the_table_stays_bounded() {
        let (buckets, rate) = (Buckets::default(), Rate::per_minute(1, 1));
        (0..3 * MAX_KEYS).for_each(|key| buckets.count(key, rate, START));
        assert!(buckets.empty_at.lock().unwrap().len() <= MAX_KEYS);
    }
}
