//! User data: opaque `[name|value]` pairs.

use serde::{Deserialize, Serialize};

/// `[name|value]` pairs in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserData {
    /// Name and value; both taken literally.
    pub pairs: Vec<(String, String)>,
}
