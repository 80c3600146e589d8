//! What an operator relies on: metrics, readiness, the command line.

use std::process::{Command, Output};
use std::time::Duration;

use anyhow::Context as _;

use crate::lab::process::Process;
use crate::lab::provision::Roots;
use crate::rig::{Rig, on_both_versions};

async fn metrics(rig: &Rig) -> anyhow::Result<String> {
    let url = format!("http://127.0.0.1:{}/metrics", rig.world.ports.metrics);
    Ok(rig.http.get(url).send().await?.error_for_status()?.text().await?)
}

fn sum(metrics: &str, name: &str) -> f64 {
    let lines = metrics.lines().filter(|line| line.starts_with(name));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

async fn prometheus_accepts_and_scrapes_the_metrics(rig: &Rig) -> anyhow::Result<()> {
    let call = rig.call("101", "12125550105", &[]).await?;
    rig.wait_ended(&call).await?;
    let text = metrics(rig).await?;
    anyhow::ensure!(sum(&text, "dialbridge_calls_accepted_total") > 0.0, "{text}");
    let accepted = sum(&text, "dialbridge_calls_accepted_total");
    let over = sum(&text, "dialbridge_calls_ended_total") + sum(&text, "dialbridge_calls_active");
    anyhow::ensure!((accepted - over).abs() < f64::EPSILON, "accepted {accepted}, ended or active {over}");
    let (run, promtool) = Roots::tool("promtool");
    let file = rig.world.dir.join("metrics.txt");
    std::fs::write(&file, &text)?;
    let lint =
        Command::new(&run).args([promtool.as_str(), "check", "metrics"]).stdin(std::fs::File::open(&file)?).output()?;
    let said = String::from_utf8_lossy(&lint.stderr).into_owned() + &String::from_utf8_lossy(&lint.stdout);
    anyhow::ensure!(lint.status.success() && said.trim().is_empty(), "promtool says: {said}");
    scrape(rig).await
}

async fn scrape(rig: &Rig) -> anyhow::Result<()> {
    let (run, prometheus) = Roots::tool("prometheus");
    let (dir, port) = (&rig.world.dir, rig.world.ports.prometheus);
    let config = dir.join("prometheus.yml");
    let target = rig.world.ports.metrics;
    std::fs::write(
        &config,
        format!(
            "scrape_configs:\n- job_name: dialbridge\n  scrape_interval: 1s\n  static_configs:\n  - targets: ['127.0.0.1:{target}']\n"
        ),
    )?;
    let arguments = [
        prometheus,
        format!("--config.file={}", config.display()),
        format!("--storage.tsdb.path={}", dir.join("prometheus").display()),
        format!("--web.listen-address=127.0.0.1:{port}"),
    ];
    let _process = Process::start("prometheus", &run, &arguments, &dir.join("prometheus.log"))?;
    let url = format!("http://127.0.0.1:{port}/api/v1/query?query=dialbridge_calls_accepted_total");
    let scraped = async {
        loop {
            // While it starts it answers with nothing, or with something else.
            if let Ok(answer) = rig.http.get(&url).send().await
                && let Ok(answer) = serde_json::from_str::<serde_json::Value>(&answer.text().await?)
                && answer["data"]["result"][0]["value"][1] == "1"
            {
                return anyhow::Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), scraped).await.context("Prometheus has not scraped the call")?
}

async fn readiness_tells_which_part_is_away(rig: &Rig) -> anyhow::Result<()> {
    let ready = async || -> anyhow::Result<(u16, serde_json::Value)> {
        let answer = rig.http.get(rig.daemon.url("/readyz")).send().await?;
        Ok((answer.status().as_u16(), serde_json::from_str(&answer.text().await?)?))
    };
    let (status, body) = ready().await?;
    anyhow::ensure!(status == 200, "{body}");
    rig.world.asterisk.kill();
    let noticed = async {
        loop {
            let (status, body) = ready().await?;
            if status == 503 {
                return anyhow::Ok(body);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let body = tokio::time::timeout(Duration::from_secs(15), noticed).await.context("still ready")??;
    anyhow::ensure!(body.to_string().contains("ari"), "{body}");
    let alive = rig.http.get(rig.daemon.url("/healthz")).send().await?;
    anyhow::ensure!(alive.status() == 200, "an Asterisk that is away is no reason to restart the daemon");
    rig.world.asterisk.start()?;
    rig.world.asterisk.wait_ready().await?;
    rig.daemon.wait_ready(Duration::from_secs(6)).await
}

/// One command of the command line, over the admin socket.
pub(crate) fn dialbridge(rig: &Rig, arguments: &[&str]) -> anyhow::Result<Output> {
    let socket = rig.world.dir.join("dialbridge.sock");
    Ok(Command::new(env!("CARGO_BIN_EXE_dialbridge")).args(arguments).env("DIALBRIDGE_SOCKET", socket).output()?)
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

async fn check_says_what_it_found(rig: &Rig) -> anyhow::Result<()> {
    let config = rig.daemon.config().display().to_string();
    let output = dialbridge(rig, &["check", "--config", &config])?;
    let said = text(&output);
    anyhow::ensure!(output.status.success(), "{said}");
    let version = rig.world.version.root();
    let transport = if version == "22" { "websocket" } else { "http" };
    anyhow::ensure!(said.to_lowercase().contains(transport), "{said}");
    anyhow::ensure!(said.contains(&format!("{version}.")), "{said}");
    rig.world.asterisk.kill();
    let output = dialbridge(rig, &["check", "--config", &config])?;
    anyhow::ensure!(output.status.code() == Some(4), "{:?} {}", output.status, text(&output));
    let missing = dialbridge(rig, &["check", "--config", "/nonexistent.toml"])?;
    anyhow::ensure!(missing.status.code() == Some(78), "{:?} {}", missing.status, text(&missing));
    rig.world.asterisk.start()?;
    rig.world.wait_ready().await
}

async fn a_change_of_the_directory_counts_at_once(rig: &Rig) -> anyhow::Result<()> {
    let exported = dialbridge(rig, &["directory", "export"])?;
    anyhow::ensure!(exported.status.success(), "{}", text(&exported));
    let before = String::from_utf8(exported.stdout)?;
    for secret in ["whsec_", "sha256:", "$argon2id$", "secret = \"demo-code\"", "secret_hash = \"demo-code\""] {
        anyhow::ensure!(!before.contains(secret), "{secret} came out");
    }
    anyhow::ensure!(before.contains("name = \"demo-code\""), "the token is not named: {before}");
    let file = rig.world.dir.join("directory.toml");
    let path = file.display().to_string();
    std::fs::write(&file, &before)?;
    let same = dialbridge(rig, &["directory", "apply", &path, "--dry-run"])?;
    anyhow::ensure!(same.status.success() && text(&same).contains("Nothing changes."), "{}", text(&same));
    std::fs::write(&file, before.replace("blocked = true", "blocked = false"))?;
    let dry = dialbridge(rig, &["directory", "apply", &path, "--dry-run"])?;
    anyhow::ensure!(text(&dry).contains("blocked"), "{}", text(&dry));
    anyhow::ensure!(rig.click("103", "12125550105", &[]).await?["ERRORCODE"] == 4, "a dry run changed something");
    let applied = dialbridge(rig, &["directory", "apply", &path])?;
    anyhow::ensure!(applied.status.success(), "{}", text(&applied));
    let call = rig.call("103", "12125550105", &[]).await?;
    rig.terminate("103").await?;
    rig.wait_ended(&call).await?;
    rig.daemon.kill_hard();
    rig.daemon.restart()?;
    rig.daemon.wait_ready(Duration::from_secs(15)).await?;
    let again = dialbridge(rig, &["directory", "apply", &path, "--dry-run"])?;
    anyhow::ensure!(text(&again).contains("Nothing changes."), "the change did not last: {}", text(&again));
    Ok(())
}

on_both_versions! {
    prometheus => super::prometheus_accepts_and_scrapes_the_metrics;
    readiness => super::readiness_tells_which_part_is_away;
    check => super::check_says_what_it_found;
    directory => super::a_change_of_the_directory_counts_at_once;
}
