//! What an Asterisk can do, by its version.
//!
//! Pure. Versions as Asterisk says them: `22.10.1+dfsg`, `16.28.0~dfsg-0+deb11u4`,
//! `certified/20.7-cert2`, `GIT-master-abc`. One that cannot be read is taken for an old one.

/// Major, minor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    major: u32,
    minor: u32,
}

impl Version {
    /// Reads the version out of Asterisk's own words.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.rsplit('/').next()?;
        let mut parts = text.split(|c: char| !c.is_ascii_digit());
        let major = parts.next()?.parse().ok()?;
        let minor = parts.next().and_then(|part| part.parse().ok()).unwrap_or(0);
        Some(Self { major, minor })
    }

    /// Whether requests can travel over a WebSocket: 20.14, 21.9, 22.4 and everything later.
    pub const fn takes_requests_over_websockets(self) -> bool {
        match self.major {
            ..20 => false,
            20 => self.minor >= 14,
            21 => self.minor >= 9,
            22 => self.minor >= 4,
            23.. => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rest_over_websockets_starts_with_certain_releases() {
        let able = |text| Version::parse(text).is_some_and(Version::takes_requests_over_websockets);
        for text in ["22.10.1+dfsg+~cs6.17.60671434-1", "20.14.0", "21.9.0", "22.4.0", "23.0.0", "24"] {
            assert!(able(text), "{text}");
        }
        for text in ["16.28.0~dfsg-0+deb11u4", "20.6.0", "21.8.0", "22.3.0", "certified/20.7-cert2", "GIT-master-abc"] {
            assert!(!able(text), "{text}");
        }
    }
}
