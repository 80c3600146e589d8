//! What is told to the outside: user data, tokens, and the callbacks rendered from them.

pub mod callback_url;
pub mod event;
#[cfg(test)]
mod fixture;
pub mod record;
pub mod render;
pub mod sample;
pub mod sentence;
#[cfg(test)]
mod tests;
pub mod token;

pub mod userdata;

use serde::{Deserialize, Serialize};

use crate::call::CallId;
use crate::timestamp::Timestamp;

/// One HTTP request owed to the outside, complete to the last byte of its body.
///
/// Rendered once, in the step that makes it due, and stored in the same transaction: every attempt
/// sends the same words under the same id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Callback {
    /// `webhook-id`: `msg_<call>_<kind>`, or the event's id; derived, so that it can never be made twice.
    pub id: String,
    /// The call it tells of; none where it only tries a receiver.
    pub call: Option<CallId>,
    /// Whose secret signs it.
    pub tenant: String,
    /// What it tells: `userdata`, `cdr`, or an event's kind.
    pub kind: String,
    /// Where it goes, tokens replaced.
    pub url: String,
    /// `Content-Type` of the body.
    pub content_type: String,
    /// The body.
    pub body: String,
    /// When it was rendered: the first attempt is due at once.
    pub created_at: Timestamp,
}
