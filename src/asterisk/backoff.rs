//! When to try again: capped, jittered, doubling.
//!
//! 0.2 s, 0.4 s … 5 s, each ±20 % and none above 5 s, so that many daemons do not knock at one
//! Asterisk in step and none comes late. Pure: the jitter is drawn by whoever waits.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(5);
const SPREAD: f64 = 0.2;

/// How often in a row it failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// How long to wait after one more failure; `jitter` is drawn evenly from `0.0..1.0`.
    pub fn fail(&mut self, jitter: f64) -> Duration {
        let doubled = FIRST.saturating_mul(1_u32.checked_shl(self.failures.min(16)).unwrap_or(u32::MAX));
        self.failures = self.failures.saturating_add(1);
        let spread = 1.0 - SPREAD + 2.0 * SPREAD * jitter.clamp(0.0, 1.0);
        doubled.min(LONGEST).mul_f64(spread).min(LONGEST)
    }

    /// It worked.
    pub const fn succeed(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn waits_double_up_to_five_seconds_and_start_again_after_a_success() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..7).map(|_| backoff.fail(0.5).as_millis()).collect();
        assert_eq!(waits, [200, 400, 800, 1600, 3200, 5000, 5000]);
        backoff.succeed();
        assert_eq!(backoff.fail(0.5).as_millis(), 200);
    }

    proptest! {
        #[test]
        fn jitter_stays_within_a_fifth(failures in 0_u32..100, jitter in 0.0_f64..1.0) {
            let plain = Backoff { failures }.fail(0.5).as_secs_f64();
            let jittered = Backoff { failures }.fail(jitter).as_secs_f64();
            prop_assert!((plain * 0.799..=plain * 1.201).contains(&jittered));
            prop_assert!(jittered <= 5.0);
        }
    }
}
