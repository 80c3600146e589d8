//! What `provision.sh` fetched, and how its programs are started.
//!
//! The roots are shared by all worlds of a checkout (`.lab/roots`, or `LAB_ROOTS`). With `LAB_ASTERISK` the machine's own
//! Asterisk is used, and its own `sipp` where it has one.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

/// Which Asterisk a world runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// 22, with REST over WebSocket.
    Asterisk22,
    /// 16, HTTP only.
    Asterisk16,
}

impl Version {
    /// `LAB_ASTERISK_VERSION`, or 22.
    pub fn from_env() -> anyhow::Result<Self> {
        match env::var("LAB_ASTERISK_VERSION").as_deref() {
            Ok("22") | Err(_) => Ok(Self::Asterisk22),
            Ok("16") => Ok(Self::Asterisk16),
            Ok(other) => anyhow::bail!("LAB_ASTERISK_VERSION={other}: it may be 22 or 16"),
        }
    }

    pub fn root(self) -> &'static str {
        match self {
            Self::Asterisk22 => "22",
            Self::Asterisk16 => "16",
        }
    }
}

/// The programs of one world.
#[derive(Clone, Debug)]
pub struct Roots {
    sipp: PathBuf,
    sipp_arguments: Vec<String>,
    pub asterisk: PathBuf,
    /// What goes before Asterisk's own arguments.
    pub asterisk_arguments: Vec<String>,
    /// Asterisk's modules, and its data (documentation of its options, which it wants at start).
    pub modules: PathBuf,
    pub data: PathBuf,
}

impl Roots {
    /// Fetches what is missing. This blocks, for about a minute the first time.
    pub fn provision(version: Version) -> anyhow::Result<Self> {
        let tools = directory().join("tools/run");
        if let Some(asterisk) = env::var_os("LAB_ASTERISK").map(PathBuf::from) {
            let (sipp, sipp_arguments) = if let Some(sipp) = installed("sipp") {
                (sipp, Vec::new())
            } else {
                run_script(&["tools"])?;
                (tools, vec!["usr/bin/sipp".to_owned()])
            };
            let modules = first_directory(&[
                "/usr/lib/x86_64-linux-gnu/asterisk/modules",
                "/usr/lib/asterisk/modules",
                "/usr/lib64/asterisk/modules",
            ])?;
            let data = first_directory(&["/usr/share/asterisk", "/var/lib/asterisk"])?;
            return Ok(Self { sipp, sipp_arguments, asterisk, asterisk_arguments: Vec::new(), modules, data });
        }
        run_script(&["tools", version.root()])?;
        let root = directory().join(version.root());
        let triplet = format!("{}-linux-gnu", env::consts::ARCH);
        let modules = [root.join(format!("usr/lib/{triplet}/asterisk/modules")), root.join("usr/lib/asterisk/modules")]
            .into_iter()
            .find(|path| path.is_dir())
            .with_context(|| format!("{} holds no modules of Asterisk", root.display()))?;
        Ok(Self {
            sipp: tools,
            sipp_arguments: vec!["usr/bin/sipp".to_owned()],
            asterisk: root.join("run"),
            asterisk_arguments: vec!["usr/sbin/asterisk".to_owned()],
            modules,
            data: root.join("usr/share/asterisk"),
        })
    }

    /// How dialbridge is told to send its requests: as the version can, and by its own choice to an installed Asterisk.
    pub fn transport(&self, version: Version) -> &'static str {
        match version {
            _ if self.asterisk_arguments.is_empty() => "auto",
            Version::Asterisk22 => "websocket",
            Version::Asterisk16 => "http",
        }
    }

    pub fn sipp(&self) -> &Path {
        &self.sipp
    }

    pub fn sipp_arguments(&self) -> Vec<String> {
        self.sipp_arguments.clone()
    }

    /// A command for `promtool` or `prometheus`.
    pub fn tool(name: &str) -> (PathBuf, String) {
        (directory().join("tools/run"), format!("usr/bin/{name}"))
    }
}

/// Fetches the named roots where they are missing.
pub fn run_script(roots: &[&str]) -> anyhow::Result<()> {
    let script = super::lab_file("provision.sh");
    let status =
        Command::new(&script).args(roots).env("LAB_ROOTS", directory()).status().context("running provision.sh")?;
    anyhow::ensure!(status.success(), "provisioning failed, see above");
    Ok(())
}

/// Where the roots are.
pub fn directory() -> PathBuf {
    env::var_os("LAB_ROOTS").map_or_else(|| super::repository().join(".lab/roots"), PathBuf::from)
}

fn installed(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|dir| dir.join(program)).find(|candidate| candidate.is_file())
}

fn first_directory(candidates: &[&str]) -> anyhow::Result<PathBuf> {
    let found = candidates.iter().map(PathBuf::from).find(|path| path.is_dir());
    found.with_context(|| format!("the installed Asterisk keeps its files in none of {candidates:?}"))
}
