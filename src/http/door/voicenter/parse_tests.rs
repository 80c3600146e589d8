//! Three dialects, one meaning; and nothing that anybody sends makes the reading fall over.

use std::collections::BTreeMap;

use form_urlencoded::Serializer;
use proptest::prelude::*;

use super::*;

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json; charset=utf-8";

fn get(query: &str) -> Parsed {
    parse(query, Carrier::Query)
}

fn post(content_type: &str, body: &str) -> Parsed {
    parse("", Carrier::Body { content_type, bytes: body.as_bytes() })
}

fn order_of(parsed: Parsed) -> Result<Order, Refusal> {
    parsed.ask.and_then(|ask| ask.order)
}

fn click_of(query: &str) -> Click {
    match order_of(get(query)) {
        Ok(Order::Call(click)) => *click,
        other => panic!("{query}: {other:?}"),
    }
}

fn message_of(query: &str) -> String {
    match get(query).ask.and_then(|ask| ask.order) {
        Err(refusal) => refusal.to_string(),
        Ok(order) => panic!("{query} is taken: {order:?}"),
    }
}

const GOOD: &str = "code=c&action=call&phone=101&target=12125550101";

#[test]
fn a_click_is_the_same_in_all_three_dialects() {
    let json = r#"{"code":"c","action":"call","phone":101,"target":12125550101,"record":true,"var_Lead":"é 7"}"#;
    let form = format!("{GOOD}&record=true&var_Lead=%C3%A9+7");
    assert_eq!(get(&form), post(FORM, &form));
    assert_eq!(get(&form), post(JSON, json));
    let click = click_of(&form);
    assert!(click.record);
    assert_eq!(click.vars, BTreeMap::from([("Lead".to_owned(), "é 7".to_owned())]));
}

#[test]
fn what_is_mandatory_is_named_when_it_is_missing() {
    for (query, message) in [
        ("", "Code is missing"),
        ("code=c", "Action is missing"),
        ("code=c&action=call&target=1", "Phone is missing"),
        ("code=c&action=call&phone=&target=1", "Phone is missing"),
        ("code=c&action=call&phone=%20%20&target=1", "Phone is missing"),
        ("code=c&action=call&phone=101", "Target is missing"),
        ("code=c&action=terminate", "Phone is missing"),
        ("code=c&action=call&phone=logincode&target=1", "Phonelogincode is missing"),
    ] {
        assert_eq!(message_of(query), message, "{query}");
    }
}

#[test]
fn names_and_choices_are_read_in_any_case() {
    let click = click_of("CODE=c&Action=CALL&pHoNe=101&TARGET=1&Record=TRUE&VAR_Ab=x");
    assert!(click.record);
    assert_eq!(click.vars.keys().collect::<Vec<_>>(), ["Ab"]);
    assert_eq!(get(&format!("{GOOD}&Format=JSON")).format, Format::Json);
}

#[test]
fn a_parameter_given_twice_is_refused_wherever_it_stands() {
    assert_eq!(message_of(&format!("{GOOD}&Phone=102")), "Phone is given twice");
    assert_eq!(message_of(&format!("{GOOD}&x=1&X=1")), "X is given twice");
    let both = parse("phone=101", Carrier::Body { content_type: FORM, bytes: GOOD.as_bytes() });
    assert_eq!(order_of(both).unwrap_err().to_string(), "phone is given twice");
    let json = post(JSON, r#"{"code":"c","phone":"1","phone":"2","action":"call","target":"3"}"#);
    assert_eq!(order_of(json).unwrap_err().to_string(), "phone is given twice");
}

#[test]
fn unknown_parameters_are_named_whatever_is_asked_for_and_without_their_numbers() {
    for query in ["code=c&action=terminate&phone=101", "code=c&action=call", "code=c&action=dance"] {
        let ask = parse(&format!("{query}&tel972501234567x=1&b2=1"), Carrier::Query).ask.unwrap();
        assert_eq!(ask.unknown, ["b2", "tel9725****567x"], "{query}");
    }
    assert_eq!(parse(GOOD, Carrier::Query).ask.unwrap().unknown, Vec::<String>::new());
}

#[test]
fn unknown_parameters_are_ignored_with_a_warning() {
    assert_eq!(click_of(&format!("{GOOD}&colour=blue")).warnings, ["unknown parameter colour ignored"]);
}

#[test]
fn values_are_decoded_exactly_once() {
    assert_eq!(click_of("code=c&action=call&phone=101&target=%252B1").target, "%2B1");
    assert_eq!(click_of("code=c&action=call&phone=101&target=+972501").target, " 972501");
    assert_eq!(click_of("code=c&action=call&phone=101&target=%2B972501").target, "+972501");
}

#[test]
fn control_characters_and_broken_utf_8_are_refused() {
    for query in ["phone=1%00", "phone=1%0D%0A2", "phone=%1b[31m", "other=%07", "%00=1"] {
        let message = message_of(&format!("code=c&action=call&target=1&{query}"));
        assert!(message.contains("control characters"), "{query}: {message}");
    }
    assert_eq!(message_of("code=c&phone=%ff%fe"), "A parameter is not valid UTF-8");
    let nul = post(JSON, r#"{"code":"c","action":"call","phone":"1\u0000","target":"1"}"#);
    assert_eq!(order_of(nul).unwrap_err().to_string(), "phone contains control characters");
}

#[test]
fn user_data_may_be_wrapped_over_lines() {
    let click =
        click_of(&format!("{GOOD}&ctl_userdata=%5Ba%7C1%5D%0D%0A%5Bb%7C2%5D&extTransactionData=%5BextRecordId%7C9%5D"));
    assert_eq!(click.userdata.unwrap().pairs.len(), 2);
    assert_eq!(click.ext_transaction_data.unwrap().pairs[0].1, "9");
}

#[test]
fn times_are_whole_numbers() {
    for value in ["1e9", "60abc", "%2B60", "6.0", "-", "99999999999999999999"] {
        let message = message_of(&format!("{GOOD}&phonemaxdialtime={value}"));
        assert_eq!(message, "phonemaxdialtime must be a whole number of seconds", "{value}");
    }
    assert_eq!(click_of(&format!("{GOOD}&maxduration=-14400&targetmaxdialtime=1")).max_duration, Some(-14_400));
}

#[test]
fn unknown_actions_flags_and_formats_are_refused() {
    assert_eq!(message_of("code=c&action=DELETE&phone=1&target=2"), "Action must be call or terminate");
    assert_eq!(message_of(&format!("{GOOD}&format=jsonp")), "Format must be XML or json");
    assert_eq!(get(&format!("{GOOD}&format=jsonp")).format, Format::Xml);
    assert_eq!(message_of(&format!("{GOOD}&record=yes")), "record must be true or false");
    assert_eq!(message_of(&format!("{GOOD}&ignorednostatus=4")), "ignorednostatus must be 1, 2 or 3");
}

#[test]
fn a_variable_keeps_its_name_as_spelled_after_the_prefix() {
    let click = click_of(&format!("{GOOD}&VAR_Lead_Id=7&var_=x&var_CALLERID(num)=911"));
    assert_eq!(click.vars.keys().collect::<Vec<_>>(), ["", "CALLERID(num)", "Lead_Id"]);
}

#[test]
fn the_first_leg_may_be_a_trunk_or_a_login_code() {
    assert_eq!(click_of("code=c&action=call&phone=siptrunk&target=1").phone, Phone::SipTrunk);
    let by_code = click_of("code=c&action=call&phone=LOGINCODE&phonelogincode=7777&target=1");
    assert_eq!(by_code.phone, Phone::LoginCode("7777".to_owned()));
}

#[test]
fn do_not_call_may_be_overridden_for_either_leg() {
    let ignored = |value: &str| {
        let click = click_of(&format!("{GOOD}&ignorednostatus={value}"));
        (click.ignore_do_not_call_phone, click.ignore_do_not_call_target)
    };
    assert_eq!(["1", "2", "3"].map(ignored), [(true, false), (false, true), (true, true)]);
}

#[test]
fn bodies_of_other_kinds_are_refused() {
    for (content_type, body) in [
        ("text/plain", "x"),
        ("", "x"),
        ("application/x-www-form-urlencoded; charset=windows-1255", "x=1"),
        ("multipart/form-data; boundary=x", "x"),
    ] {
        assert!(
            order_of(post(content_type, body)).unwrap_err().to_string().starts_with("Content-Type"),
            "{content_type}"
        );
    }
    for body in ["[]", "{", "null", "\"x\"", "{\"a\":1} x"] {
        assert_eq!(order_of(post(JSON, body)).unwrap_err().to_string(), "The body is not a JSON object", "{body}");
    }
    for value in ["null", "[1]", "{}", "1.5", "1e30"] {
        let body = format!(r#"{{"code":"c","phone":{value}}}"#);
        let message = order_of(post(JSON, &body)).unwrap_err().to_string();
        assert_eq!(message, "phone must be a string, a whole number, true or false", "{value}");
    }
}

#[test]
fn a_refusal_still_knows_the_format_that_was_asked_for() {
    assert_eq!(get("format=json&phone=1&phone=2").format, Format::Json);
    assert_eq!(post(JSON, r#"{"format":"json","phone":null}"#).format, Format::Json);
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof!["[0-9+ ()*#&=%;é\"<>|\\[\\]-]{0,20}", "\\PC{0,20}", Just("true".to_owned()), Just("60".to_owned())]
}

fn members() -> impl Strategy<Value = BTreeMap<String, String>> {
    let name = prop_oneof![
        proptest::sample::select(KNOWN.to_vec()).prop_map(str::to_owned),
        "var_[a-zA-Z0-9_]{1,8}",
        "[a-z]{1,6}",
    ];
    let members = proptest::collection::btree_map(name, value(), 0..12);
    members.prop_map(|mut members| {
        members.insert("code".to_owned(), "c".to_owned());
        members.insert("action".to_owned(), "call".to_owned());
        members.insert("format".to_owned(), "xml".to_owned());
        members
    })
}

proptest! {
    #[test]
    fn three_dialects_have_one_normal_form(members in members()) {
        let form = Serializer::new(String::new()).extend_pairs(&members).finish();
        let json = serde_json::to_string(&members).unwrap();
        prop_assert_eq!(get(&form), post(FORM, &form));
        prop_assert_eq!(get(&form), post(JSON, &json));
    }

    #[test]
    fn no_bytes_make_it_panic(query in ".{0,80}", body in proptest::collection::vec(any::<u8>(), 0..120)) {
        for content_type in [FORM, JSON, "", "text/plain; charset"] {
            let _ = parse(&query, Carrier::Body { content_type, bytes: &body });
        }
    }

    #[test]
    fn no_control_character_gets_through(value in ".{0,20}", control in "[\\x00-\\x1f\\x7f-\\u{9f}]") {
        let query = Serializer::new(String::new()).append_pair("var_x", &format!("{value}{control}")).finish();
        let refused = order_of(get(&format!("{GOOD}&{query}"))).is_err();
        prop_assert!(refused);
    }
}
