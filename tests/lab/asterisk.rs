//! One Asterisk with the configuration that users install, and what the lab adds to it.
//!
//! `asterisk-conf/` is copied as it is; `tests/lab/asterisk/` adds ports, passwords, phones and the observers through
//! the `*.local.conf` files which those include. Killing and starting it again keeps its directory, registrations too.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;

use super::audio;
use super::process::Process;
use super::provision::Roots;
use super::template::Values;

/// The daemon's credentials in this world, for ARI and for AMI.
pub const USER: &str = "dialbridge";
pub const ARI_PASSWORD: &str = "dialbridge-ari-of-the-lab";
pub const AMI_PASSWORD: &str = "dialbridge-ami-of-the-lab";

/// Asterisk asks for these files although it has nothing to read in them; without them it logs errors.
const EMPTY_FILES: [&str; 7] = ["acl", "ccss", "features", "pjproject", "queuerules", "udptl", "websocket_client"];

/// An Asterisk of the lab, running or not.
#[derive(Debug)]
pub struct Asterisk {
    dir: PathBuf,
    roots: Roots,
    ari: String,
    client: reqwest::Client,
    process: Mutex<Option<Process>>,
}

impl Asterisk {
    /// Writes its configuration below `dir`; nothing is started yet.
    pub fn prepare(dir: &Path, roots: &Roots, mut values: Values, ari_port: u16) -> anyhow::Result<Self> {
        for sub in ["etc", "lib/keys", "agi", "spool/recording", "run", "log"] {
            fs::create_dir_all(dir.join(sub)).with_context(|| format!("making {}/{sub}", dir.display()))?;
        }
        let etc = dir.join("etc");
        for file in conf_files(&super::repository().join("asterisk-conf"))? {
            fs::copy(&file, etc.join(file.file_name().unwrap_or_default()))?;
        }
        values.set("dir", &dir.display());
        values.set("modules", &roots.modules.display());
        values.set("data", &roots.data.display());
        values.set("ari_password", &ARI_PASSWORD);
        values.set("ami_password", &AMI_PASSWORD);
        for file in conf_files(&super::lab_file("asterisk"))? {
            values.render(&file, &etc.join(file.file_name().unwrap_or_default()))?;
        }
        for name in EMPTY_FILES {
            fs::write(etc.join(format!("{name}.conf")), "; Nothing to set.\n")?;
        }
        audio::write_wav(&dir.join("main-menu.wav"), &audio::sine(audio::tone::MENU, 0, 16_000))?;
        let client = reqwest::Client::builder().timeout(Duration::from_secs(5)).build()?;
        let ari = format!("http://127.0.0.1:{ari_port}/ari");
        Ok(Self { dir: dir.to_owned(), roots: roots.clone(), ari, client, process: Mutex::new(None) })
    }

    /// Starts it; it answers a little later, see [`Self::wait_ready`].
    pub fn start(&self) -> anyhow::Result<()> {
        let mut arguments = self.roots.asterisk_arguments.clone();
        arguments.extend(["-C".to_owned(), self.dir.join("etc/asterisk.conf").display().to_string(), "-f".to_owned()]);
        let process = Process::start("Asterisk", &self.roots.asterisk, &arguments, &self.dir.join("log/output"))?;
        *self.process() = Some(process);
        Ok(())
    }

    /// Waits until ARI answers.
    pub async fn wait_ready(&self) -> anyhow::Result<()> {
        for _ in 0..600 {
            if self.ari_get("asterisk/info?only=status").await.is_ok() {
                return Ok(());
            }
            anyhow::ensure!(self.is_running(), "Asterisk ended at once; see {}", self.dir.join("log").display());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        anyhow::bail!("Asterisk is not ready after 30 s; see {}", self.dir.join("log").display())
    }

    /// SIGKILL, and waits until it is gone.
    pub fn kill(&self) {
        self.process().take();
    }

    /// Stops it in the middle of whatever it does (SIGSTOP), until [`Self::resume`]: an Asterisk that hangs.
    pub fn freeze(&self) -> anyhow::Result<()> {
        self.process().as_ref().context("Asterisk does not run")?.signal("STOP")
    }

    pub fn resume(&self) -> anyhow::Result<()> {
        self.process().as_ref().context("Asterisk does not run")?.signal("CONT")
    }

    pub fn is_running(&self) -> bool {
        self.process().as_ref().is_some_and(Process::is_running)
    }

    pub fn pid(&self) -> Option<u32> {
        self.process().as_ref().map(Process::pid)
    }

    /// `GET /ari/<path>` as the observer.
    pub async fn ari_get(&self, path: &str) -> anyhow::Result<Value> {
        let request = self.client.get(format!("{}/{path}", self.ari)).basic_auth("observer", Some("observer"));
        let response = request.send().await?.error_for_status()?;
        Ok(serde_json::from_str(&response.text().await?)?)
    }

    /// Any request to ARI, as the daemon's user: status and body.
    pub async fn ari(&self, method: &str, path: &str) -> anyhow::Result<(u16, Value)> {
        self.ari_with_body(method, path, "").await
    }

    /// The same with a JSON body.
    pub async fn ari_with_body(&self, method: &str, path: &str, body: &str) -> anyhow::Result<(u16, Value)> {
        let method = method.parse().context("not an HTTP method")?;
        let mut request =
            self.client.request(method, format!("{}/{path}", self.ari)).basic_auth(USER, Some(ARI_PASSWORD));
        if !body.is_empty() {
            request = request.header("Content-Type", "application/json").body(body.to_owned());
        }
        let response = request.send().await?;
        let status = response.status().as_u16();
        Ok((status, serde_json::from_str(&response.text().await?).unwrap_or(Value::Null)))
    }

    /// Its own directory: `etc`, `log`, `spool/recording`.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn process(&self) -> MutexGuard<'_, Option<Process>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn conf_files(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(dir).with_context(|| format!("reading {}", dir.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "conf"));
    Ok(files)
}
