//! The lab: a real Asterisk, real SIP phones and a carrier, as ordinary processes on loopback.
//!
//! A [`World`](world::World) is one Asterisk with its phones and its carrier in a directory of its own, on ports of its
//! own; a [`Daemon`](daemon::Daemon) is dialbridge against it, a [`Sink`](sink::Sink) receives callbacks. The tests build
//! worlds as they need them, `make up` and `make demo` run one with the fixed ports. Nothing here is a mock: SIP is
//! spoken by `SIPp`, Asterisk is Debian's, and every tone that is heard has travelled as RTP.
//!
//! Everything that is started ends with the process that started it, see [`process`].

#![expect(
    dead_code,
    unreachable_pub,
    clippy::disallowed_methods,
    reason = "shared by path between the example binary and the tests, each of which uses a part of it; and the lab is where tests meet the real clock, threads and environment"
)]

pub mod asterisk;
pub mod audio;
pub mod browser;
pub mod daemon;
pub mod media;
pub mod party;
pub mod place;
pub mod ports;
pub mod process;
pub mod provision;
pub mod sink;
pub mod sip;
pub mod template;
pub mod world;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How often something is looked at that cannot tell by itself when it has happened.
const LOOK: Duration = Duration::from_millis(10);

/// The repository's root.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the lab's own.
pub fn lab_file(name: &str) -> PathBuf {
    repository().join("tests/lab").join(name)
}

/// Waits until `look` gives something, at most `limit`; the error names what was waited for.
pub async fn wait_until<T>(limit: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> anyhow::Result<T> {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return Ok(found);
        }
        anyhow::ensure!(start.elapsed() < limit, "waited {limit:?} in vain for {what}");
        tokio::time::sleep(LOOK).await;
    }
}
