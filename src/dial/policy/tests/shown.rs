//! What each leg shows.

use super::*;

#[test]
fn each_leg_shows_what_its_party_should_see() {
    let world = world();
    let cases = [
        // phone, target, what A sees, what B sees, the company's number
        ("101", "+12125550105", ("12125550105", ""), ("+12125550100", "Demo Main"), "12125550100"),
        ("101", "109", ("109", "Heidi"), ("101", "Alice"), "12125550100"),
        ("101", "700", ("700", "Main menu"), ("101", "Alice"), "12125550100"),
        ("+12125550103", "700", ("+12125550100", "Demo Main"), ("12125550103", ""), "12125550100"),
        // A service behind a trunk is outside: no extension and no name of ours is shown there.
        ("101", "800", ("800", "SIP trunk"), ("12125550100", "Demo Main"), "12125550100"),
        ("800", "101", ("12125550100", "Demo Main"), ("800", "SIP trunk"), "12125550100"),
        ("800", "700", ("12125550100", "Demo Main"), ("800", "SIP trunk"), "12125550100"),
        ("+12125550103", "+12125550105", ("+12125550100", "Demo Main"), ("+12125550100", "Demo Main"), "12125550100"),
    ];
    for (phone, target, on_a, on_b, company) in cases {
        let request = world.placed(&click(phone, target));
        assert_eq!(shows(&request.a.connected), on_a, "{phone} {target}");
        assert_eq!(shows(&request.b.connected), on_b, "{phone} {target}");
        // Once joined, each is shown the other's CALLERID: it must not differ.
        assert_eq!(request.b.caller, request.a.connected, "{phone} {target}");
        assert_eq!(request.a.caller, request.b.connected, "{phone} {target}");
        assert_eq!(request.report.caller_id, company, "{phone} {target}");
    }
}

#[test]
fn extensions_show_whatever_is_asked_for() {
    let asked = Click {
        phone_caller_id: given("+44 20 7123-4567"),
        phone_caller_name: given("\"Lead\" <x>\r\n"),
        target_caller_id: given("555"),
        target_caller_name: given(&"n".repeat(60)),
        ..click("101", "109")
    };
    let request = world().placed(&asked);
    assert_eq!(shows(&request.a.connected), ("442071234567", "Lead x"));
    assert_eq!(shows(&request.b.connected), ("555", "n".repeat(40).as_str()));
    let named = Click { phone_caller_name: given("Mr Lead"), ..click("101", "+12125550105") };
    assert_eq!(shows(&world().placed(&named).a.connected), ("12125550105", "Mr Lead"));
    let odd = Click { phone_caller_id: given("1;2"), ..click("101", "109") };
    assert_eq!(message(world().demo(&odd)), "Phonecallerid is invalid");
}

#[test]
fn the_outside_sees_only_numbers_that_are_shared_with_the_agent() {
    let world = world();
    let by = |agent: &str, number: &str| Click { target_caller_id: given(number), ..click(agent, "+12125550105") };
    let support = world.placed(&by("101", "(212) 555-0101"));
    assert_eq!(shows(&support.b.connected), ("+12125550101", "Demo Support"));
    assert_eq!(support.report.caller_id, "12125550101");
    let named = Click { target_caller_name: given("Us"), ..by("101", "+12125550101") };
    assert_eq!(shows(&world.placed(&named).b.connected), ("+12125550101", "Us"));
    let refused = [
        ("104", "+12125550101", "shared with another agent"),
        ("101", "+12125550102", "shared with nobody"),
        ("101", "+97235550100", "another tenant's"),
        ("101", "+12125550177", "nobody's"),
    ];
    for (agent, number, why) in refused {
        assert!(matches!(world.demo(&by(agent, number)), Err(Refusal::Forbidden(_))), "{why}");
    }
    assert!(matches!(world.demo(&by("101", "101")), Err(Refusal::Invalid { field: "targetcallerid", .. })));
    let outside_phone = Click { phone_caller_id: given("+12125550101"), ..click("+12125550103", "700") };
    assert!(
        matches!(world.demo(&outside_phone), Err(Refusal::Forbidden(_))),
        "no agent, nothing that is not everybody's"
    );
    let open = Click { phone_caller_id: given("+12125550100"), ..click("+12125550103", "700") };
    assert_eq!(shows(&world.placed(&open).a.connected), ("+12125550100", "Demo Main"));
}

#[test]
fn a_service_behind_a_trunk_sees_only_numbers_that_are_shared() {
    let world = world();
    let target = |number: &str| Click { target_caller_id: given(number), ..click("101", "800") };
    assert_eq!(shows(&world.placed(&target("+12125550101")).b.connected), ("12125550101", "Demo Support"));
    assert!(matches!(world.demo(&target("+12125550102")), Err(Refusal::Forbidden(_))));
    assert!(matches!(world.demo(&target("555")), Err(Refusal::Invalid { field: "targetcallerid", .. })));
    let phone = Click { phone: Phone::SipTrunk, phone_caller_id: given("+12125550177"), ..click("", "+12125550105") };
    assert!(matches!(world.demo(&phone), Err(Refusal::Forbidden(_))));
    let plus = DEMO.replace("PJSIP/800@carrier", "PJSIP/+12125550800@carrier");
    let directory = apply(&Directory::default(), &parse(&plus).unwrap().tenants).unwrap();
    let world = World { directory, ..world };
    assert_eq!(shows(&world.placed(&click("101", "800")).b.connected), ("+12125550100", "Demo Main"));
}

#[test]
fn an_agents_own_caller_id_goes_before_the_tenants() {
    let text = DEMO.replace("login_code = \"1111\"", "login_code = \"1111\"\ncaller_id = \"+12125550101\"");
    let directory = apply(&Directory::default(), &parse(&text).unwrap().tenants).unwrap();
    let world = World { directory, ..world() };
    assert_eq!(world.placed(&click("101", "+12125550105")).report.caller_id, "12125550101");
    assert_eq!(world.placed(&click("104", "+12125550105")).report.caller_id, "12125550100");
}
