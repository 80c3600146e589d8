//! The directory: who may call whom, as whom, through what. One document per tenant.
//!
//! The types are the file format: what `directory apply` reads, `directory export` writes and the
//! store keeps. A [`Directory`] is immutable; a change makes a new one, which counts at once for new
//! clicks and never for calls that are already up.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// All tenants.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    /// By id.
    pub tenants: BTreeMap<String, Arc<Tenant>>,
}

/// One tenant and everything that is its own. (Fields are filled in by the owner of this module.)
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    /// Its id.
    pub id: String,
}

/// A token of a tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// Its name.
    pub name: String,
}
