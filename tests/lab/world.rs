//! One world: Asterisk, its phones registered, its carrier reachable.
//!
//! ```text
//!   World ── Asterisk      dir/asterisk/
//!     ├───── phones        SIPp, dir/phones.log     101 103 104 105 106 109 201
//!     ├───── carrier       SIPp, dir/carrier.log    what goes out by the trunk
//!     └───── registrar     registers the phones, and again before that expires or after Asterisk was down
//! ```

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use super::asterisk::Asterisk;
use super::audio::tone;
use super::party::{Party, Role};
use super::place::Place;
use super::ports::Ports;
use super::process::Process;
use super::provision::{Roots, Version};
use super::sip::Invite;
use super::template::Values;

/// The extensions that register. 102 has an endpoint and never does, 107 has none.
pub const PHONES: [&str; 7] = ["101", "103", "104", "105", "106", "109", "201"];

const PHONES_ROLE: Role = Role { name: "phones", tone: tone::of_phone, announcement: tone::ANNOUNCEMENT };
const CARRIER_ROLE: Role = Role { name: "carrier", tone: |_| tone::CARRIER, announcement: tone::ANNOUNCEMENT };

/// What a world is made of.
#[derive(Debug)]
pub struct WorldOptions {
    pub version: Version,
    pub ports: Ports,
    /// Logs, recordings and Asterisk's own files; emptied of what an earlier world left.
    pub dir: PathBuf,
    /// Which phones register.
    pub phones: Vec<String>,
}

impl WorldOptions {
    /// All phones.
    pub fn new(version: Version, ports: Ports, dir: impl Into<PathBuf>) -> Self {
        Self { version, ports, dir: dir.into(), phones: PHONES.map(str::to_owned).to_vec() }
    }
}

/// A running world. Dropping it ends everything in it.
#[derive(Debug)]
pub struct World {
    pub version: Version,
    pub ports: Ports,
    pub dir: PathBuf,
    pub asterisk: Asterisk,
    pub phones: Party,
    pub carrier: Party,
    registered: Vec<String>,
    /// One registration at a time: they use the same port.
    registering: tokio::sync::Mutex<()>,
    roots: Roots,
    _place: Place,
}

impl World {
    /// Fetches what is missing, starts all of it, and returns when the phones are registered and reachable.
    pub async fn start(options: WorldOptions) -> anyhow::Result<Self> {
        let WorldOptions { version, ports, dir, phones: registered } = options;
        let roots = tokio::task::spawn_blocking(move || Roots::provision(version)).await??;
        ports.check_free()?;
        let place = Place::claim(&dir)?;
        let dir = place.dir.clone();
        let asterisk = Asterisk::prepare(&dir.join("asterisk"), &roots, Values::of(&ports, &dir), ports.ari)?;
        // Before Asterisk, which asks the carrier once when it starts, and then only ten seconds later again.
        let (phones, carrier) = tokio::try_join!(
            Party::start(PHONES_ROLE, ports.phones, ports.phones + 1, &dir, &roots),
            Party::start(CARRIER_ROLE, ports.carrier, ports.phones + 2, &dir, &roots),
        )?;
        asterisk.start()?;
        let registering = tokio::sync::Mutex::default();
        let world =
            Self { version, ports, dir, asterisk, phones, carrier, registered, registering, roots, _place: place };
        world.wait_ready().await?;
        Ok(world)
    }

    /// Waits for ARI, registers the phones, and waits until Asterisk can reach them and the carrier. Also after
    /// Asterisk was started again.
    pub async fn wait_ready(&self) -> anyhow::Result<()> {
        self.asterisk.wait_ready().await?;
        self.register_phones().await?;
        for device in self.registered.iter().map(String::as_str).chain(["carrier"]) {
            self.wait_for_device(device, |state| state != "UNAVAILABLE" && state != "UNKNOWN").await?;
        }
        Ok(())
    }

    /// Ends Asterisk by SIGKILL and starts it again.
    pub async fn restart_asterisk(&self) -> anyhow::Result<()> {
        self.asterisk.kill();
        self.asterisk.start()?;
        self.wait_ready().await
    }

    /// Registers every phone for ten minutes, over SIP.
    pub async fn register_phones(&self) -> anyhow::Result<()> {
        if self.registered.is_empty() {
            return Ok(());
        }
        let _one = self.registering.lock().await;
        let sip = self.dir.join("sip");
        let user = |phone: &String| format!("\n{phone};[authentication username={phone} password=phone-{phone}]");
        let users: Vec<_> = self.registered.iter().map(user).collect();
        fs::write(sip.join("users.csv"), format!("SEQUENTIAL{}\n", users.concat()))?;
        let mut arguments = self.roots.sipp_arguments();
        arguments.push(format!("127.0.0.1:{}", self.ports.sip));
        let file = |name: &str| sip.join(name).display().to_string();
        for (option, value) in [
            ("-sf", super::lab_file("sipp/register.xml").display().to_string()),
            ("-inf", file("users.csv")),
            ("-r", "1000".to_owned()),
            ("-m", self.registered.len().to_string()),
            ("-i", "127.0.0.1".to_owned()),
            ("-p", (self.ports.phones + 3).to_string()),
            ("-cp", (self.ports.phones + 4).to_string()),
            ("-error_file", file("register-errors.log")),
        ] {
            arguments.extend([option.to_owned(), value]);
        }
        arguments.extend(["-key", "phone_port"].map(str::to_owned));
        arguments.extend([self.ports.phones.to_string(), "-trace_err".to_owned(), "-nostdin".to_owned()]);
        let process = Process::start("the registration", self.roots.sipp(), &arguments, &sip.join("register.out"))?;
        let status = process.wait(Duration::from_secs(10)).await?;
        anyhow::ensure!(status.success(), "the phones could not register; see {}", sip.display());
        Ok(())
    }

    /// Waits until the state of `PJSIP/<device>` fits.
    pub async fn wait_for_device(&self, device: &str, fits: impl Fn(&str) -> bool) -> anyhow::Result<()> {
        let mut state = String::new();
        for _ in 0..500 {
            let answer = self.asterisk.ari_get(&format!("deviceStates/PJSIP%2F{device}")).await?;
            answer["state"].as_str().unwrap_or("").clone_into(&mut state);
            if fits(&state) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        anyhow::bail!("PJSIP/{device} stays {state}")
    }

    /// Every INVITE that the carrier has received.
    pub fn invites_at_carrier(&self) -> Vec<Invite> {
        self.carrier.invites()
    }

    /// Every INVITE that any phone has received.
    pub fn invites_at_phones(&self) -> Vec<Invite> {
        self.phones.invites()
    }

    /// What a phone or the carrier heard in the call of this INVITE.
    pub fn heard_by(&self, invite: &Invite) -> Vec<i16> {
        let heard = self.phones.heard(&invite.sip_call_id);
        if heard.is_empty() { self.carrier.heard(&invite.sip_call_id) } else { heard }
    }

    /// What Asterisk lists as alive: names of channels and ids of bridges, empty when all is over.
    pub async fn live(&self) -> anyhow::Result<Vec<String>> {
        let channels = self.asterisk.ari_get("channels").await?;
        let bridges = self.asterisk.ari_get("bridges").await?;
        let names = |list: &serde_json::Value, field: &str| -> Vec<String> {
            list.as_array().into_iter().flatten().filter_map(|entry| entry[field].as_str().map(str::to_owned)).collect()
        };
        Ok([names(&channels, "name"), names(&bridges, "id")].concat())
    }

    /// The programs of this world.
    pub fn roots(&self) -> &Roots {
        &self.roots
    }
}
