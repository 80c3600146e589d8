//! The Voicenter door: what it accepts, how it answers, and when.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};

use super::rig::{DOOR, DoorOrderSeen, EngineDoes, FIRST, Rig, Watch, get, post};
use crate::call::{Call, CallId, CallRequest};
use crate::dial::number::Party;
use crate::engine::Termination;
use crate::link::LinkState;
use crate::store::Snapshot;

const FORM: &str = "application/x-www-form-urlencoded";
const CLICK: &str = "code=demo-code&action=call&phone=101&target=12125550101";

#[tokio::test]
async fn a_click_is_answered_with_the_id_under_which_the_engine_stored_it() {
    let rig = Rig::new();
    let answer = rig.click(CLICK).await;
    assert_eq!(
        (answer.status, answer.headers["content-type"].to_str().unwrap()),
        (StatusCode::OK, "text/xml; charset=utf-8")
    );
    assert_eq!(answer.verdict(), (0, "OK".to_owned()));
    let call = rig.call();
    assert!(answer.body.contains(&format!("<name>CALLID</name><value><string>{}</string>", call.id)));
    assert_eq!((call.a.endpoint.as_str(), call.b.endpoint.as_str()), ("PJSIP/101", "PJSIP/+12125550101@carrier"));
    assert_eq!((call.door.as_str(), call.credential.as_str()), ("voicenter", "demo-code"));
}

#[tokio::test]
async fn the_three_dialects_place_the_same_call() {
    let rig = Rig::new();
    let json =
        r#"{"Code":"demo-code","Action":"call","Phone":101,"Target":"12125550101","maxduration":60,"format":"JSON"}"#;
    let form = format!("{CLICK}&maxduration=60&format=json");
    let requests = [get(&format!("{DOOR}?{form}")), post(FORM, form.clone()), post("application/json", json)];
    let mut calls = Vec::new();
    for request in requests {
        let answer = rig.send(request).await;
        assert_eq!(answer.headers["content-type"], "application/json");
        let call = rig.call();
        assert_eq!(answer.json()["CALLID"].as_str(), Some(call.id.to_string().as_str()));
        calls.push((call.a, call.b, call.max_duration, call.report));
    }
    assert!(calls.windows(2).all(|pair| pair[0] == pair[1]));
}

#[tokio::test]
async fn the_path_is_found_in_any_case_and_nothing_else_is() {
    let rig = Rig::new();
    assert_eq!(rig.send(get(&format!("/forwarddialer/Click2Call.ASPX?{CLICK}"))).await.verdict().0, 0);
    for path in
        ["/ForwardDialer//click2call.aspx", "/ForwardDialer/click2call%2easpx", "/ForwardDialer/click2call.aspx/", "/"]
    {
        assert_eq!(rig.send(get(&format!("{path}?{CLICK}"))).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(rig.seen().len(), 1);
    let counted: Vec<_> = rig.counters.read().filter(|(.., count)| *count > 0).collect();
    assert_eq!(counted, [("voicenter", "2xx", 1), ("other", "4xx", 4)]);
}

#[tokio::test]
async fn every_answer_says_that_it_is_not_to_be_kept() {
    let answer = Rig::new().click(CLICK).await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    assert_eq!(answer.headers["referrer-policy"], "no-referrer");
}

#[tokio::test]
async fn all_parameters_reach_the_order() {
    let rig = Rig::new();
    let userdata = "%5BLeadId%7C7%5D%5Bctl_callbackUrl%7Chttp%3A%2F%2F127.0.0.1%3A8091%2Fcb%5D";
    let rest = format!(
        "record=true&phonemaxdialtime=20&targetmaxdialtime=30&maxduration=40&phoneautoanswer=1&language=fr\
         &var_Lead=7&checkphonedevicestate=1&ctl_userdata={userdata}&extTransactionData=%5BextRecordId%7C9%5D"
    );
    assert_eq!(rig.click(&format!("{CLICK}&{rest}")).await.verdict().0, 0);
    let call = rig.call();
    assert!(call.record);
    assert_eq!((call.a.max_dial_time, call.b.max_dial_time), (Duration::from_secs(20), Duration::from_secs(30)));
    assert_eq!(call.max_duration, Duration::from_secs(40));
    assert_eq!(call.language.as_deref(), Some("fr"));
    assert_eq!(call.vars["Lead"], "7");
    assert!(!call.a.headers.is_empty(), "auto answer");
    assert_eq!(call.report.callback_url.as_deref(), Some("http://127.0.0.1:8091/cb"));
    assert_eq!(call.report.ext_transaction_data.unwrap().pairs[0].1, "9");
}

#[tokio::test]
async fn the_first_leg_may_be_the_trunk_or_wherever_a_login_code_is() {
    let rig = Rig::new();
    rig.click("code=demo-code&action=call&phone=SIPTRUNK&target=700").await;
    assert_eq!(rig.call().a.party, Party::Extension("800".to_owned()));
    rig.click("code=demo-code&action=call&phone=logincode&phonelogincode=7777&target=700").await;
    assert_eq!(rig.call().a.endpoint, "PJSIP/101");
}

#[tokio::test]
async fn the_same_click_again_gets_the_first_calls_id() {
    let rig = Rig::with(EngineDoes::SayDuplicate);
    assert!(rig.click(CLICK).await.body.contains(&FIRST.to_string()));
}

#[tokio::test]
async fn an_agent_in_a_call_is_an_application_error() {
    let answer = Rig::with(EngineDoes::SayAgentBusy).click(CLICK).await;
    assert_eq!(answer.verdict(), (2, "The agent is in a call already".to_owned()));
    assert_eq!((answer.status, answer.headers["retry-after"].to_str().unwrap()), (StatusCode::OK, "5"));
}

#[tokio::test]
async fn an_idempotency_key_of_another_request_is_an_invalid_parameter() {
    let answer = Rig::with(EngineDoes::SayKeyReused).click(CLICK).await;
    assert_eq!(answer.verdict(), (1, "This Idempotency-Key was used for another request".to_owned()));
}

#[tokio::test]
async fn phones_that_are_away_or_blocked_have_their_own_codes() {
    let rig = Rig::new();
    for (query, code) in [
        ("phone=102&target=700&checkphonedevicestate=true", 3),
        ("phone=101&target=102&checktargetdevicestate=1", 3),
        ("phone=107&target=700", 3),
        ("phone=103&target=700", 4),
    ] {
        assert_eq!(rig.click(&format!("code=demo-code&action=call&{query}")).await.verdict().0, code, "{query}");
    }
    assert!(rig.seen().is_empty());
    assert_eq!(rig.click("code=demo-code&action=call&phone=102&target=700").await.verdict().0, 0);
}

#[tokio::test]
async fn terminate_ends_the_calls_of_a_phone_of_ones_own_tenant() {
    let rig = Rig::new();
    let answer = rig.click("code=demo-code&action=terminate&Phone=101&format=json").await;
    assert_eq!(answer.json()["CALLID"].as_str(), Some(FIRST.to_string().as_str()));
    let outside = rig.click("code=demo-code&action=terminate&Phone=%2B12125550101").await;
    assert_eq!(outside.verdict().0, 0);
    let parties = rig.seen().into_iter().map(|order| match order {
        DoorOrderSeen::Terminate(Termination::Party { tenant, party }) => (tenant, party),
        other => panic!("{other:?}"),
    });
    let demo = || "demo".to_owned();
    let expected = [(demo(), Party::Extension("101".to_owned())), (demo(), Party::Outside("+12125550101".to_owned()))];
    assert_eq!(parties.collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn there_is_nothing_to_terminate_where_nobody_talks_or_another_tenant_does() {
    let rig = Rig::with(EngineDoes::SayDuplicate);
    for phone in ["101", "201"] {
        let answer = rig.click(&format!("code=demo-code&action=terminate&Phone={phone}")).await;
        assert_eq!(answer.verdict(), (2, "No active call".to_owned()), "{phone}");
    }
    // In Israel 101 and 104 are emergency numbers, and another tenant's extensions all the same.
    for phone in ["101", "104"] {
        let answer = rig.click(&format!("code=other-code&action=terminate&Phone={phone}")).await;
        assert_eq!(answer.verdict(), (2, "No active call".to_owned()), "{phone}");
    }
}

#[tokio::test]
async fn an_agents_own_token_acts_for_that_agent_alone() {
    let rig = Rig::new();
    for (query, code) in [
        ("action=terminate&phone=101", 0),
        ("action=terminate&phone=102", 1),
        ("action=terminate&phone=12125550101", 2),
        ("action=call&phone=102&target=700", 1),
    ] {
        assert_eq!(rig.click(&format!("code=demo-alice&{query}")).await.verdict().0, code, "{query}");
    }
}

#[tokio::test]
async fn an_agents_own_token_ends_that_agents_calls_at_an_outside_number_too() {
    let rig = Rig::new();
    let outside = "action=call&phone=12125550101&target=700";
    for (token, id) in [("demo-alice", FIRST), ("demo-code", CallId::from_bits(2))] {
        assert_eq!(rig.click(&format!("code={token}&{outside}")).await.verdict().0, 0);
        let request = Arc::new(CallRequest { id, ..rig.call() });
        let journal = Call::new(Arc::clone(&request)).journal().clone();
        rig.store.calls.lock().unwrap().push(Snapshot { request, journal });
    }
    assert_eq!(rig.click("code=demo-alice&action=terminate&phone=12125550101").await.verdict().0, 0);
    match rig.seen().as_slice() {
        [DoorOrderSeen::Terminate(Termination::Call { tenant, call })] => {
            assert_eq!((tenant.as_str(), *call), ("demo", FIRST), "nobody's call is not Alice's");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_refused_override_of_the_do_not_call_list_is_in_the_audit() {
    let listed = "action=call&phone=101&target=12125550199&ignorednostatus=2";
    let rig = Rig::new();
    assert_eq!(rig.click(&format!("code=demo-code&{listed}")).await.verdict().0, 1);
    rig.ari.send_replace(LinkState::Down);
    assert_eq!(rig.click(&format!("code=demo-admin&{listed}")).await.verdict().0, 2);
    let lines = std::mem::take(&mut *rig.store.audit.lock().unwrap());
    let told: Vec<_> = lines.iter().map(|line| (line.actor.as_str(), line.action.as_str())).collect();
    let asked = "do-not-call list override asked for target 12125550199; refused:";
    let expected = [
        ("demo-code", format!("{asked} This token may not override the do-not-call list")),
        ("demo-admin", format!("{asked} The PBX is not reachable")),
    ];
    assert_eq!(told, expected.each_ref().map(|(actor, action)| (*actor, action.as_str())));
    assert_eq!(rig.click("code=demo-code&action=call&phone=101&target=12125550199").await.verdict().0, 1);
    assert!(rig.store.audit.lock().unwrap().is_empty(), "no override was asked for");
}

#[tokio::test]
async fn a_token_without_the_scope_does_nothing() {
    let rig = Rig::new();
    for action in ["action=terminate", "action=call&target=700"] {
        assert_eq!(rig.click(&format!("code=read-only&phone=101&{action}")).await.verdict().0, 1, "{action}");
    }
    assert!(rig.seen().is_empty());
}

#[tokio::test]
async fn clicks_are_refused_at_once_while_a_link_is_down() {
    let rig = Rig::new();
    rig.ari.send_replace(LinkState::Down);
    assert_eq!(rig.click(CLICK).await.verdict(), (2, "The PBX is not reachable".to_owned()));
    rig.ari.send_replace(super::rig::up("http"));
    rig.ami.send_replace(LinkState::StandBy);
    assert_eq!(rig.click(CLICK).await.verdict().0, 2);
    assert!(rig.seen().is_empty());
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_more_than_two_seconds_when_the_pbx_goes_away() {
    let rig = Rig::with(EngineDoes::Nothing);
    let started = Watch::start();
    let (answer, ()) = tokio::join!(rig.click(CLICK), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        rig.ari.send_replace(LinkState::Down);
    });
    assert_eq!(answer.verdict(), (2, "The PBX is not reachable".to_owned()));
    assert!(started.elapsed() <= Duration::from_millis(3100), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_never_answers_is_an_error_and_no_success() {
    let rig = Rig::with(EngineDoes::Nothing);
    assert_eq!(rig.click(CLICK).await.verdict().0, 2);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_before_it_is_read() {
    let rig = Rig::new();
    let answer = rig.send(post(FORM, "x".repeat(64 * 1024 + 1))).await;
    assert_eq!((answer.status, answer.verdict().0), (StatusCode::PAYLOAD_TOO_LARGE, 1));
    let endless = Body::from_stream(futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>("x".repeat(1024))));
    assert_eq!(rig.send(post(FORM, endless)).await.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_ends_is_given_up() {
    let rig = Rig::new();
    let silent = Body::from_stream(futures_util::stream::pending::<Result<&str, std::io::Error>>());
    let started = Watch::start();
    assert_eq!(rig.send(post(FORM, silent)).await.verdict().0, 1);
    assert!(started.elapsed() <= Duration::from_secs(11));
}

#[tokio::test]
async fn other_methods_are_told_which_there_are() {
    let rig = Rig::new();
    for method in ["PUT", "DELETE", "PATCH"] {
        let request =
            Request::builder().method(method).uri(format!("{DOOR}?{CLICK}&format=json")).body(Body::empty()).unwrap();
        let answer = rig.send(request).await;
        assert_eq!((answer.status, answer.verdict().0), (StatusCode::METHOD_NOT_ALLOWED, 1), "{method}");
        assert_eq!(answer.headers["content-type"], "application/json");
        assert_eq!(answer.headers["allow"], "GET, POST");
    }
    assert!(rig.seen().is_empty());
}
