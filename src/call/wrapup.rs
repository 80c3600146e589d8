//! What comes after the talk: transaction codes and notes, for calls that were placed for a queue.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// One code of one of a queue's lists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionCode {
    /// Name of the list.
    pub list: String,
    /// The short code.
    pub short: String,
    /// What it means, for people.
    pub description: String,
}

/// What an agent noted after the call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrapUp {
    /// Transaction codes in the order in which they were chosen.
    pub codes: Vec<TransactionCode>,
    /// Free text.
    pub notes: String,
}

/// The queue that a call is placed for: its agent is paused there from the target's answer until wrap-up
/// is over, or until the call is, where the queue has no lists to choose from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuePlan {
    /// Its id in the directory.
    pub id: u32,
    /// Asterisk's name for it.
    pub queue: String,
    /// All that may be chosen in wrap-up; empty: no wrap-up.
    pub codes: Vec<TransactionCode>,
    /// How long wrap-up may take.
    pub wrap_up: Duration,
}
