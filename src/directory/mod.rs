//! The directory: who may call whom, as whom, through what. One document per tenant.
//!
//! The types are the file format: what `directory apply` reads, `directory export` writes and the
//! store keeps. A [`Directory`] is immutable; a change makes a new one, which counts at once for new
//! clicks and never for calls that are already up.

mod agent;
mod change;
mod check;
mod credential;
pub mod desk;
mod document;
pub mod edit;
pub mod file;
mod hours;
mod limits;
pub mod password;
mod secret;
mod tenant;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use agent::Agent;
pub use change::{Change, apply, diff};
pub use check::Flaw;
pub(crate) use check::is_language;
pub use credential::{Credential, Scope};
pub use document::{NotADocument, from_document, to_document};
pub use hours::{NotATime, OfficeHours, TimeOfDay, Weekday};
pub use limits::Limits;
pub use secret::{NotAHash, Sealed, TokenHash};
pub use tenant::{CallbackHeader, CallbackSecret, CallerId, Code, CodeList, Queue, Service, Tenant};

/// All tenants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directory {
    /// By id.
    pub tenants: BTreeMap<String, Arc<Tenant>>,
}

impl Directory {
    /// The directory of these tenants.
    pub fn new(tenants: impl IntoIterator<Item = Tenant>) -> Self {
        Self { tenants: tenants.into_iter().map(|tenant| (tenant.id.clone(), Arc::new(tenant))).collect() }
    }

    /// A tenant by its id.
    pub fn tenant(&self, id: &str) -> Option<&Arc<Tenant>> {
        self.tenants.get(id)
    }

    /// Whose token this is. It is hashed once and compared with every token there is, in a time that
    /// depends on their number alone.
    pub fn credential(&self, token: &str) -> Option<(Arc<Tenant>, Credential)> {
        let hash = TokenHash::of(token);
        let mut found = None;
        for tenant in self.tenants.values() {
            for credential in &tenant.tokens {
                if credential.secret_hash.is_some_and(|stored| stored.same(&hash).into()) {
                    found = Some((tenant, credential));
                }
            }
        }
        found.map(|(tenant, credential)| (Arc::clone(tenant), credential.clone()))
    }
}

#[cfg(test)]
mod tests;
