//! Secrets of the directory: never printed, and nameable without their value.
//!
//! What only has to be recognised (tokens) is kept as a hash; what has to be used (the key that signs
//! callbacks) is kept as it is. In a file either may stand as a name without a value: then applying
//! the file keeps the value that is stored.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// A secret that must be usable, or, when empty, one whose value is kept as stored.
#[derive(Clone, Default)]
pub struct Sealed(SecretString);

impl Sealed {
    /// The secret with this value.
    pub fn new(value: impl Into<String>) -> Self {
        Self(SecretString::from(value.into()))
    }

    /// Its value, for the one place that uses it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Whether this is only the name of a secret that is stored already.
    pub fn is_kept(&self) -> bool {
        self.expose().is_empty()
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed")
    }
}

impl PartialEq for Sealed {
    fn eq(&self, other: &Self) -> bool {
        self.expose().as_bytes().ct_eq(other.expose().as_bytes()).into()
    }
}

impl Eq for Sealed {}

impl Serialize for Sealed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }
}

impl<'de> Deserialize<'de> for Sealed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

/// The SHA-256 of a token, written `sha256:` and 64 hexadecimal digits. Tokens are long and random,
/// so a plain hash is enough (what people think up for themselves, passwords, is not kept this way).
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TokenHash([u8; 32]);

/// Not a hash of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not sha256: and 64 hexadecimal digits")]
pub struct NotAHash;

impl TokenHash {
    /// The hash of a token.
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }

    /// Whether both are the same, in a time that does not depend on where they differ.
    pub fn same(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl PartialEq for TokenHash {
    fn eq(&self, other: &Self) -> bool {
        self.same(other).into()
    }
}

impl Eq for TokenHash {}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash")
    }
}

impl TryFrom<String> for TokenHash {
    type Error = NotAHash;

    fn try_from(text: String) -> Result<Self, NotAHash> {
        let hex = text.strip_prefix("sha256:").ok_or(NotAHash)?.as_bytes();
        let mut hash = [0; 32];
        if hex.len() != 2 * hash.len() {
            return Err(NotAHash);
        }
        for (byte, pair) in hash.iter_mut().zip(hex.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Ok(Self(hash))
    }
}

impl From<TokenHash> for String {
    fn from(hash: TokenHash) -> Self {
        let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or_default();
        let hex = hash.0.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
        "sha256:".chars().chain(hex).collect()
    }
}

fn digit(hex: u8) -> Result<u8, NotAHash> {
    let value = char::from(hex).to_digit(16).ok_or(NotAHash)?;
    u8::try_from(value).map_err(|_| NotAHash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_recognised_by_its_hash() {
        let written = "sha256:3c0f5f721a4a6dcb00cfaa2be31b3b10bf978c5c186fa3c389940be895534e93";
        let hash = TokenHash::try_from(written.to_owned()).unwrap();
        assert_eq!(hash, TokenHash::of("demo-code"));
        assert_ne!(hash, TokenHash::of("demo-codf"));
        assert_eq!(String::from(hash), written);
    }

    #[test]
    fn other_hashes_are_refused() {
        for text in ["", "3c0f", "sha256:", "sha256:zz", "md5:3c0f", &format!("sha256:{}é", "0".repeat(62))] {
            assert_eq!(TokenHash::try_from(text.to_owned()), Err(NotAHash), "{text}");
        }
    }

    #[test]
    fn secrets_do_not_print() {
        assert_eq!(format!("{:?}", (Sealed::new("hush"), TokenHash::of("hush"))), "(Sealed, TokenHash)");
    }
}
