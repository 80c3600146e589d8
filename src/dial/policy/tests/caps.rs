//! What a click counts against.

use super::*;

/// 2026-03-07, a Saturday, noon in New York.
const SATURDAY: Timestamp = Timestamp::from_millis(1_772_902_800_000);
const HOURS: &str = "[tenant.office_hours]\nfrom = \"08:30\"\nuntil = \"18:00\"\n";

fn capped(world: &World, token: &str, click: &Click) -> Vec<(&'static str, String, u32)> {
    let caps = world.admit(token, click).unwrap().caps;
    caps.into_iter().map(|cap| (cap.limit.as_str(), cap.subject, cap.most)).collect()
}

fn expected(table: &[(&'static str, &str, u32)]) -> Vec<(&'static str, String, u32)> {
    table.iter().map(|(limit, subject, most)| (*limit, (*subject).to_owned(), *most)).collect()
}

#[test]
fn a_click_counts_against_its_agent_its_number_and_its_tenant() {
    let caps = capped(&world(), "other-code", &click("201", "0501234567"));
    let table = [
        ("agent_active", "201", 1),
        ("agent_per_minute", "201", 10),
        ("destination_per_ten_minutes", "+972501234567", 3),
        ("tenant_per_second", "", 1),
        ("tenant_active", "", 100),
    ];
    assert_eq!(caps, expected(&table));
}

#[test]
fn a_call_abroad_counts_as_one_besides() {
    let world = world();
    let abroad = |click: &Click| world.demo(click).unwrap().request.abroad;
    assert!(abroad(&click("101", "+972501234567")) && abroad(&click("+972501234567", "700")));
    assert!(abroad(&click("101", "+14165550100")), "Canada is another country");
    assert!(!abroad(&click("101", "+12125550101")) && !abroad(&click("101", "+18005550100")));
    assert!(!abroad(&click("101", "700")));
    let caps = capped(&world, "demo-code", &click("101", "+972501234567"));
    let limits: Vec<_> = caps.iter().map(|(limit, subject, _)| (*limit, subject.as_str())).collect();
    assert!(limits.contains(&("agent_abroad_per_day", "101")) && limits.contains(&("tenant_abroad_per_day", "")));
}

#[test]
fn whoever_sits_at_anothers_desk_counts_for_both() {
    let world = world();
    let by_code = Click { phone: Phone::LoginCode("7777".into()), ..click("", "+12125550101") };
    let caps = capped(&world, "demo-code", &by_code);
    let agents: Vec<_> = caps.iter().filter(|(limit, ..)| *limit == "agent_active").map(|cap| cap.1.as_str()).collect();
    assert_eq!(agents, ["107", "101"]);
}

#[test]
fn a_trunk_and_an_outside_phone_are_no_agent() {
    let world = world();
    let trunk = Click { phone: Phone::SipTrunk, ..click("", "+12125550101") };
    for click in [trunk, click("+12125550102", "700")] {
        let caps = capped(&world, "demo-code", &click);
        assert!(caps.iter().all(|(limit, ..)| !limit.starts_with("agent_")), "{caps:?}");
        assert!(caps.iter().any(|(limit, ..)| *limit == "destination_per_ten_minutes"), "{caps:?}");
    }
    let own = capped(&world, "demo-alice", &click("+12125550102", "700"));
    assert!(own.contains(&("agent_active", "101".to_owned(), 1000)), "an agent's own token: {own:?}");
}

#[test]
fn outside_of_office_hours_a_quarter_is_left_rounded_up() {
    let mut world = world();
    let mut tenant = (**world.directory.tenant("other").unwrap()).clone();
    let file = parse(&format!("[[tenant]]\nid = \"t\"\nregion = \"US\"\n{HOURS}")).unwrap();
    tenant.office_hours = file.tenants[0].office_hours.clone();
    tenant.time_zone = "America/New_York".to_owned();
    tenant.region = "US".to_owned();
    world.directory.tenants.insert("other".to_owned(), tenant.into());
    world.now = SATURDAY;
    let caps = capped(&world, "other-code", &click("201", "+972501234567"));
    let table = [
        ("agent_active", "201", 1),
        ("agent_per_minute", "201", 10),
        ("agent_abroad_per_day", "201", 5),
        ("destination_per_ten_minutes", "+972501234567", 1),
        ("tenant_per_second", "", 1),
        ("tenant_active", "", 25),
        ("tenant_abroad_per_day", "", 50),
    ];
    assert_eq!(caps, expected(&table));
    world.now = SATURDAY - Duration::from_hours(24);
    let caps = capped(&world, "other-code", &click("201", "+972501234567"));
    assert!(caps.contains(&("tenant_active", String::new(), 100)), "on Friday at noon");
}

#[test]
fn every_limit_says_what_it_is() {
    let says = |limit, most, hours| Exceeded { limit, most, hours, retry_after: Duration::ZERO }.to_string();
    assert_eq!(says(Limit::AgentActive, 1, Hours::Office), "The agent is in a call already");
    assert_eq!(says(Limit::AgentActive, 3, Hours::Office), "The agent has 3 calls already");
    let one = says(Limit::DestinationPerTenMinutes, 1, Hours::Off);
    assert_eq!(one, "Limit reached: 1 call to one number in ten minutes, outside of office hours");
    let abroad = says(Limit::AgentAbroadPerDay, 0, Hours::Office);
    assert_eq!(abroad, "Limit reached: 0 calls abroad a day for an agent");
}
