//! One attempt to sign in, and how many there may be.
//!
//! An attempt counts as a failure before it is judged, and no longer once it was right: so many at once
//! are not more than so many one after the other. Accounts that do not exist are counted as well.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::Refused;
use crate::directory::{Agent, Directory, Sealed, Tenant};
use crate::http::crowd::subscriber;
use crate::http::door::params::Params;
use crate::http::error::ApiError;
use crate::http::limits::{Buckets, Rate};
use crate::http::password::Passwords;
use crate::http::{Peer, Ports};
use crate::timestamp::Timestamp;

/// Wrong ones from one address: five at once, five a minute.
const OF_ADDRESS: Rate = Rate { burst: 5, every: Duration::from_secs(12) };
/// Wrong ones for one account, wherever they come from: ten at once, one a minute.
const OF_ACCOUNT: Rate = Rate { burst: 10, every: Duration::from_mins(1) };
/// Longest user name, password and tenant, bytes.
const LONGEST: usize = 256;

/// Who somebody says they are.
pub(super) struct Attempt {
    user: String,
    password: Sealed,
    tenant: Option<String>,
}

/// Tenant and extension; for nobody's account whatever was typed.
type Account = (String, String);

impl Attempt {
    pub(super) fn of(mut params: Params) -> Result<Self, Refused> {
        let mut take = |name: &str| params.remove(name).map(|param| param.value).unwrap_or_default();
        let (user, password, tenant) = (take("user"), take("password"), take("tenant"));
        for (name, value) in [("User", &user), ("Password", &password)] {
            if value.trim().is_empty() {
                return Err(Refused::Malformed(format!("{name} is missing")));
            }
        }
        for (name, value) in [("User", &user), ("Password", &password), ("Tenant", &tenant)] {
            if value.len() > LONGEST {
                return Err(Refused::Malformed(format!("{name} is longer than {LONGEST} bytes")));
            }
        }
        let tenant = Some(tenant.trim().to_owned()).filter(|tenant| !tenant.is_empty());
        Ok(Self { user: user.trim().to_owned(), password: Sealed::new(password), tenant })
    }

    /// The one agent that is meant; none where there are several.
    fn agent(&self, directory: &Directory) -> Option<(Arc<Tenant>, Agent)> {
        let is_meant = |tenant: &&Arc<Tenant>| self.tenant.as_ref().is_none_or(|id| *id == tenant.id);
        let mut found = directory.tenants.values().filter(is_meant).filter_map(|tenant| {
            let agent = tenant.agent_by_email(&self.user).or_else(|| tenant.agent(&self.user))?;
            agent.password_hash.is_some().then(|| (Arc::clone(tenant), agent.clone()))
        });
        let agent = found.next()?;
        found.next().is_none().then_some(agent)
    }

    fn account(&self, agent: Option<&(Arc<Tenant>, Agent)>) -> Account {
        match agent {
            Some((tenant, agent)) => (tenant.id.clone(), agent.extension.clone()),
            None => (self.tenant.clone().unwrap_or_default(), format!("? {}", self.user.to_lowercase())),
        }
    }
}

/// Judges attempts to sign in.
#[derive(Debug, Default)]
pub(in crate::http) struct SignIns {
    passwords: Passwords,
    of_address: Buckets<IpAddr>,
    of_account: Buckets<Account>,
}

impl SignIns {
    /// The agent who has proved to be one.
    pub(super) async fn judge(
        &self,
        ports: &Ports,
        attempt: Attempt,
        client: Peer,
    ) -> Result<(Arc<Tenant>, Agent), Refused> {
        let agent = attempt.agent(&ports.directory.load());
        let key = (address(client), attempt.account(agent.as_ref()));
        self.count(&key, ports.clock.now())?;
        let hash = agent.as_ref().and_then(|(_, agent)| agent.password_hash.clone());
        let fits = self.passwords.fits(attempt.password, hash).await;
        if fits != Ok(false) {
            self.forgive(&key, ports.clock.now());
        }
        match (fits, agent) {
            (Ok(true), Some(agent)) => Ok(agent),
            (Ok(_), _) => Err(Refused::Wrong),
            (Err(_), _) => Err(Refused::Unavailable),
        }
    }

    /// Whether an agent who is signed in knows their own password: counted as signing in is.
    pub(in crate::http) async fn prove(
        &self,
        ports: &Ports,
        (tenant, agent): (&Tenant, &Agent),
        password: Sealed,
    ) -> Result<bool, ApiError> {
        let key = (None, (tenant.id.clone(), agent.extension.clone()));
        self.count(&key, ports.clock.now())?;
        let fits = self.passwords.fits(password, agent.password_hash.clone()).await;
        if fits != Ok(false) {
            self.forgive(&key, ports.clock.now());
        }
        fits.map_err(|_| Refused::Unavailable.into())
    }

    /// What hashes passwords.
    pub(in crate::http) const fn passwords(&self) -> &Passwords {
        &self.passwords
    }

    fn count(&self, (address, account): &(Option<IpAddr>, Account), now: Timestamp) -> Result<(), Refused> {
        if let Some(address) = address {
            self.of_address.take(*address, OF_ADDRESS, now).map_err(Refused::TooMany)?;
        }
        self.of_account.take(account.clone(), OF_ACCOUNT, now).map_err(|too_many| {
            tracing::warn!(tenant.id = account.0, "somebody guesses an agent's password: turned away for a while");
            Refused::TooMany(too_many)
        })
    }

    fn forgive(&self, (address, account): &(Option<IpAddr>, Account), now: Timestamp) {
        if let Some(address) = address {
            self.of_address.forgive(*address, OF_ADDRESS, now);
        }
        self.of_account.forgive(account.clone(), OF_ACCOUNT, now);
    }
}

fn address(client: Peer) -> Option<IpAddr> {
    match client {
        Peer::Address(address) => Some(subscriber(address)),
        Peer::Local => None,
    }
}
