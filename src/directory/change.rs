//! From one directory to the next: what a file changes, in words, and the directory that results.
//!
//! A tenant named in the file becomes what the file says; other tenants stay. A secret that the file
//! names without its value keeps the stored value, found by its name (an agent's by the extension).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::directory::check::{self, Flaw};
use crate::directory::password;
use crate::directory::secret::Sealed;
use crate::directory::{Directory, Tenant};

/// One difference, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Whose.
    pub tenant: String,
    /// As `agent 104 changed: blocked false → true`. Never holds a secret.
    pub line: String,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.tenant, self.line)
    }
}

/// What would change if these tenants were applied.
pub fn diff(directory: &Directory, wanted: &[Tenant]) -> Vec<Change> {
    let lines = |tenant: &Tenant| match directory.tenant(&tenant.id) {
        Some(stored) => compare(&json(stored), &json(&settle(Some(stored), tenant).0)),
        None => vec![format!("added, with {} agents and {} tokens", tenant.agents.len(), tenant.tokens.len())],
    };
    let changes = |tenant: &Tenant| -> Vec<Change> {
        lines(tenant).into_iter().map(|line| Change { tenant: tenant.id.clone(), line }).collect()
    };
    wanted.iter().flat_map(changes).collect()
}

/// The directory in which these tenants are as given and all others as they were; every flaw, if there is one.
pub fn apply(directory: &Directory, wanted: &[Tenant]) -> Result<Directory, Vec<Flaw>> {
    let mut flaws = Vec::new();
    let mut next = directory.clone();
    for tenant in wanted {
        let (settled, missing) = settle(directory.tenant(&tenant.id).map(AsRef::as_ref), tenant);
        flaws.extend(missing);
        flaws.extend(check::flaws(&settled));
        next.tenants.insert(settled.id.clone(), settled.into());
    }
    // What two share is the fault of the one that is being changed.
    let is_wanted = |tenant: &&Arc<Tenant>| wanted.iter().any(|wanted| wanted.id == tenant.id);
    let (changed, others): (Vec<_>, Vec<_>) = next.tenants.values().partition(is_wanted);
    flaws.extend(check::shared(others.into_iter().chain(changed).map(AsRef::as_ref)));
    if flaws.is_empty() { Ok(next) } else { Err(flaws) }
}

/// The tenant with its kept secrets filled in, and those of which nothing is stored.
fn settle(stored: Option<&Tenant>, wanted: &Tenant) -> (Tenant, Vec<Flaw>) {
    let mut tenant = wanted.clone();
    let mut missing = Vec::new();
    for (i, token) in tenant.tokens.iter_mut().enumerate().filter(|(_, token)| token.secret_hash.is_none()) {
        let known = stored.and_then(|stored| stored.tokens.iter().find(|known| known.name == token.name));
        token.secret_hash = known.and_then(|known| known.secret_hash);
        if token.secret_hash.is_none() {
            missing.push(format!("tokens[{i}].secret"));
        }
    }
    for (i, key) in tenant.callback_secrets.iter_mut().enumerate() {
        let known = stored.and_then(|stored| stored.callback_secrets.iter().find(|known| known.name == key.name));
        missing.extend(keep(
            &mut key.secret,
            known.map(|known| &known.secret),
            format!("callback_secrets[{i}].secret"),
        ));
    }
    for (i, agent) in tenant.agents.iter_mut().enumerate() {
        // Good ones are sealed before anything is applied: one that was forgotten is not stored.
        if agent.password.as_ref().is_some_and(|password| password::is_good(password.expose())) {
            missing.push(format!("agents[{i}].password_hash"));
        }
        let known = stored.and_then(|stored| stored.agent(&agent.extension)?.password_hash.as_ref());
        let Some(hash) = &mut agent.password_hash else { continue };
        missing.extend(keep(hash, known, format!("agents[{i}].password_hash")));
    }
    if let Some(header) = &mut tenant.callback_header {
        let known = stored.and_then(|stored| stored.callback_header.as_ref()).map(|known| &known.secret);
        missing.extend(keep(&mut header.secret, known, "callback_header.secret".to_owned()));
    }
    let flaw = |path| Flaw { tenant: wanted.id.clone(), path, message: "has no value here, and none is stored".into() };
    (tenant, missing.into_iter().map(flaw).collect())
}

/// Fills a kept secret in; gives the path back where there is nothing to fill it with.
fn keep(secret: &mut Sealed, stored: Option<&Sealed>, path: String) -> Option<String> {
    if !secret.is_kept() {
        return None;
    }
    *secret = stored.cloned().unwrap_or_default();
    secret.is_kept().then_some(path)
}

/// Lists whose members have a name of their own: the field, the word for a member, the member's key.
pub(super) const LISTS: [(&str, &str, &str); 8] = [
    ("callback_secrets", "callback secret", "name"),
    ("caller_ids", "caller id", "number"),
    ("routes", "route", "name"),
    ("dial_plans", "dial plan", "id"),
    ("services", "service", "extension"),
    ("queues", "queue", "id"),
    ("agents", "agent", "extension"),
    ("tokens", "token", "name"),
];

/// Differences of one list that are told one by one.
const READABLE: usize = 20;

pub(super) const SECRETS: [&str; 4] = ["secret", "secret_hash", "password", "password_hash"];

fn json(tenant: &Tenant) -> Value {
    serde_json::to_value(tenant).unwrap_or_default()
}

fn compare(old: &Value, new: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    for field in keys(old, new) {
        let (old, new) = (&old[&field], &new[&field]);
        match LISTS.iter().find(|(list, ..)| *list == field) {
            Some((_, word, key)) => lines.extend(compare_members(word, key, (old, new))),
            None => lines.extend(compare_field(&field, old, new)),
        }
    }
    lines
}

fn compare_members(word: &str, key: &str, (old, new): (&Value, &Value)) -> Vec<String> {
    let (old, new) = (by_key(old, key), by_key(new, key));
    let mut lines = Vec::new();
    for (name, member) in &old {
        let Some(wanted) = new.get(name) else {
            lines.push(format!("{word} {name} removed"));
            continue;
        };
        let changed: Vec<String> = keys(member, wanted)
            .iter()
            .flat_map(|field| compare_field(field, &member[field], &wanted[field]))
            .collect();
        if !changed.is_empty() {
            lines.push(format!("{word} {name} changed: {}", changed.join(", ")));
        }
    }
    lines.extend(new.keys().filter(|name| !old.contains_key(*name)).map(|name| format!("{word} {name} added")));
    lines
}

fn compare_field(field: &str, old: &Value, new: &Value) -> Vec<String> {
    if old == new {
        return Vec::new();
    }
    if SECRETS.contains(&field) {
        return vec![format!("{field} changed")];
    }
    match (old, new) {
        (Value::Object(_), Value::Object(_)) => keys(old, new)
            .iter()
            .flat_map(|key| compare_field(key, &old[key], &new[key]))
            .map(|line| format!("{field}.{line}"))
            .collect(),
        (Value::Array(old), Value::Array(new)) if old.iter().chain(new).all(Value::is_string) => {
            compare_words(field, old, new)
        }
        (Value::Object(_), Value::Null) => vec![format!("{field} removed")],
        (Value::Null, Value::Object(_)) => vec![format!("{field} added")],
        _ => vec![format!("{field} {} → {}", show(old), show(new))],
    }
}

/// Lists of words: each that went or came, or how many where they are too many to be read.
fn compare_words(field: &str, old: &[Value], new: &[Value]) -> Vec<String> {
    let words = |list: &[Value]| -> Vec<String> { list.iter().map(show).collect() };
    let (old, new) = (words(old), words(new));
    let missing = |from: &[String], of: &[String], sign: char| -> Vec<String> {
        let there: BTreeSet<&String> = from.iter().collect();
        let missing: Vec<&String> = of.iter().filter(|word| !there.contains(word)).collect();
        match missing.len() {
            0..=READABLE => missing.iter().map(|word| format!("{field} {sign} {word}")).collect(),
            many => vec![format!("{field} {sign} {many} entries")],
        }
    };
    let mut lines = missing(&new, &old, '−');
    lines.extend(missing(&old, &new, '+'));
    if lines.is_empty() { vec![format!("{field} reordered")] } else { lines }
}

fn by_key<'v>(list: &'v Value, key: &str) -> BTreeMap<String, &'v Value> {
    list.as_array().into_iter().flatten().map(|member| (show(&member[key]), member)).collect()
}

fn keys(old: &Value, new: &Value) -> Vec<String> {
    let fields = |value: &Value| value.as_object().into_iter().flat_map(|map| map.keys().cloned()).collect::<Vec<_>>();
    let mut keys = fields(new);
    keys.extend(fields(old).into_iter().filter(|key| new.get(key).is_none()));
    keys
}

fn show(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) if text.is_empty() => "\"\"".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
