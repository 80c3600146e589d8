//! `Idempotency-Key`: a client's own mark on an order, so that it may send the order again without fear.
//!
//! The same key under the same credential gives the first call's id for a day; the same key on a request
//! that differs in any byte of its query or body is refused. What counts is the request as it came in,
//! before anything is read into it, so no dialect can make two different requests look alike.

use std::fmt::Write;

use axum::http::HeaderMap;
use sha2::{Digest, Sha256};

use crate::call::Idempotency;
use crate::dial::policy::Refusal;

const HEADER: &str = "Idempotency-Key";
const LONGEST: usize = 255;

/// The mark on a request, where it has one.
pub(super) fn of(headers: &HeaderMap, query: &str, body: &[u8]) -> Result<Option<Idempotency>, Refusal> {
    let mut values = headers.get_all(HEADER).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(invalid("is given twice"));
    }
    let visible = |bytes: &[u8]| (1..=LONGEST).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic);
    match value.to_str() {
        Ok(key) if visible(key.as_bytes()) => {
            Ok(Some(Idempotency { key: key.to_owned(), fingerprint: fingerprint(query, body) }))
        }
        _ => Err(invalid(&format!("must be 1 to {LONGEST} visible ASCII characters"))),
    }
}

/// With the query's length in front, nothing can move from the query to the body and stay the same.
fn fingerprint(query: &str, body: &[u8]) -> String {
    let length = u64::try_from(query.len()).unwrap_or(u64::MAX);
    let hash = Sha256::new().chain_update(length.to_be_bytes()).chain_update(query).chain_update(body);
    hash.finalize().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn invalid(rest: &str) -> Refusal {
    Refusal::Invalid { field: HEADER, message: format!("{HEADER} {rest}") }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn marked(values: &[&[u8]]) -> Result<Option<Idempotency>, Refusal> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(HEADER, HeaderValue::from_bytes(value).unwrap());
        }
        of(&headers, "a=1", b"b")
    }

    #[test]
    fn a_key_is_1_to_255_visible_characters_given_once() {
        assert_eq!(marked(&[]), Ok(None));
        let (longest, longer) = ([b'k'; 255], [b'k'; 256]);
        for good in [b"7".as_slice(), b"\"8e03978e-40d5\"", &longest] {
            assert_eq!(marked(&[good]).unwrap().unwrap().key.as_bytes(), good);
        }
        for bad in [b"".as_slice(), b"two words", b"\xc3\xa9", &longer] {
            let message = marked(&[bad]).unwrap_err().to_string();
            assert_eq!(message, "Idempotency-Key must be 1 to 255 visible ASCII characters");
        }
        assert_eq!(marked(&[b"a", b"a"]).unwrap_err().to_string(), "Idempotency-Key is given twice");
    }

    #[test]
    fn a_fingerprint_tells_any_two_requests_apart() {
        let of = |query, body: &str| fingerprint(query, body.as_bytes());
        assert_eq!(of("a=1", "b"), of("a=1", "b"));
        for other in [of("a=1", "c"), of("a=2", "b"), of("a=1b", ""), of("", "a=1b")] {
            assert_ne!(of("a=1", "b"), other);
        }
    }
}
