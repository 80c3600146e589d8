//! Signatures after the Standard Webhooks specification, so that any receiver can check that a
//! callback is ours, whole and fresh.
//!
//! `webhook-signature` is `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`; with several
//! keys (while one takes over from another) one such word for each, separated by spaces.
//! Source: <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretSlice};
use sha2::Sha256;

const PREFIX: &str = "whsec_";

/// A secret that signs callbacks. Prints as nothing.
#[derive(Clone, Debug)]
pub struct Key(SecretSlice<u8>);

/// Text that is no secret for signing. The text itself is never repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAKey {
    /// Without its prefix.
    #[error("a callback secret begins with whsec_")]
    Prefix,
    /// What follows the prefix is not base64.
    #[error("after whsec_ a callback secret is base64, with its padding")]
    Base64,
    /// Too short to be safe, or longer than the specification allows.
    #[error("a callback secret has 24 to 64 bytes, this one has {0}")]
    Length(usize),
}

impl Key {
    /// Reads `whsec_<base64 of 24 to 64 bytes>`.
    pub fn parse(text: &str) -> Result<Self, NotAKey> {
        let encoded = text.trim().strip_prefix(PREFIX).ok_or(NotAKey::Prefix)?;
        let bytes = STANDARD.decode(encoded).map_err(|_| NotAKey::Base64)?;
        match bytes.len() {
            24..=64 => Ok(Self(bytes.into())),
            length => Err(NotAKey::Length(length)),
        }
    }

    fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose_secret()).expect("HMAC takes keys of any length");
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

/// The value of `webhook-signature`, or none without a key. `timestamp` is in seconds, the same as
/// in `webhook-timestamp`.
pub fn signature(keys: &[Key], id: &str, timestamp: i64, body: &[u8]) -> Option<String> {
    let words: Vec<String> = keys.iter().map(|key| key.sign(id, timestamp, body)).collect();
    (!words.is_empty()).then(|| words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    #[test]
    fn the_specifications_own_example_comes_out() {
        let key = Key::parse(SECRET).unwrap();
        let signed = signature(&[key], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signed.as_deref(), Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
    }

    #[test]
    fn two_keys_give_two_words_and_no_key_gives_none() {
        let keys = [SECRET, "whsec_ZGlhbGJyaWRnZS1kZW1vLWNhbGxiYWNrLXNlY3JldCE="].map(|text| Key::parse(text).unwrap());
        let both = signature(&keys, "msg_1", 1, b"x").unwrap();
        let each: Vec<String> =
            keys.iter().map(|key| signature(std::slice::from_ref(key), "msg_1", 1, b"x").unwrap()).collect();
        assert_eq!(both, each.join(" "));
        assert_eq!(signature(&[], "msg_1", 1, b"x"), None);
    }

    #[test]
    fn each_part_counts() {
        let key = [Key::parse(SECRET).unwrap()];
        let plain = signature(&key, "msg_1", 1, b"x");
        for other in
            [signature(&key, "msg_2", 1, b"x"), signature(&key, "msg_1", 2, b"x"), signature(&key, "msg_1", 1, b"y")]
        {
            assert_ne!(other, plain);
        }
    }

    #[test]
    fn a_bad_secret_is_named_by_its_fault_and_never_repeated() {
        let table = [
            ("", NotAKey::Prefix),
            ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", NotAKey::Prefix),
            ("whsec_%%%", NotAKey::Base64),
            ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", NotAKey::Base64),
            ("whsec_", NotAKey::Length(0)),
            ("whsec_c2hvcnQ=", NotAKey::Length(5)),
        ];
        for (text, fault) in table {
            assert_eq!(Key::parse(text).err(), Some(fault), "{text}");
        }
        let key = format!("{:?}", Key::parse(SECRET).unwrap());
        assert!(!key.contains("Mf") && !key.contains("49"), "{key}");
    }
}
