//! Whom to dial, as whom, through what: pure decisions over the directory.

pub mod endpoint;
pub mod number;
pub mod policy;
pub mod route;
