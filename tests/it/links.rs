//! Links on a desktop: the real `xdg-open` finds the entry that `dialbridge open --install` wrote, and the call
//! that it starts shows the caller id of the link.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::process::Output;

use anyhow::Context as _;

use crate::lab::browser::{Display, xdg};
use crate::lab::sip::Invite;
use crate::lab::wait_until;
use crate::rig::{Rig, SOON, on_22};

const BINARY: &str = env!("CARGO_BIN_EXE_dialbridge");

/// Alice's desktop: a home with her token, a display, and a notification service that writes down.
pub(crate) struct Desk {
    home: PathBuf,
    display: Display,
}

impl Desk {
    pub(crate) async fn new(rig: &Rig) -> anyhow::Result<Self> {
        let home = rig.world.dir.join("home");
        if home.exists() {
            fs::remove_dir_all(&home)?;
        }
        let (bin, config) = (home.join("bin"), home.join(".config/dialbridge"));
        fs::create_dir_all(&bin)?;
        fs::create_dir_all(&config)?;
        for name in ["xdg-open", "xdg-mime"] {
            symlink(xdg(name)?, bin.join(name))?;
        }
        let notify = bin.join("notify-send");
        fs::write(&notify, "#!/bin/sh\nshift 3\necho \"$1: $2\" >> \"$HOME/notified\"\n")?;
        fs::set_permissions(&notify, fs::Permissions::from_mode(0o755))?;
        fs::copy(rig.world.dir.join("client-101.toml"), config.join("client.toml"))?;
        Ok(Self { home, display: Display::start(&rig.world.dir).await? })
    }

    /// What programs on this desktop have around them. No other browser is tried where ours says no.
    pub(crate) fn variables(&self) -> [(&'static str, String); 4] {
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", self.home.join("bin").display());
        let home = self.home.display().to_string();
        [("HOME", home), ("PATH", path), ("DISPLAY", self.display.name.clone()), ("BROWSER", "false".to_owned())]
    }

    pub(crate) async fn run(&self, program: &str, arguments: &[&str]) -> anyhow::Result<Output> {
        let mut command = tokio::process::Command::new(program);
        command.args(arguments).env_clear().envs(self.variables());
        command.output().await.with_context(|| format!("running {program}"))
    }

    /// `dialbridge`, which must do as it is told.
    pub(crate) async fn dialbridge(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = self.run(BINARY, arguments).await?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        anyhow::ensure!(output.status.success(), "dialbridge {arguments:?}: {} {complaint}", output.status);
        Ok(String::from_utf8(output.stdout)?)
    }

    /// A link that a person clicked on; what was said.
    async fn open(&self, link: &str) -> anyhow::Result<String> {
        let program = self.home.join("bin/xdg-open").display().to_string();
        let output = self.run(&program, &[link]).await?;
        Ok(String::from_utf8(output.stdout)? + &String::from_utf8(output.stderr)?)
    }

    /// Waits for a notification.
    pub(crate) async fn notified(&self, line: &str) -> anyhow::Result<()> {
        let notified = self.home.join("notified");
        let read = || fs::read_to_string(&notified).unwrap_or_default();
        let found = || read().lines().any(|shown| shown == line).then_some(());
        wait_until(SOON, &format!("the notification {line:?}"), found).await.with_context(|| format!("{:?}", read()))
    }

    async fn default_for(&self, scheme: &str) -> anyhow::Result<String> {
        let program = self.home.join("bin/xdg-mime").display().to_string();
        let output = self.run(&program, &["query", "default", &format!("x-scheme-handler/{scheme}")]).await?;
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }
}

/// Waits for the next INVITE at the carrier, and ends its call.
pub(crate) async fn next_at_carrier(rig: &Rig, before: usize) -> anyhow::Result<Invite> {
    let invite = wait_until(crate::rig::CALL, "the call at the carrier", || {
        rig.world.invites_at_carrier().into_iter().nth(before)
    })
    .await?;
    rig.terminate("101").await?;
    Ok(invite)
}

async fn a_link_calls_as_it_says_and_never_as_somebody_else(rig: &Rig) -> anyhow::Result<()> {
    let desk = Desk::new(rig).await?;
    let said = desk.dialbridge(&["open", "--install"]).await?;
    anyhow::ensure!(said.contains(".local/share/applications/dialbridge.desktop"), "{said}");
    for scheme in ["votel", "tel", "callto"] {
        let default = desk.default_for(scheme).await?;
        anyhow::ensure!(default == "dialbridge.desktop", "{scheme}: {default}");
    }

    let said = desk.open("votel://+12125550101/+12125550101").await?;
    anyhow::ensure!(said.contains("Calling +1 212 555 0101 as +1 212 555 0101 (Demo Support)\n"), "{said}");
    let invite = next_at_carrier(rig, 0).await?;
    anyhow::ensure!(invite.to == "+12125550101" && invite.from == "+12125550101", "{invite:?}");
    anyhow::ensure!(invite.from_name.as_deref() == Some("Demo Support"), "{invite:?}");
    desk.notified("Calling +1 212 555 0101: as +1 212 555 0101 (Demo Support)").await?;

    let (phones, carrier) = (rig.world.invites_at_phones().len(), rig.world.invites_at_carrier().len());
    let said = desk.open("votel://+12125550101/+12125550102").await?;
    anyhow::ensure!(said.contains("not allowed") && !said.contains("Calling"), "{said}");
    let refused = desk.run(BINARY, &["open", "votel://+12125550101/+12125550102"]).await?;
    anyhow::ensure!(refused.status.code() == Some(3) && refused.stdout.is_empty(), "{refused:?}");
    for (link, word) in [("votel://+12125550101", "caller id is missing"), ("tel:+12125550101;ext=1", "parameters")] {
        let said = desk.open(link).await?;
        anyhow::ensure!(said.contains(word), "{link}: {said}");
    }
    anyhow::ensure!(rig.world.invites_at_phones().len() == phones && rig.world.invites_at_carrier().len() == carrier);

    let said = desk.open("TEL://+12125551101").await?;
    anyhow::ensure!(said.contains("Calling +1 212 555 1101 as +1 212 555 0100 (Demo Main)"), "{said}");
    let invite = next_at_carrier(rig, carrier).await?;
    anyhow::ensure!(invite.from == "+12125550100", "the caller id of a link counts for that call alone: {invite:?}");

    desk.dialbridge(&["open", "--uninstall"]).await?;
    for scheme in ["votel", "tel", "callto"] {
        let default = desk.default_for(scheme).await?;
        anyhow::ensure!(default.is_empty(), "{scheme}: {default}");
    }
    Ok(())
}

async fn an_agent_sees_the_numbers_to_call_as(rig: &Rig) -> anyhow::Result<()> {
    let client = rig.world.dir.join("client-101.toml").display().to_string();
    let output = tokio::process::Command::new(BINARY).args(["caller-ids", "--client", &client]).output().await?;
    let said = String::from_utf8(output.stdout)?;
    for (number, name) in [("+12125550100", "Demo Main"), ("+12125550101", "Demo Support")] {
        anyhow::ensure!(said.lines().any(|line| line.contains(number) && line.contains(name)), "{number}: {said}");
    }
    anyhow::ensure!(!said.contains("+12125550102"), "shared with nobody: {said}");
    let arguments = ["caller-ids", "--json", "--client", &client];
    let output = tokio::process::Command::new(BINARY).args(arguments).output().await?;
    let json: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let numbers = json["data"].as_array().context("no list")?.len();
    anyhow::ensure!(numbers == 2 && json["data"][0]["number"].is_string(), "{json}");
    Ok(())
}

on_22! {
    xdg_open => super::a_link_calls_as_it_says_and_never_as_somebody_else;
    caller_ids => super::an_agent_sees_the_numbers_to_call_as;
}
