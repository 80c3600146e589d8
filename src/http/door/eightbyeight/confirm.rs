//! Questions put to a person: may this very click place its call? The answer is a token that is good for
//! one session, one click, one minute and one use.
//!
//! They live in memory. A process that ends forgets them, and whoever answers afterwards is asked again.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::http::door::params::Params;
use crate::timestamp::Timestamp;

/// How long a question stands.
const LIFE: Duration = Duration::from_mins(1);
/// Most questions that stand at a time.
const MAX: usize = 16_384;

/// What a token is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Answer {
    /// Yes: this click, and now.
    Yes,
    /// It was yes, and the call has been placed.
    UsedUp,
    /// Nothing: too old, another click's or another session's, or made up.
    Nothing,
}

/// A click as the person saw it: the session and every parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) struct Seen([u8; 32]);

impl Seen {
    /// Line breaks are all alike: browsers send them as they see fit.
    pub(in crate::http) fn of(session: &str, params: &Params) -> Self {
        let mut hash = Sha256::new();
        let mut add = |text: &str| {
            let text = text.replace("\r\n", "\n").replace('\r', "\n");
            hash.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(text);
        };
        add(session);
        for (name, param) in params {
            add(name);
            add(&param.value);
        }
        Self(hash.finalize().into())
    }
}

#[derive(Debug)]
struct Question {
    seen: Seen,
    until: Timestamp,
    used: bool,
}

/// All questions that stand, by token.
#[derive(Debug, Default)]
pub(in crate::http) struct Questions(Mutex<HashMap<String, Question>>);

impl Questions {
    /// Asks about a click; the token says yes.
    pub(in crate::http) fn ask(&self, seen: Seen, now: Timestamp) -> String {
        let token = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 16]>());
        let mut questions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if questions.len() >= MAX {
            questions.retain(|_, question| question.until > now);
        }
        if questions.len() >= MAX {
            questions.clear();
        }
        questions.insert(token.clone(), Question { seen, until: now + LIFE, used: false });
        token
    }

    /// What a token says to a click. A yes is used up.
    pub(in crate::http) fn answer(&self, token: &str, seen: Seen, now: Timestamp) -> Answer {
        let mut questions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match questions.get_mut(token) {
            Some(question) if question.seen == seen && question.until > now => {
                if std::mem::replace(&mut question.used, true) { Answer::UsedUp } else { Answer::Yes }
            }
            _ => Answer::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::door::params::Param;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn seen(session: &str, phone: &str) -> Seen {
        let param = Param { name: "phone".to_owned(), value: phone.to_owned() };
        Seen::of(session, &Params::from([("phone".to_owned(), param)]))
    }

    #[test]
    fn a_yes_is_good_for_its_click_once_and_for_a_minute() {
        let questions = Questions::default();
        let token = questions.ask(seen("s", "1"), NOW);
        for (wrong, click) in [(&token[1..], seen("s", "1")), (&token, seen("s", "2")), (&token, seen("t", "1"))] {
            assert_eq!(questions.answer(wrong, click, NOW), Answer::Nothing);
        }
        let late = questions.ask(seen("s", "1"), NOW);
        assert_eq!(questions.answer(&late, seen("s", "1"), NOW + LIFE), Answer::Nothing);
        assert_eq!(questions.answer(&token, seen("s", "1"), NOW + LIFE - Duration::from_millis(1)), Answer::Yes);
        assert_eq!(questions.answer(&token, seen("s", "1"), NOW), Answer::UsedUp);
        assert_ne!(token, late);
    }

    #[test]
    fn line_breaks_are_all_alike() {
        assert_eq!(seen("s", "a\nb"), seen("s", "a\r\nb"));
        assert_eq!(seen("s", "a\rb"), seen("s", "a\r\nb"));
        assert_ne!(seen("s", "ab"), seen("s", "a\nb"));
    }

    #[test]
    fn questions_are_bounded() {
        let questions = Questions::default();
        for _ in 0..=MAX {
            questions.ask(seen("s", "1"), NOW);
        }
        assert!(questions.0.lock().unwrap().len() <= MAX);
    }
}
