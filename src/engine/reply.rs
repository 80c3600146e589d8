//! Doors that wait for a commit.

use tokio::sync::oneshot;

use super::{Receipt, Unavailable, Wrapped};
use crate::call::CallId;

type Reply<T> = oneshot::Sender<Result<T, Unavailable>>;

/// Answers that are held back until what they say is true.
#[derive(Default)]
pub(super) struct Replies {
    submitted: Vec<(Reply<Receipt>, Receipt)>,
    terminated: Vec<(Reply<Option<CallId>>, Option<CallId>)>,
    wrapped: Vec<(Reply<Wrapped>, Wrapped)>,
}

impl Replies {
    pub(super) fn is_empty(&self) -> bool {
        self.submitted.is_empty() && self.terminated.is_empty() && self.wrapped.is_empty()
    }

    pub(super) fn submitted(&mut self, reply: Reply<Receipt>, receipt: Receipt) {
        self.submitted.push((reply, receipt));
    }

    pub(super) fn terminated(&mut self, reply: Reply<Option<CallId>>, newest: Option<CallId>) {
        self.terminated.push((reply, newest));
    }

    pub(super) fn wrapped(&mut self, reply: Reply<Wrapped>, wrapped: Wrapped) {
        self.wrapped.push((reply, wrapped));
    }

    /// A call whose client has gone away by now goes on: it may have been clicked twice, and the second
    /// click was told of it.
    pub(super) fn answer(&mut self) {
        self.answer_terminations();
        for (reply, receipt) in self.submitted.drain(..) {
            send(reply, Ok(receipt));
        }
        for (reply, wrapped) in self.wrapped.drain(..) {
            send(reply, Ok(wrapped));
        }
    }

    /// The lines are being freed, whatever the store does.
    pub(super) fn answer_terminations(&mut self) {
        for (reply, newest) in self.terminated.drain(..) {
            send(reply, Ok(newest));
        }
    }

    /// Clicks are refused; what ends calls is being done all the same, and what was noted after a call waits
    /// until it is written. Returns the calls that were to be, and must not.
    pub(super) fn refuse(&mut self) -> Vec<CallId> {
        self.answer_terminations();
        let mut refused = Vec::new();
        for (reply, receipt) in self.submitted.drain(..) {
            send(reply, Err(Unavailable::StoreAway));
            if let Receipt::Accepted(call) = receipt {
                refused.push(call);
            }
        }
        refused
    }
}

/// Whoever has gone away needs no answer.
fn send<T>(reply: Reply<T>, answer: Result<T, Unavailable>) {
    let _ = reply.send(answer);
}
