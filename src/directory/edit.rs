//! Editing one tenant: a member of one of its lists put in place or taken away, its settings patched.
//!
//! Pure, and without judgement: what comes out is a tenant that somebody wants. Whether it may be is
//! [`apply`](super::apply)'s to say, by the same rules as for a file, and what it changes is [`diff`](super::diff)'s.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::dial::route::{DialPlan, Route};
use crate::directory::change::{LISTS, SECRETS};
use crate::directory::{Agent, CallerId, Credential, Flaw, Queue, Sealed, Service, Tenant};

/// A member of one of a tenant's lists, with a key of its own.
pub trait Member: Clone + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The list, as the tenant's document names it.
    const LIST: &'static str;
    /// The field that tells one member from another.
    const KEY: &'static str;

    /// Its key as text.
    fn key(&self) -> String;

    /// All of a tenant's.
    fn all(tenant: &Tenant) -> &Vec<Self>;

    /// The same, to be changed.
    fn all_mut(tenant: &mut Tenant) -> &mut Vec<Self>;

    /// Keeps the secrets that are stored and not named here.
    fn keep(&mut self, _stored: &Self) {}
}

macro_rules! members {
    ($($member:ident: $list:ident by $key:ident $({ $($more:tt)* })?;)*) => {$(
        impl Member for $member {
            const LIST: &'static str = stringify!($list);
            const KEY: &'static str = stringify!($key);

            fn key(&self) -> String {
                self.$key.to_string()
            }

            fn all(tenant: &Tenant) -> &Vec<Self> {
                &tenant.$list
            }

            fn all_mut(tenant: &mut Tenant) -> &mut Vec<Self> {
                &mut tenant.$list
            }

            $($($more)*)?
        }
    )*};
}

members! {
    CallerId: caller_ids by number;
    Route: routes by name;
    DialPlan: dial_plans by id;
    Service: services by extension;
    Queue: queues by id;
    Credential: tokens by name;
    Agent: agents by extension {
        fn keep(&mut self, stored: &Self) {
            if self.password_hash.is_none() && stored.password_hash.is_some() {
                self.password_hash = Some(Sealed::default());
            }
        }
    };
}

/// The member with this key.
pub fn find<'t, M: Member>(tenant: &'t Tenant, key: &str) -> Option<&'t M> {
    M::all(tenant).iter().find(|member| member.key() == key)
}

/// All members in the order of their keys: numbers by their size, then words.
pub fn sorted<M: Member>(tenant: &Tenant) -> Vec<&M> {
    let mut members: Vec<&M> = M::all(tenant).iter().collect();
    members.sort_by_cached_key(|member| rank(&member.key()));
    members
}

/// Where a key stands among others.
pub fn rank(key: &str) -> (usize, String) {
    let is_number = !key.is_empty() && key.bytes().all(|b| b.is_ascii_digit());
    (if is_number { key.len() } else { usize::MAX }, key.to_owned())
}

/// The tenant with this member, in place of the one with the same key if there is one.
pub fn put<M: Member>(tenant: &Tenant, mut member: M) -> Tenant {
    let mut tenant = tenant.clone();
    let members = M::all_mut(&mut tenant);
    match members.iter_mut().find(|known| known.key() == member.key()) {
        Some(known) => {
            member.keep(known);
            *known = member;
        }
        None => members.push(member),
    }
    tenant
}

/// The tenant without the member with this key.
pub fn remove<M: Member>(tenant: &Tenant, key: &str) -> Tenant {
    let mut tenant = tenant.clone();
    M::all_mut(&mut tenant).retain(|member| member.key() != key);
    tenant
}

/// JSON for people and programs: without anything secret.
pub fn shown(value: &impl Serialize) -> Value {
    let mut value = serde_json::to_value(value).unwrap_or_default();
    strip(&mut value);
    value
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|field, _| !SECRETS.contains(&field.as_str()));
            fields.values_mut().for_each(strip);
        }
        Value::Array(members) => members.iter_mut().for_each(strip),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// What of a tenant's document is edited elsewhere: lists member by member, the do-not-call list as a whole.
pub const APART: [&str; 8] =
    ["caller_ids", "routes", "dial_plans", "services", "queues", "agents", "tokens", "do_not_call"];

/// All of a tenant that is in no list of its own.
pub fn settings(tenant: &Tenant) -> Value {
    let mut value = shown(tenant);
    if let Value::Object(fields) = &mut value {
        fields.retain(|field, _| !APART.contains(&field.as_str()));
    }
    value
}

/// The tenant's document after a merge patch (RFC 7396): null takes a field back to its default. Holds
/// the tenant's secrets.
pub fn patched(tenant: &Tenant, patch: Map<String, Value>) -> Value {
    let mut document = serde_json::to_value(tenant).unwrap_or_default();
    merge(&mut document, Value::Object(patch));
    document
}

fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(fields) = target else { return };
    for (field, value) in patch {
        if value.is_null() {
            fields.remove(&field);
        } else {
            merge(fields.entry(field).or_insert(Value::Null), value);
        }
    }
}

/// Where a flaw is, in words that do not count members: the member, if it is in one, and the field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The list and the member's key.
    pub member: Option<(&'static str, String)>,
    /// As `agent 107`; empty for the tenant's own settings.
    pub words: String,
    /// As `logged_in_at`; the list itself where there is no such member.
    pub field: String,
}

/// Where a flaw is in the tenant that has it.
pub fn place(flaw: &Flaw, tenant: &Tenant) -> Place {
    let own = || Place { member: None, words: String::new(), field: flaw.path.clone() };
    let Some((list, rest)) = flaw.path.split_once('[') else { return own() };
    let Some((index, field)) = rest.split_once(']') else { return own() };
    let Some((list, word, key)) = LISTS.iter().find(|(known, ..)| *known == list) else { return own() };
    let members = serde_json::to_value(tenant).unwrap_or_default();
    let member = index.parse().ok().and_then(|index: usize| members[list].get(index)).map(|member| &member[key]);
    let key = match member {
        Some(Value::String(key)) => key.clone(),
        Some(key) if !key.is_null() => key.to_string(),
        _ => return own(),
    };
    let words = format!("{word} {key}");
    Place { member: Some((list, key)), words, field: field.trim_start_matches('.').to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::directory::{Directory, apply, diff, file};

    fn demo() -> Directory {
        let file = file::parse(include_str!("../../tests/lab/demo.toml")).unwrap();
        apply(&Directory::default(), &file.tenants).unwrap()
    }

    fn changes(directory: &Directory, wanted: Tenant) -> Vec<String> {
        diff(directory, &[wanted]).into_iter().map(|change| change.line).collect()
    }

    #[test]
    fn a_member_is_put_in_its_place_or_added() {
        let directory = demo();
        let tenant = directory.tenant("demo").unwrap();
        let mut alice: Agent = find::<Agent>(tenant, "101").unwrap().clone();
        (alice.name, alice.password_hash) = ("Alicia".to_owned(), None);
        let wanted = put(tenant, alice);
        assert_eq!(changes(&directory, wanted.clone()), ["agent 101 changed: name Alice → Alicia"]);
        let next = apply(&directory, &[wanted]).unwrap();
        let kept =
            |directory: &Directory| directory.tenant("demo").unwrap().agent("101").unwrap().password_hash.clone();
        assert_eq!(kept(&next), kept(&directory), "a password that is not named stays");
        let plan = DialPlan { id: 9, route: "trunk".to_owned(), ..find::<DialPlan>(tenant, "1").unwrap().clone() };
        assert_eq!(changes(&directory, put(tenant, plan)), ["dial plan 9 added"]);
    }

    #[test]
    fn a_member_that_others_name_cannot_be_taken_away() {
        let directory = demo();
        let tenant = directory.tenant("demo").unwrap();
        assert_eq!(changes(&directory, remove::<Queue>(tenant, "7")), ["queue 7 removed"]);
        let without = remove::<Agent>(tenant, "101");
        let flaws = apply(&directory, std::slice::from_ref(&without)).unwrap_err();
        let told: Vec<_> = flaws.iter().map(|flaw| place(flaw, &without)).map(|at| (at.words, at.field)).collect();
        let expected = [
            ("caller id +12125550101", "shared_with[0]"),
            ("agent 107", "logged_in_at"),
            ("token demo-alice", "agent"),
        ];
        assert_eq!(told, expected.map(|(words, field)| (words.to_owned(), field.to_owned())));
    }

    #[test]
    fn members_are_sorted_by_number_and_then_by_word() {
        let mut keys = ["b", "101", "9", "1000", "a", "99"].map(str::to_owned);
        keys.sort_by_cached_key(|key| rank(key));
        assert_eq!(keys, ["9", "99", "101", "1000", "a", "b"]);
    }

    #[test]
    fn what_is_shown_holds_no_secret() {
        let directory = demo();
        let tenant = directory.tenant("demo").unwrap();
        for text in [shown(&**tenant).to_string(), settings(tenant).to_string()] {
            assert!(!text.contains("whsec_") && !text.contains("sha256:") && !text.contains("$argon2"), "{text}");
            assert!(text.contains(r#""callback_secrets":[{"name":"demo"}]"#), "named all the same: {text}");
        }
        assert!(settings(tenant).get("agents").is_none());
    }

    #[test]
    fn settings_are_patched_field_by_field_and_secrets_stay() {
        let directory = demo();
        let tenant = directory.tenant("demo").unwrap();
        let patch = json!({
            "language": null, "limits": { "agent_active": 3 }, "allowed_destinations": ["+1"],
            "callback_secrets": [{ "name": "demo" }],
        });
        let Value::Object(patch) = patch else { unreachable!() };
        let wanted: Tenant = serde_json::from_value(patched(tenant, patch)).unwrap();
        assert_eq!(
            changes(&directory, wanted),
            ["allowed_destinations − +972", "limits.agent_active 1000 → 3"],
            "the language was the default already"
        );
    }
}
