//! The one clock: start's wall time plus monotonic elapsed, so that a step of the system's clock
//! never fires a timer. The only place that reads either.

use std::time::SystemTime;

use tokio::time::Instant;
use uuid::Uuid;

use crate::call::CallId;
use crate::timestamp::Timestamp;

/// A clock that never jumps. Copies agree.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    wall: Timestamp,
    start: Instant,
}

impl Clock {
    /// Starts at the system's wall time.
    #[expect(clippy::disallowed_methods, reason = "the home of the clock")]
    pub fn start() -> Self {
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let millis = i64::try_from(wall.as_millis()).unwrap_or(i64::MAX);
        Self { wall: Timestamp::from_millis(millis), start: Instant::now() }
    }

    /// Now.
    #[expect(clippy::disallowed_methods, reason = "the home of the clock")]
    pub fn now(&self) -> Timestamp {
        self.wall + Instant::now().duration_since(self.start)
    }

    /// The instant at which this clock will say `at`; now, when that is past.
    #[expect(clippy::disallowed_methods, reason = "the home of the clock")]
    pub fn instant(&self, at: Timestamp) -> Instant {
        Instant::now() + at.since(self.now())
    }

    /// A new call id: a UUIDv7 of this moment.
    pub fn call_id(&self) -> CallId {
        let millis = u64::try_from(self.now().as_millis()).unwrap_or(0);
        let time =
            uuid::Timestamp::from_unix_time(millis / 1000, u32::try_from(millis % 1000).unwrap_or(0) * 1_000_000, 0, 0);
        CallId::from_bits(Uuid::new_v7(time).as_u128())
    }
}
