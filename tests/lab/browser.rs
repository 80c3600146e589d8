//! A virtual display, and Chromium as a WebDriver drives it: a real browser's own idea of who clicked what, where.
//!
//! WebDriver's "go to this address" looks to a server like an address that somebody typed. So tests go to a page, and let
//! its script, or a click on its link, do what is to be judged.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use fantoccini::elements::Element;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

use super::process::Process;
use super::provision;

/// How long a program may take to say where it listens.
const START: Duration = Duration::from_secs(20);

/// The root with the browser's programs, fetched where it is missing.
fn root() -> anyhow::Result<PathBuf> {
    provision::run_script(&["browser"])?;
    Ok(provision::directory().join("browser"))
}

/// The scripts of xdg-utils by their names. They need nothing but a shell.
pub fn xdg(name: &str) -> anyhow::Result<PathBuf> {
    Ok(root()?.join("usr/bin").join(name))
}

/// A display that nobody sees.
#[derive(Debug)]
pub struct Display {
    /// As `DISPLAY` has it.
    pub name: String,
    _process: Process,
}

impl Display {
    pub async fn start(dir: &Path) -> anyhow::Result<Self> {
        let root = root()?;
        let log = new_log(&dir.join("display.log"))?;
        let keyboards = root.join("usr/share/X11/xkb").display().to_string();
        let arguments = [
            "usr/bin/Xvfb",
            "-displayfd",
            "1",
            "-screen",
            "0",
            "800x600x24",
            "-nolisten",
            "tcp",
            "-xkbdir",
            &keyboards,
        ];
        let process = Process::start("the display", &root.join("run"), &arguments.map(str::to_owned), &log)?;
        let number = said(&log, "the display", |line| line.trim().parse::<u32>().ok()).await?;
        Ok(Self { name: format!(":{number}"), _process: process })
    }
}

/// A browser of its own, with a profile of its own.
#[derive(Debug)]
pub struct Browser {
    pub client: Client,
    _driver: Process,
}

impl Browser {
    /// Starts it without a display. `variables` are the environment of whatever it starts in turn; `preferences` are
    /// those of its profile. Every host under `.test` is this machine.
    pub async fn start(dir: &Path, variables: &[(&str, String)], preferences: Value) -> anyhow::Result<Self> {
        let root = root()?;
        let log = new_log(&dir.join("chromedriver.log"))?;
        let mut arguments: Vec<String> = variables.iter().map(|(name, value)| format!("{name}={value}")).collect();
        arguments.push(root.join("run").display().to_string());
        arguments.extend(["usr/bin/chromedriver", "--port=0"].map(str::to_owned));
        let driver = Process::start("chromedriver", Path::new("env"), &arguments, &log)?;
        let port = said(&log, "chromedriver", |line| {
            line.split_once("started successfully on port ")?.1.trim_end_matches('.').parse::<u16>().ok()
        })
        .await?;
        let profile = dir.join("profile").display().to_string();
        let options = json!({
            "binary": root.join("usr/lib/chromium/chromium"),
            "prefs": preferences,
            "args": [
                "--headless=new",
                // It may run as root, and in a container; and it ends when its driver does.
                "--no-sandbox",
                "--disable-dev-shm-usage",
                "--remote-debugging-pipe",
                "--disable-gpu",
                "--no-first-run",
                "--host-resolver-rules=MAP *.test 127.0.0.1",
                format!("--user-data-dir={profile}"),
            ],
        });
        let capabilities = [("goog:chromeOptions".to_owned(), options)].into_iter().collect();
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .with_context(|| format!("starting Chromium; see {}", log.display()))?;
        Ok(Self { client, _driver: driver })
    }

    /// The element with this id.
    pub async fn element(&self, id: &str) -> anyhow::Result<Element> {
        self.client.find(Locator::Id(id)).await.with_context(|| format!("no element {id}"))
    }

    /// Clicks as a person does.
    pub async fn click(&self, id: &str) -> anyhow::Result<()> {
        Ok(self.element(id).await?.click().await?)
    }

    /// Lets the page run this, and nobody has clicked.
    pub async fn script(&self, script: &str) -> anyhow::Result<Value> {
        Ok(self.client.execute(script, Vec::new()).await?)
    }

    pub async fn close(self) -> anyhow::Result<()> {
        Ok(self.client.close().await?)
    }
}

fn new_log(path: &Path) -> anyhow::Result<PathBuf> {
    fs::write(path, "").with_context(|| format!("making {}", path.display()))?;
    Ok(path.to_owned())
}

/// Waits for a line in the log of a program.
async fn said<T>(log: &Path, what: &str, line: impl Fn(&str) -> Option<T>) -> anyhow::Result<T> {
    let found = || fs::read_to_string(log).ok()?.lines().find_map(&line);
    super::wait_until(START, &format!("{what} to start, see {}", log.display()), found).await
}
