//! What each door calls a field. A door that has no name for one is not concerned by it.

use std::borrow::Cow;

use super::door::{Door, Pairs};
use super::{Field, Value};

/// The pairs with which a door says this; none where it cannot.
pub(super) fn spell(door: Door, field: Field, value: &Value) -> Option<Pairs> {
    match door {
        Door::VoicenterGet | Door::VoicenterForm | Door::VoicenterJson => voicenter(field, value),
        Door::Getdesk => Some(vec![pair(getdesk(field)?, value)]),
        Door::EightGet | Door::EightPost | Door::EightPage => eight(field, value),
    }
}

/// Every field that this door has a name for.
pub(super) fn fields(door: Door) -> Vec<Field> {
    let is_known = |field: &Field| spell(door, *field, &Value::from("1")).is_some();
    ALL.into_iter().filter(is_known).collect()
}

const ALL: [Field; 28] = [
    Field::Phone,
    Field::LoginCode,
    Field::Email,
    Field::Target,
    Field::Token,
    Field::CallerId,
    Field::CallerName,
    Field::PhoneCallerId,
    Field::PhoneCallerName,
    Field::PhoneMaxDialTime,
    Field::TargetMaxDialTime,
    Field::MaxDuration,
    Field::Record,
    Field::PhoneAutoAnswer,
    Field::CheckPhone,
    Field::Language,
    Field::IgnoreDoNotCall,
    Field::UserData,
    Field::ExtRecord,
    Field::CallbackUrl,
    Field::Queue,
    Field::DialPlan,
    Field::Prefix,
    Field::Action,
    Field::Format,
    Field::JsonpCallback,
    Field::Var("lead"),
    Field::Named("nobody"),
];

fn pair(name: impl Into<Cow<'static, str>>, value: &Value) -> (Cow<'static, str>, Value) {
    (name.into(), value.clone())
}

fn voicenter(field: Field, value: &Value) -> Option<Pairs> {
    let name = match field {
        Field::Phone => "phone",
        Field::LoginCode => {
            return Some(vec![pair("phone", &Value::from("logincode")), pair("phonelogincode", value)]);
        }
        Field::Target => "target",
        Field::TargetInCapitals => "TARGET",
        Field::Token => "code",
        Field::CallerId => "targetcallerid",
        Field::CallerName => "targetcallername",
        Field::PhoneCallerId => "phonecallerid",
        Field::PhoneCallerName => "phonecallername",
        Field::PhoneMaxDialTime => "phonemaxdialtime",
        Field::TargetMaxDialTime => "targetmaxdialtime",
        Field::MaxDuration => "maxduration",
        Field::Record => "record",
        Field::PhoneAutoAnswer => "phoneautoanswer",
        Field::CheckPhone => "checkphonedevicestate",
        Field::Language => "language",
        Field::IgnoreDoNotCall => "ignorednostatus",
        Field::UserData => "ctl_userdata",
        Field::ExtRecord => "extTransactionData",
        Field::CallbackUrl => return Some(vec![pair("ctl_userdata", &in_user_data(value)?)]),
        Field::Action => "action",
        Field::Format => "format",
        Field::JsonpCallback => "callback",
        Field::Var(name) => return Some(vec![pair(format!("var_{name}"), value)]),
        Field::Named(name) => name,
        Field::Email | Field::Queue | Field::DialPlan | Field::Prefix => return None,
    };
    Some(vec![pair(name, value)])
}

fn getdesk(field: Field) -> Option<&'static str> {
    match field {
        Field::Target => Some("phone_number"),
        Field::TargetInCapitals => Some("PHONE_NUMBER"),
        Field::Email => Some("email"),
        Field::Token => Some("token"),
        Field::Named(name) => Some(name),
        _ => None,
    }
}

fn eight(field: Field, value: &Value) -> Option<Pairs> {
    let name = match field {
        Field::Target => "phone",
        Field::TargetInCapitals => "PHONE",
        Field::CallerId => "callerId",
        Field::Prefix => "prefix",
        Field::DialPlan => "dialplan_id",
        Field::Queue => "queue_id",
        Field::UserData => "ctl_userdata",
        Field::ExtRecord => "extTransactionData",
        Field::CallbackUrl => return Some(vec![pair("ctl_userdata", &in_user_data(value)?)]),
        Field::Named(name) => name,
        _ => return None,
    };
    Some(vec![pair(name, value)])
}

/// A callback's address as user data carries it.
fn in_user_data(value: &Value) -> Option<Value> {
    let Value::Bytes(url) = value else { return None };
    Some(Value::Bytes([b"[ctl_callbackUrl|", url.as_ref(), b"]"].concat().into()))
}
