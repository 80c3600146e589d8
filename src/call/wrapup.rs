//! What comes after the talk: transaction codes and notes, for calls that were placed for a queue.
//!
//! What an agent chose is read against the lists as they were when the call was placed, which is what
//! the agent was shown: an edit of the directory does not change a call that is under way.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// One code of one of a queue's lists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TransactionCode {
    /// Name of the list.
    pub list: String,
    /// The short code.
    pub short: String,
    /// What it means, for people.
    pub description: String,
}

/// What an agent noted after the call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
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

/// What is wrong with a wrap-up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct WrapUpError {
    /// Where, as in `codes[1].short`.
    pub field: String,
    /// What, for people.
    pub message: String,
}

impl WrapUp {
    /// Most codes in one wrap-up.
    pub const MOST_CODES: usize = 50;
    /// Most characters of notes.
    pub const LONGEST_NOTES: usize = 2_000;
}

impl QueuePlan {
    /// Whether there is anything to choose, and so a wrap-up.
    pub const fn has_wrap_up(&self) -> bool {
        !self.codes.is_empty()
    }

    /// What an agent chose and wrote, checked: codes as (list, short code), each of this queue's and
    /// chosen once. Nothing chosen and nothing written is a wrap-up, too.
    pub fn read(&self, codes: &[(&str, &str)], notes: &str) -> Result<WrapUp, WrapUpError> {
        if codes.len() > WrapUp::MOST_CODES {
            return Err(wrong("codes", format!("At most {} codes can be chosen", WrapUp::MOST_CODES)));
        }
        let mut chosen = Vec::with_capacity(codes.len());
        for (index, (list, short)) in codes.iter().enumerate() {
            let code = self.code(index, list, short)?;
            if chosen.contains(code) {
                return Err(wrong(format!("codes[{index}].short"), format!("{short} of {list} is chosen twice")));
            }
            chosen.push(code.clone());
        }
        Ok(WrapUp { codes: chosen, notes: readable(notes)? })
    }

    fn code(&self, index: usize, list: &str, short: &str) -> Result<&TransactionCode, WrapUpError> {
        let mut of_list = self.codes.iter().filter(|code| code.list == list).peekable();
        if of_list.peek().is_none() {
            return Err(wrong(format!("codes[{index}].list"), "The queue has no such list".to_owned()));
        }
        let unknown = || wrong(format!("codes[{index}].short"), "There is no such code in this list".to_owned());
        of_list.find(|code| code.short == short).ok_or_else(unknown)
    }
}

fn readable(notes: &str) -> Result<String, WrapUpError> {
    if notes.chars().count() > WrapUp::LONGEST_NOTES {
        return Err(wrong("notes", format!("Notes have at most {} characters", WrapUp::LONGEST_NOTES)));
    }
    if notes.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return Err(wrong("notes", "Notes are text without control characters".to_owned()));
    }
    Ok(notes.to_owned())
}

fn wrong(field: impl Into<String>, message: String) -> WrapUpError {
    WrapUpError { field: field.into(), message }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Queue 7 of the demonstration world, with a second list.
    pub(crate) fn queue() -> QueuePlan {
        let code = |list: &str, short: &str, description: &str| TransactionCode {
            list: list.to_owned(),
            short: short.to_owned(),
            description: description.to_owned(),
        };
        QueuePlan {
            id: 7,
            queue: "support".to_owned(),
            codes: vec![
                code("Outcome", "sold", "Sold"),
                code("Outcome", "cb", "Call back"),
                code("Mood", "ok", "Fine"),
            ],
            wrap_up: Duration::from_mins(2),
        }
    }

    fn field(codes: &[(&str, &str)], notes: &str) -> String {
        queue().read(codes, notes).unwrap_err().field
    }

    #[test]
    fn what_is_chosen_comes_back_with_its_meaning_in_the_order_of_choice() {
        let wrap_up = queue().read(&[("Mood", "ok"), ("Outcome", "cb")], "at 9\nor 10").unwrap();
        let meanings: Vec<_> = wrap_up.codes.iter().map(|code| code.description.as_str()).collect();
        assert_eq!((meanings, wrap_up.notes.as_str()), (vec!["Fine", "Call back"], "at 9\nor 10"));
        assert_eq!(queue().read(&[], "").unwrap(), WrapUp::default());
    }

    #[test]
    fn what_is_not_to_be_chosen_is_named_by_its_place() {
        assert_eq!(field(&[("Outcome", "sold"), ("Outcome", "lost")], ""), "codes[1].short");
        assert_eq!(field(&[("Mood", "sold")], ""), "codes[0].short");
        assert_eq!(field(&[("Weather", "ok")], ""), "codes[0].list");
        assert_eq!(field(&[("Mood", "ok"), ("Outcome", "cb"), ("Mood", "ok")], ""), "codes[2].short");
        assert_eq!(field(&[("Mood", "ok"); 51], ""), "codes");
    }

    #[test]
    fn notes_are_text_of_at_most_two_thousand_characters() {
        let longest = "ש".repeat(2_000);
        assert_eq!(queue().read(&[], &longest).unwrap().notes, longest);
        assert_eq!(field(&[], &"x".repeat(2_001)), "notes");
        assert_eq!(field(&[], "a\u{1b}[2J"), "notes");
    }
}
