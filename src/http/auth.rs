//! Who is asking: tokens, where they may come from, and how often they may be used or got wrong.
//!
//! The answer to a bad token never says which part of it is bad. An address that sent too many is
//! turned away unheard for a while; a wrong login code counts against its token, and locks login
//! codes for that token and nothing else.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::directory::{Credential, Tenant};
use crate::http::crowd::subscriber;
use crate::http::limits::{Buckets, Rate, TooMany};
use crate::http::{Peer, Ports};
use crate::timestamp::Timestamp;

/// Bad tokens from one address: five at once, five a minute.
const BAD_TOKENS: Rate = Rate { burst: 5, every: Duration::from_secs(12) };
/// Wrong login codes under one token: five at once, five in five minutes.
const WRONG_CODES: Rate = Rate { burst: 5, every: Duration::from_mins(1) };

/// Set on every request that came over the admin socket.
#[derive(Clone, Copy, Debug)]
pub(super) struct Administrator;

/// A token that is good, and whose it is.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) tenant: Arc<Tenant>,
    pub(super) credential: Credential,
}

impl Caller {
    /// The key of everything that is counted per token.
    pub(super) fn key(&self) -> (String, String) {
        (self.tenant.id.clone(), self.credential.name.clone())
    }
}

/// Why nobody is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Denied {
    /// The token is wrong, or may not come from there.
    Wrong,
    /// The token is right, and suspended.
    Suspended,
    /// Too many wrong ones from this address, or too many requests under this token.
    TooMany(TooMany),
}

/// Counts what is tried at the gate.
#[derive(Debug, Default)]
pub(super) struct Gate {
    bad_tokens: Buckets<IpAddr>,
    requests: Buckets<(String, String)>,
    wrong_codes: Buckets<(String, String)>,
}

impl Gate {
    /// The caller with this token. Counts the request against the token's rate.
    pub(super) fn caller(&self, ports: &Ports, token: &str, client: Peer) -> Result<Caller, Denied> {
        let now = ports.clock.now();
        let address = match client {
            Peer::Address(address) => Some(address),
            Peer::Local => None,
        };
        let counted = address.map(subscriber);
        if let Some(key) = counted {
            self.bad_tokens.check(&key, BAD_TOKENS, now).map_err(Denied::TooMany)?;
        }
        let known = ports.directory.load().credential(token);
        let allowed = |credential: &Credential| address.is_none_or(|address| credential.allows_source(address));
        let Some((tenant, credential)) = known.filter(|(_, credential)| allowed(credential)) else {
            if let Some(key) = counted {
                self.wrong_token(key, now);
            }
            return Err(Denied::Wrong);
        };
        let caller = Caller { tenant, credential };
        self.count(ports, &caller).map_err(Denied::TooMany)?;
        if caller.credential.suspended { Err(Denied::Suspended) } else { Ok(caller) }
    }

    /// Counts a request of a caller who has signed in, against the rate that a token has.
    pub(super) fn count(&self, ports: &Ports, caller: &Caller) -> Result<(), TooMany> {
        let limits = &caller.tenant.limits;
        let rate = Rate::per_minute(limits.token_burst, limits.token_per_minute);
        self.requests.take(caller.key(), rate, ports.clock.now())
    }

    fn wrong_token(&self, address: IpAddr, now: Timestamp) {
        self.bad_tokens.count(address, BAD_TOKENS, now);
        if self.bad_tokens.check(&address, BAD_TOKENS, now).is_err() {
            tracing::warn!(client.address = %address, "somebody guesses tokens: turned away for a while");
        }
    }

    /// Whether this caller may still try login codes.
    pub(super) fn may_try_login_code(&self, ports: &Ports, caller: &Caller) -> Result<(), TooMany> {
        self.wrong_codes.check(&caller.key(), WRONG_CODES, ports.clock.now())
    }

    /// Counts a login code that is nobody's.
    pub(super) fn wrong_login_code(&self, ports: &Ports, caller: &Caller) {
        let now = ports.clock.now();
        self.wrong_codes.count(caller.key(), WRONG_CODES, now);
        if self.wrong_codes.check(&caller.key(), WRONG_CODES, now).is_err() {
            tracing::warn!(
                tenant.id = %caller.tenant.id,
                credential.name = %caller.credential.name,
                "somebody guesses login codes: locked for this token"
            );
        }
    }
}
