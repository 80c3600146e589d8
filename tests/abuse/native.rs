//! The native API's dialect: JSON with members in members, and problems of one form.

use serde_json::Value as Json;

use super::door::{Pairs, Said, Sent, TOKEN, object, post as plain_post};
use super::{Answer, Value};

/// A request of these pairs. A dot in a name means a member of a member; what is a number or a flag is one.
pub(super) fn post(path: String, pairs: Pairs) -> Option<Sent> {
    let (mut top, mut inner, mut token) = (Pairs::new(), Vec::<(String, Pairs)>::new(), Vec::new());
    for (name, value) in pairs {
        let value = own_kind(&name, value);
        match (name.split_once('.'), value) {
            (_, Value::Absent) => {}
            (None, Value::Bytes(bytes)) if name == TOKEN => token.push(String::from_utf8(bytes.into()).ok()?),
            (None, Value::Json(_)) if name == TOKEN => return None,
            (None, value) => top.push((name, value)),
            (Some((outer, name)), value) => {
                let (outer, member) = (outer.to_owned(), (name.to_owned().into(), value));
                match inner.iter_mut().find(|(known, _)| *known == outer) {
                    Some((_, members)) => members.push(member),
                    None => inner.push((outer, vec![member])),
                }
            }
        }
    }
    for (name, members) in inner {
        top.push((name.into(), Value::Json(String::from_utf8(object(&members)).ok()?.into())));
    }
    // No header holds those, whoever sends it.
    if token.iter().any(|token| token.contains(|c: char| c.is_ascii_control())) {
        return None;
    }
    let mut sent = plain_post(path, "application/json", object(&top));
    sent.headers.extend(token.into_iter().map(|token| ("authorization", format!("Bearer {token}"))));
    Some(sent)
}

/// Members that are no strings.
const NUMBERS: [&str; 5] = ["phone_max_dial_time", "target_max_dial_time", "max_duration", "queue_id", "dialplan_id"];
const FLAGS: [&str; 3] = ["record", "phone_auto_answer", "check_phone_device_state"];

fn own_kind(name: &str, value: Value) -> Value {
    let Value::Bytes(bytes) = &value else { return value };
    let Ok(text) = std::str::from_utf8(bytes) else { return value };
    let is_number = NUMBERS.contains(&name) && serde_json::from_str::<serde_json::Number>(text).is_ok();
    let is_flag = FLAGS.contains(&name) && matches!(text, "true" | "false");
    let choice =
        if name == "ignore_do_not_call" { ["1", "2", "3"].iter().position(|known| *known == text) } else { None };
    match choice {
        Some(choice) => Value::from(["phone", "target", "both"][choice]),
        None if is_number || is_flag => Value::Json(text.to_owned().into()),
        None => value,
    }
}

/// A call, or a problem with all of its parts.
pub(super) fn read(answer: &Answer) -> Option<Said> {
    let json: Json = serde_json::from_str(&answer.body).ok()?;
    let text = |name: &str| json[name].as_str().map(str::to_owned);
    // A call that was placed before is no other call.
    let status = if answer.status == 201 { 200 } else { answer.status };
    if status == 200 {
        let call = text("id").filter(|id| id.len() == 32 && answer.content_type == "application/json")?;
        return Some(Said { status, code: None, message: "placed".to_owned(), call: Some(call) });
    }
    let is_typed = text("type")?.starts_with("urn:dialbridge:") && text("title").is_some();
    let fits = is_typed && json["status"] == answer.status && answer.content_type == "application/problem+json";
    fits.then_some(Said { status, code: None, message: text("detail")?, call: None })
}
