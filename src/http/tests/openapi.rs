//! What the API says of itself, and whether it is true.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::rig::{EngineDoes, Rig, get};

async fn description(rig: &Rig) -> Value {
    rig.send(get("/v1/openapi.json")).await.json()
}

#[tokio::test]
async fn every_operation_is_there_and_answers_as_it_is_described() {
    let rig = Rig::with(EngineDoes::AcceptAndStore);
    let api = description(&rig).await;
    let mut names = BTreeSet::new();
    for (path, item) in api["paths"].as_object().unwrap() {
        let address = path.replace("{id}", "0190aa00000070008000000000000001").replace("{extension}", "101");
        let address = address.replace("{number}", "+12125550100").replace("{name}", "demo-code");
        for (method, operation) in item.as_object().unwrap() {
            let name = operation["operationId"].as_str().unwrap().to_owned();
            assert!(names.insert(name.clone()), "{name} twice");
            // An event stream would not end: a wrong beginning is answered as well.
            let query = if name == "followEvents" { "?after=x" } else { "" };
            let body = if operation["requestBody"].is_null() { Value::Null } else { json!({}) };
            for token in ["wrong", "read-only", "demo-admin"] {
                let line = format!("{} {address}{query}", method.to_uppercase());
                let answer = rig.api(token, &line, body.clone()).await;
                let described = &operation["responses"][answer.status.as_str()];
                assert!(described.is_object(), "{line} as {token}: {} {}", answer.status, answer.body);
                let content_type = answer.headers.get("content-type").map(|value| value.to_str().unwrap().to_owned());
                if let Some(content_type) = content_type {
                    assert!(described["content"][&content_type].is_object(), "{line}: {content_type}");
                }
            }
        }
    }
    assert!(names.len() > 40, "{names:?}");
}

#[tokio::test]
async fn the_description_names_every_kind_of_refusal_and_no_reference_leads_nowhere() {
    let api = description(&Rig::new()).await;
    let text = api.to_string();
    assert_eq!(api["openapi"], "3.1.0");
    assert!(crate::http::error::Kind::ALL.iter().all(|kind| text.contains(kind.parts().1)));
    for reference in text.split("\"$ref\":\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(api.pointer(reference).is_some(), "{reference}");
    }
}

#[tokio::test]
async fn operations_and_their_statuses_are_a_promise() {
    let api = description(&Rig::new()).await;
    let mut lines = Vec::new();
    for (path, item) in api["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let statuses: Vec<_> = operation["responses"].as_object().unwrap().keys().cloned().collect();
            let name = operation["operationId"].as_str().unwrap();
            lines.push(format!("{} {path} {name} {}", method.to_uppercase(), statuses.join(" ")));
        }
    }
    insta::assert_snapshot!(lines.join("\n"));
}

#[tokio::test]
async fn the_page_takes_nothing_from_outside() {
    let rig = Rig::new();
    let page = rig.send(get("/docs")).await;
    assert!(page.headers["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
    assert!(!page.body.contains("http://") && !page.body.contains("https://"));
    assert_eq!(rig.send(get("/docs/rapidoc.js")).await.headers["content-type"], "text/javascript; charset=utf-8");
}
