//! The body of `POST /v1/calls`, and the click that it stands for.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use crate::dial::policy::{Click, Phone};
use crate::directory::Tenant;
use crate::http::error::{ApiError, Kind};
use crate::report::event::{EventKind, EventPlan};
use crate::report::userdata::{self, MAX_BYTES, MAX_PAIRS, UserData};

/// A call to place: `agent` or `phone`, and `target`. What else it may say has a default.
///
/// The agent's phone, or `phone`, rings first; once it is answered, `target` is dialled and both are joined.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[schema(example = json!({"agent": "101", "target": "+12125550101", "userdata": {"lead": "4711"}}))]
pub(super) struct NewCall {
    /// Whose phone rings first: an agent's extension or e-mail address, or `login:` and a login code.
    #[schema(example = "alice@demo.example")]
    agent: Option<String>,
    /// What rings first instead of an agent's phone: an extension or a number.
    #[schema(example = "101")]
    phone: Option<String>,
    /// Who is called then: an extension or a number, in any usual spelling.
    #[schema(example = "+12125550101")]
    target: String,
    /// The number that the target sees: towards the outside one of the tenant's that the agent may show.
    caller_id: Option<String>,
    /// The name that the target sees.
    caller_name: Option<String>,
    /// The number that the first phone shows.
    phone_caller_id: Option<String>,
    /// The name that the first phone shows.
    phone_caller_name: Option<String>,
    /// Seconds until the first phone must have answered.
    #[schema(minimum = 1, maximum = 300, default = 60)]
    phone_max_dial_time: Option<i64>,
    /// Seconds until the target must have answered.
    #[schema(minimum = 1, maximum = 300, default = 60)]
    target_max_dial_time: Option<i64>,
    /// Seconds that both may talk.
    #[schema(minimum = 1, maximum = 14_400, default = 7200)]
    max_duration: Option<i64>,
    /// Record the call from the moment both talk.
    #[schema(default = false)]
    record: Option<bool>,
    /// Ask the first phone to answer by itself, where it may.
    #[schema(default = false)]
    phone_auto_answer: Option<bool>,
    /// Ask the target's phone to answer by itself, where it may.
    #[schema(default = false)]
    target_auto_answer: Option<bool>,
    /// Refuse the call when the first phone is offline.
    #[schema(default = false)]
    check_phone_device_state: Option<bool>,
    /// Refuse the call when the target's phone is offline.
    #[schema(default = false)]
    check_target_device_state: Option<bool>,
    /// Language of prompts, as `en` or `en_US`.
    #[schema(example = "en")]
    language: Option<String>,
    /// Up to ten values of your own by name, told again in the call's record.
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    vars: Option<Pairs>,
    /// What your CRM is to be told again, tokens replaced: by name, or as `[name|value][name|value]`.
    userdata: Option<Userdata>,
    /// The CRM's record that the call is about.
    ext_record: Option<ExtRecord>,
    /// The queue that it is placed for.
    queue_id: Option<u32>,
    /// The dial plan to use instead of the tenant's.
    dialplan_id: Option<u32>,
    /// Call a number that is on the do-not-call list. Needs the scope `dnc_override`.
    ignore_do_not_call: Option<Ends>,
    /// Where to send events of this call.
    callback: Option<CallbackTo>,
    /// Say what would happen, and do nothing.
    #[schema(default = false)]
    dry_run: Option<bool>,
}

/// A record of the CRM.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
struct ExtRecord {
    /// Its id.
    #[schema(example = "0018000000abcde")]
    id: String,
    /// Its type.
    #[schema(example = "Lead")]
    r#type: Option<String>,
}

/// Which end of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
enum Ends {
    /// The first leg.
    Phone,
    /// The second leg.
    Target,
    /// Both legs.
    Both,
}

/// Where events are sent, signed as Standard Webhooks says.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
struct CallbackTo {
    /// An `https` or `http` URL.
    #[schema(example = "http://127.0.0.1:8091/events")]
    url: String,
    /// Which events; by default `call.ended` alone.
    events: Option<Vec<EventKind>>,
}

impl NewCall {
    /// Whether nothing is to be done.
    pub(super) fn is_dry_run(&self) -> bool {
        self.dry_run.unwrap_or_default()
    }

    /// The click. `unknown` are the paths of what was not understood.
    pub(super) fn into_click(self, tenant: &Tenant, unknown: Vec<String>) -> Result<Click, ApiError> {
        let phone = phone(self.agent, self.phone, tenant)?;
        let ignores = |end: Ends| self.ignore_do_not_call.is_some_and(|ends| ends == end || ends == Ends::Both);
        let unknown = unknown.into_iter().map(|name| format!("unknown field {name} ignored"));
        let (userdata, warnings) = self.userdata.map(Userdata::read).transpose()?.unzip();
        let warnings = warnings.into_iter().flatten().chain(unknown).collect();
        Ok(Click {
            door: "api",
            phone,
            target: text("target", Some(self.target))?.unwrap_or_default(),
            phone_caller_id: text("phone_caller_id", self.phone_caller_id)?,
            phone_caller_name: text("phone_caller_name", self.phone_caller_name)?,
            target_caller_id: text("caller_id", self.caller_id)?,
            target_caller_name: text("caller_name", self.caller_name)?,
            phone_max_dial_time: self.phone_max_dial_time,
            target_max_dial_time: self.target_max_dial_time,
            max_duration: self.max_duration,
            record: self.record.unwrap_or_default(),
            phone_auto_answer: self.phone_auto_answer.unwrap_or_default(),
            target_auto_answer: self.target_auto_answer.unwrap_or_default(),
            check_phone_device_state: self.check_phone_device_state.unwrap_or_default(),
            check_target_device_state: self.check_target_device_state.unwrap_or_default(),
            language: text("language", self.language)?,
            vars: self.vars.map(|Pairs(pairs)| pairs.into_iter().collect()).unwrap_or_default(),
            ignore_do_not_call_phone: ignores(Ends::Phone),
            ignore_do_not_call_target: ignores(Ends::Target),
            userdata: userdata.filter(|userdata| !userdata.pairs.is_empty()),
            ext_transaction_data: self.ext_record.map(ExtRecord::read).transpose()?,
            dial_plan: self.dialplan_id,
            queue: self.queue_id,
            events: self.callback.map(CallbackTo::read).transpose()?,
            idempotency: None,
            warnings,
        })
    }
}

/// The first leg. An agent is told apart by what was written: an address, a login code, or an extension.
fn phone(agent: Option<String>, phone: Option<String>, tenant: &Tenant) -> Result<Phone, ApiError> {
    match (text("agent", agent)?, text("phone", phone)?) {
        (Some(_), Some(_)) => Err(ApiError::malformed("phone", "cannot be given together with agent")),
        (None, None) => Err(ApiError::new(Kind::Malformed, "agent or phone must be given").at("agent")),
        (None, Some(phone)) => Ok(Phone::Number(phone)),
        (Some(agent), None) => {
            if let Some(code) = agent.trim().strip_prefix("login:") {
                return Ok(Phone::LoginCode(code.to_owned()));
            }
            let found = match agent.trim() {
                address if address.contains('@') => tenant.agent_by_email(address),
                extension => tenant.agent(extension),
            };
            let unknown = || ApiError::new(Kind::NotFound, "there is no such agent").at("agent");
            Ok(Phone::Agent(found.ok_or_else(unknown)?.extension.clone()))
        }
    }
}

/// A text without control characters; a blank one counts as not given.
fn text(field: &'static str, value: Option<String>) -> Result<Option<String>, ApiError> {
    let Some(value) = value.filter(|value| !value.trim().is_empty()) else { return Ok(None) };
    if value.chars().any(char::is_control) {
        return Err(ApiError::malformed(field, "contains control characters"));
    }
    Ok(Some(value))
}

impl ExtRecord {
    /// As the other doors are told of it.
    fn read(self) -> Result<UserData, ApiError> {
        let id = text("ext_record.id", Some(self.id))?.map(|id| ("extRecordId".to_owned(), id));
        let kind = text("ext_record.type", self.r#type)?.map(|kind| ("extRecordType".to_owned(), kind));
        let pairs: Vec<_> = id.into_iter().chain(kind).collect();
        if pairs.iter().any(|(_, value)| value.len() > 256) {
            return Err(ApiError::malformed("ext_record", "must have an id and a type of at most 256 bytes each"));
        }
        Ok(UserData { pairs })
    }
}

impl CallbackTo {
    fn read(self) -> Result<EventPlan, ApiError> {
        let url = text("callback.url", Some(self.url))?;
        let url = url.ok_or_else(|| ApiError::malformed("callback.url", "is missing"))?.trim().to_owned();
        let events = self.events.unwrap_or_else(|| vec![EventKind::Ended]);
        if events.is_empty() {
            return Err(ApiError::malformed("callback.events", "must name at least one event"));
        }
        Ok(EventPlan { url, events: events.into_iter().collect() })
    }
}

/// Values by name, in the order in which they came. Numbers and flags stand for their text.
#[derive(Clone, Debug, Default)]
struct Pairs(Vec<(String, String)>);

/// User data as it came.
#[derive(Clone, Debug)]
enum Userdata {
    Text(String),
    Named(Pairs),
}

impl Userdata {
    /// The pairs, and what was left out of them, in words for the client.
    fn read(self) -> Result<(UserData, Vec<String>), ApiError> {
        const FIELD: &str = "userdata";
        let (userdata, warnings) = match self {
            Self::Text(text) if text.trim().is_empty() => Default::default(),
            Self::Text(text) => {
                let flawed = |error: userdata::UserDataError| ApiError::new(Kind::Malformed, error.to_string());
                userdata::parse(&text).map_err(|error| flawed(error).at(FIELD))?
            }
            Self::Named(Pairs(pairs)) => (UserData { pairs }, Vec::new()),
        };
        let bytes: usize = userdata.pairs.iter().map(|(name, value)| name.len() + value.len() + 3).sum();
        if userdata.pairs.len() > MAX_PAIRS || bytes > MAX_BYTES {
            return Err(ApiError::malformed(FIELD, &format!("must be at most {MAX_PAIRS} pairs, {MAX_BYTES} bytes")));
        }
        for (name, value) in &userdata.pairs {
            // CRMs wrap what they send.
            let forbidden = |c: char| c.is_control() && !matches!(c, '\r' | '\n' | '\t');
            if name.trim().is_empty() || name.chars().any(forbidden) || value.chars().any(forbidden) {
                return Err(ApiError::malformed(FIELD, "has an empty name or contains control characters"));
            }
        }
        Ok((userdata, warnings))
    }
}

impl utoipa::PartialSchema for Userdata {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, Type};
        let value = OneOfBuilder::new()
            .item(ObjectBuilder::new().schema_type(Type::String))
            .item(ObjectBuilder::new().schema_type(Type::Integer))
            .item(ObjectBuilder::new().schema_type(Type::Boolean));
        let named = ObjectBuilder::new().additional_properties(Some(Schema::from(value)));
        OneOfBuilder::new().item(ObjectBuilder::new().schema_type(Type::String)).item(named).into()
    }
}

impl utoipa::ToSchema for Userdata {}

impl<'de> Deserialize<'de> for Userdata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;

        impl<'de> Visitor<'de> for Form {
            type Value = Userdata;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or an object")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Userdata, E> {
                Ok(Userdata::Text(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Userdata, A::Error> {
                pairs(map).map(Userdata::Named)
            }
        }

        deserializer.deserialize_any(Form)
    }
}

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Pairs, A::Error> {
                pairs(map)
            }
        }

        deserializer.deserialize_map(Members)
    }
}

fn pairs<'de, A: MapAccess<'de>>(mut map: A) -> Result<Pairs, A::Error> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    let mut names = std::collections::BTreeSet::new();
    while let Some(name) = map.next_key::<String>()? {
        if !names.insert(name.clone()) {
            return Err(A::Error::custom("has a name that is given twice"));
        }
        let Scalar(value) = map.next_value()?;
        pairs.push((name, value));
    }
    Ok(Pairs(pairs))
}

/// The text of a string, a whole number or a flag.
struct Scalar(String);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = Scalar;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, a whole number, true or false")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Scalar, E> {
                Ok(Scalar(text.to_owned()))
            }

            fn visit_bool<E: Error>(self, flag: bool) -> Result<Scalar, E> {
                Ok(Scalar(flag.to_string()))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Scalar, E> {
                Ok(Scalar(number.to_string()))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Scalar, E> {
                Ok(Scalar(number.to_string()))
            }
        }

        deserializer.deserialize_any(Text)
    }
}
