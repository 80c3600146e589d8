//! The directory as its files make it.

use proptest::prelude::*;

use super::file::{FileError, SAMPLE, export, parse, parse_with};
use super::*;
use crate::dial::policy::Limit;

const DEMO: &str = include_str!("../../tests/lab/demo.toml");

fn demo() -> Directory {
    let file = parse(DEMO).unwrap();
    apply(&Directory::default(), &file.tenants).unwrap()
}

/// A tenant that needs nothing else, with these lines besides.
fn small(lines: &str) -> String {
    format!("[[tenant]]\nid = \"t\"\nregion = \"US\"\n{lines}")
}

fn lines(directory: &Directory, text: &str) -> Vec<String> {
    diff(directory, &parse(text).unwrap().tenants).iter().map(ToString::to_string).collect()
}

#[test]
fn the_demo_world_is_a_valid_directory() {
    let directory = demo();
    assert_eq!(directory.tenants.keys().collect::<Vec<_>>(), ["demo", "other"]);
    let demo = directory.tenant("demo").unwrap();
    assert_eq!(demo.agents.len(), 8);
    assert_eq!(demo.agent_by_login_code("7777").unwrap().extension, "107");
    assert_eq!(demo.agent_by_email("Alice@Demo.Example").unwrap().extension, "101");
    assert!(demo.is_extension("700") && demo.is_extension("800") && !demo.is_extension("201"));
    assert_eq!(directory.tenant("other").unwrap().limits, Limits::default());
}

#[test]
fn every_limit_on_calls_has_its_name_in_the_file() {
    for limit in Limit::ALL.map(Limit::as_str) {
        let file = parse(&small(&format!("limits.{limit} = 7"))).unwrap();
        assert_ne!(file.tenants[0].limits, Limits::default(), "{limit}");
    }
    let refused = parse(&small("limits.agent_per_hour = 1")).unwrap_err();
    assert!(matches!(&refused, FileError::Shape { path, .. } if path.starts_with("t: limits")), "{refused}");
}

#[test]
fn more_calls_a_second_than_people_click_are_warned_of() {
    let warnings = |most| parse(&small(&format!("limits.tenant_per_second = {most}"))).unwrap().warnings;
    assert_eq!(warnings(20), Vec::<String>::new());
    assert_eq!(warnings(21), ["t: limits.tenant_per_second is above 20, which no people need"]);
}

#[test]
fn office_hours_are_part_of_the_file() {
    let hours = "[tenant.office_hours]\nfrom = \"08:30\"\nuntil = \"18:00\"\n";
    let plain = apply(&Directory::default(), &parse(&small("")).unwrap().tenants).unwrap();
    assert_eq!(lines(&plain, &small(hours)), ["t: office_hours added"]);
    let set = apply(&plain, &parse(&small(hours)).unwrap().tenants).unwrap();
    assert_eq!(lines(&set, &export(&set).unwrap()), Vec::<String>::new());
    let longer = format!("{}weekdays = [\"sun\", \"mon\"]\n", hours.replace("18:00", "02:00"));
    assert_eq!(
        lines(&set, &small(&longer)),
        [
            "t: office_hours.until 18:00 → 02:00",
            "t: office_hours.weekdays − tue",
            "t: office_hours.weekdays − wed",
            "t: office_hours.weekdays − thu",
            "t: office_hours.weekdays − fri",
            "t: office_hours.weekdays + sun",
        ]
    );
    for (wrong, message) in [
        (hours.replace("08:30", "8:30"), "t: office_hours.from: is not a time such as 08:30"),
        (hours.replace("18:00", "08:30"), "t: office_hours.until: is the same as from"),
        (format!("{hours}weekdays = []"), "t: office_hours.weekdays: is empty"),
        (format!("{hours}weekdays = [\"monday\"]"), "t: office_hours.weekdays[0]: unknown variant"),
    ] {
        let refused = parse(&small(&wrong)).unwrap_err().to_string();
        assert!(refused.starts_with(message), "{refused}");
    }
}

#[test]
fn the_sample_can_be_applied_as_it_is() {
    let secret = |path: &str| {
        let is_key = path.ends_with("callback-secret");
        Ok(if is_key { "whsec_ZGlhbGJyaWRnZS1kZW1vLWNhbGxiYWNrLXNlY3JldCE=" } else { "a-token" }.to_owned())
    };
    let file = parse_with(SAMPLE, secret).unwrap();
    assert_eq!(file.warnings, Vec::<String>::new());
    assert!(apply(&Directory::default(), &file.tenants).unwrap().credential("a-token").is_some());
}

#[test]
fn secrets_in_clear_are_warned_of_and_not_repeated() {
    let file = parse(DEMO).unwrap();
    assert_eq!(file.warnings.len(), 6, "five secrets, and a hasty tenant");
    assert!(file.warnings[0].starts_with("demo: tokens[0].secret stands in the file in clear"));
    assert!(!format!("{file:?}").contains("whsec_"));
}

#[test]
fn the_secret_of_a_callback_header_is_kept_like_the_others() {
    let with = |secret: &str| small(&format!("callback_header = {{ name = \"Authorization\"{secret} }}\n"));
    let clear = parse(&with(", secret = \"Bearer x\"")).unwrap();
    assert_eq!(clear.warnings.len(), 1);
    assert!(clear.warnings[0].starts_with("t: callback_header.secret stands in the file in clear"));
    let file = parse_with(&with(", secret_file = \"/x\""), |_| Ok("Bearer y\n".to_owned())).unwrap();
    assert_eq!(
        (file.tenants[0].callback_header.as_ref().unwrap().secret.expose(), file.warnings.len()),
        ("Bearer y", 0)
    );
    let stored = apply(&Directory::default(), &file.tenants).unwrap();
    let exported = export(&stored).unwrap();
    assert!(exported.contains("Authorization") && !exported.contains("Bearer"), "{exported}");
    for kept in [exported, with("")] {
        let again = apply(&stored, &parse(&kept).unwrap().tenants).unwrap();
        assert_eq!(again.tenant("t").unwrap().callback_header.as_ref().unwrap().secret.expose(), "Bearer y", "{kept}");
    }
    assert!(apply(&Directory::default(), &parse(&with("")).unwrap().tenants).is_err());
}

#[test]
fn a_token_opens_its_own_tenant_only() {
    let directory = demo();
    let (tenant, credential) = directory.credential("demo-admin").unwrap();
    assert_eq!((tenant.id.as_str(), credential.name.as_str()), ("demo", "demo-admin"));
    assert!(credential.allows(Scope::DncOverride));
    let (tenant, credential) = directory.credential("other-code").unwrap();
    assert_eq!(tenant.id, "other");
    assert!(!credential.allows(Scope::DncOverride));
    for wrong in ["", "demo-cod", "demo-code ", "sha256:"] {
        assert!(directory.credential(wrong).is_none(), "{wrong:?}");
    }
}

#[test]
fn a_document_reads_back_as_written() {
    for tenant in demo().tenants.values() {
        assert_eq!(&from_document(&to_document(tenant)).unwrap(), tenant.as_ref());
    }
    let error = from_document(r#"{"id":"t","agents":[{"extension":7}]}"#).unwrap_err();
    assert_eq!(error.path, "agents[0].extension");
}

#[test]
fn what_was_exported_changes_nothing_when_applied() {
    let directory = demo();
    let text = export(&directory).unwrap();
    assert!(!text.contains("whsec_") && !text.contains("sha256:") && !text.contains("$argon2"), "{text}");
    let file = parse(&text).unwrap();
    assert_eq!(file.warnings.len(), 1, "the demo's pace, no secret: {:?}", file.warnings);
    assert_eq!(diff(&directory, &file.tenants), []);
    assert_eq!(apply(&directory, &file.tenants).unwrap(), directory);
}

#[test]
fn a_change_is_said_in_words_and_without_secrets() {
    let directory = demo();
    let text = DEMO
        .replace("device = \"PJSIP/104\"", "device = \"PJSIP/104\"\nblocked = true")
        .replace("secret = \"demo-code\"", "secret = \"another-token\"")
        .replace("\"+1\", \"+972\"", "\"+1\", \"+44\"")
        .replace("agent_active = 1000\n", "agent_active = 3\n")
        .replace("extension = \"700\"", "extension = \"701\"");
    assert_eq!(
        lines(&directory, &text),
        [
            "demo: agent 104 changed: blocked false → true",
            "demo: allowed_destinations − +972",
            "demo: allowed_destinations + +44",
            "demo: limits.agent_active 1000 → 3",
            "demo: service 700 removed",
            "demo: service 701 added",
            "demo: token demo-code changed: secret_hash changed",
        ]
    );
}

#[test]
fn a_tenant_that_is_not_named_stays() {
    let directory = demo();
    let file = parse(&small("")).unwrap();
    assert_eq!(lines(&directory, &small("")), ["t: added, with 0 agents and 0 tokens"]);
    let next = apply(&directory, &file.tenants).unwrap();
    assert_eq!(next.tenants.len(), 3);
    assert_eq!(next.tenant("demo"), directory.tenant("demo"));
}

#[test]
fn a_secret_without_a_value_needs_a_stored_one() {
    let text = small("[[tenant.tokens]]\nname = \"crm\"\nscopes = [\"dial\"]\n");
    let flaws = apply(&Directory::default(), &parse(&text).unwrap().tenants).unwrap_err();
    assert_eq!(flaws[0].to_string(), "t: tokens[0].secret: has no value here, and none is stored");
    let with = parse(&text.replace("scopes", "secret = \"x\"\nscopes")).unwrap();
    let stored = apply(&Directory::default(), &with.tenants).unwrap();
    assert_eq!(apply(&stored, &parse(&text).unwrap().tenants).unwrap(), stored);
}

#[test]
fn a_secret_may_lie_in_a_file_of_its_own() {
    let text = small("[[tenant.tokens]]\nname = \"crm\"\nsecret_file = \"/run/crm\"\nscopes = [\"dial\"]\n");
    let file = parse_with(&text, |path| {
        assert_eq!(path, "/run/crm");
        Ok("crm-token\nsecond line".to_owned())
    });
    let file = file.unwrap();
    assert_eq!(file.warnings, Vec::<String>::new());
    assert_eq!(file.tenants[0].tokens[0].secret_hash, Some(TokenHash::of("crm-token")));
    let error = parse_with(&text, |_| Err(std::io::ErrorKind::NotFound.into())).unwrap_err().to_string();
    assert!(error.starts_with("t: tokens[0].secret_file: /run/crm: "), "{error}");
}

#[test]
fn two_tenants_cannot_answer_to_one_token() {
    let text = small("[[tenant.tokens]]\nname = \"crm\"\nsecret = \"demo-code\"\nscopes = [\"dial\"]\n");
    let flaws = apply(&demo(), &parse(&text).unwrap().tenants).unwrap_err();
    assert_eq!(flaws[0].to_string(), "t: tokens[0].secret: is another token's too");
}

#[test]
fn a_password_in_clear_is_hashed_when_it_is_applied_and_only_when_it_is_new() {
    let agent = |password: &str| {
        small(&format!("[[tenant.agents]]\nextension = \"1\"\nname = \"A\"\nemail = \"a@t.example\"\n{password}\n"))
    };
    let stored = |directory: &Directory| directory.tenant("t").unwrap().agent("1").unwrap().password_hash.clone();
    let sealed = |text: &str, now: &Directory| {
        let mut file = parse_with(text, |_| Ok("open sesame\n".to_owned())).unwrap();
        password::seal(&mut file.tenants, now);
        (apply(now, &file.tenants).unwrap(), file.warnings)
    };
    let (first, warnings) = sealed(&agent("password = \"open sesame\""), &Directory::default());
    assert_eq!(warnings, ["t: agents[0].password stands in the file in clear; password_file keeps it out"]);
    let hash = stored(&first).unwrap();
    assert!(
        password::fits(&Sealed::new("open sesame"), &hash)
            && !to_document(first.tenant("t").unwrap()).contains("sesame")
    );
    let (again, warnings) = sealed(&agent("password_file = \"/run/a\""), &first);
    assert_eq!((stored(&again), warnings.len()), (Some(hash.clone()), 0), "the same password keeps its hash");
    let (other, _) = sealed(&agent("password = \"closed sesame\""), &first);
    assert!(password::fits(&Sealed::new("closed sesame"), &stored(&other).unwrap()));
    assert_eq!(stored(&sealed(&agent(""), &first).0), None, "what the file leaves out is removed");

    let unsealed = parse(&agent("password = \"open sesame\"")).unwrap();
    assert!(apply(&first, &unsealed.tenants).is_err(), "nothing in clear is ever stored");
    for (password, wrong) in [
        ("password = \"short\"", "t: agents[0].password: is not 8 to 256 characters long"),
        ("password = 7", "t: agents[0].password: is no text"),
        ("password = \"x\"\npassword_hash = \"\"", "t: agents[0]: has more than one of password, password_file"),
    ] {
        let error = parse(&agent(password)).unwrap_err().to_string();
        assert!(error.starts_with(wrong), "{error}");
    }
}

#[test]
fn a_phone_is_one_tenants_alone() {
    let agent = "[[tenant.agents]]\nextension = \"1\"\nname = \"A\"\nemail = \"a@t.example\"\ndevice = \"PJSIP/101\"";
    let flaws = apply(&demo(), &parse(&small(agent)).unwrap().tenants).unwrap_err();
    assert_eq!(flaws[0].to_string(), "t: agents[0].device: is another tenant's phone");
    let service = "[[tenant.services]]\nextension = \"1\"\nname = \"A\"\nendpoint = \"PJSIP/201\"";
    let flaws = apply(&demo(), &parse(&small(service)).unwrap().tenants).unwrap_err();
    assert_eq!(flaws[0].to_string(), "t: services[0].endpoint: is another tenant's phone");
    let trunk = "[[tenant.services]]\nextension = \"1\"\nname = \"A\"\nendpoint = \"PJSIP/800@carrier\"";
    assert!(apply(&demo(), &parse(&small(trunk)).unwrap().tenants).is_ok(), "a trunk is everybody's");
}

#[test]
fn a_long_list_is_told_by_its_length() {
    let numbers: Vec<String> = (0..40_000).map(|n| format!("\"+1212{:07}\"", 2_000_000 + n)).collect();
    let text = small(&format!("do_not_call = [{}]", numbers.join(",")));
    let now =
        apply(&Directory::default(), &parse(&small("do_not_call = [\"+12125550199\"]")).unwrap().tenants).unwrap();
    assert_eq!(lines(&now, &text), ["t: do_not_call − +12125550199", "t: do_not_call + 40000 entries"]);
}

#[test]
fn a_file_of_another_shape_is_refused_with_the_place() {
    let cases = [
        ("x =", "line 1: "),
        ("colour = 1", "colour: is unknown here"),
        (&small("colour = 1"), "t: colour: unknown field `colour`"),
        (&small("duplicate_window = \"x\""), "t: duplicate_window: invalid type"),
        (&small("[[tenant.agents]]\nextension = \"1\"\nname = 1"), "t: agents[0].name: invalid type"),
        (&small("[[tenant.routes]]\nname = \"r\"\nendpoint = \"PJSIP/x\""), "t: routes[0].endpoint: needs {number}"),
        (&small("[[tenant.tokens]]\nname = \"n\"\nscopes = [\"root\"]"), "t: tokens[0].scopes[0]: unknown variant"),
        (
            &small("[[tenant.tokens]]\nname = \"n\"\nscopes = []\nsecret = \"a\"\nsecret_hash = \"b\""),
            "t: tokens[0]: has more than one of",
        ),
    ];
    for (text, expected) in cases {
        let error = parse(text).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{text}\n{error}");
    }
}

#[test]
fn every_flaw_is_named_by_its_field() {
    let agent = "[[tenant.agents]]\nname = \"A\"\nemail = \"a@t.example\"\nextension = \"1\"\nlogin_code = \"9\"\n";
    let cases = [
        ("region = \"US\"", "region = \"USA\"", "t: region: is not a region"),
        ("id = \"t\"", "id = \"T\"", "T: id: is not 1 to 32"),
        ("", "time_zone = \"Mars/Base\"", "t: time_zone: is not a time zone"),
        ("", "language = \"english\"", "t: language: is not a language"),
        ("", "duplicate_window = 61", "t: duplicate_window: is not 0 to 60"),
        ("", "limits.agent_active = 0", "t: limits.agent_active: is not 1 to"),
        ("", "limits.tenant_active = 0", "t: limits.tenant_active: is not 1 to"),
        ("", "limits.tenant_per_second = 1001", "t: limits.tenant_per_second: is not 1 to"),
        ("", "limits.agent_per_minute = 0", "t: limits.agent_per_minute: is 0"),
        ("", "do_not_call = [\"2125550100\"]", "t: do_not_call[0]: is not a number with its plus"),
        ("", "allowed_destinations = [\"1\"]", "t: allowed_destinations[0]: is not a plus"),
        ("", "caller_id = \"+12125550100\"", "t: caller_id: is not one of caller_ids"),
        ("", "crm_origins = [\"https://crm.example/\"]", "t: crm_origins[0]: is not an origin"),
        ("", "cdr_url = \"ftp://x\"", "t: cdr_url: is not an http"),
        ("", "dial_plan = 4", "t: dial_plan: is not the id"),
        ("", "sip_trunk = \"800\"", "t: sip_trunk: is not an extension"),
        ("", "[[tenant.dial_plans]]\nid = 1\nroute = \"r\"", "t: dial_plans[0].route: is not one of routes"),
        ("", "[[tenant.callback_secrets]]\nname = \"a\"\nsecret = \"whsec_\"", "t: callback_secrets[0].secret: is not"),
        ("", &format!("{agent}{}", agent.replace("\"1\"", "\"2\"")), "t: agents[1].email: is there twice"),
        ("", &agent.replace("extension = \"1\"", "extension = \"x\""), "t: agents[0].extension: is not 1 to 16"),
        ("", "[[tenant.routes]]\nname = \" \"\nendpoint = \"PJSIP/{number}@x\"", "t: routes[0].name: is empty"),
        (
            "",
            "[[tenant.tokens]]\nname = \"session:1\"\nsecret = \"s\"\nscopes = []",
            "t: tokens[0].name: is a name that",
        ),
        ("", &format!("{agent}logged_in_at = \"7\""), "t: agents[0].logged_in_at: is not an agent"),
        ("", &format!("{agent}caller_id = \"+12125550100\""), "t: agents[0].caller_id: is not one of"),
        ("", &format!("{agent}password_hash = \"clear\""), "t: agents[0].password_hash: is not an Argon2id"),
        (
            "",
            "[[tenant.tokens]]\nname = \"n\"\nsecret = \"s\"\nscopes = []\nagent = \"5\"",
            "t: tokens[0].agent: is not an agent",
        ),
    ];
    for (find, put, expected) in cases {
        let text = if find.is_empty() { small(put) } else { small("").replace(find, put) };
        let Err(FileError::Flaws(flaws)) = parse(&text) else { panic!("{text} was taken") };
        assert!(flaws.iter().any(|flaw| flaw.to_string().starts_with(expected)), "{text}\n{flaws:?}");
    }
}

#[test]
fn duplicates_are_refused() {
    let agent = |extension: &str, email: &str, code: &str| {
        format!(
            "[[tenant.agents]]\nname = \"A\"\nextension = \"{extension}\"\nemail = \"{email}\"\nlogin_code = \"{code}\"\n"
        )
    };
    let first = agent("1", "a@t.example", "9");
    let cases = [
        (agent("1", "b@t.example", "8"), "extension"),
        (agent("2", "A@t.example", "8"), "email"),
        (agent("2", "b@t.example", "9"), "login_code"),
    ];
    for (second, field) in cases {
        let Err(FileError::Flaws(flaws)) = parse(&small(&format!("{first}{second}"))) else { panic!("taken") };
        assert_eq!(flaws.len(), 1);
        assert_eq!(flaws[0].to_string(), format!("t: agents[1].{field}: is there twice"));
    }
}

const HASH: &str = "$argon2id$v=19$m=8,t=1,p=1$ZGlhbGJyaWRnZS1kZW1vIQ$97ZRZVYebfyfUbIWu1J4fKvqL9lgs+dSMIIYpBx2r3Q";

fn any_tenant() -> impl Strategy<Value = Tenant> {
    let agents = prop::collection::btree_map("[1-9][0-9]{0,6}", ("\\PC{0,12}", any::<[bool; 4]>()), 0..6);
    let numbers = prop::collection::btree_set("\\+1[2-9][0-9]{9}", 0..4);
    ("[a-z]{1,8}", agents, numbers, 0..=60u32, any::<u32>()).prop_map(|(id, agents, numbers, window, rate)| {
        let agents = agents.into_iter().map(|(extension, (name, flags))| Agent {
            email: format!("a{extension}@t.example"),
            name,
            login_code: flags[0].then(|| extension.clone()),
            logged_in_at: flags[1].then(|| extension.clone()),
            password_hash: flags[2].then(|| Sealed::new(HASH)),
            blocked: flags[3],
            extension,
            ..Agent::default()
        });
        let agents: Vec<Agent> = agents.collect();
        let caller_ids = numbers.iter().map(|number| CallerId { number: number.clone(), ..CallerId::default() });
        let token = |(i, agent): (usize, &Agent)| Credential {
            name: format!("token {i}"),
            secret_hash: Some(TokenHash::of(&format!("{id} {i}"))),
            agent: Some(agent.extension.clone()),
            ..Credential::default()
        };
        Tenant {
            tokens: agents.iter().enumerate().map(token).collect(),
            id: id.clone(),
            region: "US".to_owned(),
            caller_ids: caller_ids.collect(),
            do_not_call: numbers.into_iter().collect(),
            duplicate_window: window,
            limits: Limits { token_per_minute: rate, ..Limits::default() },
            agents,
            ..Tenant::default()
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn exporting_and_applying_is_the_identity(tenants in prop::collection::vec(any_tenant(), 0..3)) {
        let directory = Directory::new(tenants);
        let file = parse(&export(&directory).unwrap()).unwrap();
        prop_assert_eq!(diff(&directory, &file.tenants), []);
        prop_assert_eq!(apply(&directory, &file.tenants).unwrap(), directory);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,200}") {
        let _ = parse_with(&text, |_| Ok("secret".to_owned()));
    }
}
