//! The reference libraries of Standard Webhooks accept what we sign, and nothing else.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dialbridge::callback::sign::{Key, signature};
use dialbridge::clock::Clock;
use serde_json::{Value, json};

const OLD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NEW: &str = "whsec_ZGlhbGJyaWRnZS1kZW1vLWNhbGxiYWNrLXNlY3JldCE=";

/// JSON bodies: the library for JavaScript parses what it has verified.
fn bodies() -> Vec<String> {
    let texts = ["", "plain", "שלום עולם", "naïve ☎ 😀", "a\u{0}b\r\n\t\"\\", "[ctl_userdata|%5B%7C]"];
    let long = "x".repeat(60_000);
    let mut bodies: Vec<String> = texts.iter().map(|text| json!({ "text": text }).to_string()).collect();
    bodies.push(json!({ "text": long }).to_string());
    bodies.extend((0..493).map(|n| json!({ "n": n, "name": format!("Zoë {n}"), "spaced": " a  b " }).to_string()));
    bodies
}

fn message(body: &str, keys: &[&str], verifier: &str) -> Value {
    let keys: Vec<Key> = keys.iter().map(|text| Key::parse(text).unwrap()).collect();
    let (id, now) = ("msg_0190aa00000070008000000000000001_userdata", Clock::start().now().as_seconds());
    let signed = signature(&keys, id, now, body.as_bytes()).unwrap();
    let headers = json!({ "webhook-id": id, "webhook-timestamp": now.to_string(), "webhook-signature": signed });
    json!({ "secret": verifier, "headers": headers, "body": STANDARD.encode(body) })
}

fn tampered(mut message: Value, part: &str, value: &str) -> Value {
    match part {
        "body" => message["body"] = STANDARD.encode(value).into(),
        header => message["headers"][header] = value.into(),
    }
    message
}

#[expect(clippy::disallowed_methods, reason = "where the test finds what it has installed")]
fn lab() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    std::env::var_os("LAB_DIR").map_or_else(|| root.join(".lab"), |dir| root.join(dir)).join("webhooks")
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/webhooks").join(name)
}

fn install() {
    let dir = lab();
    let dir = dir.parent().unwrap();
    let outcome = Command::new(script("install.sh")).env("LAB_DIR", dir).output().unwrap();
    assert!(outcome.status.success(), "{}", String::from_utf8_lossy(&outcome.stderr));
}

fn verdicts(mut verifier: Command, messages: &[Value]) -> Vec<String> {
    let mut child = verifier.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let lines = messages.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    let output = std::thread::scope(|scope| {
        scope.spawn(move || input.write_all(lines.as_bytes()).unwrap());
        child.wait_with_output().unwrap()
    });
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn judges() -> [(&'static str, Command); 2] {
    let mut python = Command::new(lab().join("venv/bin/python"));
    python.arg(script("verify.py"));
    let mut node = Command::new("node");
    node.arg(script("verify.mjs")).arg(lab().join("npm"));
    [("python", python), ("node", node)]
}

#[test]
fn the_reference_libraries_accept_our_signatures_while_keys_change_over() {
    install();
    let mut messages = Vec::new();
    for (n, body) in bodies().iter().enumerate() {
        let keys: &[&str] = [&[OLD][..], &[NEW, OLD]][n % 2];
        messages.push(message(body, keys, OLD));
        messages.push(message(body, &[NEW, OLD], NEW));
    }
    assert_eq!(messages.len(), 1_000);
    for (name, judge) in judges() {
        let verdicts = verdicts(judge, &messages);
        assert_eq!(verdicts.len(), messages.len(), "{name}");
        let refused = verdicts.iter().position(|verdict| verdict != "ok");
        assert_eq!(refused.map(|n| &messages[n]), None, "{name}");
    }
}

#[test]
fn the_reference_libraries_refuse_what_was_tampered_with() {
    install();
    let good = message("{\"amount\":1}", &[NEW], NEW);
    let stale = (Clock::start().now().as_seconds() - 3_600).to_string();
    let messages = [
        tampered(good.clone(), "body", "{\"amount\":2}"),
        tampered(good.clone(), "webhook-id", "msg_other"),
        tampered(good.clone(), "webhook-timestamp", &stale),
        tampered(good.clone(), "webhook-signature", "v1,AAAA"),
        message("{\"amount\":1}", &[OLD], NEW),
        good,
    ];
    for (name, judge) in judges() {
        assert_eq!(verdicts(judge, &messages), ["refused", "refused", "refused", "refused", "refused", "ok"], "{name}");
    }
}
