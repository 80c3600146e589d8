//! The Getdesk door on a real Asterisk: the API's own example, every answer that it documents, and what must
//! be refused.

use serde_json::Value;

use crate::rig::{Rig, on_22};

const PATH: &str = "/ClickToCallAPI";

/// Status and answer.
async fn ask(rig: &Rig, query: &str) -> anyhow::Result<(u16, Value)> {
    let answer = rig.http.get(rig.daemon.url(&format!("{PATH}?{query}"))).send().await?;
    let (status, text) = (answer.status().as_u16(), answer.text().await?);
    let json: Value = serde_json::from_str(&text)?;
    let is_success = json["status"] == "success" && json["call_id"].as_str().is_some_and(|id| id.len() == 32);
    let is_error = json["status"] == "error" && json["call_id"].is_null();
    anyhow::ensure!(if status == 200 { is_success } else { is_error }, "{query}: {status} {text}");
    anyhow::ensure!(json["message"].as_str().is_some_and(|message| !message.is_empty()), "{query}: {text}");
    Ok((status, json))
}

async fn the_example_rings_the_agent_and_then_the_customer(rig: &Rig) -> anyhow::Result<()> {
    let example = "phone_number=12125550105&email=alice@demo.example&token=demo-code";
    let (status, answer) = ask(rig, example).await?;
    anyhow::ensure!((status, answer["message"].as_str()) == (200, Some("Call initiated successfully")), "{answer}");
    let call = answer["call_id"].as_str().unwrap_or_default();
    let (_, again) = ask(rig, example).await?;
    anyhow::ensure!(again["call_id"] == call, "a double click is one call: {again}");
    let record = rig.wait_ended(call).await?;
    anyhow::ensure!(record["status"] == "completed", "{record}");
    let phones: Vec<String> = rig.world.invites_at_phones().into_iter().map(|invite| invite.to).collect();
    let carrier: Vec<String> = rig.world.invites_at_carrier().into_iter().map(|invite| invite.to).collect();
    anyhow::ensure!(phones == ["101"] && carrier == ["+12125550105"], "{phones:?} {carrier:?}");
    Ok(())
}

/// Number, e-mail, token, and the status that they get.
const REFUSED: [(&str, &str, &str, u16); 27] = [
    ("", "alice@demo.example", "demo-code", 400),
    ("12125550101", "", "demo-code", 400),
    ("12125550101", "alice@demo.example", "", 400),
    ("%20%20", "alice@demo.example", "demo-code", 400),
    ("100%26Local/911@x", "alice@demo.example", "demo-code", 400),
    ("100,30,g", "alice@demo.example", "demo-code", 400),
    ("100|x", "alice@demo.example", "demo-code", 400),
    ("100@other", "alice@demo.example", "demo-code", 400),
    ("$%7BSHELL(id)%7D", "alice@demo.example", "demo-code", 400),
    ("sip:101@127.0.0.1", "alice@demo.example", "demo-code", 400),
    ("tel:%2B97250000000;ext=1", "alice@demo.example", "demo-code", 400),
    ("1-800-FLOWERS", "alice@demo.example", "demo-code", 400),
    ("111111111111111111111111111111111", "alice@demo.example", "demo-code", 400),
    ("%D9%A1%D9%A2%D9%A3", "alice@demo.example", "demo-code", 400),
    ("12125550101%00", "alice@demo.example", "demo-code", 400),
    ("%FF%FE", "alice@demo.example", "demo-code", 400),
    ("%252B12125550101", "alice@demo.example", "demo-code", 400),
    ("12125550101&phone_number=12125550101", "alice@demo.example", "demo-code", 400),
    ("12125550101", "alice@demo.example", "wrong", 401),
    ("12125550101", "nobody@demo.example", "wrong", 401),
    ("12125550101", "alice@demo.example", "other-code-", 401),
    ("12125550101", "carol@demo.example", "demo-code", 403),
    ("12125550199", "alice@demo.example", "demo-code", 403),
    ("%2B442079460000", "alice@demo.example", "demo-code", 403),
    ("12125550101", "bob@demo.example", "demo-alice", 403),
    ("12125550101", "nobody@demo.example", "demo-code", 404),
    ("12125550101", "yael@other.example", "demo-code", 404),
];

async fn what_is_refused_says_so_and_nothing_rings(rig: &Rig) -> anyhow::Result<()> {
    let mut wrong = Vec::new();
    for (number, email, token, expected) in REFUSED {
        let (status, answer) = ask(rig, &format!("phone_number={number}&email={email}&token={token}")).await?;
        if status != expected {
            wrong.push(format!("{number} {email} {token}: {status} {answer}"));
        }
    }
    anyhow::ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    let url = rig.daemon.url(&format!("{PATH}?phone_number=12125550101&email=alice@demo.example&token=demo-code"));
    for method in ["POST", "PUT", "DELETE", "PATCH", "HEAD"] {
        let answer = rig.http.request(method.parse()?, &url).send().await?;
        let allow = answer.headers().get("allow").and_then(|value| value.to_str().ok());
        anyhow::ensure!((answer.status().as_u16(), allow) == (405, Some("GET")), "{method}: {}", answer.status());
    }
    let options = rig.http.request("OPTIONS".parse()?, &url).send().await?;
    anyhow::ensure!(!options.headers().contains_key("access-control-allow-origin"));
    for (header, value) in [("Sec-Purpose", "prefetch"), ("Purpose", "prefetch"), ("X-Moz", "prefetch")] {
        let answer = rig.http.get(&url).header(header, value).send().await?;
        anyhow::ensure!(answer.status() == 403, "{header}: {}", answer.status());
    }
    anyhow::ensure!(rig.world.invites_at_phones().is_empty() && rig.world.invites_at_carrier().is_empty());
    anyhow::ensure!(rig.world.live().await?.is_empty());
    Ok(())
}

on_22! {
    example => super::the_example_rings_the_agent_and_then_the_customer;
    refused => super::what_is_refused_says_so_and_nothing_rings;
}
