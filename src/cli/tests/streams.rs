//! What goes on until something ends it.

use serde_json::json;

use super::rig::{CALL, Rig, call, event, events, json_of, problem};
use crate::cli::Exit;

/// A stream that breaks off, and after that a daemon that wants no more: the command ends.
fn broken_off(first: &str, second: &str) -> [(&'static str, super::rig::Prepared); 3] {
    [
        ("GET /v1/events", events(first)),
        ("GET /v1/events", events(second)),
        ("GET /v1/events", problem(403, "Not allowed", "enough")),
    ]
}

#[tokio::test]
async fn calls_are_followed_line_by_line_and_resumed_where_they_broke_off() {
    let first =
        format!(": keep-alive\n\n{}{}", event(7, "call.connected", "talking"), "id: 8\nevent: call.ended\ndata: {");
    let rig = Rig::new(&broken_off(&first, &event(8, "call.ended", "ended"))).await;
    let said = rig.run(&["calls", "--follow"]).await;
    insta::assert_snapshot!(said.output, @"
    22:13:25.250  0190aa00000070008000000000000001  call.connected   101 -> +12125550101  in-progress
    22:13:25.250  0190aa00000070008000000000000001  call.ended       101 -> +12125550101  completed, normal
    ");
    assert_eq!((said.complaint.as_str(), said.exit), ("Not allowed: enough", Exit::Refused));
    let resumed: Vec<_> = rig.asked().iter().map(|asked| asked.headers.get("last-event-id").cloned()).collect();
    assert_eq!(
        resumed.iter().map(|id| id.as_ref().map(|id| id.to_str().unwrap())).collect::<Vec<_>>(),
        [None, Some("7"), Some("8")]
    );
}

#[tokio::test]
async fn what_is_followed_can_be_narrowed_and_read_by_programs() {
    let both = event(7, "call.connected", "talking") + &event(8, "call.ended", "ended");
    let rig = Rig::new(&broken_off(&both, "")).await;
    assert_eq!(rig.run(&["calls", "--follow", "--agent", "109"]).await.output, "");
    let rig = Rig::new(&broken_off(&both, "")).await;
    let said = rig.run(&["calls", "--follow", "--target", "12125550101", "--json"]).await;
    let kinds: Vec<String> = said
        .output
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["type"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(kinds, ["call.connected", "call.ended"]);
}

#[tokio::test]
async fn a_stream_that_is_refused_at_once_is_not_tried_again() {
    let rig = Rig::new(&[("GET /v1/events", problem(503, "Unavailable", "the store is away"))]).await;
    assert_eq!(rig.run(&["calls", "--follow"]).await.exit, Exit::NotReady);
    assert_eq!(rig.lines().len(), 1);
}

#[tokio::test]
async fn a_call_is_waited_for_until_both_have_talked() {
    let (place, steps) = (format!("GET /v1/calls/{CALL}"), format!("GET /v1/calls/{CALL}/events"));
    let stream = event(7, "call.connected", "talking") + &event(8, "call.ended", "ended");
    let rig = Rig::new(&[
        ("POST /v1/calls", json_of(201, &call("calling_agent"))),
        ("GET /v1/events", events(&stream)),
        (&place, json_of(200, &call("calling_agent"))),
        (&steps, json_of(200, &json!({ "data": [], "ending": "The target hung up." }))),
    ])
    .await;
    let said = rig.run(&["call", "101", "+12125550101", "--wait"]).await;
    assert_eq!(said.exit, Exit::Done, "{said:?}");
    assert!(said.output.ends_with("The target hung up.\n"), "{said:?}");
    assert!(said.output.contains("call.connected"), "{said:?}");
}

#[tokio::test]
async fn a_call_that_was_over_before_the_stream_was_open_is_not_waited_for() {
    let mut missed = call("ended");
    missed["timestamps"]["connected"] = json!(null);
    let (place, steps) = (format!("GET /v1/calls/{CALL}"), format!("GET /v1/calls/{CALL}/events"));
    let rig = Rig::new(&[
        ("POST /v1/calls", json_of(201, &call("calling_agent"))),
        ("GET /v1/events", events("")),
        (&place, json_of(200, &missed)),
        (&steps, json_of(200, &json!({ "data": [], "ending": "The target was busy (486)." }))),
    ])
    .await;
    let said = rig.run(&["call", "101", "+12125550102", "--wait"]).await;
    assert_eq!((said.output.as_str(), said.exit), ("The target was busy (486).\n", Exit::Failed));
}

#[tokio::test]
async fn events_are_passed_on_and_each_answer_is_shown() {
    let stream = event(7, "call.connected", "talking") + &event(8, "call.ended", "ended");
    let rig = Rig::new(&broken_off(&stream, "")).await;
    let order = ["listen", "--forward-to", "http://localhost:3000/crm", "--types", "call.connected,call.ended"];
    let said = rig.run(&order).await;
    let without_times =
        said.output.lines().map(|line| line.rsplit_once("  ").unwrap().0).collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(without_times, @"
    22:13:25.250  call.connected   evt_0190aa00000070008000000000000001_7  http://localhost:3000/crm is away
    22:13:25.250  call.ended       evt_0190aa00000070008000000000000001_8  204
    ");
    assert_eq!(rig.lines()[0], "GET /v1/events?types=call.connected%2Ccall.ended");
}

#[tokio::test]
async fn a_secret_that_is_none_is_refused_before_anything_is_asked() {
    let rig = Rig::new(&[]).await;
    let said = rig.run(&["listen", "--forward-to", "http://localhost:3000", "--secret", "hush"]).await;
    assert_eq!(said.exit, Exit::Usage);
    assert!(said.complaint.starts_with("--secret: ") && !said.complaint.contains("hush"), "{said:?}");
    assert_eq!(rig.lines(), Vec::<String>::new());
}
