//! Links: what a click on one asks for, and what the clicker is told.

use serde_json::{Value, json};

use super::rig::{Prepared, Rig, Said, call, json_of, problem};
use crate::cli::Exit;

fn me(agent: &Value) -> (&'static str, Prepared) {
    ("GET /prefix/v1/me", json_of(200, &json!({ "tenant": "demo", "credential": "demo-alice", "agent": agent })))
}

fn alice() -> (&'static str, Prepared) {
    me(&json!({ "extension": "101", "email": "alice@demo.example", "name": "Alice" }))
}

fn placed(target: &str) -> (&'static str, Prepared) {
    let mut record = call("calling_agent");
    record["target"] = json!(target);
    ("POST /prefix/v1/calls", json_of(201, &record))
}

fn caller_ids() -> (&'static str, Prepared) {
    let main = json!({ "number": "+12125550100", "name": "Demo Main", "default": true });
    let other = json!({ "number": "+12125550101", "name": "Demo \u{202e}Support", "default": false });
    ("GET /prefix/v1/caller-ids", json_of(200, &json!({ "data": [main, other] })))
}

async fn open(rig: &Rig, uri: &str) -> Said {
    rig.run_as_it_is(&["open", "--client", &rig.client_file("demo-alice"), "--", uri]).await
}

#[tokio::test]
async fn a_link_is_a_call_of_the_token_s_own_agent() {
    let rig = Rig::new(&[alice(), placed("+12125550105"), caller_ids()]).await;
    let said = open(&rig, "votel://+12125550105/+12125550100").await;
    assert_eq!(said.output, "Calling +1 212 555 0105 as +1 212 555 0100 (Demo Main)\n");
    assert_eq!((said.complaint.as_str(), said.exit), ("", Exit::Done));
    let asked = rig.asked();
    assert!(asked.iter().all(|asked| asked.headers["authorization"] == "Bearer demo-alice"));
    let lines: Vec<String> = asked.into_iter().map(|asked| asked.line).collect();
    let order = r#"{"agent":"101","caller_id":"+12125550100","target":"+12125550105"}"#;
    let expected = ["GET /prefix/v1/me", &format!("POST /prefix/v1/calls {order}"), "GET /prefix/v1/caller-ids"];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn a_link_without_a_caller_id_leaves_it_to_the_directory() {
    let rig = Rig::new(&[alice(), placed("+12125550105")]).await;
    let said = open(&rig, "TEL://+12125550105").await;
    assert_eq!(said.output, "Calling +1 212 555 0105 as +1 212 555 0100\n", "its name is not known");
    assert_eq!(rig.lines()[1], r#"POST /prefix/v1/calls {"agent":"101","target":"+12125550105"}"#);
    let rig = Rig::new(&[alice(), placed("109"), caller_ids()]).await;
    assert_eq!(open(&rig, "tel:109").await.output, "Calling 109\n", "nobody outside sees a number");
}

#[tokio::test]
async fn a_refusal_is_told_and_has_its_exit_code() {
    let refused = problem(403, "Not allowed", "Caller_id is not allowed");
    let rig = Rig::new(&[alice(), ("POST /prefix/v1/calls", refused)]).await;
    let said = open(&rig, "votel://+12125550101/+12125550102").await;
    assert_eq!((said.output.as_str(), said.exit), ("", Exit::Refused));
    assert_eq!(said.complaint, "Not allowed: Caller_id is not allowed");
}

#[tokio::test]
async fn what_is_no_link_or_nobody_s_is_asked_of_nobody() {
    let rig = Rig::new(&[me(&Value::Null)]).await;
    for uri in ["https://crm.example/", "votel://+12125550101", "--install"] {
        assert_eq!(open(&rig, uri).await.exit, Exit::Usage, "{uri}");
    }
    assert!(rig.lines().is_empty());
    let said = open(&rig, "tel:+12125550101").await;
    assert_eq!((said.complaint.as_str(), said.exit), ("the token is not an agent's own", Exit::Configuration));
    assert_eq!(rig.lines(), ["GET /prefix/v1/me"]);
}

#[tokio::test]
async fn caller_ids_are_listed_with_their_names() {
    let rig = Rig::new(&[caller_ids()]).await;
    let said = rig.run_as_it_is(&["caller-ids", "--client", &rig.client_file("demo-alice")]).await;
    let table = "NUMBER        NAME           DEFAULT\n\
                 +12125550100  Demo Main      yes\n\
                 +12125550101  Demo \u{fffd}Support  no\n";
    assert_eq!(said.output, table);
    let said = rig.run_as_it_is(&["caller-ids", "--json", "--client", &rig.client_file("demo-alice")]).await;
    assert!(said.output.starts_with(r#"{"data":[{"#), "{}", said.output);
}
