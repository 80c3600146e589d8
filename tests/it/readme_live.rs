//! The README's commands, as they stand there, against a world whose ports alone are others.

use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;

use crate::rig::{CALL, Rig, on_both_versions};

const README: &str = include_str!("../../README.md");

/// Every `curl` and every `dialbridge` in the shell blocks under "Try it", continued lines joined.
fn commands() -> Vec<String> {
    let (_, section) = README.split_once("## Try it").expect("the section");
    let section = section.split("\n## ").next().unwrap_or_default();
    let blocks = section.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let lines: Vec<String> =
        blocks.flat_map(|block| block.replace("\\\n", " ").lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    lines.into_iter().filter(|line| line.starts_with("curl ") || line.starts_with("dialbridge ")).collect()
}

/// A command with the ports of this world.
fn moved(rig: &Rig, command: &str) -> String {
    let ports = &rig.world.ports;
    [(":8080/", ports.http), (":9464/", ports.metrics), (":8090/", ports.sink)]
        .iter()
        .fold(command.to_owned(), |text, (port, moved)| text.replace(port, &format!(":{moved}/")))
}

/// A command of ours: it says something, and ends well. What goes on until Ctrl-C gets one after a second.
fn run_ours(rig: &Rig, command: &str, call: &str) -> anyhow::Result<()> {
    let program = env!("CARGO_BIN_EXE_dialbridge");
    let goes_on = command.contains(" --follow") || command.contains(" listen ");
    let before = if goes_on { "timeout --preserve-status --signal=INT 1 " } else { "" };
    let script = moved(rig, &command.replacen("dialbridge", &format!("{before}{program}"), 1));
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]).env("CALL", call).env("DIALBRIDGE_TENANT", "demo");
    let output = shell.env("DIALBRIDGE_SOCKET", rig.world.dir.join("dialbridge.sock")).output()?;
    let said = [output.stdout, output.stderr].concat();
    anyhow::ensure!(output.status.success() && !said.is_empty(), "{script}: {}", String::from_utf8_lossy(&said));
    Ok(())
}

/// What a command answered: the body, and the HTTP status.
fn run(rig: &Rig, command: &str, call: &str) -> anyhow::Result<(String, String)> {
    let moved = moved(rig, command);
    let script = format!("{moved} --silent --show-error --write-out '\\n%{{http_code}}'");
    // Files that a command writes stay in the world.
    let output = Command::new("sh").args(["-c", &script]).env("CALL", call).current_dir(&rig.world.dir).output()?;
    anyhow::ensure!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    let (body, status) = text.rsplit_once('\n').context("no status")?;
    Ok((body.to_owned(), status.to_owned()))
}

/// A field of a click's answer, in XML or JSON.
fn field(body: &str, name: &str) -> anyhow::Result<String> {
    if let Ok(json) = serde_json::from_str::<serde_json::Value>(body) {
        let value = &json[name];
        return Ok(value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    }
    let start = format!("<name>{name}</name><value><string>");
    let (_, rest) = body.split_once(&start).with_context(|| format!("no {name} in {body}"))?;
    Ok(rest.split('<').next().unwrap_or_default().to_owned())
}

/// The codes that the README's words promise; none where it asks the API.
fn promised(command: &str) -> &'static [&'static str] {
    match command {
        _ if !command.contains("click2call") => &[],
        _ if command.contains("action=terminate") => &["0", "2"],
        _ if command.contains("phone=102") => &["3"],
        _ => &["0"],
    }
}

async fn every_command_answers_as_it_says(rig: &Rig) -> anyhow::Result<()> {
    let commands = commands();
    let asked = commands.iter().filter(|command| command.contains("$CALL")).count();
    anyhow::ensure!(commands.len() >= 9 && asked >= 3, "the README lost its commands: {commands:?}");
    let mut calls: Vec<String> = Vec::new();
    for command in &commands {
        let first = calls.first().cloned().unwrap_or_default();
        if command.starts_with("dialbridge ") {
            run_ours(rig, command, &first)?;
            continue;
        }
        let (mut body, mut status) = run(rig, command, &first)?;
        // Readiness is a state: a disk that takes a second to write makes the store unready for that long.
        for _ in 0..10 {
            if status == "200" || !command.contains("/readyz") {
                break;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
            (body, status) = run(rig, command, &first)?;
        }
        let places = command.contains("/v1/calls") && command.contains(" -d ");
        anyhow::ensure!(status == if places { "201" } else { "200" }, "{command}: {status} {body}");
        if places {
            calls.push(field(&body, "id")?);
            continue;
        }
        if command.contains("ClickToCallAPI") {
            anyhow::ensure!(field(&body, "status")? == "success", "{command}: {body}");
            calls.push(field(&body, "call_id")?);
            continue;
        }
        if command.contains("make_call") {
            anyhow::ensure!(field(&body, "status")? == "calling", "{command}: {body}");
            anyhow::ensure!(body.contains("Calling +1 212 555 0115 as +1 212 555 0100"), "{command}: {body}");
            calls.push(field(&body, "call_id")?);
            continue;
        }
        let codes = promised(command);
        if codes.is_empty() {
            anyhow::ensure!(!body.is_empty(), "{command}: nothing came");
            continue;
        }
        let code = field(&body, "ERRORCODE")?;
        anyhow::ensure!(codes.contains(&code.as_str()), "{command}: {body}");
        if code == "0" && command.contains("action=call") {
            calls.push(field(&body, "CALLID")?);
        }
    }
    anyhow::ensure!(calls.len() == 6, "{calls:?}");
    for call in &calls {
        rig.wait_ended(call).await?;
    }
    let callbacks = rig.sink.wait_for(1, CALL).await?;
    anyhow::ensure!(callbacks[0].path == "/crm", "{callbacks:?}");
    Ok(())
}

on_both_versions! {
    commands => super::every_command_answers_as_it_says;
}
