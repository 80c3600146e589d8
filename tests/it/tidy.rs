//! The house rules that no compiler checks: what the pure core may mention, who may import whom, how
//! long a file may be, and what must not stand anywhere.
//!
//! Each rule is a function over a path and a text; the last test plants a violation of each.

use std::fs;
use std::path::{Path, PathBuf};

/// Modules without a clock, I/O, concurrency, log or randomness. `*` stands for one part of a path.
const PURE: [&str; 15] = [
    "src/call/",
    "src/switchboard",
    "src/dial/",
    "src/report/",
    "src/device.rs",
    "src/ledger.rs",
    "src/link.rs",
    "src/timestamp.rs",
    "src/callback/retry.rs",
    "src/callback/sign.rs",
    "src/callback/guard.rs",
    "src/asterisk/backoff.rs",
    "src/asterisk/naming.rs",
    "src/asterisk/*/message.rs",
    "src/asterisk/*/request.rs",
];
const IMPURE_WORDS: [&str; 10] =
    ["tokio", "async", "await", "Instant", "SystemTime", "sqlx", "hyper", "axum", "tracing", "rand"];
const ADAPTERS: [&str; 4] = ["asterisk", "callback", "http", "store"];
/// Pieces, so that this file does not hold what it forbids.
const NOWHERE_IN_CODE: [(&str, &str); 5] =
    [("#[al", "low("), ("#![al", "low("), ("#[ig", "nore"), ("to", "do!("), ("unimple", "mented!(")];
const NOWHERE_AT_ALL: [(&str, &str); 7] = [
    ("/wo", "rk/"),
    ("/ro", "ot/"),
    ("crates", ".io"),
    ("pypi", ".org"),
    ("npmjs", ".org"),
    ("deb.", "debian.org"),
    ("proxy.", "golang.org"),
];
const LONGEST: usize = 600;
/// Endings of type names that say nothing. A `Service` is an extension without a person, of the directory alone.
/// `UserData` is the Voicenter API's own word.
const VAGUE: [&str; 7] = ["Manager", "Handler", "Helper", "Impl", "Info", "Data", "Service"];
/// What snapshot tests leave behind when they were not looked at.
const LEFTOVERS: [&str; 2] = [".pending-snap", ".snap.new"];

fn faults(path: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let mut fault = |what: String| faults.push(format!("{path}: {what}"));
    for (one, two) in NOWHERE_AT_ALL {
        if text.contains(&format!("{one}{two}")) {
            fault(format!("mentions {one}{two}"));
        }
    }
    if LEFTOVERS.iter().any(|end| path.ends_with(end)) {
        fault("is a snapshot that nobody has accepted".to_owned());
    }
    if Path::new(path).extension().is_none_or(|extension| extension != "rs") {
        return faults;
    }
    if !text.starts_with("//!") {
        fault("begins without //!".to_owned());
    }
    if text.lines().count() > LONGEST {
        fault(format!("has more than {LONGEST} lines"));
    }
    let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    for (one, two) in NOWHERE_IN_CODE {
        if code.iter().any(|line| line.contains(&format!("{one}{two}"))) {
            fault(format!("has {one}{two}"));
        }
    }
    for name in code.iter().filter_map(|line| declared_type(line)) {
        let vague = VAGUE.iter().find(|vague| name.ends_with(*vague));
        let is_at_home = |vague: &str| vague == "Service" && path.starts_with("src/directory/") || name == "UserData";
        if vague.is_some_and(|vague| !is_at_home(vague)) {
            fault(format!("declares {name}, which says nothing"));
        }
    }
    if PURE.iter().any(|pure| matches(pure, path)) {
        for word in IMPURE_WORDS.iter().filter(|word| code.iter().any(|line| has_word(line, word))) {
            fault(format!("is pure and mentions {word}"));
        }
    }
    for sibling in siblings(path) {
        if product(&code).any(|line| line.contains(&sibling)) {
            fault(format!("is an adapter and imports its sibling {sibling}"));
        }
    }
    faults
}

/// The name of the type, trait or alias that a line declares; what an `impl` must call its types is the trait's choice.
fn declared_type(line: &str) -> Option<&str> {
    if line.trim_start().starts_with("type ") && line.starts_with(' ') {
        return None;
    }
    let mut words = line.split_whitespace().skip_while(|word| word.starts_with("pub"));
    let is_type = |word: &str| ["struct", "enum", "trait", "type", "union"].contains(&word);
    // `pub(in crate::http)` is two words.
    let keyword = words.find(|word| !word.ends_with(')'))?;
    let name = is_type(keyword).then(|| words.next()).flatten()?;
    name.split(|c: char| !c.is_alphanumeric() && c != '_').next()
}

/// Code without its tests, which stand last.
fn product<'a>(code: &'a [&'a str]) -> impl Iterator<Item = &'a &'a str> {
    code.iter().take_while(|line| !line.starts_with("mod tests {"))
}

/// What a file may not import; of the store only the implementations, since its root is a port.
fn siblings(path: &str) -> Vec<String> {
    let home = ADAPTERS.iter().find(|adapter| path.starts_with(&format!("src/{adapter}/")));
    let Some(home) = home.filter(|_| !path.ends_with("/tests.rs")) else { return Vec::new() };
    let others = ADAPTERS.iter().filter(|adapter| *adapter != home);
    others.map(|adapter| format!("crate::{adapter}{}", if *adapter == "store" { "::sqlite" } else { "" })).collect()
}

fn matches(pattern: &str, path: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else { return path.starts_with(pattern) };
    let middle = path.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
    middle.is_some_and(|middle| !middle.contains('/'))
}

fn has_word(line: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word)
        .any(|(at, _)| !line[..at].ends_with(is_part) && !line[at + word.len()..].starts_with(is_part))
}

fn files_under(place: &Path, into: &mut Vec<PathBuf>) {
    if place.is_file() {
        into.push(place.to_owned());
    }
    for entry in fs::read_dir(place).into_iter().flatten() {
        files_under(&entry.expect("readable").path(), into);
    }
}

#[test]
fn the_house_is_tidy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for place in
        ["src", "tests", "asterisk-conf", "systemd", "docker", ".ci", ".config", "docker-compose.yml", "Makefile"]
    {
        files_under(&root.join(place), &mut files);
    }
    for place in ["README.md", "CHANGELOG.md", "Cargo.toml", "clippy.toml", "deny.toml"] {
        files_under(&root.join(place), &mut files);
    }
    assert!(files.len() > 50, "the walk found only {} files", files.len());
    let faults: Vec<String> = files
        .iter()
        .filter_map(|path| Some((path.strip_prefix(root).ok()?.to_str()?, fs::read_to_string(path).ok()?)))
        .flat_map(|(path, text)| faults(path, &text))
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_planted_violation_of_each_rule_is_found() {
    let long = format!("//! Long.\n{}", "\n".repeat(LONGEST));
    for (path, text, expected) in [
        ("src/call/mod.rs", "//! A call.\nuse tokio::time::Duration;", "mentions tokio"),
        ("src/asterisk/ari/message.rs", "//! Events.\nasync fn decode() {}", "mentions async"),
        ("src/switchboard/mod.rs", "//! All calls.\nlet at = Instant::now();", "mentions Instant"),
        ("src/http/door/voicenter.rs", "//! A door.\nuse crate::asterisk::ari;", "sibling crate::asterisk"),
        ("src/callback/mod.rs", "//! Callbacks.\nuse crate::store::sqlite::Sqlite;", "sibling crate::store::sqlite"),
        ("src/engine.rs", "use std::fmt;", "begins without //!"),
        ("src/engine.rs", &long, "more than 600 lines"),
        ("src/engine.rs", &format!("//! X.\n{}dead_code)]", NOWHERE_IN_CODE[0].0.to_owned() + "low("), "has #[al"),
        ("tests/it/a.rs", &format!("//! X.\n{}{}]", "#[ig", "nore"), "has #[ig"),
        ("src/engine.rs", &format!("//! X.\nfn later() {{ {}{}) }}", "to", "do!("), "has to"),
        ("src/engine.rs", "//! X.\npub(in crate::http) struct CallManager {", "declares CallManager"),
        ("src/http/mod.rs", "//! X.\ntrait DialService: Send {", "declares DialService"),
        ("src/call/mod.rs", "//! X.\npub enum Info<T> {", "declares Info"),
        ("src/report/.record.rs.pending-snap", "{}", "nobody has accepted"),
        ("src/report/snapshots/a.snap.new", "x", "nobody has accepted"),
        ("README.md", &format!("see {}{}x", "/wo", "rk/"), "mentions /wo"),
        ("docker-compose.yml", &format!("from {}{}", "crates", ".io"), "mentions crates"),
    ] {
        let found = faults(path, text);
        assert!(found.len() == 1 && found[0].contains(expected), "{path}: {expected}: {found:?}");
    }
}

#[test]
fn what_only_looks_like_a_violation_is_none() {
    for (path, text) in [
        ("src/call/mod.rs", "//! No async, no tokio in here.\n// Nor hyper.\nlet operand = 2;"),
        (
            "src/http/mod.rs",
            "//! Doors.\nuse crate::store::Store;\n#[cfg(test)]\nmod tests {\n use crate::store::sqlite;",
        ),
        ("src/directory/tenant.rs", "//! Tenants.\npub struct Service {"),
        ("src/callback/client.rs", "//! HTTP.\nimpl Service<Uri> for Guarded {\n    type Data = Bytes;"),
        ("src/asterisk/ari/link.rs", "//! A link.\nuse tokio::sync::mpsc;\nuse crate::asterisk::naming;"),
    ] {
        assert_eq!(faults(path, text), Vec::<String>::new());
    }
}
