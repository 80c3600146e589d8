//! What comes back, as people and programs see it.

use serde_json::json;

use super::rig::{CALL, Rig, call, json_of, problem};
use crate::cli::Exit;

#[tokio::test]
async fn calls_are_a_table_for_people_and_the_api_s_own_json_for_programs() {
    let page = json!({ "data": [call("ended"), call("talking")], "next_cursor": "b64" });
    let rig = Rig::new(&[("GET /v1/calls", json_of(200, &page))]).await;
    let people = rig.run(&["calls"]).await;
    insta::assert_snapshot!(people.output, @"
    ID                                ACCEPTED (UTC)       STATUS       REASON  AGENT  PHONE  TARGET        TALK, S
    0190aa00000070008000000000000001  2023-11-14 22:13:10  completed    normal  Alice  101    +12125550101  5
    0190aa00000070008000000000000001  2023-11-14 22:13:10  in-progress  -       Alice  101    +12125550101  -
    There are more: --cursor b64
    ");
    let programs = rig.run(&["calls", "--json"]).await;
    assert_eq!((programs.output, programs.exit), (format!("{page}\n"), Exit::Done));
}

#[tokio::test]
async fn a_call_is_told_with_its_timeline_and_why_it_ended() {
    let events = json!({
        "data": [
            { "at": "2023-11-14T22:13:10.000Z", "sequence": 1, "event": "accepted", "text": "The call was accepted." },
            { "at": "2023-11-14T22:13:25.250Z", "sequence": 2, "event": "b_gone", "text": "The target has no line any more." },
        ],
        "ending": "The target hung up.",
    });
    let (place, steps) = (format!("GET /v1/calls/{CALL}"), format!("GET /v1/calls/{CALL}/events"));
    let rig = Rig::new(&[(&place, json_of(200, &call("ended"))), (&steps, json_of(200, &events))]).await;
    let people = rig.run(&["call-info", CALL]).await;
    insta::assert_snapshot!(people.output, @"
    call           0190aa00000070008000000000000001
    status         completed
    phase          ended
    reason         normal
    agent          Alice
    phone          101
    target         +12125550101
    caller id      12125550100
    talk, seconds  5
    warnings       foo: unknown, ignored

    22:13:10.000  The call was accepted.
    22:13:25.250  The target has no line any more.

    The target hung up.
    ");
    let programs = rig.run(&["call-info", CALL, "--json"]).await;
    assert_eq!(programs.output, format!("{}\n{events}\n", call("ended")));
}

#[tokio::test]
async fn devices_callbacks_and_tokens_are_tables() {
    let devices = json!({ "data": [
        { "device": "PJSIP/101", "state": "not_inuse", "extension": "101", "agent": "Alice" },
        { "device": "PJSIP/700", "state": "unknown", "extension": "700", "agent": null },
    ]});
    let callback = json!({
        "id": "msg_1", "call": CALL, "kind": "call.ended", "url": "https://crm.example/hook", "state": "dead",
        "attempts": 2, "created_at": "2023-11-14T22:13:25.250Z", "due_at": null, "last_status": 410, "last_error": "gone",
    });
    let tokens = json!({ "data": [{ "name": "crm", "scopes": ["dial", "read"], "agent": null, "networks": [] }] });
    let rig = Rig::new(&[
        ("GET /v1/devices", json_of(200, &devices)),
        ("GET /v1/callbacks", json_of(200, &json!({ "data": [callback] }))),
        ("GET /v1/tokens", json_of(200, &tokens)),
    ])
    .await;
    let mut text = String::new();
    for command in [&["devices"][..], &["callbacks"], &["token", "list"]] {
        text = text + "$ dialbridge " + &command.join(" ") + "\n" + &rig.run(command).await.output;
    }
    insta::assert_snapshot!(text, @"
    $ dialbridge devices
    EXTENSION  AGENT  DEVICE     STATE
    101        Alice  PJSIP/101  not_inuse
    700        -      PJSIP/700  unknown
    $ dialbridge callbacks
    ID     CREATED (UTC)        KIND        STATE  ATTEMPTS  LAST  URL
    msg_1  2023-11-14 22:13:25  call.ended  dead   2         410   https://crm.example/hook
    $ dialbridge token list
    NAME  SCOPES      AGENT  NETWORKS
    crm   dial, read  -      -
    ");
}

#[tokio::test]
async fn a_callback_is_shown_with_its_body_and_each_attempt() {
    let callback = json!({
        "id": "msg_1", "call": CALL, "kind": "userdata", "url": "https://crm.example/hook", "state": "delivered",
        "attempts": 2, "created_at": "2023-11-14T22:13:25.250Z", "due_at": null, "last_status": 200, "last_error": null,
        "body": "a=1&b=2", "content_type": "application/x-www-form-urlencoded",
        "log": [
            { "at": "2023-11-14T22:13:25.300Z", "duration_ms": 5001, "status": null, "note": "connect: refused" },
            { "at": "2023-11-14T22:13:30.300Z", "duration_ms": 12, "status": 200, "note": "ok" },
        ],
    });
    let rig = Rig::new(&[("GET /v1/callbacks/msg_1", json_of(200, &callback))]).await;
    insta::assert_snapshot!(rig.run(&["callbacks", "show", "msg_1"]).await.output, @"
    callback      msg_1
    call          0190aa00000070008000000000000001
    kind          userdata
    state         delivered
    url           https://crm.example/hook
    created       2023-11-14 22:13:25
    content type  application/x-www-form-urlencoded
    body          a=1&b=2

    AT (UTC)             STATUS  TOOK, MS  NOTE
    2023-11-14 22:13:25  -       5001      connect: refused
    2023-11-14 22:13:30  200     12        ok
    ");
}

#[tokio::test]
async fn a_forecast_says_what_would_ring_and_a_refused_one_why_not() {
    let forecast = json!({
        "dry_run": true, "would": "accepted", "problem": null,
        "phone": { "party": "101", "endpoint": "PJSIP/101", "device": "PJSIP/101", "device_state": "not_inuse" },
        "target": { "party": "+12125550101", "endpoint": "PJSIP/+12125550101@trunk" }, "caller_id": "+12125550100",
        "legs": [
            { "leg": "a", "dial_string": "PJSIP/101", "max_dial_time": 60, "shows": { "number": "+12125550101", "name": "" } },
            { "leg": "b", "dial_string": "PJSIP/+12125550101@trunk", "max_dial_time": 60, "shows": { "number": "+12125550100", "name": "Demo Main" } },
        ],
        "route": "trunk", "warnings": [],
    });
    let refused =
        json!({ "dry_run": true, "would": "refused", "problem": { "detail": "Carol may not call" }, "legs": [] });
    let rig =
        Rig::new(&[("POST /v1/calls", json_of(200, &forecast)), ("POST /v1/calls", json_of(200, &refused))]).await;
    let good = rig.run(&["call", "101", "+12125550101", "--dry-run"]).await;
    assert_eq!(good.exit, Exit::Done);
    let bad = rig.run(&["call", "103", "+12125550101", "--dry-run"]).await;
    assert_eq!(bad.exit, Exit::Refused);
    insta::assert_snapshot!(format!("{}---\n{}", good.output, bad.output), @"
    would be   accepted
    phone      101
    its state  not_inuse
    target     +12125550101
    caller id  +12125550100
    route      trunk

    LEG  DIALS                     FOR AT MOST  SHOWS         NAME
    a    PJSIP/101                 60           +12125550101  -
    b    PJSIP/+12125550101@trunk  60           +12125550100  Demo Main
    ---
    would be   refused
    because    Carol may not call
    ");
}

#[tokio::test]
async fn a_refusal_is_one_line_and_an_exit_code() {
    for (status, exit) in [
        (400, Exit::Usage),
        (401, Exit::Refused),
        (403, Exit::Refused),
        (404, Exit::Failed),
        (409, Exit::Failed),
        (422, Exit::Refused),
        (429, Exit::Refused),
        (500, Exit::Failed),
        (502, Exit::Unreachable),
        (503, Exit::NotReady),
    ] {
        let rig = Rig::new(&[("GET /v1/devices", problem(status, "Title", "the detail"))]).await;
        let said = rig.run(&["devices"]).await;
        assert_eq!((said.complaint.as_str(), said.exit), ("Title: the detail", exit), "{status}");
    }
}

#[tokio::test]
async fn a_refusal_names_the_field_and_when_to_try_again() {
    let field = json!({ "title": "Malformed", "detail": "must be 1 to 300", "field": "max_duration" });
    let limited = problem(429, "Too many requests", "too many calls to this number").again_after(7);
    let steering = problem(403, "Not\u{1b}[2J allowed", "");
    let answers = [json_of(400, &field), limited, steering, json_of(500, &json!("no problem at all"))];
    let prepared: Vec<_> = answers.into_iter().map(|answer| ("GET /v1/devices", answer)).collect();
    let rig = Rig::new(&prepared).await;
    let mut complaints = String::new();
    for _ in 0..4 {
        complaints = complaints + &rig.run(&["devices"]).await.complaint + "\n";
    }
    insta::assert_snapshot!(complaints, @"
    Malformed: max_duration: must be 1 to 300
    Too many requests: too many calls to this number (again in 7 s)
    Not�[2J allowed
    the daemon answered 500 Internal Server Error
    ");
}

#[tokio::test]
async fn without_a_daemon_the_exit_code_says_so() {
    let rig = Rig::new(&[]).await;
    let said = rig.run_as_it_is(&["devices", "--socket", "/nowhere/admin.sock"]).await;
    assert_eq!(said.exit, Exit::Unreachable);
    assert!(said.complaint.starts_with("no daemon at /nowhere/admin.sock"), "{said:?}");
    let file = rig.file("away.toml", "url = 'http://127.0.0.1:1'\ntoken = 'demo-code'\n");
    let said = rig.run_as_it_is(&["devices", "--client", &file]).await;
    assert_eq!(said.exit, Exit::Unreachable);
    assert!(said.complaint.starts_with("no daemon at http://127.0.0.1:1/") && !said.complaint.contains("demo-code"));
    let broken = rig.file("broken.toml", "urls = 'x'\n");
    assert_eq!(rig.run_as_it_is(&["devices", "--client", &broken]).await.exit, Exit::Configuration);
}
