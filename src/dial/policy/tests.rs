//! The rules of admission, each on the demo world.

mod caps;
mod destinations;
mod shown;

use proptest::prelude::*;

use super::*;
use crate::call::Identity;
use crate::dial::number::Party;
use crate::directory::file::parse;
use crate::directory::{Directory, apply};

const DEMO: &str = include_str!("../../../tests/lab/demo.toml");

struct World {
    directory: Directory,
    devices: Devices,
    now: Timestamp,
}

fn world() -> World {
    let directory = apply(&Directory::default(), &parse(DEMO).unwrap().tenants).unwrap();
    let mut devices = Devices::default();
    for extension in ["101", "103", "104", "105", "106", "109", "201"] {
        devices.set(&format!("PJSIP/{extension}"), DeviceState::NotInuse);
    }
    devices.set("PJSIP/102", DeviceState::Unavailable);
    World { directory, devices, now: Timestamp::from_millis(1) }
}

impl World {
    /// As a token of the demo world sees it.
    fn admit(&self, token: &str, click: &Click) -> Result<Admission, Refusal> {
        let (tenant, credential) = self.directory.credential(token).unwrap();
        let callback_check = |url: &str| {
            let allowed = url.starts_with("http://127.0.0.1:8090/");
            allowed.then_some(()).ok_or_else(|| "the callback URL leads where it may not".to_owned())
        };
        let ctx = Context {
            id: CallId::from_bits(7),
            now: self.now,
            tenant: &tenant,
            credential: &credential,
            devices: &self.devices,
            public_url: "http://127.0.0.1:8080/",
            callback_check: &callback_check,
        };
        admit(click, &ctx)
    }

    fn demo(&self, click: &Click) -> Result<Admission, Refusal> {
        self.admit("demo-code", click)
    }

    fn placed(&self, click: &Click) -> CallRequest {
        self.demo(click).unwrap().request
    }
}

fn click(phone: &str, target: &str) -> Click {
    Click { door: "voicenter", phone: Phone::Number(phone.into()), target: target.into(), ..Click::default() }
}

fn given<T: From<String>>(text: &str) -> T {
    T::from(text.to_owned())
}

fn shows(identity: &Identity) -> (&str, &str) {
    (&identity.number, &identity.name)
}

fn message(result: Result<Admission, Refusal>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn an_agent_and_an_outside_number_make_a_complete_request() {
    let admission = world().demo(&click("101", "2125550101")).unwrap();
    let request = admission.request;
    assert_eq!(
        (request.tenant.as_str(), request.credential.as_str(), request.door.as_str()),
        ("demo", "demo-code", "voicenter")
    );
    assert_eq!((request.id, request.accepted_at), (CallId::from_bits(7), Timestamp::from_millis(1)));
    assert_eq!(request.agent.as_ref().unwrap().email, "alice@demo.example");
    assert_eq!(request.a.party, Party::Extension("101".into()));
    assert_eq!((request.a.endpoint.as_str(), request.a.device.as_deref()), ("PJSIP/101", Some("PJSIP/101")));
    assert_eq!(request.b.party, Party::Outside("+12125550101".into()));
    assert_eq!((request.b.endpoint.as_str(), request.b.device.as_deref()), ("PJSIP/+12125550101@carrier", None));
    assert_eq!(request.a.max_dial_time, Duration::from_mins(1));
    assert_eq!(request.b.max_dial_time, Duration::from_mins(1));
    assert_eq!(request.max_duration, Duration::from_hours(2));
    assert_eq!(request.language.as_deref(), Some("en"));
    assert_eq!(request.report.time_zone, "America/New_York");
    assert_eq!(request.report.public_url, "http://127.0.0.1:8080");
    assert_eq!(request.report.caller_id, "12125550100");
    assert_eq!(request.warnings, Vec::<String>::new());
    assert_eq!(admission.duplicate_window, Duration::from_secs(5));
    assert_eq!(admission.caps.iter().find(|cap| cap.limit == Limit::AgentActive).unwrap().most, 1000);
    assert_eq!(admission.audit, Vec::<String>::new());
}

#[test]
fn each_phone_of_the_demo_world_is_judged_rightly() {
    let world = world();
    for extension in ["101", "102", "104", "105", "106", "109"] {
        assert_eq!(world.placed(&click(extension, "+12125550101")).a.endpoint, format!("PJSIP/{extension}"));
    }
    assert!(matches!(world.demo(&click("103", "+12125550101")), Err(Refusal::Blocked(_))));
    assert!(matches!(world.demo(&click("107", "+12125550101")), Err(Refusal::Offline(_))));
    assert!(matches!(world.demo(&click("101", "107")), Err(Refusal::Offline(_))));
    assert!(matches!(world.demo(&click("201", "+12125550101")), Err(Refusal::Unknown(_))));
    assert!(matches!(world.demo(&click("101", "201")), Err(Refusal::Unknown(_))));
    let menu = world.placed(&click("101", "700")).b;
    assert_eq!((menu.endpoint.as_str(), menu.device), ("Local/700@services/n", None));
    assert!(world.admit("other-code", &click("201", "+972501234567")).is_ok());
    assert!(matches!(world.admit("other-code", &click("202", "+972501234567")), Err(Refusal::Offline(_))));
}

#[test]
fn a_login_code_reaches_the_phone_where_its_agent_sits() {
    let world = world();
    let by_code = |code: &str| Click { phone: Phone::LoginCode(code.into()), ..click("", "+12125550101") };
    let request = world.placed(&by_code("7777"));
    assert_eq!((request.a.party, request.a.endpoint.as_str()), (Party::Extension("101".into()), "PJSIP/101"));
    assert_eq!(request.agent.unwrap().extension, "107");
    assert_eq!(message(world.demo(&by_code("0000"))), "Login code is unknown");
    assert_eq!(message(world.demo(&by_code(" "))), "Phonelogincode is missing");
    assert!(matches!(world.demo(&by_code("3333")), Err(Refusal::Blocked(_))));
    let away = Click { target: "+972501234567".into(), ..by_code("2020") };
    assert!(matches!(world.admit("other-code", &away), Err(Refusal::Offline(_))));
    assert!(matches!(world.admit("demo-code", &by_code("2010")), Err(Refusal::Unknown(_))));
}

#[test]
fn siptrunk_is_the_extension_that_the_directory_names() {
    let world = world();
    let click = Click { phone: Phone::SipTrunk, ..click("", "+12125550101") };
    let request = world.placed(&click);
    assert_eq!((request.a.party, request.a.endpoint.as_str()), (Party::Extension("800".into()), "PJSIP/800@carrier"));
    assert_eq!(request.agent, None);
    assert!(matches!(world.admit("other-code", &click), Err(Refusal::Unknown(_))));
}

#[test]
fn what_is_no_number_is_refused_by_the_name_of_its_field() {
    let world = world();
    assert_eq!(message(world.demo(&click("", "101"))), "Phone is missing");
    assert_eq!(message(world.demo(&click("101", "  "))), "Target is missing");
    for hostile in ["100&Local/911@x", "100@other", "${SHELL(id)}", "sip:1@x", "1\r\n2", "911", "*72"] {
        assert!(
            matches!(world.demo(&click("101", hostile)), Err(Refusal::Invalid { field: "target", .. })),
            "{hostile}"
        );
        assert!(
            matches!(world.demo(&click(hostile, "101")), Err(Refusal::Invalid { field: "phone", .. })),
            "{hostile}"
        );
    }
    assert!(matches!(world.demo(&click("101", "101")), Err(Refusal::Invalid { field: "target", .. })));
}

#[test]
fn dial_plans_choose_the_way_out() {
    let world = world();
    let by = |plan, target: &str| Click { dial_plan: Some(plan), ..click("101", target) };
    assert_eq!(world.placed(&by(1, "12125550101")).b.endpoint, "PJSIP/+12125550101@carrier");
    assert_eq!(world.placed(&by(2, "912125550101")).b.endpoint, "PJSIP/+12125550101@carrier");
    assert_eq!(world.placed(&by(3, "12125550101")).b.endpoint, "Local/+12125550101@from-internal/n");
    assert!(matches!(world.demo(&by(9, "12125550101")), Err(Refusal::Unknown(_))));
    let refused = world.demo(&by(2, "912125550199"));
    assert!(matches!(refused, Err(Refusal::Forbidden(_))), "a rewritten number is judged as it is dialled");
}

#[test]
fn the_do_not_call_list_counts_on_both_legs() {
    let world = world();
    let on_target = click("101", "(212) 555-0199");
    let on_phone = click("+12125550199", "700");
    assert_eq!(message(world.demo(&on_target)), "Target is on the do-not-call list");
    assert_eq!(message(world.demo(&on_phone)), "Phone is on the do-not-call list");
    let on_target = Click { ignore_do_not_call_target: true, ..on_target };
    let on_phone = Click { ignore_do_not_call_phone: true, ..on_phone };
    for override_it in [&on_target, &on_phone] {
        assert!(matches!(world.demo(override_it), Err(Refusal::Forbidden(_))), "without the scope");
        assert_eq!(world.admit("demo-admin", override_it).unwrap().audit.len(), 1);
    }
    let wrong_leg = Click { ignore_do_not_call_phone: true, ..click("101", "+12125550199") };
    assert!(matches!(world.admit("demo-admin", &wrong_leg), Err(Refusal::Forbidden(_))));
    let harmless = Click { ignore_do_not_call_phone: true, ..click("101", "+12125550101") };
    assert_eq!(world.admit("demo-admin", &harmless).unwrap().audit.len(), 1, "asking is in the audit, needed or not");
    assert!(matches!(world.demo(&harmless), Err(Refusal::Forbidden(_))));
}

type Set = fn(&mut Click, i64);

#[test]
fn timers_out_of_range_are_refused() {
    let world = world();
    let timers: [(&str, Set, i64); 3] = [
        ("phonemaxdialtime", |click, value| click.phone_max_dial_time = Some(value), 300),
        ("targetmaxdialtime", |click, value| click.target_max_dial_time = Some(value), 300),
        ("maxduration", |click, value| click.max_duration = Some(value), 14_400),
    ];
    for (name, set, most) in timers {
        for value in [i64::MIN, -1, 0, most + 1, 1_000_000_000] {
            let mut click = click("101", "109");
            set(&mut click, value);
            assert!(
                matches!(world.demo(&click), Err(Refusal::Invalid { field, .. }) if field == name),
                "{name} {value}"
            );
        }
        for value in [1, most] {
            let mut click = click("101", "109");
            set(&mut click, value);
            assert!(world.demo(&click).is_ok(), "{name} {value}");
        }
    }
}

#[test]
fn auto_answer_is_for_extensions_that_may() {
    let world = world();
    let both = |phone: &str, target: &str| {
        world.placed(&Click { phone_auto_answer: true, target_auto_answer: true, ..click(phone, target) })
    };
    let request = both("101", "109");
    assert_eq!(request.a.headers.len(), 4);
    assert_eq!(request.b.headers, request.a.headers);
    assert!(request.warnings.is_empty());
    let request = both("104", "+12125550105");
    assert!(request.a.headers.is_empty() && request.b.headers.is_empty());
    assert_eq!(request.warnings.len(), 2);
    assert!(world.placed(&click("101", "109")).a.headers.is_empty());
}

#[test]
fn device_states_are_checked_when_asked_for_and_told_apart() {
    let mut world = world();
    let checked = |phone: &str, target: &str| Click {
        check_phone_device_state: true,
        check_target_device_state: true,
        ..click(phone, target)
    };
    assert!(world.demo(&click("102", "109")).is_ok());
    assert_eq!(message(world.demo(&checked("102", "109"))), "Extension 102 is offline");
    assert_eq!(message(world.demo(&checked("101", "102"))), "Extension 102 is offline");
    assert!(world.placed(&checked("101", "+12125550102")).warnings.is_empty());
    let told = [
        (DeviceState::Inuse, "Extension 109 is in a call"),
        (DeviceState::Busy, "Extension 109 is busy"),
        (DeviceState::Ringing, "Extension 109 is ringing"),
        (DeviceState::Ringinuse, "Extension 109 is ringing"),
        (DeviceState::Onhold, "Extension 109 has a call on hold"),
        (DeviceState::Unknown, "Extension 109 is in an unknown state"),
    ];
    for (state, warning) in told {
        world.devices.set("PJSIP/109", state);
        assert_eq!(world.placed(&checked("101", "109")).warnings, [warning]);
    }
    world.devices.set("PJSIP/109", DeviceState::Invalid);
    assert!(matches!(world.demo(&checked("101", "109")), Err(Refusal::Offline(_))));
}

#[test]
fn languages_are_two_letters_and_a_region() {
    let world = world();
    let speaking = |language: &str| Click { language: given(language), ..click("101", "109") };
    for (asked, given) in [("he", "he"), ("EN-us", "en_US"), ("en_GB", "en_GB"), ("", "en")] {
        assert_eq!(world.placed(&speaking(asked)).language.as_deref(), Some(given));
    }
    for bad in ["english", "e", "en-", "en-USA", "../x", "en/US"] {
        assert!(matches!(world.demo(&speaking(bad)), Err(Refusal::Invalid { field: "language", .. })), "{bad}");
    }
}

#[test]
fn variables_are_few_small_and_plainly_named() {
    let world = world();
    let with = |vars: &[(&str, &str)]| {
        let vars = vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        world.demo(&Click { vars, ..click("101", "109") })
    };
    let long = "v".repeat(256);
    assert_eq!(with(&[("lead", &long), ("A_1", "=;, é")]).unwrap().request.vars.len(), 2);
    let longer = "v".repeat(257);
    for (name, value) in [("CALLERID(num)", "911"), ("", "x"), ("A=B", "x"), ("é", "x"), ("a", &longer), ("a", "x\ny")]
    {
        assert!(matches!(with(&[(name, value)]), Err(Refusal::Invalid { field: "var_", .. })), "{name}");
    }
    assert!(with(&[(&"n".repeat(33), "x")]).is_err());
    let names: Vec<String> = (0..11).map(|n| format!("n{n}")).collect();
    let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "x")).collect();
    assert!(with(&many[..10]).is_ok() && with(&many).is_err());
}

#[test]
fn user_data_brings_the_callback_url_which_must_be_allowed() {
    let world = world();
    let with = |pairs: &[(&str, &str)]| {
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        world.demo(&Click { userdata: Some(UserData { pairs }), ..click("101", "109") })
    };
    let good = with(&[("lead", "7"), ("ctl_callbackUrl", "http://127.0.0.1:8090/cb?$notes$")]).unwrap().request;
    assert_eq!(good.report.callback_url.as_deref(), Some("http://127.0.0.1:8090/cb?$notes$"));
    assert_eq!(good.report.userdata.unwrap().pairs.len(), 2);
    let refused = with(&[("ctl_callbackUrl", "http://10.0.0.1/")]);
    assert_eq!(
        refused,
        Err(Refusal::Invalid { field: "ctl_callbackUrl", message: "The callback URL leads where it may not".into() })
    );
    let url = ("ctl_callbackUrl", "http://127.0.0.1:8090/");
    assert!(with(&[url, url]).is_err());
    assert_eq!(with(&[("lead", "7")]).unwrap().request.report.callback_url, None);
    let ours = with(&[("ctl_newRecordId", "7"), ("lead", "7")]).unwrap().request;
    assert_eq!((ours.report.userdata.unwrap().pairs.len(), ours.warnings.len()), (1, 1));
}

#[test]
fn user_data_that_could_outgrow_a_callback_is_refused() {
    let world = world();
    let with = |value: String| {
        let url = ("ctl_callbackUrl".to_owned(), "http://127.0.0.1:8090/cb".to_owned());
        let pairs = vec![url, ("lead".to_owned(), value)];
        world.demo(&Click { userdata: Some(UserData { pairs }), ..click("101", "109") })
    };
    assert!(with("$agent$".repeat(100)).is_ok());
    let refused = with("$agent$".repeat(4_000));
    assert!(matches!(refused, Err(Refusal::Invalid { field: "ctl_userdata", .. })), "{refused:?}");
}

#[test]
fn a_token_of_an_agent_acts_for_that_agent_only() {
    let world = world();
    assert!(world.admit("demo-alice", &click("101", "+12125550101")).is_ok());
    assert!(matches!(world.admit("demo-alice", &click("104", "+12125550101")), Err(Refusal::Forbidden(_))));
    let from_outside = world.admit("demo-alice", &click("+12125550103", "109")).unwrap().request;
    assert_eq!(from_outside.agent.unwrap().extension, "101");
    assert_eq!(shows(&from_outside.b.connected), ("101", "Alice"));
}

#[test]
fn a_token_without_the_scope_places_no_call() {
    let text = DEMO.replace("scopes = [\"dial\", \"terminate\", \"read\"]", "scopes = [\"read\"]");
    let directory = apply(&Directory::default(), &parse(&text).unwrap().tenants).unwrap();
    let world = World { directory, ..world() };
    assert!(matches!(world.demo(&click("101", "109")), Err(Refusal::Forbidden(_))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn nothing_that_is_typed_gets_into_a_dial_string_but_digits(
        phone in "\\PC{0,12}|101|[+]?1?212555[0-9]{4}[@&;,/]?",
        target in "\\PC{0,12}|109|9?[+]?1?212555[0-9]{4}[@&;,/]?",
        plan in prop::option::of(0..4u32),
    ) {
        static WORLD: std::sync::LazyLock<World> = std::sync::LazyLock::new(world);
        let click = Click { dial_plan: plan, ..click(&phone, &target) };
        let Ok(admission) = WORLD.demo(&click) else { return Ok(()) };
        for leg in Leg::BOTH.map(|leg| admission.request.leg(leg).clone()) {
            let Party::Outside(number) = &leg.party else { continue };
            let trunks = [format!("PJSIP/{number}@carrier"), format!("Local/{number}@from-internal/n")];
            prop_assert!(trunks.contains(&leg.endpoint), "{}", leg.endpoint);
            let digits = number.strip_prefix('+').unwrap_or_default();
            prop_assert!((1..=32).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()));
        }
    }
}
