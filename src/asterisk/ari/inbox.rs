//! Between the reader of a socket, which never waits, and the engine, which may be busy.
//!
//! Bounded: what does not fit is dropped and counted, and a census follows, which tells the engine
//! what is true whatever it has missed.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use tokio::sync::{Notify, mpsc};

use crate::link::{LinkCounters, Notice};

/// Most notices that wait.
const ROOM: usize = 65_536;

/// Where notices wait for the engine.
#[derive(Debug)]
pub(super) struct Inbox {
    queue: mpsc::Sender<Notice>,
    overflow: Notify,
    counters: Arc<LinkCounters>,
}

impl Inbox {
    /// An inbox, and its other end.
    pub(super) fn new(counters: Arc<LinkCounters>) -> (Self, mpsc::Receiver<Notice>) {
        Self::with_room(ROOM, counters)
    }

    fn with_room(room: usize, counters: Arc<LinkCounters>) -> (Self, mpsc::Receiver<Notice>) {
        let (queue, waiting) = mpsc::channel(room);
        (Self { queue, overflow: Notify::new(), counters }, waiting)
    }

    /// Puts a notice in; drops it when there is no room.
    pub(super) fn put(&self, notice: Notice) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.queue.try_send(notice) {
            self.counters.dropped_events.fetch_add(1, Relaxed);
            self.overflow.notify_one();
        }
    }

    /// Puts a notice in that must not be dropped, as soon as there is room.
    pub(super) async fn put_surely(&self, notice: Notice) {
        // An inbox whose other end is gone belongs to a link that has ended.
        let _ = self.queue.send(notice).await;
    }

    /// Waits until something has been dropped since the last time that this was waited for.
    pub(super) async fn overflowed(&self) {
        self.overflow.notified().await;
    }
}

/// Carries notices on to the engine, as fast as it takes them. Goes on when the engine has ended:
/// what it has ordered last is still being carried out, and what comes of that is found by a census.
pub(super) async fn carry(mut waiting: mpsc::Receiver<Notice>, notices: mpsc::Sender<Notice>) {
    while let Some(notice) = waiting.recv().await {
        drop(notices.send(notice).await);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{CallId, Leg, LineEvent};

    #[tokio::test]
    async fn what_does_not_fit_is_dropped_counted_and_known() {
        let counters = Arc::new(LinkCounters::default());
        let (inbox, mut waiting) = Inbox::with_room(2, Arc::clone(&counters));
        for call in 0..5 {
            inbox.put(Notice::Line(CallId::from_bits(call), Leg::A, LineEvent::Ringing));
        }
        assert_eq!(counters.dropped_events.load(Relaxed), 3);
        inbox.overflowed().await;
        assert_eq!(waiting.try_recv(), Ok(Notice::Line(CallId::from_bits(0), Leg::A, LineEvent::Ringing)));
    }
}
