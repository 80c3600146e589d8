//! A tenant as the store keeps it: one JSON document.

use crate::directory::tenant::Tenant;

/// A stored document that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("a stored tenant cannot be read at {path}: {message}")]
pub struct NotADocument {
    /// Where in the document.
    pub path: String,
    /// What is wrong there; no values.
    pub message: String,
}

/// The tenant as JSON, for the store alone: keys that sign callbacks stand in it in clear.
pub fn to_document(tenant: &Tenant) -> String {
    serde_json::to_value(tenant).unwrap_or_default().to_string()
}

/// The tenant in a stored document.
pub fn from_document(document: &str) -> Result<Tenant, NotADocument> {
    let mut json = serde_json::Deserializer::from_str(document);
    serde_path_to_error::deserialize(&mut json)
        .map_err(|error| NotADocument { path: error.path().to_string(), message: error.into_inner().to_string() })
}
