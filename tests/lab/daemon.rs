//! dialbridge itself, against a world.
//!
//! Its configuration (`dialbridge.toml`) and its directory (`demo.toml`) are rendered into the world's directory; its
//! log goes to `dialbridge.log` there. It may be killed and started again, as often as a test likes.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;

use super::asterisk::{AMI_PASSWORD, ARI_PASSWORD, USER};
use super::process::Process;
use super::template::Values;
use super::world::World;

/// How long it may take to finish what it is doing after SIGTERM.
const SHUTDOWN: Duration = Duration::from_secs(30);

/// The daemon of a world, running or not.
#[derive(Debug)]
pub struct Daemon {
    binary: PathBuf,
    dir: PathBuf,
    http: String,
    client: reqwest::Client,
    process: Mutex<Option<Process>>,
}

impl Daemon {
    /// Renders its files and starts `binary serve --config dir/dialbridge.toml`.
    pub fn start(binary: &Path, world: &World) -> anyhow::Result<Self> {
        let values = values(world);
        values.render(&super::lab_file("demo.toml"), &world.dir.join("demo.toml"))?;
        values.render(&super::lab_file("dialbridge.toml"), &world.dir.join("dialbridge.toml"))?;
        write_client(world)?;
        let daemon = Self {
            binary: binary.to_owned(),
            dir: world.dir.clone(),
            http: format!("http://127.0.0.1:{}", world.ports.http),
            client: reqwest::Client::builder().timeout(Duration::from_secs(30)).build()?,
            process: Mutex::new(None),
        };
        daemon.restart()?;
        Ok(daemon)
    }

    /// Starts it again, with the files as they are now.
    pub fn restart(&self) -> anyhow::Result<()> {
        let config = self.config().display().to_string();
        let arguments = ["serve".to_owned(), "--config".to_owned(), config];
        let process = Process::start("dialbridge", &self.binary, &arguments, &self.log_file())?;
        *self.process() = Some(process);
        Ok(())
    }

    /// Waits until `/readyz` says 200.
    pub async fn wait_ready(&self, limit: Duration) -> anyhow::Result<()> {
        let ready = async {
            loop {
                if let Ok(answer) = self.client.get(format!("{}/readyz", self.http)).send().await
                    && answer.status().is_success()
                {
                    return Ok(());
                }
                anyhow::ensure!(self.is_running(), "dialbridge ended at once; its log:\n{}", self.log());
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(limit, ready)
            .await
            .with_context(|| format!("dialbridge is not ready after {limit:?}; its log:\n{}", self.log()))?
    }

    /// SIGKILL, and waits until it is gone.
    pub fn kill_hard(&self) {
        self.process().take();
    }

    /// SIGTERM, and waits until it has ended by itself.
    pub async fn terminate(&self) -> anyhow::Result<ExitStatus> {
        let process = self.process().take().context("dialbridge does not run")?;
        process.terminate(SHUTDOWN).await
    }

    /// Sends a signal by its name, such as `HUP`, `STOP` or `CONT`.
    pub fn signal(&self, name: &str) -> anyhow::Result<()> {
        self.process().as_ref().context("dialbridge does not run")?.signal(name)
    }

    pub fn is_running(&self) -> bool {
        self.process().as_ref().is_some_and(Process::is_running)
    }

    pub fn pid(&self) -> Option<u32> {
        self.process().as_ref().map(Process::pid)
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.http)
    }

    pub fn config(&self) -> PathBuf {
        self.dir.join("dialbridge.toml")
    }

    /// All that it has logged, over its restarts.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// Lines of the log at level ERROR, in any of its forms. A test that ends well has none.
    pub fn errors(&self) -> Vec<String> {
        let is_error = |line: &&str| {
            line.split_whitespace().take(2).any(|word| word == "ERROR") || line.contains("\"level\":\"ERROR\"")
        };
        self.log().lines().filter(is_error).map(str::to_owned).collect()
    }

    fn log_file(&self) -> PathBuf {
        self.dir.join("dialbridge.log")
    }

    fn process(&self) -> MutexGuard<'_, Option<Process>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What Alice's own computer needs to place calls as her.
fn write_client(world: &World) -> anyhow::Result<()> {
    let path = world.dir.join("client-101.toml");
    let text = format!("url = \"http://127.0.0.1:{}\"\ntoken = \"demo-alice\"\n", world.ports.http);
    fs::write(&path, "").with_context(|| format!("writing {}", path.display()))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    Ok(fs::write(&path, text)?)
}

/// The placeholders of `dialbridge.toml` and `demo.toml`.
pub fn values(world: &World) -> Values {
    let mut values = Values::of(&world.ports, &world.dir);
    values.set("transport", &world.roots().transport(world.version));
    values.set("user", &USER);
    values.set("ari_password", &ARI_PASSWORD);
    values.set("ami_password", &AMI_PASSWORD);
    values
}
