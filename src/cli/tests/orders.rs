//! What the daemon is asked for.

use serde_json::json;

use super::rig::{CALL, Rig, call, json_of, problem};
use crate::cli::Exit;

#[tokio::test]
async fn each_command_asks_for_one_thing() {
    let rig = Rig::new(&[]).await;
    for command in [
        "call 101 +12125550101 --tenant demo",
        "call +12125550107 700 --caller-id +12125550100 --record --max-duration 60 --queue 7",
        "call login:1111 101 --var lead=7 --var=note=a=b --callback https://crm.example/x --event call.ended",
        "call 101 102 --set language=he --set check_phone_device_state=true --set userdata={\"a\":1} --dry-run",
        "calls --agent 101 --status busy --since 2026-01-01T00:00:00Z --active --limit 5 --cursor b64",
        "call-info a/b",
        "hangup 0190",
        "devices --tenant other",
        "callbacks --state dead --kind userdata --call 0190",
        "callbacks show msg_1",
        "resend msg_1",
        "trigger call.ended --to http://127.0.0.1:8091/x",
        "token create crm --scope dial --scope read --agent 101 --network 192.0.2.0/24",
        "token revoke crm",
        "token list",
        "directory do-not-call export",
        "agent login 107 --at 101",
        "agent logout 107",
    ] {
        let arguments: Vec<&str> = command.split(' ').collect();
        assert_eq!(rig.run(&arguments).await.exit, Exit::Failed, "{command}");
    }
    insta::assert_snapshot!(rig.lines().join("\n"), @r#"
    POST /v1/calls?tenant=demo {"agent":"101","target":"+12125550101"}
    POST /v1/calls {"caller_id":"+12125550100","max_duration":60,"phone":"+12125550107","queue_id":"7","record":true,"target":"700"}
    POST /v1/calls {"agent":"login:1111","callback":{"events":["call.ended"],"url":"https://crm.example/x"},"target":"101","vars":{"lead":"7","note":"a=b"}}
    POST /v1/calls {"agent":"101","check_phone_device_state":true,"dry_run":true,"language":"he","target":"102","userdata":{"a":1}}
    GET /v1/calls?agent=101&status=busy&since=2026-01-01T00%3A00%3A00Z&active=true&limit=5&cursor=b64
    GET /v1/calls/a%2Fb
    DELETE /v1/calls/0190
    GET /v1/devices?tenant=other
    GET /v1/callbacks?state=dead&call=0190&kind=userdata
    GET /v1/callbacks/msg_1
    GET /v1/callbacks/msg_1
    POST /v1/callbacks/test {"type":"call.ended","url":"http://127.0.0.1:8091/x"}
    POST /v1/tokens {"agent":"101","name":"crm","networks":["192.0.2.0/24"],"scopes":["dial","read"]}
    DELETE /v1/tokens/crm
    GET /v1/tokens
    GET /v1/do-not-call
    POST /v1/agents/107/desk {"at":"101"}
    DELETE /v1/agents/107/desk
    "#);
}

#[tokio::test]
async fn over_http_the_token_goes_along_and_the_path_keeps_its_prefix() {
    let rig = Rig::new(&[("GET /prefix/v1/devices", json_of(200, &json!({ "data": [] })))]).await;
    let said = rig.run_as_it_is(&["devices", "--client", &rig.client_file("demo-code")]).await;
    assert_eq!((said.output.as_str(), said.exit), ("None.\n", Exit::Done));
    let asked = rig.asked();
    assert_eq!(asked[0].headers["authorization"], "Bearer demo-code");
    assert_eq!(asked[0].line, "GET /prefix/v1/devices");
}

#[tokio::test]
async fn a_new_call_is_its_id_and_one_that_was_there_is_said_to_be() {
    let rig = Rig::new(&[
        ("POST /v1/calls", json_of(201, &call("calling_agent"))),
        ("POST /v1/calls", json_of(200, &call("calling_agent"))),
    ])
    .await;
    let order = ["call", "101", "+12125550101", "--idempotency-key", "k1"];
    let new = rig.run(&order).await;
    assert_eq!((new.output, new.complaint.as_str()), (format!("{CALL}\n"), "warning: foo: unknown, ignored"));
    let before = rig.run(&order).await;
    assert_eq!((before.output, before.exit), (format!("{CALL}\n"), Exit::Done));
    assert_eq!(before.complaint, "this call was placed before\nwarning: foo: unknown, ignored");
    assert_eq!(rig.asked()[0].headers["idempotency-key"], "k1");
}

#[tokio::test]
async fn a_new_token_stands_alone_on_the_output() {
    let rig = Rig::new(&[("POST /v1/tokens", json_of(201, &json!({ "name": "crm", "token": "dbt_1" })))]).await;
    assert_eq!(rig.run(&["token", "create", "crm", "--scope", "dial"]).await.output, "dbt_1\n");
}

#[tokio::test]
async fn what_has_no_answer_is_said_in_a_sentence() {
    let rig = Rig::new(&[
        ("DELETE /v1/tokens/crm", json_of(200, &json!({}))),
        ("POST /v1/agents/107/desk", json_of(200, &json!({}))),
        ("DELETE /v1/agents/107/desk", json_of(200, &json!({}))),
    ])
    .await;
    assert_eq!(rig.run(&["token", "revoke", "crm"]).await.output, "crm counts no more.\n");
    assert_eq!(rig.run(&["agent", "login", "107", "--at", "101"]).await.output, "107 is logged in at 101.\n");
    assert_eq!(rig.run(&["agent", "logout", "107"]).await.output, "107 is logged out.\n");
}

#[tokio::test]
async fn what_is_sent_again_is_waited_for() {
    let attempt =
        |status: u16| json!({ "at": "2023-11-14T22:13:25.300Z", "duration_ms": 12, "status": status, "note": "" });
    let before = json!({ "id": "msg_1", "state": "dead", "log": [attempt(410)] });
    let after = json!({ "id": "msg_1", "state": "delivered", "log": [attempt(410), attempt(200)] });
    let rig = Rig::new(&[
        ("GET /v1/callbacks/msg_1", json_of(200, &before)),
        ("GET /v1/callbacks/msg_1", json_of(200, &before)),
        ("GET /v1/callbacks/msg_1", json_of(200, &after)),
        ("POST /v1/callbacks/msg_1/replay", json_of(202, &json!({}))),
    ])
    .await;
    let said = rig.run(&["resend", "msg_1"]).await;
    assert_eq!((said.output.as_str(), said.exit), ("msg_1: delivered, 200 in 12 ms\n", Exit::Done));
}

#[tokio::test]
async fn a_sample_that_nobody_takes_is_a_failure() {
    let attempt =
        json!({ "at": "2023-11-14T22:13:25.300Z", "duration_ms": 3, "status": null, "note": "connect: refused" });
    let sent = json!({ "id": "evt_test", "state": "pending", "log": [attempt] });
    let rig = Rig::new(&[
        ("POST /v1/callbacks/test", json_of(202, &json!({ "id": "evt_test" }))),
        ("GET /v1/callbacks/evt_test", json_of(200, &sent)),
    ])
    .await;
    let said = rig.run(&["trigger", "call.ended", "--to", "http://127.0.0.1:8091/"]).await;
    assert_eq!((said.output.as_str(), said.exit), ("evt_test: pending, connect: refused in 3 ms\n", Exit::Failed));
}

#[tokio::test]
async fn a_directory_file_is_applied_and_the_changes_are_told() {
    let applied = |applied: bool| json!({ "changes": ["demo: added"], "warnings": [], "applied": applied });
    let rig = Rig::new(&[
        ("PUT /v1/directory", json_of(200, &applied(false))),
        ("PUT /v1/directory", json_of(200, &applied(true))),
        ("POST /v1/directory/check", problem(422, "Impossible", "line 1: no")),
    ])
    .await;
    let token = rig.file("token", "a-token-of-mine\n");
    let tokens = format!("[[tenant.tokens]]\nname = 'crm'\nscopes = ['dial']\nsecret_file = '{token}'\n");
    let file = rig.file("demo.toml", &format!("[[tenant]]\nid = 'demo'\nregion = 'US'\n{tokens}"));
    let dry = rig.run(&["directory", "apply", &file, "--dry-run"]).await;
    assert_eq!(dry.output, "demo: added\nWould be applied: 1 change.\n");
    let wet = rig.run(&["directory", "apply", &file]).await;
    assert_eq!(wet.output, "demo: added\nApplied: 1 change.\n");
    let check = rig.run(&["directory", "check", &file]).await;
    assert_eq!((check.complaint.as_str(), check.exit), ("Impossible: line 1: no", Exit::Refused));
    for line in rig.lines() {
        assert!(line.contains("sha256:") && !line.contains("a-token-of-mine"), "{line}");
    }
}

#[tokio::test]
async fn a_flaw_of_a_directory_file_that_shows_here_is_told_without_asking() {
    let rig = Rig::new(&[]).await;
    let file = rig.file("demo.toml", "[[tenant]]\nid = 'demo'\nregion = 'Atlantis'\n");
    let said = rig.run(&["directory", "check", &file]).await;
    assert_eq!(said.exit, Exit::Failed);
    assert!(said.complaint.contains("demo: region"), "{said:?}");
    assert_eq!(rig.lines(), Vec::<String>::new());
}

#[tokio::test]
async fn a_do_not_call_list_comes_in_as_it_is_and_each_bad_line_is_told() {
    let rig = Rig::new(&[
        ("POST /v1/do-not-call", json_of(200, &json!({ "added": 2, "removed": 0, "total": 3 }))),
        ("PUT /v1/do-not-call", problem(422, "Impossible", "line 2 must not contain letters\nline 3 has no number")),
    ])
    .await;
    let file = rig.file("list.csv", "number\n+12125550199\n");
    let added = rig.run(&["directory", "do-not-call", "import", &file]).await;
    assert_eq!((added.output.as_str(), added.exit), ("2 added, 0 removed, 3 on the list.\n", Exit::Done));
    let asked = rig.asked();
    assert_eq!(asked[0].headers["content-type"], "text/csv");
    assert_eq!(asked[0].line, "POST /v1/do-not-call number\n+12125550199");
    let refused = rig.run(&["directory", "do-not-call", "import", &file, "--replace"]).await;
    assert_eq!(refused.complaint, "Impossible: line 2 must not contain letters\nline 3 has no number");
    assert_eq!(refused.exit, Exit::Refused);
}
