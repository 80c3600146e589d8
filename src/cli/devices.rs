//! `dialbridge devices`: the phones, and what they are doing.

use clap::Args;

use super::client::Ask;
use super::look::{Cell, Column};
use super::session::{Ended, Session};

/// All of a tenant's phones.
#[derive(Debug, Args)]
pub(super) struct Devices {}

const LIST: [Column; 4] = [
    ("EXTENSION", "/extension", Cell::Text),
    ("AGENT", "/agent", Cell::Text),
    ("DEVICE", "/device", Cell::Whole),
    ("STATE", "/state", Cell::State),
];

/// `dialbridge devices`
pub(super) async fn run(session: &mut Session, Devices {}: Devices) -> Ended {
    session.list(Ask::get("/v1/devices"), &LIST).await
}
