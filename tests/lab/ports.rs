//! The ports of a world, and worlds side by side.
//!
//! The demo world has fixed ports that the environment may move (`LAB_HTTP_PORT` and so on); a test takes a block of its
//! own below the range that the kernel hands out for outgoing connections. A block is held by listening on its first
//! port for as long as the world lives: it is free again whatever happens to the process, and processes of other
//! checkouts are kept off as well, which a number from the test runner could not do.

use std::env;
use std::net::{TcpListener, UdpSocket};

use anyhow::Context as _;

const FIRST_BLOCK: u16 = 20_000;
const BLOCK: u16 = 500;
const BLOCKS: u16 = 25;

/// Where everything of one world listens, all on 127.0.0.1.
#[derive(Debug)]
pub struct Ports {
    pub http: u16,
    pub metrics: u16,
    pub ari: u16,
    pub ami: u16,
    pub sip: u16,
    pub carrier: u16,
    /// The phones' SIP port; those after it, up to `phones + 6`, belong to the SIP programs' own affairs.
    pub phones: u16,
    /// The callback sink's port; the nine after it are free for tests.
    pub sink: u16,
    /// For a Prometheus that scrapes this world.
    pub prometheus: u16,
    /// First and last port for Asterisk's audio.
    pub rtp: (u16, u16),
    _held: Option<TcpListener>,
}

impl Ports {
    /// The demo world's ports, as the environment moves them.
    pub fn from_env() -> anyhow::Result<Self> {
        let carrier = from_env("LAB_CARRIER_PORT", 5080)?;
        let metrics = from_env("LAB_METRICS_PORT", 9464)?;
        Ok(Self {
            http: from_env("LAB_HTTP_PORT", 8080)?,
            metrics,
            ari: from_env("LAB_ARI_PORT", 8088)?,
            ami: from_env("LAB_AMI_PORT", 5038)?,
            sip: from_env("LAB_SIP_PORT", 5060)?,
            carrier,
            phones: carrier + 1,
            sink: from_env("LAB_SINK_PORT", 8090)?,
            prometheus: metrics + 1,
            // Two worlds may share this range: Asterisk takes the next port when one is in use.
            rtp: (16_000, 19_999),
            _held: None,
        })
    }

    /// A block that nobody else holds, enough audio ports for a hundred calls of two legs at a time.
    pub fn for_test() -> anyhow::Result<Self> {
        // nextest numbers the tests that run at one time: start there, so that few tries are needed.
        let slot: u16 = env::var("NEXTEST_TEST_GLOBAL_SLOT").ok().and_then(|slot| slot.parse().ok()).unwrap_or(0);
        for n in 0..BLOCKS {
            let base = FIRST_BLOCK + (slot + n) % BLOCKS * BLOCK;
            if let Ok(held) = TcpListener::bind(("127.0.0.1", base)) {
                return Ok(Self {
                    http: base + 1,
                    metrics: base + 2,
                    ari: base + 3,
                    ami: base + 4,
                    sip: base + 5,
                    carrier: base + 6,
                    phones: base + 7,
                    prometheus: base + 15,
                    sink: base + 20,
                    rtp: (base + 50, base + BLOCK - 1),
                    _held: Some(held),
                });
            }
        }
        anyhow::bail!("all {BLOCKS} blocks of test ports from {FIRST_BLOCK} on are taken")
    }

    /// Says which port is taken, before anything is started that would say it less clearly.
    pub fn check_free(&self) -> anyhow::Result<()> {
        let tcp = [
            ("LAB_HTTP_PORT", "dialbridge HTTP", self.http),
            ("LAB_METRICS_PORT", "dialbridge metrics", self.metrics),
            ("LAB_ARI_PORT", "Asterisk ARI", self.ari),
            ("LAB_AMI_PORT", "Asterisk AMI", self.ami),
            ("LAB_SINK_PORT", "the callback sink", self.sink),
        ];
        for (variable, what, port) in tcp {
            TcpListener::bind(("127.0.0.1", port)).with_context(|| taken("TCP", variable, what, port))?;
        }
        let udp = [
            ("LAB_SIP_PORT", "Asterisk SIP", self.sip),
            ("LAB_CARRIER_PORT", "the carrier's SIP", self.carrier),
            ("LAB_CARRIER_PORT", "the phones' SIP (one above the carrier's)", self.phones),
        ];
        for (variable, what, port) in udp {
            UdpSocket::bind(("127.0.0.1", port)).with_context(|| taken("UDP", variable, what, port))?;
        }
        Ok(())
    }
}

fn from_env(variable: &str, default: u16) -> anyhow::Result<u16> {
    match env::var(variable) {
        Ok(value) => value.parse().with_context(|| format!("{variable}={value} is not a port")),
        Err(_) => Ok(default),
    }
}

fn taken(protocol: &str, variable: &str, what: &str, port: u16) -> String {
    format!("{protocol} port 127.0.0.1:{port} ({what}) is taken; free it or move it with {variable}")
}
