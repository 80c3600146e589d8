//! Tokens: who may ask for what, from where.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::directory::secret::TokenHash;

/// What a token may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Place calls.
    Dial,
    /// End calls.
    Terminate,
    /// Read calls, recordings and phones' states.
    Read,
    /// Call numbers on the do-not-call list.
    DncOverride,
    /// Change the tenant's directory.
    Admin,
}

/// A token of a tenant, hashed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Credential {
    /// Its name, by which logs and audit call it.
    pub name: String,
    /// Its hash. Absent only in a file: the stored one is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(ignore)]
    pub secret_hash: Option<TokenHash>,
    /// What it may be used for.
    pub scopes: BTreeSet<Scope>,
    /// Networks that it may come from; empty: any.
    #[serde(default)]
    #[schema(value_type = Vec<String>, example = json!(["192.0.2.0/24"]))]
    pub networks: Vec<IpNet>,
    /// Extension of the agent whose own token it is, and the only one it may act for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// It is refused everything: the limits against fraud have done that, or an administrator.
    #[serde(default)]
    pub suspended: bool,
}

impl Credential {
    /// Whether it may be used for this.
    pub fn allows(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }

    /// Whether it may come from this address. An IPv4 address in IPv6 clothes counts as what it is.
    pub fn allows_source(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.is_empty() || self.networks.iter().any(|network| network.contains(&address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_may_be_tied_to_networks() {
        let tied = Credential { networks: vec!["10.1.0.0/16".parse().unwrap()], ..Credential::default() };
        assert!(tied.allows_source("10.1.2.3".parse().unwrap()));
        assert!(tied.allows_source("::ffff:10.1.2.3".parse().unwrap()));
        assert!(!tied.allows_source("10.2.0.1".parse().unwrap()));
        assert!(Credential::default().allows_source("2001:db8::1".parse().unwrap()));
    }
}
